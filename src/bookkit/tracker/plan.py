"""The plan: `tracker/book.yml`, which holds only what a person decides."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import fastjsonschema

from bookkit.checks.anatomy import WORDS
from bookkit.manuscript import Chapter, Finding, ManuscriptError, Project
from bookkit.manuscript.files import read_text
from bookkit.tracker.lines import Keys, Marked, read

PLAN = "tracker/book.yml"
SCHEMA = "tracker/book.schema.json"
COMPLETE, BLOCKED = "complete", "blocked"


@dataclass(frozen=True)
class Diagram:
    """A planned figure: what it shows, and the label of the figure that does, empty until there is one."""

    shows: str
    label: str


@dataclass(frozen=True)
class ChapterPlan:
    """What is planned for one chapter. `words` is the least and the most."""

    path: str
    work: str
    words: tuple[int, int]
    research: tuple[str, ...]
    experiments: tuple[str, ...]
    diagrams: tuple[Diagram, ...]


@dataclass(frozen=True)
class Piece:
    """A piece of work. `claim` is what a person says of it: complete, blocked or nothing."""

    name: str
    title: str
    scope: str
    after: tuple[str, ...]
    checklist: tuple[str, ...]
    claim: str
    reason: str
    note: str
    chapters: tuple[str, ...]

    @property
    def number(self) -> int:
        """7 for PR7."""
        return int(self.name.removeprefix("PR"))


@dataclass(frozen=True)
class Plan:
    """The plan of a book; `pieces` and `chapters` are in the order of work and of reading."""

    approvers: tuple[str, ...]
    targets: Mapping[str, int]
    pieces: Mapping[str, Piece]
    chapters: Mapping[str, ChapterPlan]
    marked: Marked

    def piece(self, name: str) -> Piece:
        """The piece `name`. Raises ManuscriptError naming those there are."""
        found = self.pieces.get(name.upper())
        if found is None:
            remedy = f"Name one of {', '.join(self.pieces)}."
            raise ManuscriptError(Finding(PLAN, 0, "piece", f"there is no piece of work {name}", remedy))
        return found


def load_plan(project: Project) -> Plan:
    """Read and check the plan of `project`. Raises ManuscriptError with everything that is wrong with it."""
    marked = read(read_text(project.root, PLAN), PLAN)
    try:
        _validator((project.root / SCHEMA).read_text("utf-8") if (project.root / SCHEMA).is_file() else "")(
            marked.data
        )
    except fastjsonschema.JsonSchemaValueException as error:
        raise ManuscriptError(_schema_finding(marked, error)) from error
    found = list(_contradictions(marked, project))
    if found:
        raise ManuscriptError(found)
    return _plan(marked, project)


@functools.lru_cache(maxsize=2)
def _validator(schema: str) -> Callable[[Any], Any]:
    if not schema:
        raise ManuscriptError(Finding(SCHEMA, 0, "file", "the schema is not there", "Restore it from git."))
    return fastjsonschema.compile(json.loads(schema), use_default=False)


def _schema_finding(marked: Marked, error: Any) -> Finding:
    path = [str(part) for part in error.path[1:]]
    keys: Keys = tuple(int(part) if part.isdigit() else part for part in path)
    text = str(error.message).removeprefix("data").removeprefix("." + ".".join(path)).strip()
    value = error.value if isinstance(error.value, (str, int, float)) else None
    said = f"{'.'.join(path) or 'the file'} {text}" + (f", not {value!r}" if value is not None else "")
    extra = re.search(r"must not contain (\{.*\}) properties", text)
    if extra:
        names = re.findall(r"'([^']+)'", extra[1])
        keys = (*keys, names[0])
        said = f"`{names[0]}` is no key of {'.'.join(path) or 'the file'}"
    known = error.rule_definition if error.rule == "enum" else None
    remedy = (
        f"Write one of: {', '.join(map(str, known))}." if known else f"{SCHEMA} says what may stand here."
    )
    return marked.finding(keys, "plan", said, remedy)


def _contradictions(marked: Marked, project: Project) -> Iterator[Finding]:
    work, chapters = marked.data["work"], marked.data["chapters"]
    here = {chapter.path: chapter for chapter in _planned(project)}
    for place, name in enumerate(work, 1):
        if name != f"PR{place}":
            remedy = "Number the pieces PR1, PR2 and so on, in the order of work."
            yield marked.finding(("work", name), "plan", f"{name} stands at place {place}", remedy)
    for path, plan in chapters.items():
        if path not in here:
            remedy = "Mend the name, or list the chapter in _quarto.yml."
            yield marked.finding(("chapters", path), "plan", f"{path} is no chapter of the book", remedy)
        if plan["work"] not in work:
            message = f"{path} belongs to {plan['work']}, which is no piece of work"
            yield marked.finding(
                ("chapters", path, "work"), "plan", message, f"Name one of {', '.join(work)}."
            )
        low, high = plan.get("words", (0, 0))
        if low > high:
            message = f"words of {path}: {low} is more than {high}"
            yield marked.finding(("chapters", path, "words"), "plan", message, "Write [least, most].")
        labels = [diagram["label"] for diagram in plan.get("diagrams", []) if "label" in diagram]
        for label in sorted({label for label in labels if labels.count(label) > 1}):
            message = f"two planned diagrams of {path} have the label {label}"
            yield marked.finding(("chapters", path, "diagrams"), "plan", message, "Give each its own.")
    for path in here:
        if path not in chapters:
            remedy = "Add it under `chapters:` with its piece of work."
            yield marked.finding(("chapters",), "plan", f"{path} has no plan", remedy)
    for name, piece in work.items():
        if piece.get("status") == BLOCKED and not piece.get("reason"):
            remedy = "Add `reason:`: why, and what would unblock it."
            yield marked.finding(
                ("work", name, "status"), "plan", f"{name} is blocked without a reason", remedy
            )
        if piece.get("status") != BLOCKED and piece.get("reason"):
            remedy = "Remove the reason, or write `status: blocked`."
            yield marked.finding(
                ("work", name, "reason"), "plan", f"{name} has a reason and no block", remedy
            )
        for other in piece.get("after", []):
            if other not in work:
                message = f"{name} comes after {other}, which is no piece of work"
                yield marked.finding(
                    ("work", name, "after"), "plan", message, f"Name one of {', '.join(work)}."
                )
        own = [here[path] for path, plan in chapters.items() if plan["work"] == name and path in here]
        if not piece.get("title") and not (len(own) == 1 and own[0].number):
            remedy = "Add `title:`."
            yield marked.finding(
                ("work", name), "plan", f"{name} is not one chapter and has no title", remedy
            )
    if circle := _circle(work):
        message, remedy = f"{' after '.join(circle)}: a circle", "Take one of these out of `after:`."
        yield marked.finding(("work", circle[0], "after"), "plan", message, remedy)


def _circle(work: Mapping[str, Any]) -> list[str]:
    """Pieces that wait for one another, the first at both ends; empty when there are none."""
    done: set[str] = set()

    def walk(name: str, way: list[str]) -> list[str]:
        if name in way:
            return [*way[way.index(name) :], name]
        if name in done:
            return []
        for other in work.get(name, {}).get("after", []):
            if found := walk(other, [*way, name]):
                return found
        done.add(name)
        return []

    return next((found for name in work if (found := walk(name, []))), [])


def _planned(project: Project) -> list[Chapter]:
    """The chapters that need an author: all but the landing page and the bibliography."""
    return [chapter for chapter in project.chapters if chapter.number or chapter.path.startswith("chapters/")]


def _plan(marked: Marked, project: Project) -> Plan:
    data = marked.data
    chapters: dict[str, ChapterPlan] = {}
    titles: dict[str, list[Chapter]] = {name: [] for name in data["work"]}
    for chapter in _planned(project):
        plan = data["chapters"][chapter.path]
        titles[plan["work"]].append(chapter)
        low, high = plan.get("words", WORDS)
        diagrams = tuple(
            Diagram(one["shows"].strip(), one.get("label", "")) for one in plan.get("diagrams", [])
        )
        research = tuple(plan.get("research", []))
        experiments = tuple(text.strip() for text in plan.get("experiments", []))
        chapters[chapter.path] = ChapterPlan(
            chapter.path, plan["work"], (low, high), research, experiments, diagrams
        )
    pieces = {}
    for name, piece in data["work"].items():
        own = titles[name]
        title = piece.get("title") or f"Chapter {own[0].number}: {own[0].title}"
        texts = {key: " ".join(str(piece.get(key, "")).split()) for key in ("scope", "reason", "note")}
        pieces[name] = Piece(
            name=name,
            title=title,
            after=tuple(piece.get("after", [])),
            checklist=tuple(text.strip() for text in piece.get("checklist", [])),
            claim=piece.get("status", ""),
            chapters=tuple(chapter.path for chapter in own),
            **texts,
        )
    return Plan(tuple(data["approvers"]), data["targets"], pieces, chapters, marked)


def with_claim(text: str, name: str, status: str, note: str) -> str:
    """The text of the plan with `status` (and `note`, unless empty) of piece `name`; every other line stays.

    Raises ValueError when the text is laid out in a way that this cannot edit.
    """
    found = re.search(rf"^(  ){name}:[ \t]*\n((?:(?:    .*|[ \t]*)\n?)*)", text, re.M)
    if not found:
        raise ValueError(f"{PLAN}: {name} is not a block of its own under `work:`")
    body = _without(found[2], "status", "reason")
    if note:
        body = _without(body, "note")
    quoted = json.dumps(note, ensure_ascii=False)
    head = f"    status: {status}\n" + (f"    note: {quoted}\n" if note else "")
    changed = text[: found.start(2)] + head + body + text[found.end() :]
    before, after = read(text, PLAN).data, read(changed, PLAN).data
    expected = {key: value for key, value in before["work"][name].items() if key not in ("status", "reason")}
    expected |= {"status": status} | ({"note": note} if note else {})
    if after["work"][name] != expected or _rest(before, name) != _rest(after, name):
        raise ValueError(f"{PLAN}: {name} is written in a way that cannot be edited; add `status: {status}`")
    return changed


def _without(body: str, *keys: str) -> str:
    """A piece's lines without some of its keys and what is indented below them."""
    for key in keys:
        body = re.sub(rf"^    {key}:.*\n(?:     +.*\n|[ \t]*\n(?=     ))*", "", body, flags=re.M)
    return body


def _rest(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {**data, "work": {key: value for key, value in data["work"].items() if key != name}}
