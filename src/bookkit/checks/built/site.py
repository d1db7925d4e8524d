"""The HTML edition: every page, style sheet and picture below `_book`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path, PurePosixPath

from bookkit.checks.built.web import CSS_ADDRESS, Document, read_html, remote, split
from bookkit.manuscript import Finding

ELSEWHERE = "Ship the file with the book: no page may ask another host for anything."
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.I)
DRAWN = re.compile(r"""<(?:image|use|script|feImage)\b[^>]*?(?:xlink:)?(?:href|src)=["']([^"']+)""")
LOST = "404.html"
TOOLS = ("pagefind",)


def read_site(folder: Path, name: str) -> list[Document]:
    """All pages below `folder`; their paths are below `name`."""
    files = sorted(path for path in folder.rglob("*.html") if path.relative_to(folder).parts[0] not in TOOLS)
    paths = [f"{name}/{path.relative_to(folder).as_posix()}" for path in files]
    texts = [path.read_text("utf-8") for path in files]
    if len(files) < 4:
        return [read_html(path, text) for path, text in zip(paths, texts, strict=True)]
    with ProcessPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        return list(pool.map(read_html, paths, texts))


def site_findings(folder: Path, name: str, pages: list[Document]) -> Iterator[Finding]:
    """Links, anchors and requests of the pages, style sheets and pictures."""
    ids = {page.path: set(page.ids) for page in pages}
    for page in pages:
        yield from page.findings
        for address in dict.fromkeys(page.loads):
            if remote(address):
                message = f"asks another host for {address}"
                yield Finding(page.path, page.line(address), "built-remote", message, ELSEWHERE)
            elif not SCHEME.match(address):
                yield from _missing(folder, name, page, address, ids)
        for address in dict.fromkeys(page.links):
            if not SCHEME.match(address) and not remote(address):
                yield from _missing(folder, name, page, address, ids)
    for file in sorted(folder.rglob("*")):
        parts = file.relative_to(folder).parts
        if file.suffix in (".css", ".svg") and parts[0] not in TOOLS:
            yield from _sheet(folder, name, file)


def _missing(
    folder: Path, name: str, page: Document, address: str, ids: dict[str, set[str]]
) -> Iterator[Finding]:
    path, anchor = split(address)
    own = PurePosixPath(page.path).relative_to(name)
    if str(own) == LOST:
        path = re.sub(r"^(\.\./)+", "", path)  # shown at any depth, it looks for its root above
    target = _resolve(own, path) if path else str(own)
    if (folder / target).is_dir():
        target = f"{target}/index.html".lstrip("/")
    if not target or target.startswith("..") or not (folder / target).is_file():
        message = f"the address {address} leads to nothing"
        yield Finding(page.path, page.line(address), "built-link", message, "Mend the link in the source.")
    elif anchor and target.endswith(".html") and anchor not in ids.get(f"{name}/{target}", set()):
        message = f"the anchor of {address} is not on that page"
        yield Finding(page.path, page.line(address), "built-anchor", message, "Mend the link in the source.")


def _resolve(page: PurePosixPath, address: str) -> str:
    """Where an address leads, below the site's root; begins with `..` when it leaves the site."""
    if address.startswith("/"):
        return f"..{address}"  # an absolute address breaks below a folder of a server
    parts = [*page.parent.parts]
    for part in PurePosixPath(address).parts:
        if part == "..":
            if not parts:
                return f"../{address}"
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def _sheet(folder: Path, name: str, file: Path) -> Iterator[Finding]:
    text = file.read_text("utf-8")
    path = f"{name}/{file.relative_to(folder).as_posix()}"
    found = [(match.start(), match[1] or match[2]) for match in CSS_ADDRESS.finditer(text)]
    if file.suffix == ".svg":
        found += [(match.start(), match[1]) for match in DRAWN.finditer(text)]
    for at, address in found:
        line = 1 + text.count("\n", 0, at)
        if remote(address):
            yield Finding(path, line, "built-remote", f"asks another host for {address}", ELSEWHERE)
        elif not SCHEME.match(address) and not address.startswith("#"):
            own = PurePosixPath(file.relative_to(folder).as_posix())
            target = _resolve(own, split(address)[0])
            if not (folder / target).is_file():
                message = f"the address {address} leads to nothing"
                yield Finding(path, line, "built-link", message, "Ship the file, or take the address out.")
