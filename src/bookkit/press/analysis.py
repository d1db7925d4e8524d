"""Runs the notebooks on the book's progress, and gives what they showed as Markdown for the web edition."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from bookkit.manuscript import Finding, ManuscriptError
from bookkit.manuscript.cells import NARROW

FOLDER = "notebooks"
AT_ONCE = 2
PARAMETERS = ("as_of", "tracker", "history", "book")
KINDS = ("light", "dark")
SVG = "image/svg+xml"
ESCAPED = re.compile(r"[\\\[\]*_`<]")
"""Characters of an alt text that Markdown would take for its own."""


@dataclass(frozen=True)
class Told:
    """What one notebook showed: its title, its Markdown, its pictures and their alt text by file name.

    The Markdown names the light form of each picture; the dark one has `dark` for `light` in its name, and
    the forms for phones have `narrow-` before that.
    """

    name: str
    title: str
    markdown: str
    pictures: Mapping[str, bytes]
    alts: Mapping[str, str]


def notebooks(root: Path) -> list[Path]:
    """The notebooks of the book at `root`, by name."""
    return sorted((root / FOLDER).glob("*.ipynb"))


def run(source: Path, target: Path, root: Path, parameters: Mapping[str, str]) -> None:
    """Execute one notebook with papermill from the book's root.

    Raises ManuscriptError with the notebook's cell and the end of its traceback.
    """
    import papermill
    from papermill.exceptions import PapermillExecutionError

    from bookkit.press.kernels import OwnKernel

    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f"{target.stem}.{os.getpid()}.ipynb")
    try:
        papermill.execute_notebook(
            str(source), str(fresh), dict(parameters), kernel_name="python3", cwd=str(root),
            progress_bar=False, log_output=False, kernel_manager_class=OwnKernel,
        )  # fmt: skip
        fresh.replace(target)
    except PapermillExecutionError as error:
        end = "\n".join(f"    {line}" for line in str(error.evalue).splitlines()[-6:])
        message = f"cell {error.cell_index} raised {error.ename}"
        finding = Finding(f"{FOLDER}/{source.name}", 0, "notebook", message, f"It says:\n{end}")
        raise ManuscriptError(finding) from error
    finally:
        fresh.unlink(missing_ok=True)


def run_all(sources: Sequence[Path], out: Path, root: Path, parameters: Mapping[str, str]) -> list[Path]:
    """Run notebooks into `out`, AT_ONCE at a time, with a bar on a terminal; gives the executed ones.

    Raises ManuscriptError, OSError.
    """
    from tqdm import tqdm

    def one(source: Path) -> Path:
        run(source, out / source.name, root, parameters)
        return out / source.name

    with ThreadPoolExecutor(AT_ONCE) as pool:
        done = pool.map(one, sources)
        return list(tqdm(done, total=len(sources), unit="notebook", disable=not sys.stderr.isatty()))


def narrow(file: str) -> str:
    """The file with the form for phones of the picture `file`."""
    stem, _, kind = file.rpartition("-")
    return f"{stem}-narrow-{kind}"


def told(executed: Path) -> Told:
    """What an executed notebook showed; its code is left out.

    Raises ManuscriptError for a plot without alt text.
    """
    book: Any = nbformat.reads(executed.read_text("utf-8"), as_version=4)  # type: ignore[no-untyped-call]
    name = executed.stem
    parts: list[str] = []
    pictures: dict[str, bytes] = {}
    alts: dict[str, str] = {}
    for at, cell in enumerate(book.cells):
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        drawn = 0
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if SVG in data:
                kind = KINDS[drawn % 2]
                file = f"{name}-{len(alts) // 2 + 1}-{kind}.svg"
                alt = output.get("metadata", {}).get(SVG, {}).get("alt", "")
                if not alt:
                    remedy = "Show it with `bookkit.tracker.pages.picture`, which takes the alt text."
                    place = f"{FOLDER}/{name}.ipynb"
                    raise ManuscriptError(
                        Finding(place, 0, "notebook", f"a plot of cell {at} has no alt text", remedy)
                    )
                pictures[file], alts[file] = "".join(data[SVG]).encode(), alt
                if NARROW in data:
                    pictures[narrow(file)] = "".join(data[NARROW]).encode()
                drawn += 1
                if kind == KINDS[0]:
                    parts.append(f"![{ESCAPED.sub(lambda mark: chr(92) + mark[0], alt)}](figures/{file})")
            elif "text/markdown" in data:
                parts.append("".join(data["text/markdown"]))
    text = "\n\n".join(parts)
    title, _, rest = text.partition("\n")
    return Told(name, title.removeprefix("# ").strip(), rest.strip() + "\n", pictures, alts)
