"""`validate --built`: small editions with one fault at a time."""

# ruff: noqa: E501 (one case a line)
from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from pypdf import PdfWriter
from pypdf.annotations import Link

from bookkit.checks.built.editions import check
from bookkit.checks.built.epub import Epub
from bookkit.checks.built.pdf import Pdf
from bookkit.checks.built.site import read_site, site_findings
from bookkit.checks.built.web import POLICY
from bookkit.manuscript import Finding
from checks.small import SmallBook

HEAD = f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{"; ".join(POLICY)}">'


def site(folder: Path, body: str, head: str = HEAD) -> list[str]:
    """Rules that a site of two pages breaks."""
    (folder / "a.css").write_text("a { background: url(b.svg) }", "utf-8")
    (folder / "b.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>", "utf-8")
    (folder / "b.html").write_text(f"<!doctype html><head>{HEAD}</head><p id='there'>", "utf-8")
    (folder / "index.html").write_text(
        f"<!doctype html><html><head>{head}</head><body>\n{body}\n</body></html>", "utf-8"
    )
    return named(list(site_findings(folder, folder.name, read_site(folder, folder.name))))


def named(findings: list[Finding]) -> list[str]:
    return sorted({finding.rule for finding in findings})


GOOD = [
    '<a href="b.html#there">b</a><a href="b.html?q=1">b</a><a href="https://example.org">e</a><a href="mailto:a@b.c">m</a>',
    '<p id="x"><a href="#x">x</a>', '<img src="b.svg" alt="B"><script src="b.svg"></script>', '<img src="b.svg" alt="">',
    '<script type="application/json">{}</script>', '<link rel="stylesheet" href="a.css">',
    '<figure><img src="data:image/png;base64,AA" alt="D"></figure>', '<svg role="img" aria-label="S"></svg>',
]  # fmt: skip


@pytest.mark.parametrize("body", GOOD)
def test_a_good_page(tmp_path: Path, body: str) -> None:
    assert site(tmp_path, body) == []


BAD = [
    ('<a href="none.html">n</a>', "built-link"), ('<a href="/b.html">n</a>', "built-link"),
    ('<a href="../../b.html">n</a>', "built-link"), ('<img src="none.svg" alt="N">', "built-link"),
    ('<a href="b.html#none">n</a>', "built-anchor"), ('<a href="#none">n</a>', "built-anchor"),
    ('<p id="x"><p id="x">', "built-anchor"),
    ('<img src="https://example.org/a.png" alt="E">', "built-remote"), ('<script src="//example.org/a.js"></script>', "built-remote"),
    ('<link rel="stylesheet" href="https://example.org/a.css">', "built-remote"),
    ('<source srcset="https://example.org/a.png 2x">', "built-remote"),
    ('<svg><image href="http://example.org/a.png"/></svg>', "built-remote"),
    ('<img src="b.svg">', "built-alt"), ('<figure><img src="b.svg" alt=" "></figure>', "built-alt"),
    ('<svg role="img"></svg>', "built-alt"),
    ('<p style="color: red">', "built-inline"), ("<script>1</script>", "built-inline"), ("<style>a{}</style>", "built-inline"),
    ('<p onclick="1">', "built-inline"), ('<a href="javascript:1">n</a>', "built-inline"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "rule"), BAD)
def test_a_bad_page(tmp_path: Path, body: str, rule: str) -> None:
    assert site(tmp_path, body) == [rule]


def test_the_policy_is_there_and_whole(tmp_path: Path) -> None:
    assert site(tmp_path, "", "") == ["built-policy"]
    assert site(tmp_path, "", HEAD.replace("object-src 'none'", "")) == ["built-policy"]


@pytest.mark.parametrize(
    ("css", "rule"),
    [
        ("a { background: url(https://example.org/a.png) }", "built-remote"),
        ('@import "https://example.org/a.css";', "built-remote"),
        ("a { background: url('none.png') }", "built-link"),
    ],
)
def test_a_style_sheet_asks_nobody_else(tmp_path: Path, css: str, rule: str) -> None:
    (tmp_path / "c.css").write_text(css, "utf-8")
    assert site(tmp_path, "") == [rule]


def test_a_picture_asks_nobody_else(tmp_path: Path) -> None:
    (tmp_path / "c.svg").write_text('<svg><image xlink:href="https://example.org/a.png"/></svg>', "utf-8")
    assert site(tmp_path, "") == ["built-remote"]


def epub(path: Path, body: str, manifest: str = "a.xhtml", css: str = "") -> list[str]:
    page = (
        f'<html xmlns="http://www.w3.org/1999/xhtml"><head><title>A</title></head><body>{body}</body></html>'
    )
    with zipfile.ZipFile(path / "a.epub", "w") as archive:
        archive.writestr("EPUB/a.xhtml", page)
        archive.writestr("EPUB/b.xhtml", page.replace(body, '<p id="there">b</p>') if body else page)
        archive.writestr("EPUB/a.css", css)
        archive.writestr(
            "EPUB/content.opf", f'<package><manifest><item href="{manifest}"/></manifest></package>'
        )
    return named(list(Epub(path / "a.epub", "a.epub").findings()))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('<a href="b.xhtml#there">b</a>', []),
        ('<a href="https://example.org/">b</a>', []),
        ('<a href="c.xhtml">c</a>', ["built-link"]),
        ('<a href="b.xhtml#none">c</a>', ["built-anchor"]),
        ('<img src="https://example.org/a.png" alt="A"/>', ["built-remote"]),
        ('<img src="b.xhtml"/>', ["built-alt"]),
        ("<p>", ["built-epub"]),
    ],
)
def test_the_epub(tmp_path: Path, body: str, expected: list[str]) -> None:
    assert epub(tmp_path, body) == expected


def test_the_epub_has_what_it_names(tmp_path: Path) -> None:
    assert epub(tmp_path, "<p/>", manifest="none.xhtml") == ["built-epub"]
    assert epub(tmp_path, "<p/>", css="@import 'https://example.org/a.css';") == ["built-remote"]
    assert epub(tmp_path, "<p/>", css="a { src: url(none.ttf) }") == ["built-link"]


def test_the_pdf(tmp_path: Path) -> None:
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    writer.add_annotation(0, Link(rect=(0, 0, 9, 9), url="https://example.org"))
    writer.add_annotation(0, Link(rect=(0, 0, 9, 9), target_page_index=0))
    writer.add_outline_item(title="A", page_number=0)
    writer.write(tmp_path / "good.pdf")
    assert [finding.message for finding in Pdf(tmp_path / "good.pdf", "good.pdf").findings()] == [
        "the file is not tagged"
    ]
    writer.add_annotation(0, Link(rect=(0, 0, 9, 9), url="chapter.html"))
    writer.write(tmp_path / "bad.pdf")
    found = list(Pdf(tmp_path / "bad.pdf", "bad.pdf").findings())
    assert named(found) == ["built-link", "built-pdf"]
    assert found[0].line == 1


def test_a_book_that_is_not_built(book: SmallBook) -> None:
    assert [str(finding) for finding in check(book.root)[0]] == [
        "_book: built: the book has not been built. Run `./just build-all` first."
    ]


def test_alt_text_is_delivered(book: SmallBook) -> None:
    folder = book.root / "_book"
    folder.mkdir()
    assert site(folder, '<img src="b.svg" alt="Another line.">') == []
    said = [finding.message for finding in check(book.root)[0]]
    assert "the HTML does not deliver the alt text “A line that rises.”" in said
    assert "the PDF edition is not there" in said
    assert "the EPUB edition is not there" in said
    assert site(folder, '<img src="b.svg" alt="A line that rises.">') == []
    assert not any("deliver" in finding.message for finding in check(book.root)[0])
