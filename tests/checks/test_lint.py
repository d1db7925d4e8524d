"""Every rule of `lint md`: a sentence that breaks it, and one that does not."""

# ruff: noqa: E501 (one case a line)
from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bookkit.checks.code import Outcome
from bookkit.checks.prose import silence
from bookkit.checks.prose.formatting import formatting
from bookkit.checks.prose.lint import RULES, lint, page_findings
from bookkit.checks.prose.passage import passages
from bookkit.checks.prose.spelling import spelling
from bookkit.cli import main
from checks.small import SmallBook, page_of, rules

LAYOUT = 'flavor = "quarto"\n\n[format]\nwrap = "preserve"\nline-width = 1000\n'
TITLE = "# Title {#sec-title}\n\n"


def found(tmp_path: Path, text: str) -> list[str]:
    page = page_of(tmp_path, TITLE + text)
    findings = list(page_findings(page, passages(page), chapter=True))
    return rules(silence.apply(sorted(set(findings)), silence.silences(page.source), RULES))


BROKEN = [
    ("It waits — long.", "dash"), ("It waits -- long.", "dash"), ("It waits – long.", "dash"),
    ("It waits---long.", "dash"), ("It waits - long.", "dash"), ("![A — b](/x.svg){fig-alt=\"a\"}", "dash"),
    ("![A](/x.svg){fig-alt=\"a — b\"}", "dash"),
    ("A crucial step.", "word"), ("We simply wait.", "word"), ("We just wait.", "word"), ("Let's dive in.", "word"),
    ("In this section we will wait.", "word"), ("It is important to note this.", "word"),
    ("It is not slow, it is late.", "word"), ("A seamless *landscape*.", "word"),
    ("Who waits? Why?", "question"),
    ("It is 10–20.", "range"), ("Assume 10-20 ms.", "range"), ("Assume 10 ms–20 ms.", "range"),
    ("Assume 10ms.", "unit"), ("Assume 10-ms frames.", "unit"), ("Assume 5% loss.", "unit"),
    ("Assume 10 kbps.", "unit"), ("Assume 3 KB.", "unit"), ("Assume 3 khz.", "unit"), ("Assume 3 us.", "unit"),
    ("Assume 3 kB.\n\nAssume 3 KiB.", "unit"), ("It has 65536 values.", "unit"),
    ("The VAD fires.", "acronym"), ("The XYZ fires.", "acronym"),
    ("It takes 20 ms.", "number"), ("It loses 5 %.", "number"), ("It costs $3.", "number"), ("It costs €3.", "number"),
    ("The steps take 5 ms.", "number"), ("Users say 5 s.", "number"), ("It takes 3 seconds.", "number"),
    ("It takes `x` and 3 s.", "number"), ("![It takes 3 s.](/x.svg){fig-alt=\"a\"}", "number"),
    ("| a |\n|---|\n| 20 ms |\n", "number"), ("- It takes 3 s.", "number"), ("A note.[^n]\n\n[^n]: It takes 3 s.", "number"),
    ("It takes 2 ms, `{python} computed(1)` of it.", "number"),
    ("Text.\n```text\ncode\n```\n", "spacing"), ("```text\ncode\n```\nText.", "spacing"),
    ("Text.\n```{python}\n1\n```\n", "spacing"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "rule"), BROKEN)
def test_a_rule_is_broken(tmp_path: Path, text: str, rule: str) -> None:
    assert {name.split(":")[0] for name in found(tmp_path, text)} == {rule}


KEPT = [
    "Run `just -- x` or `a — b`.", "A well-known three-way hand-shake.", "```text\na — b -- c crucial 10ms\n```",
    "A just-in-time compiler.", "The adjustment.", "Who waits? The caller does. Why?",
    "::: {.predict}\nHow long? And why?\n:::", "Assume 10 to 20 ms.", "Read on 2026-11-24.", "See pages 10 and 20.",
    "Assume 10 ms, 5 % and 3 kB and 4 MB.", "It has 65,536 values, RFC 10008 says.",
    "Voice activity detection (VAD) fires. The VAD fires.", "The VAD (voice activity detection) fires.",
    "Part IV and the HTTP API.", "The XYZ (some long name) fires.", "## The VAD", "In @fig-VAD and [@VAD].",
    "It takes 20 ms [@one].", "It takes 20 ms.[^n]\n\n[^n]: See [@one].", "Take frames of 20 ms.", "Suppose it takes 3 s.",
    "It takes, say, 3 s.", "Take 20 ms.\n\nA frame of 20 ms.", "It takes `{python} computed(1)`.",
    "It takes `{python} computed(1)` ms.", "A [frame]{.term} is 20 ms of sound.", "Frame\n:   20 ms of sound.",
    "::: {#exr-a level=\"build\" minutes=\"5\"}\n## A\nIt takes 3 s.\n:::", "::: {.answer}\nIt takes 3 s.\n:::",
    "| a |\n|---|\n| 20 ms |\n\n: From [@one].\n", "There are 3 of 20 people in 2026.", "$x = 3$ and $20\\,ms$",
    "Text.\n\n```text\ncode\n```\n\nText.", "::: {.answer}\n```text\ncode\n```\n:::",
]  # fmt: skip


@pytest.mark.parametrize("text", KEPT)
def test_a_rule_is_kept(tmp_path: Path, text: str) -> None:
    assert found(tmp_path, text) == []


def test_an_outline_has_no_numbers_to_account_for(tmp_path: Path) -> None:
    page = page_of(tmp_path, "---\nstatus: outline\n---\n\n# T\n\nIt takes 3 s — so.\n")
    assert rules(list(page_findings(page, passages(page), chapter=True))) == ["dash:7"]


def test_options_are_prose_too(tmp_path: Path) -> None:
    text = '```{python}\n#| fig-cap: "It takes 3 s."\n#| fig-alt: "A — b."\n1\n```\n'
    assert found(tmp_path, text) == ["number:4", "dash:5"]


def test_front_matter_is_prose_too(tmp_path: Path) -> None:
    page = page_of(tmp_path, '---\nstatus: partial\ndek: "A — b."\n---\n\n# T\n')
    assert rules(list(page_findings(page, passages(page), chapter=True))) == ["dash:3"]


@pytest.mark.parametrize(
    ("word", "right"), [("utilisation", "utilization"), ("recogniser", "recognizer"), ("teh", "the")]
)
def test_spelling(tmp_path: Path, word: str, right: str) -> None:
    page = page_of(tmp_path, f"{TITLE}Fine.\n\nIts {word} is low, `{word}` is code.\n")
    findings = list(spelling(passages(page)))
    assert rules(findings) == ["spelling:5"]
    assert f"Write {right}" in findings[0].remedy
    assert list(spelling(passages(page_of(tmp_path, f"{TITLE}Its {right} is low.\n")))) == []


@pytest.mark.parametrize("place", ["It waits — long. <!-- lint-ok: dash, a quotation -->",
                                   "<!-- lint-ok: dash, a quotation -->\nIt waits — long."])  # fmt: skip
def test_a_silence_with_a_reason_holds(tmp_path: Path, place: str) -> None:
    page = page_of(tmp_path, TITLE + place)
    marks = silence.silences(page.source)
    assert silence.apply(list(page_findings(page, passages(page), True)), marks, RULES) == []
    assert [mark.used for mark in marks] == [True]


def test_a_silence_before_a_cell_holds_for_the_cell(tmp_path: Path) -> None:
    cell = '```{python}\n#| echo: false\n#| fig-alt: "A — b."\n1\n```\n'
    assert found(tmp_path, cell) == ["dash:5"]
    assert found(tmp_path, f"<!-- lint-ok: dash, a quotation -->\n\n{cell}") == []


@pytest.mark.parametrize(
    ("mark", "expected"),
    [
        ("<!-- lint-ok: dash -->\nIt waits — long.", ["dash:4", "silence:3"]),
        ("<!-- lint-ok: dash, none -->\nIt waits.", ["silence:3"]),
        ("<!-- lint-ok: nothing, why -->\nIt waits.", ["silence:3"]),
        ("<!-- lint-ok: word, why -->\nIt waits — long.", ["dash:4", "silence:3"]),
        ("<!-- lint-ok: dash, why -->\nIt waits.\n\nIt waits — long.", ["dash:6", "silence:3"]),
    ],
)
def test_a_silence_that_is_none(tmp_path: Path, mark: str, expected: list[str]) -> None:
    assert sorted(found(tmp_path, mark)) == expected


def test_layout(tmp_path: Path) -> None:
    (tmp_path / "a.qmd").write_text("# T\n\n*  one\n*  two\n", "utf-8")
    (tmp_path / "b.qmd").write_text("# T\n\n- one\n- two\n", "utf-8")
    assert [finding.path for finding in formatting(tmp_path, ["a.qmd", "b.qmd"])] == ["a.qmd"]


def test_the_command_counts_silences(book: SmallBook, capsys: pytest.CaptureFixture[str]) -> None:
    book.write("panache.toml", LAYOUT)
    book.write("index.qmd", "# Small {.unnumbered}\n\nA crucial b. <!-- lint-ok: word, a quotation -->\n")
    assert main(["lint", "md", "--root", str(book.root)]) == 0, capsys.readouterr().out
    assert "2 files: nothing wrong, 1 silenced in place" in capsys.readouterr().out
    book.write("README.md", "# Small\n\nA crucial book.\n")
    assert main(["lint", "md", "--root", str(book.root)]) == 1
    assert (
        "README.md:3: word: “crucial” is not in this book. Say what breaks without it."
        in capsys.readouterr().out
    )


def test_an_include_is_linted_where_it_stands(book: SmallBook) -> None:
    book.write("panache.toml", LAYOUT)
    book.add("{{< include /chapters/_part.qmd >}}\n")
    book.write("chapters/_part.qmd", "Fine.\n\nA crucial b.\n")
    words = [finding for finding in lint(book.root).findings if finding.rule == "word"]
    assert [(finding.path, finding.line) for finding in words] == [("chapters/_part.qmd", 3)]


def test_code_is_linted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.py").write_text("import os\n", "utf-8")
    main(["lint", "py", "--root", str(tmp_path)])
    said = capsys.readouterr()
    assert "F401" in said.err
    assert "lint py: ruff check failed" in said.err
    assert str(Outcome("mypy", True, "")) == "lint py: mypy: nothing wrong"


WORD = st.text(string.ascii_lowercase, min_size=1, max_size=6)
PARAGRAPH = st.lists(st.lists(WORD, min_size=1, max_size=5).map(" ".join), min_size=1, max_size=3).map(
    "\n".join
)
BLOCK = st.one_of(PARAGRAPH, PARAGRAPH.map("- {}".format), PARAGRAPH.map("```text\n{}\n```".format),
                  PARAGRAPH.map("*{}*".format), st.just("```{python}\nx = 1\n```"))  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.lists(BLOCK, max_size=5), after=st.lists(BLOCK, max_size=3))
def test_every_word_knows_its_line(tmp_path: Path, before: list[str], after: list[str]) -> None:
    text = "\n\n".join([*before, "UNIQUE word", *after]) + "\n"
    page = page_of(tmp_path, TITLE + text)
    line = 1 + (TITLE + text).split("UNIQUE")[0].count("\n")
    places = [p.line_at(p.text.index("UNIQUE")) for p in passages(page) if "UNIQUE" in p.text]
    assert places == [("page.qmd", line)]
