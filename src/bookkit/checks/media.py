"""Images and sound: the files, and the words for those who cannot see or hear them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from bookkit.checks.page import Node, Page, attr_of, nodes, plain
from bookkit.checks.prose.passage import EQUATION_MARK
from bookkit.manuscript import Cell, Finding, Project

NO_ALT = "Add fig-alt: what the eye would learn from it."
OWN_ALT = "Let the caption say the finding, and the alt text what is to be seen."
EQUATION = re.compile(r"\$\$\s*(\{#eq-[\w-]+[^{}\n]*\})")


def media(page: Page, project: Project) -> Iterator[Finding]:
    """Files that are not there; figures, clips and numbered equations without alt text of their own."""
    captions = _captions(page)
    places: dict[str, list[tuple[str, int]]] = {}
    for node in page.of("Image"):
        source = node["c"][2][0]
        left = places.setdefault(source, page.locate_all(f"({source}"))
        place = left.pop(0) if left else page.locate(source)
        yield from _image(page, project, node, captions.get(id(node), ""), place)
    for div in page.divs("audio"):
        yield from _audio(page, project, div)
    for div in page.of("Div"):
        if attr_of(div).id.startswith("fig-"):
            yield from _float(page, div)
    for cell in page.source.cells:
        if cell.label.startswith("fig-") or "fig-cap" in cell.options or "renderings" in cell.options:
            yield from _alt(cell, str(cell.options.get("fig-cap", "")))
    for path, line, text in page.source.prose_lines():
        for found in EQUATION.finditer(text):
            if not re.search(r"\balt=\S", found[1]):
                remedy = 'Write {#eq-… alt="the formula in words"}.'
                yield Finding(path, line, "alt", "the equation has no alt text", remedy)


def _captions(page: Page) -> dict[int, str]:
    """The caption of each image: its own text, or the last paragraph of the float it stands in."""
    found = {id(node): plain(node["c"][1]) for node in page.of("Image")}
    for div in page.of("Div"):
        if attr_of(div).id.startswith("fig-"):
            for node in nodes(div["c"][1]):
                if node["t"] == "Image" and not found[id(node)]:
                    found[id(node)] = plain(div["c"][1][-1:])
    return found


def _file(page: Page, project: Project, source: str) -> bool:
    path = source.lstrip("/") if source.startswith("/") else str(PurePosixPath(page.path).parent / source)
    return (project.root / path).is_file()


def _image(
    page: Page, project: Project, node: Node, caption: str, place: tuple[str, int]
) -> Iterator[Finding]:
    source, pairs = node["c"][2][0], attr_of(node).pairs
    if re.match(r"(?:https?:)?//|data:", source):
        message, remedy = f"the image {source} is fetched from elsewhere", "Keep it in the repository."
        yield Finding(*place, "image", message, remedy)
    elif not _file(page, project, source):
        yield Finding(*place, "image", f"the image {source} is not there", "Build it or mend its address.")
    alt = (pairs.get("fig-alt") or pairs.get("alt") or "").strip()
    if not alt:
        yield Finding(*place, "alt", f"the image {source} has no alt text", NO_ALT)
    elif _same(alt, caption):
        yield Finding(*place, "alt", f"the alt text of {source} repeats the caption", OWN_ALT)


def _float(page: Page, div: Node) -> Iterator[Finding]:
    """A figure that holds a cell needs alt text on the cell."""
    attr = attr_of(div)
    held = [node for node in nodes(div["c"][1]) if node["t"] == "CodeBlock"]
    cells = [cell for cell in map(page.cell, held) if cell]
    caption = plain(div["c"][1][-1:])
    if not cells and not any(node["t"] in ("Image", "Table", "CodeBlock") for node in nodes(div["c"][1])):
        place = page.locate(f"#{attr.id}")
        message = f"the figure {attr.id} holds no picture"
        yield Finding(*place, "image", message, "Put an image or a cell into it.")
    drawn = [cell for cell in cells if "fig-alt" in cell.options]
    images = any(node["t"] == "Image" for node in nodes(div["c"][1]))
    if cells and not drawn and not images and not attr.pairs.get("fig-alt"):
        yield Finding(cells[-1].path, cells[-1].line, "alt", f"the figure {attr.id} has no alt text", NO_ALT)
    for cell in drawn:
        yield from _alt(cell, caption)


def _alt(cell: Cell, caption: str) -> Iterator[Finding]:
    alt = str(cell.options.get("fig-alt", "")).strip()
    if not alt:
        yield Finding(cell.path, cell.line, "alt", "the figure of this cell has no alt text", NO_ALT)
    elif _same(alt, caption):
        line = cell.option_lines["fig-alt"]
        yield Finding(cell.path, line, "alt", "the alt text repeats the caption", OWN_ALT)


def _audio(page: Page, project: Project, div: Node) -> Iterator[Finding]:
    attr = attr_of(div)
    place = page.locate(f"#{attr.id}") if attr.id else page.locate(".audio")
    name = attr.id or "the clip"
    if not attr.id.startswith("aud-"):
        yield Finding(*place, "audio", f"{name} has no label", "Write {#aud-name .audio …}.")
    for key, rule in (("src", "audio"), ("picture", "image")):
        if not attr.pairs.get(key):
            yield Finding(*place, rule, f"{name} has no {key}", f'Add {key}="/audio/…".')
        elif not _file(page, project, attr.pairs[key]):
            message = f"the file {attr.pairs[key]} of {name} is not there"
            yield Finding(*place, rule, message, "Run audio/build.py, or mend its address.")
    blocks = div["c"][1]
    if len(blocks) < 2:
        remedy = "Write what is said first, and the caption as the last paragraph."
        yield Finding(*place, "audio", f"{name} lacks its transcript or its caption", remedy)
    alt = attr.pairs.get("alt", "").strip()
    if not alt:
        yield Finding(*place, "alt", f"the picture of {name} has no alt text", NO_ALT)
    elif _same(alt, plain(blocks[-1:])):
        yield Finding(*place, "alt", f"the alt text of {name} repeats the caption", OWN_ALT)
    if not attr.pairs.get("title", "").strip():
        yield Finding(*place, "audio", f"{name} has no title", 'Add title="short name".')
    try:
        known = float(attr.pairs.get("seconds", "")) > 0
    except ValueError:
        known = False
    if not known:
        yield Finding(*place, "audio", f"{name} does not say how long it is", 'Add seconds="4.3".')


def _same(alt: str, caption: str) -> bool:
    def words(text: str) -> list[str]:
        return re.findall(r"\w+", EQUATION_MARK.sub("", text).lower())

    return bool(words(alt)) and words(alt) == words(caption)
