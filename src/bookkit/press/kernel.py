"""Runs one chapter's cells in a kernel of its own."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bookkit.manuscript import Cell, Finding, Inline, ManuscriptError

ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
TRACEBACK_LINES = 12
SETUP = """\
%config InlineBackend.figure_formats = ['svg']
def __press_value(value):
    from IPython.display import display
    if value is None:
        raise ValueError("the inline cell gives None")
    mark = getattr(value, "_repr_markdown_", None)
    display({"text/markdown": mark()} if mark else {"text/plain": str(value)}, raw=True)
"""
SVG_SETTINGS = "svg.hashsalt: press\nsvg.fonttype: path\n"
FIXED: Mapping[str, str] = {
    "SOURCE_DATE_EPOCH": "0",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "OMP_NUM_THREADS": "1",
    "TZ": "UTC",
    "LC_ALL": "C.UTF-8",
}
"""What every kernel is given of its environment; the rest is this process's."""


@dataclass(frozen=True)
class Step:
    """One thing to run: a cell or an inline cell of a chapter."""

    piece: Cell | Inline

    @property
    def code(self) -> str:
        """What the kernel is given."""
        if isinstance(self.piece, Cell):
            return self.piece.code
        return f"__press_value({self.piece.expression})"

    @property
    def may_fail(self) -> bool:
        """Whether the chapter shows this cell's exception on purpose."""
        return isinstance(self.piece, Cell) and self.piece.options.get("error") is True

    @property
    def name(self) -> str:
        """How messages call it."""
        if isinstance(self.piece, Inline):
            return f"inline cell `{self.piece.expression}`"
        label = self.piece.label or self.piece.options.get("lst-label")
        return f"cell {label}" if label else "cell without label"


async def run(
    steps: Sequence[Step], root: Path, timeout: float, done: Callable[[], None]
) -> list[list[dict[str, Any]]]:
    """Outputs (nbformat) of each step. `timeout` is in seconds a cell; `done` is called after each step.

    Raises ManuscriptError when a cell raises, takes too long or ends its kernel. The kernel is killed in
    every case, when the task is cancelled too.
    """
    import nbformat
    from nbclient import NotebookClient

    from bookkit.press.kernels import OwnKernel

    v4: Any = nbformat.v4
    cells = [v4.new_code_cell(SETUP)]
    for step in steps:
        cells.append(v4.new_code_cell(step.code, metadata={"tags": ["raises-exception"] * step.may_fail}))
    manager = OwnKernel()
    client = NotebookClient(
        v4.new_notebook(cells=cells),
        km=manager,
        timeout=timeout,
        startup_timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(root)}},
    )
    try:  # not client.async_setup_kernel, which takes over SIGINT and SIGTERM
        await client.async_start_new_kernel()
        await client.async_start_new_kernel_client()
        await client.async_execute_cell(cells[0], 0)
        for index, step in enumerate(steps, 1):
            await _run_one(client, cells[index], index, step)
            done()
    finally:
        if client.kc is not None:
            client.kc.stop_channels()
        await asyncio.shield(manager.shutdown_kernel(now=True))
    return [_joined([dict(output) for output in cell.outputs]) for cell in cells[1:]]


def _joined(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Neighboring outputs of one stream made one: a kernel cuts them wherever its clock says."""
    whole: list[dict[str, Any]] = []
    for output in outputs:
        last = whole[-1] if whole else {}
        if output["output_type"] == "stream" and output["name"] == last.get("name"):
            last["text"] = "".join([*last["text"], *output["text"]])
        else:
            whole.append(output)
    return whole


async def _run_one(client: Any, cell: Any, index: int, step: Step) -> None:
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    piece = step.piece
    try:
        await client.async_execute_cell(cell, index)
    except CellTimeoutError as error:
        message = f"{step.name} ran for more than {client.timeout:g} s"
        remedy = "Make it shorter, move the work to a lab, or raise `execute: timeout`."
        raise ManuscriptError(Finding(piece.path, piece.line, "cell-timeout", message, remedy)) from error
    except DeadKernelError as error:
        task = asyncio.current_task()
        if task and task.cancelling():  # nbclient takes a cancelled task for a dead kernel
            raise asyncio.CancelledError from error
        message, remedy = f"{step.name} ended its kernel", "It may have run out of memory or called os._exit."
        raise ManuscriptError(Finding(piece.path, piece.line, "kernel-death", message, remedy)) from error
    except CellExecutionError as error:
        output = next(o for o in cell.outputs if o["output_type"] == "error")
        trace = ANSI.sub("", "\n".join(output["traceback"]))
        line = piece.line
        if isinstance(piece, Cell):
            found = re.search(r"Cell In\[\d+\], line (\d+)", trace)
            line = piece.code_line + int(found[1]) - 1 if found else piece.line
        message = f"{step.name} raised {output['ename']}: {ANSI.sub('', output['evalue'])}"
        end = "\n".join(f"    {text}" for text in trace.strip().split("\n")[-TRACEBACK_LINES:])
        raise ManuscriptError(
            Finding(piece.path, line, "cell-error", message, f"Its traceback ends:\n{end}")
        ) from error
