"""Listings: every block of code on the page is read by a tool of its own language."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Iterator, Mapping

import yaml

from bookkit.checks.page import Page
from bookkit.manuscript import Finding

NO_LANGUAGE = "the block names no language"
Fault = tuple[int, str]
"""(line in the listing from 1, what the tool says)"""


def _json(code: str) -> Fault | None:
    try:
        json.loads(code)
    except json.JSONDecodeError as error:
        return error.lineno, error.msg
    return None


def _yaml(code: str) -> Fault | None:
    try:
        documents = list(yaml.safe_load_all(code))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        return (min(mark.line, code.count("\n")) + 1 if mark else 1), str(getattr(error, "problem", error))
    for document in documents:
        if isinstance(document, dict) and "openapi" in document:
            return _openapi(document)
    return None


def _openapi(document: Mapping[str, object]) -> Fault | None:
    from jsonschema.exceptions import ValidationError
    from openapi_spec_validator import validate
    from openapi_spec_validator.validation.exceptions import ValidatorDetectError

    try:
        validate(document)
    except ValidatorDetectError:
        return 1, f"OpenAPI {document['openapi']} is not known to openapi-spec-validator"
    except ValidationError as error:
        return 1, str(error).split("\n")[0]
    return None


def _toml(code: str) -> Fault | None:
    try:
        tomllib.loads(code)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        return int(line[1]) if line else 1, str(error)
    return None


def _shell(code: str) -> Fault | None:
    bash = shutil.which("bash")
    if not bash:
        return 1, "bash is not installed, so nothing can read this"
    done = subprocess.run([bash, "-n"], input=code, capture_output=True, text=True)
    if done.returncode == 0:
        return None
    line = re.search(r"line (\d+): (.*)", done.stderr)
    return (int(line[1]), line[2]) if line else (1, done.stderr.strip())


def _xml(code: str) -> Fault | None:
    from lxml import etree

    try:
        etree.fromstring(code.encode("utf-8"))
    except etree.XMLSyntaxError as error:
        return (error.lineno or 1), str(error.msg)
    return None


def _html(code: str) -> Fault | None:
    import html5lib

    parser = html5lib.HTMLParser()
    parser.parse(code) if re.match(r"\s*<(!doctype|html)", code, re.I) else parser.parseFragment(code)
    for (line, _), name, _ in parser.errors:
        return line, name.replace("-", " ")
    return None


def _python(code: str) -> Fault | None:
    try:
        compile(code, "listing", "exec", dont_inherit=True)
    except SyntaxError as error:
        return error.lineno or 1, error.msg
    return None


def _text(code: str) -> Fault | None:
    return None


READERS: Mapping[str, Callable[[str], Fault | None]] = {
    "python": _python, "py": _python, "yaml": _yaml, "yml": _yaml, "json": _json, "toml": _toml,
    "bash": _shell, "sh": _shell, "shell": _shell, "xml": _xml, "svg": _xml, "html": _html, "text": _text,
}  # fmt: skip


def listings(page: Page) -> Iterator[Finding]:
    """Blocks that their language's own reader refuses, and blocks in a language nobody here reads."""
    for block in page.source.verbatims:
        if block.language not in READERS:
            message = f"nothing here reads the language `{block.language}`" if block.language else NO_LANGUAGE
            remedy = f"Use one of {', '.join(READERS)}; mark what no tool can read as `text`."
            yield Finding(block.path, block.line, "listing", message, remedy)
            continue
        fault = READERS[block.language](block.code)
        if fault:
            message = f"{block.language} cannot be read: {fault[1]}"
            yield Finding(block.path, block.line + fault[0], "listing", message, "Mend the listing.")
    for cell in page.source.cells:
        fault = _python(cell.code)
        if fault:
            message = f"the cell does not compile: {fault[1]}"
            yield Finding(cell.path, cell.code_line + fault[0] - 1, "listing", message, "Mend the code.")
    for inline in page.source.inlines:
        fault = _python(inline.expression)
        if fault:
            message = f"the inline cell does not compile: {fault[1]}"
            yield Finding(inline.path, inline.line, "listing", message, "Mend the expression.")
