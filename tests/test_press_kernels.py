"""The kernels of cells and notebooks: silent, each on sockets of its own, all in one environment."""

from __future__ import annotations

import json
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
import pytest

from bookkit.manuscript import Project, load
from bookkit.press import kernels
from bookkit.press.analysis import run
from bookkit.press.execute import outputs

PLAN = "project:\n  type: book\nbook:\n  title: T\n  chapters: [a.qmd, b.qmd]\n"
CELL = "```{python}\nimport os\nprint(os.getpid(), os.environ['PYTHONHASHSEED'], os.environ['TZ'])\n```\n"


def book(root: Path) -> Project:
    (root / "_quarto.yml").write_text(PLAN)
    for name in "ab":
        (root / f"{name}.qmd").write_text(f"# {name.upper()}\n\n{CELL}")
    return load(root)


def notebook(place: Path) -> Path:
    v4: Any = nbformat.v4
    cell = v4.new_code_cell("import os\nprint(os.getpid(), os.environ['PYTHONHASHSEED'], os.environ['TZ'])")
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    writes: Any = nbformat.writes
    place.write_text(writes(v4.new_notebook(cells=[cell], metadata=kernel)), "utf-8")
    return place


def printed(executed: Path) -> list[str]:
    found = json.loads(executed.read_text("utf-8"))
    return [str("".join(one["text"])) for cell in found["cells"] for one in cell.get("outputs", [])]


def test_cells_and_notebooks_at_once_leave_the_log_and_the_disk_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Two kernels for chapters and two for notebooks, four processes; nothing of theirs is left behind."""
    homes = tmp_path / "homes"
    homes.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(homes))
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    project = book(tmp_path)
    sources = [notebook(tmp_path / f"{name}.ipynb") for name in "cd"]
    with ThreadPoolExecutor(3) as pool:
        cells = pool.submit(outputs, project, project.chapters, tmp_path / "kept", lambda *_: None)
        done = list(pool.map(lambda one: run(one, tmp_path / "out" / one.name, tmp_path, {}), sources))
        assert len(done) == 2
        given = cells.result()
    said = [step[0]["text"] for steps in given.values() for step in steps]
    said += [text for one in sources for text in printed(tmp_path / "out" / one.name)]
    assert {text.split(" ", 1)[1] for text in said} == {"0 UTC\n"}
    assert len({text.split()[0] for text in said}) == 4
    assert list(homes.iterdir()) == []
    assert "".join(capfd.readouterr()) == ""


def test_a_folder_too_deep_for_sockets_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / ("deep" * 25)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    assert kernels.short_folder() == "/tmp"
    project = book(tmp_path)
    given = outputs(project, project.chapters, tmp_path / "kept", lambda *_: None)
    assert [len(steps) for steps in given.values()] == [1, 1]
    assert list(deep.iterdir()) == []
