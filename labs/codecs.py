"""Lab `codecs`: what a codec costs in bytes, delay and computing, and what it does to a recognizer.

Real recorded speech goes through each codec and back. Bytes are the codec's own, without any transport's
headers. Costs are timed a frame at a time, on one core. Every recognizer hears 16 kHz: 8 kHz sound is
brought back up first, as a service would.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import numpy as np
import soundfile

from labs import hearing, recognizers
from labs.lab import Lab, Outcome
from labs.record import Value, Values, median, single, versions
from labs.session import Session
from labs.speech import PACKAGES as SPEECH_PACKAGES
from labs.speech import RATE_HZ, Utterance, librivox, prompts
from servelab import audio, g711, opus, wer
from servelab.audio import Pcm16

SEED = 20261124
FRAME_MS = 20.0
TELEPHONE_HZ = 8_000
OPUS_KBIT_S = (6, 8, 12, 16, 24, 32)
COST_PASSES = 20
BOOTSTRAP_SAMPLES = 5_000
REFERENCE = "pcm-16khz"

WHAT = (
    "Speech through each codec and back, frames of 20 ms: bytes without transport headers (spread: 5th "
    "to 95th percentile of utterances), algorithmic delay, cost a frame on one core (median of "
    f"{COST_PASSES} passes, spread: fastest and slowest pass), word error rate (95 % bootstrap over "
    "utterances)"
)
NOTES = (
    "Speech: five LibriVox sentences (public domain, Debian pocketsphinx-testdata) and telephone "
    "prompts of four words to 10 s by Allison Smith (CC-BY-SA 3.0, Debian "
    "asterisk-core-sounds-en-g722).",
    "The sources are not pristine: the LibriVox sentences were MP3 at 64 kbit/s, the prompts are G.722 at "
    "64 kbit/s.",
    "The transcripts of the prompts have slips and other spellings; they count alike for every codec.",
    "Costs are timed on the LibriVox sentences. G.711 is numpy and Opus is C through ctypes: the cost "
    "of the call is in both. FLAC is timed on whole utterances and shared out over frames.",
    "FLAC's delay is its block: it is made to be stored. Opus's is one frame and the lookahead.",
)

Frame = TypeVar("Frame")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Coded:
    """One utterance through one codec: the sound at 16 kHz in step with the input, bytes, and cost a frame
    in µs."""

    samples: Pcm16
    payload_bytes: int
    encode_us: list[float] = field(default_factory=list)
    decode_us: list[float] = field(default_factory=list)
    bandwidths_hz: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Codec:
    """A way to carry speech: `run` takes 16 kHz samples; `delay_ms` is algorithmic, one frame included."""

    key: str
    delay_ms: float
    run: Callable[[Pcm16], Coded]


# ---------------------------------------------------------------- codecs


def pcm_16khz(samples: Pcm16) -> Coded:
    """Nothing done: two bytes a sample."""
    return Coded(samples, samples.nbytes)


def pcm_8khz(samples: Pcm16) -> Coded:
    """Down to 8 kHz and up again, two bytes a sample: only what lies under 4 kHz remains."""
    narrow = to_telephone(samples)
    return Coded(from_telephone(narrow, samples.size), narrow.nbytes)


def g711_mulaw(samples: Pcm16) -> Coded:
    """8 kHz and mu-law, one byte a sample, timed frame by frame."""
    narrow = to_telephone(samples)
    size = audio.frame_samples(TELEPHONE_HZ, FRAME_MS)
    frames = np.pad(narrow, (0, -narrow.size % size)).reshape(-1, size)
    codes, encode_us = timed(g711.encode_mulaw, list(frames))
    decoded, decode_us = timed(g711.decode_mulaw, codes)
    sound = np.concatenate(decoded)[: narrow.size]
    return Coded(
        from_telephone(sound, samples.size), sum(code.nbytes for code in codes), encode_us, decode_us
    )


def flac(samples: Pcm16) -> Coded:
    """FLAC, lossless, of the whole utterance; its time is shared out over the frames of 20 ms."""
    frames = max(1, round(samples.size / RATE_HZ * 1000 / FRAME_MS))
    buffer = io.BytesIO()
    started = time.perf_counter_ns()
    soundfile.write(buffer, samples, RATE_HZ, format="FLAC", subtype="PCM_16")
    encoded = time.perf_counter_ns()
    size = len(buffer.getvalue())
    buffer.seek(0)
    middle = time.perf_counter_ns()
    decoded, _ = soundfile.read(buffer, dtype="int16")
    ended = time.perf_counter_ns()
    return Coded(decoded, size, [(encoded - started) / frames / 1000], [(ended - middle) / frames / 1000])


def flac_block_ms() -> float:
    """The longest block in ms that the FLAC encoder fills before it writes: bytes 10 and 11 of the
    stream."""
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(RATE_HZ, np.int16), RATE_HZ, format="FLAC", subtype="PCM_16")
    return 1000 * int.from_bytes(buffer.getvalue()[10:12], "big") / RATE_HZ


def opus_codec(kbit_s: int) -> Codec:
    """Opus at `kbit_s` in its voice mode, variable bit rate, complexity 10, frames of 20 ms."""

    def run(samples: Pcm16) -> Coded:
        encoder = opus.Encoder(RATE_HZ, FRAME_MS, kbit_s * 1000)
        decoder = opus.Decoder(RATE_HZ, FRAME_MS)
        size, lookahead = encoder.frame_size, encoder.lookahead
        padded = np.pad(samples, (0, -(samples.size + lookahead) % size + lookahead))
        packets, encode_us = timed(encoder.encode, list(padded.reshape(-1, size)))
        decoded, decode_us = timed(decoder.decode, packets)
        sound = np.concatenate(decoded)[lookahead : lookahead + samples.size]
        size_bytes = sum(len(packet) for packet in packets)
        bandwidths = [opus.bandwidth_hz(packet) for packet in packets]
        return Coded(sound, size_bytes, encode_us, decode_us, bandwidths)

    return Codec(f"opus-{kbit_s}k", opus.Encoder(RATE_HZ, FRAME_MS).delay_ms, run)


def all_codecs() -> list[Codec]:
    """Every codec of this lab; the first is the reference."""
    return [
        Codec(REFERENCE, FRAME_MS, pcm_16khz),
        Codec("pcm-8khz", FRAME_MS, pcm_8khz),
        Codec("g711", FRAME_MS, g711_mulaw),
        Codec("flac", flac_block_ms(), flac),
        *(opus_codec(kbit_s) for kbit_s in OPUS_KBIT_S),
    ]


def to_telephone(samples: Pcm16) -> Pcm16:
    """16 kHz samples at 8 kHz."""
    return audio.to_pcm16(audio.resample(audio.from_pcm16(samples), RATE_HZ, TELEPHONE_HZ))


def from_telephone(samples: Pcm16, length: int) -> Pcm16:
    """8 kHz samples at 16 kHz, `length` of them."""
    return audio.to_pcm16(audio.resample(audio.from_pcm16(samples), TELEPHONE_HZ, RATE_HZ))[:length]


def timed(call: Callable[[Frame], Result], frames: Sequence[Frame]) -> tuple[list[Result], list[float]]:
    """The results of `call` on each frame, and the time of each call in µs."""
    results, times_us = [], []
    for frame in frames:
        started = time.perf_counter_ns()
        results.append(call(frame))
        times_us.append((time.perf_counter_ns() - started) / 1000)
    return results, times_us


# ---------------------------------------------------------------- what is measured


def payload(coded: Sequence[Coded], utterances: Sequence[Utterance]) -> dict[str, Value]:
    """Bytes a second and kbit/s over all speech; low and high are the 5th and 95th percentile of
    utterances."""
    rates = [one.payload_bytes / utterance.seconds for one, utterance in zip(coded, utterances, strict=True)]
    rate = sum(one.payload_bytes for one in coded) / sum(utterance.seconds for utterance in utterances)
    low, high = (float(bound) for bound in np.percentile(rates, [5, 95]))
    return {
        "payload_bytes_s": single(rate, "B/s", len(rates), (low, high)),
        "payload_kbit_s": single(rate * 8 / 1000, "kbit/s", len(rates), (low * 8 / 1000, high * 8 / 1000)),
    }


def bandwidth(coded: Sequence[Coded]) -> dict[str, Value]:
    """The audio bandwidth in Hz that Opus chose: the median over packets, with the narrowest and the
    widest."""
    chosen = [hertz for one in coded for hertz in one.bandwidths_hz]
    return {"bandwidth_hz": median(chosen, "Hz")} if chosen else {}


def sizes(codec: Codec, utterances: Sequence[Utterance]) -> dict[str, Value]:
    """Bytes of all utterances, and the audio bandwidth."""
    coded = [codec.run(utterance.samples) for utterance in utterances]
    return payload(coded, utterances) | bandwidth(coded)


def carried(codec: Codec, utterance: Utterance) -> Pcm16:
    """What the far end gets."""
    return codec.run(utterance.samples).samples


def cost_pass(codecs: Sequence[Codec], utterances: Sequence[Utterance]) -> dict[str, dict[str, float]]:
    """One pass over all codecs: percentiles of the encode and decode cost a frame in µs, by codec."""
    found: dict[str, dict[str, float]] = {}
    for codec in codecs:
        coded = [codec.run(utterance.samples) for utterance in utterances]
        for side in ("encode", "decode"):
            times = [time_us for one in coded for time_us in getattr(one, f"{side}_us")]
            wanted = {"p50": 50} if codec.key == "flac" else {"p50": 50, "p99": 99}
            for name, q in wanted.items():
                found.setdefault(codec.key, {})[f"{side}_us_{name}"] = float(np.percentile(times, q))
    return found


def costs(passes: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, Value]]:
    """The medians over passes of each codec's costs."""
    return {
        key: {name: median([one[key][name] for one in passes], "µs") for name in passes[0][key]}
        for key in passes[0]
    }


def error_rates(
    counts: Mapping[str, Sequence[wer.WordErrors]], name: str, seed: int = SEED
) -> dict[str, dict[str, Value]]:
    """Word error rate in % of every codec, words made up in %, and the change in points against the
    reference.

    Low and high are the 2.5th and 97.5th percentile of a bootstrap over utterances. The change is paired:
    all codecs are resampled with the same draws.
    """
    draws = {
        key: 100 * wer.bootstrap(np.random.default_rng(seed), own, BOOTSTRAP_SAMPLES)
        for key, own in counts.items()
    }
    values: dict[str, dict[str, Value]] = {}
    reference = 100 * wer.total(counts[REFERENCE]).rate
    for key, own in counts.items():
        rate = 100 * wer.total(own).rate
        values[key] = {f"wer_{name}": single(rate, "%", len(own), hearing.interval(draws[key]))}
        inserted = wer.total(own).insertions / wer.total(own).reference
        values[key][f"inserted_{name}"] = single(100 * inserted, "%", len(own))
        if key != REFERENCE:
            change = hearing.interval(draws[key] - draws[REFERENCE])
            values[key][f"wer_{name}_change"] = single(rate - reference, "points", len(own), change)
    return values


def corpus(utterances: Sequence[Utterance]) -> dict[str, Value]:
    """Size of the test set."""
    words = sum(len(wer.normalize(utterance.transcript)) for utterance in utterances)
    return {
        "utterances": single(len(utterances), "utterances"),
        "words": single(words, "words"),
        "minutes": single(sum(utterance.seconds for utterance in utterances) / 60, "min"),
    }


def run(session: Session) -> Outcome:
    """The whole lab."""
    read, spoken = librivox(), prompts()
    utterances = [*read, *spoken]
    codecs = all_codecs()
    values: Values = {codec.key: {"delay_ms": single(codec.delay_ms, "ms")} for codec in codecs}

    costly = [codec for codec in codecs if codec.run not in (pcm_16khz, pcm_8khz)]
    passes = [
        session.step(f"cost-{done}", partial(cost_pass, costly, read), timed=True)
        for done in range(COST_PASSES)
    ]
    for key, found in costs(passes).items():
        values[key] |= found

    loaded = {name: session.part(name, load) for name, load in recognizers.OFFLINE.items()}
    ears = {name: ear for name, ear in loaded.items() if ear is not None}
    counts: dict[str, dict[str, list[wer.WordErrors]]] = {name: {} for name in ears}
    for codec in codecs:
        values[codec.key] |= session.step(f"{codec.key}-bytes", partial(sizes, codec, utterances))
        for name, ear in ears.items():
            counts[name][codec.key] = hearing.word_errors(
                session, f"{codec.key}-{name}", ear, utterances, partial(carried, codec)
            )
    for name, own in counts.items():
        for key, found in error_rates(own, name).items():
            values[key] |= found
    values["test-set"] = corpus(utterances)

    return Outcome(
        what=WHAT,
        seed=SEED,
        values=values,
        sha256={utterance.name: utterance.sha256 for utterance in utterances} | recognizers.sha256_of(ears),
        versions=versions(("av", "soundfile", "numpy", "scipy", "moonshine-voice", "pocketsphinx"))
        | {
            "libopus": opus.version().removeprefix("libopus "),
            "libsndfile": soundfile.__libsndfile_version__,
        },
        notes=NOTES,
    )


LAB = Lab(
    name="codecs",
    title="Codecs on real speech",
    what="bytes, delay, cost and recognizer errors of PCM, G.711, FLAC and Opus at six bit rates",
    why="to choose what a client may send: a codec is paid in errors, bytes, delay or processor time",
    takes="about 40 minutes",
    needs="requirements-labs.txt",
    debian=SPEECH_PACKAGES,
    run=run,
)
