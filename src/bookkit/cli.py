"""The command `bookkit`: one parser, to which each room adds its commands.

A room may also have `findings(root)`: what it adds to `validate`, without the checks knowing it.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import signal
import sys
from collections.abc import Sequence

from bookkit.manuscript import ManuscriptError
from bookkit.press.files import ToolError

ROOMS = ("bookkit.press.commands", "bookkit.checks.commands", "bookkit.tracker.commands")
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit status."""
    parser = argparse.ArgumentParser(prog="bookkit", description="Builds, checks and previews the book.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    rooms = [importlib.import_module(room) for room in ROOMS if importlib.util.find_spec(room)]
    for room in rooms:
        room.add_commands(commands)
    findings = [room.findings for room in rooms if hasattr(room, "findings")]
    given = parser.parse_args(arguments, argparse.Namespace(findings=findings))
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        done = int(given.run(given))
        sys.stdout.flush()
        return done
    except ManuscriptError as error:
        print(error, file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted; the last good book is untouched", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output (head, a pager) has seen enough. The interpreter would complain at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        print(
            f"{place}disk: cannot read or write: {error.strerror or error}. The last good book is untouched.",
            file=sys.stderr,
        )
    except ToolError as error:
        print(error, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
