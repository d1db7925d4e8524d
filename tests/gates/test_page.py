"""Every page of the site, as a reader's browser gets it from a plain file server."""

import gzip
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from gates.browser import Browser

POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; media-src 'self' blob:; "
    "object-src 'none'; base-uri 'none'"
)
PAGE_LIMIT_BYTES = 300_000
PACKED = {".woff2", ".png", ".jpg", ".jpeg", ".webp", ".avif", ".gz"}
VIEWS = [
    pytest.param(width, dark, id=f"{name}-{'dark' if dark else 'light'}")
    for name, width in (("wide", 1440), ("phone", 390))
    for dark in (False, True)
]


def listed(sentences: list[str]) -> str:
    """A message for a failed assertion, a sentence a line."""
    return "\n".join(["", *sentences])


def transferred(files: list[dict[str, str]], folder: Path) -> dict[str, int]:
    """Bytes that a first load transfers, by file: compressed with gzip level 6 unless packed already.

    Counts the page, styles, scripts, fonts, pictures and data that the browser asked for by itself; audio is
    fetched when a player is started and never counted, nor is the search index, fetched when a word is typed.
    """
    weights = {}
    for file in files:
        path = folder / unquote(urlsplit(file["url"]).path).lstrip("/")
        path = path / "index.html" if path.is_dir() else path
        if file["type"] != "media" and path.is_file():
            data = path.read_bytes()
            weights[str(path.relative_to(folder))] = (
                len(data) if path.suffix in PACKED else len(gzip.compress(data, 6))
            )
    return weights


@cache
def visit(browser: Browser, address: str) -> dict[str, Any]:
    """One visit to a page, for the tests that look at different sides of it."""
    return browser.ask("visit", address)


def test_a_page_loads_without_trouble(page: str, site: str, book: Path, browser: Browser) -> None:
    """No request leaves the host, the security policy is kept, the console clean, every picture there."""
    seen = visit(browser, f"{site}/{page}")
    assert not seen["trouble"], listed(seen["trouble"])
    assert seen["policy"] == POLICY
    assert not seen["broken"], listed(seen["broken"])
    assert seen["title"].strip()
    assert seen["headings"] == 1, f"{seen['headings']} headings of level 1"


def test_a_page_is_light(page: str, site: str, book: Path, browser: Browser) -> None:
    seen = visit(browser, f"{site}/{page}")
    weights = transferred(seen["first"], book)
    heaviest = [
        f"{weight:8,d} B  {name}" for name, weight in sorted(weights.items(), key=lambda item: -item[1])
    ]
    assert sum(weights.values()) < PAGE_LIMIT_BYTES, listed(
        [f"{sum(weights.values()):,} B in all", *heaviest[:15]]
    )


@pytest.mark.parametrize(("width", "dark"), VIEWS)
def test_axe_finds_nothing(
    page: str, width: int, dark: bool, site: str, book: Path, browser: Browser
) -> None:
    found = browser.ask("axe", f"{site}/{page}", width=width, dark=dark)
    assert not found["violations"], listed(found["violations"])
    assert found["passes"] > 10
    assert not found["trouble"], listed(found["trouble"])


def test_axe_finds_nothing_with_the_phone_menu_open(site: str, book: Path, browser: Browser) -> None:
    chapter = sorted(book.glob("chapters/*.html"))[0].name
    found = browser.ask("axe", f"{site}/chapters/{chapter}#contents", width=390)
    assert not found["violations"], listed(found["violations"])


def test_a_narrow_window_does_not_scroll_sideways(page: str, site: str, book: Path, browser: Browser) -> None:
    found = browser.ask("overflow", f"{site}/{page}", width=360, height=740)
    assert not found["sticksOut"], listed(found["sticksOut"])


@pytest.mark.parametrize("width", [1440, 390], ids=["wide", "phone"])
def test_the_keyboard_alone_reaches_everything(
    page: str, width: int, site: str, book: Path, browser: Browser
) -> None:
    walk = browser.ask("keyboard", f"{site}/{page}", width=width)
    assert walk["stops"] > 0
    assert not walk["missed"], "never focused:" + listed(walk["missed"])
    assert not walk["unseen"], "focused outside the window:" + listed(walk["unseen"])
    assert not walk["unmarked"], "focus cannot be seen:" + listed(walk["unmarked"])
    assert not walk["trouble"], listed(walk["trouble"])


def test_a_reader_chooses_light_or_dark(site: str, book: Path, browser: Browser) -> None:
    """The system's choice and the reader's own give the same dark page; the own choice outlives a reload."""
    chapter = sorted(book.glob("chapters/*.html"))[0].name
    colours = browser.ask("theme", f"{site}/chapters/{chapter}")["colours"]
    assert colours["light"] != colours["systemDark"]
    assert colours["systemDark"] == colours["ownDark"] == colours["ownDarkReloaded"]


def test_a_page_opens_from_a_file(page: str, book: Path, browser: Browser) -> None:
    """Without a server the page stands, styled and with its pictures, and search says what it needs."""
    seen = browser.ask("offline", (book / page).as_uri())
    assert seen["styled"]
    assert not seen["broken"], listed(seen["broken"])
    grave = [
        sentence
        for sentence in seen["trouble"]
        if sentence.startswith(("security", "uncaught", "request to"))
    ]
    assert not grave, listed(grave)
    if seen["says"] is not None:
        assert "server" in seen["says"], f"search says: {seen['says']!r}"
