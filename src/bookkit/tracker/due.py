"""What has to be read again: facts and sources past the date that was set for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from bookkit.checks.citations import LEDGER, line_of_key
from bookkit.checks.dates import when
from bookkit.checks.facts import FACTS
from bookkit.manuscript.files import read_text
from bookkit.tracker.evidence import Book


@dataclass(frozen=True, order=True)
class Due:
    """A fact or source with the day by which it must be read again, where it stands, and who uses it."""

    recheck: date
    kind: str
    key: str
    path: str
    line: int
    checked: str
    chapters: tuple[str, ...]


def rechecks(book: Book) -> list[Due]:
    """Every fact and every source with a re-check date, the earliest first.

    A source's date is its own `recheck` in the ledger, else the earliest of the facts that rest on it.
    """
    found: list[Due] = []
    of_source: dict[str, date] = {}
    text = read_text(book.root, FACTS) if book.facts else ""
    for key, fact in book.facts.items():
        day = when(fact.get("recheck")) if isinstance(fact, dict) else None
        if day:
            users = tuple(path for path, reading in book.readings.items() if key in reading.facts)
            found.append(
                Due(day, "fact", str(key), FACTS, line_of_key(text, key), str(fact.get("checked")), users)
            )
            source = str(fact.get("source"))
            of_source[source] = min(day, of_source.get(source, day))
    text = read_text(book.root, LEDGER) if book.ledger else ""
    for key, record in book.ledger.items():
        own = when(record.get("recheck")) if isinstance(record, dict) else None
        day = own or of_source.get(str(key))
        if day:
            users = tuple(path for path, reading in book.readings.items() if key in reading.citations)
            found.append(
                Due(day, "source", str(key), LEDGER, line_of_key(text, key), str(record.get("read")), users)
            )
    return sorted(found)


def due(book: Book, day: date) -> list[Due]:
    """What must have been read again by `day`."""
    return [one for one in rechecks(book) if one.recheck <= day]
