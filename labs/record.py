"""The record of a lab: what was measured, on what, with what spread; written once, read by key.

A record is JSON of the schema `labs/record.schema.json`. Nothing in it depends on where the repository
lies.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import math
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np

from servelab import ROOT
from servelab.book import Measurement, measurement

RESULTS = ROOT / "labs" / "results"
SCHEMA = ROOT / "labs" / "record.schema.json"
DIGITS = 5

Value = dict[str, float | int | str]
Values = dict[str, dict[str, Value]]


# ---------------------------------------------------------------- values


def rounded(number: float) -> float:
    """`number` with five significant digits: more is noise, and a record is read by people."""
    if not math.isfinite(number):
        raise ValueError(f"{number} cannot stand in a record: it must be finite")
    return float(f"{number:.{DIGITS}g}")


def single(number: float, unit: str, n: int = 1, spread: tuple[float, float] | None = None) -> Value:
    """One value of `n` observations, with the interval `spread` (low, high) where there is one."""
    value: Value = {"value": rounded(number), "unit": unit, "n": n}
    if spread:
        value |= {"low": rounded(spread[0]), "high": rounded(spread[1])}
    return value


def median(runs: Sequence[float], unit: str) -> Value:
    """The median of repeated runs; low and high are the extremes. Raises `ValueError` without runs."""
    if len(runs) == 0:
        raise ValueError("runs are empty: there must be at least one")
    return {
        "median": rounded(float(np.median(runs))),
        "unit": unit,
        "n": len(runs),
        "low": rounded(min(runs)),
        "high": rounded(max(runs)),
    }


# ---------------------------------------------------------------- where it ran


@dataclass(frozen=True)
class Machine:
    """The machine of a run. `load_before` is the one-minute load average when the run began."""

    cpu: str
    cores: int
    memory_gib: float
    system: str
    load_before: float


def this_machine() -> Machine:
    """The machine that runs this, on Linux."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return Machine(
        cpu=names[0] if names else platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(memory, 1),
        system=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        load_before=round(os.getloadavg()[0], 2),
    )


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Installed versions by package name; "not installed" where there is none."""
    return {package: _version(package) for package in packages}


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


# ---------------------------------------------------------------- writing and comparing


@cache
def _validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))


def check(record: Mapping[str, Any]) -> None:
    """Raise `ValueError` naming the place where `record` breaks the schema, or where low > high."""
    for error in _validator().iter_errors(record):
        place = ".".join(str(part) for part in error.absolute_path) or "record"
        raise ValueError(f"{place}: {error.message}")
    for group, entries in record["values"].items():
        for name, value in entries.items():
            if "low" in value and value["low"] > value["high"]:
                raise ValueError(f"values.{group}.{name}: low is above high")


def write(record: Mapping[str, Any], folder: Path = RESULTS) -> Path:
    """Check `record` and write it to `folder/NAME.json`; the old one is replaced only by a whole new one.

    Raises `ValueError` for a record that lacks a component when `folder` is the one that chapters read.
    """
    check(record)
    if record.get("missing") and folder == RESULTS:
        raise ValueError(f"the record lacks {'; '.join(record['missing'])}: chapters read whole records only")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{record['name']}.json"
    fresh = path.with_suffix(".json.new")
    fresh.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    fresh.replace(path)
    return path


def assemble(
    *,
    name: str,
    title: str,
    what: str,
    date: str,
    seed: int,
    duration_s: float,
    machine: Machine,
    packages: Mapping[str, str],
    sha256: Mapping[str, str],
    values: Values,
    notes: Sequence[str],
    missing: Sequence[str] = (),
) -> dict[str, Any]:
    """The record as a mapping, in the order in which people read it; `missing` components only where there
    are any."""
    record = {
        "name": name,
        "title": title,
        "what": what,
        "date": date,
        "command": f"./just lab {name}",
        "seed": seed,
        "duration_s": max(0.1, round(duration_s, 1)),
        "machine": asdict(machine),
        "versions": dict(packages),
        "sha256": dict(sorted(sha256.items())),
        "notes": list(notes),
        "values": values,
    }
    return record | ({"missing": list(missing)} if missing else {})


def measurements(values: Values) -> dict[str, dict[str, Measurement]]:
    """The values of a record as chapters read them."""
    return {
        group: {name: measurement(value) for name, value in found.items()} for group, found in values.items()
    }


def moved(
    old: Mapping[str, Mapping[str, Measurement]],
    new: Mapping[str, Mapping[str, Measurement]],
    *,
    whole: bool = True,
) -> list[str]:
    """What changed between two runs by more than its spread, one line each.

    A value has moved when neither run's value lies inside the other run's low to high; a value without
    spread has moved when it differs. Values that came or went are named too; without `whole`, a run that
    lacked a component, those that went are expected and not named.
    """
    before = {f"{group}.{name}": value for group, entries in old.items() for name, value in entries.items()}
    after = {f"{group}.{name}": value for group, entries in new.items() for name, value in entries.items()}
    lines = [f"{key}: gone" for key in before if key not in after and whole]
    for key, now in after.items():
        was = before.get(key)
        if was is None:
            lines.append(f"{key}: new, {now.value:g} {now.unit}")
        elif not (_inside(now.value, was) or _inside(was.value, now)):
            change = f" ({now.value / was.value - 1:+.0%})" if was.value else ""
            lines.append(f"{key}: {was.value:g} to {now.value:g} {now.unit}{change}")
    return lines


def _inside(value: float, other: Measurement) -> bool:
    low = other.value if other.low is None else other.low
    high = other.value if other.high is None else other.high
    return low <= value <= high
