"""Which files, other than the chapter's own, can change what its cells give."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

NUMBERS = ("sources/facts.yml", "labs/results/*.json")
"""What `servelab.book` reads."""


def used_files(root: Path, codes: Iterable[str]) -> list[Path]:
    """Modules of ours that the code imports (and those that they import), and files that it names.

    A string constant that is the path of a file below `root` names that file. Sorted; without packages from
    the registries, whose versions `constraints.txt` holds.
    """
    found: set[Path] = set()
    for code in codes:
        tree = _tree(code)
        found |= {path for name in _imports(tree, "") for path in _module(root, name)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and 3 < len(node.value) < 200:
                path = root / node.value.lstrip("/")
                if "\0" not in node.value and "\n" not in node.value and path.is_file():
                    found.add(path)
    queue = [path for path in found if path.suffix == ".py"]
    while queue:
        new = {p for name in _imports_of_file(root, queue.pop()) for p in _module(root, name)} - found
        found |= new
        queue += new
    if any(path.parts[-2:] == ("servelab", "book.py") for path in found):
        found |= {path for pattern in NUMBERS for path in root.glob(pattern)}
    return sorted(found)


def digest(paths: Iterable[Path], root: Path) -> str:
    """SHA-256 over the files' places and contents, the same wherever the book's folder stands."""
    total = hashlib.sha256()
    for path in paths:
        place = path.relative_to(root) if path.is_relative_to(root) else Path(*path.parts[-3:])
        total.update(f"{place.as_posix()}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def _tree(code: str) -> ast.Module:
    try:
        return ast.parse(code)
    except SyntaxError:  # magics, or a fault that the kernel will report
        try:
            return ast.parse("\n".join(re.findall(r"(?m)^(?:import|from)[ \t].*$", code)))
        except SyntaxError:
            return ast.Module([], [])


def _imports(tree: ast.Module, package: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _imports_of_file(root: Path, path: Path) -> Iterator[str]:
    package: list[str] = []
    folder = path.parent
    while (folder / "__init__.py").is_file():
        package.insert(0, folder.name)
        folder = folder.parent
    return _imports(_tree(path.read_text("utf-8")), ".".join(package))


def _module(root: Path, name: str) -> list[Path]:
    """Files of a module of ours, its packages' first; empty for any other module."""
    parts = name.split(".")
    home = _home(root, parts[0])
    if home is None:
        return []
    files = []
    for length in range(1, len(parts) + 1):
        place = home.joinpath(*parts[:length])
        files += [path for path in (place / "__init__.py", place.with_suffix(".py")) if path.is_file()]
    return files


@lru_cache
def _home(root: Path, top: str) -> Path | None:
    """The folder that holds the package, if it is ours."""
    for folder in (root, root / "src"):
        if (folder / top / "__init__.py").is_file() or (folder / f"{top}.py").is_file():
            return folder
    if top == "servelab":
        spec = importlib.util.find_spec(top)
        if spec and spec.origin:
            return Path(spec.origin).parent.parent
    return None
