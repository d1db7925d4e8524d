"""One run of a lab: it reports progress, keeps each step that is done, and goes on where it was stopped.

A lab does its work in *steps*. The result of a step is plain JSON and is kept under
`.cache/labs/NAME/DIGEST/` until the record is written; a run that was interrupted finds it there and
computes only what is left. The digest covers the code of the lab, the pinned versions and the processor, so
that steps of another program or another machine are never mixed in.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from servelab import ROOT

Progress = Callable[[str], None]
Result = TypeVar("Result")
Part = TypeVar("Part")
KEPT = ROOT / ".cache" / "labs"
OURS = ("labs", "servelab")


class MissingPartError(RuntimeError):
    """A component that the lab needs is not installed; the message names the command that installs it."""


class PausedError(Exception):
    """The run stopped between two steps, as it was told to; what is done is kept."""


@dataclass
class Session:
    """What a lab's `run` is given.

    `step` keeps results, `part` collects what is missing, `say` reports progress. `until_s` is the moment
    (of `time.monotonic`) after which no new step begins; with `timed_only`, none begins that is not timed.
    `kept_s` is how long the steps took that earlier runs have done.
    """

    name: str
    say: Progress
    folder: Path
    until_s: float = float("inf")
    timed_only: bool = False
    missing: list[str] = field(default_factory=list)
    kept_s: float = 0.0

    def step(self, key: str, compute: Callable[[], Result], *, timed: bool = False) -> Result:
        """The result of `compute`, from an earlier run where it was kept.

        The result must be plain JSON (dictionaries with string keys, lists, numbers, strings, None), and
        what comes back has been through JSON, so that a fresh run and a resumed one see the same. `timed`
        marks a measurement of time, which wants the machine for itself. Raises `PausedError` when the run
        was told to stop before this step, `ValueError` for a key that is no file's name.
        """
        if not re.fullmatch(r"[a-z0-9][a-z0-9.,_-]*", key):
            raise ValueError(f"key is {key!r}: a step's key holds a to z, 0 to 9 and . , _ - alone")
        path = self.folder / f"{key}.json"
        if path.is_file():
            self.kept_s += json.loads(path.read_text(encoding="utf-8"))["seconds"]
        else:
            if time.monotonic() >= self.until_s or (self.timed_only and not timed):
                raise PausedError(f"stopped before step {key}")
            self.say(key)
            started = time.perf_counter()
            result = compute()
            kept = {"seconds": round(time.perf_counter() - started, 3), "result": result}
            self.folder.mkdir(parents=True, exist_ok=True)
            fresh = path.with_suffix(".new")
            fresh.write_text(json.dumps(kept, allow_nan=False), encoding="utf-8")
            fresh.replace(path)
        found: Result = json.loads(path.read_text(encoding="utf-8"))["result"]
        return found

    def part(self, name: str, load: Callable[[], Part]) -> Part | None:
        """What `load` gives, or None when it raises `MissingPartError`: the record then names the part, and
        is not one that may be committed."""
        try:
            return load()
        except MissingPartError as error:
            self.say(f"without {name}: {error}")
            self.missing.append(f"{name}: {error}")
            return None

    def forget(self) -> None:
        """Remove the kept steps: the record holds their results now."""
        shutil.rmtree(self.folder, ignore_errors=True)


def kept_folder(name: str, module: str, cpu: str, root: Path = KEPT) -> Path:
    """Where the steps of lab `name`, defined in `module`, are kept for this code, these pins, this
    processor."""
    digest = hashlib.sha256(cpu.encode())
    digest.update((ROOT / "constraints.txt").read_bytes())
    for path in code_of(module):
        digest.update(_code(path).encode())
    return root / name / digest.hexdigest()[:16]


def code_of(module: str) -> list[Path]:
    """The files of `module` and of every module of ours that it imports, directly or not, sorted."""
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in found or name.split(".")[0] not in OURS:
            continue
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            continue
        found[name] = Path(spec.origin)
        waiting += _imported(found[name])
    return sorted(found.values())


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            if node.module in OURS:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _code(path: Path) -> str:
    """The code of a Python file without comments, docstrings and layout: those change no result."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)
