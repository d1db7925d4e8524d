"""Pandoc processes that stay: they take job after job, say what went wrong, and are started again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bookkit.press.files import ToolError
from bookkit.press.workers import Workers


def parse_job(folder: Path, name: str, text: str) -> tuple[Path, Path]:
    """A job that parses `text`, and the file that it writes."""
    woven, ast = folder / f"{name}.md", folder / f"{name}.ast"
    woven.write_text(text)
    chapter = {"source": "c.qmd", "woven": str(woven), "ast": str(ast), "labels": str(folder / f"{name}.lab")}
    job = folder / f"{name}.json"
    job.write_text(json.dumps({"step": "parse", "root": str(folder), "chapters": [chapter]}))
    return job, ast


def test_one_process_takes_job_after_job(tmp_path: Path) -> None:
    with Workers() as workers:
        for text in ("First words.", "Second words."):
            job, ast = parse_job(tmp_path, text[:5], text)
            workers.run([job])
            assert text[:5] in ast.read_text()
        (process,) = (process for process, _ in workers._running)
    assert process.poll() is not None


def test_a_job_that_fails_leaves_the_processes_in_order(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"step": "juggle"}')
    good, ast = parse_job(tmp_path, "good", "Words.")
    with Workers() as workers:
        with pytest.raises(ToolError, match="unknown step juggle"):
            workers.run([wrong, good])
        assert "Words" in ast.read_text()
        ast.unlink()
        workers.run([good, parse_job(tmp_path, "more", "More.")[0]])
        assert "Words" in ast.read_text()


def test_a_process_that_died_is_named_and_replaced(tmp_path: Path) -> None:
    job, ast = parse_job(tmp_path, "a", "Words.")
    with Workers() as workers:
        workers.run([job])
        workers._running[0][0].kill()
        with pytest.raises(ToolError, match="pandoc was ended by signal 9"):
            workers.run([job])
        ast.unlink()
        workers.run([job])
        assert "Words" in ast.read_text()
