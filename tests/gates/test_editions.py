"""The three editions agree: one number and title for what is numbered, one text for what is computed."""

from collections import Counter
from functools import cache
from pathlib import Path

from lxml import html

from bookkit.manuscript import load
from gates import editions
from gates.editions import Item, Value
from gates.tools import ROOT


@cache
def urls() -> list[str]:
    """The addresses of the chapters' pages in reading order, the landing page not among them."""
    return [chapter.url for chapter in load(ROOT).chapters if chapter.path != "index.qmd"]


@cache
def site_items(book: Path) -> list[Item]:
    return [item for page in editions.pages_of_site(book, urls()) for item in editions.items_of(page)]


@cache
def epub_items(epub: Path) -> list[Item]:
    return [item for page in editions.pages_of_epub(epub) for item in editions.items_of(page)]


@cache
def site_values(book: Path) -> list[Value]:
    return [value for page in editions.pages_of_site(book, urls()) for value in editions.values_of(page)]


@cache
def epub_values(epub: Path) -> list[Value]:
    return [value for page in editions.pages_of_epub(epub) for value in editions.values_of(page)]


@cache
def printed(pdf: Path) -> list[str]:
    return editions.pages_of_pdf(pdf)


@cache
def pdf_text(pdf: Path) -> str:
    return editions.plain("\n".join(printed(pdf)))


def test_numbers_and_titles_agree_in_html_and_epub(book: Path, epub: Path) -> None:
    site, packed = site_items(book), epub_items(epub)
    assert [item for item in site if item not in packed] == []
    assert [item for item in packed if item not in site] == []
    twice = [name for name, count in Counter((item.kind, item.number) for item in site).items() if count > 1]
    assert twice == [], "numbers given twice"


def test_every_kind_of_number_is_compared(book: Path) -> None:
    """Guards the tests around it against markup that they can no longer read."""
    kinds = {item.kind for item in site_items(book)}
    assert kinds >= {"Section", "Figure", "Table", "Listing", "Clip", "Exercise"}, kinds
    chapters = [chapter.number for chapter in load(ROOT).chapters if chapter.number]
    assert [
        item.number for item in site_items(book) if item.kind == "Section" and "." not in item.number
    ] == chapters


def test_numbers_and_titles_agree_in_html_and_pdf(book: Path, pdf: Path) -> None:
    assert editions.missing_items(site_items(book), pdf_text(pdf)) == []


def test_the_pdf_numbers_nothing_else(book: Path, pdf: Path) -> None:
    known = {editions.plain(f"{item.kind}{item.number}") for item in site_items(book)}
    named = editions.numbered("\n".join(printed(pdf)))
    assert named, "the PDF names nothing that is numbered"
    assert named <= known, named - known


def test_computed_values_agree_in_html_and_epub(book: Path, epub: Path) -> None:
    site = {value.id: value.text for value in site_values(book)}
    assert site, "no page carries a computed value with its id"
    assert len(site) == len(site_values(book)), "ids given twice"
    assert {value.id: value.text for value in epub_values(epub)} == site


def test_computed_values_stand_in_the_pdf(epub: Path, pdf: Path) -> None:
    """In the order of the EPUB, whose solutions stand at the chapter's end as the PDF's do."""
    pages = [editions.plain(page) for page in printed(pdf)]
    assert editions.missing_values(epub_values(epub), pages) == []


PAGE = """<article><h1><b>5</b>Frames</h1>
<h2><span class="num">5.1</span>What is it?<a class="here-link">#</a></h2>
<p>It has <span data-n="5-1"><a class="o c">82 B<span class="vh"> (computed)</span></a></span> a frame.</p>
<figure><p class="finding label">It rises.</p>
<figcaption><b>Figure 5.1</b> From left to right.</figcaption></figure>
<div class="eq"><math></math><span>(5.1)</span></div>
<section><h3 class="label">Exercise 5.1: Count <span>build, 5 minutes</span></h3></section></article>"""


def test_a_page_is_read() -> None:
    page = html.fromstring(PAGE)
    assert editions.items_of(page) == [
        Item("Section", "5", "Frames"),
        Item("Section", "5.1", "Whatisit"),
        Item("Figure", "5.1", "ItrisesFromlefttoright"),
        Item("Equation", "5.1", ""),
        Item("Exercise", "5.1", "Countbuild5minutes"),
    ]
    assert editions.values_of(page) == [Value("5-1", "82B", "Ithas")]


def test_a_planted_difference_is_found() -> None:
    items = [Item("Figure", "5.1", "Itrises"), Item("Section", "5.1", "Whatisit")]
    good = editions.plain("5.1 What is it? x Figure 5.1 It rises.")
    assert editions.missing_items(items, good) == []
    assert len(editions.missing_items(items, good.replace("Figure5.1", "Figure5.2"))) == 1
    values = [Value("5-1", "82B", "Ithas"), Value("5-2", "3.5", "then")]
    page = editions.plain("It has = 82 B a frame, then 3.5")
    assert editions.missing_values(values, [page]) == []
    assert len(editions.missing_values(values, [page.replace("82B", "83B")])) == 1
    wrong = page.replace("82B", "83Baframeand82B")
    assert len(editions.missing_values(values, [wrong])) == 1, "the right number further on is another number"
    assert editions.missing_values(values, ["Ithas", "Frames782Baframethen3.5"]) == [], (
        "a running head between"
    )
    assert editions.plain("effi\u00adcient −3.5 %, 1,290 B") == editions.plain(
        "efﬁ\ncient −3.5\u00a0%, 1,290\u2009B"
    )
