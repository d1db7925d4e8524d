"""Search: with the keyboard alone, a word of each chapter leads to that chapter."""

from functools import cache
from pathlib import Path

from gates.browser import Browser
from gates.conftest import BOOK
from gates.words import distinctive_words, page_text


@cache
def words() -> dict[str, str]:
    """A word of its own for every chapter."""
    return distinctive_words(
        {f"chapters/{path.name}": page_text(path) for path in BOOK.glob("chapters/*.html")}
    )


def test_search_finds_a_word_of_the_chapter(chapter: str, site: str, book: Path, browser: Browser) -> None:
    word = words().get(chapter)
    assert word, "no other chapter lacks a word of this one: it says nothing of its own"
    elsewhere = next(page for page in sorted(words()) if page != chapter)
    found = browser.ask("search", f"{site}/{elsewhere}", word=word, wanted=chapter)
    assert found["focused"], "the key / does not move the focus to the search field"
    assert found["opened"].startswith(f"{site}/{chapter}"), f"{word!r}: {found['says']} {found['results']}"
    assert not found["trouble"], found["trouble"]


def test_search_says_when_nothing_is_found(site: str, book: Path, browser: Browser) -> None:
    """The search also finds words that begin the asked one, as a symbol of one letter may: þ is none."""
    page = sorted(words())[0]
    found = browser.ask("search", f"{site}/{page}", word="þqxzzqy", wanted="nowhere")
    assert found["results"] == []
    assert "No page" in found["says"]
