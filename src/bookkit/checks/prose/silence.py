"""Silences: `<!-- lint-ok: rule, reason -->` on a finding's line, or on the line before it.

A silence before a cell holds for the whole cell. One without a reason, for a rule that does not exist, or
that silences nothing is itself a finding.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from bookkit.manuscript import Cell, Comment, Finding, Source

MARK = re.compile(r"lint-ok\b\s*:?\s*([\w-]*)\s*,?\s*(.*)", re.S)
RULE = "silence"


@dataclass
class Silence:
    """Holds for `rule` on lines `first` to `last` of `path`."""

    path: str
    first: int
    last: int
    rule: str
    reason: str
    used: bool = field(default=False)

    def covers(self, finding: Finding) -> bool:
        """Whether this silence is meant for the finding."""
        same = (finding.path, finding.rule) == (self.path, self.rule)
        return same and self.first <= finding.line <= self.last


def silences(source: Source) -> list[Silence]:
    """All silences of a file and of what it includes."""
    found: list[Silence] = []
    waiting: list[Silence] = []
    for piece in source.flat():
        if isinstance(piece, Comment) and (mark := MARK.match(piece.text)):
            last = piece.line + piece.raw.count("\n") + 1
            silence = Silence(piece.path, piece.line, last, mark[1], mark[2].strip())
            found.append(silence)
            waiting.append(silence)
        elif isinstance(piece, Cell):
            for silence in waiting:
                if (
                    silence.path == piece.path and piece.line <= silence.last + 1
                ):  # a blank line may lie between
                    silence.last = piece.line + piece.raw.count("\n")
            waiting = []
    return found


def apply(findings: Iterable[Finding], marks: list[Silence], rules: Iterable[str]) -> list[Finding]:
    """What is left of `findings`, and what is wrong with the silences themselves."""
    known = set(rules)
    left = []
    for finding in findings:
        covering = [mark for mark in marks if mark.reason and mark.covers(finding)]
        for mark in covering:
            mark.used = True
        if not covering:
            left.append(finding)
    for mark in marks:
        if mark.rule not in known:
            remedy = f"Name one of: {', '.join(sorted(known))}."
            left.append(Finding(mark.path, mark.first, RULE, f"`{mark.rule}` is no rule of lint md", remedy))
        elif not mark.reason:
            message, remedy = f"`{mark.rule}` is silenced without a reason", "Write `lint-ok: rule, reason`."
            left.append(Finding(mark.path, mark.first, RULE, message, remedy))
        elif not mark.used:
            message = f"nothing here breaks the rule `{mark.rule}`"
            left.append(Finding(mark.path, mark.first, RULE, message, "Take the silence out."))
    return left
