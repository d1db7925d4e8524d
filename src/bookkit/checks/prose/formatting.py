"""Markdown layout, by panache with the settings of `panache.toml`."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from bookkit.manuscript import Finding

DIFF = re.compile(r"^Diff in (.+?):(\d+):$")


def formatting(root: Path, paths: Iterable[str]) -> Iterator[Finding]:
    """Where panache would lay a file out differently. Raises RuntimeError when it cannot run."""
    beside = Path(sys.executable).with_name("panache")
    command = str(beside) if beside.is_file() else shutil.which("panache")
    if not command:
        raise RuntimeError("panache is not installed: run `./just lint`, which makes the environment first")
    names = sorted(paths)
    done = subprocess.run(
        [command, "format", "--check", "--no-cache", "--color", "never", *names],
        cwd=root, capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip
    if done.returncode not in (0, 1):
        raise RuntimeError(f"panache failed: {done.stderr.strip()}")
    path, line, said = "", 0, True
    for text in done.stdout.split("\n"):
        if head := DIFF.match(text):
            path, line, said = head[1], int(head[2]), False
        elif path and not said and text[:1] in ("-", "+") and text != "---":
            said = True
            what = f"“{text[1:].strip()[:60]}”" if text[1:].strip() else "a blank line"
            message = f"panache would {'take out' if text[0] == '-' else 'put'} {what}"
            yield Finding(path, line, "format", message, f"Run `.venv/bin/panache format {path}`.")
        elif not said:
            line += 1
    if done.returncode and not path:
        raise RuntimeError(f"panache failed: {(done.stderr or done.stdout).strip()}")
