/**
 * Plays every audio player of a page with the keyboard and decodes its file.
 * Gives players: [{source, figure, stated, duration, rms, peak, played, stopped, scripted, fault}], seconds and full
 * scale 1.0; scripted: whether the page's own controls are shown, and not the browser's player.
 */
export async function sound(page, { url }) {
  await page.goto(url, { waitUntil: "load" });
  const players = [];
  const all = page.locator("audio");
  for (let i = 0; i < (await all.count()); i++) {
    const audio = all.nth(i);
    const facts = await audio.evaluate(decode);
    const scripted = await audio.evaluate((element) => {
      const own = [...(element.closest("figure")?.querySelectorAll("button.play, .seek, .time") ?? [])];
      return own.length === 3 && own.every((control) => control.checkVisibility()) && !element.checkVisibility();
    });
    const key = (await audio.evaluateHandle((element) => {
      const button = element.closest("figure")?.querySelector("button.play");
      return button?.checkVisibility({ visibilityProperty: true }) ? button : element;
    })).asElement();
    await key.focus();
    await page.keyboard.press("Space");
    const played = await audio.evaluate(waitUntilPlaying);
    await key.focus();
    await page.keyboard.press("Space");
    await page.waitForTimeout(50);
    players.push({ ...facts, ...played, scripted, fault: [facts.fault, played.fault].filter(Boolean).join("; "), stopped: await audio.evaluate((element) => element.paused || element.ended) });
  }
  return { players };
}

async function decode(element) {
  const figure = element.closest("figure");
  const source = element.getAttribute("src") ? element.src : element.querySelector("source")?.src;
  const facts = { source, figure: figure?.id ?? "", stated: Number(figure?.dataset.seconds ?? NaN) };
  if (!source) return { ...facts, rms: 0, peak: 0, fault: "no source" };
  const response = await fetch(source);
  if (!response.ok) return { ...facts, rms: 0, peak: 0, fault: `${source}: ${response.status}` };
  const samples = await new OfflineAudioContext(1, 1, 48000).decodeAudioData(await response.arrayBuffer());
  let sum = 0;
  let peak = 0;
  for (let channel = 0; channel < samples.numberOfChannels; channel++) {
    for (const x of samples.getChannelData(channel)) {
      sum += x * x;
      peak = Math.max(peak, Math.abs(x));
    }
  }
  return { ...facts, duration: samples.duration, rms: Math.sqrt(sum / (samples.length * samples.numberOfChannels)), peak };
}

/** Seconds of playing time that have passed, once they are more than 0.2 or after 5 s of waiting. */
async function waitUntilPlaying(element) {
  const until = performance.now() + 5000;
  while (element.currentTime <= 0.2 && !element.ended && performance.now() < until) await new Promise((done) => setTimeout(done, 20));
  return { played: element.currentTime, fault: element.error ? `${element.error.code} ${element.error.message}` : "" };
}
