"""The plan becomes a book: kinds, numbers, addresses; faults name their line."""

from __future__ import annotations

from pathlib import Path

import pytest

from bookkit.manuscript import ManuscriptError, load

PLAN = """\
project:
  type: book
book:
  title: A Book
  author: The authors
  chapters:
    - index.qmd
    - part: One
      chapters:
        - chapters/01-a.qmd
        - chapters/02-b.qmd
    - part: Two
      chapters: [chapters/03-c.qmd]
    - references.qmd
  appendices:
    - chapters/a-x.qmd
bibliography: refs.bib
"""
FILES = {
    "_quarto.yml": PLAN,
    "index.qmd": "# Welcome {.unnumbered}\n",
    "chapters/01-a.qmd": "---\nstatus: outline\n---\n\n# Alpha {#sec-a}\n",
    "chapters/02-b.qmd": "# Beta\n",
    "chapters/03-c.qmd": "# Gamma\n",
    "references.qmd": "# Sources {-}\n",
    "chapters/a-x.qmd": "# Extra\n",
}


@pytest.fixture
def book(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


def test_kinds_numbers_parts_and_addresses(book: Path) -> None:
    project = load(book)
    assert [(c.kind, c.number, c.title) for c in project.chapters] == [
        ("front", "", "Welcome"),
        ("chapter", "1", "Alpha"),
        ("chapter", "2", "Beta"),
        ("chapter", "3", "Gamma"),
        ("back", "", "Sources"),
        ("appendix", "A", "Extra"),
    ]
    parts = [(part.roman if part else None, [c.stem for c in chapters]) for part, chapters in project.parts]
    assert parts == [
        (None, ["index"]),
        ("I", ["01-a", "02-b"]),
        ("II", ["03-c"]),
        (None, ["references", "a-x"]),
    ]
    assert project.chapters[1].url == "chapters/01-a.html"
    assert [c.outline for c in project.chapters[1:3]] == [True, False]
    assert (project.stem, project.authors, project.bibliography) == ("A-Book", ["The authors"], ["refs.bib"])


def test_one_chapter_read_again(book: Path) -> None:
    project = load(book)
    (book / "chapters/02-b.qmd").write_text("# Beta, mended\n")
    assert project.reread(project.chapters[2]).chapters[2].title == "Beta, mended"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            "_quarto.yml",
            PLAN.replace("chapters/02-b", "chapters/09-z"),
            "_quarto.yml:11: chapter: .*09-z.qmd is not there",
        ),
        ("_quarto.yml", PLAN.replace("type: book", "type: site"), "_quarto.yml:2: plan: "),
        ("_quarto.yml", PLAN.replace("title: A Book", "title: A: Book"), "_quarto.yml:4: yaml: "),
        ("_quarto.yml", "project:\n  type: book\n", "_quarto.yml:1: plan: `book` is missing"),
        ("chapters/02-b.qmd", "## Beta\n", "chapters/02-b.qmd:1: title: "),
        ("chapters/02-b.qmd", "---\na: b: c\n---\n# B\n", "chapters/02-b.qmd:2: yaml: "),
    ],
)
def test_faults(book: Path, name: str, text: str, expected: str) -> None:
    (book / name).write_text(text, "utf-8")
    with pytest.raises(ManuscriptError, match=expected):
        load(book)


def test_faults_of_all_chapters_come_together(book: Path) -> None:
    (book / "chapters/01-a.qmd").write_text("# A\n\n{{< x >}}\n")
    (book / "chapters/02-b.qmd").write_text("# B\n\n```{r}\n```\n")
    with pytest.raises(ManuscriptError) as caught:
        load(book)
    assert [f.path for f in caught.value.findings] == ["chapters/01-a.qmd", "chapters/02-b.qmd"]
