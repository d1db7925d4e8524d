"""Make the clips of the chapters: one real recording, through each way of carrying it.

    python audio/build.py           make every clip, picture and audio/clips.yml
    python audio/build.py --check   say what is stale, without making anything

Making needs Debian's package `pocketsphinx-testdata` (the recording); checking needs nothing. The same
inputs give the same files, byte for byte.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from figures.manifest import Manifest, main, sha256  # noqa: E402
from labs.loss import MEAN_BURST, Answer, receive, send  # noqa: E402
from labs.speech import RATE_HZ, Utterance, librivox  # noqa: E402

from servelab import audio, g711, network, opus  # noqa: E402
from servelab.audio import Pcm16, Signal  # noqa: E402
from servelab.network import GilbertElliott  # noqa: E402
from servelab.plots import PALETTES  # noqa: E402

FOLDER = ROOT / "audio"
LEVEL_DBFS = -20.0
TELEPHONE_HZ = 8_000
MP3_COMPRESSION = 0.3
LOST_SHARE, LOSS_SEED = 0.2, 5
RECORDING = "sense_and_sensibility_01_austen_64kb-0890.wav"
ORIGIN = "LibriVox, Jane Austen, Sense and Sensibility, chapter 1: one sentence, from CMU Sphinx's test data"
LICENCE = "public domain (LibriVox); packaged by CMU Sphinx under BSD-2-Clause"
INPUTS = (
    "audio/build.py",
    "labs/loss.py",
    "labs/speech.py",
    "src/servelab/audio.py",
    "src/servelab/network.py",
    "src/servelab/g711.py",
    "src/servelab/network.py",
    "src/servelab/opus.py",
    "src/servelab/plots.py",
)
COLUMNS = 500
WIDTH, HEIGHT, RULER = 1000, 100, 16


@dataclass(frozen=True)
class Clip:
    """One clip: what is done to the recording, in words and as a function of its 16 kHz samples."""

    name: str
    title: str
    made: str
    process: Callable[[Pcm16], Pcm16]
    chapter: str = "05"


def untouched(samples: Pcm16) -> Pcm16:
    return samples


def narrowed(samples: Pcm16) -> Pcm16:
    return audio.to_pcm16(audio.resample(audio.from_pcm16(samples), RATE_HZ, TELEPHONE_HZ))


def widened(samples: Pcm16) -> Pcm16:
    return audio.to_pcm16(audio.resample(audio.from_pcm16(samples), TELEPHONE_HZ, RATE_HZ))


def telephone(samples: Pcm16) -> Pcm16:
    return widened(narrowed(samples))


def unfiltered(samples: Pcm16) -> Pcm16:
    return widened(samples[:: RATE_HZ // TELEPHONE_HZ].copy())


def mulaw(samples: Pcm16) -> Pcm16:
    return widened(g711.decode_mulaw(g711.encode_mulaw(narrowed(samples))))


def through_opus(kbit_s: int) -> Callable[[Pcm16], Pcm16]:
    return lambda samples: opus.roundtrip(samples, RATE_HZ, kbit_s * 1000)[0]


def after_loss(answer: Answer) -> Callable[[Pcm16], Pcm16]:
    """A fifth of the frames lost in bursts, the same ones for each answer."""

    def process(samples: Pcm16) -> Pcm16:
        sent = send(samples, LOST_SHARE if answer == "fec" else 0.0)
        model = GilbertElliott.bursty(LOST_SHARE, MEAN_BURST)
        return receive(sent, model.draw(np.random.default_rng(LOSS_SEED), len(sent.packets)), answer)

    return process


LOST = (
    "Opus at 24 kbit/s, a fifth of the frames of 20 ms lost in bursts of three on average, each answered with"
)
# ---------------------------------------------------------------- chapter 6: one path, four ways to cross it

PATH = network.Path(delay_ms=100.0, loss=network.GilbertElliott.random(0.05))
PATH_SEED, DEPTH_MS, LOSSY_KBIT_S = 1, 60.0, 24
LEAD_FRAMES = 50
"""The stream runs for a second before the sentence begins, so that no clip starts in a stall."""


def packets_of(samples: Pcm16) -> tuple[list[bytes], int]:
    """The sentence as Opus packets of 20 ms, and the encoder's lookahead in samples."""
    encoder = opus.Encoder(RATE_HZ, 20.0, 1000 * LOSSY_KBIT_S)
    return opus.encode(samples, encoder), encoder.lookahead


def delivered(frames: int, send: Callable[[network.Crossing], network.Delivery]) -> network.Delivery:
    """What `send` makes of the sentence's `frames` frames, sent after `LEAD_FRAMES` of silence: the same
    trouble for every clip of the chapter."""
    whole = send(PATH.draw(np.random.default_rng(PATH_SEED), LEAD_FRAMES + frames))
    return network.Delivery(whole.sent_ms[LEAD_FRAMES:], whole.delivered_ms[LEAD_FRAMES:])


def decoded(packets: list[bytes | None], *, silent: bool = False) -> Pcm16:
    """Sound of `packets`; where one is missing the decoder makes it up, or there is silence."""
    decoder = opus.Decoder(RATE_HZ)
    frames = []
    for packet in packets:
        frame = decoder.decode(packet)
        frames.append(np.zeros_like(frame) if silent and packet is None else frame)
    return np.concatenate(frames)


def as_datagrams(samples: Pcm16, *, silent: bool = False) -> Pcm16:
    packets, _ = packets_of(samples)
    heard = network.fixed_buffer(delivered(len(packets), network.datagrams), DEPTH_MS)
    return decoded(heard.packets(packets), silent=silent)


def in_order(samples: Pcm16) -> Pcm16:
    packets, _ = packets_of(samples)
    heard = network.fixed_buffer(delivered(len(packets), network.reliable), DEPTH_MS)
    return decoded(heard.packets(packets))


def waited_for(samples: Pcm16) -> Pcm16:
    """The player never gives up a frame: it is silent until the next one is there."""
    packets, _ = packets_of(samples)
    delivery = delivered(len(packets), network.reliable)
    sound = decoded(list(packets)).reshape(len(packets), -1)
    starts = network.waiting_player(delivery, DEPTH_MS) - delivery.sent_ms[0]
    places = np.round((starts - starts[0]) * RATE_HZ / 1000).astype(int)
    heard = np.zeros(places[-1] + sound.shape[1], np.int16)
    for place, frame in zip(places, sound, strict=True):
        heard[place : place + frame.size] = frame
    return heard


CLIPS = (
    Clip("pcm-16khz", "16 kHz", "the recording, 16-bit samples at 16 kHz", untouched),
    Clip("pcm-8khz", "8 kHz", "brought to 8 kHz with a filter before it, and back to 16 kHz", telephone),
    Clip(
        "pcm-8khz-folded", "8 kHz, no filter", "every second sample dropped, no filter before it", unfiltered
    ),
    Clip("g711", "G.711", "8 kHz, mu-law, one byte a sample, and back to 16 kHz", mulaw),
    Clip("opus-24k", "Opus, 24 kbit/s", "Opus at 24 kbit/s, frames of 20 ms", through_opus(24)),
    Clip("opus-12k", "Opus, 12 kbit/s", "Opus at 12 kbit/s, frames of 20 ms", through_opus(12)),
    Clip("opus-6k", "Opus, 6 kbit/s", "Opus at 6 kbit/s, frames of 20 ms", through_opus(6)),
    Clip("lost-silence", "Lost frames, silence", f"{LOST} silence", after_loss("silence")),
    Clip("lost-concealment", "Lost frames, concealed", f"{LOST} concealment", after_loss("concealment")),
    Clip("lost-fec", "Lost frames, redundancy", f"{LOST} redundancy or else concealment", after_loss("fec")),
    Clip(
        "datagrams",
        "Datagrams",
        "Opus at 24 kbit/s in datagrams, 100 ms each way, 5 % lost, concealed by the decoder",
        as_datagrams,
        "06",
    ),
    Clip(
        "datagrams-silence",
        "Datagrams, no concealment",
        "Opus at 24 kbit/s in datagrams, the same frames lost, silence in their place",
        lambda samples: as_datagrams(samples, silent=True),
        "06",
    ),
    Clip(
        "in-order",
        "In order, not waited for",
        "the same losses on an ordered stream, 100 ms each way; frames over 60 ms late are concealed",
        in_order,
        "06",
    ),
    Clip(
        "waited-for",
        "In order, waited for",
        "the same losses on an ordered stream, 100 ms each way; the player waits for every frame",
        waited_for,
        "06",
    ),
)


def recording() -> Utterance:
    """The sentence that all clips are made of."""
    return next(utterance for utterance in librivox() if utterance.name == RECORDING)


def wave_path(signal: Signal, full_height: float) -> str:
    """The outline of `signal` as one closed SVG path, 1000 wide and 100 high; `full_height` touches both
    edges."""
    half = HEIGHT / 2
    columns = np.array_split(signal * (half / full_height), COLUMNS)
    xs = np.linspace(0, WIDTH, COLUMNS)
    top = [f"{x:.0f} {half - max(column.max(), 0.5):.1f}" for x, column in zip(xs, columns, strict=True)]
    bottom = [f"{x:.0f} {half - min(column.min(), -0.5):.1f}" for x, column in zip(xs, columns, strict=True)]
    return f"M{'L'.join(top)}L{'L'.join(reversed(bottom))}Z"


def wave_picture(signal: Signal, seconds: float, full_height: float) -> str:
    """The waveform over a ruler with a tick every 0.1 s, longer every second. The wave's path has the id
    `wave`."""
    palette = PALETTES["light"]
    floor = HEIGHT + RULER
    ticks = "".join(
        f"M{WIDTH * tick / (10 * seconds):.1f} {floor}v-{10 if tick % 10 == 0 else 5}"
        for tick in range(int(seconds * 10) + 1)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {floor}" width="{WIDTH}"'
        f' height="{floor}">\n'
        f'<path id="wave" fill="{palette.ink}" d="{wave_path(signal, full_height)}"/>\n'
        f'<path fill="none" stroke="{palette.ink2}" d="M0 {floor - 0.5}H{WIDTH}{ticks}"/>\n'
        "</svg>\n"
    )


def build() -> None:
    """Write every clip, its pictures, `audio/clips.yml` and the manifest.

    The recording itself is written too, losslessly and at its own level: cells compute from it.
    """
    source = recording()
    for chapter in {clip.chapter for clip in CLIPS}:
        (FOLDER / chapter).mkdir(exist_ok=True)
    sounds = {
        (clip.chapter, clip.name): audio.match_level(
            audio.from_pcm16(clip.process(source.samples)), RATE_HZ, LEVEL_DBFS
        )
        for clip in CLIPS
    }
    loudest: dict[str, float] = {}
    for (chapter, _), sound in sounds.items():
        loudest[chapter] = max(loudest.get(chapter, 0.0), float(np.abs(sound).max()))
    original = FOLDER / "05" / "speech-16khz.flac"
    soundfile.write(original, source.samples, RATE_HZ, subtype="PCM_16")
    listed = {}
    outputs = [original]
    for clip in CLIPS:
        sound = sounds[clip.chapter, clip.name]
        seconds = sound.size / RATE_HZ
        mp3 = FOLDER / clip.chapter / f"{clip.name}.mp3"
        soundfile.write(mp3, sound, RATE_HZ, compression_level=MP3_COMPRESSION, bitrate_mode="CONSTANT")
        picture = mp3.with_suffix(".svg")
        picture.write_text(wave_picture(sound, seconds, loudest[clip.chapter]), encoding="utf-8")
        outputs += [mp3, picture]
        listed[f"{clip.chapter}/{clip.name}"] = {
            "title": clip.title,
            "file": f"/audio/{clip.chapter}/{mp3.name}",
            "picture": f"/audio/{clip.chapter}/{picture.name}",
            "seconds": round(seconds, 2),
            "transcript": source.transcript,
            "made": f"{clip.made}; speech at {LEVEL_DBFS:g} dBFS; MP3 at 16 kHz",
            "origin": ORIGIN,
            "licence": LICENCE,
            "source": {"package": "pocketsphinx-testdata", "file": source.name, "sha256": source.sha256},
            "sha256": sha256(mp3),
        }
    heading = (
        "# Written by audio/build.py: each clip, what is said in it, where it comes from, how it was made.\n"
    )
    text = yaml.safe_dump(listed, sort_keys=False, allow_unicode=True, width=110)
    (FOLDER / "clips.yml").write_text(heading + text, encoding="utf-8")
    inputs = [ROOT / name for name in INPUTS]
    Manifest(FOLDER).write(inputs, [*outputs, FOLDER / "clips.yml"])


if __name__ == "__main__":
    sys.exit(main(__file__, build))
