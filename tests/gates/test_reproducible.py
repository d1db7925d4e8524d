"""The same commit gives the same bytes: two clones in different folders, each built with its own code."""

import os
import subprocess
import sys
from pathlib import Path

from gates.small_book import tree
from gates.tools import ROOT


def clone(target: Path) -> Path:
    """A clone of the commit that is checked out here; what is not committed is not in it."""
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(target)], check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    subprocess.run(["git", "checkout", "--quiet", "--detach", head.stdout.strip()], cwd=target, check=True)
    return target


def build(root: Path) -> "subprocess.Popen[str]":
    """Begin to build all editions of a clone with its own code, this environment and an empty cache."""
    paths = os.pathsep.join([str(root / "src"), str(root)])
    return subprocess.Popen(
        [str(Path(sys.executable).with_name("bookkit")), "build", "all", "--root", str(root)],
        cwd=root, env={**os.environ, "PYTHONPATH": paths}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def test_two_clones_give_the_same_bytes(tmp_path: Path) -> None:
    roots = [clone(tmp_path / "one"), clone(tmp_path / "a" / "longer path with spaces")]
    for builder in [build(root) for root in roots]:
        said = builder.communicate(timeout=580)[0]
        assert builder.returncode == 0, said[-4000:]
    first, second = (tree(root / "_book") for root in roots)
    assert {Path(name).suffix for name in first} >= {".html", ".pdf", ".epub"}
    assert sorted(first) == sorted(second)
    different = [name for name, digest in first.items() if second[name] != digest]
    assert not different, different[:20]
