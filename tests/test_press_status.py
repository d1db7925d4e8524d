"""The section on the state of the book: notebooks' outputs as pages, and the line on facts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from lxml import html as markup

from bookkit.manuscript import ManuscriptError, load
from bookkit.manuscript.cells import NARROW
from bookkit.press import status
from bookkit.press.analysis import told
from bookkit.press.html import facts_checked

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="100" height="50"></svg>'
TABLE = "| A | B |\n|:---|---:|\n| x | 1 |\n"


ALT = 'A line [from 1] to 2, *rising* past "x".'


def executed(place: Path, alt: str = ALT) -> Path:
    """A notebook as papermill leaves it: text, a picture, a table, and a cell that showed nothing."""
    v4: Any = nbformat.v4
    writes: Any = nbformat.writes
    forms = {"image/svg+xml": SVG, NARROW: SVG.replace("100", "60")}
    drawn = v4.new_output("display_data", forms, metadata={"image/svg+xml": {"alt": alt}})
    shown = [
        drawn,
        drawn,
        v4.new_output("display_data", {"text/markdown": "It rises."}),
        v4.new_output("display_data", {"text/markdown": TABLE}),
    ]
    cells = [
        v4.new_markdown_cell("# Growth\n\nHow it grew."),
        v4.new_code_cell("x = 1"),
        v4.new_markdown_cell("## How fast & far?"),
        v4.new_code_cell("draw()", outputs=shown),
    ]
    place.write_text(writes(v4.new_notebook(cells=cells)), "utf-8")
    return place


def test_a_notebook_becomes_a_page_without_style_of_its_own(tmp_path: Path) -> None:
    one = told(executed(tmp_path / "growth.ipynb"))
    assert (one.title, sorted(one.pictures)) == ("Growth", [
        "growth-1-dark.svg", "growth-1-light.svg", "growth-1-narrow-dark.svg", "growth-1-narrow-light.svg",
    ])  # fmt: skip
    page = status.page([one], 0, "2026-11-25")
    tree = markup.fromstring(page["body"])
    assert [image.get("class") for image in tree.iter("img")] == ["light", "dark"]
    assert [image.get("alt") for image in tree.iter("img")] == [ALT, ALT]
    assert all(image.get("width") == "100" for image in tree.iter("img"))
    assert [(form.get("srcset"), form.get("width")) for form in tree.iter("source")] == [
        ("figures/growth-1-narrow-light.svg", "60"), ("figures/growth-1-narrow-dark.svg", "60"),
    ]  # fmt: skip
    assert [cell.get("scope") for cell in tree.iter("th")] == ["col", "col"]
    assert tree.xpath("//div[@class='table-wrap'][@tabindex='0']/table//td[@class='right']")[0].text == "1"
    assert "style=" not in page["body"]
    assert "x = 1" not in page["body"]
    assert page["toc"] == [{"id": "how-fast-far", "number": "", "title": "How fast & far?", "level": 2}]
    forms = ("light", "dark", "narrow-light", "narrow-dark")
    pictures = {f"status/figures/growth-1-{form}.svg" for form in forms}
    assert set(status.files([one])) == {"status/growth.md", *pictures}


def test_a_plot_without_alt_text_names_its_notebook_and_cell(tmp_path: Path) -> None:
    with pytest.raises(ManuscriptError, match=r"growth\.ipynb.*cell 3 has no alt text"):
        told(executed(tmp_path / "growth.ipynb", alt=""))


def test_a_book_without_notebooks_has_no_such_section(tmp_path: Path) -> None:
    project = load(Path(__file__).parent / "data" / "book")
    assert status.read(project, "2026-11-25", tmp_path) == []
    assert status.group([]) == []
    assert [facts_checked(project, chapter) for chapter in project.chapters] == [None] * len(project.chapters)


def test_the_line_on_facts_has_the_oldest_day() -> None:
    project = load(Path(__file__).parents[1])
    chapter = next(one for one in project.chapters if one.number == "5")
    said = facts_checked(project, chapter)
    assert said
    assert said.endswith("November 2026")
