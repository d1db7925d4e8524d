"""What changes the tracker: complete, approve, snapshot; and that nothing is lost when that goes wrong."""

# ruff: noqa: E501 (one case a line)
from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pytest

from bookkit.cli import main
from bookkit.manuscript import ManuscriptError
from bookkit.tracker import files
from bookkit.tracker.actions import complete, take_snapshot, update
from bookkit.tracker.approvals import load_approvals
from bookkit.tracker.check import check
from bookkit.tracker.due import due
from bookkit.tracker.evidence import read_book
from bookkit.tracker.history import load_history
from bookkit.tracker.reviews import Read, reviews
from bookkit.tracker.show import next_lines
from tracker.small import CHAPTER, OUTLINE, REVIEWER, Tracked

PLAN, HISTORY = "tracker/book.yml", "tracker/history.jsonl"
BOOKKIT = [sys.executable, "-m", "bookkit.cli"]


def unfinished(book: Tracked) -> None:
    """Take the claim of the first chapter back, so that it can be made."""
    book.edit(PLAN, '    status: complete\n    note: "written in one go"\n', "")
    update(book.root)


def test_complete_does_the_whole_update_protocol(book: Tracked) -> None:
    unfinished(book)
    assert read_book(book.root).standings["PR2"].status == "In Progress"
    standing, written = complete(book.root, "pr2", 'mind the | in tables: "both"')
    assert (standing.status, standing.percent) == ("Complete", 100)
    assert written == [PLAN, "tracker/PROGRESS_TRACKER.md"]
    assert "**Current PR**: PR3; Chapter 2: Second" in book.read("tracker/PROGRESS_TRACKER.md")
    assert "- Read it aloud" in book.read(PLAN), "the other lines of the plan stay"
    assert load_history(book.root)[-1].data["event"] == "complete PR2"
    assert check(book.root) == []
    again, _ = complete(book.root, "PR2", "said better")
    assert again.piece.note == "said better"


def test_complete_refuses_without_evidence_and_changes_nothing(book: Tracked) -> None:
    before = {path: path.read_bytes() for path in (book.root / "tracker").rglob("*") if path.is_file()}
    with pytest.raises(ManuscriptError) as caught:
        complete(book.root, "PR3", "")
    said = str(caught.value)
    assert "PR3 is not complete: chapter 2, Draft: the chapter is an outline" in said
    assert "PR3 is not complete: chapter 2, Diagrams: planned diagram “The second picture”" in said
    assert before == {
        path: path.read_bytes() for path in (book.root / "tracker").rglob("*") if path.is_file()
    }
    with pytest.raises(ManuscriptError, match="there is no piece of work PR9"):
        complete(book.root, "PR9", "")


def shown_next(book: Tracked, *what: str) -> str:
    """What `next` prints on a day in March 2027."""
    state = read_book(book.root)
    standing = state.piece_of(what[0]) if what else state.next_piece
    return "\n".join(next_lines(state, standing, date(2027, 3, 1)))


def test_next_has_what_an_author_needs(book: Tracked) -> None:
    said = shown_next(book)
    for text in ("PR3; Chapter 2: Second", OUTLINE, "Where?", "01-waiting.md`: Waiting", "The second picture (no figure yet)",
                 "the chapter is an outline", f"read the outline in {OUTLINE}", "complete PR3"):  # fmt: skip
        assert text in said
    assert said.count("The second picture") == 1
    book.edit(
        PLAN, "    after: [PR2]\n", "    after: [PR2]\n    status: blocked\n    reason: no microphone\n"
    )
    assert "blocked: PR3" in shown_next(book)
    assert "Blocked: no microphone" in shown_next(book, "PR3")


def test_next_shows_another_piece_by_its_name_or_chapter(
    book: Tracked, capsys: pytest.CaptureFixture[str]
) -> None:
    book.write(
        "tracker/reviews/01-first.md", "# First\n\n## Backend engineer, 2026-01-05\n\n- Slow. Mended.\n"
    )
    for word in ("PR2", "pr2", "1", "01", "01-first", CHAPTER):
        said = shown_next(book, word)
        assert said.startswith("PR2; Chapter 1: First\n")
        assert "tracker/reviews/01-first.md" in said
        assert "The queue (`fig-queue`)" in said
    assert main(["next", "9", "--root", str(book.root)]) == 1
    assert "9: chapter: there is no such chapter. Name one of 01-first, 02-second." in capsys.readouterr().err
    assert main(["next", "PR9", "--root", str(book.root)]) == 1
    assert "there is no piece of work PR9. Name one of PR1, PR2, PR3." in capsys.readouterr().err


def test_findings_of_readers_are_counted_and_stop_nothing(book: Tracked) -> None:
    book.write(
        "tracker/reviews/01-first.md",
        "# First\n\nTwo read it.\n\n## Backend engineer\n\n- Slow. Mended.\n- Wrong unit. Mended.\n  It was ms.\n\n"
        "## Speech engineer\n\n| Finding | Done |\n|---|---|\n| Vague | said exactly |\n\n1. Long. Left.\n",
    )
    assert reviews(book.root) == {"01-first": Read(2, 4)}
    assert check(book.root) == []


def test_due_names_facts_and_the_sources_under_them(book: Tracked) -> None:
    state = read_book(book.root)
    assert due(state, date(2026, 12, 31)) == []
    late = due(state, date(2027, 1, 2))
    assert [(one.kind, one.key, one.path, one.line, one.chapters) for one in late] == [
        ("fact", "limit", "sources/facts.yml", 1, (CHAPTER,)),
        ("source", "one", "sources/ledger.yml", 1, (CHAPTER,)),
    ]
    book.edit("sources/ledger.yml", "  note: none", "  recheck: 2026-06-01\n  note: none")
    assert [one.key for one in due(read_book(book.root), date(2026, 12, 31))] == ["one"]


def test_done_lists_what_is_open_and_what_a_person_does(book: Tracked) -> None:
    from bookkit.tracker.definition import done_lines

    lines = {line.by: [one for one in done_lines(read_book(book.root)) if one.by == line.by]
             for line in done_lines(read_book(book.root))}  # fmt: skip
    assert [line.done for line in lines["evidence"]] == [False, False, True]
    assert [line.done for line in lines["command"]] == [False, False, False]
    assert lines["person"][0].text == "Test Reviewer has reviewed and approved all chapters"
    assert lines["person"][0].missing == (f"{OUTLINE}: nobody has approved it",)


def test_a_gate_holds_for_exactly_the_content_on_which_it_passed(book: Tracked) -> None:
    from bookkit.tracker.gates import book_digest, record_gates

    record_gates(book.root, book_digest(book.root), ("validate", "lint", "formats"))
    assert all(read_book(book.root).gates.values())
    book.edit(OUTLINE, "Here.", "There.")
    assert not any(read_book(book.root).gates.values())
    book.edit(OUTLINE, "There.", "Here.")
    assert read_book(book.root).matrix[CHAPTER]["Final"].state == "Done"


# ---------------------------------------------------------------- approval


def at_terminal(book: Tracked, *typed: str) -> tuple[int, str]:
    """Run `tracker approve 1` at a pseudo-terminal; gives its exit status and what it said.

    The word DIGEST is typed as the digest that the command shows.
    """
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [*BOOKKIT, "tracker", "approve", "1", "--root", str(book.root)])
    said, answers = "", list(typed)
    try:
        while True:
            said += os.read(terminal, 1024).decode()
            if answers and said.rstrip(" ").endswith(":"):
                digest = said.partition("digest ")[2].split()[0]
                os.write(terminal, (answers.pop(0).replace("DIGEST", digest) + "\n").encode())
    except OSError:
        pass  # the other end is closed: the program has ended
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said


def test_an_approval_is_bound_to_committed_content(book: Tracked) -> None:
    book.edit(CHAPTER, "The limit is", "Its limit is")
    book.commit()
    assert read_book(book.root).matrix[CHAPTER]["Review"].missing[0].startswith("changed since review")
    status, said = at_terminal(book, REVIEWER, "DIGEST")
    assert status == 0, said
    approval = load_approvals(book.root)[CHAPTER]
    assert (approval.by, approval.digest) == (REVIEWER, read_book(book.root).digest(CHAPTER))
    assert check(book.root) == []


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (("Steve", "DIGEST"), "Steve may not approve"),
        ((REVIEWER, "0123456789abcdef"), "the digest that was typed is another one"),
        ((REVIEWER, "yes"), "the digest that was typed is another one"),
    ],
)
def test_an_approval_takes_the_right_person_and_digest(
    book: Tracked, typed: tuple[str, str], says: str
) -> None:
    (book.root / "tracker/approvals.yml").unlink()
    book.commit()
    status, said = at_terminal(book, *typed)
    assert status == 1
    assert says in said
    assert load_approvals(book.root) == {}


def test_an_approval_refuses_what_is_not_committed(book: Tracked) -> None:
    book.commit()
    book.edit(CHAPTER, "The limit is", "Its limit is")
    status, said = at_terminal(book)
    assert (status, "not committed" in said) == (1, True), said


def test_no_approval_without_a_terminal(book: Tracked) -> None:
    run = subprocess.run(
        [*BOOKKIT, "tracker", "approve", "1", "--root", str(book.root)],
        input=f"{REVIEWER}\n", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 1
    assert "given by a person at a terminal" in run.stderr


# ---------------------------------------------------------------- bad input

BAD = {
    "broken YAML": (PLAN, "approvers: [Test Reviewer]", "approvers: [Test Reviewer", "yaml"),
    "an unknown status": (PLAN, "status: complete\n    note", "status: finished\n    note", f"{PLAN}:11: plan:"),
    "an unknown key": (PLAN, "    note:", "    remark:", "`remark` is no key of work.PR2"),
    "a block without a reason": (PLAN, "status: complete\n    note", "status: blocked\n    note", "blocked without a reason"),
    "a circle": (PLAN, "    scope: Outlines of everything.", "    scope: Outlines.\n    after: [PR3]", "a circle"),
    "a piece twice": (PLAN, "  PR3:", "  PR2:", "`PR2` stands twice, first in line 8"),
    "a gap in the numbers": (PLAN, "  PR3:", "  PR4:", "PR4 stands at place 3"),
    "a chapter twice": (PLAN, f"  {OUTLINE}:", f"  {CHAPTER}:", f"`{CHAPTER}` stands twice"),
    "a chapter that is not there": (PLAN, OUTLINE, "chapters/03-third.qmd", "is no chapter of the book"),
    "an unknown piece": (PLAN, "work: PR3", "work: PR8", "which is no piece of work"),
    "words the wrong way round": (PLAN, "work: PR2\n", "work: PR2\n    words: [9, 3]\n", "9 is more than 3"),
    "half an approval": ("tracker/approvals.yml", "  by: Test Reviewer\n", "", "not exactly by, date and digest"),
    "notes without front matter": ("tracker/research/01-waiting.md", "---\ntopic", "topic", "front matter is missing"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BAD)
def test_bad_input_gives_an_error_with_its_place(
    book: Tracked, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path, old, new, says = BAD[fault]
    book.edit(path, old, new, 1)
    assert main(["tracker", "check", "--root", str(book.root)]) == 1
    captured = capsys.readouterr()
    said = captured.out + captured.err
    assert says in said
    assert path in said
    assert "Traceback" not in said


def test_a_missing_plan_is_named(book: Tracked, capsys: pytest.CaptureFixture[str]) -> None:
    (book.root / PLAN).unlink()
    assert main(["status", "--root", str(book.root)]) == 1
    assert "tracker/book.yml: file: cannot be read" in capsys.readouterr().err


def test_a_reading_that_was_cut_is_read_again(book: Tracked) -> None:
    for kept in (book.root / ".cache/tracker/readings").glob("*.json"):
        kept.write_text(kept.read_text("utf-8")[:40], "utf-8")
    assert check(book.root) == []


# ---------------------------------------------------------------- history


def test_chapters_keep_their_order_when_one_is_read_again(book: Tracked) -> None:
    """The works cited by chapter once followed the cache: the chapter that had changed came last."""
    read_book(book.root)
    book.edit(CHAPTER, "The stream waits", "The stream still waits")
    assert list(read_book(book.root).readings) == ["index.qmd", CHAPTER, OUTLINE]


def test_the_history_only_grows_and_every_line_is_sealed(book: Tracked) -> None:
    first = book.read(HISTORY)
    take_snapshot(book.root)
    assert book.read(HISTORY).startswith(first)
    assert len(load_history(book.root)) == 2
    lines = book.read(HISTORY).splitlines(keepends=True)
    for broken in (lines[1:], lines[::-1], [lines[0].replace('"PR1"', '"PR7"'), lines[1]]):
        book.write(HISTORY, "".join(broken))
        with pytest.raises(ManuscriptError, match="does not continue the one before it"):
            load_history(book.root)


def test_half_a_line_is_named_and_nothing_is_appended(book: Tracked) -> None:
    take_snapshot(book.root)
    text = book.read(HISTORY)
    book.write(HISTORY, text[:-200])
    with pytest.raises(ManuscriptError, match=r"history\.jsonl:2: history: half a line"):
        take_snapshot(book.root)
    assert book.read(HISTORY) == text[:-200]


def test_a_committed_snapshot_cannot_be_dropped(book: Tracked) -> None:
    take_snapshot(book.root)
    book.commit()
    book.write(HISTORY, book.read(HISTORY).splitlines(keepends=True)[0])
    assert any("committed snapshots are no longer there" in str(finding) for finding in check(book.root))


def test_two_processes_append_both(book: Tracked) -> None:
    runs = [
        subprocess.Popen([*BOOKKIT, "tracker", "snapshot", "--root", str(book.root)], stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    assert [run.wait(60) for run in runs] == [0, 0, 0]
    for run in runs:
        assert run.stdout is not None
        run.stdout.close()
    assert len(load_history(book.root)) == 4


def test_a_process_that_waits_too_long_says_so(book: Tracked) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", f"""
import time
from pathlib import Path
from bookkit.tracker.files import writing
with writing(Path({str(book.root)!r})):
    print("held", flush=True)
    time.sleep(60)
"""], stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ManuscriptError, match="another process"), files.writing(book.root, 0.2):
            pass
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    with files.writing(book.root, 5.0):
        pass  # the lock of a process that was killed is free


def test_a_write_that_is_cut_leaves_the_old_file(tmp_path: Path) -> None:
    """A process that writes two texts in turn is killed again and again: one of both is there, whole."""
    path = tmp_path / "state.json"
    texts = [json.dumps({"value": letter * 300_000}) for letter in "ab"]
    code = f"""
import itertools, json, sys
from pathlib import Path
from bookkit.tracker.files import write_safely
texts = [json.dumps({{"value": letter * 300_000}}) for letter in "ab"]
print("go", flush=True)
for text in itertools.cycle(texts):
    write_safely(Path({str(path)!r}), text)
"""
    for turn in range(6):
        writer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        assert writer.stdout.readline() == "go\n"
        time.sleep(0.05 + 0.007 * turn)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        assert path.read_text("utf-8") in texts


def test_complete_that_is_cut_between_two_files_can_be_run_again(
    book: Tracked, monkeypatch: pytest.MonkeyPatch
) -> None:
    unfinished(book)
    real = files.write_safely
    for stop in (1, 2):
        count = 0

        def cut(path: Path, text: str, stop: int = stop) -> None:
            nonlocal count
            count += 1
            if count == stop:
                raise OSError(28, "No space left on device", str(path))
            real(path, text)

        monkeypatch.setattr("bookkit.tracker.actions.write_safely", cut)
        with pytest.raises(OSError, match="No space left"):
            complete(book.root, "PR2", "")
        monkeypatch.undo()
        read_book(book.root)  # everything can still be read
    complete(book.root, "PR2", "")
    assert check(book.root) == []
