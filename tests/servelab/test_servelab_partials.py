"""Partial results: what each display policy shows, takes back and delays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servelab import partials

HEARD = [["I"], ["I", "less"], ["unless", "to"], ["unless", "to", "be"], ["unless", "to", "be"]]
SEQUENCES = st.lists(st.lists(st.sampled_from("abc"), max_size=5), min_size=1, max_size=8)


def test_erasure_counts_everything_behind_the_first_change() -> None:
    assert partials.erased(HEARD) == 2
    assert partials.erased([["a", "b", "c"], ["a", "x", "c"]]) == 2
    assert partials.erased([]) == partials.erased([["a"]]) == 0


def test_holding_back_shows_less_until_the_final_result() -> None:
    assert partials.held_back(HEARD, 1) == [[], ["I"], ["unless"], ["unless", "to"], HEARD[-1]]
    assert partials.held_back(HEARD, 0) == HEARD
    assert partials.held_back([], 3) == []


def test_agreement_shows_what_the_last_results_share() -> None:
    assert partials.agreed(HEARD, 2) == [[], ["I"], [], ["unless", "to"], HEARD[-1]]
    assert partials.agreed(HEARD, 1) == HEARD
    assert partials.agreed(HEARD, 3) == [[], [], [], [], HEARD[-1]]


def test_what_is_committed_stays_even_when_it_is_wrong() -> None:
    frozen = partials.committed(HEARD)
    assert frozen == [["I"], ["I", "less"], ["I", "less"], ["I", "less", "be"], ["I", "less", "be"]]
    assert partials.erased(frozen) == 0


def test_a_word_is_settled_when_it_and_all_before_it_stay() -> None:
    assert partials.settled(HEARD) == [2, 2, 3]
    assert partials.settled([["a", "b"], ["x", "b"], ["a", "b"]]) == [2, 2]
    assert partials.settled([]) == []


@pytest.mark.parametrize(
    ("rule", "bad", "message"),
    [(partials.held_back, -1, "words is -1"), (partials.agreed, 0, "updates is 0")],
)
def test_a_bad_rule_names_its_argument(rule, bad, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        rule(HEARD, bad)


@given(SEQUENCES, st.integers(0, 4))
def test_no_rule_changes_the_final_text_and_holding_back_never_erases_more(
    seen: list[list[str]], words: int
) -> None:
    held = partials.held_back(seen, words)
    assert held[-1] == partials.agreed(seen, 2)[-1] == seen[-1]
    assert partials.erased(held) <= partials.erased(seen)


@given(SEQUENCES)
def test_settled_words_never_change_again_and_their_order_holds(seen: list[list[str]]) -> None:
    since = partials.settled(seen)
    assert since == sorted(since)
    for place, first in enumerate(since):
        assert all(shown[: place + 1] == seen[-1][: place + 1] for shown in seen[first:])
        assert first == 0 or seen[first - 1][: place + 1] != seen[-1][: place + 1]
