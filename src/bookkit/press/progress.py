"""Says how far a build is: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm


class Progress:
    """Stages of a build with their times; `times` is in seconds by stage, in the order of the build."""

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self.times: dict[str, float] = {}
        self._bars: dict[str, tqdm[None]] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time one stage; said when it is over."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            for bar in self._bars.values():
                bar.close()
            self._bars.clear()
        self.times[name] = time.perf_counter() - begun
        self.say(f"{name:<9}{self.times[name]:6.1f} s")

    def cells(self, chapter: str, done: int, total: int) -> None:
        """A chapter has run `done` of its `total` cells."""
        if self.quiet:
            return
        if not sys.stderr.isatty():
            if done == 0:
                self.say(f"running {total} cells of {chapter}")
            return
        if chapter not in self._bars:
            self._bars[chapter] = tqdm(total=total, desc=chapter, unit="cell", leave=False)
        self._bars[chapter].update(done - self._bars[chapter].n)

    def say(self, text: str) -> None:
        """A line of its own, above the bars."""
        if not self.quiet:
            tqdm.write(text, file=sys.stderr)
