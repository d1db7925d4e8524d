"""The forecast against histories whose answer is known, and the notebooks on the seed and on our own book."""

# ruff: noqa: E501 (sentences that say what is expected)

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest

from bookkit.manuscript import ManuscriptError
from bookkit.press.analysis import notebooks, run, told
from bookkit.tracker import trends
from bookkit.tracker.evidence import DONE, NONE, OPEN, PROGRESS
from bookkit.tracker.history import Snapshot
from bookkit.tracker.measure import measure, unit
from tracker.small import CHAPTER, OUTLINE, ROOT, SENTENCE, Tracked

SEED = ROOT / "tests" / "data" / "tracker" / "seed.txt"
START = datetime(2026, 1, 1, tzinfo=UTC)


def grown(words: list[int], hours: list[float] | None = None) -> list[Snapshot]:
    """A history of word counts, an hour apart unless `hours` says when."""
    when = hours or [float(hour) for hour in range(len(words))]
    return [
        Snapshot(START + timedelta(hours=hour), "", {"counts": {"words": count}, "pieces": {}})
        for hour, count in zip(when, words, strict=True)
    ]


def test_a_steady_pace_gives_a_sure_forecast() -> None:
    ahead = trends.forecast(grown([0, 100, 200, 300, 400]), 1000, np.random.default_rng(1))
    assert ahead is not None
    assert (ahead.left, ahead.intervals, ahead.p10_h, ahead.p50_h, ahead.p90_h) == (600, 4, 6.0, 6.0, 6.0)


def test_an_uneven_pace_gives_the_mean_of_a_bernoulli_walk() -> None:
    """Rates of 0 and 100 words an hour, half each: 200 successes take 400 h, standard deviation sqrt(400) h."""
    ahead = trends.forecast(grown([0, 100, 100, 200, 200]), 200 + 20_000, np.random.default_rng(2), runs=4000)
    assert ahead is not None
    assert ahead.p10_h is not None
    assert ahead.p50_h is not None
    assert ahead.p90_h is not None
    assert ahead.p50_h == pytest.approx(400, abs=3)
    assert ahead.p90_h - ahead.p10_h == pytest.approx(2 * 1.2816 * 20, rel=0.1)


def test_a_long_pause_weighs_as_much_as_it_lasted() -> None:
    """One hour of 100 words in four of ten hours, nothing in the six hours of one interval: 40 words an hour."""
    history = grown([0, 100, 200, 300, 400, 400], [0, 1, 2, 3, 4, 10])
    ahead = trends.forecast(history, 400 + 8000, np.random.default_rng(3))
    assert ahead is not None
    assert ahead.p50_h == pytest.approx(200, rel=0.05)


def test_no_forecast_from_too_little() -> None:
    rng = np.random.default_rng(1)
    assert trends.forecast([], 100, rng) is None
    assert trends.forecast(grown([0, 5, 10]), 100, rng) is None
    assert trends.forecast(grown([7, 7, 7, 7, 7]), 100, rng) is None
    slow = trends.forecast(grown([0, 1, 1, 1, 1]), 10**9, rng, runs=50)
    assert slow is not None
    assert slow.p50_h is None
    assert trends.finish(START.date(), None) == "not within 100 days"
    assert trends.finish(START.date(), 30.0) == "2026-01-03"


def moment(hour: int, states: dict[str, list[str]], performance: dict[str, float]) -> Snapshot:
    chapters = {path: {"states": cells} for path, cells in states.items()}
    return Snapshot(START + timedelta(hours=hour), "", {"chapters": chapters, "performance": performance})


def test_a_heat_map_counts_only_what_applies() -> None:
    first = moment(0, {"a.qmd": [DONE, OPEN, NONE, PROGRESS]}, {})
    second = moment(1, {"a.qmd": [DONE, DONE, NONE, PROGRESS], "b.qmd": [NONE, NONE]}, {})
    found = trends.heat([first, second])
    assert found["a.qmd"] == pytest.approx([1 / 3, 2 / 3])
    assert np.isnan(found["b.qmd"]).all()


def test_measurements_are_gathered_by_name() -> None:
    history = [
        moment(0, {}, {"status_s": 0.5}),
        moment(1, {}, {}),
        moment(2, {}, {"status_s": 0.4, "tests": 9}),
    ]
    found = trends.measurements(history)
    assert {name: [value for _, value in points] for name, points in found.items()} == {
        "status_s": [0.5, 0.4], "tests": [9],
    }  # fmt: skip
    assert [at.hour for at, _ in found["status_s"]] == [0, 2]
    assert [unit(name) for name in ("build_cold_s", "fifo_k_per_s", "pdf_kb", "tests")] == [
        ("build cold", "s"), ("fifo", "thousand requests a second"), ("pdf", "kB"), ("tests", ""),
    ]  # fmt: skip


def test_a_measurement_that_does_not_exist_or_fails_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(
        ManuscriptError, match=r"speed: measure: there is no such measurement\. Name some of build"
    ):
        measure(tmp_path, ["build", "speed"])
    with pytest.raises(ManuscriptError, match=r"it failed: .*nothing was recorded"):
        measure(tmp_path, ["tracker"])


def test_a_passage_in_two_chapters_is_found(book: Tracked) -> None:
    state = trends.load_state(
        "2026-02-01", str(book.root / "tracker/PROGRESS_TRACKER.md"), "", str(book.root)
    )
    assert state.book is not None
    assert list(trends.repeated(state.book)) == []
    book.edit(OUTLINE, "status: outline\n", "")
    book.edit(OUTLINE, "Here.", SENTENCE)
    state = trends.load_state(
        "2026-02-01", str(book.root / "tracker/PROGRESS_TRACKER.md"), "", str(book.root)
    )
    assert state.book is not None
    found = list(trends.repeated(state.book))
    assert found
    assert {(one, other) for one, other, _ in found} == {(CHAPTER, OUTLINE)}


@pytest.mark.parametrize("source", notebooks(ROOT), ids=lambda path: path.stem)
def test_a_notebook_runs_on_the_seed(source: Path, tmp_path: Path) -> None:
    parameters = {"as_of": "2026-11-25", "tracker": str(SEED), "history": "", "book": ""}
    run(source, tmp_path / source.name, ROOT, parameters)
    shown = told(tmp_path / source.name)
    assert shown.title
    expected = {
        "progress": "**6 of 18 pieces of work are complete (33 %).**", "manuscript": "| 5,850 | 4 |",
        "sources": "There is no ledger beside this document", "performance": "None of 0 snapshots",
    }  # fmt: skip
    assert expected[source.stem] in shown.markdown


@pytest.mark.parametrize("source", notebooks(ROOT), ids=lambda path: path.stem)
def test_a_notebook_runs_on_our_own_state_and_says_its_plots_in_words(source: Path, tmp_path: Path) -> None:
    """`told` refuses a plot without alt text; its numbers stand on the page again, as a sentence or a table."""
    parameters = {
        "as_of": "2026-11-25", "tracker": str(ROOT / "tracker/PROGRESS_TRACKER.md"),
        "history": str(ROOT / "tracker/history.jsonl"), "book": str(ROOT),
    }  # fmt: skip
    run(source, tmp_path / source.name, ROOT, parameters)
    shown = told(tmp_path / source.name)
    pictures = {"progress": 3, "manuscript": 1, "sources": 1, "performance": 0}[source.stem]
    assert len(shown.alts) >= 2 * pictures
    assert len(shown.pictures) == 2 * len(shown.alts), "each has a form for phones"
    assert all(any(mark.isdigit() for mark in alt) for alt in shown.alts.values())
    blocks = [block for block in shown.markdown.split("\n\n") if block.strip()]
    for at, block in enumerate(blocks):
        if block.startswith("!["):
            assert not blocks[at + 1].startswith(("![", "#", "|")), "a plot is followed by its words"


def test_a_notebook_that_fails_names_its_cell(tmp_path: Path) -> None:
    (tmp_path / "notebooks").mkdir()
    source = tmp_path / "notebooks" / "short.ipynb"
    v4: Any = nbformat.v4
    parameters = v4.new_code_cell("as_of = ''", metadata={"tags": ["parameters"]})
    failing = v4.new_code_cell("from datetime import date\ndate.fromisoformat(as_of)")
    notebook = v4.new_notebook(cells=[parameters, failing])
    notebook.metadata = nbformat.read(ROOT / "notebooks/progress.ipynb", as_version=4).metadata  # type: ignore[no-untyped-call]
    nbformat.write(notebook, source)  # type: ignore[no-untyped-call]
    out = tmp_path / "out"
    with pytest.raises(
        ManuscriptError, match=r"notebooks/short\.ipynb: notebook: cell \d+ raised ValueError"
    ):
        run(source, out / source.name, ROOT, {"as_of": "someday"})
    assert list(out.iterdir()) == []
