"""Every rule of `validate`: a small book that is right, and one fault at a time."""

# ruff: noqa: E501 (one case a line)
from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bookkit.checks import stale as stale_module
from bookkit.checks.validate import validate
from bookkit.cli import main
from bookkit.manuscript import ManuscriptError
from bookkit.manuscript.names import BOOK_NAME
from checks.small import BIB, FIRST, SmallBook

CHAPTER = "chapters/01-first.qmd"


def found(book: SmallBook) -> list[str]:
    return [f"{finding.path}:{finding.line}: {finding.rule}" for finding in validate(book.root).findings]


def test_a_right_book_has_no_findings(book: SmallBook) -> None:
    assert found(book) == []


ADDED = {
    "an unknown div class": ("::: {.boxed}\nText.\n:::\n", "div-class", 13),
    "an unknown span class": ("A [word]{.loud}.\n", "div-class", 13),
    "raw HTML": ("<center>Text</center>\n", "raw", 13),
    "a reference to nothing": ("See @fig-none.\n", "reference", 13),
    "an unknown citation": ("As read [@nobody].\n", "citation", 13),
    "a link to a missing chapter": ("[There](02-none.qmd).\n", "link", 13),
    "a link to a missing anchor": ("[There](../index.qmd#none).\n", "link", 13),
    "a link to a missing anchor here": ("[There](#none).\n", "link", 13),
    "an unused label": ("$$x$$ {#eq-x alt=\"x\"}\n", "label", 13),
    "an equation without words": ("See @eq-x.\n\n$$x$$ {#eq-x}\n", "alt", 15),
    "a missing image": ("![Cap.](/figures/none.svg){fig-alt=\"Seen.\"}\n", "image", 13),
    "an image from elsewhere": ("![Cap.](https://example.org/a.svg){fig-alt=\"Seen.\"}\n", "image", 13),
    "an image without alt text": ("![Cap.](/figures/wait.svg)\n", "alt", 13),
    "alt text that repeats the caption": ("![Cap.](/figures/wait.svg){fig-alt=\"cap\"}\n", "alt", 13),
    "a figure without a picture": ("@fig-e\n\n::: {#fig-e}\nCaption.\n:::\n", "image", 15),
    "a cell's figure without alt text": (
        "@fig-c\n\n```{python}\n#| label: fig-c\n#| fig-cap: \"Cap.\"\n1\n```\n", "alt", 15),
    "a wrapped cell without alt text": ("@fig-d\n\n::: {#fig-d}\n\n```{python}\n1\n```\n\nCap.\n:::\n", "alt", 17),
    "a cell's alt text that repeats the caption": (
        "@fig-c\n\n```{python}\n#| label: fig-c\n#| fig-cap: \"Cap.\"\n#| fig-alt: \"Cap\"\n1\n```\n", "alt", 18),
    "an unknown fact": ("It is `{python} fact(\"none\")`.\n", "fact", 13),
    "an unknown record": ("```{python}\n\nx = measured(\"none\", \"a.b\")\n```\n", "result", 15),
    "an unknown value of a record": ("It is `{python} measured(\"lab\", \"run.none\")`.\n", "result", 13),
    "an unknown value on a card": ("```{python}\ncard(\"lab\", [(\"A\", \"run.none\", \"\")])\n```\n", "result", 14),
    "an unknown result": ("```{python}\nresult(\"none\")\n```\n", "result", 14),
    "a cell that does not compile": ("```{python}\nx = (\n```\n", "listing", 14),
    "an inline cell that does not compile": ("It is `{python} 1 +`.\n", "listing", 13),
    "a listing in no language": ("```\nx\n```\n", "listing", 13),
    "a listing in an unknown language": ("```cobol\nx\n```\n", "listing", 13),
    "an exercise without a level": (
        "::: {#exr-a minutes=\"5\"}\n## A\nDo.\n:::\n\n::: {.answer}\nSo.\n:::\n", "exercise", 13),
    "an exercise without minutes": (
        "::: {#exr-a level=\"build\"}\n## A\nDo.\n:::\n\n::: {.answer}\nSo.\n:::\n", "exercise", 13),
    "an exercise without a solution": ("::: {#exr-a level=\"build\" minutes=\"5\"}\n## A\nDo.\n:::\n", "exercise", 13),
}  # fmt: skip


@pytest.mark.parametrize("fault", ADDED)
def test_a_fault_in_a_chapter_is_found_where_it_stands(book: SmallBook, fault: str) -> None:
    text, rule, line = ADDED[fault]
    book.add(text)
    assert set(found(book)) == {f"{CHAPTER}:{line}: {rule}"}


GOOD = {
    "supported divs": "::: {.callout-note title=\"T\"}\nText.\n:::\n\n::: {.goals}\n- One\n:::\n",
    "spans": "A [word]{.term} and [8 B]{.computed}.\n",
    "a reference at the start of a sentence": "@Fig-wait rises.\n",
    "links": "[A](../index.qmd), [b](#first-again), [c](Small.pdf), [d](https://example.org)\n\n## First again\n",
    "an equation": "See @eq-x.\n\n$$x$$ {#eq-x alt=\"x\"}\n",
    "a wrapped cell": "@fig-d\n\n::: {#fig-d}\n\n```{python}\n#| fig-alt: \"Rises.\"\n1\n```\n\nCap.\n:::\n",
    "spread of a value": "It is `{python} measured(\"lab\", \"run.wait_ms.low\")`.\n",
    "code that shows an id": "Write `{#fig-wait}` or\n\n```text\n{#fig-wait} @fig-none [@nobody]\n```\n",
    "an exercise": "::: {#exr-a level=\"build\" minutes=\"5\"}\n## A\nDo.\n:::\n\n::: {.answer}\nSo.\n:::\n",
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_what_is_right_is_left_alone(book: SmallBook, name: str) -> None:
    book.add(GOOD[name].replace("Small.pdf", "../Small.pdf"))
    assert found(book) == []


LISTINGS = {
    "json": ('{"a": 1}', '{"a": }', 1),
    "yaml": ("a: 1", "a: 1\nb: [", 3),
    "toml": ("a = 1", "a = 1\nb =", 2),
    "bash": ("if true; then echo x; fi", "if true; then\necho x", 3),
    "xml": ("<a><b/></a>", "<a>\n<b></a>", 2),
    "html": ("<p>a</p>", "<p>a</b>", 1),
    "python": ("x = 1", "y = 2\nx = ", 2),
}


@pytest.mark.parametrize("language", LISTINGS)
def test_a_listing_is_read_by_a_tool(book: SmallBook, language: str) -> None:
    right, wrong, line = LISTINGS[language]
    book.add(f"```{language}\n{right}\n```\n")
    assert found(book) == []
    book.add(f"```{{.{language}}}\n{wrong}\n```\n")
    assert found(book) == [f"{CHAPTER}:{18 + line}: listing"]


def test_openapi_is_validated(book: SmallBook) -> None:
    document = "openapi: 3.1.0\ninfo: {title: A, version: '1'}\npaths: {}"
    book.add(f"```yaml\n{document}\n```\n")
    assert found(book) == []
    book.edit(CHAPTER, "info: {title: A, version: '1'}\n", "")
    assert found(book) == [f"{CHAPTER}:14: listing"]


FILES: dict[str, tuple[Callable[[SmallBook], None], str]] = {
    "a chapter nobody lists": (
        lambda b: b.write("chapters/02-more.qmd", "# More {#sec-more}\n"), "chapters/02-more.qmd:0: chapter"),
    "an include nobody uses": (lambda b: b.write("chapters/_x.qmd", "x\n"), "chapters/_x.qmd:0: chapter"),
    "no dek": (lambda b: b.edit(CHAPTER, 'dek: "One sentence."\n', ""), f"{CHAPTER}:1: front-matter"),
    "an unknown status": (lambda b: b.edit(CHAPTER, "status: partial", "status: done"), f"{CHAPTER}:1: front-matter"),
    "a work twice": (
        lambda b: b.write("sources/references.bib", BIB + BIB),
        "sources/references.bib:7: bibliography"),
    "a work without its year": (
        lambda b: b.edit("sources/references.bib", " year={2020},\n", ""), "sources/references.bib:1: bibliography"),
    "a work outside the ledger": (lambda b: b.write("sources/ledger.yml", "{}\n"), "sources/references.bib:1: ledger"),
    "no ledger": (lambda b: (b.root / "sources/ledger.yml").unlink(), "sources/ledger.yml:0: ledger"),
    "a ledger entry without a work": (
        lambda b: b.edit("sources/ledger.yml", "one:", "two: {for: a, where: b, read: 2026-01-02, copy_date: 2020,"
                         " note: n}\none:"), "sources/ledger.yml:1: ledger"),
    "an incomplete ledger entry": (
        lambda b: b.edit("sources/ledger.yml", "  note: none\n", ""), "sources/ledger.yml:1: ledger"),
    "a ledger read in the future": (
        lambda b: b.edit("sources/ledger.yml", "2026-01-02", "2999-01-02"), "sources/ledger.yml:1: ledger"),
    "a ledger with no date": (
        lambda b: b.edit("sources/ledger.yml", "undated", "lately"), "sources/ledger.yml:1: ledger"),
    "an incomplete fact": (lambda b: b.edit("sources/facts.yml", "  where: page 1\n", ""), "sources/facts.yml:1: fact"),
    "a fact without a work": (
        lambda b: b.edit("sources/facts.yml", "source: one", "source: two"), "sources/facts.yml:1: fact"),
    "a fact with no date": (
        lambda b: b.edit("sources/facts.yml", "as_of: 2020", "as_of: once"), "sources/facts.yml:1: fact"),
    "a fact checked on no day": (
        lambda b: b.edit("sources/facts.yml", "checked: 2026-01-02", "checked: undated"), "sources/facts.yml:1: fact"),
    "a fact due before it was checked": (
        lambda b: b.edit("sources/facts.yml", "2027", "2025"), "sources/facts.yml:1: fact"),
    "a fact checked in the future": (
        lambda b: b.edit("sources/facts.yml", "checked: 2026-01-02\n  recheck: 2027", "checked: 2998-01-02\n  recheck: 2999"),
        "sources/facts.yml:1: fact"),
    "a fact older than its source": (
        lambda b: b.edit("sources/facts.yml", "as_of: 2020", "as_of: 2026-02"), "sources/facts.yml:1: fact"),
    "a damaged record": (lambda b: b.write("labs/results/lab.json", "{}"), f"{CHAPTER}:8: result"),
    "a stale figure": (
        lambda b: b.write("figures/01/build.py", "import sys\nprint('wait.svg is stale')\nsys.exit('--check' in sys.argv)\n"),
        "figures/01/build.py:0: stale"),
    "a stale clip": (lambda b: b.write("audio/build.py", "raise SystemExit(1)\n"), "audio/build.py:0: stale"),
    "a check that breaks": (lambda b: b.write("audio/build.py", "1 / 0\n"), "audio/build.py:0: stale"),
    "a label twice in the book": (
        lambda b: b.write("index.qmd", "# Small {.unnumbered}\n\n## A {#sec-first}\n"), f"{CHAPTER}:6: label"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FILES)
def test_a_fault_in_the_files_is_found(book: SmallBook, fault: str) -> None:
    spoil, where = FILES[fault]
    spoil(book)
    assert found(book) == [where]


def test_the_source_of_a_fact_may_bear_no_date(book: SmallBook) -> None:
    book.edit("sources/facts.yml", "as_of: 2020", "as_of: undated")
    assert found(book) == []


def test_a_fresh_figure_is_no_finding(book: SmallBook) -> None:
    book.write("figures/01/build.py", "import sys\nassert sys.argv[1:] == ['--check']\n")
    assert found(book) == []


def test_one_script_that_dies_or_hangs_keeps_no_other_from_being_asked(
    book: SmallBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stale_module, "LIMIT_S", 2)
    book.write("figures/01/build.py", "import os\nos._exit(3)\n")
    book.write("figures/02/build.py", "import time\ntime.sleep(60)\n")
    book.write(
        "figures/03/build.py",
        "import os\nos.system('echo [1, 2]')\nprint('a.svg is stale')\nraise SystemExit(1)\n",
    )
    book.write("figures/04/build.py", "print('figures/04: up to date')\n")
    book.write("audio/build.py", "raise SystemExit('no such clip')\n")
    said = {finding.path: finding.message for finding in validate(book.root).findings}
    assert said == {
        "figures/01/build.py": "figures/01/build.py --check ended its process with status 3",
        "figures/02/build.py": "figures/02/build.py --check has not ended after 2 s",
        "figures/03/build.py": "a.svg is stale",
        "audio/build.py": "no such clip",
    }


def test_the_number_of_a_chapter_stands_in_its_file_name(book: SmallBook) -> None:
    text = (book.root / CHAPTER).read_text("utf-8")
    (book.root / CHAPTER).unlink()
    book.write("chapters/02-first.qmd", text)
    book.edit("_quarto.yml", "01-first", "02-first")
    book.edit("index.qmd", "01-first", "02-first")
    assert found(book) == ["chapters/02-first.qmd:0: chapter"]


AUDIO = '::: {#aud-a .audio src="/a.mp3" picture="/figures/wait.svg" alt="Wave." title="A" seconds="1.5"}\nSaid.\n\nCap.\n:::\n'
CLIPS = {
    'src="/a.mp3"': ('src="/none.mp3"', "audio"),
    'src="/a.mp3" ': ("", "audio"),
    "wait.svg": ("none.svg", "image"),
    'alt="Wave." ': ("", "alt"),
    'alt="Wave."': ('alt="Cap"', "alt"),
    'title="A" ': ("", "audio"),
    'seconds="1.5"': ('seconds="long"', "audio"),
    "Said.\n\n": ("", "audio"),
}


def test_a_clip_is_right(book: SmallBook) -> None:
    book.write("a.mp3", "x")
    book.add(f"Hear @aud-a.\n\n{AUDIO}")
    assert found(book) == []


@pytest.mark.parametrize("piece", CLIPS)
def test_a_clip_has_its_parts(book: SmallBook, piece: str) -> None:
    book.write("a.mp3", "x")
    new, rule = CLIPS[piece]
    assert piece in AUDIO
    book.add(f"Hear @aud-a.\n\n{AUDIO.replace(piece, new, 1)}")
    assert found(book) == [f"{CHAPTER}:15: {rule}"]


def test_a_finished_chapter_has_the_whole_anatomy(book: SmallBook) -> None:
    book.edit(CHAPTER, "status: partial\n", "")
    said = [finding.message for finding in validate(book.root).findings if finding.rule == "anatomy"]
    for missing in (
        "the box `goals` is missing", "the box `bridge` is missing", "the box `predict` is missing",
        "the box `pitfalls` is missing", "the section “Overview” is missing", "the section “Decide” is missing",
        "the section “Summary” is missing", "the section “Exercises” is missing", "the section “Sources” is missing",
        "0 exercises", "1 figures", "0 computed figures", "no cell runs an experiment",
        "nothing in the chapter can be moved or heard", "0 sections in the body",
    ):  # fmt: skip
        assert missing in said
    assert any("words of prose" in message for message in said)


def whole_chapter() -> str:
    figure = '::: {{#fig-{0}}}\n\n```{{python}}\n#| fig-alt: "Rises {0}."\n1\n```\n\nCap {0}.\n:::\n'
    exercise = '::: {{#exr-{0} level="build" minutes="5"}}\n## E\nDo.\n:::\n\n::: {{.answer}}\nSo.\n:::\n'
    body = "".join(f"## Why {n}?\n\n{'word ' * 900}\n\n" for n in range(5))
    parts = [
        FIRST.replace("status: partial\n", ""), "::: {.goals}\n- a\n- b\n- c\n:::\n", "## Overview\n\nText.\n",
        "::: {.bridge}\n::: {.from-ml}\nA.\n:::\n\n::: {.from-api}\nB.\n:::\n:::\n", body, "See @fig-a, @fig-b, @fig-c.\n",
        *map(figure.format, "abc"), "::: {.predict}\nHow long?\n:::\n", "::: {.slider-figure}\nStill.\n:::\n",
        "## Decide\n\nSo.\n", "## Common pitfalls\n\n::: {.pitfalls}\nA\n:   B\n:::\n", "## Summary\n\n- One.\n",
        "## Exercises\n", *map(exercise.format, "abcd"), "## Sources and further reading\n\nRead.\n",
    ]  # fmt: skip
    return "\n".join(parts)


def test_a_whole_chapter_passes(book: SmallBook) -> None:
    book.write(CHAPTER, whole_chapter())
    assert found(book) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("- One.\n", "- One.\n" * 8, "8 takeaways in the summary"),
        ("- a\n- b\n- c\n", "- a\n", "1 abilities in the box `goals`"),
        ("::: {.from-ml}\nA.\n:::\n", "", "the box `bridge` has no `from-ml`"),
        ("## Decide\n\nSo.\n", "", "the section “Decide” is missing"),
        ("word word", "word", "words of prose"),
    ],
)
def test_each_part_of_the_anatomy_counts(book: SmallBook, old: str, new: str, message: str) -> None:
    text = whole_chapter()
    assert old in text
    book.write(CHAPTER, text.replace(old, new))
    assert any(message in finding.message for finding in validate(book.root).findings)


def test_sections_keep_their_order(book: SmallBook) -> None:
    text = (
        whole_chapter()
        .replace("## Decide", "## Held")
        .replace("## Summary", "## Decide")
        .replace("## Held", "## Summary")
    )
    book.write(CHAPTER, text)
    said = [finding.message for finding in validate(book.root).findings]
    assert set(said) == {
        "“Common pitfalls” stands before “Decide”",
        "“Summary” stands before “Common pitfalls”",
    }


def test_malformed_yaml_names_its_line(book: SmallBook) -> None:
    book.edit("_quarto.yml", '  title: "Small"', '  title: "Small')
    with pytest.raises(ManuscriptError, match=r"_quarto\.yml:\d+: yaml: "):
        validate(book.root)


def test_the_command_prints_findings_and_fails(book: SmallBook, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", BOOK_NAME, "--root", str(book.root)]) == 0
    book.add("See @fig-none.\n")
    assert main(["validate", "--root", str(book.root)]) == 1
    out = capsys.readouterr().out
    assert f"{CHAPTER}:13: reference: @fig-none refers to nothing. Give something" in out


def test_another_book_is_named_with_the_known_one(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["validate", "other-book"], ["lint", "md", "other-book"]):
        with pytest.raises(SystemExit):
            main(words)
        assert f"no book `other-book`; the book here is {BOOK_NAME}" in capsys.readouterr().err


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.recursive(
        st.integers() | st.text("ab"), lambda inner: st.lists(inner) | st.dictionaries(st.text("xy"), inner)
    )
)
def test_any_json_is_a_listing(tmp_path: Path, data: object) -> None:
    from bookkit.checks.listings import READERS

    assert READERS["json"](json.dumps(data, indent=1)) is None
    assert READERS["json"](json.dumps(data, indent=1) + "}") is not None
