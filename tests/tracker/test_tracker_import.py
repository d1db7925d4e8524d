"""Documents that were kept by hand: the one this tracker began from, our own, and spoiled ones."""

# ruff: noqa: E501 (one case a line)
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bookkit.cli import main
from bookkit.tracker.document import Headline, Item, compose, current_state
from bookkit.tracker.evidence import read_book
from bookkit.tracker.importing import Imported, parse, repaired
from bookkit.tracker.markdown import render
from tracker.small import ROOT, Tracked

SEED = Path(__file__).resolve().parents[1] / "data" / "tracker" / "seed.txt"


@pytest.fixture(scope="module")
def seed() -> Imported:
    return parse(SEED.read_text("utf-8"), "seed.txt")


def test_the_seed_is_read_whole(seed: Imported) -> None:
    document = seed.document
    assert [row.name for row in document.rows] == [f"PR{number}" for number in range(1, 19)]
    assert [row.name for row in document.rows if row.status == "Complete"] == [f"PR{n}" for n in range(1, 7)]
    last = document.rows[-1]
    assert (last.status, last.percent, last.title) == ("In Progress", 50, "Preface & Final Polish")
    assert len(document.matrix) == 18
    assert document.matrix[6].states == (
        "Done",
        "Done",
        "Not Started",
        "Not Started",
        "Not Started",
        "Not Started",
    )
    assert document.matrix[0].states[0] == "Not Applicable"
    assert (document.next_piece, document.next_title) == ("PR7", "Chapter 6: Protocol Selection for Audio")
    assert "—" in document.summary, "the dash that the wrong encoding had spoiled"
    assert [item.done for item in document.preflight] == [True] * 6 + [False] * 2
    assert len(document.done) == 7
    assert not any(item.done for item in document.done)
    assert (len(document.statuses), len(document.marks)) == (4, 4)
    assert seed.unplaced == ()
    assert seed.repaired > 50


def test_the_seed_contradicts_itself_and_that_is_said(seed: Imported) -> None:
    assert seed.headline == Headline(39, 7, 18)
    assert seed.document.headline == Headline(33, 6, 18)
    assert [str(finding) for finding in seed.contradictions] == [
        "seed.txt:52: contradiction: the headline says 39 % (7 of 18), the rows say 33 % (6 of 18). "
        "The rows are taken."
    ]


def test_round_trip_of_the_seed(seed: Imported) -> None:
    again = parse(render(seed.document, "Title", "State."), "again.md")
    assert again.document == seed.document
    assert again.headline == seed.document.headline
    assert (again.unplaced, again.contradictions, again.repaired) == ((), (), 0)


def test_round_trip_of_our_own(book: Tracked) -> None:
    state = read_book(book.root)
    document = compose(state)
    text = render(document, state.project.title, current_state(state))
    assert text == book.read("tracker/PROGRESS_TRACKER.md")
    assert parse(text, "own.md").document == document


def test_round_trip_when_everything_is_complete(seed: Imported) -> None:
    rows = tuple(replace(row, status="Complete", percent=100) for row in seed.document.rows)
    document = replace(
        seed.document, rows=rows, next_piece="", next_title="", summary="Nothing is left.",
        preflight=(Item(True, "All of it"),),
    )  # fmt: skip
    again = parse(render(document, "Title", "State."), "again.md")
    assert (again.document, again.headline, again.contradictions) == (document, Headline(100, 18, 18), ())


SPOILED = {
    "an unknown status": ("🟡 In Progress | 50%", "🟣 Nearly | 50%", "the status “🟣 Nearly” of PR18"),
    "a completion that is no number": ("🟡 In Progress | 50%", "🟡 In Progress | half", "the completion “half”"),
    "a cell too few": ("| 🟡 In Progress | 50% |", "| 🟡 In Progress |", "the row PR18"),
    "a piece twice": ("| PR18 |", "| PR17 |", "PR17 stands in line"),
    "an unknown mark": ("| A  | ML Inference for API Engineers | ✅", "| A  | ML Inference for API Engineers | ✓", "the mark “✓” of chapter A"),
    "a chapter twice": ("| A  |", "| 16 |", "Chapter 16 stands in line"),
    "an unknown legend": ("- 🔵 Blocked", "- 🔵 Waiting", "the legend's “🔵 Waiting”"),
    "a checklist in another place": ("## Update Protocol\n", "## Update Protocol\n- [ ] Sing\n", "the line - [ ] Sing"),
    "an unknown table": ("| Ch | Title |", "| Chapter | Title |", "a table with the columns Chapter"),
}  # fmt: skip


@pytest.mark.parametrize("fault", SPOILED)
def test_a_row_that_cannot_be_placed_is_reported(fault: str) -> None:
    old, new, said = SPOILED[fault]
    clean = repaired(SEED.read_text("utf-8"))
    assert old in clean
    imported = parse(clean.replace(old, new), "spoiled.md")
    assert any(said in str(finding) for finding in imported.unplaced), imported.unplaced


def test_a_text_that_is_no_tracker(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "poem.md").write_text("# A poem\n\nThe stream waits.\n", "utf-8")
    assert main(["tracker", "import", str(tmp_path / "poem.md")]) == 1
    assert "poem.md: import: it is no tracker document" in capsys.readouterr().err
    assert main(["tracker", "import", str(ROOT / "README.md")]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert main(["tracker", "import", str(tmp_path / "none.md")]) == 1
    assert "none.md: file: cannot be read" in capsys.readouterr().err


def test_the_command_prints_what_it_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tracker", "import", str(SEED)]) == 0
    said = capsys.readouterr().out
    for line in (
        "18, 6 complete (33 %)",
        "In Progress: PR18 at 50 %",
        "matrix: 18",
        "next: PR7",
        "39 % (7 of 18)",
    ):
        assert line in said
