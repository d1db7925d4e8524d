import { readFileSync } from "node:fs";

/** What axe-core finds on a page, everything foldable unfolded: {violations: [sentence], passes: number of rules}. */
export async function axe(page, { url, require }) {
  await page.goto(url, { waitUntil: "load" });
  await page.evaluate(() => document.querySelectorAll("details").forEach((fold) => (fold.open = true)));
  await page.evaluate(() => document.fonts.ready);
  await page.evaluate(readFileSync(require.resolve("axe-core/axe.min.js"), "utf8"));
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const violations = found.violations.flatMap((rule) =>
    rule.nodes.map((node) => {
      const why = [...node.any, ...node.all, ...node.none].map((check) => check.message).join("; ");
      return `${rule.id} (${rule.impact}): ${node.target.join(" ")}: ${why}: ${node.html.slice(0, 160)}`;
    }));
  return { violations, passes: found.passes.length };
}
