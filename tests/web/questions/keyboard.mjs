/**
 * Walks a page with the Tab key, opening every fold it meets with Enter.
 * Gives missed (visible and interactive, never focused), unmarked (focused, looks as before), unseen (focused, outside
 * the window), each as [description], and stops, the number of elements reached.
 */
export async function keyboard(page, { url }) {
  await page.goto(url, { waitUntil: "load" });
  await page.evaluate(() => document.fonts.ready);
  await page.evaluate(install);
  const limit = 40 + 4 * (await page.evaluate(() => document.querySelectorAll("a[href], button, input, summary, audio, [tabindex], select, textarea").length));
  for (let press = 0; press < limit; press++) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => window.walk.arrive());
    if (at.end) break;
    if (at.closedFold) await page.keyboard.press("Enter");
  }
  return page.evaluate(() => window.walk.report());
}

function install() {
  const interactive = "a[href], button:not([disabled]), input:not([disabled]):not([type=hidden]), select:not([disabled]), textarea:not([disabled]), summary, audio[controls], video[controls], [tabindex]:not([tabindex='-1']), [contenteditable]";
  const reached = new Set();
  const unmarked = new Set();
  const unseen = new Set();
  let previous = null;
  const name = (element) => {
    const words = (element.getAttribute("aria-label") || element.textContent || element.value || "").trim().slice(0, 50);
    return `${element.tagName.toLowerCase()}${element.id ? `#${element.id}` : ""}${[...element.classList].map((c) => `.${c}`).join("")} "${words}"`;
  };
  /** How an element, its label, its parent and, of an input, the element beside it look: different with and without focus. */
  const look = (element) => {
    const near = [element, element.closest("label"), element.parentElement, element.tagName === "INPUT" && element.nextElementSibling].filter(Boolean);
    return near.map((one) => {
      const s = getComputedStyle(one);
      const outline = s.outlineStyle === "none" || s.outlineWidth === "0px" ? "no outline" : [s.outlineStyle, s.outlineWidth, s.outlineColor];
      return [outline, s.boxShadow, s.borderTopColor, s.borderBottomColor, s.backgroundColor, s.textDecorationLine, s.color].join(" ");
    }).join("\n");
  };
  const leave = () => {
    if (previous && look(previous.element) === previous.look) unmarked.add(name(previous.element));
    previous = null;
  };
  const arrive = () => {
    const element = document.activeElement;
    if (previous?.element === element) return {}; // a further stop inside the browser's own audio controls
    leave();
    if (!element || element === document.body) return { end: reached.size > 0 };
    if (reached.has(element)) return { end: true };
    reached.add(element);
    const box = element.getBoundingClientRect();
    if (box.bottom < 0 || box.top > innerHeight || box.right < 0 || box.left > innerWidth) unseen.add(name(element));
    previous = { element, look: look(element) };
    return { closedFold: element.tagName === "SUMMARY" && !element.parentElement.open };
  };
  /** Radio buttons of one name are one stop of the Tab key; the arrow keys reach the others. */
  const counts = (element) => {
    if (reached.has(element)) return true;
    if (element.type !== "radio") return false;
    return [...reached].some((other) => other.type === "radio" && other.name === element.name && other.form === element.form);
  };
  const report = () => {
    document.activeElement?.blur();
    leave();
    const visible = [...document.querySelectorAll(interactive)].filter((element) =>
      element.checkVisibility({ visibilityProperty: true }) && element.getClientRects().length && !element.closest("[inert]"));
    return {
      missed: visible.filter((element) => !counts(element)).map(name),
      unmarked: [...unmarked],
      unseen: [...unseen],
      stops: reached.size,
    };
  };
  window.walk = { arrive, report };
}
