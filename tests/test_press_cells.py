"""What a cell depends on, and how its outputs become Markdown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookkit.manuscript import ManuscriptError, Project, load
from bookkit.manuscript.cells import NARROW
from bookkit.press.execute import key, outputs, steps
from bookkit.press.modules import used_files
from bookkit.press.weave import clean_svg, div, fence, quoted, weave

PLAN = "project:\n  type: book\nbook:\n  title: T\n  chapters: [c.qmd]\nexecute:\n  timeout: 20\n"


def book(root: Path, text: str) -> Project:
    (root / "_quarto.yml").write_text(PLAN)
    (root / "c.qmd").write_text("# T\n\n" + text)
    return load(root)


def woven(root: Path, text: str) -> str:
    project = book(root, text)
    given = outputs(project, project.chapters, root / "kept", lambda *_: None)
    return weave(project, project.chapters[0], given["c.qmd"])


def test_files_that_cells_use(tmp_path: Path) -> None:
    for name in ("src/tool/__init__.py", "src/tool/other.py", "data/in.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "src/tool/inner.py").write_text("from .other import x\nimport numpy\n")
    used = used_files(
        tmp_path, ["from tool.inner import y\nopen('data/in.csv')", "%matplotlib inline\nimport os"]
    )
    assert [path.relative_to(tmp_path).as_posix() for path in used] == [
        "data/in.csv",
        "src/tool/__init__.py",
        "src/tool/inner.py",
        "src/tool/other.py",
    ]


def test_the_key_follows_code_and_modules_but_not_prose(tmp_path: Path) -> None:
    (tmp_path / "tool.py").write_text("x = 1\n")
    cell = "```{python}\n#| label: a\nimport tool\n```\n"

    def now(text: str) -> str:
        project = book(tmp_path, text)
        return key(project, project.chapters[0], steps(project, project.chapters[0]))

    first = now(f"One word.\n\n{cell}")
    assert now(f"Another word.\n\n{cell.replace('label: a', 'label: b')}") == first
    assert now(cell + "\n`{python} 1`\n") != first
    (tmp_path / "tool.py").write_text("x = 2\n")
    assert now(cell) != first


def test_values_are_words_with_their_number(tmp_path: Path) -> None:
    text = woven(
        tmp_path,
        "```{python}\n#| include: false\nclass V:\n    def _repr_markdown_(self):\n"
        "        return '[1 B]{.computed}'\n```\n\n"
        "It is `{python} '*a* [c]'`, `{python} 2 + 2`, `{python} V()`.\n",
    )
    assert (
        '[\\*a\\* \\[c\\]]{.value n="1-1"}, [4]{.value n="1-2"}, [[1 B]{.computed}]{.value n="1-3"}.' in text
    )


def test_the_form_for_phones_stands_beside_its_plot(tmp_path: Path) -> None:
    forms = {"image/svg+xml": "<svg>a</svg>", NARROW: "<svg>b</svg>"}
    show = f"display({forms}, raw=True)"
    plain = "display({'image/svg+xml': '<svg>a</svg>'}, raw=True)"
    text = woven(
        tmp_path, "".join(f"```{{python}}\n#| fig-alt: words\n{code}\n```\n\n" for code in (show, plain))
    )
    both, alone = re.findall(r"!\[\]\(/(.*?)\.svg\)", text)
    assert (
        (tmp_path / f"{both}.svg").read_text() == (tmp_path / f"{alone}.svg").read_text() == "<svg>a</svg>\n"
    )
    assert (tmp_path / f"{both}-narrow.svg").read_text() == "<svg>b</svg>\n"
    assert not (tmp_path / f"{alone}-narrow.svg").exists()


@pytest.mark.parametrize(
    ("text", "rule", "line", "words"),
    [
        ("```{python}\nx = 1\n1 / 0\n```\n", "cell-error", 5, "ZeroDivisionError"),
        ("a `{python} nothing`\n", "cell-error", 3, "NameError"),
        ("a `{python} None`\n", "cell-error", 3, "gives None"),
        ("```{python}\n#| output: true\nx = (\n```\n", "cell-error", 5, "SyntaxError"),
        ("```{python}\nfrom IPython.display import HTML\nHTML('<b>x</b>')\n```\n", "html-output", 3, "HTML"),
        ("```{python}\nimport os\nos._exit(3)\n```\n", "kernel-death", 3, "ended its kernel"),
    ],
)
def test_faults_of_cells(tmp_path: Path, text: str, rule: str, line: int, words: str) -> None:
    with pytest.raises(ManuscriptError) as caught:
        woven(tmp_path, text)
    (finding,) = caught.value.findings
    assert (finding.path, finding.line, finding.rule) == ("c.qmd", line, rule)
    assert words in finding.message


def test_a_cell_over_the_chapters_time_limit(tmp_path: Path) -> None:
    book(tmp_path, "```{python}\nimport time\ntime.sleep(30)\n```\n")
    page = tmp_path / "c.qmd"
    page.write_text("---\nexecute: {timeout: 1}\n---\n" + page.read_text())
    project = load(tmp_path)
    with pytest.raises(ManuscriptError, match=r"c\.qmd:6: cell-timeout: .*more than 1 s"):
        outputs(project, project.chapters, tmp_path / "kept", lambda *_: None)


def test_svg_is_the_drawing_alone() -> None:
    head = '<?xml version="1.0"?>\n<!DOCTYPE svg PUBLIC "a"\n "b">\n<svg>\n'
    text = head + " <metadata><date>2026</date></metadata>\n <g/><!-- x --></svg>"
    assert clean_svg(text) == "<svg>\n <g/></svg>\n"


@given(st.text(alphabet="`~: a\n", max_size=60))
def test_nothing_inside_closes_a_fence(text: str) -> None:
    lines = fence(text, ".text").split("\n")
    ticks = lines[0].split(" ")[0]
    assert not any(re.fullmatch(rf" *{ticks}`* *", line) for line in lines[1:-1])
    lines = div(".cell", text).split("\n")
    colons = lines[0].split(" ")[0]
    assert not any(line.strip() == colons for line in lines[1:-1])


@given(st.text(max_size=30))
def test_an_attribute_stays_in_its_quotes(text: str) -> None:
    inner = quoted(text)[1:-1]
    assert not re.search(r'(?<!\\)(?:\\\\)*"', inner)
    assert "\n" not in inner
