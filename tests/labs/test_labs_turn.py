"""The lab of one turn on made-up parts: a detector of loudness, a recognizer that counts, a voice."""

from __future__ import annotations

import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from labs.speech import RATE_HZ, Utterance

from labs import turn
from servelab.audio import Pcm16, Signal
from servelab.replies import Writer

QUICK = Writer(first_ms=40, per_word_ms=5)
SEGMENTS = ("one two", "three four five")
FRAME_MS = turn.FRAME_MS


class Noted:
    """Spans as `turn.Spans` gives them, without OpenTelemetry."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, int, int]] = []

    @contextmanager
    def turn(self) -> Iterator[None]:
        self.spans.clear()
        yield

    @contextmanager
    def span(self, name: str, since_ns: int | None = None) -> Iterator[None]:
        started = since_ns or time.time_ns()
        yield
        self.spans.append((name, started, time.time_ns()))

    def known(self, name: str, start_ns: int, end_ns: int) -> None:
        self.spans.append((name, start_ns, end_ns))

    def finished(self) -> list[tuple[str, int, int]]:
        return sorted(self.spans, key=lambda one: one[1])


class Counter:
    """A recognizer whose text is the number of samples that it was given."""

    def __init__(self) -> None:
        self.samples = 0

    def start(self) -> None:
        self.samples = 0

    def accept(self, chunk: Pcm16) -> str:
        self.samples += chunk.size
        return str(self.samples)

    def finish(self) -> str:
        return str(self.samples)

    def whole(self, samples: Pcm16) -> str:
        time.sleep(0.03)
        return str(samples.size)


class Beep:
    """A voice of 200 ms a segment, the first 60 ms of them silent."""

    def say(self, text: str, wav: Path | None = None) -> dict[str, float]:
        rate = 22_050
        sound = np.zeros(rate // 5, "<i2")
        sound[rate * 60 // 1000 :] = 9_000
        with wave.open(str(wav), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes(sound.tobytes())
        return {}


def loud(frame: Signal | None) -> float:
    return 0.0 if frame is None else float(np.abs(frame).max() > 0.1)


def given(*pieces_ms: int) -> turn.Call:
    """A call of speech and silence by turns, and a second of silence after it."""
    samples = [
        np.full(RATE_HZ * piece // 1000, 0 if place % 2 else 9_000, np.int16)
        for place, piece in enumerate(pieces_ms)
    ]
    return turn.Call(np.concatenate([*samples, np.zeros(RATE_HZ, np.int16)]), float(sum(pieces_ms)))


def parts() -> turn.Parts:
    return turn.Parts(Noted(), loud, Counter(), Beep())  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn, "WRITER", QUICK)
    monkeypatch.setattr(turn, "SILENCE_MS", 256)
    monkeypatch.setattr(turn, "EARLY_MS", 96)


def by_name(found: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """Start and end of the last span of each name."""
    return {name: (start, start + length) for name, start, length in found["spans"]}


@pytest.mark.parametrize("way", turn.WAYS)
def test_a_turn_hands_on_from_stage_to_stage(way: str) -> None:
    found = turn.one_turn(parts(), given(640), way, SEGMENTS)
    spans = by_name(found)
    assert spans["silence"][1] - spans["silence"][0] == pytest.approx(256, abs=25)
    assert spans["final"][1] <= spans["model-begins"][0] + 1
    assert spans["model-1"][1] <= spans["voice-1"][0] + 1
    assert spans["voice-1"][1] <= spans["play-1"][0] + 1
    assert spans["play-2"][0] >= spans["play-1"][1] - 0.01
    assert spans["play-1"][1] - spans["play-1"][0] == pytest.approx(200)
    assert found["lead_ms"] == 60
    assert abs(found["vad_late_ms"]) <= FRAME_MS
    assert found["requests"] == 1


def test_the_final_text_has_all_of_the_sound_before_the_request() -> None:
    for way in ("live", "whole"):
        found = turn.one_turn(parts(), given(640), way, SEGMENTS)
        assert int(found["text"]) == RATE_HZ * (640 + 256) // 1000


def test_only_the_live_way_updates_while_the_caller_speaks() -> None:
    updates = {
        way: [name for name, _, _ in turn.one_turn(parts(), given(640), way, SEGMENTS)["spans"]].count(
            "update"
        )
        for way in turn.WAYS
    }
    assert updates["live"] >= 2
    assert updates["whole"] == updates["early"] == 0


def test_an_early_request_overlaps_with_the_silence() -> None:
    early = by_name(turn.one_turn(parts(), given(640), "early", SEGMENTS))
    assert early["final"][1] < early["silence"][1] <= early["model-begins"][0] + 1


def test_an_early_request_is_made_again_when_the_caller_goes_on() -> None:
    found = turn.one_turn(parts(), given(320, 192, 320), "early", SEGMENTS)
    assert found["requests"] == 2
    assert int(found["text"]) == RATE_HZ * (320 + 192 + 320 + 96) // 1000


def test_a_call_without_an_end_is_an_error() -> None:
    endless = turn.Call(np.full(RATE_HZ // 2, 9_000, np.int16), 500.0)
    with pytest.raises(ValueError, match="the detector ends the speech at"):
        turn.one_turn(parts(), endless, "live", SEGMENTS)


def test_a_call_is_the_sentence_and_a_room() -> None:
    sound = np.concatenate([np.full(RATE_HZ, 9_000, np.int16), np.zeros(RATE_HZ // 2, np.int16)])
    made = turn.call(Utterance("x", sound, "x", "0" * 64), seconds_after=2)
    assert made.end_ms == 1000
    assert made.samples.size == 3 * RATE_HZ
    assert 0 < np.abs(made.samples[RATE_HZ:]).max() < 9_000 / 20


def test_the_values_have_every_span_and_the_last_of_those_asked_again() -> None:
    one = {
        "spans": [
            ["final", 10.0, 5.0],
            ["update", 1.0, 2.0],
            ["update", 4.0, 3.0],
            ["final", 30.0, 6.0],
            ["play-1", 50.0, 9.0],
        ],
        "lead_ms": 40.0,
        "vad_late_ms": -20.0,
        "frame_late_ms": 1.0,
        "requests": 2,
    }
    values = turn.summary("early", [one, one | {"lead_ms": 60.0}])
    assert values["early"]["first_word_ms"] == {"median": 100, "unit": "ms", "n": 2, "low": 90, "high": 110}
    assert values["early-final"]["start_ms"]["median"] == 30
    assert values["early-update"]["sum_ms"]["median"] == 5
    assert values["early"]["requests"]["value"] == 2


def test_what_a_way_saves_is_counted_in_pairs() -> None:
    def played(*starts_ms: float) -> list[dict[str, Any]]:
        return [{"spans": [["final", 1.0, 2.0], ["play-1", start, 9.0]]} for start in starts_ms]

    turns = {"whole": played(100, 900, 500), "live": played(90, 800, 470)}
    assert turn.saved(turns, "live") == {"median": 30, "unit": "ms", "n": 3, "low": 10, "high": 100}
