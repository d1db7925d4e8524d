"""The small book, built: three editions, the same bytes anywhere, and quick when nothing has changed."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
import zipfile
from pathlib import Path

import nbformat
import pytest

from bookkit.manuscript import ManuscriptError
from bookkit.press.build import FORMATS, build
from bookkit.press.lock import locked
from bookkit.press.progress import Progress

BOOK = Path(__file__).parent / "data" / "book"


def copy_of_the_book(folder: Path) -> Path:
    shutil.copytree(BOOK, folder, ignore=shutil.ignore_patterns("_book", ".cache"))
    return folder


def files(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module", autouse=True)
def _date() -> None:
    os.environ.setdefault("SOURCE_DATE_EPOCH", "1700000000")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = copy_of_the_book(tmp_path_factory.mktemp("one") / "book")
    build(root, FORMATS, Progress(quiet=True))
    return root


def test_what_a_whole_build_leaves(built: Path) -> None:
    made = files(built / "_book")
    expected = {"index.html", "404.html", "llms.txt", "small-book.pdf", "small-book.epub", "audio/tone.mp3"}
    expected |= {f"chapters/01-frames.{kind}" for kind in ("html", "md", "ipynb")}
    assert expected <= made.keys()
    assert made["small-book.pdf"].startswith(b"%PDF-")
    left = [
        p.name for p in (built / ".cache/press").iterdir() if p.name.startswith(("next", "old", "builder"))
    ]
    assert left == []


def test_the_pages_hold_numbers_values_and_no_styles(built: Path) -> None:
    page = (built / "_book/chapters/01-frames.html").read_text()
    assert re.search(r'data-n="1-1"[^>]*>\s*320', page)
    assert "Figure\u00a01.2" in page
    assert " style=" not in page
    assert "Only the PDF" not in (built / "_book/chapters/02-formulas.html").read_text()
    assert "Eq" in (built / "_book/chapters/02-formulas.html").read_text()


def test_a_reported_number_says_how_old_its_source_is(built: Path) -> None:
    page = (built / "_book/chapters/01-frames.html").read_text()
    assert "reported, as of September 2012, checked 24 November 2026" in page
    assert "reported, source undated, checked 24 November 2026" in page


def test_notebooks_are_valid_and_hold_the_cells(built: Path) -> None:
    text = (built / "_book/chapters/01-frames.ipynb").read_text()
    notebook = nbformat.reads(text, 4)  # type: ignore[no-untyped-call]
    nbformat.validate(notebook)
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    assert {"1 / 0", "never_run()"} <= set(code)
    assert not any(":::" in cell.source for cell in notebook.cells)


def test_twins_have_the_numbers_of_the_pages(built: Path) -> None:
    twin = (built / "_book/chapters/01-frames.md").read_text()
    assert "# 1 Frames of Sound" in twin
    assert "Figure 1.2" in twin.replace("\u00a0", " ")
    assert "<" not in re.sub(r"`[^`]*`|```.*?```", "", twin, flags=re.S).replace("<http", "")
    assert "chapters/01-frames.md" in (built / "_book/llms.txt").read_text()


def test_two_folders_give_the_same_bytes(built: Path, tmp_path: Path) -> None:
    other = copy_of_the_book(tmp_path / "a folder with a longer name")
    build(other, FORMATS, Progress(quiet=True))
    one, two = files(built / "_book"), files(other / "_book")
    assert one.keys() == two.keys()
    assert [name for name in one if one[name] != two[name]] == []


def test_every_entry_of_the_epub_has_the_date_of_the_book(built: Path) -> None:
    with zipfile.ZipFile(built / "_book/small-book.epub") as book:
        assert book.namelist()[0] == "mimetype"
        assert len({entry.date_time for entry in book.infolist()}) == 1


def test_an_unchanged_book_is_built_without_running_anything(built: Path) -> None:
    before = files(built / "_book")
    progress = Progress(quiet=True)
    begun = time.process_time()
    build(built, FORMATS, progress)
    assert time.process_time() - begun < 3
    assert files(built / "_book") == before


def test_one_edition_leaves_the_others(built: Path, tmp_path: Path) -> None:
    root = tmp_path / "book"
    shutil.copytree(built, root)
    page = root / "chapters/03-planned.qmd"
    page.write_text(page.read_text().replace("A question.", "A changed question."))
    before = files(root / "_book")
    build(root, ["html"], Progress(quiet=True))
    after = files(root / "_book")
    assert after["small-book.pdf"] == before["small-book.pdf"]
    assert b"A changed question." in after["chapters/03-planned.html"]
    shutil.rmtree(root / "_book")
    build(root, ["epub"], Progress(quiet=True))
    assert files(root / "_book").keys() == {"small-book.epub"}


def test_a_second_build_names_the_first(built: Path) -> None:
    work = built / ".cache/press"
    with locked(work), pytest.raises(ManuscriptError, match=rf"process {os.getpid()}, started 20"):
        build(built, ["html"], Progress(quiet=True))


def test_without_git_and_date_there_is_no_book(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(built.parent))
    before = files(built / "_book")
    with pytest.raises(ManuscriptError, match="SOURCE_DATE_EPOCH"):
        build(built, ["html"], Progress(quiet=True))
    assert files(built / "_book") == before


def test_the_data_of_a_slider_is_json(built: Path) -> None:
    page = (built / "_book/chapters/01-frames.html").read_text()
    (data,) = re.findall(r'<script type="application/json" class="slider-data">(.*?)</script>', page, re.S)
    assert json.loads(data)["rows"] == [{"label": "wait"}]


def test_a_changed_picture_reaches_its_page(built: Path, tmp_path: Path) -> None:
    root = tmp_path / "book"
    shutil.copytree(built, root)
    picture = root / "figures/dots.svg"
    picture.write_text(
        picture.read_text().replace('width="60"', 'width="90"').replace("0 0 60 20", "0 0 90 20")
    )
    build(root, ["html"], Progress(quiet=True))
    assert 'width="90"' in (root / "_book/chapters/a-words.html").read_text()
