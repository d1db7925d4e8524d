"""Words that are not in this book, dashes as punctuation, questions in a row."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

from bookkit.checks.prose.passage import EXERCISES, Passage
from bookkit.manuscript import Finding

WORDS = Path(__file__).with_name("words.yml")
DASH = re.compile(
    r"—|---+|(?<=\s)--(?=\s)|(?<=\w)--(?=\w)"
    r"|(?<=[^\W\d])–(?=\s?[^\W\d])|(?<=\s)–(?=\s)|(?<=[^\W\d]) - (?=\w)"
)
ASKING = frozenset({EXERCISES, "predict", "goals"})


@functools.cache
def banned() -> list[tuple[re.Pattern[str], str]]:
    """(pattern, what to do) of every turn of phrase that is not in this book."""
    entries = yaml.safe_load(WORDS.read_text("utf-8"))
    return [(re.compile(entry["find"], re.I), entry["do"]) for entry in entries]


def dashes(passages: Iterable[Passage]) -> Iterator[Finding]:
    """Em dashes, en dashes and hyphens that stand between words as punctuation."""
    for passage in passages:
        for found in DASH.finditer(passage.text):
            around = passage.text[max(0, found.start() - 15) : found.end() + 15].strip()
            message = f"a dash as punctuation in “{around}”"
            remedy = "Use a full stop, a colon, a comma or brackets."
            yield Finding(*passage.line_at(found.start()), "dash", message, remedy)


def words(passages: Iterable[Passage]) -> Iterator[Finding]:
    """Words and phrases of `words.yml`."""
    for passage in passages:
        for pattern, remedy in banned():
            for found in pattern.finditer(passage.text):
                message = f"“{found[0]}” is not in this book"
                yield Finding(*passage.line_at(found.start()), "word", message, remedy)


def questions(passages: Iterable[Passage]) -> Iterator[Finding]:
    """Two questions in a row in one paragraph, where nobody is asked to answer them."""
    for passage in passages:
        if passage.kind != "text" or passage.inside & ASKING:
            continue
        before = False
        for offset, sentence in passage.sentences():
            asks = sentence.rstrip(' "”)*').endswith("?")
            if asks and before:
                message, remedy = "two questions in a row", "Keep the one that the text answers."
                yield Finding(*passage.line_at(offset), "question", message, remedy)
            before = asks
