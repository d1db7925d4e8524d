"""Measurements that a snapshot may carry: times of builds and tests, weight of the editions, speeds."""

from __future__ import annotations

import gzip
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

from bookkit.manuscript import Finding, ManuscriptError, load

BENCH_SCALE = 0.1
UNITS: Mapping[str, str] = {"s": "s", "kb": "kB", "k_per_s": "thousand requests a second"}
"""What the last part of a measurement's name stands for; a name that ends otherwise is a count."""


def measure(root: Path, parts: Sequence[str]) -> dict[str, float]:
    """Run some of PARTS, all when none is named; the values by name.

    Raises ManuscriptError when a part fails or has not this name.
    """
    for part in parts:
        if part not in PARTS:
            remedy = f"Name some of {', '.join(PARTS)}, or none for all."
            raise ManuscriptError(Finding(part, 0, "measure", "there is no such measurement", remedy))
    found: dict[str, float] = {}
    for part in parts or PARTS:
        found |= PARTS[part](root)
    return {name: round(value, 2) for name, value in found.items()}


def unit(name: str) -> tuple[str, str]:
    """What a measurement is and its unit: `build_cold_s` is (`build cold`, `s`)."""
    for end in sorted(UNITS, key=len, reverse=True):
        if name.endswith(f"_{end}"):
            return name.removesuffix(f"_{end}").replace("_", " "), UNITS[end]
    return name.replace("_", " "), ""


def _build(root: Path) -> dict[str, float]:
    """A build of all editions without any cache, one with, and what they weigh: of a clone of the commit."""
    with tempfile.TemporaryDirectory(prefix="measure-") as folder:
        place = Path(folder) / "book"
        _run(["git", "clone", "--quiet", str(root), str(place)], root)
        build = [sys.executable, "-m", "bookkit.cli", "build", "all", "--root", str(place)]
        found = {f"build_{name}_s": _seconds(build, place) for name in ("cold", "warm")}
        output = load(place).output
        pages = [len(gzip.compress(path.read_bytes(), 6)) / 1e3 for path in sorted(output.rglob("*.html"))]
        found |= {"heaviest_page_kb": max(pages), "median_page_kb": statistics.median(pages)}
        for suffix in ("pdf", "epub"):
            found[f"{suffix}_kb"] = sum(path.stat().st_size for path in output.glob(f"*.{suffix}")) / 1e3
    return found


def _simulators(root: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="measure-") as folder:
        place = Path(folder) / "bench.json"
        _run(
            [sys.executable, "-m", "servelab.bench", "--scale", str(BENCH_SCALE), "--json", str(place)], root
        )
        rows = json.loads(place.read_text("utf-8"))["rows"]
    return {f"{row['model']}_k_per_s": row["ours_per_s"] / 1e3 for row in rows}


def _tracker(root: Path) -> dict[str, float]:
    """`status` with nothing changed, as a command; every notebook."""
    tool = [sys.executable, "-m", "bookkit.cli"]
    status = [*tool, "status", "--root", str(root)]
    _run(status, root)
    with tempfile.TemporaryDirectory(prefix="measure-") as folder:
        analyze = [*tool, "analyze", "--root", str(root), "--out", folder]
        return {"status_s": _seconds(status, root), "analyze_s": _seconds(analyze, root)}


def _tests(root: Path) -> dict[str, float]:
    """The whole suite, on the editions that stand in the output folder."""
    with tempfile.TemporaryDirectory(prefix="measure-") as folder:
        place = Path(folder) / "tests.xml"
        took = _seconds([sys.executable, "-m", "pytest", "-q", f"--junitxml={place}"], root)
        suite = ElementTree.parse(place).getroot().find("testsuite")
    return {"tests_s": took, "tests": float(suite.get("tests", 0)) if suite is not None else 0}


PARTS: Mapping[str, Callable[[Path], dict[str, float]]] = {
    "build": _build,
    "simulators": _simulators,
    "tracker": _tracker,
    "tests": _tests,
}


def _seconds(command: Sequence[str], folder: Path) -> float:
    begun = time.perf_counter()
    _run(command, folder)
    return time.perf_counter() - begun


def _run(command: Sequence[str], folder: Path) -> None:
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if run.returncode:
        name = " ".join(Path(part).name for part in command if not part.startswith("-"))
        said = " ".join((run.stdout + run.stderr).strip().splitlines()[-1:])
        message, remedy = f"it failed: {said}", "Run it by itself first; nothing was recorded."
        raise ManuscriptError(Finding(name, 0, "measure", message, remedy))
