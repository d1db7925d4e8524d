"""What the gates share: the built book, a server of it, one browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gates import tools
from gates.browser import Browser
from gates.server import serve

BOOK = tools.ROOT / "_book"
NO_BOOK = "no-such-page.html"
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder that reads the built book carries the marker `gate`."""
    for item in items:
        if item.path.parent == HERE and "book" in getattr(item, "fixturenames", ()):
            item.add_marker("gate")


# What a test's parameter runs over: pages below a folder that hold a piece of markup.
PAGES = {
    "page": ("", ""),
    "chapter": ("chapters/", ""),
    "sounding_page": ("", "<audio"),
    "moving_page": ("", "slider-data"),
    "comparing_page": ("", "<compare-clips>"),
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test over the pages of the built book; without a book, or without such a page, it fails once."""
    for name, (below, markup) in PAGES.items():
        if name in metafunc.fixturenames:
            found = [
                page
                for page in pages()
                if page.startswith(below) and markup in (BOOK / page).read_text("utf-8")
            ]
            metafunc.parametrize(name, found or [NO_BOOK])


def pages() -> list[str]:
    """The addresses of the book's pages below its root, such as `chapters/05-x.html`."""
    return sorted(
        str(path.relative_to(BOOK)) for path in BOOK.rglob("*.html") if "pagefind" not in path.parts
    )


def require_book() -> Path:
    """The folder of the built book; fails with the command that builds it."""
    if not (BOOK / "index.html").exists():
        pytest.fail("There is no built book in _book.\n  Run: ./just build-all", pytrace=False)
    return BOOK


def one_file(book: Path, suffix: str) -> Path:
    """The one file of an edition at the root of the built book."""
    found = sorted(book.glob(f"*{suffix}"))
    assert len(found) == 1, f"_book holds {[path.name for path in found]} for *{suffix}; run ./just build-all"
    return found[0]


@pytest.fixture(scope="session")
def book() -> Path:
    """The built book."""
    return require_book()


@pytest.fixture(scope="session")
def pdf(book: Path) -> Path:
    """The PDF edition."""
    return one_file(book, ".pdf")


@pytest.fixture(scope="session")
def epub(book: Path) -> Path:
    """The EPUB edition."""
    return one_file(book, ".epub")


@pytest.fixture(scope="session")
def site(book: Path) -> Iterator[str]:
    """The address under which the built book is served."""
    with serve(book) as address:
        yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for the whole run; fails with a remedy where there is none."""
    try:
        with Browser() as found:
            yield found
    except tools.MissingTool as error:
        pytest.fail(str(error), pytrace=False)
