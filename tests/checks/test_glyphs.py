"""What the book's fonts can draw: in the sources, in the diagrams, and in the delivered pages."""

# ruff: noqa: E501 (one case a line)
from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bookkit.checks.built.glyphs import glyph_findings
from bookkit.checks.built.web import read_html
from bookkit.checks.glyphs import FONTS, faces, glyphs, pictures
from bookkit.checks.page import read
from bookkit.manuscript import Finding, scan
from checks.small import SmallBook

SITE_FONTS = Path(__file__).resolve().parents[2] / "src" / "bookkit" / "press" / "theme" / "site" / "fonts"
SNOWMAN, SNOW = "☃", "雪"
FRONT = '---\ndek: "One sentence."\n---\n'


def said(book: SmallBook, body: str, front: str = FRONT) -> list[tuple[str, int, str]]:
    """(file, line, message) of what the check finds in a chapter made of `body`."""
    book.write("chapters/02-second.qmd", f"{front}\n# Second\n\n{body}")
    page = read(scan(book.root, "chapters/02-second.qmd"))
    return [(found.path, found.line, found.message) for found in glyphs(page, book.project)]


SPOILED = {
    "in a sentence": (f"Snow.\n\nA {SNOWMAN} melts.\n", 9, "text fonts"),
    "in emphasis": (f"An *early {SNOWMAN}* melts.\n", 7, "text fonts"),
    "in a caption": (f"![**Cold.** A {SNOWMAN}.](/figures/wait.svg){{#fig-s fig-alt='A man.'}}\n", 7, "text fonts"),
    "in a cell's caption": (f"```{{python}}\n#| label: fig-s\n#| fig-cap: 'A {SNOWMAN}.'\n1\n```\n", 9, "text fonts"),
    "in a code span": (f"It prints `{SNOWMAN}`.\n", 7, "code font"),
    "in a listing": (f"```json\n{{\n  \"a\": \"{SNOWMAN}\"\n}}\n```\n", 9, "code font"),
    "in a cell that is shown": (f"```{{python}}\n#| echo: true\nx = '{SNOWMAN}'\n```\n", 9, "code font"),
    "in a picture's words": (f"```{{python}}\n#| echo: false\n\nx = '{SNOWMAN}'\n```\n", 10, "sans font"),
    "in a formula": (f"So $x = {SNOW}$ at last.\n", 7, "math font"),
    "in a title": (f"::: {{.callout-note title='A {SNOWMAN}'}}\nText.\n:::\n", 7, "text fonts"),
}  # fmt: skip


@pytest.mark.parametrize("case", SPOILED)
def test_a_character_without_a_glyph_is_found_where_it_stands(book: SmallBook, case: str) -> None:
    body, line, font = SPOILED[case]
    sign = next(sign for sign in body if sign in SNOWMAN + SNOW)
    name = {SNOWMAN: "U+2603 SNOWMAN", SNOW: "U+96EA CJK UNIFIED IDEOGRAPH-96EA"}[sign]
    assert said(book, body) == [
        ("chapters/02-second.qmd", line, f"{sign} ({name}) is not in the book's {font}")
    ]


def test_the_dek_is_read_too(book: SmallBook) -> None:
    front = f'---\nstatus: partial\ndek: "A {SNOWMAN}."\n---\n'
    assert [line for _, line, _ in said(book, "Text.\n", front)] == [3]


def test_each_place_is_named_once_and_what_is_not_drawn_is_left_alone(book: SmallBook) -> None:
    assert [line for _, line, _ in said(book, f"A {SNOWMAN}.\n\nTwo: {SNOWMAN}.\n")] == [7, 9]
    assert (
        said(book, f"<!-- {SNOWMAN} -->\n\nNaïve Čapek’s 5\u00a0µs ≤ 2\u202fms, soft\u00adhyphen, → here.\n")
        == []
    )


def test_the_letters_of_a_diagram(book: SmallBook) -> None:
    drawing = "<svg xmlns='http://www.w3.org/2000/svg'>\n<text>a</text>\n<g>\n<text><tspan>{}</tspan></text></g></svg>"
    book.write("figures/01/good.svg", drawing.format("● 3 ms →"))
    assert list(pictures(book.project)) == []
    book.write("figures/01/bad.svg", drawing.format(SNOWMAN))
    found = list(pictures(book.project))
    assert [(one.path, one.line) for one in found] == [("figures/01/bad.svg", 4)]


def test_a_role_without_faces_draws_nothing(tmp_path: Path) -> None:
    assert set(faces(tmp_path).values()) == {frozenset()}
    assert all(len(known) > 900 for known in faces().values())


def test_the_websites_faces_have_what_those_of_the_pdf_have() -> None:
    """So that what holds for the sources' text and code by the PDF's faces holds on the web."""
    web, paper = faces(SITE_FONTS, "woff2"), faces()
    assert (
        len({path.stem for path in FONTS.glob("*.ttf")} & {path.stem for path in SITE_FONTS.glob("*")}) == 9
    )
    for role in ("text", "code", "picture"):
        assert web[role] >= paper[role]
    assert len(web["math"]) > 3000


def delivered(folder: Path, body: str) -> list[Finding]:
    shutil.copytree(SITE_FONTS, folder / "assets" / "fonts", dirs_exist_ok=True)
    text = f"<!doctype html>\n<html><head><title>{SNOWMAN}</title></head><body>\n{body}\n</body></html>"
    page = read_html("_book/a.html", text)
    return list(glyph_findings(folder, [(page.path, page.text, page.signs)]))


DELIVERED = {
    "computed": (f'<p>It took\n<span class="computed">3 {SNOWMAN}</span> in all.</p>', 4, "text fonts"),
    "after an element": (f"<p>It <b>is</b>\na {SNOWMAN}.</p>", 4, "text fonts"),
    "printed": (f"<pre><code>one\ntwo {SNOWMAN}</code></pre>", 3, "code font"),
    "formula": (f"<p><math><mi>x</mi><mo>{SNOW}</mo></math></p>", 3, "math font"),
}


@pytest.mark.parametrize("case", DELIVERED)
def test_a_delivered_page_with_a_character_that_its_fonts_lack(tmp_path: Path, case: str) -> None:
    body, line, font = DELIVERED[case]
    found = delivered(tmp_path, body)
    assert [(one.path, one.line, one.rule) for one in found] == [("_book/a.html", line, "glyph")]
    assert font in found[0].message
    assert " in “" in found[0].message


def test_a_delivered_page_whose_fonts_have_everything(tmp_path: Path) -> None:
    body = f'<p title="{SNOWMAN}">µ → Čapek</p>'
    assert delivered(tmp_path, f"{body}<script>{SNOWMAN}</script><math><mi>λ</mi><mo>≤</mo></math>") == []
