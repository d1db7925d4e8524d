"""The loss lab: its receivers against each other, its record whole."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from labs.loss import Condition, receive, send
from labs.speech import Utterance

from labs import __main__ as command
from labs import loss, recognizers
from servelab import ROOT, audio


@pytest.fixture(scope="module")
def utterance() -> Utterance:
    signal, _ = audio.load(ROOT / "audio" / "05" / "speech-16khz.flac")
    return Utterance("sentence", audio.to_pcm16(signal), "unless to be rather cold hearted", "0" * 64)


def test_nothing_lost_means_no_answer_is_needed(utterance: Utterance) -> None:
    sent = send(utterance.samples)
    none = np.zeros(len(sent.packets), dtype=bool)
    whole = receive(sent, none, "concealment")
    np.testing.assert_array_equal(whole, receive(sent, none, "silence"))
    assert whole.shape == utterance.samples.shape
    with pytest.raises(ValueError, match="one a packet"):
        receive(sent, none[1:], "silence")


def test_answers_come_ever_closer_to_what_was_said(utterance: Utterance) -> None:
    """A frame's worth of silence, then something like the sound before it, then the sound itself."""
    plain, redundant = send(utterance.samples), send(utterance.samples, 0.2)
    lost = np.zeros(len(plain.packets), dtype=bool)
    lost[20::5] = True
    none = np.zeros_like(lost)
    distance = {}
    for answer, sent in (("silence", plain), ("concealment", plain), ("fec", redundant)):
        heard, whole = receive(sent, lost, answer), receive(sent, none, answer)  # type: ignore[arg-type]
        spectra = [audio.spectrogram(audio.from_pcm16(one), 16_000).db for one in (heard, whole)]
        distance[answer] = float(np.abs(spectra[0] - spectra[1]).mean())
    assert distance["fec"] < distance["concealment"] < distance["silence"]


def test_the_three_answers_get_the_same_losses() -> None:
    draws = [Condition("bursty", 0.1, answer).lost(3, 200) for answer in loss.ANSWERS]
    assert draws[0].any()
    for other in draws[1:]:
        np.testing.assert_array_equal(draws[0], other)
    assert (Condition("bursty", 0.1, "fec").lost(4, 200) != draws[0]).any()


def test_a_word_lost_in_every_utterance_shows_as_a_change() -> None:
    from servelab.wer import WordErrors

    intact = [WordErrors(0, 0, 0, 10)] * 40
    values = loss.row_values([[0, 1, 0, 10, 5, 100, 6_000]] * 40, intact, 80.0)
    assert values["wer_change"] == {"value": 10, "unit": "points", "n": 40, "low": 10, "high": 10}
    assert values["wer_change_by_seed"] == {"median": 10, "unit": "points", "n": 20, "low": 10, "high": 10}
    assert values["lost"] == {"value": 5, "unit": "%", "n": 4_000}
    assert values["payload_kbit_s"]["value"] == 24


def test_the_whole_lab_gives_a_record(
    monkeypatch: pytest.MonkeyPatch, utterance: Utterance, tmp_path: Path
) -> None:
    short = Utterance("short", utterance.samples[:32_000], "unless to be", "0" * 64)
    monkeypatch.setattr(loss, "librivox", lambda: [short] * 5)
    monkeypatch.setattr(loss, "prompts", lambda: [short])
    monkeypatch.setattr(loss, "COST_PASSES", 1)
    monkeypatch.setattr(loss, "versions", lambda _: {"none": "0"})
    monkeypatch.setattr(recognizers, "moonshine", lambda: lambda _: "unless to be")
    monkeypatch.setattr(recognizers, "sha256_of", lambda _: {})
    monkeypatch.setattr(command, "RESULTS", tmp_path)
    monkeypatch.setattr(command, "kept_folder", lambda *_: tmp_path / "steps")
    assert command.measure(loss.LAB) == 0
    values = json.loads((tmp_path / "loss.json").read_text("utf-8"))["values"]
    assert set(values) == {"cost", "intact", *(condition.key for condition in loss.CONDITIONS)}
    assert values["random-20-fec"]["wer"]["value"] == 0
    assert values["bursty-20-silence"]["lost"]["value"] > 0
    assert values["intact"]["words"]["value"] == 18
