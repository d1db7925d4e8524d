"""The preview's web server: pages from memory, other files from disk, and news of changes."""

from __future__ import annotations

import http.server
import json
import mimetypes
import queue
import threading
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

HOST = "127.0.0.1"
SCRIPT = Path(__file__).parent / "theme" / "preview.js"
BEAT_S = 15.0


class Server(http.server.ThreadingHTTPServer):
    """Serves `pages` (address below the root -> HTML), else the first of `folders` that has the file.

    Each folder is (prefix of the address, folder that stands for it).
    """

    daemon_threads = True

    def __init__(self, port: int, folders: Sequence[tuple[str, Path]]) -> None:
        super().__init__((HOST, port), _Handler)
        self.folders = folders
        self.pages: dict[str, str] = {}
        self.fault = ""
        self._listeners: set[queue.SimpleQueue[bytes]] = set()
        self._guard = threading.Lock()

    @property
    def address(self) -> str:
        """Where a browser finds the book."""
        return f"http://{HOST}:{self.server_address[1]}/"

    def refresh(self, pages: dict[str, str], everywhere: bool) -> None:
        """Serve these pages from now on and have them loaded again; all pages if `everywhere`."""
        self.pages |= pages
        if self.fault:
            self.fault = ""
            self._tell(_event("fault", json.dumps("")))
        for page in ["*"] if everywhere else pages:
            self._tell(_event("page", page))

    def complain(self, fault: str) -> None:
        """Show a fault on every page."""
        self.fault = fault
        self._tell(_event("fault", json.dumps(fault)))

    def listen(self) -> queue.SimpleQueue[bytes]:
        """A queue of events, the present fault first."""
        events: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        events.put(_event("fault", json.dumps(self.fault)))
        with self._guard:
            self._listeners.add(events)
        return events

    def leave(self, events: queue.SimpleQueue[bytes]) -> None:
        """Forget a queue."""
        with self._guard:
            self._listeners.discard(events)

    def _tell(self, event: bytes) -> None:
        with self._guard:
            for events in self._listeners:
                events.put(event)


def _event(name: str, data: str) -> bytes:
    return f"event: {name}\ndata: {data}\n\n".encode()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:  # the name is http.server's
        path = unquote(urlsplit(self.path).path).lstrip("/")
        path = f"{path}index.html" if path == "" or path.endswith("/") else path
        if path == "_preview/events":
            self._events()
        elif path == "_preview/live.js":
            self._send(200, "text/javascript", SCRIPT.read_bytes())
        elif path in self.server.pages:
            self._send(200, "text/html", _live(self.server.pages[path]).encode())
        elif found := self._file(path):
            kind = mimetypes.guess_type(found.name)[0] or "application/octet-stream"
            self._send(200, kind, found.read_bytes())
        else:
            missing = self.server.pages.get("404.html", "<!doctype html><title>Not found</title>Not found")
            self._send(404, "text/html", missing.encode())

    def _file(self, path: str) -> Path | None:
        for prefix, folder in self.server.folders:
            if path.startswith(prefix):
                place = (folder / path[len(prefix) :]).resolve()
                if place.is_relative_to(folder.resolve()) and place.is_file():
                    return place
        return None

    def _send(self, status: int, kind: str, data: bytes) -> None:
        """Answer, with the part that was asked for, as players need it."""
        asked = self.headers.get("Range", "")
        first, last = 0, len(data) - 1
        if status == 200 and asked.startswith("bytes=") and "," not in asked:
            begin, _, end = asked[6:].partition("-")
            if begin.isdigit() and int(begin) < len(data):
                status, first, last = 206, int(begin), min(int(end or last), last)
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8" if kind.startswith("text/") else kind)
        self.send_header("Content-Length", str(last - first + 1))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Cache-Control", "no-store")
        if status == 206:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        self.end_headers()
        self.wfile.write(data[first : last + 1])

    def _events(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        events = self.server.listen()
        try:
            while True:
                try:
                    self.wfile.write(events.get(timeout=BEAT_S))
                except queue.Empty:
                    self.wfile.write(b": still here\n\n")
                self.wfile.flush()
        except OSError:
            pass  # the browser has left
        finally:
            self.server.leave(events)

    def log_message(self, format: str, *args: object) -> None:  # the names are http.server's
        """Say nothing: the terminal is for faults."""


def _live(page: str) -> str:
    return page.replace("</head>", '<script src="/_preview/live.js" defer></script>\n</head>', 1)
