"""`lint py`: ruff, mypy and import-linter over the repository's own code."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TOOLS = {
    "ruff check": ("ruff", "check", "--quiet", "."),
    "ruff format": ("ruff", "format", "--check", "--quiet", "."),
    "mypy": ("mypy", "--no-error-summary"),
    "import-linter": ("lint-imports", "--no-cache"),
}
REMEDY = {
    "ruff check": "Mend them; `.venv/bin/ruff check --fix` mends some.",
    "ruff format": "Run `.venv/bin/ruff format .`.",
    "mypy": "Mend the types.",
    "import-linter": "A room imports what it may not know: see [tool.importlinter] in pyproject.toml.",
}


@dataclass(frozen=True)
class Outcome:
    """What one tool said."""

    tool: str
    ok: bool
    text: str

    def __str__(self) -> str:
        if self.ok:
            return f"lint py: {self.tool}: nothing wrong"
        return f"{self.text}\nlint py: {self.tool} failed. {REMEDY[self.tool]}".lstrip("\n")


def lint(root: Path) -> Iterator[Outcome]:
    """Run each tool at `root`. A tool that is not installed has failed."""
    for name, (program, *arguments) in TOOLS.items():
        command = [str(Path(sys.executable).with_name(program)), *arguments]
        try:
            done = subprocess.run(command, cwd=root, capture_output=True, text=True)
        except FileNotFoundError:
            yield Outcome(name, False, f"{program} is not installed: run `./just lint`, which installs it")
            continue
        yield Outcome(name, done.returncode == 0, (done.stdout + done.stderr).strip())
