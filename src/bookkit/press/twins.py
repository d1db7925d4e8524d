"""A Markdown twin of every page, and `llms.txt`, which lists them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pypandoc

from bookkit.manuscript import Project
from bookkit.press.files import ToolError, write_if_new
from bookkit.press.pandoc import LUA, digest, file_digest, part_name


def write(
    project: Project,
    pages: Mapping[str, Mapping[str, Any]],
    titles: Mapping[str, str],
    cache: Path,
    out: Path,
) -> None:
    """Write the twins beside the pages in `out`. `pages` is what pandoc wrote for each chapter."""
    tool = file_digest(LUA / "twins.lua")
    places: dict[str, Path] = {}
    stale = []
    for path, page in pages.items():
        places[path] = cache / "twins" / f"{digest(page['body'], tool)}.md"
        if not places[path].is_file():
            body = places[path].with_suffix(".html")
            write_if_new(body, page["body"].encode())
            stale.append({"body": str(body), "out": str(places[path].with_suffix(".new"))})
    if stale:
        job = cache / "jobs" / "twins.json"
        write_if_new(job, json.dumps({"pages": stale}).encode())
        run = subprocess.run(
            [pypandoc.get_pandoc_path(), "lua", str(LUA / "twins.lua"), str(job)],
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode:
            raise ToolError("pandoc", run.returncode, run.stderr.strip())
        for one in stale:
            Path(one["out"]).replace(Path(one["out"]).with_suffix(".md"))
            Path(one["body"]).unlink()
    for chapter in project.chapters:
        head = f"# {chapter.number}{' ' if chapter.number else ''}{titles[chapter.path]}\n\n"
        dek = chapter.source.front.get("dek")
        text = head + (f"*{dek}*\n\n" if dek else "") + places[chapter.path].read_text("utf-8")
        target = out / Path(chapter.url).with_suffix(".md")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
    (out / "llms.txt").write_text(_list(project, titles), "utf-8")


def _list(project: Project, titles: Mapping[str, str]) -> str:
    lines = [f"# {project.title}", ""]
    if description := project.book.get("description"):
        lines += [f"> {description}", ""]
    for part, chapters in project.parts:
        after = any(chapter.kind in ("appendix", "back") for chapter in chapters)
        if part or after:
            lines += ["", f"## {part_name(part) or 'After the chapters'}", ""]
        for chapter in chapters:
            name = f"{chapter.number} {titles[chapter.path]}".strip()
            note = "outline, not yet written" if chapter.outline else chapter.source.front.get("dek", "")
            lines.append(
                f"- [{name}]({Path(chapter.url).with_suffix('.md').as_posix()}){f': {note}' if note else ''}"
            )
    return "\n".join(lines) + "\n"
