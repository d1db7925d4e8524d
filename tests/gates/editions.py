"""What an edition numbers and what it computed, read out of HTML, EPUB and PDF to be compared."""

import re
import unicodedata
import zipfile
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import pypdf
from lxml import etree, html

KINDS = ("Figure", "Table", "Listing", "Clip", "Exercise")
NUMBERED = re.compile(rf"({'|'.join(KINDS)})\s+([A-Z\d]+\.\d+)")
EQUATION = re.compile(r"\(([A-Z\d]+\.\d+)\)$")
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
UNHEARD = "vh", "mk", "here-link"
"""Classes of what one edition alone adds: hidden words, marks of origin, links on headings."""


@dataclass(frozen=True)
class Item:
    """Something numbered: its kind ("Section", "Figure", …), its number, its title as plain text."""

    kind: str
    number: str
    title: str


@dataclass(frozen=True)
class Value:
    """A computed value in prose: its id, its plain text, and the plain text before it in its paragraph."""

    id: str
    text: str
    before: str


def plain(text: str) -> str:
    """A text's letters and digits alone, with the points inside numbers, real minus signs and percent signs.

    Editions differ in spaces, hyphens, ligatures, quotation marks and marks of origin; these go.
    """
    text = unicodedata.normalize("NFKC", text).replace("\u00ad", "")
    text = re.sub(r"(?<=\d)[.,](?=\d)", "\ue000", text)
    return re.sub(r"[^\w%\u2212\ue000]|_", "", text).replace("\ue000", ".")


def in_every_edition(element: Any) -> bool:
    """Whether the words of an element are the page's: no comment, no formula's source, nothing of UNHEARD."""
    if not isinstance(element.tag, str) or element.tag == "annotation":
        return False
    return not set(element.get("class", "").split()) & set(UNHEARD)


def text_of(element: Any) -> str:
    """All text of an element, without what only one edition shows (see UNHEARD)."""
    parts = [element.text or ""]
    for child in element:
        if in_every_edition(child):
            parts.append(text_of(child))
        parts.append(child.tail or "")
    return "".join(parts)


def pages_of_site(book: Path, urls: list[str]) -> Iterator[Any]:
    """The article of each page, in the order of `urls`."""
    for url in urls:
        tree = html.parse(str(book / url), parser=html.HTMLParser(encoding="utf-8"))
        article = tree.find(".//article")
        if article is None:
            article = tree.find(".//main")
        assert article is not None, f"{url} has neither article nor main"
        yield article


def pages_of_epub(epub: Path) -> Iterator[Any]:
    """The body of each document of an EPUB in reading order, its tags without their namespace."""
    with zipfile.ZipFile(epub) as package:
        container = etree.fromstring(package.read("META-INF/container.xml"))
        opf = container.find(".//{*}rootfile").get("full-path")
        tree = etree.fromstring(package.read(opf))
        places = {item.get("id"): item.get("href") for item in tree.findall(".//{*}item")}
        for reference in tree.findall(".//{*}itemref"):
            document = etree.fromstring(package.read(str(Path(opf).parent / places[reference.get("idref")])))
            for element in document.iter("{*}*"):
                element.tag = etree.QName(element).localname
            body = document.find(".//body")
            if not body.xpath(".//nav"):
                yield body


def items_of(article: Any) -> list[Item]:
    """Everything numbered on a page, in order."""
    return [item for element in article.iter() if isinstance(element.tag, str) for item in item_of(element)]


def item_of(element: Any) -> list[Item]:
    """The item that an element announces: a heading, a caption, a summary, an equation; mostly none."""
    classes = element.get("class", "").split()
    text = re.sub(r"\s+", " ", text_of(element)).strip()
    if "eq" in classes:
        found = EQUATION.search(text)
        return [Item("Equation", found[1], "")] if found else []
    if element.tag in (*HEADINGS, "figcaption", "caption", "summary"):
        found = NUMBERED.match(text)
        if found:
            finding = element.getparent().xpath("./p[contains(@class, 'finding')]")
            title = "".join(text_of(line) for line in finding) + text[found.end() :]
            return [Item(found[1], found[2], plain(title))]
    if element.tag in HEADINGS and "label" not in classes:
        found = re.match(
            r"(?:Appendix )?(\d+(?:\.\d+)*|[A-Z](?:\.\d+)*)(?=[^A-Za-z\d])[ .:]*(.+)", spaced(element)
        )
        if found:
            return [Item("Section", found[1], plain(found[2]))]
    return []


def spaced(heading: Any) -> str:
    """A heading's text with a space after the number, which may stand in an element of its own."""
    first = next(iter(heading), None)
    if first is not None and not (heading.text or "").strip():
        rest = text_of(heading)[len(heading.text or "") + len(text_of(first)) :]
        return f"{text_of(first).strip()} {rest.strip()}"
    return text_of(heading).strip()


def values_of(article: Any) -> list[Value]:
    """The computed values of a page in order, each with what stands before it in its paragraph."""
    found = []
    for element in article.xpath(".//*[@data-n]"):
        block = next(
            (
                above
                for above in element.iterancestors()
                if above.tag in ("p", "li", "td", "dd", "figcaption", "div")
            ),
            element.getparent(),
        )
        found.append(
            Value(element.get("data-n"), plain(text_of(element)), plain(text_before(block, element))[-24:])
        )
    return found


def text_before(block: Any, mark: Any) -> str:
    """The text of `block` that stands before `mark`; a note's number starts it afresh."""
    parts: list[str] = []

    def walk(element: Any) -> bool:
        if element is mark:
            return True
        if element.tag == "sup":
            parts.clear()
            return False
        parts.append(element.text or "")
        for child in element:
            if in_every_edition(child) and walk(child):
                return True
            parts.append(child.tail or "")
        return False

    walk(block)
    return "".join(parts)


def pages_of_pdf(pdf: Path) -> list[str]:
    """The text of each page of a PDF as it is printed."""
    return [page.extract_text() for page in pypdf.PdfReader(pdf).pages]


def numbered(text: str) -> set[str]:
    """Every kind and number named in printed text, plain; read with its spaces, which end a number."""
    return {
        plain(f"{kind}{number}") for kind, number in NUMBERED.findall(unicodedata.normalize("NFKC", text))
    }


def missing_items(items: list[Item], text: str) -> list[str]:
    """Items whose number and title do not stand side by side in the plain text of a PDF."""
    return [f"{item.kind} {item.number} {item.title[:60]}" for item in items if not stands(item, text)]


def stands(item: Item, text: str) -> bool:
    """Whether a PDF's plain text has the item: its number near its title, or an equation's bare number."""
    label = plain(item.number if item.kind == "Section" else f"{item.kind}{item.number}")
    if item.kind == "Equation":
        return plain(item.number) in text
    start = item.title[:18]
    places = [match.start() for match in re.finditer(re.escape(label), text)]
    return any(start in text[max(0, at - 400) : at + len(label) + 400] for at in places)


def missing_values(values: list[Value], pages: list[str]) -> list[str]:
    """Values that do not follow one another in the plain text of a PDF's pages, each beside the words before
    it or beyond the page's end.

    The first value of a chapter, which may follow many pages without any, is looked for in all that comes.
    """
    text = "".join(pages)
    ends = list(accumulate(map(len, pages)))
    reached, missing, chapter = 0, [], ""
    for value in values:
        before, chapter = chapter, value.id.split("-")[0]
        place = place_of(value, text, ends, reached, 12_000 if chapter == before else len(text))
        if place is None:
            missing.append(f"{value.id}: {value.text} after …{value.before}")
        else:
            reached = max(reached, place)
    return missing


def place_of(value: Value, text: str, ends: list[int], reached: int, ahead: int) -> int | None:
    """The place nearest to `reached` and at most `ahead` letters after it where the value stands in `text`,
    beside the words before it, or, where a page ends between them, soon after.

    A figure may float before the words that name it, so the search goes back by about three pages. Where a
    page ends within the words or after them, a running head, a folio, notes, a figure or two clips stand
    there. So fewer of the words may do, of a hyphenated word its end. Far ahead stands something else: the
    list of clips has their titles once more.
    """
    start, end = max(0, reached - 6000), reached + ahead
    for letters, apart in ((24, 0), (24, 1000), (12, 1000), (5, 300), (3, 0)):
        words = value.before[-letters:]
        places = []
        for match in re.compile(re.escape(words)).finditer(text, start, end):
            place = text.find(value.text, match.end(), match.end() + apart + len(value.text))
            page_end = ends[bisect_left(ends, match.start() - 24)]
            if place == match.end() or (place >= 0 and page_end <= place + len(value.text)):
                places.append(place)
        if places:
            return min(places, key=lambda place: abs(place - reached))
    return None
