"""Labels, references to them, and links inside the book."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from bookkit.checks.page import Page, attr_of
from bookkit.manuscript import Finding, Project
from bookkit.manuscript.source import CODE_SPAN

KINDS = ("fig", "tbl", "lst", "eq", "sec", "exr", "aud")
NEED_USE = ("fig", "tbl", "lst", "eq", "aud")
KIND = re.compile(rf"({'|'.join(KINDS)})-.", re.I)
IN_BRACES = re.compile(r"\{[^{}\n]*?#([A-Za-z][\w:.-]*)[^{}\n]*\}")
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.I)


@dataclass(frozen=True)
class Label:
    """An id and where it is given."""

    id: str
    path: str
    line: int
    chapter: str

    @property
    def kind(self) -> str:
        """`fig` of `fig-wait`; empty for an id that is no label."""
        found = KIND.match(self.id)
        return found[1] if found else ""


def labels(page: Page) -> list[Label]:
    """Every id that the chapter gives: headings, Divs, floats, equations, cells."""
    found = []
    for path, line, text in page.source.prose_lines():
        for match in IN_BRACES.finditer(CODE_SPAN.sub("", text)):
            found.append(Label(match[1], path, line, page.path))
    for cell in page.source.cells:
        for option in ("label", "lst-label"):
            if option in cell.options:
                place = (cell.path, cell.option_lines[option])
                found.append(Label(str(cell.options[option]), *place, page.path))
    for block in page.source.verbatims:
        if named := re.search(r"#([\w:.-]+)", block.info):
            found.append(Label(named[1], block.path, block.line, page.path))
    return found


def anchors(page: Page) -> set[str]:
    """Every address inside the chapter's page, those that pandoc gives to headings among them."""
    return {label.id for label in labels(page)} | {
        attr_of(node).id for node in page.of("Header", "Div", "Span", "Image", "Table", "CodeBlock", "Figure")
    }


def references(page: Page) -> Iterator[str]:
    """The labels that the chapter refers to, in reading order."""
    for node in page.of("Cite"):
        for cite in node["c"][0]:
            if KIND.match(cite["citationId"]):
                name = cite["citationId"]
                yield name[0].lower() + name[1:]


def label_findings(pages: Iterable[Page]) -> Iterator[Finding]:
    """Labels given twice, labels nobody uses, references to nothing."""
    read = list(pages)
    given: dict[str, Label] = {}
    used = {name for page in read for name in references(page)}
    for page in read:
        for label in labels(page):
            before = given.get(label.id)
            same_include = before and (before.path, before.line) == (label.path, label.line)
            if before and (label.kind or before.chapter == label.chapter) and not same_include:
                message = f"the label {label.id} is given before, at {before.path}:{before.line}"
                yield Finding(label.path, label.line, "label", message, "Rename one of the two.")
            given.setdefault(label.id, label)
    for label in given.values():
        if label.kind in NEED_USE and label.id not in used:
            message, remedy = f"nothing refers to {label.id}", f"Introduce it with @{label.id} in the text."
            yield Finding(label.path, label.line, "label", message, remedy)
    for page in read:
        for name in dict.fromkeys(references(page)):
            if name not in given:
                place = page.locate(f"@{name}", f"@{name[0].upper()}{name[1:]}")
                message = f"@{name} refers to nothing"
                remedy = f"Give something the label #{name}, or mend the name."
                yield Finding(*place, "reference", message, remedy)


def link_findings(pages: Iterable[Page], project: Project) -> Iterator[Finding]:
    """Links to chapters, anchors and files that are not there."""
    read = {page.path: page for page in pages}
    reached = {path: anchors(page) for path, page in read.items()}
    for page in read.values():
        for node in page.of("Link"):
            target = node["c"][2][0]
            if SCHEME.match(target) or target.startswith("//"):
                continue
            fault = _fault(page, target, reached, project)
            if fault:
                place = page.locate(f"]({target}", target)
                message = f"the link {target} leads nowhere: {fault}"
                yield Finding(*place, "link", message, "Mend its address.")


def _fault(page: Page, target: str, reached: Mapping[str, set[str]], project: Project) -> str:
    address, _, anchor = target.partition("#")
    path = _resolve(page.path, address) if address else page.path
    if path in reached:
        return f"{path} has no anchor #{anchor}" if anchor and anchor not in reached[path] else ""
    if path.endswith(".qmd"):
        return f"{path} is no chapter of the book"
    built = {f"{project.stem}.pdf", f"{project.stem}.epub", "llms.txt"}
    built |= {str(PurePosixPath(name).with_suffix(end)) for name in reached for end in (".md", ".ipynb")}
    if path in built or (project.root / path).is_file():
        return ""
    return f"{path} is neither in the repository nor built"


def _resolve(page: str, address: str) -> str:
    parts: list[str] = [] if address.startswith("/") else list(PurePosixPath(page).parent.parts)
    for part in PurePosixPath(address.lstrip("/")).parts:
        if part == "..":
            parts = parts[:-1]
        elif part != ".":
            parts.append(part)
    return "/".join(parts)
