"""The walls of the house: who may import whom, by the contracts in pyproject.toml."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def imports(path: Path) -> set[str]:
    """Dotted names of the modules that a Python file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"), str(path))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def lint_imports(root: Path) -> "subprocess.CompletedProcess[str]":
    """Check the contracts of pyproject.toml against the packages in `root/src` and `root/labs`."""
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--config", root / "pyproject.toml"],
        cwd=root,
        env={"PYTHONPATH": f"{root / 'src'}:{root}", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_import_contracts_hold() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_import_against_the_contracts_is_found(tmp_path: Path) -> None:
    """The contracts can fail: the same ones, on a copy in which servelab imports the authors' tools."""
    for path in [*(ROOT / "src").rglob("*.py"), *(ROOT / "labs").rglob("*.py"), ROOT / "pyproject.toml"]:
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    (tmp_path / "src" / "servelab" / "trespass.py").write_text("import bookkit\n", "utf-8")
    done = lint_imports(tmp_path)
    assert done.returncode != 0
    assert "servelab.trespass" in done.stdout


@pytest.mark.parametrize("path", sorted((ROOT / "src").rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_the_authors_tools_use_only_book_of_servelab(path: Path) -> None:
    if path.is_relative_to(ROOT / "src" / "bookkit"):
        used = {name for name in imports(path) if name.split(".")[0] == "servelab"} - {"servelab"}
        assert all(name.startswith("servelab.book") for name in used), used
