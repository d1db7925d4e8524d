"""Reads text and YAML, and says where they are wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from bookkit.manuscript.errors import Finding, ManuscriptError

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml where PyYAML has it: a chapter's cells carry much YAML, and it is ten times as fast."""


def read_text(root: Path, path: str) -> str:
    """The file as text with `\\n` line ends. Raises ManuscriptError if it is not UTF-8 or not there."""
    try:
        data = (root / path).read_bytes()
    except OSError as error:
        raise ManuscriptError(
            Finding(path, 0, "file", f"cannot be read: {error.strerror}", "Create the file or mend its name.")
        ) from error
    try:
        return data.decode("utf-8").removeprefix("\ufeff").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = 1 + data.count(b"\n", 0, error.start)
        raise ManuscriptError(
            Finding(
                path,
                line,
                "encoding",
                f"byte {data[error.start]:#04x} is not UTF-8",
                "Save the file as UTF-8.",
            )
        ) from error


def yaml_mapping(text: str, path: str, first_line: int, what: str) -> dict[str, Any]:
    """`text` as a YAML mapping. Raises ManuscriptError with the faulty line; `first_line` is the text's."""
    try:
        data = yaml.load(text, Loader=LOADER)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "cannot be read"
        last = text.count("\n")  # libyaml counts a line more where the text stops in the middle of one
        line = first_line + (min(mark.line, last) if mark else 0)
        raise ManuscriptError(
            Finding(
                path,
                line,
                "yaml",
                f"{what} is not valid YAML: {problem}",
                "Mend the line or quote its value.",
            )
        ) from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ManuscriptError(
            Finding(
                path, first_line, "yaml", f"{what} is a {type(data).__name__}", "Write `key: value` lines."
            )
        )
    return data
