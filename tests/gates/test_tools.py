"""A missing tool fails its gate with the command that installs it; nothing is skipped."""

import ast
import json
import os
import stat
from pathlib import Path

import pytest

from gates import tools


def fresh(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """A machine whose search path is `path` alone, on which nothing has been found yet."""
    monkeypatch.setenv("PATH", str(path))
    monkeypatch.delenv("CHROME", raising=False)


def program(path: Path) -> Path:
    """A program that does nothing."""
    path.write_text("#!/bin/sh\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_chrome_names_the_browser(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mine = program(tmp_path / "mine")
    monkeypatch.setenv("CHROME", str(mine))
    assert tools.chromium.__wrapped__() == mine
    monkeypatch.setenv("CHROME", str(tmp_path / "absent"))
    with pytest.raises(tools.MissingTool, match="Run: export CHROME="):
        tools.chromium.__wrapped__()


def test_an_installed_chromium_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fresh(monkeypatch, tmp_path)
    installed = program(tmp_path / "chromium")
    assert tools.chromium.__wrapped__() == installed


def test_without_chromium_the_command_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fresh(monkeypatch, tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(tools.MissingTool, match="Run: apt-get update && apt-get install"):
        tools.chromium.__wrapped__()


def test_what_npm_cannot_install_is_named(tmp_path: Path) -> None:
    """A lock file that does not belong to its package.json fails before any registry is asked."""
    package = {"name": "x", "version": "1.0.0", "dependencies": {"axe-core": "4.14.1"}}
    lock = {"name": "x", "version": "1.0.0", "lockfileVersion": 3, "packages": {"": {"name": "x"}}}
    (tmp_path / "package.json").write_text(json.dumps(package))
    (tmp_path / "package-lock.json").write_text(json.dumps(lock))
    with pytest.raises(tools.MissingTool, match="npm ci --ignore-scripts"):
        tools.npm_ci(tmp_path)


@pytest.mark.parametrize("path", sorted(tools.ROOT.glob("tests/**/*.py")), ids=lambda p: p.name)
def test_no_test_skips(path: Path) -> None:
    """Neither `skip` nor `importorskip` nor `xfail` of pytest is used anywhere in the tests."""
    forbidden = {"skip", "skipif", "importorskip", "xfail"}
    used = {
        node.attr
        for node in ast.walk(ast.parse(path.read_text("utf-8"), str(path)))
        if isinstance(node, ast.Attribute)
    }
    assert not used & forbidden
