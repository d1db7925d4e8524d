from __future__ import annotations

from pathlib import Path

import pytest

from tracker.small import Tracked, build


@pytest.fixture(scope="session")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Tracked:
    """The small book, built once; tests take copies of it."""
    return build(tmp_path_factory.mktemp("tracked") / "book")


@pytest.fixture
def book(pattern: Tracked, tmp_path: Path) -> Tracked:
    """A copy of the small book, to be spoiled."""
    return pattern.copy(tmp_path / "book")
