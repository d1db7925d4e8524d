"""The web theme: what it refers to exists, its two dark palettes are one, and its colors can be read."""

import re
from pathlib import Path

import pytest

THEME = Path(__file__).parents[1] / "src" / "bookkit" / "press" / "theme"
SITE = THEME / "site"
CSS = (SITE / "book.css").read_text("utf-8")
TEXT = ("ink", "ink-2", "accent", "computed", "measured", "reported")
LIGHT, DARK, DARK_BY_CHOICE = (
    dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{6})", block))
    for block in re.findall(r"\{[^{}]*--paper:[^{}]*\}", CSS)[:3]
)


def luminance(color: str) -> float:
    """Relative luminance of #rrggbb, WCAG 2.2."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colors, 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_every_file_that_the_sheet_names_exists() -> None:
    named = re.findall(r"url\(([^)]+)\)", CSS)
    assert named
    assert [name for name in named if not (SITE / name).is_file()] == []


def test_every_font_file_is_used_and_every_family_has_its_licence() -> None:
    fonts = SITE / "fonts"
    assert sorted(path.name for path in fonts.glob("*.woff2")) == sorted(
        set(re.findall(r"fonts/([^)]+)\)", CSS))
    )
    assert len(list(fonts.glob("OFL-*.txt"))) == 4


def test_dark_is_the_same_whoever_chose_it() -> None:
    assert len(DARK) == len(LIGHT) > 10
    assert DARK == DARK_BY_CHOICE


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["paper", "panel"])
@pytest.mark.parametrize("name", TEXT)
def test_text_can_be_read(palette: dict[str, str], ground: str, name: str) -> None:
    assert contrast(palette[name], palette[ground]) >= 4.5


def test_controls_can_be_seen() -> None:
    assert all(contrast(palette["edge"], palette["paper"]) >= 3 for palette in (LIGHT, DARK))
    assert all(contrast(palette["on-accent"], palette["accent"]) >= 4.5 for palette in (LIGHT, DARK))


@pytest.mark.parametrize(
    "path", sorted([*THEME.glob("*.html"), *SITE.glob("*.js")]), ids=lambda path: path.name
)
def test_nothing_is_inline_and_nothing_comes_from_elsewhere(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not re.search(r"\sstyle=|\son\w+=|javascript:|data:|<style|<script>", text)
    elsewhere = set(re.findall(r"https?://[\w.:/-]+", text)) - {
        "http://www.w3.org/2000/svg",
        "http://localhost:8000.",
    }
    assert not elsewhere
