from __future__ import annotations

from pathlib import Path

import pytest

from checks.small import SmallBook


@pytest.fixture
def book(tmp_path: Path) -> SmallBook:
    """A small book without a fault."""
    return SmallBook(tmp_path)
