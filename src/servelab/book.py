"""Numbers for the page: computed by a cell, measured by a lab, or reported by a source.

A chapter imports this module and no other reads `sources/facts.yml` or `labs/results`. Everything here
returns an object that prints itself as Markdown (`_repr_markdown_`), so an inline cell puts the number into
the sentence together with the mark of its origin:

>>> computed(0.0816, ".1%").markdown
'[8.2\\xa0%]{.computed}'
>>> computed(1290.4, ",.0f", "B").markdown
'[1,290\\xa0B]{.computed}'
"""

from __future__ import annotations

import difflib
import itertools
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from servelab import ROOT

NO_BREAK = "\u00a0"
MINUS = "\u2212"
SLIDER_LIMIT_BYTES = 50_000
"""An interactive figure's data may weigh this much: a phone loads it with the page."""


class UnknownKeyError(KeyError):
    """A key that no fact, record or value has; the message names the nearest known keys."""

    def __init__(self, what: str, key: str, known: Iterable[str], place: str) -> None:
        names = sorted(known)
        near = difflib.get_close_matches(key, names, n=3, cutoff=0.4) or names[:12]
        listed = ", ".join(near) if near else "none yet"
        self.message = f"no {what} {key!r} in {place}. Known: {listed}."
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message


# ---------------------------------------------------------------- numbers as text


def significant(value: float, digits: int = 3) -> str:
    """Write `value` with `digits` significant digits, without exponent, thousands with a comma.

    >>> significant(1234.5), significant(26.53), significant(0.081649), significant(50.0)
    ('1,234', '26.5', '0.0816', '50')
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def number(value: object, spec: str = "", unit: str = "") -> str:
    """`value` as the page shows it: Python format `spec`, a real minus sign, a no-break space before
    `unit`.

    Without `spec`, integers get thousands separators and other numbers three significant digits. A `spec`
    that ends in `%` keeps its percent sign, with a no-break space before it. Raises `ValueError` for a NaN
    or infinite value.
    """
    if isinstance(value, str):
        text = value
    elif isinstance(value, bool) or not hasattr(value, "__float__"):
        text = format(value, spec)
    else:
        real = float(value)
        if not math.isfinite(real):
            raise ValueError(f"value is {real}, which no reader can use: it must be a finite number")
        plain = f"{value:,d}" if isinstance(value, int) else significant(real)
        text = format(value, spec) if spec else plain
        text = re.sub(r"^-", MINUS, text)
        if text.endswith("%"):
            text = f"{text[:-1].rstrip()}{NO_BREAK}%"
    return f"{text}{NO_BREAK}{unit.replace(' ', NO_BREAK)}" if unit else text


def escape(text: str) -> str:
    """`text` with the characters that Markdown would read as markup behind a backslash."""
    return re.sub(r"([\\`*_{}\[\]<>$^~|@#])", r"\\\1", text)


@dataclass(frozen=True)
class Shown:
    """A number with its origin, ready for the page: `text` is what is read, `markdown` the span around
    it."""

    value: Any
    text: str
    markdown: str

    def _repr_markdown_(self) -> str:
        return self.markdown

    def __str__(self) -> str:
        return self.text

    def __float__(self) -> float:
        return float(self.value)


def _span(text: str, origin: str, **attributes: str) -> str:
    pairs = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f"[{escape(text)}]{{.{origin}{pairs}}}"


def computed(value: object, spec: str = "", unit: str = "") -> Shown:
    """A number that a cell on the page has computed.

    `spec` is a Python format specification (see `number`), `unit` is written after it. Raises `ValueError`
    for NaN and infinity.
    """
    text = number(value, spec, unit)
    return Shown(value, text, _span(text, "computed"))


# ---------------------------------------------------------------- reported: the ledger of facts


@dataclass(frozen=True)
class Fact:
    """One entry of `sources/facts.yml`: a number that moves, its source and its dates."""

    key: str
    value: Any
    unit: str
    text: str
    source: str
    where: str
    as_of: str
    checked: str
    recheck: str

    def _repr_markdown_(self) -> str:
        return _span(self.text, "reported", key=self.source, asof=self.as_of, checked=self.checked)

    def __str__(self) -> str:
        return self.text

    def __float__(self) -> float:
        return float(self.value)


FACT_FIELDS = ("value", "source", "where", "as_of", "checked", "recheck")


def load_facts(root: Path = ROOT) -> dict[str, Fact]:
    """Every fact of `root/sources/facts.yml` by key.

    Raises `ValueError` naming the file and the entry when the file is no mapping or an entry lacks a field.
    """
    path = root / "sources" / "facts.yml"
    return dict(_facts(path, path.stat().st_mtime_ns if path.is_file() else 0))


@lru_cache(maxsize=4)
def _facts(path: Path, _changed: int) -> dict[str, Fact]:
    if not path.is_file():
        raise ValueError(f"{path.name} is missing: expected it at sources/facts.yml")
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise ValueError(f"sources/facts.yml is not valid YAML: {error}") from error
    if not isinstance(raw, dict):
        raise ValueError("sources/facts.yml must be a mapping from key to fact")
    facts = {}
    for key, entry in raw.items():
        if not isinstance(entry, dict):
            raise ValueError(f"sources/facts.yml: {key} must be a mapping with {', '.join(FACT_FIELDS)}")
        missing = [name for name in FACT_FIELDS if entry.get(name) in (None, "")]
        if missing:
            raise ValueError(f"sources/facts.yml: {key} lacks {', '.join(missing)}")
        unit = str(entry.get("unit") or "")
        facts[str(key)] = Fact(
            key=str(key),
            value=entry["value"],
            unit=unit,
            text=str(entry.get("text") or number(entry["value"], unit=unit)),
            source=str(entry["source"]),
            where=str(entry["where"]),
            as_of=_iso(entry["as_of"]),
            checked=_iso(entry["checked"]),
            recheck=_iso(entry["recheck"]),
        )
    return facts


def _iso(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def fact(key: str, root: Path = ROOT) -> Fact:
    """The fact `key`, printed with its source and dates. Raises `UnknownKeyError` naming near keys."""
    facts = load_facts(root)
    if key not in facts:
        raise UnknownKeyError("fact", key, facts, "sources/facts.yml")
    return facts[key]


# ---------------------------------------------------------------- measured: the records of the labs


@dataclass(frozen=True)
class Measurement:
    """One measured value: `value` is the median of `n` repetitions (or the only one), `low` to `high` its
    spread.

    What the spread is (range of runs, bootstrap interval) is said by the record's `what`.
    """

    value: float
    unit: str
    n: int
    low: float | None
    high: float | None

    def __float__(self) -> float:
        return self.value


@dataclass(frozen=True)
class Record:
    """What a lab wrote to `labs/results/NAME.json`. Keys are `group.value`, as in
    `opus-16k.wire_kbit_s`."""

    name: str
    what: str
    title: str
    date: str
    command: str
    seed: int
    duration_s: float
    machine: dict[str, Any]
    versions: dict[str, str]
    sha256: dict[str, str]
    values: dict[str, dict[str, Measurement]]
    notes: list[str] = field(default_factory=list)

    def __getitem__(self, key: str) -> Measurement:
        """The measurement `group.value`. Raises `UnknownKeyError` naming near keys."""
        group, _, name = key.partition(".")
        found = self.values.get(group, {}).get(name)
        if found is None:
            raise UnknownKeyError("value", key, self.keys(), f"labs/results/{self.name}.json")
        return found

    def keys(self) -> list[str]:
        """Every key, in the order of the record."""
        return [f"{group}.{name}" for group, values in self.values.items() for name in values]

    def column(self, name: str) -> dict[str, Measurement]:
        """The measurement `name` of every group that has it, by group.

        Raises `UnknownKeyError` when no group has it.
        """
        found = {group: values[name] for group, values in self.values.items() if name in values}
        if not found:
            known = {value for values in self.values.values() for value in values}
            raise UnknownKeyError("value", name, known, f"labs/results/{self.name}.json")
        return found


def record_names(root: Path = ROOT) -> list[str]:
    """The names of all records in `root/labs/results`."""
    return sorted(path.stem for path in (root / "labs" / "results").glob("*.json"))


def result(name: str, root: Path = ROOT) -> Record:
    """The record that lab `name` wrote.

    Raises `UnknownKeyError` when there is none and `ValueError` when the file is not a record.
    """
    if name not in record_names(root):
        raise UnknownKeyError("record", name, record_names(root), "labs/results")
    path = root / "labs" / "results" / f"{name}.json"
    return _record(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=32)
def _record(path: Path, _changed: int) -> Record:
    place = f"labs/results/{path.name}"
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        values = {
            group: {name: measurement(entry) for name, entry in entries.items()}
            for group, entries in raw["values"].items()
        }
        return Record(
            name=raw["name"],
            what=raw["what"],
            title=raw.get("title", raw["name"]),
            date=raw["date"],
            command=raw["command"],
            seed=raw["seed"],
            duration_s=raw["duration_s"],
            machine=raw["machine"],
            versions=raw["versions"],
            sha256=raw["sha256"],
            values=values,
            notes=raw.get("notes", []),
        )
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise ValueError(
            f"{place} is not a lab's record ({error!r}). Run `./just lab {path.stem}` again."
        ) from error


def measurement(entry: Mapping[str, Any]) -> Measurement:
    """One value of a record as it stands in JSON."""
    value = entry["median"] if "median" in entry else entry["value"]
    return Measurement(float(value), entry["unit"], entry["n"], entry.get("low"), entry.get("high"))


def measured(name: str, key: str, spec: str = "", unit: str | None = None, root: Path = ROOT) -> Shown:
    """The value `key` (`group.value`) of record `name`, with the mark that opens its measurement card.

    `key` may end in `.low`, `.high` or `.n` for the spread or the number of repetitions. `unit` is the
    record's own unless given; `""` writes none. Raises `UnknownKeyError` for a record, value or part that
    there is not, `ValueError` for a part that the value lacks.
    """
    record = result(name, root)
    group, _, rest = key.partition(".")
    value_name, _, part = rest.partition(".")
    measurement = record[f"{group}.{value_name}"]
    value: float | int | None = measurement.value
    shown_unit = measurement.unit if unit is None else unit
    if part:
        if part not in ("low", "high", "n"):
            raise UnknownKeyError("part", part, ("low", "high", "n"), f"{name}: {group}.{value_name}")
        value = getattr(measurement, part)
        if value is None:
            raise ValueError(f"labs/results/{name}.json: {group}.{value_name} has no {part}")
        if part == "n" and unit is None:
            shown_unit = ""
    text = number(value, spec, shown_unit)
    return Shown(value, text, _span(text, "measured", card=name))


@dataclass(frozen=True)
class Block:
    """Markdown for the page, as a block."""

    markdown: str

    def _repr_markdown_(self) -> str:
        return self.markdown

    def __str__(self) -> str:
        return self.markdown


def card(
    name: str, lines: Sequence[tuple[str, str, str]], root: Path = ROOT, *, anchor: str = "card"
) -> Block:
    """The measurement card of record `name`: the chosen values large, with spread, then how it was
    measured.

    `lines` holds (label, key, format spec). The card is a Div `.card` with id `card-NAME` (the chapter's own
    card; a page that repeats it gives another `anchor` for the first word); inside it a definition list of
    values (each spread in a Span `.spread`) and a Div `.how` with a definition list of machine, command,
    date.
    """
    record = result(name, root)
    values = []
    for label, key, spec in lines:
        measurement = record[key]
        text = f"{escape(label)}\n:   {escape(number(measurement.value, spec, measurement.unit))}"
        spread = _spread(measurement, spec)
        values.append(f"{text} [{escape(spread)}]{{.spread}}" if spread else text)
    machine = record.machine
    took = number(record.duration_s, ",.0f", "s")
    memory = number(machine["memory_gib"], ".0f", "GiB")
    how = {
        "What": escape(record.what),
        "Command": f"`{record.command}`",
        "Date": escape(f"{_day(record.date)}, {took}, seed {record.seed}"),
        "Machine": escape(f"{machine['cpu']}, {machine['cores']} cores, {memory}, {machine['system']}"),
        "Versions": escape(", ".join(f"{part} {version}" for part, version in record.versions.items())),
        "Inputs": f"{len(record.sha256)} files, each with its SHA-256 in `labs/results/{name}.json`",
    }
    facts = "\n\n".join(f"{label}\n:   {text}" for label, text in how.items())
    body = "\n\n".join(values)
    title = record.title.replace('"', "'")
    return Block(
        f'::::: {{#{anchor}-{name} .card title="{title}"}}\n\n{body}\n\n'
        f":::: {{.how}}\n\n{facts}\n\n::::\n\n:::::\n"
    )


def _spread(measurement: Measurement, spec: str) -> str:
    parts = []
    if measurement.low is not None and measurement.high is not None:
        parts.append(f"{number(measurement.low, spec)} to {number(measurement.high, spec)}")
    if measurement.n > 1:
        parts.append(f"n = {measurement.n:,d}".replace(" ", NO_BREAK))
    return ", ".join(parts)


def _day(iso: str) -> str:
    day = date.fromisoformat(iso[:10])
    return f"{day.day}{NO_BREAK}{day:%B}{NO_BREAK}{day.year}"


# ---------------------------------------------------------------- tables and figures that move


def table(rows: Sequence[Sequence[object]], header: Sequence[str], align: str = "") -> Block:
    """A Markdown table. `align` has one letter a column: `l`, `r` or `c`; left where it is not given.

    Cells are written with `str`, except for objects with `_repr_markdown_`, which keep their mark of
    origin. Raises `ValueError` when a row has another number of cells than the header.
    """
    align = align or "l" * len(header)
    if len(align) != len(header) or set(align) - set("lrc"):
        raise ValueError(f"align is {align!r}: it must hold one of l, r, c for each of {len(header)} columns")
    for index, row in enumerate(rows):
        if len(row) != len(header):
            raise ValueError(f"row {index} has {len(row)} cells, the header has {len(header)}")
    rule = {"l": ":---", "r": "---:", "c": ":---:"}
    lines = [_row(header), "|" + "|".join(rule[letter] for letter in align) + "|"]
    lines += [_row(row) for row in rows]
    return Block("\n".join(lines) + "\n")


def _row(cells: Sequence[object]) -> str:
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(cell: object) -> str:
    text = cell._repr_markdown_() if hasattr(cell, "_repr_markdown_") else str(cell)
    return re.sub(r"(?<!\\)\|", r"\\|", text.replace("\n", " "))


@dataclass(frozen=True)
class Knob:
    """One control of a slider figure: `values` are the strings that it shows, `start` the index it begins
    at."""

    label: str
    values: Sequence[str]
    unit: str = ""
    start: int = 0


def slider(
    knobs: Sequence[Knob],
    rows: Sequence[str],
    cells: Mapping[tuple[int, ...], Sequence[tuple[float, str]]],
    limit: tuple[float, str] | None = None,
    *,
    total: bool = False,
    says: Mapping[tuple[int, ...], str] | None = None,
) -> Block:
    """The data of a figure that the reader moves: a grid that Python has computed, shown by a small script.

    `cells` maps the position of every knob (a tuple of indices) to one (number, text) a row: the number
    sets the bar's length, the text is what is read. `total` says that the last row is the sum of those
    before it, which then stand end to end; `limit` is a line at (value, label), `says` a sentence for a
    position. Raises `ValueError` when a position is missing, a row too many, a number not finite or
    negative, or the data heavier than 50 kB.
    """
    if not knobs or not rows:
        raise ValueError("a slider needs at least one knob and one row")
    for knob in knobs:
        if not 0 <= knob.start < len(knob.values):
            raise ValueError(
                f"knob {knob.label!r} starts at {knob.start}: it must be 0 to {len(knob.values) - 1}"
            )
    grid: dict[str, list[list[object]]] = {}
    for position in _positions(knobs):
        if position not in cells:
            raise ValueError(f"cells lack position {position}")
        values = cells[position]
        if len(values) != len(rows):
            raise ValueError(f"position {position} has {len(values)} values for {len(rows)} rows")
        for row, (value, _) in zip(rows, values, strict=True):
            if not math.isfinite(value) or value < 0:
                raise ValueError(f"position {position}, row {row!r}: {value} is no length of a bar")
        grid[_index(position)] = [[round(float(value), 4), text] for value, text in values]
    if len(grid) != len(cells):
        raise ValueError(f"cells hold {len(cells)} positions, the knobs have {len(grid)}")
    data = {
        "knobs": [
            {"label": knob.label, "unit": knob.unit, "values": list(knob.values), "start": knob.start}
            for knob in knobs
        ],
        "rows": [{"label": row} for row in rows],
        "cells": grid,
        "total": total,
        "limit": {"value": limit[0], "label": limit[1]} if limit else None,
        "says": {_index(position): text for position, text in (says or {}).items()},
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    if len(text.encode()) > SLIDER_LIMIT_BYTES:
        raise ValueError(
            f"the slider's data weighs {len(text.encode()):,d} bytes, more than {SLIDER_LIMIT_BYTES:,d}"
        )
    return Block(f"```{{.json .slider-data}}\n{text}\n```\n")


def _positions(knobs: Sequence[Knob]) -> Iterator[tuple[int, ...]]:
    return itertools.product(*(range(len(knob.values)) for knob in knobs))


def _index(position: tuple[int, ...]) -> str:
    return ",".join(str(index) for index in position)
