import { lookThrough } from "./layout.mjs";

/** Searches with the keyboard alone and opens the result for `page`: {focused, results: [url], opened, says}. */
export async function search(page, { url, word, wanted }) {
  await page.goto(url, { waitUntil: "load" });
  await page.keyboard.press("/");
  const focused = await page.evaluate(() => document.activeElement?.matches(".search input") ?? false);
  if (!focused) return { focused, results: [], opened: "", says: "" };
  await page.keyboard.type(word);
  await page.waitForFunction(() => document.querySelector(".search .search-says")?.textContent, null, { timeout: 8000 }).catch(() => {});
  const results = await page.locator(".search .hits a[href]").evaluateAll((links) => links.map((link) => link.href));
  const says = await page.locator(".search .search-says").textContent();
  let opened = "";
  for (let press = 0; press < results.length + 2; press++) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => (document.activeElement?.closest(".hits") ? document.activeElement.href ?? "" : ""));
    if (at.includes(wanted)) {
      await Promise.all([page.waitForURL((to) => to.href.includes(wanted)), page.keyboard.press("Enter")]);
      opened = page.url();
      break;
    }
  }
  return { focused, results, opened, says };
}

/** A page opened as a file: {styled, broken: [image], says: what the search answers}. */
export async function offline(page, { url }) {
  await page.goto(url, { waitUntil: "load" });
  let says = null;
  const field = page.locator(".search input");
  if (await field.count()) {
    await field.focus();
    await page.keyboard.type("speech");
    await page.waitForFunction(() => document.querySelector(".search .search-says")?.innerText, null, { timeout: 4000 }).catch(() => {});
    says = await page.locator(".search .search-says").innerText();
  }
  return {
    styled: await page.evaluate(() => [...document.styleSheets].length > 0 && !/^(serif|"?Times)/.test(getComputedStyle(document.body).fontFamily)),
    broken: await lookThrough(page),
    says,
  };
}
