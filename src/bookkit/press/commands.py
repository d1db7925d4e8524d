"""Commands of the press: build, preview, bench."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from bookkit.manuscript import Finding, ManuscriptError

BOOK = "ml-inference-apis"


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `build` and the others to the command line."""
    build = commands.add_parser("build", help="build one edition, or all, into _book")
    build.add_argument("format", choices=["html", "pdf", "epub", "all"])
    build.add_argument("book", nargs="?", default=BOOK, help=f"the book's name ({BOOK})")
    build.add_argument("--root", type=Path, default=Path(), help="folder of _quarto.yml (here)")
    build.add_argument("--engine", choices=["press", "quarto"], default="press")
    build.set_defaults(run=_build)
    preview = commands.add_parser("preview", help="serve the book and show each edit as it is saved")
    preview.add_argument("--root", type=Path, default=Path(), help="folder of _quarto.yml (here)")
    preview.add_argument("--port", type=int, default=4100, help="port on 127.0.0.1 (4100)")
    preview.set_defaults(run=_preview)
    analyzed = commands.add_parser("analyze", help="run the notebooks on the book's progress into _analysis")
    analyzed.add_argument("--root", type=Path, default=Path(), help="folder of _quarto.yml (here)")
    analyzed.add_argument("--as-of", help="day of the analysis, YYYY-MM-DD (the commit's date)")
    analyzed.add_argument("--tracker", default="tracker/PROGRESS_TRACKER.md", help="a tracker document")
    analyzed.add_argument("--history", default="tracker/history.jsonl", help="its history; empty for none")
    analyzed.add_argument("--book", default=".", help="the book beside it; empty for none")
    analyzed.add_argument("--out", type=Path, help="where to write (_analysis)")
    analyzed.set_defaults(run=_analyze)
    bench = commands.add_parser("bench", help="time the press on generated books")
    bench.add_argument("what", choices=["press"])
    bench.add_argument("--chapters", type=int, nargs="+", default=[6, 18, 36], help="sizes of the books")
    bench.add_argument("--json", type=Path, help="write the times to this file too")
    bench.set_defaults(run=_bench)


def _build(arguments: argparse.Namespace) -> int:
    check_name(arguments.book)
    if arguments.engine == "quarto":
        return _quarto(arguments.root, arguments.format)
    from bookkit.press.build import FORMATS, build
    from bookkit.press.progress import Progress

    progress = Progress()
    formats = FORMATS if arguments.format == "all" else (arguments.format,)
    project = build(arguments.root, formats, progress)
    progress.say(
        f"built {', '.join(sorted(formats))} into {project.output} in {sum(progress.times.values()):.1f} s"
    )
    return 0


def _preview(arguments: argparse.Namespace) -> int:
    from bookkit.press.preview import Preview

    Preview(arguments.root, arguments.port, lambda text: print(text, flush=True)).serve(threading.Event())
    return 0


def _analyze(arguments: argparse.Namespace) -> int:
    from bookkit.press.analysis import notebooks, run_all
    from bookkit.press.commit import commit

    root = arguments.root.resolve()
    parameters = {
        "as_of": arguments.as_of or commit(root).iso,
        "tracker": arguments.tracker,
        "history": arguments.history,
        "book": arguments.book,
    }
    out = arguments.out or root / "_analysis"
    found = notebooks(root)
    print(f"running {len(found)} notebooks", file=sys.stderr, flush=True)
    done = run_all(found, out, root, parameters)
    print(f"ran {len(done)} notebooks into {out}")
    return 0


def _bench(arguments: argparse.Namespace) -> int:
    from bookkit.press.bench import bench, table

    times = []
    for count in arguments.chapters:
        times.append(bench(count))
        print(table(times[-1:], head=len(times) == 1), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(times, indent=1) + "\n", "utf-8")
    return 0


def check_name(name: str) -> None:
    """Raise ManuscriptError unless `name` is the book that is here."""
    if name != BOOK:
        raise ManuscriptError(
            Finding(name, 0, "book", "there is no such book", f"The one that is here is {BOOK}.")
        )


def _quarto(root: Path, name: str) -> int:
    program = shutil.which("quarto")
    if program is None:
        remedy = "Install it from quarto.org, or build with the press (engine=press)."
        raise ManuscriptError(Finding("quarto", 0, "engine", "Quarto is not installed", remedy))
    to = {"pdf": ["--to", "bookkit-typst"], "all": []}.get(name, ["--to", name])
    environment = {**os.environ, "QUARTO_PYTHON": sys.executable}
    return subprocess.run([program, "render", str(root), *to], env=environment, check=False).returncode
