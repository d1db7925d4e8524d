"""The scanner loses nothing, finds every cell once, and keeps line numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bookkit.manuscript import (
    Cell,
    Comment,
    Include,
    Inline,
    ManuscriptError,
    Prose,
    Shortcode,
    Verbatim,
    scan,
)
from bookkit.manuscript.source import MARKER

WORDS = st.text(
    st.characters(codec="utf-8", exclude_characters="`~<>{}\\\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"),
    max_size=20,
)
BLOCKS = st.one_of(
    st.tuples(st.just("prose"), WORDS.map(lambda w: f"A {w}\n")),
    st.tuples(st.just("blank"), st.just("\n")),
    st.tuples(
        st.just("cell"),
        WORDS.map(lambda w: f"```{{python}}\n#| echo: false\n\n# {w} `{{python}} no` <!-- no\nx = 1\n```\n"),
    ),
    st.tuples(st.just("cell"), st.just("   ````{python}\n   '''\n   ```\n   '''\n   ````\n")),
    st.tuples(
        st.just("verbatim"), WORDS.map(lambda w: f"~~~ {{.md}}\n{w}\n```{{python}}\n`{{python}} no`\n~~~\n")
    ),
    st.tuples(st.just("verbatim"), st.just("```json\n{{< no >}}\n```\n")),
    st.tuples(st.just("inline"), WORDS.map(lambda w: f"Value `{{python}} x + 1` of {w}\n")),
    st.tuples(st.just("comment"), WORDS.map(lambda w: f"<!-- {w}\n```{{python}}\n`{{python}} no` -->\n")),
    st.tuples(st.just("prose"), st.just("A ``span with `{python} no` inside`` and `<!-- code -->` \\`\n")),
    st.tuples(st.just("shortcode"), st.just("{{< pagebreak >}}\n")),
)
KINDS = {"cell": Cell, "verbatim": Verbatim, "inline": Inline, "comment": Comment, "shortcode": Shortcode}


def write(root: Path, text: str, name: str = "c.qmd") -> None:
    (root / name).write_bytes(text.encode())


@settings(max_examples=150, deadline=None)
@given(front=st.sampled_from(["", "---\ndek: a\n---\n"]), blocks=st.lists(BLOCKS, max_size=12))
def test_round_trip_kinds_and_lines(
    tmp_path_factory: pytest.TempPathFactory, front: str, blocks: list[tuple[str, str]]
) -> None:
    root = tmp_path_factory.getbasetemp()
    text = front + "".join(block for _, block in blocks)
    write(root, text)
    source = scan(root, "c.qmd")
    assert source.front_raw + "".join(piece.raw for piece in source.pieces) == text
    for name, kind in KINDS.items():
        expected, line = [], 1 + front.count("\n")
        for block_kind, block in blocks:
            if block_kind == name:
                expected.append(line)
            line += block.count("\n")
        assert [piece.line for piece in source.pieces if type(piece) is kind] == expected, name
    lines = text.split("\n")
    for cell in source.cells:
        assert cell.code.split("\n")[0] in lines[cell.code_line - 1]
    for path, number, shown in source.prose_lines():
        assert path == "c.qmd"
        for part in shown.split(MARKER):
            assert part in lines[number - 1]


@settings(max_examples=300, deadline=None)
@given(text=st.text(alphabet="`~{}<>!-\\ \n#|apython", max_size=60))
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    root = tmp_path_factory.getbasetemp()
    write(root, "\n" + text)
    lines: list[int] = []
    try:
        pieces = scan(root, "c.qmd").pieces
    except ManuscriptError as error:
        lines = [finding.line for finding in error.findings]
    else:
        assert "".join(piece.raw for piece in pieces) == "\n" + text
    assert all(1 <= line <= 2 + text.count("\n") for line in lines)


def test_pieces_of_an_included_file_keep_their_own_lines(tmp_path: Path) -> None:
    (tmp_path / "inc").mkdir()
    write(tmp_path, "# T\n\n{{< include /inc/a.qmd >}}\n\nafter `{python} 2`\n")
    write(tmp_path, "first\n\nvalue `{python} 1`\n", "inc/a.qmd")
    source = scan(tmp_path, "c.qmd")
    assert [(i.path, i.line, i.expression) for i in source.inlines] == [
        ("inc/a.qmd", 3, "1"),
        ("c.qmd", 5, "2"),
    ]
    assert source.includes == ("inc/a.qmd",)
    assert any(isinstance(piece, Include) for piece in source.pieces)
    assert [line for line in source.prose_lines() if line.text.startswith(("value", "after"))] == [
        ("inc/a.qmd", 3, f"value {MARKER}"),
        ("c.qmd", 5, f"after {MARKER}"),
    ]


def test_cell_options_label_and_code(tmp_path: Path) -> None:
    write(
        tmp_path,
        "# T\n\n```{python}\n#| label: one\n#| renderings: [light, dark]\n#| fig-alt: words\n\nx = 1\n```\n",
    )
    (cell,) = scan(tmp_path, "c.qmd").cells
    assert (cell.label, cell.code, cell.code_line, cell.line) == ("one", "x = 1", 8, 3)
    assert cell.option_lines["fig-alt"] == 6


def test_headings_and_languages(tmp_path: Path) -> None:
    write(
        tmp_path,
        "# One {#sec-one .unnumbered}\n\n## Two\n\n```{.json .slider-data}\n{}\n```\n\n```sh\n# no\n```\n",
    )
    source = scan(tmp_path, "c.qmd")
    assert [(h.level, h.text, h.id, h.classes) for h in source.headings] == [
        (1, "One", "sec-one", ("unnumbered",)),
        (2, "Two", "", ()),
    ]
    assert [v.language for v in source.verbatims] == ["json", "sh"]
    assert source.locate("## Two") == ("c.qmd", 3)


@pytest.mark.parametrize(
    ("text", "line", "rule"),
    [
        ("a\n\n{{< video x >}}\n", 3, "shortcode"),
        ("a\n{{< pagebreak\n", 2, "shortcode"),
        ("a\n\n```{bash}\nls\n```\n", 3, "cell-language"),
        ("a\n\n```{python .x}\n1\n```\n", 3, "cell-language"),
        ("a `{r} 1`\n", 1, "cell-language"),
        ("a\n`{python} 1 +\n 2`\n", 2, "inline-cell"),
        ("```\nopen\n", 1, "fence"),
        ("a\n<!-- open\n", 2, "comment"),
        ("---\na: [\n---\n", 3, "yaml"),
        ("---\n- a\n---\n", 2, "yaml"),
        ("---\na: 1\n", 1, "yaml"),
        ("```{python}\n#| echo: false\n#| fig-width: 3\n1\n```\n", 3, "cell-option"),
        ("```{python}\n#| echo: no thanks\n1\n```\n", 2, "cell-option"),
        ("```{python}\n#| echo: [\n1\n```\n", 2, "yaml"),
        ("a\n{{< include gone.qmd >}}\n", 2, "include"),
        ("a {{< include c.qmd >}}\n", 1, "include"),
        ("{{< include c.qmd >}}\n", 1, "include"),
    ],
)
def test_faults_name_file_line_and_remedy(tmp_path: Path, text: str, line: int, rule: str) -> None:
    write(tmp_path, text)
    with pytest.raises(ManuscriptError) as caught:
        scan(tmp_path, "c.qmd")
    finding = caught.value.findings[0]
    assert (finding.path, finding.line, finding.rule) == ("c.qmd", line, rule)
    assert finding.remedy
    assert str(finding).startswith(f"c.qmd:{line}: {rule}: ")


def test_text_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "c.qmd").write_bytes(b"# T\n\nna\xefve\n")
    with pytest.raises(ManuscriptError, match=r"c\.qmd:3: encoding: byte 0xef"):
        scan(tmp_path, "c.qmd")


def test_text_between_spans_stays_prose(tmp_path: Path) -> None:
    write(tmp_path, "A stray ` tick\n```{python}\n1 # `\n```\n")
    source = scan(tmp_path, "c.qmd")
    assert [type(piece) for piece in source.pieces] == [Prose, Cell]
