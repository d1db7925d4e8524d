"""A spoken reply: what a language model writes, a voice turns into sound, and a caller hears or cuts off.

The reply is handed to the voice in segments. While one segment plays, the next is written and spoken, if
the stages overlap. What has been written, what has been spoken and what was heard are then three different
texts; an interruption shows the difference. Times are in ms from the moment at which the recognizer's final
text is there.

>>> reply([4, 10], Writer(300, 50), Voice(40, 20, 350)).first_word_ms
620.0
>>> reply([4, 10], Writer(300, 50), Voice(40, 20, 350), overlap=False).first_word_ms
1360.0
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from servelab.arguments import count, not_negative, positive


@dataclass(frozen=True)
class Writer:
    """A language model: `first_ms` until it begins to write, then a word each `per_word_ms`. The first word
    is there `per_word_ms` after it has begun."""

    first_ms: float
    per_word_ms: float

    def __post_init__(self) -> None:
        not_negative("first_ms", self.first_ms)
        positive("per_word_ms", self.per_word_ms)


@dataclass(frozen=True)
class Voice:
    """Synthesis that gives a segment in one piece: `base_ms` and `per_word_ms` of computing, and
    `spoken_ms` of sound for each word."""

    base_ms: float
    per_word_ms: float
    spoken_ms: float

    def __post_init__(self) -> None:
        not_negative("base_ms", self.base_ms)
        not_negative("per_word_ms", self.per_word_ms)
        positive("spoken_ms", self.spoken_ms)

    def synthesis_ms(self, words: int) -> float:
        """Computing for a segment of `words`."""
        return self.base_ms + self.per_word_ms * count("words", words)


@dataclass(frozen=True)
class Interrupted:
    """Words of a reply at the moment at which the caller cuts it off. Each kind holds the one before it:
    heard, spoken (there as sound), written."""

    heard: int
    spoken: int
    written: int


@dataclass(frozen=True)
class Reply:
    """One reply, segment by segment: when it was written, when its sound was there, when it played."""

    writer: Writer
    voice: Voice
    words: tuple[int, ...]
    written_ms: tuple[float, ...]
    ready_ms: tuple[float, ...]
    start_ms: tuple[float, ...]
    end_ms: tuple[float, ...]

    @property
    def first_word_ms(self) -> float:
        """When the caller hears the reply begin."""
        return self.start_ms[0]

    @property
    def gaps_ms(self) -> tuple[float, ...]:
        """Silence before each segment but the first, because its sound was not there yet."""
        return tuple(start - before for start, before in zip(self.start_ms[1:], self.end_ms, strict=False))

    def interrupted(self, at_ms: float) -> Interrupted:
        """What had been heard, spoken and written `at_ms`. A word counts as heard when it has ended."""
        not_negative("at_ms", at_ms)
        heard = sum(
            min(words, max(0, int((at_ms - start) / self.voice.spoken_ms + 1e-9)))
            for words, start in zip(self.words, self.start_ms, strict=True)
        )
        spoken = sum(words for words, ready in zip(self.words, self.ready_ms, strict=True) if ready <= at_ms)
        since = (at_ms - self.writer.first_ms) / self.writer.per_word_ms
        written = min(sum(self.words), max(0, int(since + 1e-9)))
        return Interrupted(heard, spoken, written)


def reply(words: Sequence[int], writer: Writer, voice: Voice, *, overlap: bool = True) -> Reply:
    """A reply of segments of so many `words`. With `overlap` each segment goes to the voice when its last
    word is written; without, all go when the whole reply is, and play when all of it is sound.

    One voice speaks one segment at a time. Raises `ValueError` without segments.
    """
    if not words:
        raise ValueError("words are empty: a reply needs at least one segment")
    so_far = 0
    written: list[float] = []
    for segment in words:
        so_far += count("words", segment)
        written.append(float(writer.first_ms + writer.per_word_ms * so_far))
    ready: list[float] = []
    for segment, there in zip(words, written, strict=True):
        begin = there if overlap else written[-1]
        ready.append(max(begin, ready[-1] if ready else 0.0) + voice.synthesis_ms(segment))
    starts: list[float] = []
    ends: list[float] = []
    for segment, there in zip(words, ready, strict=True):
        playable = there if overlap else ready[-1]
        starts.append(max(playable, ends[-1] if ends else 0.0))
        ends.append(starts[-1] + voice.spoken_ms * segment)
    return Reply(writer, voice, tuple(words), tuple(written), tuple(ready), tuple(starts), tuple(ends))


def speculation(saved_ms: float, wrong_share: float, words: float) -> tuple[float, float]:
    """Replies started on a guess of what the caller will have said: the mean delay saved in ms, and the
    words written for nothing for each reply that is used.

    A wrong guess, `wrong_share` of them (0 to under 1), saves nothing and wastes `words`; a turn whose guess
    was wrong writes its reply again. Raises `ValueError` outside that range.
    """
    if not 0 <= wrong_share < 1:
        raise ValueError(f"wrong_share is {wrong_share}: it must be at least 0 and under 1")
    return (1 - wrong_share) * not_negative("saved_ms", saved_ms), wrong_share * not_negative("words", words)
