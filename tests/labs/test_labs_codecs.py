"""The codec lab on one short recording and a recognizer that is made up."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from labs.codecs import Codec
from labs.recognizers import Recognize
from labs.session import MissingPartError, Session
from labs.speech import Utterance

from labs import __main__ as command
from labs import codecs, hearing, lab, recognizers
from servelab import ROOT, audio, wer
from servelab.wer import WordErrors


@pytest.fixture(scope="module")
def utterance() -> Utterance:
    signal, _ = audio.load(ROOT / "audio" / "05" / "speech-16khz.flac")
    return Utterance("sentence", audio.to_pcm16(signal), "unless to be rather cold hearted", "0" * 64)


@pytest.fixture(scope="module")
def by_key() -> dict[str, Codec]:
    return {codec.key: codec for codec in codecs.all_codecs()}


def test_the_reference_comes_first_and_changes_nothing(
    by_key: dict[str, Codec], utterance: Utterance
) -> None:
    assert next(iter(by_key)) == codecs.REFERENCE
    np.testing.assert_array_equal(by_key["pcm-16khz"].run(utterance.samples).samples, utterance.samples)
    np.testing.assert_array_equal(by_key["flac"].run(utterance.samples).samples, utterance.samples)


@pytest.mark.parametrize(
    ("key", "kbit_s", "tolerance"),
    [
        ("pcm-16khz", 256, 0),
        ("pcm-8khz", 128, 0),
        ("g711", 64, 0.01),
        ("opus-6k", 6, 0.1),
        ("opus-24k", 24, 0.1),
    ],
)
def test_bytes_are_those_of_the_bit_rate(
    by_key: dict[str, Codec], utterance: Utterance, key: str, kbit_s: float, tolerance: float
) -> None:
    coded = by_key[key].run(utterance.samples)
    assert coded.samples.shape == utterance.samples.shape
    assert coded.payload_bytes * 8 / 1000 / utterance.seconds == pytest.approx(kbit_s, rel=tolerance + 1e-9)


def test_flac_is_smaller_than_pcm_and_waits_for_a_block(
    by_key: dict[str, Codec], utterance: Utterance
) -> None:
    coded = by_key["flac"].run(utterance.samples)
    assert 0.2 < coded.payload_bytes / utterance.samples.nbytes < 0.9
    assert by_key["flac"].delay_ms > 100
    assert by_key["opus-24k"].delay_ms == pytest.approx(26.5)


def test_a_telephone_has_nothing_above_four_kilohertz(by_key: dict[str, Codec], utterance: Utterance) -> None:
    for key in ("pcm-8khz", "opus-8k"):
        narrow = audio.from_pcm16(by_key[key].run(utterance.samples).samples)
        assert audio.share_above(narrow, 16_000, 4_200) < 1e-4
    wide = audio.from_pcm16(by_key["opus-12k"].run(utterance.samples).samples)
    assert audio.share_above(wide, 16_000, 4_200) > 1e-3


def test_costs_have_a_median_and_a_tail(by_key: dict[str, Codec], utterance: Utterance) -> None:
    short = [Utterance("short", utterance.samples[:16_000], "x", "0" * 64)]
    one = codecs.cost_pass([by_key["opus-24k"], by_key["flac"]], short)
    found = codecs.costs([one, one])
    assert set(found["opus-24k"]) == {"encode_us_p50", "encode_us_p99", "decode_us_p50", "decode_us_p99"}
    assert set(found["flac"]) == {"encode_us_p50", "decode_us_p50"}
    assert found["opus-24k"]["encode_us_p50"]["n"] == 2


def test_error_rates_are_paired_with_the_reference() -> None:
    good = [WordErrors(1, 0, 0, 10), WordErrors(0, 0, 0, 10)] * 50
    worse = [count + WordErrors(1, 0, 0, 0) for count in good]
    values = codecs.error_rates({codecs.REFERENCE: good, "bad": worse, "same": good}, "ear")
    assert values[codecs.REFERENCE]["wer_ear"]["value"] == 5
    assert "wer_ear_change" not in values[codecs.REFERENCE]
    assert values["bad"]["wer_ear_change"] == {"value": 10, "unit": "points", "n": 100, "low": 10, "high": 10}
    assert values["same"]["wer_ear_change"] == {"value": 0, "unit": "points", "n": 100, "low": 0, "high": 0}


def test_words_are_counted_for_every_utterance_and_kept_in_blocks(
    utterance: Utterance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing, "BLOCK", 2)
    session = Session("echo", lambda _: None, tmp_path)
    counts = hearing.word_errors(
        session, "x", lambda _: "unless to be rather old", [utterance] * 3, lambda one: one.samples
    )
    assert counts == [wer.count(utterance.transcript, "unless to be rather old")] * 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x-0.json", "x-1.json"]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, utterance: Utterance, tmp_path: Path) -> Path:
    """The lab on two seconds of speech, one pass, recognizers that always hear the same; writes to the
    folder."""
    short = Utterance("short", utterance.samples[:32_000], "unless to be", "0" * 64)
    monkeypatch.setattr(codecs, "librivox", lambda: [short])
    monkeypatch.setattr(codecs, "prompts", lambda: [short])
    monkeypatch.setattr(codecs, "COST_PASSES", 1)
    ears = {name: lambda: lambda _: "unless to be" for name in ("moonshine", "pocketsphinx")}
    monkeypatch.setattr(recognizers, "OFFLINE", ears)
    monkeypatch.setattr(recognizers, "sha256_of", lambda _: {})
    monkeypatch.setattr(codecs, "versions", lambda _: {"none": "0"})
    monkeypatch.setattr(command, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(command, "KEPT", tmp_path / "kept")
    monkeypatch.setattr(command, "kept_folder", lambda *_: tmp_path / "steps")
    return tmp_path


def test_the_whole_lab_gives_a_record(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.measure(codecs.LAB) == 0
    values = json.loads((small / "results" / "codecs.json").read_text("utf-8"))["values"]
    assert values["opus-6k"]["wer_moonshine"]["value"] == 0
    assert values["opus-24k"]["bandwidth_hz"]["median"] == 8_000
    assert values["test-set"]["words"]["value"] == 6
    assert "moved by more than its spread:" in capsys.readouterr().out
    assert not (small / "steps").exists()


def test_a_missing_recognizer_is_named_and_the_rest_is_kept(
    small: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def absent() -> Recognize:
        raise MissingPartError("install moonshine-voice: pip install x")

    monkeypatch.setitem(recognizers.OFFLINE, "moonshine", absent)
    assert command.measure(codecs.LAB) == 1
    record = json.loads((small / "kept" / "codecs.json").read_text("utf-8"))
    assert record["missing"] == ["moonshine: install moonshine-voice: pip install x"]
    assert "wer_pocketsphinx" in record["values"]["g711"]
    assert "wer_moonshine" not in record["values"]["g711"]
    assert not (small / "results").exists()
    shown = capsys.readouterr().out
    assert "install moonshine-voice" in shown
    assert "gone" not in shown


# ---------------------------------------------------------------- the command line


def test_the_list_says_what_why_how_long_and_what_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--list"]) == 0
    shown = capsys.readouterr().out
    for word in ("codecs:", "what", "why", "takes", "needs", "pocketsphinx-testdata"):
        assert word in shown


def test_a_wrong_name_is_answered_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["codec"]) == 2
    shown = capsys.readouterr().err
    assert "no lab 'codec'. Known: " in shown
    assert "codecs" in shown


def test_a_missing_package_names_its_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(MissingPartError, match=r"sudo apt-get update && sudo apt-get install .* some-speech"):
        lab.require_debian("some-speech", tmp_path / "none")
    lab.require_debian("some-speech", tmp_path)


def test_a_lab_without_its_parts_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(*_: object, **__: object) -> None:
        raise MissingPartError("install x: apt-get install x")

    monkeypatch.setattr(command, "measure", missing)
    assert command.main(["codecs"]) == 1
    assert "lab codecs: install x" in capsys.readouterr().err
