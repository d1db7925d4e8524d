"""Lab `loss`: Opus frames that never arrive, answered with silence, with concealment, with redundancy.

Each loss rate comes in two patterns: *random*, where every frame is lost alone and independently, and
*bursty*, where losses come in runs of three frames on average (`servelab.network.GilbertElliott`).
Twenty seeds each draw their own pattern over their own twentieth of the speech, and the three answers get
the same draws.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import partial
from typing import Literal

import numpy as np
from tqdm import tqdm

from labs import hearing, recognizers
from labs.lab import Lab, Outcome
from labs.record import Value, Values, median, single, versions
from labs.session import Session
from labs.speech import PACKAGES, RATE_HZ, Utterance, librivox, prompts
from servelab import opus, wer
from servelab.audio import Pcm16
from servelab.network import Flags, GilbertElliott

Answer = Literal["silence", "concealment", "fec"]

SEED = 20261125
SEEDS = 20
FRAME_MS = 20.0
KBIT_S = 24
RATES = (0.02, 0.05, 0.10, 0.20)
MEAN_BURST = 3.0
PATTERNS: dict[str, Callable[[float], GilbertElliott]] = {
    "random": GilbertElliott.random,
    "bursty": partial(GilbertElliott.bursty, mean_burst=MEAN_BURST),
}
"""The loss models, by name, each a function of the loss rate."""
ANSWERS: tuple[Answer, ...] = ("silence", "concealment", "fec")
BLOCKS = 4
"""Steps into which one condition is cut."""
BOOTSTRAP_SAMPLES = 5_000
COST_PASSES = 20

WHAT = (
    f"Opus at {KBIT_S} kbit/s in frames of 20 ms, frames lost at random or in bursts of 3 on average, each "
    "lost frame answered with silence, with the decoder's concealment, or from the redundancy in the next "
    f"packet; word error rate of Moonshine ({SEEDS} seeds, each with its own pattern over its own twentieth "
    "of the speech; 95 % bootstrap over utterances); cost a frame on one core (median of "
    f"{COST_PASSES} passes, spread: fastest and slowest pass)"
)
NOTES = (
    "Speech: five LibriVox sentences (public domain, Debian pocketsphinx-testdata) and telephone prompts of "
    "four words to 10 s by Allison Smith (CC-BY-SA 3.0, Debian asterisk-core-sounds-en-g722).",
    "An answer with silence leaves the decoder alone and plays zeros for the frame.",
    "With redundancy the encoder is told the loss rate of the row, and a frame is recovered when the packet "
    "after it arrives: that costs one more frame of delay. What it cannot recover is concealed.",
    "A change is against the same utterances, through the same encoder settings as the row without "
    "redundancy, with nothing lost. An utterance of which no frame was lost counts as unchanged.",
)


# ---------------------------------------------------------------- losing and answering


@dataclass(frozen=True)
class Sent:
    """The packets of one utterance, and what the receiver must know: the encoder's lookahead in samples."""

    packets: list[bytes]
    lookahead: int
    length: int


def send(samples: Pcm16, expected_loss: float = 0.0) -> Sent:
    """`samples` as packets; with `expected_loss` above 0 each carries redundancy for the one before it."""
    encoder = opus.Encoder(
        RATE_HZ, FRAME_MS, KBIT_S * 1000, fec=expected_loss > 0, expected_loss=expected_loss
    )
    return Sent(opus.encode(samples, encoder), encoder.lookahead, samples.size)


def receive(sent: Sent, lost: Flags, answer: Answer) -> Pcm16:
    """What the receiver plays when `lost` packets never arrive: int16, as long as what was sent."""
    if lost.shape != (len(sent.packets),):
        raise ValueError(f"lost has the shape {lost.shape}: it must be ({len(sent.packets)},), one a packet")
    decoder = opus.Decoder(RATE_HZ, FRAME_MS)
    frames: list[Pcm16] = []
    for index, packet in enumerate(sent.packets):
        if not lost[index]:
            frames.append(decoder.decode(packet))
        elif answer == "silence":
            frames.append(np.zeros(decoder.frame_size, np.int16))
        elif answer == "fec" and index + 1 < len(lost) and not lost[index + 1]:
            frames.append(decoder.decode(None, following=sent.packets[index + 1]))
        else:
            frames.append(decoder.decode(None))
    return np.concatenate(frames)[sent.lookahead : sent.lookahead + sent.length]


# ---------------------------------------------------------------- what is measured


@dataclass(frozen=True)
class Condition:
    """One row of the lab."""

    pattern: str
    rate: float
    answer: Answer

    @property
    def key(self) -> str:
        return f"{self.pattern}-{round(100 * self.rate)}-{self.answer}"

    def lost(self, index: int, packets: int) -> Flags:
        """The losses of utterance `index`: the same for every answer, drawn from its seed's own stream."""
        seed = index % SEEDS
        level = RATES.index(self.rate)
        rng = np.random.default_rng([SEED, seed, index, level, list(PATTERNS).index(self.pattern)])
        return PATTERNS[self.pattern](self.rate).draw(rng, packets)


CONDITIONS = [
    Condition(pattern, rate, answer) for pattern in PATTERNS for rate in RATES for answer in ANSWERS
]


def heard(
    ear: recognizers.Recognize,
    condition: Condition,
    utterances: Sequence[tuple[int, Utterance]],
    intact: Mapping[int, wer.WordErrors],
) -> list[list[float]]:
    """For each utterance: the four word counts, frames lost, frames sent, bytes sent."""
    rows: list[list[float]] = []
    for index, utterance in tqdm(utterances, desc=condition.key, unit="utt", leave=False, disable=None):
        sent = send(utterance.samples, condition.rate if condition.answer == "fec" else 0.0)
        lost = condition.lost(index, len(sent.packets))
        if condition.answer != "fec" and not lost.any():
            count = intact[index]
        else:
            count = wer.count(utterance.transcript, ear(receive(sent, lost, condition.answer)))
        rows.append([*astuple(count), int(lost.sum()), lost.size, sum(map(len, sent.packets))])
    return rows


def row_values(
    rows: Sequence[Sequence[float]], intact: Sequence[wer.WordErrors], seconds: float
) -> dict[str, Value]:
    """The values of one condition: word error rate and its change in points (over all speech, and the median
    over seeds with the extremes), the loss that was drawn, the bit rate."""
    counts = [wer.WordErrors(*(int(number) for number in row[:4])) for row in rows]
    draws, base = (
        100 * wer.bootstrap(np.random.default_rng(SEED), own, BOOTSTRAP_SAMPLES) for own in (counts, intact)
    )
    rate, before = (100 * wer.total(own).rate for own in (counts, list(intact)))
    by_seed = [
        100 * (wer.total(counts[seed::SEEDS]).rate - wer.total(intact[seed::SEEDS]).rate)
        for seed in range(min(SEEDS, len(counts)))
    ]
    lost, frames, size = (sum(column) for column in list(zip(*rows, strict=True))[4:])
    return {
        "wer": single(rate, "%", len(counts), hearing.interval(draws)),
        "wer_change": single(rate - before, "points", len(counts), hearing.interval(draws - base)),
        "wer_change_by_seed": median(by_seed, "points"),
        "lost": single(100 * lost / frames, "%", int(frames)),
        "payload_kbit_s": single(8 * size / seconds / 1000, "kbit/s", len(counts)),
    }


def cost_pass(samples: Pcm16) -> dict[str, float]:
    """Median cost in µs of one frame: decoded, concealed, recovered. Every tenth frame is lost."""
    sent = send(samples, 0.1)
    decoder = opus.Decoder(RATE_HZ, FRAME_MS)
    times: dict[str, list[float]] = {"decode": [], "conceal": [], "recover": []}
    for index in range(0, len(sent.packets) - 1):
        packet, following = sent.packets[index : index + 2]
        kind = "decode" if index % 10 else ("conceal" if index % 20 else "recover")
        started = time.perf_counter_ns()
        if kind == "decode":
            decoder.decode(packet)
        elif kind == "conceal":
            decoder.decode(None)
        else:
            decoder.decode(None, following=following)
        times[kind].append((time.perf_counter_ns() - started) / 1000)
    return {kind: float(np.median(found)) for kind, found in times.items()}


def run(session: Session) -> Outcome:
    """The whole lab."""
    utterances = [*librivox(), *prompts()]
    numbered = list(enumerate(utterances))
    speech = np.concatenate([one.samples for one in utterances[:5]])
    passes = [
        session.step(f"cost-{done}", partial(cost_pass, speech), timed=True) for done in range(COST_PASSES)
    ]
    values: Values = {
        "cost": {f"{kind}_us": median([one[kind] for one in passes], "µs") for kind in passes[0]}
    }
    ear = session.part("moonshine", recognizers.moonshine)
    if ear is not None:
        intact = hearing.word_errors(session, "intact", ear, utterances, _intact)
        values["intact"] = {
            "wer": single(
                100 * wer.total(intact).rate,
                "%",
                len(intact),
                hearing.interval(100 * wer.bootstrap(np.random.default_rng(SEED), intact, BOOTSTRAP_SAMPLES)),
            ),
            "words": single(wer.total(intact).reference, "words"),
        }
        seconds = sum(one.seconds for one in utterances)
        values["intact"]["minutes"] = single(seconds / 60, "min")
        for condition in CONDITIONS:
            rows: dict[int, list[float]] = {}
            for block in range(BLOCKS):
                part = numbered[block::BLOCKS]
                step = f"{condition.key}-{block}"
                found = session.step(step, partial(heard, ear, condition, part, dict(enumerate(intact))))
                rows |= {index: row for (index, _), row in zip(part, found, strict=True)}
            values[condition.key] = row_values([rows[index] for index, _ in numbered], intact, seconds)
    return Outcome(
        what=WHAT,
        seed=SEED,
        values=values,
        sha256={utterance.name: utterance.sha256 for utterance in utterances}
        | (recognizers.sha256_of(["moonshine"]) if ear else {}),
        versions=versions(("av", "numpy", "moonshine-voice"))
        | {"libopus": opus.version().removeprefix("libopus ")},
        notes=NOTES,
    )


def _intact(utterance: Utterance) -> Pcm16:
    sent = send(utterance.samples)
    return receive(sent, np.zeros(len(sent.packets), dtype=bool), "concealment")


LAB = Lab(
    name="loss",
    title="Lost frames, and three answers to them",
    what="word errors after random and bursty loss of Opus frames, with silence, concealment and redundancy",
    why="to know up to which loss a service may drop what is late instead of waiting for it",
    takes="about 40 minutes",
    needs="requirements-labs.txt",
    debian=PACKAGES,
    run=run,
)
