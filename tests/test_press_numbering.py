"""Numbers run over the whole book, and a label may be defined once."""

from __future__ import annotations

from typing import Any

from bookkit.manuscript import Chapter, Prose, Source
from bookkit.press.numbering import number


def chapter(path: str, number: str, kind: str = "chapter", text: str = "") -> Chapter:
    return Chapter(path, kind, number, path, None, Source(path, {}, "", (Prose(text, path, 1),)))


def label(name: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "kind": kind, "title": name.title(), **more}


def test_numbers_of_chapters_sections_floats_and_panels() -> None:
    chapters = [chapter("p.qmd", "", "front"), chapter("c.qmd", "2"), chapter("x.qmd", "A", "appendix")]
    tables = {
        "p.qmd": {"labels": [label("sec-p", "sec", level=1), label("fig-p", "fig")]},
        "c.qmd": {
            "labels": [
                label("sec-c", "sec", level=1),
                label("one", "sec", level=2),
                label("fig-c", "fig"),
                label("fig-c-a", "sub", parent="fig-c"),
                label("fig-c-b", "sub", parent="fig-c"),
                label("aside", "sec", level=2, unnumbered=True),
                label("sec-two", "sec", level=2),
                label("deep", "sec", level=3),
                label("fig-d", "fig"),
                label("tbl-c", "tbl"),
                label("aud-c", "aud"),
            ]
        },
        "x.qmd": {
            "labels": [label("sec-x", "sec", level=1), label("one", "sec", level=2), label("eq-x", "eq")]
        },
    }
    book = number(chapters, tables)
    assert not book.findings
    said = {name: entry["text"].replace("\u00a0", " ") for name, entry in book.xref.items()}
    assert said == {
        "sec-p": "Sec-P",
        "fig-p": "Figure 1",
        "sec-c": "Chapter 2",
        "fig-c": "Figure 2.1",
        "fig-c-a": "Figure 2.1 (a)",
        "fig-c-b": "Figure 2.1 (b)",
        "sec-two": "Section 2.2",
        "fig-d": "Figure 2.2",
        "tbl-c": "Table 2.1",
        "aud-c": "Clip 2.1",
        "sec-x": "Appendix A",
        "eq-x": "Equation A.1",
    }
    assert book.headings["c.qmd"] == {
        "sec-c": "2",
        "one": "2.1",
        "aside": "",
        "sec-two": "2.2",
        "deep": "2.2.1",
    }
    assert book.headings["x.qmd"]["one"] == "A.1"


def test_a_label_used_twice_names_both_places() -> None:
    chapters = [
        chapter("a.qmd", "1", text="\n![](x){#fig-a}\n"),
        chapter("b.qmd", "2", text="![](x){#fig-a}\n"),
    ]
    tables = {path: {"labels": [label("fig-a", "fig")]} for path in ("a.qmd", "b.qmd")}
    (finding,) = number(chapters, tables).findings
    assert (finding.path, finding.line, finding.rule) == ("b.qmd", 1, "duplicate-label")
    assert "first at a.qmd:2" in finding.message
