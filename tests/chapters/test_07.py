"""Chapter 7: the exercises' solutions, and the findings that its prose states in words."""

from __future__ import annotations

from typing import Any

import pytest

from .cells import run_cells


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    return run_cells("07-streaming-inference-pipelines")


def test_solution_of_the_limit_exercise(page: dict[str, Any]) -> None:
    assert page["roomy"] == 2 * page["tight"] > 0
    assert 1.5 * page["batching"].cycle_ms(page["roomy"] + 1, 320) > 45


def test_solution_of_the_agreement_exercise(page: dict[str, Any]) -> None:
    assert page["ruled"] == [[], ["the"], ["the", "full", "moon"], ["the", "full", "moon", "is"]]


def test_solution_of_the_heard_exercise(page: dict[str, Any]) -> None:
    assert page["heard_text"](page["said"], 2150) == "Your flight is on time. It leaves"
    assert page["heard_text"](page["said"], 0) == ""
    assert page["heard_text"](page["said"], 9_999).endswith("gate twelve.")


def test_live_streams_follow_the_closed_form_and_random_ones_do_not(page: dict[str, Any]) -> None:
    for streams in range(6, 16):
        assert page["live_p99"][streams] == pytest.approx(page["theory_p99"][streams], rel=0.12)
    assert page["web_p99"][14] > 2 * page["live_p99"][14]
    assert page["web_p99"][7] < 100 < page["web_p99"][9]


def test_the_laws_hold_where_they_are_used(page: dict[str, Any]) -> None:
    assert page["counted"] == pytest.approx(page["by_law"], rel=0.005)
    assert page["simulated"] == pytest.approx(page["together"], rel=0.15)
    assert page["web_mean"] == pytest.approx(page["md1_mean"], rel=0.1)
    assert page["live_mean"] < page["md1_mean"] / 1.8


def test_the_median_follows_the_hyperbola(page: dict[str, Any]) -> None:
    for streams in (24, 32, 40, 48, 54, 58, 62, 64, 66):
        assert page["batch_p50"][streams] == pytest.approx(1.5 * page["cycle"][streams], rel=0.15)


def test_deadlines_buy_something_only_under_their_conditions(page: dict[str, Any]) -> None:
    mixed, at = page["mixed"], page["at"]
    assert page["equal_gap"] == 0
    assert mixed["deadline"][at[0.9375]] < mixed["first come"][at[0.9375]] / 5
    assert mixed["deadline"][at[1.125]] > 0.85
    assert mixed["deadline, skip"][at[1.125]] < 0.13


def test_the_unit_of_goodput_turns_the_order_round(page: dict[str, Any]) -> None:
    half = page["half"]
    drop, away = page["overload"]["drop chunks"][half], page["overload"]["turn streams away"][half]
    assert drop[0] > away[0]
    assert drop[1] < 0.1 < away[1]
    assert page["overload"]["cheaper model"][half][:2] == (1, 1)


def test_overlap_comes_sooner_and_what_was_heard_is_least(page: dict[str, Any]) -> None:
    first = [page[name].first_word_ms for name in ("by_clause", "by_sentence", "one_after_another")]
    assert first == sorted(first)
    assert page["cut"].heard < page["cut"].spoken <= page["cut"].written


def test_every_recognizer_takes_back_about_a_word_for_each_it_keeps(page: dict[str, Any]) -> None:
    live = page["live"]
    for name in page["NAMES"]:
        assert 0.9 < live[f"{name}.erasure"].value < 1.3
        assert live[f"{name}.erasure"].low < live["pocketsphinx.erasure"].high
        assert live[f"{name}.erasure"].high > live["pocketsphinx.erasure"].low
    assert live["pocketsphinx.wer_live"].value > 5 * live["moonshine.wer_live"].value


def test_one_doubtful_word_holds_up_the_sentence(page: dict[str, Any]) -> None:
    sentence = page["listened"]["moonshine"]
    assert page["shown"]["moonshine"][-1] == sentence["transcript"].split()
    since = page["partials"].settled(page["shown"]["moonshine"])
    fifth_ends, sixth_ends = sentence["word_ends_ms"][4:6]
    assert {sentence["heard_ms"][place] for place in since[:5]} == {1920}
    assert fifth_ends < 1920 < sixth_ends
    assert page["listened"]["whisper"]["texts"][0] == "Okay."


def test_agreement_is_steadier_and_sooner_than_two_words_held_back(page: dict[str, Any]) -> None:
    live = page["live"]
    for name in page["NAMES"]:
        for value in ("erasure", "word_delay_ms_p50"):
            assert live[f"{name}-agree-2.{value}"].value < live[f"{name}-hold-2.{value}"].value
        promised = live[f"{name}-commit-2.wer_live"]
        assert promised.value > live[f"{name}.wer_live"].value
        assert promised.low < live[f"{name}.wer_live"].high
        assert (
            live[f"{name}-commit-2.word_delay_ms_p50"].value < live[f"{name}-agree-2.word_delay_ms_p50"].value
        )
    assert live["moonshine-hold-2.erasure"].value > 1.7 * live["moonshine-agree-2.erasure"].value


def test_the_chunk_costs_computing_and_delay_but_no_words(page: dict[str, Any]) -> None:
    by_chunk, sizes = page["by_chunk"], page["SIZES"]
    assert len({by_chunk[f"moonshine-{size}.wer"].value for size in sizes}) == 1
    sphinx = [by_chunk[f"pocketsphinx-{size}.rtf"].value for size in sizes]
    assert max(sphinx) < 1.15 * min(sphinx)
    every = [by_chunk[f"pocketsphinx-{size}.wer"] for size in sizes]
    assert max(one.low for one in every) < min(one.value for one in every)
    assert by_chunk["moonshine-alone-320.wer"].value > 100
    update_ms = by_chunk["moonshine-320.update_ms_p50"].value
    assert page["saved_ms"](640, 320) > update_ms > page["saved_ms"](320, 160)
    assert page["paid"](320, 160) > page["paid"](640, 320)


def test_whisper_does_not_keep_up_live(page: dict[str, Any]) -> None:
    assert page["live"]["whisper.rtf_streaming"].value > 1
    assert page["again"] > 10


def test_half_of_the_wait_lies_before_the_reply(page: dict[str, Any]) -> None:
    assert sum(page["parts"]) == pytest.approx(page["first_word"])
    assert page["seen"] == pytest.approx(page["by_clause"].first_word_ms, rel=0.03)
    assert 0.42 < page["by_hand"] < 0.55
    assert (page["parts"][0] + page["parts"][2]) / page["first_word"] > 0.85
    assert page["turn"]["live.saved_ms"].low < 0 < page["turn"]["live.saved_ms"].value
    assert page["turn"]["early.requests"].value == 1
    assert page["turn"]["early.saved_ms"].value >= page["turn"]["live.saved_ms"].value
