"""The supported Markdown: what README lists, and what all three formats can show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import zip_longest

from bookkit.checks.page import CAPTION, VALUE, Node, Page, attr_of, nodes
from bookkit.manuscript import Finding

CALLOUTS = ("callout-note", "callout-tip", "callout-warning", "callout-important", "callout-caution")
WHEN = ("content-visible", "content-hidden")
CLASSES: Mapping[str, frozenset[str]] = {
    "Div": frozenset({
        "goals", "bridge", "from-ml", "from-api", "predict", "answer", "pitfalls", "audio", "compare",
        "slider-figure", "card", "how", "aside", "first-book", "wide", CAPTION, *CALLOUTS, *WHEN,
    }),
    "Span": frozenset({
        "computed", "measured", "reported", "value", "term", "spread", "smallcaps", "nb", *WHEN,
    }),
    "Image": frozenset({"light-content", "dark-content", "wide"}),
    "Header": frozenset({"unnumbered", "unlisted"}),
    "Code": frozenset({VALUE}),
}  # fmt: skip
LEVELS = ("recall", "apply", "build", "design")


def subset(page: Page) -> Iterator[Finding]:
    """Classes nobody knows, raw HTML and LaTeX, exercises that do not say how hard and how long they are."""
    for node in nodes(page.blocks):
        kind = node["t"]
        for name in attr_of(node).classes if kind in CLASSES else ():
            if name not in CLASSES[kind]:
                remedy = f"Use one of: {', '.join(sorted(CLASSES[kind] - {CAPTION, VALUE}))}."
                word = {"Div": "div", "Span": "span", "Header": "heading"}.get(kind, kind.lower())
                place = page.locate(f".{name}", name)
                yield Finding(*place, "div-class", f"the {word} class `{name}` is not supported", remedy)
        if kind in ("RawBlock", "RawInline"):
            place = page.locate(node["c"][1], node["c"][1].split("\n")[0])
            message = f"raw {node['c'][0]} does not reach all three formats: {node['c'][1].strip()[:40]}"
            yield Finding(*place, "raw", message, "Write it in Markdown, or show it as code.")
        elif kind == "Div" and attr_of(node).id.startswith("exr-"):
            yield from _exercise(page, node)
    yield from _answers(page, page.blocks)


def _exercise(page: Page, node: Node) -> Iterator[Finding]:
    attr = attr_of(node)
    place = page.locate(f"#{attr.id}")
    if attr.pairs.get("level") not in LEVELS:
        remedy = f'Add level="…": one of {", ".join(LEVELS)}.'
        yield Finding(*place, "exercise", f"{attr.id} does not say its level", remedy)
    if not attr.pairs.get("minutes", "").isdigit():
        yield Finding(*place, "exercise", f"{attr.id} does not say how long it takes", 'Add minutes="15".')


def _answers(page: Page, blocks: list[Node]) -> Iterator[Finding]:
    """Every exercise is followed by its answer, every answer stands where it belongs."""
    for block, after in zip_longest(blocks, blocks[1:]):
        if block["t"] == "Div" and attr_of(block).id.startswith("exr-"):
            inside = any("answer" in attr_of(node).classes for node in nodes(block["c"][1]))
            follows = after is not None and after["t"] == "Div" and "answer" in attr_of(after).classes
            if not inside and not follows:
                name = attr_of(block).id
                message, remedy = f"{name} has no solution", "Put `::: {.answer}` after it."
                yield Finding(*page.locate(f"#{name}"), "exercise", message, remedy)
