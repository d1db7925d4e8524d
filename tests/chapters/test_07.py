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
