"""What the history shows: throughput, and a forecast of the finish. The notebooks read this."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np

from bookkit.manuscript.files import read_text
from bookkit.tracker.document import Document
from bookkit.tracker.evidence import DONE, NONE, Book, read_book
from bookkit.tracker.history import Snapshot, load_history
from bookkit.tracker.importing import parse

LEAST_INTERVALS = 3
SHINGLE = 12
"""Words in a row that make a passage which stands in two chapters a repeated one."""


@dataclass(frozen=True)
class State:
    """What a notebook is given: a tracker document, the history up to a day, and the book if there is one."""

    as_of: date
    document: Document
    history: tuple[Snapshot, ...]
    book: Book | None


def load_state(as_of: str, tracker: str, history: str, book: str) -> State:
    """Read the parameters of a notebook. Empty `history` or `book` means that there is none.

    Raises ManuscriptError for a file that cannot be read, ValueError for a date that is none.
    """
    day = date.fromisoformat(as_of)
    place = Path(tracker)
    document = parse(read_text(place.parent, place.name), place.name).document
    snapshots: list[Snapshot] = []
    if history:
        snapshots = [
            one for one in load_history(Path(history).parent, Path(history).name) if one.at.date() <= day
        ]
    return State(day, document, tuple(snapshots), read_book(Path(book)) if book else None)


def per_hour(snapshots: Sequence[Snapshot]) -> list[float]:
    """Words written an hour between each two snapshots; intervals without length are left out."""
    rates = []
    for before, after in pairwise(snapshots):
        hours = (after.at - before.at).total_seconds() / 3600
        if hours > 0:
            rates.append((after.data["counts"]["words"] - before.data["counts"]["words"]) / hours)
    return rates


def heat(snapshots: Sequence[Snapshot]) -> dict[str, list[float]]:
    """By chapter, the share of its columns that was done at each snapshot; NaN before it was planned.

    Columns that do not apply to a chapter count neither way.
    """
    paths = dict.fromkeys(path for one in snapshots for path in one.data["chapters"])
    found: dict[str, list[float]] = {path: [] for path in paths}
    for one in snapshots:
        for path, shares in found.items():
            states = one.data["chapters"].get(path, {"states": []})["states"]
            counted = [state for state in states if state != NONE]
            shares.append(sum(state == DONE for state in counted) / len(counted) if counted else float("nan"))
    return found


def measurements(snapshots: Sequence[Snapshot]) -> dict[str, list[tuple[datetime, float]]]:
    """By the name of a measurement, when it was taken and what it was, the oldest first."""
    found: dict[str, list[tuple[datetime, float]]] = {}
    for one in snapshots:
        for name, value in one.data.get("performance", {}).items():
            found.setdefault(name, []).append((one.at, value))
    return found


@dataclass(frozen=True)
class Forecast:
    """When `left` more words will be there: hours until 10, 50 and 90 percent of the runs are done.

    A value is None where fewer runs than that finish within the horizon.
    """

    left: int
    intervals: int
    p10_h: float | None
    p50_h: float | None
    p90_h: float | None


def forecast(
    snapshots: Sequence[Snapshot],
    target: int,
    rng: np.random.Generator,
    runs: int = 2000,
    horizon_h: int = 2400,
) -> Forecast | None:
    """Monte Carlo over past throughput: each run draws past hourly rates again until the target is reached.

    Past intervals are drawn in proportion to their length, so that a long pause weighs as much as it lasted.
    None when the history has fewer than LEAST_INTERVALS intervals or no word was ever added.
    """
    rates = np.array(per_hour(snapshots))
    if len(rates) < LEAST_INTERVALS or rates.max() <= 0:
        return None
    spans = np.array([s for a, b in pairwise(snapshots) if (s := (b.at - a.at).total_seconds()) > 0])
    left = max(0, target - int(snapshots[-1].data["counts"]["words"]))
    drawn = rng.choice(rates, size=(runs, horizon_h), p=spans / spans.sum())
    reached = np.cumsum(drawn, axis=1) >= left
    hours = np.where(reached.any(axis=1), reached.argmax(axis=1) + 1.0, np.inf)
    quantiles = [float(value) for value in np.quantile(hours, (0.1, 0.5, 0.9), method="higher")]
    p10, p50, p90 = (value if np.isfinite(value) else None for value in quantiles)
    return Forecast(left, len(rates), p10, p50, p90)


def finish(as_of: date, hours: float | None) -> str:
    """The day that lies `hours` after the end of `as_of`, or that there is none within the horizon."""
    if hours is None:
        return "not within 100 days"
    end = datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC) + timedelta(days=1)
    return f"{(end + timedelta(hours=hours)).date()}"


def noted(document: Document, what: str) -> dict[str, int]:
    """Numbers that the notes of a document give, such as its `words` or `diagrams`, by piece."""
    found = {}
    for row in document.rows:
        if match := re.search(rf"([\d,]+)\s+(?:of [\d,]+ planned )?{what}", row.note):
            found[row.name] = int(match[1].replace(",", ""))
    return found


def repeated(book: Book) -> Iterator[tuple[str, str, str]]:
    """(chapter, chapter, passage) of passages of SHINGLE words that two written chapters share.

    Of passages that overlap only the first is given.
    """
    shingles: dict[str, dict[str, None]] = {}
    for path, chapter in book.chapters.items():
        if book.readings[path].status != "outline":
            lines = [line.text for line in chapter.source.prose_lines() if line.path == path]
            words = re.findall(r"\w+", " ".join(lines).lower())
            shingles[path] = {
                " ".join(words[at : at + SHINGLE]): None for at in range(len(words) - SHINGLE + 1)
            }
    for one, other in combinations(shingles, 2):
        last = ""
        for passage in shingles[one]:
            overlaps = bool(last) and passage.split()[:-1] == last.split()[1:]
            if passage in shingles[other]:
                if not overlaps:
                    yield one, other, passage
                last = passage
