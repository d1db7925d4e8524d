"""Run all cells of a chapter again and print the data of its interactive figures: `recompute.py CHAPTER.qmd`.

Runs apart from the press, its kernels and its cache: the cells' code goes into a plain IPython shell, and
every call of `servelab.book.slider` is recorded. The last line is a JSON list, in the order of the calls.
"""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("agg")

from IPython.core.interactiveshell import InteractiveShell

import servelab.book
from bookkit.manuscript import load


def main(path: Path) -> int:
    root = path.resolve().parents[1]
    chapter = next(chapter for chapter in load(root).chapters if root / chapter.path == path.resolve())
    recorded: list[str] = []
    original = servelab.book.slider

    def recording(*args: object, **kwargs: object) -> object:
        block = original(*args, **kwargs)  # type: ignore[arg-type]
        recorded.append(str(block))
        return block

    servelab.book.slider = recording  # type: ignore[assignment]
    shell = InteractiveShell.instance()
    for cell in chapter.source.cells:
        if cell.options.get("eval", True):
            result: Any = shell.run_cell(cell.code, silent=True)  # type: ignore[no-untyped-call]
            if not result.success and not cell.options.get("error", False):
                print(f"{path}:{cell.line}: the cell failed: {result.error_in_exec!r}", file=sys.stderr)
                return 1
    print()
    print(json.dumps([json.loads(text.split("\n")[1]) for text in recorded]))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
