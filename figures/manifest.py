"""What was built from what: digests of inputs and outputs beside the outputs, in `built.json`.

An input may also be a text that stands elsewhere, such as a chapter's title.

A picture or a clip is stale when an input has changed since it was built, and damaged when the file itself
has. Both show without building anything: whoever checks needs neither fonts nor Debian packages.
"""

from __future__ import annotations

import ast
import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NAME = "built.json"


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hex. Of a Python file, its code counts: comments, docstrings and layout do
    not."""
    content = path.read_bytes()
    if path.suffix == ".py":
        content = _code(content.decode()).encode()
    return hashlib.sha256(content).hexdigest()


def _code(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(
            node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        ) and ast.get_docstring(node, clean=False):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


@dataclass(frozen=True)
class Manifest:
    """The digests of one folder's build. Paths are relative to the repository."""

    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / NAME

    def write(
        self, inputs: Iterable[Path], outputs: Iterable[Path], texts: Mapping[str, str] | None = None
    ) -> None:
        """Record the digests of `inputs` and `outputs`, and the `texts` as they are."""
        recorded = {"inputs": _digests(inputs), "texts": dict(texts or {}), "outputs": _digests(outputs)}
        self.path.write_text(json.dumps(recorded, indent=1) + "\n", encoding="utf-8")

    def problems(self, texts: Mapping[str, str] | None = None) -> list[str]:
        """One line for each file or text that is missing, changed or stale; empty when all is well."""
        place = self.folder.relative_to(ROOT).as_posix()
        if not self.path.is_file():
            return [f"{place}: never built"]
        recorded: dict[str, dict[str, str]] = json.loads(self.path.read_text(encoding="utf-8"))
        lines: list[str] = []
        for kind, word in (("inputs", "stale"), ("outputs", "not what was built")):
            for name, digest in recorded[kind].items():
                path = ROOT / name
                if not path.is_file():
                    lines.append(f"{place}: {name} is missing")
                elif sha256(path) != digest:
                    lines.append(f"{place}: {word}, {name} has changed")
        then, now = recorded["texts"], dict(texts or {})
        lines += [
            f"{place}: stale, {name} is {now.get(name)!r} and was {then.get(name)!r}"
            for name in sorted(then.keys() | now.keys())
            if then.get(name) != now.get(name)
        ]
        return lines


def _digests(paths: Iterable[Path]) -> dict[str, str]:
    return {path.relative_to(ROOT).as_posix(): sha256(path) for path in sorted(paths)}


def main(script: str, build: Callable[[], None], texts: Mapping[str, str] | None = None) -> int:
    """The command line of a build script: build, or with `--check` say what is stale. Returns the exit
    code."""
    folder = Path(script).resolve().parent
    arguments = sys.argv[1:]
    if arguments == ["--check"]:
        lines = Manifest(folder).problems(texts)
        remedy = f"Run: python {Path(script).resolve().relative_to(ROOT).as_posix()}"
        print("\n".join(f"{line}. {remedy}" for line in lines) or f"{folder.relative_to(ROOT)}: up to date")
        return 1 if lines else 0
    if arguments:
        print(f"unknown argument {arguments[0]!r}: there is only --check", file=sys.stderr)
        return 2
    build()
    return 0
