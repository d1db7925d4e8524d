/** Unfold everything and scroll to the end, so that what loads late is loaded: the pictures that did not load. */
export async function lookThrough(page) {
  await page.evaluate(async () => {
    document.querySelectorAll("details").forEach((fold) => (fold.open = true));
    for (let y = 0; y < document.documentElement.scrollHeight; y += innerHeight) {
      scrollTo(0, y);
      await new Promise((done) => setTimeout(done, 10));
    }
  });
  await page.waitForLoadState("networkidle");
  return page.evaluate(async () => {
    const shown = [...document.images].filter((image) => image.checkVisibility());
    const loaded = await Promise.all(shown.map((image) => image.decode().then(() => true, () => image.naturalWidth > 0)));
    return shown.filter((_, i) => !loaded[i]).map((image) => image.src);
  });
}

/** The page as it first loads, then scrolled to its end with everything unfolded. */
export async function visit(page, { url }) {
  const first = [];
  const note = (response) => first.push({ url: response.url(), type: response.request().resourceType() });
  page.on("response", note);
  await page.goto(url, { waitUntil: "networkidle" });
  page.off("response", note);
  const broken = await lookThrough(page);
  return {
    first,
    policy: await page.evaluate(() => document.querySelector("meta[http-equiv='Content-Security-Policy' i]")?.content ?? ""),
    title: await page.title(),
    headings: await page.locator("h1").count(),
    broken,
  };
}

/** What makes a page scroll sideways, or is cut off at the right: [sentence]. */
export async function overflow(page, { url }) {
  await page.goto(url, { waitUntil: "load" });
  return { sticksOut: await page.evaluate(sidewaysFaults) };
}

function sidewaysFaults() {
  document.querySelectorAll("details").forEach((fold) => (fold.open = true));
  const root = document.documentElement;
  const width = root.clientWidth;
  const faults = [];
  scrollTo(50, 0);
  if (scrollX > 0) faults.push(`the page scrolls sideways: ${root.scrollWidth} px wide in a window of ${width} px`);
  scrollTo(0, 0);
  /** True when an ancestor inside the window scrolls or clips the element on purpose. */
  const held = (element) => {
    for (let box = element.parentElement; box && box !== document.body; box = box.parentElement) {
      const style = getComputedStyle(box);
      if (style.overflowX !== "visible" && box.getBoundingClientRect().right <= width + 1) return true;
      if (style.clipPath !== "none" || style.position === "fixed") return true;
    }
    return false;
  };
  for (const element of document.body.querySelectorAll("*")) {
    if (element.closest("svg") && element.tagName.toLowerCase() !== "svg") continue;
    if (element.closest("math") && element.tagName.toLowerCase() !== "math") continue;
    const box = element.getBoundingClientRect();
    if (box.width < 2 || box.height < 2 || box.right <= width + 1) continue;
    if (!element.checkVisibility({ visibilityProperty: true }) || held(element)) continue;
    const name = element.tagName.toLowerCase() + (element.id ? `#${element.id}` : "") + [...element.classList].map((c) => `.${c}`).join("");
    faults.push(`${name} ends at ${Math.round(box.right)} px of ${width}: ${element.textContent.trim().slice(0, 60)}`);
  }
  return faults.slice(0, 12);
}

/** The page's colours by the system's choice and by the reader's own, before and after a reload. */
export async function theme(page, { url }) {
  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor + getComputedStyle(document.documentElement).backgroundColor);
  const colours = {};
  await page.goto(url, { waitUntil: "load" });
  colours.light = await paper();
  await page.emulateMedia({ colorScheme: "dark" });
  colours.systemDark = await paper();
  await page.emulateMedia({ colorScheme: "light" });
  await page.locator("input[name=theme][value=dark]").first().focus();
  await page.locator("input[name=theme]:checked").first().focus();
  for (let press = 0; press < 3 && !(await page.locator("input[name=theme][value=dark]").first().isChecked()); press++) {
    await page.keyboard.press("ArrowRight");
  }
  colours.ownDark = await paper();
  await page.reload({ waitUntil: "load" });
  colours.ownDarkReloaded = await paper();
  return { colours };
}

/** The page for a lost address, at the address itself: {styled, searches, links: [address that a
    visible link leads to], lists: how many tables of contents are visible}. */
export async function lost(page, { url }) {
  await page.goto(url, { waitUntil: "networkidle" });
  return {
    styled: await page.evaluate(() => !/^(serif|"?Times)/.test(getComputedStyle(document.body).fontFamily)),
    searches: await page.locator(".search input").isVisible(),
    links: await page.locator("main a[href]:visible").evaluateAll((links) => links.map((link) => link.href)),
    lists: await page.locator("main nav:visible").count(),
  };
}
