"""What is wrong with a manuscript, and where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Finding:
    """One fault: where it is, which rule it breaks, what was found, and what to do about it.

    `path` is relative to the book's root; `line` counts from 1, and 0 means the file as a whole.
    """

    path: str
    line: int
    rule: str
    message: str
    remedy: str

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{place}: {self.rule}: {self.message.rstrip('.')}. {self.remedy}".rstrip()


class ManuscriptError(Exception):
    """Stops a command. Holds one finding or several; its text is one line for each."""

    def __init__(self, findings: Finding | Iterable[Finding]) -> None:
        self.findings = [findings] if isinstance(findings, Finding) else sorted(set(findings))
        super().__init__("\n".join(map(str, self.findings)))
