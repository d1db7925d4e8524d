"""A build that is killed while it puts the new book in the place of the last one loses neither."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bookkit.manuscript import ManuscriptError
from bookkit.press.build import build
from bookkit.press.files import exchange
from bookkit.press.progress import Progress

PLAN = "project:\n  type: book\nbook:\n  title: T\n  chapters: [index.qmd]\n"

KILLED_IN_ONE_STEP = """
real = build.exchange
def exchange(*places):
    assert real(*places)
    os.kill(os.getpid(), signal.SIGKILL)
build.exchange = exchange
"""
KILLED_BETWEEN_TWO = """
build.exchange = lambda *_: False
real = pathlib.Path.replace
def replace(self, target):
    if self.name.startswith("next-"):
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, target)
pathlib.Path.replace = replace
"""
RUN = """
import os, pathlib, signal, sys
from bookkit.press import build
from bookkit.press.progress import Progress
{patch}
build.build(pathlib.Path(sys.argv[1]), ["html"], Progress(quiet=True))
"""


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A book of one page, built once, then edited."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    (tmp_path / "_quarto.yml").write_text(PLAN)
    page = tmp_path / "index.qmd"
    page.write_text("# T {.unnumbered}\n\nThe first text.\n")
    build(tmp_path, ["html"], Progress(quiet=True))
    page.write_text("# T {.unnumbered}\n\nThe second text.\n")
    return tmp_path


def killed(book: Path, patch: str) -> None:
    run = subprocess.run([sys.executable, "-c", RUN.format(patch=patch), str(book)], check=False, timeout=120)
    assert run.returncode == -signal.SIGKILL


def shown(book: Path) -> str:
    return (book / "_book/index.html").read_text()


def left(book: Path) -> list[str]:
    return [path.name for path in (book / ".cache/press").iterdir() if path.name[:4] in ("next", "old-")]


def test_two_folders_change_places(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
        (folder / folder.name).touch()
    assert exchange(one, other)
    assert [path.name for path in one.iterdir()] == ["other"]
    with pytest.raises(FileNotFoundError):
        exchange(one, tmp_path / "none")


def test_killed_after_the_one_step(book: Path) -> None:
    killed(book, KILLED_IN_ONE_STEP)
    assert "The second text." in shown(book)
    build(book, ["html"], Progress(quiet=True))
    assert "The second text." in shown(book)
    assert left(book) == []


def test_killed_between_two_steps_the_next_build_brings_the_last_book_back(book: Path) -> None:
    killed(book, KILLED_BETWEEN_TWO)
    assert not (book / "_book").exists()
    (book / "index.qmd").write_text("# T {.unnumbered}\n\nSee @fig-nowhere.\n")
    with pytest.raises(ManuscriptError, match="fig-nowhere"):
        build(book, ["html"], Progress(quiet=True))
    assert "The first text." in shown(book)
    assert left(book) == []


def test_a_plan_that_cannot_be_read_does_not_cost_the_last_book(book: Path) -> None:
    killed(book, KILLED_BETWEEN_TWO)
    (book / "_quarto.yml").write_text("project: [")
    with pytest.raises(ManuscriptError):
        build(book, ["html"], Progress(quiet=True))
    (book / "_quarto.yml").write_text(PLAN)
    build(book, ["html"], Progress(quiet=True))
    assert "The second text." in shown(book)
    assert left(book) == []


def test_without_the_one_step_a_swap_leaves_nothing(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bookkit.press.build.exchange", lambda *_: False)
    build(book, ["html"], Progress(quiet=True))
    assert "The second text." in shown(book)
    assert left(book) == []
