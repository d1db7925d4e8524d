"""Built diagrams and clips that no longer fit their code."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from bookkit.manuscript import Finding, Project

LIMIT_S = 60


def stale(project: Project) -> Iterator[Finding]:
    """What `build.py --check` of each folder of figures, and of the clips, complains of."""
    scripts = sorted(project.root.glob("figures/*/build.py")) + sorted(project.root.glob("audio/build.py"))
    for script in scripts:
        path = script.relative_to(project.root).as_posix()
        command = [sys.executable, path, "--check"]
        try:
            done = subprocess.run(command, cwd=project.root, capture_output=True, text=True, timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            message = f"{path} --check has not ended after {LIMIT_S} s"
            yield Finding(path, 0, "stale", message, "Mend the script.")
            continue
        if done.returncode:
            said = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
            for line in said if "Traceback" not in done.stderr else said[-1:]:
                yield Finding(
                    path, 0, "stale", line, f"Run `.venv/bin/python {path}` and commit what it builds."
                )
            if not said:
                message = f"ended with status {done.returncode}"
                yield Finding(path, 0, "stale", message, f"Run `.venv/bin/python {path}`.")
