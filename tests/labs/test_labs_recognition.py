"""The labs of recognizers, chunks and voices on made-up recognizers and voices."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from labs.recognition import Shown, Spoken, judge, right_words, spread, stability, write_partials
from labs.speech import RATE_HZ, Utterance
from labs.streams import Trace, trace

from labs import chunks, recognition, synthesis
from servelab import wer
from servelab.audio import Pcm16


class Reader:
    """Knows one more word with each chunk, and gets the newest one wrong."""

    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.seen = 0

    def start(self) -> None:
        self.seen = 0

    def accept(self, chunk: Pcm16) -> str:
        self.seen += 1
        return " ".join([*self.words[: self.seen - 1], "what"])

    def finish(self) -> str:
        return " ".join(self.words)

    def whole(self, samples: Pcm16) -> str:
        return self.finish()


def utterance(words: list[str], name: str = "x.wav") -> Utterance:
    return Utterance(name, np.zeros(RATE_HZ * len(words) // 2, np.int16), " ".join(words), "0" * 64)


WORDS = ["one", "two", "three", "four"]
SPOKEN = Spoken(utterance(WORDS), WORDS, [(500.0 * i, 500.0 * i + 400) for i in range(4)])


def seen() -> Trace:
    return trace(Reader(WORDS), SPOKEN.utterance.samples, 500)


def test_a_trace_has_an_update_a_chunk_and_a_final_one() -> None:
    run = seen()
    assert run.heard_ms == [500, 1000, 1500, 2000, 2000]
    assert run.texts == ["what", "one what", "one two what", "one two three what", "one two three four"]
    assert Trace(**json.loads(json.dumps(asdict(run)))) == run


def test_right_words_are_paired_by_the_cheapest_alignment() -> None:
    pairs = sorted(right_words(["a", "b", "c", "d"], ["b", "x", "d"]))
    assert pairs == [(1, 0), (3, 2)]


def test_delay_counts_from_the_end_of_the_word_to_where_it_stands() -> None:
    displays = [wer.normalize(text) for text in seen().texts]
    shown = judge(displays, seen().heard_ms, SPOKEN)
    assert shown.erased == 4
    assert sorted(shown.delays_ms) == [100, 600, 600, 600]
    assert isinstance(shown, Shown)
    assert shown.errors.rate == 0


def test_holding_back_one_word_ends_the_flicker() -> None:
    values = stability("reader", [seen()], [SPOKEN])
    assert values["reader"]["erasure"]["value"] == 1
    assert values["reader-hold-1"]["erasure"]["value"] == 0
    assert (
        values["reader"]["word_delay_ms_p50"]["value"]
        == values["reader-hold-1"]["word_delay_ms_p50"]["value"]
    )
    assert values["reader-commit-2"]["erasure"]["value"] == 0
    assert values["reader"]["wer_live"]["value"] == 0


def test_sets_are_spread_over_the_lengths() -> None:
    many = [utterance(["a"] * n) for n in range(1, 12)]
    assert [round(one.seconds * 2) for one in spread(many, 3)] == [1, 6, 11]


def test_only_sentences_in_the_public_domain_are_written(tmp_path: Path) -> None:
    prompt = Spoken(utterance(WORDS, "x.g722"), WORDS, SPOKEN.times_ms)
    write_partials(tmp_path / "p.jsonl", {"reader": [seen(), seen()]}, [SPOKEN, prompt])
    lines = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text("utf-8").splitlines()]
    assert [line["file"] for line in lines] == ["x.wav"]
    assert lines[0]["word_ends_ms"] == [400, 900, 1400, 1900]


def test_a_pass_counts_computing_and_the_first_text() -> None:
    found = recognition.timed_pass(Reader(WORDS), [SPOKEN.utterance])  # type: ignore[arg-type]
    assert 0 <= found["rtf_whole"] < 0.1
    assert found["firsts_ms"][0] == pytest.approx(320, abs=20)
    values = recognition.first_words([found], [SPOKEN])
    assert values["first_ms"]["median"] == pytest.approx(320, abs=20)


def test_an_update_waits_for_the_one_before_it() -> None:
    slow = Trace([100, 200, 300], [150, 150, 20], ["a", "a b", "a b"])
    assert chunks.done_ms(slow) == [250, 400, 420]


def test_chunks_alone_are_put_end_to_end() -> None:
    alone = chunks.Alone(Reader(["word"]))  # type: ignore[arg-type]
    alone.start()
    assert [alone.accept(np.zeros(2_560, np.int16)) for _ in range(2)] == ["word", "word word"]
    assert alone.accept(np.zeros(chunks.SHORTEST - 1, np.int16)) == "word word"
    assert alone.accept(np.zeros(chunks.SHORTEST, np.int16)) == "word word word"
    values = chunks.summary([seen()], [SPOKEN])
    assert values["wer"]["value"] == 0
    assert values["word_delay_ms_p50"]["value"] == pytest.approx(600, abs=20)


def test_a_lab_sentence_has_the_words_that_it_says() -> None:
    for words, sentences in synthesis.SENTENCES.items():
        assert len(sentences) == 4
        assert [len(sentence.split()) for sentence in sentences] == [words] * 4


def test_voices_are_summed_up_by_length() -> None:
    said = {"first_ms": 100.0, "total_ms": 200.0, "audio_ms": 2000.0, "pieces": 1}
    one = {"load_s": 0.5, "spoken": {str(words): [said] * 4 for words in synthesis.LENGTHS}}
    values = synthesis.summary("piper", [one, one])
    assert values["piper-8"]["first_ms"]["median"] == 100
    assert values["piper"]["rtf"]["median"] == pytest.approx(0.1)
