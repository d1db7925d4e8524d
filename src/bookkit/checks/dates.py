"""Dates as the ledgers write them."""

from __future__ import annotations

import re
from datetime import date


def when(value: object) -> date | None:
    """The first day of `2026`, `2026-11` or `2026-11-24`; None if it is no date."""
    if isinstance(value, date):
        return value
    found = re.fullmatch(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", str(value))
    if not found:
        return None
    try:
        return date(int(found[1]), int(found[2] or 1), int(found[3] or 1))
    except ValueError:
        return None
