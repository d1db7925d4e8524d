"""The web edition's section on the state of the book: a page a notebook, run when something has changed."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pypandoc

from bookkit.manuscript import Project
from bookkit.press.analysis import KINDS, Told, narrow, notebooks, run_all, told
from bookkit.press.files import write_whole
from bookkit.press.pandoc import digest

GROUP = "Status of the book"
FOLDER = "status"
READ = ("notebooks", "tracker", "chapters", "sources", "src/bookkit", "src/servelab", "labs/results")
"""What the notebooks read, with the code that they run; FILES and the pages beside `_quarto.yml` besides."""

FILES = ("_quarto.yml", "constraints.txt")
SIZE = re.compile(rb'<svg [^>]*?width="([\d.]+)" height="([\d.]+)"')
PICTURE = re.compile(r"!\[.*\]\(figures/([\w-]+)-light\.svg\)")


def read(project: Project, as_of: str, cache: Path) -> list[Told]:
    """What the notebooks show of the book on `as_of`; none for a book without notebooks.

    Raises ManuscriptError, OSError.
    """
    sources = notebooks(project.root)
    if not sources:
        return []
    place = cache / "status" / f"{_key(project.root, as_of)}.json"
    if not place.is_file():
        parameters = {
            "as_of": as_of,
            "tracker": "tracker/PROGRESS_TRACKER.md",
            "history": "tracker/history.jsonl",
            "book": ".",
        }
        shown = [told(path) for path in run_all(sources, cache / "status", project.root, parameters)]
        write_whole(place, json.dumps([asdict(one) for one in shown], default=_packed).encode())
    kept: list[dict[str, Any]] = json.loads(place.read_text("utf-8"))
    return [
        Told(**{**one, "pictures": {name: base64.b64decode(data) for name, data in one["pictures"].items()}})
        for one in kept
    ]


def _packed(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _key(root: Path, as_of: str) -> str:
    whole = hashlib.sha256(json.dumps([as_of, list(sys.version_info[:3])]).encode())
    found = [path for name in READ for path in sorted((root / name).rglob("*"))]
    found += sorted(root.glob("*.qmd"))
    for path in [*found, *(root / name for name in FILES)]:
        if path.is_file() and path.suffix != ".pyc":
            whole.update(f"\n{path.relative_to(root)} ".encode())
            whole.update(hashlib.sha256(path.read_bytes()).digest())
    return digest(whole.hexdigest())


def group(shown: list[Told]) -> list[dict[str, Any]]:
    """The section as an entry of the contents."""
    pages = [
        {
            "number": "",
            "title": one.title,
            "url": f"{FOLDER}/{one.name}.html",
            "outline": False,
            "partial": False,
        }
        for one in shown
    ]
    return [{"number": "", "title": GROUP, "chapters": pages}] if pages else []


def page(shown: list[Told], at: int, as_of: str) -> dict[str, Any]:
    """One page as the template takes it."""
    one = shown[at]
    body, toc = _body(one)

    def turn(index: int) -> dict[str, str] | None:
        if not 0 <= index < len(shown):
            return None
        return {"number": "", "title": shown[index].title, "url": f"{FOLDER}/{shown[index].name}.html"}

    return {
        "title": one.title,
        "label": "",
        "number": "",
        "part": GROUP,
        "dek": None,
        "body": body,
        "toc": toc,
        "url": f"{FOLDER}/{one.name}.html",
        "root": "../",
        "prev": turn(at - 1),
        "next": turn(at + 1),
        "minutes": None,
        "executed": None,
        "notebook": None,
        "markdown": f"{one.name}.md",
        "status": None,
        "description": f"{GROUP}: {one.title.lower()}, as of {as_of}.",
        "strip": None,
    }


def files(shown: list[Told]) -> dict[str, bytes]:
    """Pictures and Markdown twins by their address."""
    found: dict[str, bytes] = {}
    for one in shown:
        found[f"{FOLDER}/{one.name}.md"] = f"# {one.title}\n\n{one.markdown}".encode()
        found |= {f"{FOLDER}/figures/{name}": data for name, data in one.pictures.items()}
    return found


def _body(one: Told) -> tuple[str, list[dict[str, Any]]]:
    """The page's markup without any style of its own, and its headings."""
    text = PICTURE.sub(lambda found: _figure(one, found[1]), one.markdown)
    body = pypandoc.convert_text(text, "html5", format="markdown-smart", extra_args=["--columns=10000"])
    body = re.sub(r'(<t[dh])([^>]*?) style="text-align: (\w+);?"', r'\1\2 class="\3"', body)
    body = re.sub(r"<thead>.*?</thead>", lambda head: head[0].replace("<th", '<th scope="col"').replace(
        '<th scope="col"ead', "<thead"), body, flags=re.DOTALL)  # fmt: skip
    count = 0

    def wrapped(found: re.Match[str]) -> str:
        nonlocal count
        count += 1
        name = f"Table {count}"
        return f'<div class="table-wrap" tabindex="0" role="region" aria-label="{name}">{found[0]}</div>'

    body = re.sub(r"<table>.*?</table>", wrapped, body, flags=re.DOTALL)
    headings = re.findall(r'<h2 id="([^"]+)">(.*?)</h2>', body, re.DOTALL)
    toc = [
        {"id": name, "number": "", "title": html.unescape(re.sub(r"<[^>]+>", "", title)), "level": 2}
        for name, title in headings
    ]
    return body, toc


def _figure(one: Told, name: str) -> str:
    images = []
    for kind in KINDS:
        file = f"{name}-{kind}.svg"
        alt, area = html.escape(one.alts[file]), _area(one.pictures[file])
        image = f'<img class="{kind}" src="figures/{file}" alt="{alt}"{area} loading="lazy">'
        if small := one.pictures.get(narrow(file)):
            place = f'srcset="figures/{narrow(file)}"{_area(small)}'
            image = f'<picture><source media="(max-width: 40rem)" {place}>{image}</picture>'
        images.append(image)
    return f"<figure>{''.join(images)}</figure>"


def _area(picture: bytes) -> str:
    size = SIZE.search(picture)
    return f' width="{float(size[1]):.0f}" height="{float(size[2]):.0f}"' if size else ""
