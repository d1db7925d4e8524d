"""Run a chapter's cells in a plain namespace, as its kernel would, without drawing anything."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any
from unittest import mock

from bookkit.manuscript.scan import scan

ROOT = Path(__file__).resolve().parents[2]


def run_cells(chapter: str) -> dict[str, Any]:
    """Every name that the cells of `chapters/CHAPTER.qmd` leave behind.

    Cells run in order from the project's root. Figures are skipped, and so is what cells print.
    """
    names: dict[str, Any] = {"__name__": "__main__"}
    source = scan(ROOT, f"chapters/{chapter}.qmd")
    before = Path.cwd()
    os.chdir(ROOT)
    try:
        with mock.patch("servelab.plots.draw_both"), contextlib.redirect_stdout(None):
            for cell in source.cells:
                exec(compile(cell.code, f"{chapter}, cell at line {cell.code_line}", "exec"), names)
    finally:
        os.chdir(before)
    return names
