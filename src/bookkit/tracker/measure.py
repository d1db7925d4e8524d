"""Measurements that a snapshot may carry: build time, weight of the editions, speed of the simulators."""

from __future__ import annotations

import gzip
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bookkit.manuscript import Finding, ManuscriptError, load

BENCH_SCALE = 0.1


def measure(root: Path) -> dict[str, float]:
    """Build all editions and run the simulators' bench; seconds, kB and thousand requests a second by name.

    Raises ManuscriptError when the build or the bench fails.
    """
    begun = time.perf_counter()
    _run(root, "bookkit.cli", "build", "all", "--root", str(root))
    found = {"build_s": time.perf_counter() - begun}
    output = load(root).output
    pages = [len(gzip.compress(path.read_bytes(), 6)) / 1e3 for path in sorted(output.rglob("*.html"))]
    found |= {"heaviest_page_kb": max(pages), "median_page_kb": statistics.median(pages)}
    for suffix in ("pdf", "epub"):
        found[f"{suffix}_kb"] = sum(path.stat().st_size for path in output.glob(f"*.{suffix}")) / 1e3
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        place = Path(folder) / "bench.json"
        _run(root, "servelab.bench", "--scale", str(BENCH_SCALE), "--json", str(place))
        for row in json.loads(place.read_text("utf-8"))["rows"]:
            found[f"{row['model']}_k_per_s"] = row["ours_per_s"] / 1e3
    return {name: round(value, 2) for name, value in found.items()}


def _run(root: Path, module: str, *arguments: str) -> None:
    command = [sys.executable, "-m", module, *arguments]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if run.returncode:
        said = " ".join((run.stdout + run.stderr).strip().splitlines()[-1:])
        raise ManuscriptError(Finding(module, 0, "measure", f"it failed: {said}", "Run it by itself first."))
