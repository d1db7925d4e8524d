"""Claims against evidence: a right book passes, and each flip of a claim or of a piece of evidence is found."""

# ruff: noqa: E501 (one case a line)
from __future__ import annotations

from collections.abc import Callable

import pytest

from bookkit.tracker.actions import update
from bookkit.tracker.check import check, validation
from bookkit.tracker.evidence import read_book
from tracker.small import CHAPTER, OUTLINE, SENTENCE, Tracked, damaged

PLAN, LEDGER, TOPIC = "tracker/book.yml", "sources/ledger.yml", "tracker/research/01-waiting.md"
APPROVALS, HISTORY = "tracker/approvals.yml", "tracker/history.jsonl"

GENERATED = ("tracker/PROGRESS_TRACKER.md", "WORKS_CITED.md")

Flip = Callable[[Tracked], object]


def edit(path: str, old: str, new: str) -> Flip:
    return lambda book: book.edit(path, old, new, 1)


def remove(path: str) -> Flip:
    return lambda book: (book.root / path).unlink()


# What is flipped, and the words by which `check` has to name the row.
FLIPS: dict[str, tuple[Flip, str]] = {
    # claims
    "a piece claimed before its chapter is written": (edit(PLAN, "scope: The second chapter.", "scope: The second chapter.\n    status: complete"), "PR3 is claimed complete, and chapter 2, Draft"),
    "a piece claimed before the one that it follows": (edit(PLAN, "    status: complete\n    note", "    note"), ""),
    "the first piece no longer claimed": (edit(PLAN, "    scope: Outlines of everything.\n    status: complete", "    scope: Outlines of everything."), "PR2 is claimed complete, and PR1 comes before it"),
    "fewer words allowed": (edit(PLAN, "work: PR2\n", "work: PR2\n    words: [100, 200]\n"), "chapter 1, Draft: "),
    "more words asked for": (edit(PLAN, "work: PR2\n", "work: PR2\n    words: [9000, 9900]\n"), "chapter 1, Draft: "),
    "a topic that nobody has written": (edit(PLAN, "research: [01-waiting]", "research: [01-waiting, 02-queues]"), "chapter 1, Research: the research notes"),
    "a planned diagram without a figure": (edit(PLAN, "      - {shows: The queue, label: fig-queue}", "      - {shows: The queue}"), "chapter 1, Diagrams: planned diagram “The queue”"),
    "a planned diagram with another label": (edit(PLAN, "label: fig-queue", "label: fig-queues"), "chapter 1, Diagrams: the chapter has no figure fig-queues"),
    "one more planned diagram": (edit(PLAN, "      - {shows: The queue,", "      - {shows: Another}\n      - {shows: The queue,"), "chapter 1, Diagrams: planned diagram “Another”"),
    "the reviewer may no longer approve": (edit(PLAN, "[Test Reviewer]", "[Somebody Else]"), "chapter 1, Review: approved by Test Reviewer, who may not approve"),
    "an approval in another name": (edit(APPROVALS, "by: Test Reviewer", "by: Steve"), "chapter 1, Review: approved by Steve, who may not approve"),
    "an approval of other content": (lambda book: book.write(APPROVALS, book.read(APPROVALS).split("digest")[0] + f'digest: "{"0" * 64}"\n'), "chapter 1, Review: changed since review"),
    "an approval of no chapter": (edit(APPROVALS, CHAPTER, "chapters/09-none.qmd"), "chapters/09-none.qmd is no chapter"),
    # the chapter
    "an edit after approval": (edit(CHAPTER, "The limit is", "Its limit is"), "chapter 1, Review: changed since review"),
    "a picture changed after approval": (lambda book: book.write("figures/wait.svg", "<svg xmlns='http://www.w3.org/2000/svg'><g/></svg>"), "chapter 1, Review: changed since review"),
    "a figure deleted": (edit(CHAPTER, '![**It waits.** Read it from left to right.](/figures/queue.svg){#fig-queue fig-alt="A line that rises."}', ""), "chapter 1, Diagrams: planned diagram “The queue”: the chapter has no figure fig-queue"),
    "the picture's file deleted": (remove("figures/queue.svg"), "chapter 1, Diagrams: planned diagram “The queue”: the file /figures/queue.svg is not there"),
    "a figure without alt text": (edit(CHAPTER, '{#fig-queue fig-alt="A line that rises."}', "{#fig-queue}"), "chapter 1, Diagrams: planned diagram “The queue”: fig-queue has no alt text"),
    "a figure that no sentence refers to": (edit(CHAPTER, "As @fig-queue shows", "As it shows"), "chapter 1, Diagrams: planned diagram “The queue”: no sentence refers to fig-queue"),
    "the prose cut": (lambda book: book.write(CHAPTER, book.read(CHAPTER).replace(SENTENCE * 50, SENTENCE)), "chapter 1, Draft: "),
    "a broken reference": (edit(CHAPTER, "@sec-second", "@sec-third"), "chapter 1, Draft: @sec-third refers to nothing"),
    "an outline mark": (edit(CHAPTER, 'dek: "One sentence."', 'dek: "One sentence."\nstatus: partial'), "chapter 1, Draft: the front matter says `status: partial`"),
    "the chapter an outline again": (edit(CHAPTER, 'dek: "One sentence."', 'dek: "One sentence."\nstatus: outline'), "chapter 1, Draft: the chapter is an outline"),
    "a place left open": (edit(CHAPTER, "<!-- the measured limit -->", "<!-- TODO measure the limit -->"), "chapter 1, Draft: unfinished"),
    "the pitfalls removed": (edit(CHAPTER, "::: {.pitfalls}\nNone.\n:::", ""), "chapter 1, Draft: chapters/01-first.qmd:"),
    "too few exercises": (lambda book: book.write(CHAPTER, book.read(CHAPTER).replace("#exr-4", "#task-4")), "3 exercises"),
    "no dek": (edit(CHAPTER, 'dek: "One sentence."', 'dek: ""'), "chapter 1, Outline: the front matter has no `dek`"),
    "a citation of nothing": (edit(CHAPTER, "One [@one].", "One [@two]."), "chapter 1, Draft: chapters/01-first.qmd cites two, which is in no bibliography"),
    "an unknown fact": (edit(CHAPTER, 'fact("limit")', 'fact("height")'), "chapter 1, Draft: no fact has the key height"),
    "a figure's label given twice": (edit(CHAPTER, "#fig-queue fig-alt", "#fig-wait fig-alt"), "the label fig-wait is given twice"),
    "a figure's label given again in another chapter": (edit(OUTLINE, "Here.", '![**Again.** It.](/figures/wait.svg){#fig-wait fig-alt="A line."}'), "the label fig-wait is given twice"),
    # what surrounds it
    "a record deleted": (remove("labs/results/waits.json"), "chapter 1, Draft: the lab waits has no record"),
    "a day of reading taken out of the ledger": (edit(LEDGER, "read: 2026-01-02", "read: some day"), "chapter 1, Draft: chapters/01-first.qmd cites one, for which sources/ledger.yml has no day"),
    "a day of reading changed in the ledger": (edit(LEDGER, "read: 2026-01-02", "read: 2026-01-09"), "WORKS_CITED.md:"),
    "an outline cut to one section": (edit(OUTLINE, "## When?\n\nThen.\n\n## Why?\n\nBecause.\n", ""), "PR1 is claimed complete, and chapter 2, Outline"),
    "a source that nobody has read": (edit(LEDGER, "one:", "other:"), "which is not in sources/ledger.yml"),
    "research notes deleted": (remove(TOPIC), "chapter 1, Research: the research notes tracker/research/01-waiting.md are not there"),
    "a finding without a source": (edit(TOPIC, "frames are short [@one].", "frames are short."), "no source at the end of"),
    "a finding from an unknown source": (edit(TOPIC, "[@one].", "[@two]."), "chapter 1, Research: tracker/research/01-waiting.md cites two"),
    "the context deleted": (remove("tracker/AI_CONTEXT.md"), "PR1 is claimed complete, and tracker/AI_CONTEXT.md is not there"),
    "a snapshot edited": (lambda book: book.write(HISTORY, damaged(book.read(HISTORY)) + "\n" + book.read(HISTORY)), "does not continue the one before it"),
    "a typed status in the document": (edit("tracker/PROGRESS_TRACKER.md", "🔴 Not Started | 0%", "🟢 Complete | 100%"), "tracker/PROGRESS_TRACKER.md:"),
    "a works list kept by hand": (edit("WORKS_CITED.md", "## Most cited", "## Best liked"), "WORKS_CITED.md:"),
}  # fmt: skip


def found(book: Tracked) -> list[str]:
    return [str(finding) for finding in check(book.root)]


def test_a_right_book_has_no_findings(book: Tracked) -> None:
    assert found(book) == []
    assert validation(book.root) == []
    states = read_book(book.root).standings
    assert {name: (one.status, one.percent) for name, one in states.items()} == {
        "PR1": ("Complete", 100), "PR2": ("Complete", 100), "PR3": ("Not Started", 0),
    }  # fmt: skip


@pytest.mark.parametrize("flip", FLIPS)
def test_a_flip_is_found_and_names_its_row(book: Tracked, flip: str) -> None:
    """Documents are written anew after the flip where it is not in them, so that staleness alone cannot catch it."""
    change, row = FLIPS[flip]
    change(book)
    if not row.startswith(GENERATED) and flip != "a snapshot edited":
        update(book.root)
    messages = found(book)
    if row:
        assert any(row in message for message in messages), messages
        return
    assert messages == [], "taking a claim back is nobody's fault"
    assert read_book(book.root).standings["PR2"].status == "In Progress"


def test_thirty_flips_are_tried() -> None:
    assert sum(bool(row) for _, row in FLIPS.values()) >= 30


def test_a_lapsed_approval_does_not_stop_its_author(book: Tracked) -> None:
    """`validate` lets the chapter be edited, `check` and the matrix say that it changed since review."""
    book.edit(CHAPTER, "The limit is", "Its limit is")
    update(book.root)
    assert validation(book.root) == []
    assert "| 01 | First | ✅ | ✅ | ✅ | 🔄 | ✅ | ⬜ |" in book.read("tracker/PROGRESS_TRACKER.md")
    assert [finding.rule for finding in check(book.root)] == ["review"]
