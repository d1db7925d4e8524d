"""The preview shows an edit, shows a fault on the last good page, and recovers."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from bookkit.press.preview import Preview

BOOK = Path(__file__).parent / "data" / "book"
PAGE = "chapters/03-planned"


@pytest.fixture(scope="module")
def preview(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Preview]:
    os.environ.setdefault("SOURCE_DATE_EPOCH", "1700000000")
    root = tmp_path_factory.mktemp("preview") / "book"
    shutil.copytree(BOOK, root, ignore=shutil.ignore_patterns("_book", ".cache"))
    shown = Preview(root, 0, lambda _: None)
    stop = threading.Event()
    thread = threading.Thread(target=shown.serve, args=(stop,), daemon=True)
    thread.start()
    until(lambda: f"{PAGE}.html" in shown.server.pages, 60)
    time.sleep(1)
    yield shown
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


def until(holds: object, seconds: float = 20) -> None:
    assert callable(holds)
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)


def fetch(preview: Preview, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    request = urllib.request.Request(preview.server.address + path, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_an_edit_is_shown_and_told(preview: Preview) -> None:
    events = preview.server.listen()
    page = preview.root / f"{PAGE}.qmd"
    page.write_text(page.read_text().replace("A question.", "A better question."))
    until(lambda: b"A better question." in fetch(preview, f"{PAGE}.html")[1])
    said = [events.get(timeout=5) for _ in range(2)]
    assert said[1] == f"event: page\ndata: {PAGE}.html\n\n".encode()


def test_a_new_title_reaches_the_other_pages(preview: Preview) -> None:
    page = preview.root / f"{PAGE}.qmd"
    page.write_text(page.read_text().replace("A Planned Chapter", "A Renamed Chapter"))
    until(lambda: b"A Renamed Chapter" in fetch(preview, "chapters/01-frames.html")[1])


def test_a_fault_keeps_the_last_good_page(preview: Preview) -> None:
    page = preview.root / f"{PAGE}.qmd"
    good = page.read_text()
    page.write_text(good + "\nSee @fig-nowhere.\n")
    until(lambda: "fig-nowhere" in preview.server.fault)
    assert b"fig-nowhere" not in fetch(preview, f"{PAGE}.html")[1]
    assert "fig-nowhere" in json.loads(preview.server.listen().get().split(b"data: ")[1])
    page.write_text(good)
    until(lambda: not preview.server.fault)


def test_what_is_served(preview: Preview) -> None:
    assert b"/_preview/live.js" in fetch(preview, "")[1]
    assert b"/_preview/live.js" not in (preview.root / "_book/index.html").read_bytes()
    assert fetch(preview, "_preview/live.js")[0] == 200
    assert fetch(preview, "assets/book.css")[0] == 200
    whole = (preview.root / "audio/tone.mp3").read_bytes()
    assert fetch(preview, "audio/tone.mp3", {"Range": "bytes=10-19"}) == (206, whole[10:20])
    assert fetch(preview, "pagefind/pagefind.js")[0] == 200
    assert fetch(preview, "../../etc/passwd")[0] == 404
    assert fetch(preview, "none.html")[0] == 404
