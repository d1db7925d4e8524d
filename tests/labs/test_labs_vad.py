"""The lab of voice activity: labels, scores and moments on signals whose truth is known."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from labs.session import MissingPartError
from labs.speech import Utterance
from labs.vad import (
    Stream,
    gate_values,
    heard,
    in_gaps,
    moments,
    noisy,
    on_grid,
    opened,
    runs,
    scores,
    sent,
    spoken,
    stream_of,
    turn_values,
    widened,
    write_scores,
)

from labs import detectors
from servelab import audio
from servelab.wer import WordErrors

RATE_HZ = 16_000


def bursts(*pieces: tuple[float, float]) -> audio.Signal:
    """Noise of the given seconds and amplitudes, one piece after another."""
    rng = np.random.default_rng(1)
    return np.concatenate(
        [(amplitude * rng.standard_normal(round(seconds * RATE_HZ))) for seconds, amplitude in pieces]
    ).astype(np.float32)


def utterance(*pieces: tuple[float, float]) -> Utterance:
    return Utterance("made", audio.to_pcm16(bursts(*pieces)), "", "0" * 64)


def test_short_holes_are_closed_and_long_ones_stay() -> None:
    active = spoken(bursts((0.2, 0), (0.5, 0.1), (0.1, 0), (0.5, 0.1), (0.3, 0), (0.5, 0.1), (0.2, 0)))
    assert list(runs(active)) == [(20, 130), (160, 210)]


def test_a_stream_knows_where_its_sentences_are() -> None:
    one = utterance((0.1, 0), (1.0, 0.1), (0.1, 0))
    stream = stream_of([one, one], np.random.default_rng(2))
    assert stream.signal.size == 160 * stream.speech.size
    for start, stop in stream.spans:
        assert stop - start == 100
        assert stream.speech[start:stop].all()
    assert stream.speech.sum() == 200
    heard = noisy(stream, np.random.default_rng(3).normal(0, 1, 16_000).astype(np.float32), 10)
    gap = heard[: 50 * 160]
    assert audio.dbfs(gap) == pytest.approx(-36, abs=0.3)


def test_scores_count_what_was_missed_where() -> None:
    speech = np.zeros(1_000, dtype=bool)
    speech[100:300] = speech[600:800] = True
    stream = Stream(np.zeros(160_000, np.float32), speech, [(100, 300), (600, 800)])
    perfect = scores(stream, speech)
    assert (perfect["missed"]["value"], perfect["false_alarm"]["value"]) == (0, 0)
    marked = speech.copy()
    marked[100:110] = marked[600:610] = False
    marked[200:205] = marked[700:705] = False
    marked[300:320] = marked[800:820] = True
    found = scores(stream, marked)
    assert found["missed"]["value"] == 7.5
    assert found["clipped_p50"] == {"value": 100, "unit": "ms", "n": 2}
    assert found["hole_p95"]["value"] == 50
    assert found["release_p50"]["value"] == 200
    assert found["false_alarm"]["value"] == pytest.approx(100 * 40 / 500)
    assert scores(stream, np.zeros_like(speech))["missed"]["value"] == 100


def test_margins_reach_both_ways() -> None:
    marked = np.zeros(100, dtype=bool)
    marked[50] = True
    assert list(runs(widened(marked, 100))) == [(40, 61)]
    assert sent(marked)["sent_0"]["value"] == 1


def test_frames_of_any_length_meet_the_grid() -> None:
    decisions = np.array([True, False, True])
    np.testing.assert_array_equal(on_grid(decisions, 32, 9), [1, 1, 1, 0, 0, 0, 1, 1, 1])


def test_a_sentence_has_an_end_its_pauses_and_a_cut() -> None:
    found = moments(utterance((0.2, 0), (1.0, 0.1), (0.3, 0), (1.0, 0.1), (0.2, 0)))
    assert found["end"] == [250 * 160]
    assert found["pause"] == [120 * 160]
    assert 120 * 160 <= found["cut"][0] <= 150 * 160


def test_taken_shares_and_the_area_under_the_curve() -> None:
    values = turn_values({"end": [0.9, 0.8], "pause": [0.1, 0.85], "cut": [0.2, 0.1]})
    assert values["end_taken"]["value"] == 100
    assert values["pause_taken"]["value"] == 50
    assert (values["auc_cut"]["value"], values["auc_pause"]["value"]) == (1, 0.75)


def test_a_gate_opens_early_and_closes_late() -> None:
    marked = np.zeros(100, dtype=bool)
    marked[50:60] = True
    assert list(runs(opened(marked, 0, 0))) == [(50, 60)]
    assert list(runs(opened(marked, 150, 0))) == [(35, 60)]
    assert list(runs(opened(marked, 0, 250))) == [(50, 85)]


def test_a_recognizer_hears_what_the_gate_lets_through() -> None:
    one = utterance((0.1, 0), (1.0, 0.1), (0.1, 0))
    stream = stream_of([one, one], np.random.default_rng(2))
    sizes: list[int] = []

    def ear(samples: audio.Pcm16) -> str:
        sizes.append(samples.size)
        return "one two" if samples.size > 20_000 else "one"

    whole = heard(ear, stream, stream.signal, ["one two"] * 2, np.ones_like(stream.speech))
    gated = heard(ear, stream, stream.signal, ["one two"] * 2, stream.speech)
    assert sizes == [32_000, 32_000, 16_000, 16_000]
    assert (whole, gated) == ([[0, 0, 0, 2]] * 2, [[0, 1, 0, 2]] * 2)
    shut = heard(ear, stream, stream.signal, ["one two"] * 2, np.zeros_like(stream.speech))
    assert (len(sizes), shut) == (4, [[0, 2, 0, 2]] * 2)
    values = gate_values(
        {"whole": [WordErrors(*row) for row in whole], "gate": [WordErrors(*row) for row in gated]}
    )
    assert values["gate"]["wer_change"]["value"] == 50
    assert values["gate"]["replaced_change"]["value"] == 50
    assert values["gate"]["inserted"]["value"] == 0
    found = in_gaps(ear, stream, stream.signal)
    gap = stream.spans[1][0] - stream.spans[0][1]
    assert found["minutes"] == pytest.approx(gap / 6_000)
    assert found["words"] in (1, 2)


def test_every_score_is_kept(tmp_path: Path) -> None:
    write_scores(tmp_path / "s.jsonl", {"en": {"end": [0.9], "cut": [0.1, 0.25]}})
    lines = [json.loads(line) for line in (tmp_path / "s.jsonl").read_text("utf-8").splitlines()]
    assert lines == [
        {"language": "en", "kind": "end", "score": 0.9},
        {"language": "en", "kind": "cut", "score": 0.1},
        {"language": "en", "kind": "cut", "score": 0.25},
    ]


def test_another_wheel_is_refused(tmp_path: Path) -> None:
    (tmp_path / detectors.PIPECAT_WHEEL).write_bytes(b"other")
    with pytest.raises(MissingPartError, match=hashlib.sha256(b"other").hexdigest()):
        detectors._from_wheel(tmp_path)


class Recorder:
    """Stands in for Silero, which belongs to the labs: remembers what it was given, says 0.25 each time."""

    def __init__(self) -> None:
        self.frames: list[np.ndarray] = []

    def reset_states(self) -> None:
        self.frames.clear()

    def __call__(self, frame: np.ndarray, rate_hz: int) -> np.ndarray:
        assert rate_hz == RATE_HZ
        self.frames.append(frame)
        return np.array([[0.25]])


def test_the_model_hears_whole_frames_and_forgets_the_stream_before() -> None:
    model, stream = Recorder(), np.arange(1, 1025 + 1, dtype=np.float32)
    for _ in range(2):
        np.testing.assert_array_equal(detectors.speech_probability(model, stream), [0.25] * 3)
    assert [frame.size for frame in model.frames] == [512] * 3
    np.testing.assert_array_equal(np.concatenate(model.frames)[: stream.size], stream)
    assert not model.frames[-1][1:].any()
