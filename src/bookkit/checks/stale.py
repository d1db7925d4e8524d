"""Built diagrams and clips that no longer fit their code, their words or the files that were built.

Each folder's `build.py --check` compares digests of all that determines its pictures. The scripts run one
after the other in one process: most of the time of each is the import of what it would draw with, and they
share that.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

from bookkit.manuscript import Finding, Project

LIMIT_S = 60
RUN = """
import contextlib, io, json, os, runpy, sys, traceback
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
for path in sys.argv[1:]:
    said, status = io.StringIO(), 0
    sys.argv = [path, "--check"]
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            runpy.run_path(path, run_name="__main__")
        except SystemExit as end:
            status = int(end.code or 0) if isinstance(end.code, int | None) else 1
            said.write("" if isinstance(end.code, int | None) else str(end.code))
        except Exception as error:
            said.write(traceback.format_exception_only(error)[-1])
            status = 1
    print(json.dumps([status, said.getvalue()]), file=answers, flush=True)
"""


def stale(project: Project) -> Iterator[Finding]:
    """What `build.py --check` of each folder of figures, and of the clips, complains of."""
    found = sorted(project.root.glob("figures/*/build.py")) + sorted(project.root.glob("audio/build.py"))
    waiting = [script.relative_to(project.root).as_posix() for script in found]
    while waiting:
        answers, failure = _run(project, waiting)
        for path, (status, said) in zip(waiting, answers, strict=False):
            remedy = f"Run `.venv/bin/python {path}` and commit what it builds."
            lines = [line.strip() for line in said.splitlines() if line.strip()]
            for line in (lines or [f"ended with status {status}"]) if status else ():
                yield Finding(path, 0, "stale", line, remedy)
        waiting = waiting[len(answers) :]
        if waiting:  # the first of them gave no answer; the others can still be asked
            yield Finding(waiting[0], 0, "stale", f"{waiting[0]} --check {failure}", "Mend the script.")
            waiting = waiting[1:]


def _run(project: Project, scripts: list[str]) -> tuple[list[tuple[int, str]], str]:
    """(exit status, what it said) of each script up to one that ends their process, and how that happened."""
    command = [sys.executable, "-c", RUN, *scripts]
    try:
        done = subprocess.run(command, cwd=project.root, capture_output=True, text=True, timeout=LIMIT_S)
        out, failure = done.stdout, f"ended its process with status {done.returncode}"
    except subprocess.TimeoutExpired as late:
        out = late.stdout.decode() if isinstance(late.stdout, bytes) else ""
        failure = f"has not ended after {LIMIT_S} s"
    return [tuple(json.loads(line)) for line in out.splitlines()], failure
