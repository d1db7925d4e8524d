"""What `status` takes on a generated book of full size."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from bookkit.press.bench import write_book
from tracker.small import ROOT

CHAPTERS = 18
LIMIT_S = 1.0


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A book of 90,000 words with a piece of work and a planned diagram a chapter."""
    root = tmp_path_factory.mktemp("full")
    write_book(root, CHAPTERS)
    pieces = "".join(
        f"  PR{number}:\n    scope: Chapter {number}.\n    status: complete\n"
        for number in range(1, CHAPTERS + 1)
    )
    plans = "".join(
        f"  {number:02}-chapter.qmd:\n    work: PR{number}\n"
        f"    diagrams:\n      - {{shows: A histogram, label: fig-{number}-1}}\n"
        for number in range(1, CHAPTERS + 1)
    )
    (root / "tracker").mkdir()
    (root / "tracker/book.yml").write_text(
        f"approvers: [Nobody]\ntargets: {{words: 90000}}\nwork:\n{pieces}chapters:\n{plans}"
    )
    schema = (ROOT / "tracker/book.schema.json").read_text("utf-8")
    (root / "tracker/book.schema.json").write_text(schema, "utf-8")
    return root


def status(root: Path) -> tuple[float, str]:
    """Processor time of the command, which hardly waits for anything: other tests may run beside it."""
    begun = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "bookkit.cli", "status", "--root", str(root)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime - begun.ru_utime + used.ru_stime - begun.ru_stime, said


def test_status_of_a_full_size_book_takes_less_than_a_second(full: Path) -> None:
    """After an edit of one chapter, and with nothing changed; medians."""
    status(full)
    page = full / "09-chapter.qmd"
    edited, same = [], []
    for turn in range(3):
        page.write_text(page.read_text("utf-8") + f"Another sentence, the {turn}.\n", "utf-8")
        edited.append(status(full)[0])
        seconds, said = status(full)
        same.append(seconds)
    assert "PR18 Chapter 18" in said
    assert "of 90,000 words" in said
    assert statistics.median(same) < LIMIT_S
    assert statistics.median(edited) < LIMIT_S


def test_a_reader_who_leaves_early_gets_no_complaint(full: Path) -> None:
    """`status | head -1`: the pipe is closed before all is written."""
    command = f'"{sys.executable}" -m bookkit.cli status --root "{full}"'
    done = subprocess.run(
        ["bash", "-c", f"{command} | true; exit ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (141, "")
