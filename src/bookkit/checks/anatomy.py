"""The anatomy of a finished chapter: what every chapter has, and in which order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from bookkit.checks.page import CELL, Node, Page, attr_of, nodes, plain
from bookkit.checks.prose.passage import word_count
from bookkit.manuscript import Finding

RULE = "anatomy"
HEADINGS = ("Overview", "Bridging the gap", "Decide", "Common pitfalls", "Summary", "Exercises", "Sources")
WORDS = (4000, 6000)
GOALS, BODY, TAKEAWAYS, EXERCISES, FIGURES, COMPUTED = (3, 5), (5, 8), 7, (4, 8), 4, 2


def anatomy(page: Page) -> Iterator[Finding]:
    """What a numbered chapter without `status` lacks."""
    if page.kind != "chapter" or page.outline or page.partial:
        return
    for message, remedy, needle in _faults(page):
        yield Finding(*page.locate(needle or "\n# "), RULE, message, remedy)


def _faults(page: Page) -> Iterator[tuple[str, str, str]]:
    yield from _boxes(page)
    yield from _sections(page)
    yield from _exercises(page)
    yield from _figures(page)
    words = word_count(page)
    if not WORDS[0] <= words <= WORDS[1]:
        yield f"{words:,} words of prose", f"A chapter has {WORDS[0]:,} to {WORDS[1]:,}.", ""
    if not page.source.cells:
        yield "no cell runs an experiment", "Add the chapter's lab as `{python}` cells.", ""


def _boxes(page: Page) -> Iterator[tuple[str, str, str]]:
    for name in ("goals", "bridge", "predict", "pitfalls"):
        if not page.divs(name):
            yield f"the box `{name}` is missing", f"Add `::: {{.{name}}}`.", ""
    for goals in page.divs("goals"):
        count = _items(goals)
        if not GOALS[0] <= count <= GOALS[1]:
            yield f"{count} abilities in the box `goals`", "Name three to five.", "{.goals}"
    for bridge in page.divs("bridge"):
        inside = {name for node in nodes(bridge) if node["t"] == "Div" for name in attr_of(node).classes}
        for name in ("from-ml", "from-api"):
            if name not in inside:
                yield f"the box `bridge` has no `{name}`", f"Add `::: {{.{name}}}` inside it.", "{.bridge}"
    if not page.divs("slider-figure") and not page.divs("audio"):
        message = "nothing in the chapter can be moved or heard"
        yield message, "Add a `slider-figure` or an `audio` clip.", ""


def _sections(page: Page) -> Iterator[tuple[str, str, str]]:
    titles = [plain(node["c"][2]) for node in page.blocks if node["t"] == "Header" and node["c"][0] == 2]
    places = []
    for wanted in HEADINGS:
        at = next((i for i, title in enumerate(titles) if title.lower().startswith(wanted.lower())), None)
        boxed = {"Bridging the gap": "bridge", "Common pitfalls": "pitfalls"}.get(wanted)
        if at is None and not (boxed and page.divs(boxed)):
            yield f"the section “{wanted}” is missing", f"Add `## {wanted}`.", ""
        if at is not None:
            places.append((at, wanted))
    for (at, title), (after, following) in pairwise(places):
        if after < at:
            message = f"“{following}” stands before “{title}”"
            yield message, "Keep the order of the anatomy.", f"## {following}"
    named = tuple(name.lower() for name in HEADINGS)
    body = [title for title in titles if not title.lower().startswith(named)]
    if not BODY[0] <= len(body) <= BODY[1]:
        yield f"{len(body)} sections in the body", f"Write {BODY[0]} to {BODY[1]}.", ""
    takeaways = _items(_section(page, "Summary"))
    if takeaways > TAKEAWAYS:
        yield f"{takeaways} takeaways in the summary", f"Keep at most {TAKEAWAYS}.", "## Summary"


def _exercises(page: Page) -> Iterator[tuple[str, str, str]]:
    exercises = [node for node in page.of("Div") if attr_of(node).id.startswith("exr-")]
    if not EXERCISES[0] <= len(exercises) <= EXERCISES[1]:
        yield f"{len(exercises)} exercises", f"Write {EXERCISES[0]} to {EXERCISES[1]}.", "## Exercises"


def _figures(page: Page) -> Iterator[tuple[str, str, str]]:
    floats = [node for node in page.of("Div", "Image", "Figure") if attr_of(node).id.startswith("fig-")]
    drawn = [cell for cell in page.source.cells if cell.label.startswith("fig-")]
    holding = [node for node in floats if node["t"] == "Div" and _holds_cell(node)]
    if len(floats) + len(drawn) < FIGURES:
        yield f"{len(floats) + len(drawn)} figures", f"A chapter has at least {FIGURES}.", ""
    if len(holding) + len(drawn) < COMPUTED:
        message = f"{len(holding) + len(drawn)} computed figures"
        yield message, f"At least {COMPUTED} figures come from cells.", ""


def _holds_cell(div: Node) -> bool:
    return any(node["t"] == "CodeBlock" and CELL in attr_of(node).classes for node in nodes(div["c"][1]))


def _section(page: Page, title: str) -> list[Node]:
    found: list[Node] = []
    inside = False
    for block in page.blocks:
        if block["t"] == "Header" and block["c"][0] <= 2:
            inside = bool(re.match(title, plain(block["c"][2]), re.I))
        elif inside:
            found.append(block)
    return found


def _items(tree: Any) -> int:
    lists = [node for node in nodes(tree) if node["t"] in ("BulletList", "OrderedList")]
    return sum(len(node["c"] if node["t"] == "BulletList" else node["c"][1]) for node in lists)
