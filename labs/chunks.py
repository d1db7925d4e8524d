"""Lab `chunks`: what the size of a chunk costs in waiting, in computing and in words.

The same speech goes through two recognizers in chunks of five sizes. PocketSphinx carries its state from
chunk to chunk. Moonshine runs in two ways: decoding its current segment again at every chunk, and,
broken on purpose, decoding every chunk alone. An update that is still being computed when the next chunk is
complete makes that one wait, as it would in a worker with one stream.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
from tqdm import tqdm

from labs import recognizers
from labs.lab import Lab, Outcome
from labs.recognition import (
    Spoken,
    alignment,
    interval,
    live_set,
    right_words,
    size,
    spoken,
    spread,
)
from labs.record import Value, Values, single, versions
from labs.session import Session
from labs.speech import PACKAGES as SPEECH_PACKAGES
from labs.speech import Utterance, librivox, prompts
from labs.streams import Aligner, Moonshine, PocketSphinx, Streaming, Trace, trace
from servelab import partials, wer
from servelab.audio import Pcm16

SEED = 20261125
CHUNKS_MS = (160, 320, 640, 1280, 2560)
UTTERANCES = 8
BOOTSTRAP_SAMPLES = 2_000
SHORTEST = 1_024
"""Samples that Moonshine's first layers need, in whole hops of its voice detector: less is an error."""

WHAT = (
    "Recorded speech in chunks of five sizes, one stream on one core with nothing else on it. Spread: 95 % "
    "bootstrap over utterances. Word delay: from the end of a word, by forced alignment, to the moment from "
    "which it stands unchanged, computing and waiting for the update before it included"
)
NOTES = (
    "Speech: eight of the utterances that the lab `recognizers` takes its live set from, spread over "
    "their lengths.",
    "PocketSphinx carries its state from chunk to chunk; moonshine decodes its current segment again; "
    "moonshine-alone decodes each chunk as if it were an utterance, with Moonshine's own voice detector off: "
    "on, it finds no speech in any chunk of 160 ms. A last chunk under 64 ms is too short for the model and "
    "has no text.",
    "A real-time factor over 1 means that the recognizer falls behind: its word delay then grows with the "
    "length of the utterance, and the number is about these utterances alone.",
    "Only words that the final text has right count for the word delay.",
)


class Alone:
    """Each chunk recognized by itself, the texts put end to end. What is too short for the model has
    none."""

    def __init__(self, recognizer: Moonshine) -> None:
        self.recognizer = recognizer
        self.texts: list[str] = []

    def start(self) -> None:
        self.texts = []

    def accept(self, chunk: Pcm16) -> str:
        self.texts.append(self.recognizer.whole(chunk) if chunk.size >= SHORTEST else "")
        return self.finish()

    def finish(self) -> str:
        return " ".join(text for text in self.texts if text)


WAYS: dict[str, Callable[[], Streaming]] = {
    "pocketsphinx": PocketSphinx,
    "moonshine": Moonshine,
    "moonshine-alone": lambda: Alone(Moonshine(segments=False)),
}


def runs(recognizer: Streaming, utterances: Sequence[Utterance], chunk_ms: float) -> list[dict[str, Any]]:
    """The trace of every utterance, as plain data."""
    return [
        asdict(trace(recognizer, one.samples, chunk_ms))
        for one in tqdm(utterances, desc=f"{chunk_ms:g} ms", unit="utt", leave=False)
    ]


def done_ms(seen: Trace) -> list[float]:
    """When each update was on the screen: it begins when its sound is in and the one before is done."""
    moments: list[float] = []
    for heard_ms, took_ms in zip(seen.heard_ms, seen.took_ms, strict=True):
        moments.append(max(heard_ms, moments[-1] if moments else 0.0) + took_ms)
    return moments


def delays_ms(seen: Trace, one: Spoken) -> list[float]:
    """Word delay of every right word."""
    displays = [wer.normalize(text) for text in seen.texts]
    since, moments = partials.settled(displays), done_ms(seen)
    return [
        moments[since[there]] - one.times_ms[said][1] for said, there in right_words(one.words, displays[-1])
    ]


def summary(seen: Sequence[Trace], said: Sequence[Spoken]) -> dict[str, Value]:
    """The values of one way and one size of chunk."""
    rng = np.random.default_rng(SEED)
    draws = rng.integers(len(seen), size=(BOOTSTRAP_SAMPLES, len(seen)))
    spent_s = np.array([sum(run.took_ms) / 1000 for run in seen])
    seconds = np.array([one.utterance.seconds for one in said])
    updates = [took for run in seen for took in run.took_ms[:-1]]
    counts = [
        wer.count_words(one.words, wer.normalize(run.texts[-1])) for run, one in zip(seen, said, strict=True)
    ]
    rates = 100 * wer.bootstrap(np.random.default_rng(SEED), counts, BOOTSTRAP_SAMPLES)
    values = {
        "rtf": single(
            spent_s.sum() / seconds.sum(),
            "s/s",
            len(seen),
            interval(spent_s[draws].sum(axis=1) / seconds[draws].sum(axis=1)),
        ),
        "update_ms_p50": single(float(np.percentile(updates, 50)), "ms", len(updates)),
        "update_ms_p99": single(float(np.percentile(updates, 99)), "ms", len(updates)),
        "wer": single(100 * wer.total(counts).rate, "%", len(counts), interval(rates)),
    }
    delays = [delays_ms(run, one) for run, one in zip(seen, said, strict=True)]
    every = [delay for own in delays for delay in own]
    if every:
        medians = [
            float(np.median([delay for index in draw for delay in delays[index]] or every))
            for draw in draws[:500]
        ]
        values["word_delay_ms_p50"] = single(float(np.median(every)), "ms", len(every), interval(medians))
        values["word_delay_ms_p90"] = single(float(np.percentile(every, 90)), "ms", len(every))
    return values


def run(session: Session) -> Outcome:
    """The whole lab."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    aligner = Aligner()
    utterances = spread(live_set([*librivox(), *prompts()], aligner), UTTERANCES)
    kept: dict[str, list[Trace]] = {}
    for way, load in WAYS.items():
        ear = session.part(way, load)
        if ear is None:
            continue
        for chunk_ms in CHUNKS_MS:
            step = f"{way}-{chunk_ms}"
            found = session.step(step, partial(runs, ear, utterances, chunk_ms), timed=True)
            kept[step] = [Trace(**one) for one in found]
    said = spoken(utterances, session.step("alignment", partial(alignment, aligner, utterances)))
    values: Values = {"test-set": size(utterances)}
    values |= {step: summary(seen, said) for step, seen in kept.items()}
    return Outcome(
        what=WHAT,
        seed=SEED,
        values=values,
        sha256={one.name: one.sha256 for one in utterances}
        | recognizers.sha256_of(("moonshine", "pocketsphinx")),
        versions=versions(("moonshine-voice", "pocketsphinx", "numpy")),
        notes=NOTES,
    )


LAB = Lab(
    name="chunks",
    title="The size of a chunk",
    what="computing, word delay and word error rate of live recognizers for chunks of 160 to 2,560 ms",
    why="to choose a chunk: a small one is shown sooner and costs more updates",
    takes="about 10 minutes",
    needs="requirements-labs.txt",
    debian=SPEECH_PACKAGES,
    run=run,
)
