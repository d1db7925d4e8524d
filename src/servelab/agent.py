"""A voice agent's turn: recognizer, language model and synthesis, one after the other or overlapped, and what
is thrown away when the caller cuts in.

Three modes, each of which overlaps more than the one before:

- `sequential`: the recognizer starts when the turn is over, the reply is written whole, spoken whole, played.
- `segments`: the recognizer runs along with the speech, and each segment of the reply goes to the voice as
  soon as it is written, while the next is being written.
- `eager`: the same, but the language model begins on an interim text before the turn is known to be over.
  The reply is held until it is. When the final text differs, the model begins again.

Written, spoken and heard run apart: a language model writes several times faster than a voice talks. What
is ahead of the ear when the caller barges in was generated for nothing. `ahead` bounds it: segment k is
not begun before segment k - `ahead` plays.

>>> pipeline = Pipeline(700, 300, Writer(300, 50), Voice(40, 20, 350))
>>> [turn(pipeline, [4, 10], mode).first_word_ms for mode in MODES]
[2360.0, 1320.0, 820.0]
>>> barge_in(turn(pipeline, [4, 10], "segments"), 2_500, detect_ms=200).wasted_words
11

Times are in ms from the end of the caller's speech.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from servelab.arguments import count, not_negative
from servelab.replies import Voice, Writer

Mode = Literal["sequential", "segments", "eager"]
MODES: tuple[Mode, ...] = get_args(Mode)


@dataclass(frozen=True)
class Pipeline:
    """The stages of a turn. The turn counts as over after `endpoint_ms` of silence. The recognizer needs
    `final_ms` for its final text once it has all of the speech, and its interim text, on which an eager model
    begins, is there after `interim_ms`."""

    endpoint_ms: float
    final_ms: float
    writer: Writer
    voice: Voice
    interim_ms: float = 200.0

    def __post_init__(self) -> None:
        not_negative("endpoint_ms", self.endpoint_ms)
        not_negative("final_ms", self.final_ms)
        not_negative("interim_ms", self.interim_ms)


@dataclass(frozen=True)
class Segment:
    """A part of a reply, `words` long: when the model began and finished to write it, when its sound was
    there, and when that began and stopped to play."""

    words: int
    begun_ms: float
    written_ms: float
    ready_ms: float
    start_ms: float
    end_ms: float


@dataclass(frozen=True)
class Turn:
    """One reply, and how many words of an eager one were written on a wrong guess before it
    (`guessed_words`)."""

    pipeline: Pipeline
    segments: tuple[Segment, ...]
    guessed_words: int = 0

    @property
    def first_word_ms(self) -> float:
        """When the caller hears the reply begin."""
        return self.segments[0].start_ms

    @property
    def gap_ms(self) -> float:
        """Silence within the reply, all gaps together, because sound was not there in time."""
        pairs = zip(self.segments, self.segments[1:], strict=False)
        return sum(after.start_ms - before.end_ms for before, after in pairs)

    def written(self, at_ms: float) -> int:
        """Words of the reply that the model has written at `at_ms`."""
        each = self.pipeline.writer.per_word_ms
        return sum(
            _whole(at_ms - (part.written_ms - each * part.words), each, part.words) for part in self.segments
        )

    def spoken(self, at_ms: float) -> int:
        """Words of which there is sound at `at_ms`."""
        return sum(part.words for part in self.segments if part.ready_ms <= at_ms)

    def heard(self, at_ms: float) -> int:
        """Words that have been played to their end at `at_ms`."""
        each = self.pipeline.voice.spoken_ms
        return sum(_whole(at_ms - part.start_ms, each, part.words) for part in self.segments)


def turn(
    pipeline: Pipeline,
    words: Sequence[int],
    mode: Mode = "segments",
    *,
    right: bool = True,
    ahead: int | None = None,
) -> Turn:
    """A reply in segments of so many `words`.

    `right` says whether an eager model's interim text was the final one. `ahead`, at least 1, holds the model
    back as described above; a sequential reply has nothing to hold back. Raises `ValueError` without
    segments, for an unknown mode, and for `ahead` in sequence.
    """
    if mode not in MODES:
        raise ValueError(f"mode is {mode!r}: it must be one of {', '.join(MODES)}")
    if not words:
        raise ValueError("words are empty: a reply needs at least one segment")
    if ahead is not None and (mode == "sequential" or count("ahead", ahead) < 1):
        raise ValueError(f"ahead is {ahead}: a sequential reply takes none, it is written whole")
    over = pipeline.endpoint_ms
    known = over + pipeline.final_ms if mode == "sequential" else max(over, pipeline.final_ms)
    guess = min(pipeline.interim_ms, known)
    start = float(guess if mode == "eager" and right else known)
    segments = _segments(pipeline, [count("words", segment) for segment in words], start, over, mode, ahead)
    wrong = mode == "eager" and not right
    guessed = pipeline.writer
    wasted = _whole(known - guess - guessed.first_ms, guessed.per_word_ms, sum(words)) if wrong else 0
    return Turn(pipeline, segments, wasted)


def _segments(
    pipeline: Pipeline, words: list[int], start: float, over: float, mode: Mode, ahead: int | None
) -> tuple[Segment, ...]:
    writer, voice = pipeline.writer, pipeline.voice
    whole = start + writer.first_ms + writer.per_word_ms * sum(words)
    sound = whole + sum(voice.synthesis_ms(segment) for segment in words)
    parts: list[Segment] = []
    for place, segment in enumerate(words):
        begun = parts[-1].written_ms if parts else start + writer.first_ms
        if ahead is not None and place >= ahead:
            begun = max(begun, parts[place - ahead].start_ms)
        written = begun + writer.per_word_ms * segment
        speak = max(whole if mode == "sequential" else written, parts[-1].ready_ms if parts else 0.0)
        ready = speak + voice.synthesis_ms(segment)
        play = max(sound if mode == "sequential" else ready, over, parts[-1].end_ms if parts else 0.0)
        parts.append(Segment(segment, begun, written, ready, play, play + voice.spoken_ms * segment))
    return tuple(parts)


# ---------------------------------------------------------------- barge-in


@dataclass(frozen=True)
class BargeIn:
    """Words at the end of an interrupted reply. `heard` is where the conversation's context has to be cut: a
    model that remembers more believes to have said what nobody heard."""

    heard: int
    spoken: int
    written: int

    @property
    def wasted_words(self) -> int:
        """Words that were written and never heard."""
        return self.written - self.heard

    @property
    def wasted_sound_words(self) -> int:
        """Words that were turned into sound and never heard."""
        return self.spoken - self.heard


def barge_in(
    reply: Turn, at_ms: float, *, detect_ms: float, stop_ms: float = 0.0, cancel_ms: float = 0.0
) -> BargeIn:
    """The caller speaks at `at_ms` into `reply`; `detect_ms` later this is noticed; from then the player
    needs `stop_ms` to fall silent, and the stages `cancel_ms` to give up. Sound that was not ready when they
    do is not played, and a segment whose sound was still being made counts as written alone."""
    noticed = not_negative("at_ms", at_ms) + not_negative("detect_ms", detect_ms)
    cancel = noticed + not_negative("cancel_ms", cancel_ms)
    spoken = reply.spoken(cancel)
    heard = min(reply.heard(noticed + not_negative("stop_ms", stop_ms)), spoken)
    return BargeIn(heard, spoken, reply.written(cancel))


def _whole(since_ms: float, each_ms: float, most: int) -> int:
    """How many of `most` things are done after `since_ms`, one each `each_ms`."""
    return min(most, max(0, int(since_ms / each_ms + 1e-9)))
