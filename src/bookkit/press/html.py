"""The web edition: pages from templates, assets, downloads, twins in Markdown, and the search index."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from bookkit.manuscript import Chapter, Project
from bookkit.press import status, twins
from bookkit.press.commit import Commit
from bookkit.press.files import ToolError, copy, size_in_words
from bookkit.press.notebook import notebook
from bookkit.press.pandoc import digest, part_name
from servelab.book import load_facts

THEME = Path(__file__).parent / "theme"
WORDS_A_MINUTE = 220
FACT = re.compile(r"""\bfact\(\s*["']([\w.-]+)["']""")
CELL_FIGURES = re.compile(r"^\.cache/.*/")


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(THEME), autoescape=True, undefined=jinja2.ChainableUndefined
    )


def render(
    project: Project,
    chapter: Chapter,
    body: Mapping[str, Any],
    titles: Mapping[str, str],
    commit: Commit,
    offered: list[dict[str, str]],
    more: Sequence[dict[str, Any]] = (),
) -> str:
    """One page. `body` is what pandoc wrote for the chapter, `titles` every chapter's title by its path.

    `more` are groups of pages that follow the book's own in the contents.
    """
    template = "landing.html" if chapter.url == "index.html" else "page.html"
    return (
        _environment()
        .get_template(template)
        .render(
            **_shared(project, titles, commit, offered, more),
            page=_page(project, chapter, body, titles, commit),
        )
    )


def not_found(
    project: Project, titles: Mapping[str, str], commit: Commit, more: Sequence[dict[str, Any]] = ()
) -> str:
    """The page that a server shows for an address that is not there."""
    page = {"url": "404.html", "root": "", "title": "Page not found"}
    return (
        _environment()
        .get_template("notfound.html")
        .render(**_shared(project, titles, commit, [], more), page=page)
    )


def _shared(
    project: Project,
    titles: Mapping[str, str],
    commit: Commit,
    offered: list[dict[str, str]],
    more: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    book = project.book
    return {
        "book": {
            "title": project.title,
            "subtitle": book.get("subtitle"),
            "description": book.get("description"),
            "authors": project.authors,
            "lang": project.language,
            "cover": cover(project),
        },
        "parts": [*_contents(project, titles), *more],
        "downloads": offered,
        "commit": commit.name,
        "date": commit.date,
    }


def _contents(project: Project, titles: Mapping[str, str]) -> list[dict[str, Any]]:
    groups = []
    for part, chapters in project.parts:
        shown = [
            {
                "number": c.number,
                "title": titles[c.path],
                "url": c.url,
                "outline": c.outline,
                "partial": c.source.front.get("status") == "partial",
            }
            for c in chapters
            if c.url != "index.html"
        ]
        after = not part and any(c.kind in ("appendix", "back") for c in chapters)
        title = part.title if part else "After the chapters" if after else ""
        if shown:
            groups.append({"number": part.roman if part else "", "title": title, "chapters": shown})
    return groups


def _page(
    project: Project, chapter: Chapter, body: Mapping[str, Any], titles: Mapping[str, str], commit: Commit
) -> dict[str, Any]:
    order = list(project.chapters)
    at = [c.path for c in order].index(chapter.path)

    def turn(index: int) -> dict[str, str] | None:
        if not 0 <= index < len(order):
            return None
        other = order[index]
        return {"number": other.number, "title": titles[other.path], "url": other.url}

    words = len(re.sub(r"<[^>]*>", " ", body["body"]).split())
    root = "../" * chapter.url.count("/")
    part = "Appendix" if chapter.kind == "appendix" else part_name(chapter.part)
    return {
        "title": titles[chapter.path],
        "label": body["label"],
        "number": chapter.number,
        "part": part,
        "dek": chapter.source.front.get("dek"),
        "body": body["body"],
        "toc": body["toc"],
        "url": chapter.url,
        "root": root,
        "prev": turn(at - 1),
        "next": turn(at + 1),
        "minutes": math.ceil(words / WORDS_A_MINUTE) if chapter.number and not chapter.outline else None,
        "executed": commit.date if chapter.source.cells or chapter.source.inlines else None,
        "checked": facts_checked(project, chapter),
        "notebook": f"{chapter.stem}.ipynb" if chapter.source.cells else None,
        "markdown": f"{chapter.stem}.md",
        "status": chapter.source.front.get("status"),
        "description": body["description"] or None,
        "strip": {tone: root + name for tone, name in strip(project, chapter).items()} or None,
    }


def facts_checked(project: Project, chapter: Chapter) -> str | None:
    """The day on which the oldest of the facts that the chapter reads was checked, as `24 November 2026`."""
    code = [cell.code for cell in chapter.source.cells] + [one.expression for one in chapter.source.inlines]
    keys = {key for text in code for key in FACT.findall(text)}
    if not keys:
        return None
    known = load_facts(project.root)
    days = sorted(date.fromisoformat(known[key].checked) for key in keys if key in known)
    return f"{days[0].day} {days[0]:%B %Y}" if days else None


def cover(project: Project) -> str | None:
    """The cover as the landing page shows it: the drawing beside the plan's cover image, if there is one."""
    name = project.book.get("cover-image")
    if not name:
        return None
    drawing = Path(str(name)).with_suffix(".svg")
    return drawing.as_posix() if (project.root / drawing).is_file() else str(name)


def strip(project: Project, chapter: Chapter) -> dict[str, str]:
    """The drawing at the chapter's opening, light and dark, from the book's root; empty without one."""
    first = chapter.stem.partition("-")[0]
    names = {tone: f"figures/strips/{first}-{tone}.svg" for tone in ("light", "dark")}
    return names if all((project.root / name).is_file() for name in names.values()) else {}


def downloads(project: Project, out: Path) -> list[dict[str, str]]:
    """The other editions that stand in `out`, with their sizes."""
    return [
        {"name": kind.upper(), "url": place.name, "size": size_in_words(place.stat().st_size)}
        for kind in ("pdf", "epub")
        if (place := out / f"{project.stem}.{kind}").is_file()
    ]


def site(
    project: Project,
    bodies: Mapping[str, Path],
    titles: Mapping[str, str],
    commit: Commit,
    cache_: Path,
    out: Path,
) -> None:
    """Write the whole site to `out`, which may hold the other editions already. Raises OSError, ToolError."""
    offered = downloads(project, out)
    pages = {chapter.path: json.loads(bodies[chapter.path].read_bytes()) for chapter in project.chapters}
    shown = status.read(project, commit.iso, cache_)
    more = status.group(shown)
    written: dict[str, str] = {"404.html": not_found(project, titles, commit, more)}
    template = _environment().get_template("page.html")
    for at in range(len(shown)):
        page = status.page(shown, at, commit.iso)
        written[page["url"]] = template.render(**_shared(project, titles, commit, offered, more), page=page)
    for name, data in status.files(shown).items():
        _write(out / name, data)
    media = {name for name in [cover(project)] if name}
    for chapter in project.chapters:
        body = pages[chapter.path]
        written[chapter.url] = render(project, chapter, body, titles, commit, offered, more)
        media |= {*body["images"], *body["audio"], *strip(project, chapter).values()}
        if chapter.source.cells:
            _write(out / Path(chapter.url).with_suffix(".ipynb"), notebook(chapter))
    for name, text in written.items():
        _write(out / name, text.encode())
    for name in sorted(media):
        copy(project.root / name, out / CELL_FIGURES.sub("figures/cells/", name))
    for path in sorted((THEME / "site").rglob("*")):
        if path.is_file():
            copy(path, out / "assets" / path.relative_to(THEME / "site"))
    twins.write(project, pages, titles, cache_, out)
    _search(written, cache_ / "search", out)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _search(pages: Mapping[str, str], kept: Path, out: Path) -> None:
    """The search index of the pages, from the cache when no page has changed."""
    from importlib.metadata import version

    from pagefind_bin import get_executable

    place = kept / digest(version("pagefind_bin"), dict(pages))
    if not place.is_dir():
        made = out / "pagefind"
        run = subprocess.run(
            [str(get_executable()), "--site", str(out), "--quiet", "--root-selector", "main"],
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode:
            raise ToolError("pagefind", run.returncode, (run.stderr or run.stdout).strip())
        new = place.with_name(f"{place.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        shutil.copytree(made, new)
        new.replace(place)
        return
    shutil.copytree(place, out / "pagefind")
