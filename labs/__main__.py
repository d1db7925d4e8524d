"""Run a lab: `python -m labs NAME`, or `--list` to see what there is."""

from __future__ import annotations

import argparse
import math
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from labs.lab import Lab, every_lab
from labs.record import RESULTS, assemble, measurements, moved, this_machine, write
from labs.session import KEPT, MissingPartError, PausedError, Session, kept_folder
from servelab import ROOT
from servelab.book import record_names, result

DONE, MISSING, WRONG, PAUSED, INTERRUPTED = 0, 1, 2, 3, 130


def listing() -> str:
    """Every lab: what it measures, why, how long it takes, what it needs."""
    blocks = []
    for lab in every_lab().values():
        rows = {"what": lab.what, "why": lab.why, "takes": lab.takes, "needs": lab.needs}
        if lab.debian:
            rows["Debian"] = f"{', '.join(lab.debian)} (installed by the lab when run as root)"
        blocks.append(
            "\n".join([f"{lab.name}: {lab.title}", *(f"  {row:<6} {text}" for row, text in rows.items())])
        )
    return "\n\n".join(blocks)


def say(text: str) -> None:
    """One line of progress on the standard error."""
    print(f"{datetime.now(tz=UTC):%H:%M:%S}  {text}", file=sys.stderr, flush=True)


def measure(lab: Lab, minutes: float = math.inf, *, timed_only: bool = False) -> int:
    """Run `lab`, write its record and say what moved since the last one. Returns the exit code.

    A record that lacks a part is written beside the kept steps instead, so that a chapter never reads it.
    Raises `PausedError` when `minutes` have passed, or when only steps that are not timed are left.
    """
    machine = this_machine()
    old = result(lab.name).values if lab.name in record_names() else None
    started = time.monotonic()
    session = Session(
        lab.name,
        say,
        kept_folder(lab.name, lab.module, machine.cpu),
        until_s=started + 60 * minutes,
        timed_only=timed_only,
    )
    outcome = lab.run(session)
    record = assemble(
        name=lab.name,
        title=lab.title,
        what=outcome.what,
        date=f"{datetime.now(tz=UTC):%Y-%m-%d}",
        seed=outcome.seed,
        duration_s=session.kept_s + time.monotonic() - started,
        machine=machine,
        packages=outcome.versions,
        sha256=outcome.sha256,
        values=outcome.values,
        notes=outcome.notes,
        missing=session.missing,
    )
    if session.missing:
        path = write(record, KEPT)
        print(f"wrote {_shown(path)}: labs/results holds whole records alone, and this one lacks")
        print("\n".join(f"  {part}" for part in session.missing))
    else:
        path = write(record, RESULTS)
        session.forget()
        print(f"wrote {_shown(path)}")
    if old is not None:
        lines = moved(old, measurements(outcome.values), whole=not session.missing)
        print(
            "\n".join(["moved by more than its spread:", *lines])
            if lines
            else "nothing moved by more than its spread"
        )
    return MISSING if session.missing else DONE


def _shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name


def main(arguments: list[str] | None = None) -> int:
    """The command line.

    Returns the exit code: 0; 1 when a component is missing; 2 for a wrong name; 3 when steps are left to
    do; 130 when interrupted.
    """
    parser = argparse.ArgumentParser(
        prog="./just lab",
        description="Measure real components; write labs/results. What is done is kept: run again to go on.",
    )
    parser.add_argument("name", nargs="?", help="the lab to run")
    parser.add_argument("--list", action="store_true", help="say what labs there are")
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin no step after so many minutes")
    parser.add_argument("--timed-only", action="store_true", help="stop before the first step without timing")
    chosen = parser.parse_args(arguments)
    if chosen.list or chosen.name is None:
        print(listing())
        return DONE if chosen.list else WRONG
    labs = every_lab()
    if chosen.name not in labs:
        print(f"no lab {chosen.name!r}. Known: {', '.join(labs)}.", file=sys.stderr)
        return WRONG
    try:
        return measure(labs[chosen.name], chosen.minutes, timed_only=chosen.timed_only)
    except MissingPartError as error:
        print(f"lab {chosen.name}: {error}", file=sys.stderr)
        return MISSING
    except PausedError as error:
        print(f"lab {chosen.name}: {error}. Run it again to go on.", file=sys.stderr)
        return PAUSED
    except KeyboardInterrupt:
        print(f"lab {chosen.name}: interrupted. Run it again to go on from the last step.", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
