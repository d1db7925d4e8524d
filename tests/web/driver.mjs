// Answers questions about pages in one headless Chromium: a JSON object a line in, one a line out.
// In:  {"question": "axe", "url": "http://127.0.0.1:1234/index.html", ...options of the question}
// Out: the answer with "trouble" (see newPage), or {"error": "..."} when the question could not be answered.
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { axe } from "./questions/axe.mjs";
import { keyboard } from "./questions/keyboard.mjs";
import { lost, overflow, theme, visit } from "./questions/layout.mjs";
import { offline, search } from "./questions/search.mjs";
import { compare } from "./questions/compare.mjs";
import { slider } from "./questions/slider.mjs";
import { sound } from "./questions/sound.mjs";

const questions = { axe, compare, keyboard, lost, offline, overflow, search, slider, sound, theme, visit };
const require = createRequire(join(process.env.BOOK_WEB_MODULES, "from-here.js"));
const { chromium } = require("playwright-core");

const profile = mkdtempSync(join(tmpdir(), "book-chromium-"));
const browser = await chromium.launch({
  executablePath: process.env.BOOK_CHROMIUM,
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--autoplay-policy=no-user-gesture-required",
    "--mute-audio",
    `--disk-cache-dir=${profile}`,
  ],
});

/** A fresh page in a fresh context; `trouble` gathers, as sentences, what no page of the book may do. */
async function newPage({ url, width = 1440, height = 900, dark = false, scripts = true }) {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: dark ? "dark" : "light",
    reducedMotion: "reduce",
    javaScriptEnabled: scripts,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(20000);
  const trouble = [];
  const own = new URL(url);
  page.on("request", (request) => {
    const to = new URL(request.url());
    const local = ["data:", "blob:", "about:"].includes(to.protocol);
    if (!local && (to.protocol !== own.protocol || to.host !== own.host)) trouble.push(`request to another host: ${to.href}`);
  });
  page.on("requestfailed", (request) => {
    const why = request.failure()?.errorText ?? "no reason given";
    // Media that is paused, and anything under way when the page is left, is aborted by the browser itself.
    if (why !== "net::ERR_ABORTED") trouble.push(`failed request: ${request.url()} (${why})`);
  });
  page.on("console", (message) => {
    if (message.type() === "error") trouble.push(`console error: ${message.text()} (${message.location().url})`);
  });
  page.on("pageerror", (error) => trouble.push(`uncaught exception: ${error.message}`));
  await page.exposeFunction("reportViolation", (what) => trouble.push(`security policy violated: ${what}`));
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) =>
      window.reportViolation(`${event.effectiveDirective} by ${event.blockedURI || "inline"} at ${event.sourceFile || ""}:${event.lineNumber}`));
  });
  return { context, page, trouble };
}

for await (const line of createInterface({ input: process.stdin })) {
  const { question, ...options } = JSON.parse(line);
  let answer;
  let context;
  try {
    const fresh = await newPage(options);
    context = fresh.context;
    answer = { ...(await questions[question](fresh.page, { ...options, require })), trouble: fresh.trouble };
  } catch (error) {
    answer = { error: String(error?.stack ?? error) };
  }
  await context?.close();
  process.stdout.write(JSON.stringify(answer) + "\n");
}
await browser.close();
rmSync(profile, { recursive: true, force: true });
