/**
 * Moves every interactive figure of a page with the keyboard to its first, starting and last position.
 * Gives figures: [{id, bytes, data, still: is a static picture shown, positions: [{at: "i,j", knobs: [shown], rows: [shown], says}]}].
 */
export async function slider(page, { url }) {
  await page.goto(url, { waitUntil: "load" });
  const figures = [];
  for (const figure of await page.locator(".slider-figure").all()) {
    const text = await figure.locator("script.slider-data").textContent();
    const data = JSON.parse(text);
    const positions = [];
    for (const index of [() => 0, (knob) => knob.start ?? 0, (knob) => knob.values.length - 1]) {
      const at = data.knobs.map(index);
      await turn(page, figure, at);
      positions.push({ at: at.join(","), ...(await figure.evaluate(shown)) });
    }
    figures.push({
      id: await figure.evaluate((element) => element.closest("figure")?.id ?? ""),
      bytes: new TextEncoder().encode(text).length,
      data,
      still: await figure.evaluate((element) => [...element.querySelectorAll("img, picture")].some((image) => image.checkVisibility())),
      positions,
    });
  }
  return { figures };
}

/** Turn the knobs, in the order of the data, to the indexes `at`: Home, then the right arrow. */
async function turn(page, figure, at) {
  const knobs = await figure.locator("input[type=range]").all();
  if (knobs.length !== at.length) throw new Error(`${at.length} knobs in the data, ${knobs.length} on the page`);
  for (const [k, knob] of knobs.entries()) {
    await knob.focus();
    await page.keyboard.press("Home");
    for (let step = 0; step < at[k]; step++) await page.keyboard.press("ArrowRight");
  }
}

function shown(figure) {
  const texts = (selector) => [...figure.querySelectorAll(selector)].map((element) => element.textContent.trim());
  return { knobs: texts(".dial output"), rows: texts(".stages dd output"), says: texts(".verdict").join(" ") };
}
