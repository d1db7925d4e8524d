"""Acronyms are written out at their first use in each chapter."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from bookkit.checks.prose.passage import Passage
from bookkit.manuscript import Finding

LIST = Path(__file__).with_name("acronyms.yml")
ACRONYM = re.compile(r"(?<![\w.$§/-])[A-Z][A-Z0-9]*[A-Z]s?(?![\w/])(?!\.\w)")
ROMAN = re.compile(r"[IVX]+")


@functools.cache
def known() -> Mapping[str, Any]:
    """The two lists: `known`, and `expansions` by acronym."""
    data: Mapping[str, Any] = yaml.safe_load(LIST.read_text("utf-8"))
    return data


def acronyms(passages: Iterable[Passage]) -> Iterator[Finding]:
    """First uses, in reading order, that stand without their expansion."""
    met: set[str] = set(known()["known"])
    for passage in passages:
        if passage.kind in ("heading", "alt", "title", "dek", "table"):
            continue
        for found in ACRONYM.finditer(passage.text):
            word = found[0].removesuffix("s")
            if {word, found[0]} & met or ROMAN.fullmatch(word):
                continue
            met.add(word)
            if not _expanded(passage.text, found):
                expansion = known()["expansions"].get(word)
                remedy = (
                    f"Write “{expansion} ({word})”."
                    if expansion
                    else f"Write it out, then “({word})”; or add it to the list in {LIST.name}."
                )
                message = f"{word} is not expanded at its first use in the chapter"
                yield Finding(*passage.line_at(found.start()), "acronym", message, remedy)


def _expanded(text: str, found: re.Match[str]) -> bool:
    before, after = text[: found.start()], text[found.end() :]
    if re.search(r"[a-z]\S*\s+\([^()]*$", before) and re.match(r"[^()]*\)", after):
        return True
    return bool(re.match(r"\s+\([^()]*[a-z][^()]*\)|, (?:or|for|short for|which stands for) ", after))
