"""A passage: the words of one paragraph, heading, table cell or caption, each with its line.

What is not a word of the prose stands in the text as one character of the private use area, so that a rule
over the text sees that something is there without reading it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bookkit.checks.page import CAPTION, CELL, VALUE, Node, Page, attr_of, nodes, plain

CODE, COMPUTED, FORMULA, CITED, REFERENCE, TERM = "\ue000", "\ue001", "\ue002", "\ue003", "\ue004", "\ue005"
LABEL = re.compile(r"^-?(?:fig|tbl|lst|eq|sec|exr|aud)-", re.I)
EQUATION_MARK = re.compile(r"\{#eq-[\w-]+[^{}]*\}")
SENTENCE_END = re.compile(r"(?<!\be\.g)(?<!\bi\.e)(?<!\bvs)(?<!\bNo)[.!?][)\"”’*]*(?:\s+(?=[^a-z])|$)")
STYLED = ("Emph", "Strong", "Strikeout", "Superscript", "Subscript", "SmallCaps", "Underline")
EXERCISES = "exercise"
DEFINITIONS = "definition"


@dataclass
class Passage:
    """`kind`: text, heading, table, caption, alt, title, dek. `inside`: the classes around it, `exercise` and
    `definition` among them. `line_at` gives the place of any character of `text`."""

    kind: str
    text: str
    places: list[tuple[str, int]] = field(repr=False)
    inside: frozenset[str] = frozenset()
    group: int = 0

    def line_at(self, offset: int) -> tuple[str, int]:
        """(file, line) of the character at `offset`."""
        return self.places[min(offset, len(self.places) - 1)]

    def sentences(self) -> Iterator[tuple[int, str]]:
        """(offset, text) of each sentence."""
        start = 0
        for end in SENTENCE_END.finditer(self.text):
            yield start, self.text[start : end.end()]
            start = end.end()
        if self.text[start:].strip():
            yield start, self.text[start:]


class _Follower:
    """Finds each word of the tree in the woven text, going forward."""

    WINDOW = 800

    def __init__(self, page: Page) -> None:
        self.page = page
        self.text = page.woven.text
        self.at = 0

    def block(self, words: list[str]) -> None:
        """Go to where a block with these first words stands: they may be a table or a figure away."""
        if not words:
            return
        pattern = r"[\s\\>*_\[\]`(]*".join(re.escape(word) for word in words[:4])
        found = re.compile(pattern).search(self.text, self.at)
        if found:
            self.at = found.start()

    def word(self, word: str) -> tuple[str, int]:
        """The place of the next `word`."""
        found = self.text.find(word, self.at, self.at + self.WINDOW)
        if found >= 0:
            self.at = found + len(word)
        return self.page.woven.place(max(found, 0) if found >= 0 else self.at)


class _Builder:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.follower = _Follower(page)
        self.passages: list[Passage] = []
        self.group = 0

    def passage(self, kind: str, inlines: list[Node], inside: frozenset[str]) -> None:
        passage = Passage(kind, "", [], inside, self.group)
        notes: list[list[Node]] = []
        words = [node["c"] for node in nodes(inlines) if node["t"] == "Str"]
        self.follower.block(words)
        self.inlines(passage, inlines, notes)
        if passage.text.strip():
            self.passages.append(_without_marks(passage))
        for note in notes:
            self.note(note, inside)

    def note(self, blocks: list[Node], inside: frozenset[str]) -> None:
        """A footnote's text stands elsewhere in the file."""
        here, self.follower.at = self.follower.at, 0
        self.blocks(blocks, inside)
        self.follower.at = here

    def add(self, passage: Passage, text: str, place: tuple[str, int] | None = None) -> None:
        if place is None:
            place = passage.places[-1] if passage.places else self.page.woven.place(self.follower.at)
        passage.text += text
        passage.places += [place] * len(text)

    def inlines(self, passage: Passage, inlines: list[Node], notes: list[list[Node]]) -> None:
        for node in inlines:
            kind: str = node["t"]
            content: Any = node.get("c")
            if kind == "Str":
                self.add(passage, content, self.follower.word(content))
            elif kind in ("Space", "SoftBreak", "LineBreak"):
                self.add(passage, " ")
            elif kind == "Code":
                value = VALUE in attr_of(node).classes
                place = self.follower.word(f"`v`{{.{VALUE}" if value else content[1])
                self.add(passage, COMPUTED if value else CODE, place)
            elif kind == "Math":
                self.add(passage, FORMULA, self.follower.word(content[1]))
            elif kind == "Cite":
                keys = [cite["citationId"] for cite in content[0]]
                mark = REFERENCE if all(map(LABEL.match, keys)) else CITED
                self.add(passage, mark, self.follower.word(keys[0]))
            elif kind == "Note":
                if any(inner["t"] == "Cite" for inner in nodes(content)):
                    self.add(passage, CITED)
                notes.append(content)
            elif kind in STYLED:
                self.inlines(passage, content, notes)
            elif kind == "Quoted":
                self.inlines(passage, content[1], notes)
            elif kind == "Span":
                if "term" in attr_of(node).classes:
                    self.add(passage, TERM)
                self.inlines(passage, content[1], notes)
            elif kind == "Link":
                self.inlines(passage, content[1], notes)

    def blocks(self, blocks: list[Node], inside: frozenset[str], kind: str = "text") -> None:
        for node in blocks:
            self.block(node, inside, kind)

    def block(self, node: Node, inside: frozenset[str], kind: str) -> None:
        name: str = node["t"]
        content: Any = node.get("c")
        self.group += 1
        if name in ("Para", "Plain"):
            images = [inline for inline in content if inline["t"] == "Image"]
            if images and not plain([inline for inline in content if inline["t"] != "Image"]):
                for image in images:
                    self.image(image, inside)
            else:
                self.passage(kind, content, inside)
        elif name == "Header":
            self.passage("heading", content[2], inside)
        elif name == "BlockQuote":
            self.blocks(content, inside, kind)
        elif name in ("BulletList", "OrderedList"):
            for item in content if name == "BulletList" else content[1]:
                self.blocks(item, inside, kind)
        elif name == "DefinitionList":
            for term, definitions in content:
                self.passage("heading", term, inside | {DEFINITIONS})
                for definition in definitions:
                    self.blocks(definition, inside | {DEFINITIONS}, kind)
        elif name == "Div":
            self.div(node, inside, kind)
        elif name == "Figure":
            self.figure(content, inside)
        elif name == "Table":
            self.table(content, inside)
        elif name == "LineBlock":
            for line in content:
                self.passage(kind, line, inside)

    def div(self, node: Node, inside: frozenset[str], kind: str) -> None:
        attr = attr_of(node)
        within = inside | set(attr.classes)
        if attr.id.startswith("exr-") or "answer" in attr.classes:
            within |= {EXERCISES}
        for key in ("alt", "title", "fig-alt"):
            if attr.pairs.get(key):
                self.literal("title" if key == "title" else "alt", attr.pairs[key], within)
        blocks = node["c"][1]
        if re.match(r"(fig|tbl|lst)-", attr.id) or "audio" in attr.classes:
            self.blocks(blocks[:-1], within, kind)
            self.blocks(blocks[-1:], within, "caption")
        else:
            self.blocks(blocks, within, "caption" if CAPTION in attr.classes else kind)

    def figure(self, content: list[Any], inside: frozenset[str]) -> None:
        for node in nodes(content[2]):
            if node["t"] == "Image":
                self.alt(node, inside)
        self.blocks(content[1][1], inside, "caption")

    def image(self, node: Node, inside: frozenset[str]) -> None:
        self.alt(node, inside)
        self.passage("caption", node["c"][1], inside)

    def alt(self, node: Node, inside: frozenset[str]) -> None:
        pairs = attr_of(node).pairs
        for key in ("fig-alt", "alt"):
            if pairs.get(key):
                self.literal("alt", pairs[key], inside)

    def literal(self, kind: str, text: str, inside: frozenset[str]) -> None:
        """Plain text out of an attribute."""
        words = text.split()
        line = self.page.locate(text, " ".join(words[:6]), words[0] if words else "")
        self.passages.append(Passage(kind, text, [line] * max(1, len(text)), inside, self.group))

    def table(self, content: list[Any], inside: frozenset[str]) -> None:
        _, caption, _, head, bodies, foot = content
        here, before = self.follower.at, len(self.passages)
        self.blocks(caption[1], inside, "caption")
        if self.follower.at > here and _rows_follow(self.follower.text, here, self.follower.at):
            self.follower.at = here
        self.group += 1
        group = self.group
        for passage in self.passages[before:]:
            passage.group = group
        rows = [*head[1], *(row for body in bodies for row in [*body[2], *body[3]]), *foot[1]]
        for row in rows:
            for cell in row[1]:
                for block in cell[4]:
                    self.group = group
                    if block["t"] in ("Para", "Plain"):
                        self.passage("table", block["c"], inside)
        self.group += 1


def _rows_follow(text: str, start: int, end: int) -> bool:
    """Whether a table's rows stand before its caption, which pandoc gives first."""
    return "|" in text[start:end] or "---" in text[start:end]


def _without_marks(passage: Passage) -> Passage:
    """Blank what is no prose: the attributes of a labelled equation."""
    blank = EQUATION_MARK.sub(lambda mark: " " * len(mark[0]), passage.text)
    return replace(passage, text=blank)


def options(page: Page) -> Iterator[tuple[str, str, tuple[str, int]]]:
    """(kind, text, place) of the sentences that stand in front matter and in cells' options."""
    front: Mapping[str, Any] = page.source.front
    for key in ("dek", "description"):
        if isinstance(front.get(key), str):
            lines = page.source.front_raw.split("\n")
            line = 1 + next((i for i, text in enumerate(lines) if text.startswith(f"{key}:")), 0)
            yield "dek", front[key], (page.path, line)
    for cell in page.source.cells:
        for key in ("fig-alt", "code-summary"):
            if isinstance(cell.options.get(key), str):
                yield "alt", cell.options[key], (cell.path, cell.option_lines[key])


def passages(page: Page) -> list[Passage]:
    """All prose of a chapter in reading order, with what stands in options at the end."""
    builder = _Builder(page)
    builder.blocks(list(page.blocks), frozenset())
    found = builder.passages
    for kind, text, place in options(page):
        found.append(Passage(kind, text, [place] * max(1, len(text))))
    return found


def word_count(page: Page) -> int:
    """Words of prose: code, tables, captions and alt text not counted."""
    counted = (passage for passage in passages(page) if passage.kind in ("text", "heading"))
    return sum(len(re.findall(r"\w[\w'’.-]*", passage.text)) for passage in counted)


def is_cell(node: Node) -> bool:
    """Whether a block stands for a cell."""
    return node["t"] == "CodeBlock" and CELL in attr_of(node).classes
