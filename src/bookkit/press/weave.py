"""Puts what the cells gave into the chapter: pandoc's Markdown, with nothing left to run.

A cell becomes `::: {.cell}` with a `.cell-code` block and its outputs; a labelled figure or table a Div with
that label and its caption as last paragraph. The k-th inline value of chapter c is `[…]{.value n="c-k"}`.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from bookkit.manuscript import (
    Cell,
    Chapter,
    Comment,
    Finding,
    Inline,
    ManuscriptError,
    Piece,
    Project,
    Shortcode,
)
from bookkit.manuscript.cells import DEFAULTS, NARROW
from bookkit.press.execute import Outputs
from bookkit.press.files import write_if_new
from bookkit.press.kernel import ANSI

FIGURES = ".cache/press/figures/cells"
"""Where figures from cells are kept, from the book's root."""

PLOT_NOISE = re.compile(r"<(?:Figure|Axes|matplotlib)|\[?<matplotlib|Text\(")
SUFFIX = {"image/svg+xml": ".svg", "image/png": ".png", "image/jpeg": ".jpg"}
SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!~^$@<>|\"':])")


def weave(project: Project, chapter: Chapter, outputs: Outputs) -> str:
    """The chapter as Markdown. Figures are written below FIGURES. Raises ManuscriptError."""
    return "".join(_Weaver(project, chapter, iter(outputs)).texts())


class _Weaver:
    def __init__(self, project: Project, chapter: Chapter, outputs: Iterator[list[dict[str, Any]]]) -> None:
        self.project, self.chapter, self.outputs = project, chapter, outputs
        known = {k: v for k, v in project.execution(chapter).items() if k in DEFAULTS}
        self.defaults: dict[str, Any] = {**DEFAULTS, **known}
        self.values = 0

    def texts(self) -> Iterator[str]:
        for piece in self.chapter.source.flat():
            if isinstance(piece, Cell):
                yield self.cell(piece)
            elif isinstance(piece, Inline):
                yield self.value(piece)
            elif isinstance(piece, Shortcode):
                yield self.shortcode(piece)
            elif not isinstance(piece, Comment):
                yield piece.raw

    def cell(self, cell: Cell) -> str:
        options = {**self.defaults, **cell.options}
        outputs = next(self.outputs) if options["eval"] else []
        if not options["include"]:
            return "\n"
        parts = [_code(cell, options)] if options["echo"] else []
        if options["output"]:
            parts += self.shown(cell, options, outputs)
        text = div(".cell", *parts) if parts else ""
        indented = "\n".join(cell.indent + line if line else "" for line in text.split("\n"))
        return f"\n{indented}\n\n"

    def shown(self, cell: Cell, options: Mapping[str, Any], outputs: list[dict[str, Any]]) -> list[str]:
        plain: list[str] = []
        floating: list[str] = []
        for output in outputs:
            kind, text = self.output(cell, options, output)
            (floating if kind in ("image", "markdown") else plain).append(text)
        images = [text for text in floating if text.startswith("![](")]
        if "renderings" in options:
            if len(images) != 2:
                raise _fault(
                    cell, "renderings", f"gives {len(images)} figures, not two", "Draw light, then dark."
                )
            marks = dict(zip(images, (".light-content", ".dark-content"), strict=True))
            floating = [f"{text[:-1]} {marks[text]}}}" if text in marks else text for text in floating]
        elif len(images) > 1:
            raise _fault(cell, "figure", f"gives {len(images)} figures", "Draw one figure a cell.")
        label, caption = cell.label, options.get("fig-cap") or options.get("tbl-cap")
        if label.startswith(("fig-", "tbl-")):
            if not floating or not caption:
                what = "draws nothing that could carry the label" if not floating else "has no caption"
                raise _fault(cell, "label", f"{what} {label}", "Give it a figure or table and a caption.")
            floating = [div(f"#{label}", *floating, str(caption))]
        return [text for text in (*plain, *floating) if text]

    def output(self, cell: Cell, options: Mapping[str, Any], output: dict[str, Any]) -> tuple[str, str]:
        """(kind, Markdown) of one output."""
        kind = output["output_type"]
        if kind == "stream":
            text = ANSI.sub("", "".join(output["text"])).rstrip("\n")
            if output["name"] == "stderr":
                return ("text", _result("stderr", text)) if options["warning"] else ("text", "")
            return ("markdown", text) if options["output"] == "asis" else ("text", _result("stdout", text))
        if kind == "error":
            return "text", _result("error", f"{output['ename']}: {ANSI.sub('', output['evalue'])}")
        data = output.get("data", {})
        for mime, suffix in SUFFIX.items():
            if mime in data:
                narrow = clean_svg(_joined(data.get(NARROW, ""))).encode()
                return "image", self.image(cell, options, _joined(data[mime]), suffix, narrow)
        if "text/markdown" in data:
            return "markdown", _joined(data["text/markdown"])
        if "text/html" in data:
            remedy = "Return Markdown (an object with _repr_markdown_): HTML has no meaning in PDF and EPUB."
            raise _fault(cell, "html-output", "gives HTML", remedy)
        text = _joined(data.get("text/plain", ""))
        return "text", "" if not text or PLOT_NOISE.match(text) else _result("display", text)

    def image(self, cell: Cell, options: Mapping[str, Any], value: str, suffix: str, narrow: bytes) -> str:
        if not options.get("fig-alt"):
            raise _fault(
                cell, "alt", "draws a figure without alt text", "Add `#| fig-alt:` with what it shows."
            )
        data = clean_svg(value).encode() if suffix == ".svg" else base64.b64decode(value)
        name = hashlib.sha256(data + narrow).hexdigest()[:16]
        write_if_new(self.project.root / FIGURES / (name + suffix), data)
        if narrow.strip():
            write_if_new(self.project.root / FIGURES / f"{name}-narrow.svg", narrow)
        return f"![](/{FIGURES}/{name}{suffix}){{fig-alt={quoted(options['fig-alt'])}}}"

    def value(self, inline: Inline) -> str:
        self.values += 1
        given = [
            o["data"] for o in next(self.outputs) if o["output_type"] in ("display_data", "execute_result")
        ]
        data = given[-1] if given else {}
        if "text/markdown" in data:
            text = _joined(data["text/markdown"]).strip()
        else:
            text = SPECIAL.sub(r"\\\1", _joined(data.get("text/plain", "")).strip())
        if not text or "\n\n" in text or text.startswith(":::"):
            message = f"inline cell `{inline.expression}` gives {'a block' if text else 'nothing'}"
            remedy = "Inline cells give words; use a cell for a block."
            raise ManuscriptError(Finding(inline.path, inline.line, "inline-cell", message, remedy))
        return f'[{text}]{{.value n="{self.chapter.tag}-{self.values}"}}'

    def shortcode(self, piece: Shortcode) -> str:
        if piece.name == "pagebreak":
            return "\n```{=typst}\n#pagebreak(weak: true)\n```\n"
        tree: Any = self.project.variables
        if piece.name == "meta":
            tree = {**self.project.config, **self.chapter.source.front}
        for word in piece.arguments[0].split("."):
            tree = tree.get(word) if isinstance(tree, Mapping) else None
        if tree is None or isinstance(tree, (list, Mapping)):
            message, remedy = (
                f"{piece.name} `{piece.arguments[0]}` names no value",
                "Mend the key or define it.",
            )
            raise ManuscriptError(Finding(piece.path, piece.line, "shortcode", message, remedy))
        return str(tree)


def clean_svg(text: str) -> str:
    """The drawing alone: no XML declaration, document type, comments or metadata (which hold dates)."""
    text = re.sub(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<metadata>.*?</metadata>", "", text, flags=re.S)
    return re.sub(r"\n[ \t]*(?=\n)", "", text).strip() + "\n"


def fence(text: str, attributes: str) -> str:
    """A code block whose fence no line of `text` can close."""
    ticks = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    return f"{ticks} {{{attributes}}}\n{text}\n{ticks}"


def div(attributes: str, *parts: str) -> str:
    """A fenced Div whose fence is longer than any inside it."""
    body = "\n\n".join(part for part in parts if part)
    colons = ":" * max(3, 1 + max((len(run) for run in re.findall(r"(?m)^[ \t]*(:{3,})", body)), default=0))
    return f"{colons} {{{attributes}}}\n{body}\n{colons}"


def quoted(value: object) -> str:
    """An attribute's value, with what pandoc would read as its end escaped."""
    text = ("true" if value else "false") if isinstance(value, bool) else " ".join(str(value).split())
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _code(cell: Cell, options: Mapping[str, Any]) -> str:
    words = [f"#{options['lst-label']}"] if "lst-label" in options else []
    words += [".python", ".cell-code"]
    names = ("lst-cap", "code-fold", "code-summary")
    words += [f"{name}={quoted(options[name])}" for name in names if name in options]
    return fence(cell.code, " ".join(words))


def _result(kind: str, text: str) -> str:
    return div(f".cell-output .cell-output-{kind}", fence(text, ".text")) if text else ""


def _joined(value: Any) -> str:
    return value if isinstance(value, str) else "".join(value)


def _fault(piece: Piece, rule: str, message: str, remedy: str) -> ManuscriptError:
    name = f"the cell {piece.label} " if isinstance(piece, Cell) and piece.label else "the cell "
    return ManuscriptError(Finding(piece.path, piece.line, rule, name + message, remedy))
