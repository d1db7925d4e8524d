"""`validate --built`: the three editions in `_book`, and whether they deliver the words of the sources."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from bookkit.checks.built.epub import Epub
from bookkit.checks.built.glyphs import glyph_findings
from bookkit.checks.built.pdf import Pdf
from bookkit.checks.built.site import read_site, site_findings
from bookkit.checks.page import Page, attr_of, read_all
from bookkit.manuscript import Finding, Project, load

BUILD = "Run `./just build-all` first."


@dataclass
class Read:
    """How much of each edition was read."""

    pages: int = 0
    documents: int = 0
    sheets: int = 0


def check(root: Path) -> tuple[list[Finding], Read]:
    """Check `_book` of the book at `root`. Raises ManuscriptError when the sources cannot be read."""
    project = load(root)
    folder, name, read = project.output, project.output.name, Read()
    if not folder.is_dir():
        return [Finding(name, 0, "built", "the book has not been built", BUILD)], read
    findings: list[Finding] = []
    delivered: dict[str, list[str]] = {}
    pages = read_site(folder, name)
    read.pages = len(pages)
    if not (folder / "index.html").is_file():
        findings.append(Finding(f"{name}/index.html", 0, "built", "the HTML edition is not there", BUILD))
    else:
        findings += site_findings(folder, name, pages)
        findings += glyph_findings(folder, [(page.path, page.text, page.signs) for page in pages])
        delivered["HTML"] = [alt for page in pages for alt in page.alts]
    findings += _printed(project, read, delivered)
    findings += _words(project, delivered)
    return sorted(set(findings)), read


def _printed(project: Project, read: Read, delivered: dict[str, list[str]]) -> Iterator[Finding]:
    name = project.output.name
    for end in ("epub", "pdf"):
        file, place = project.output / f"{project.stem}.{end}", f"{name}/{project.stem}.{end}"
        if not file.is_file():
            yield Finding(place, 0, "built", f"the {end.upper()} edition is not there", BUILD)
            continue
        try:
            if end == "epub":
                book = Epub(file, place)
                read.documents, delivered["EPUB"] = len(book.documents), book.alts
                yield from book.findings()
            else:
                paper = Pdf(file, place)
                read.sheets, delivered["PDF"] = paper.sheets, paper.alts
                yield from paper.findings()
        except (zipfile.BadZipFile, ValueError, OSError) as error:
            yield Finding(place, 0, "built", f"cannot be read: {error}", "Build it again.")


def _words(project: Project, delivered: dict[str, list[str]]) -> Iterator[Finding]:
    """Alt text of the sources that an edition does not deliver."""
    given = {edition: {_squeezed(alt) for alt in alts} for edition, alts in delivered.items()}
    for page in read_all((chapter.source, chapter.kind) for chapter in project.chapters):
        shown = _shown(page)
        for alt, place in _written(page):
            for edition, alts in given.items():
                wanted = edition in shown.get(alt, set(given))
                if wanted and not any(_squeezed(alt) in one for one in alts):
                    message = f"the {edition} does not deliver the alt text “{alt[:50]}”"
                    yield Finding(*place, "built-alt", message, "Build again; if it stays, mend the writer.")


FORMATS = {"html": {"HTML", "EPUB"}, "html:js": {"HTML"}, "epub": {"EPUB"}, "typst": {"PDF"}}


def _shown(page: Page) -> dict[str, set[str]]:
    """The editions that show each alt text which stands in conditional content."""
    found: dict[str, set[str]] = {}
    everywhere = set().union(*FORMATS.values())
    for name in ("content-visible", "content-hidden"):
        for div in page.divs(name):
            pairs = attr_of(div).pairs
            editions = FORMATS.get(pairs.get("when-format", ""), everywhere)
            if "unless-format" in pairs:
                editions = everywhere - FORMATS.get(pairs["unless-format"], set())
            shown = editions if name == "content-visible" else everywhere - editions
            for alt, _ in _written(replace(page, blocks=div["c"][1])):
                found[alt] = found.get(alt, everywhere) & shown
    return found


def _written(page: Page) -> Iterator[tuple[str, tuple[str, int]]]:
    for node in page.of("Image"):
        attr = attr_of(node)
        alt = attr.pairs.get("fig-alt") or attr.pairs.get("alt")
        if alt and "dark-content" not in attr.classes:
            yield alt, page.locate(alt)
    for cell in filter(None, map(page.cell, page.of("CodeBlock"))):
        if "fig-alt" in cell.options and cell.options.get("eval", True):
            yield str(cell.options["fig-alt"]), (cell.path, cell.option_lines["fig-alt"])
    for div in page.divs("audio"):
        if attr_of(div).pairs.get("alt"):
            yield attr_of(div).pairs["alt"], page.locate(attr_of(div).pairs["alt"])


def _squeezed(text: str) -> str:
    return re.sub(r"[\s\u00a0]+", " ", re.sub(r"[“”\"]", '"', re.sub(r"[‘’]", "'", text))).strip()
