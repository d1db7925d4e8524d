"""Pandoc processes that take one job after another: a running one has its modules and syntaxes at hand."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO

from bookkit.press.files import ToolError

PROGRAM = Path(__file__).parent / "lua" / "press.lua"


@dataclass
class Workers:
    """Processes of `press.lua`, started when first needed, ended by `close` or at the end of a `with`."""

    _running: list[tuple[subprocess.Popen[str], IO[str]]] = field(default_factory=list)
    _home: tempfile.TemporaryDirectory[str] | None = None

    def run(self, jobs: Sequence[Path]) -> None:
        """Run these jobs side by side, each in a process. Raises ToolError for the first that fails."""
        try:
            while len(self._running) < len(jobs):
                self._running.append(self._start())
            for worker, job in zip(self._running, jobs, strict=False):
                _give(*worker, job)
            faults = [_answer(*self._running[index]) for index in range(len(jobs))]
        except BaseException:
            self.close()  # an answer that nobody awaits must not be taken for that of a later job
            raise
        for fault in filter(None, faults):
            raise ToolError("pandoc", 1, fault)

    def close(self) -> None:
        """End the processes; the next job starts new ones."""
        for process, said in self._running:
            process.kill()
            process.communicate()
            said.close()
        self._running.clear()
        if self._home:
            self._home.cleanup()
            self._home = None

    def _start(self) -> tuple[subprocess.Popen[str], IO[str]]:
        import pypandoc

        # pandoc keeps a history of its Lua among the temporary files and leaves it there when it is killed
        self._home = self._home or tempfile.TemporaryDirectory(prefix="press-")
        said = (Path(self._home.name) / f"said-{len(self._running)}").open("w+", errors="replace")
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            [pypandoc.get_pandoc_path(), "lua", str(PROGRAM)],
            env={**os.environ, "TMPDIR": self._home.name},
            stdin=pipe,
            stdout=pipe,
            stderr=said,
            text=True,
        )
        return process, said

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _give(process: subprocess.Popen[str], said: IO[str], job: Path) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(f"{job}\n")
        process.stdin.flush()
    except BrokenPipeError:
        raise _death(process, said) from None


def _answer(process: subprocess.Popen[str], said: IO[str]) -> str | None:
    """What went wrong with the job that the process has, or None."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise _death(process, said)
    fault: str | None = json.loads(line)["fault"]
    return fault


def _death(process: subprocess.Popen[str], said: IO[str]) -> ToolError:
    status = process.wait()
    said.seek(0)
    return ToolError("pandoc", status, said.read().strip())
