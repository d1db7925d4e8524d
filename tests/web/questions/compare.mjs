/**
 * Works every comparison of a page with the keyboard: start, change the clip while it sounds, stop, change back.
 * Gives players: [{clips, listed: is the plain list shown, moments: {started, changed, stopped, back}}], a moment being
 * {source, words, time, paused, at}: time of the recording and of the clock in seconds.
 */
export async function compare(page, { url }) {
  await page.goto(url, { waitUntil: "load" });
  const players = [];
  for (const player of await page.locator("compare-clips").all()) {
    const press = async (what, key) => {
      await player.locator(what).focus();
      await page.keyboard.press(key);
    };
    await press("button", "Space");
    await player.evaluate(waitUntil, 0.5);
    const started = await player.evaluate(moment);
    await press("input[type=radio]:checked", "ArrowRight");
    await player.evaluate(waitUntil, started.time + 0.2);
    const changed = await player.evaluate(moment);
    await press("button", "Space");
    const stopped = await player.evaluate(moment);
    await press("input[type=radio]:checked", "ArrowLeft");
    const back = await player.evaluate(moment);
    players.push({
      clips: await player.locator("input[type=radio]").count(),
      listed: await player.locator("ul").isVisible(),
      moments: { started, changed, stopped, back },
    });
  }
  return { players };
}

function moment(player) {
  const { src: source, currentTime: time, paused } = player.audio;
  return { source, words: player.querySelector(":checked + span").textContent, time, paused, at: performance.now() / 1000 };
}

/** Until the recording that sounds has come to `time`, for at most 5 s. */
async function waitUntil(player, time) {
  const until = performance.now() + 5000;
  while (player.audio.currentTime < time && performance.now() < until) await new Promise((done) => setTimeout(done, 10));
}
