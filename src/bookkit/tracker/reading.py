"""What a chapter holds, as far as the tracker asks: read once for each state of its text, then kept."""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bookkit import checks, manuscript
from bookkit.checks.anatomy import anatomy
from bookkit.checks.facts import calls
from bookkit.checks.labels import KIND, anchors, labels, references
from bookkit.checks.page import Node, Page, attr_of, nodes, read_all
from bookkit.checks.prose.numbers import ASSUMED, NUMBER
from bookkit.checks.prose.passage import CITED, Passage, passages, word_count
from bookkit.manuscript import Chapter, Project, Source
from bookkit.tracker.files import write_safely

KEPT = ".cache/tracker/readings"
KEPT_AT_MOST = 400
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|TBD|XXX)\b|\bTK\b")


@dataclass(frozen=True)
class Picture:
    """A labelled figure: whether a cell draws it, whether everything in it has alt text, its files."""

    label: str
    computed: bool
    alt: bool
    files: tuple[str, ...]


@dataclass(frozen=True)
class Reading:
    """One chapter. Counts are of the text as written; `numbers` counts the numbers by their origin,
    `citations` how often each work is cited. `given` has a label and its place for each one that is given.

    `faults` is what the anatomy of a finished chapter still lacks, a line each; empty for an outline.
    """

    digest: str
    status: str
    dek: bool
    words: int
    sections: tuple[str, ...]
    faults: tuple[str, ...]
    unfinished: tuple[str, ...]
    labels: tuple[str, ...]
    given: tuple[str, ...]
    references: tuple[str, ...]
    citations: Mapping[str, int]
    pictures: tuple[Picture, ...]
    files: tuple[str, ...]
    clips: int
    interactive: int
    exercises: int
    facts: tuple[str, ...]
    records: tuple[str, ...]
    numbers: Mapping[str, int]

    @property
    def figures(self) -> dict[str, Picture]:
        """The labelled figures by label."""
        return {picture.label: picture for picture in self.pictures}


def read_chapters(project: Project, chapters: list[Chapter]) -> dict[str, Reading]:
    """The readings of `chapters` by path. Unchanged chapters come from the cache below KEPT."""
    places = {chapter.path: _place(project, chapter.source) for chapter in chapters}
    found = {path: reading for path, place in places.items() if (reading := _kept(place))}
    missing = [chapter for chapter in chapters if chapter.path not in found]
    for page in read_all((chapter.source, chapter.kind) for chapter in missing):
        found[page.path] = reading = read_page(page)
        write_safely(places[page.path], json.dumps(asdict(reading), ensure_ascii=False) + "\n")
    if missing:
        _prune(project.root / KEPT)
    return {path: found[path] for path in places}  # in the book's order, whatever came from the cache


def read_page(page: Page) -> Reading:
    """The reading of one page."""
    prose = passages(page)
    asked = [(name, arguments) for _, _, name, arguments in calls(page) if arguments]
    pictures = tuple(_pictures(page))
    clips = page.divs("audio")
    media = [*(name for picture in pictures for name in picture.files)]
    media += [node["c"][2][0] for node in page.of("Image")]
    media += [
        attr_of(clip).pairs[key] for clip in clips for key in ("src", "picture") if key in attr_of(clip).pairs
    ]
    return Reading(
        digest=text_digest(page.source),
        status=str(page.source.front.get("status") or ""),
        dek=bool(str(page.source.front.get("dek") or "").strip()),
        words=word_count(page),
        sections=tuple(heading.text for heading in page.source.headings if heading.level == 2),
        faults=tuple(f"{fault.path}:{fault.line}: {fault.message}" for fault in anatomy(page)),
        unfinished=tuple(_unfinished(page)),
        labels=tuple(dict.fromkeys([*(label.id for label in labels(page)), *sorted(anchors(page))])),
        given=tuple(f"{one.id} {one.path}:{one.line}" for one in labels(page) if one.kind),
        references=tuple(dict.fromkeys(references(page))),
        citations=dict(Counter(_citations(page))),
        pictures=pictures,
        files=tuple(dict.fromkeys(name for name in media if not re.match(r"(?:https?:)?//|data:", name))),
        clips=len(clips),
        interactive=len(page.divs("slider-figure")),
        exercises=sum(attr_of(node).id.startswith("exr-") for node in page.of("Div")),
        facts=tuple(sorted({arguments[0] for name, arguments in asked if name == "fact"})),
        records=tuple(
            sorted({arguments[0] for name, arguments in asked if name in ("measured", "result", "card")})
        ),
        numbers=_numbers(page, prose),
    )


def text_digest(source: Source) -> str:
    """SHA-256 of a chapter's text with the files that it includes."""
    text = source.front_raw + "".join(piece.raw for piece in source.flat())
    return hashlib.sha256(text.encode()).hexdigest()


def content_digest(root: Path, chapter: Chapter, reading: Reading) -> str:
    """SHA-256 of what a reviewer has seen: the chapter's text, its includes, its pictures and its clips."""
    whole = hashlib.sha256(reading.digest.encode())
    for name in sorted(reading.files):
        path = media_path(root, chapter.path, name)
        whole.update(f"\n{name} ".encode())
        whole.update(hashlib.sha256(path.read_bytes()).digest() if path.is_file() else b"missing")
    return whole.hexdigest()


def media_path(root: Path, chapter: str, name: str) -> Path:
    """The file of a picture or clip: names that begin with / start at the book's root."""
    return root / name.lstrip("/") if name.startswith("/") else root / Path(chapter).parent / name


def _pictures(page: Page) -> Iterator[Picture]:
    inside: set[int] = set()
    for node in page.of("Div", "Figure", "Image"):
        attr = attr_of(node)
        if not attr.id.startswith("fig-") or id(node) in inside:
            continue
        images = [one for one in nodes(node) if one["t"] == "Image"]
        inside |= {id(one) for one in images}
        held = [cell for one in nodes(node) if one["t"] == "CodeBlock" and (cell := page.cell(one))]
        drawn = [cell for cell in held if "fig-alt" in cell.options]
        spoken = [_alt(one) for one in images] + [str(cell.options["fig-alt"]) for cell in drawn]
        own = attr.pairs.get("fig-alt") or attr.pairs.get("alt") or ""
        alt = bool(own.strip()) or (bool(spoken) and all(text.strip() for text in spoken))
        computed = bool(drawn) or bool(held and not images)
        yield Picture(attr.id, computed, alt, tuple(one["c"][2][0] for one in images))
    for cell in page.source.cells:
        if cell.label.startswith("fig-"):
            yield Picture(cell.label, True, bool(str(cell.options.get("fig-alt", "")).strip()), ())


def _alt(image: Node) -> str:
    pairs = attr_of(image).pairs
    return pairs.get("fig-alt") or pairs.get("alt") or ""


def _citations(page: Page) -> Iterator[str]:
    for node in page.of("Cite"):
        for cite in node["c"][0]:
            if not KIND.match(cite["citationId"]):
                yield str(cite["citationId"])


def _unfinished(page: Page) -> Iterator[str]:
    """Places that say themselves that they are not finished, in comments as in prose."""
    for comment in page.source.comments:
        if UNFINISHED.search(comment.text):
            yield f"{comment.path}:{comment.line}: {' '.join(comment.text.split())[:60]}"
    for path, line, text in page.source.prose_lines():
        if UNFINISHED.search(text):
            yield f"{path}:{line}: {text.strip()[:60]}"


def _numbers(page: Page, prose: list[Passage]) -> dict[str, int]:
    """Numbers by origin: computed, measured and reported by a call, cited and assumed in the text."""
    count = dict.fromkeys(("computed", "measured", "reported", "cited", "assumed"), 0)
    for inline in page.source.inlines:
        for name, origin in (("measured", "measured"), ("fact", "reported"), ("computed", "computed")):
            if re.match(rf"(?:\w+\.)?{name}\(", inline.expression):
                count[origin] += 1
                break
        else:
            count["computed"] += 1
    for passage in prose:
        if passage.kind not in ("text", "table", "caption"):
            continue
        for _, sentence in passage.sentences():
            origin = "assumed" if ASSUMED.search(sentence.strip()) else "cited" if CITED in sentence else ""
            if origin:
                count[origin] += len(NUMBER.findall(sentence))
    return count


@functools.cache
def _tool() -> str:
    """Digest of the code that reads chapters: what it kept under older code is read again."""
    folders = [Path(str(module.__file__)).parent for module in (manuscript, checks)]
    files = [path for folder in folders for path in sorted(folder.rglob("*.py"))] + [Path(__file__)]
    whole = hashlib.sha256()
    for path in files:
        whole.update(path.read_bytes())
    return whole.hexdigest()[:16]


def _place(project: Project, source: Source) -> Path:
    name = hashlib.sha256(f"{_tool()} {source.path} {text_digest(source)}".encode()).hexdigest()
    return project.root / KEPT / f"{name[:32]}.json"


def _kept(place: Path) -> Reading | None:
    try:
        data: dict[str, Any] = json.loads(place.read_text("utf-8"))
        pictures = tuple(Picture(**{**one, "files": tuple(one["files"])}) for one in data.pop("pictures"))
        lists = {key: tuple(value) for key, value in data.items() if isinstance(value, list)}
        return Reading(**{**data, **lists, "pictures": pictures})
    except (OSError, ValueError, TypeError, KeyError):
        return None  # not there, or written by a build that was cut: it is read again


def _prune(folder: Path) -> None:
    kept = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in kept[KEPT_AT_MOST:]:
        path.unlink(missing_ok=True)
