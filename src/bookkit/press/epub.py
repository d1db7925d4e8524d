"""The EPUB edition: pandoc's EPUB 3, finished so that one commit always gives the same bytes."""

from __future__ import annotations

import uuid
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bookkit.manuscript import Project
from bookkit.press.commit import Commit
from bookkit.press.files import copy
from bookkit.press.numbering import Numbering
from bookkit.press.pandoc import EXTENSION, Pandoc, Parsed, digest, file_digest, part_name

THEME = Path(__file__).parent / "theme" / "epub"


def write(
    project: Project,
    pandoc: Pandoc,
    parsed: Mapping[str, Parsed],
    numbering: Numbering,
    commit: Commit,
    out: Path,
) -> None:
    """Write the book as one EPUB file. Raises ToolError, OSError."""
    meta = _meta(project, commit)
    picture = meta["cover-image"]
    key = digest(
        pandoc.tools,
        meta,
        numbering.xref,
        numbering.headings,
        [one.digest for one in parsed.values()],
        [(c.path, c.kind, c.number, part_name(c.part), dict(c.source.front)) for c in project.chapters],
        pandoc.media(parsed.values()),
        file_digest(project.root / picture) if picture else "",
        [(path.name, file_digest(path)) for path in _theme_files()],
        file_digest(Path(__file__)),
    )
    place = pandoc.cache / "epub" / f"{key}.epub"
    if not place.is_file():
        raw = place.with_suffix(".raw")
        try:
            pandoc.epub(parsed, numbering, meta, raw)
            finish(raw, place, commit)
        finally:
            raw.unlink(missing_ok=True)
    copy(place, out / f"{project.stem}.epub")


def _theme_files() -> list[Path]:
    return sorted([*THEME.glob("*"), *EXTENSION.glob("fonts/*.ttf")])


def _meta(project: Project, commit: Commit) -> dict[str, Any]:
    book = project.book
    formats = project.config.get("format")
    own = formats.get("epub") if isinstance(formats, dict) else None
    named = (own or {}).get("identifier") or book.get("identifier")
    return {
        "title": project.title,
        "subtitle": book.get("subtitle"),
        "author": project.authors,
        "description": book.get("description"),
        "lang": project.language,
        "date": commit.iso,
        "identifier": named or f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, project.stem)}",
        "cover-image": book.get("cover-image"),
        "cover-alt": book.get("cover-image-alt"),
        "epoch": commit.epoch,
    }


def finish(raw: Path, place: Path, commit: Commit) -> None:
    """Copy an EPUB with the commit's date on every entry, the media type first, the rest in order.

    Clips get the ending .mp3, by which readers and their systems know them; pandoc calls them .mpega.
    """
    when = max(datetime.fromtimestamp(commit.epoch, UTC), datetime(1980, 1, 1, tzinfo=UTC)).timetuple()[:6]
    new = place.with_suffix(".new")
    try:
        with zipfile.ZipFile(raw) as old, zipfile.ZipFile(new, "w") as book:
            for name in sorted(old.namelist(), key=lambda name: (name != "mimetype", name)):
                content = old.read(name)
                if name.endswith((".opf", ".xhtml")):
                    content = content.replace(b".mpega", b".mp3")
                entry = zipfile.ZipInfo(name.replace(".mpega", ".mp3"), when)
                entry.compress_type = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                book.writestr(entry, content)
        new.replace(place)
    finally:
        new.unlink(missing_ok=True)
