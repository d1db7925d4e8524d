"""The page for an address that is not there, on a host that shows it wherever it was asked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.request import urlopen

import pytest

from gates.browser import Browser
from gates.server import Quiet


class Host(Quiet):
    """Answers a lost address with 404.html of the book, which stands at the root or in the folder `book`."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        found = Path(self.directory) / "404.html"
        found = found if found.exists() else Path(self.directory) / "book" / "404.html"
        body = found.read_bytes()
        self.send_response(code)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def hosted(folder: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Host, directory=str(folder))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "none"])
@pytest.mark.parametrize("below", ["", "book/"], ids=["root", "folder"])
@pytest.mark.parametrize("address", ["none.html", "chapters/none.html", "a/b/c/d/e/none"])
def test_a_lost_address_gets_a_styled_page_whose_links_work(
    below: str, address: str, scripts: bool, book: Path, browser: Browser, tmp_path: Path
) -> None:
    folder = book
    if below:
        folder = tmp_path
        (tmp_path / "book").symlink_to(book)
    with hosted(folder) as host:
        seen = browser.ask("lost", f"{host}/{below}{address}", scripts=scripts)
        assert seen["styled"]
        assert seen["searches"] is scripts
        assert seen["lists"] == 1
        assert len(seen["links"]) > 10
        for link in seen["links"]:
            assert link.startswith(f"{host}/{below}"), link
        with urlopen(seen["links"][-1]) as answer:
            assert answer.status == 200
