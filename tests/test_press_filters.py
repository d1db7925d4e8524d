"""Each construct through pandoc and our filters: what comes out in the three formats, what is refused."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bookkit.manuscript import ManuscriptError, load
from bookkit.press import epub
from bookkit.press.build import Sheets, prepare
from bookkit.press.progress import Progress
from bookkit.press.workers import Workers

PLAN = "project:\n  type: book\nbook:\n  title: T\n  chapters: [c.qmd]\nbibliography: b.bib\n"
BIB = "@book{key, title = {A Title}, author = {Erlang, A.}, year = {1917}}\n"
WAVE = '<svg xmlns="http://www.w3.org/2000/svg" width="80" height="20"><path id="wave" d="M0 9h80"/></svg>'


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with Workers() as running:
        yield running


@dataclass
class Bench:
    """A book of one chapter, to be written again and again."""

    root: Path
    workers: Workers

    def prepared(self, text: str) -> Sheets:
        (self.root / "c.qmd").write_text(f"# T {{#sec-t}}\n\n{text}\n")
        return prepare(load(self.root), Progress(quiet=True), self.workers)

    def epub(self, text: str) -> str:
        """The chapter's pages in the EPUB."""
        sheets = self.prepared(text)
        epub.write(sheets.project, sheets.pandoc, sheets.parsed, sheets.numbering, sheets.commit, self.root)
        with zipfile.ZipFile(self.root / "T.epub") as book:
            return "".join(book.read(n).decode() for n in book.namelist() if "/text/ch" in n)

    def write(self, text: str, to: str) -> str:
        """The chapter with `text` below its title: the body of a page (html), or Typst."""
        sheets = self.prepared(text)
        made = sheets.pandoc.chapters(to, sheets.project.chapters, sheets.parsed, sheets.numbering)["c.qmd"]
        if to == "typst":
            return made.read_text("utf-8")
        page: dict[str, Any] = json.loads(made.read_bytes())
        return str(page["body"])


@pytest.fixture
def bench(tmp_path: Path, workers: Workers, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    (tmp_path / "_quarto.yml").write_text(PLAN)
    (tmp_path / "b.bib").write_text(BIB)
    (tmp_path / "w.svg").write_text(WAVE)
    (tmp_path / "a.mp3").write_bytes(b"ID3")
    return Bench(tmp_path, workers)


CLIP = """\
::: {#aud-x .audio src="/a.mp3" picture="/w.svg" alt="A line." title="A tone" seconds="1.5"}
"Words."

**It is heard.** Listen.
:::"""
# name: (source, what the page holds, what the Typst holds)
WRITTEN: dict[str, tuple[str, list[str], list[str]]] = {
    "goals": (
        "::: {.goals}\n- Do it.\n:::",
        ['<section class="box goals"', '<h2 class="label" id="goals">What you will be able to do</h2>'],
        ['#bookkit.labelled("What you will be able to do", kind: "goals")['],
    ),
    "bridge": (
        ":::: {.bridge}\n::: {.from-ml}\nOne.\n:::\n\n::: {.from-api}\nTwo.\n:::\n::::",
        ["<h3>From the ML side</h3>", "<h3>From the API side</h3>"],
        ['#bookkit.bridge("Bridging the gap", "From the ML side", "From the API side")['],
    ),
    "exercise with its answer": (
        '::: {#exr-x level="build" minutes="5"}\n## Name\n\nDo it.\n:::\n\n::: {.answer}\nDone.\n:::',
        ["Exercise\u00a01.1: Name <span>build, 5 minutes</span>", '<details class="answer">', "Done."],
        ['id: "exr-x"', 'more: "build, 5 minutes"', "#bookkit.solution()[", "Solutions"],
    ),
    "margin note": (
        "::: {.aside}\n**Name.** A note.\n:::\n\nA line of text.",
        ['<aside class="note" role="note"', "<b>", "Name."],
        ["#bookkit.note()[", "A line of text."],
    ),
    "term": ("A [frame rate]{.term}.", ['<dfn id="term-frame-rate">frame rate</dfn>'], ["#emph[frame rate]"]),
    "reported value": (
        '[8 kHz]{.reported key="key" asof="2012-09" checked="2026-11-24"} is it.',
        ['<span class="o r">8\u00a0kHz<span class="vh"> (reported)</span></span>'],
        ['#bookkit.origin("reported"', "8~kHz"],
    ),
    "number with its unit": (
        "It takes **20 ms**, or 5 people.",
        ["<strong>20\u00a0ms</strong>", "or 5 people"],
        ["20~ms", "5 people"],
    ),
    "clip": (
        f"{CLIP}\n\nSee @aud-x.",
        ['<figure id="aud-x" class="audio side-cap" data-seconds="1.5">', 'd="M0 9h80"',
         'aria-label="A line."',
         'type="audio/mpeg"', "<b>Clip\u00a01.1</b>", '<a href="#aud-x" class="xref">Clip\u00a01.1</a>'],
        ["#bookkit.clip(", 'picture: "/w.svg"', 'file: "a.mp3"', 'seconds: "1.5"', '"Words."'],
    ),
    "clips compared": (
        f"{CLIP}\n\n::: {{.compare}}\n- @aud-x: a tone.\n:::",
        ["<compare-clips>", '<a href="#aud-x" class="xref">Clip\u00a01.1</a>: a tone.', "</compare-clips>"],
        [": a tone."],
    ),
    "figure": (
        '::: {#fig-x}\n![](/w.svg){fig-alt="A line."}\n\n**It is flat.** Read it.\n:::\n\nSee @fig-x [@key].',
        ['<p class="finding label">It is flat.</p>', 'alt="A line." width="80" height="20"',
         "<b>Figure\u00a01.1</b>", "(Erlang 1917)"],
        ["#bookkit.fig(", '#image("/w.svg"', 'alt: "A line."', "Erlang 1917"],
    ),
    "formula": (
        '$$L = W$$ {#eq-x alt="L equals W"}\n\nSee @eq-x.',
        ['<div id="eq-x" class="eq">', "<span>(1.1)</span>", "<math"],
        ['#bookkit.equation(alt: "L equals W", number: "1.1", id: "eq-x"'],
    ),
    "one format only": (
        '::: {.content-visible when-format="typst"}\nPaper.\n:::\n\n'
        '::: {.content-hidden when-format="typst"}\nScreen.\n:::',
        ["Screen."],
        ["Paper."],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", list(WRITTEN))
def test_what_a_construct_becomes(name: str, bench: Bench) -> None:
    source, on_page, on_paper = WRITTEN[name]
    for to, pieces in (("html", on_page), ("typst", on_paper)):
        text = bench.write(source, to)
        for piece in pieces:
            assert piece in text, f"{to}: {piece!r} is not in\n{text}"


def test_controls_that_need_a_script_are_hidden_until_it_runs(bench: Bench) -> None:
    """Quarto's own pages load no script of ours: there the browser's player stands alone."""
    page = bench.write(CLIP, "html")
    controls = re.findall(r'<(?:button|input|p class="time")[^>]*>', page)
    assert len(controls) == 3
    assert all('hidden="hidden"' in control for control in controls)
    assert '<audio controls="controls" preload="none">' in page


def test_a_narrow_cut_of_a_drawing_is_for_phones(bench: Bench) -> None:
    source = '![](/w-light.svg){.light-content fig-alt="A line."}'
    (bench.root / "w-light.svg").write_text(WAVE)
    assert "<picture>" not in bench.write(source, "html")
    (bench.root / "w-narrow-light.svg").write_text(WAVE.replace('"80"', '"40"'))
    page = bench.write(source, "html")
    cut = '<source media="(max-width: 40rem)" srcset="w-narrow-light.svg" width="40" height="20">'
    assert f'<picture>{cut}<img class="light" src="w-light.svg" alt="A line." width="80"' in page
    assert "narrow" not in bench.write(source, "typst")
    (bench.root / "plot.svg").write_text(WAVE)
    (bench.root / "plot-narrow.svg").write_text(WAVE.replace('"80"', '"40"'))
    assert 'srcset="plot-narrow.svg"' in bench.write(
        '![](/plot.svg){.dark-content fig-alt="A line."}', "html"
    )


# name of a construct: what the EPUB holds of it
IN_EPUB = {
    "exercise with its answer": ["Exercise\u00a01.1: Name", "Solutions"],
    "term": ["<dfn>", "frame rate"],
    "reported value": ['title="reported, as of September 2012, checked 24 November 2026"', "8\u00a0kHz"],
    "clip": ['<audio controls="controls">', ".mp3", 'alt="A line."', "<b>Clip\u00a01.1</b>"],
    "figure": ['alt="A line."', "<b>Figure\u00a01.1</b>", "It is flat."],
    "formula": ["<math", "(1.1)"],
    "one format only": ["Screen."],
}


def test_what_the_constructs_become_in_the_epub(bench: Bench) -> None:
    """All in one book, since an EPUB is written whole."""
    text = bench.epub("\n\n".join(WRITTEN[name][0] for name in IN_EPUB))
    for name, pieces in IN_EPUB.items():
        for piece in pieces:
            assert piece in text, f"{name}: {piece!r} is not in\n{text}"
    assert "Paper." not in text


def test_a_condition_leaves_the_other_out(bench: Bench) -> None:
    source = WRITTEN["one format only"][0]
    assert "Paper" not in bench.write(source, "html")
    assert "Screen" not in bench.write(source, "typst")


# name: (source, line of the fault, words of the message)
REFUSED = {
    "class": ("::: {.marquee}\nx\n:::", 3, "Div class `marquee`"),
    "attribute": ("Words\n[x]{.term color=red}.", 4, "Span attribute `color`"),
    "raw HTML": ("One.\n\n<video/>", 5, "raw html"),
    "line block": ("| one\n| two", 1, "line block"),
    "deep heading": ("##### Deep", 1, "heading of level 5"),
    "task list": ("- [x] Done", 3, "task list"),
    "anchor": ("[x](#nowhere)", 3, "#nowhere"),
    "reference": ("@tbl-none", 3, "@tbl-none refers to nothing"),
    "citation": ("[@nobody]", 3, "@nobody is not in the bibliography"),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_what_is_refused(name: str, bench: Bench) -> None:
    source, line, words = REFUSED[name]
    with pytest.raises(ManuscriptError) as caught:
        bench.write(source, "html")
    (finding,) = caught.value.findings
    assert (finding.path, finding.line) == ("c.qmd", line)
    assert words in finding.message
    assert finding.remedy
