"""What is committed: nothing of the machine it was written on, and a README whose commands exist."""

import importlib.metadata
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parents[1]

# Written in pieces, so that this file does not hold what it looks for. A folder counts where a path begins,
# not inside an address of the web.
REGISTRIES = [
    "registry." + "npmjs", "registry." + "yarnpkg", "files." + "pythonhosted", "pypi." + "org/simple",
    "deb." + "debian.org", "--index" + "-url", "extra-index" + "-url",
]  # fmt: skip
FOLDERS = ["/wo" + "rk/", "/ho" + "me/", "/ro" + "ot/", "/Us" + "ers/"]
FORBIDDEN = re.compile(
    "|".join(
        [*map(re.escape, REGISTRIES), *(rf"(?<![\w.:/~-]){re.escape(folder)}" for folder in FOLDERS)]
    ).encode(),
    re.IGNORECASE,
)


@cache
def committed() -> list[Path]:
    """Every file that git knows here and that is there."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def faults(data: bytes) -> list[str]:
    """What of the forbidden a file's content holds."""
    return sorted({match.decode() for match in FORBIDDEN.findall(data)})


def test_nothing_committed_names_a_registry_or_this_machine() -> None:
    found = [f"{path.relative_to(ROOT)}: {faults(path.read_bytes())}" for path in committed()]
    assert [fault for fault in found if not fault.endswith("[]")] == []


@pytest.mark.parametrize("word", [*REGISTRIES, *FOLDERS])
def test_a_forbidden_word_is_found(word: str) -> None:
    assert faults(f"a line with {word.upper()} in it".encode())


def test_a_folder_inside_an_address_is_not_one_of_a_machine() -> None:
    assert faults(b"see https://example.org" + FOLDERS[1].encode() + b"page") == []


@pytest.mark.parametrize("path", sorted(ROOT.glob("tests/**/package-lock.json")), ids=lambda p: p.parent.name)
def test_a_lock_file_pins_by_digest_and_not_by_address(path: Path) -> None:
    packages = json.loads(path.read_text("utf-8"))["packages"]
    assert [name for name, package in packages.items() if "resolved" in package] == []
    assert [name for name, package in packages.items() if name and "integrity" not in package] == []


def test_package_json_names_exact_versions() -> None:
    wanted = json.loads((ROOT / "tests" / "web" / "package.json").read_text("utf-8"))["dependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values()), wanted


def commands_of(text: str) -> set[str]:
    """The commands that a text tells its reader to type after `just` or `./just`, in code."""
    code = "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL))
    return set(re.findall(r"(?:^|[\s`])(?:\./)?just (?:\w+=\S+ )*([a-z][a-z-]*)", code))


@cache
def recipes() -> set[str]:
    """The public recipes of the justfile."""
    text = (ROOT / "justfile").read_text("utf-8")
    return set(re.findall(r"^([a-z][\w-]*)(?: [^\n]*?)?:(?!=)", text, re.MULTILINE))


@pytest.mark.parametrize("name", ["README.md", "AGENTS.md"])
def test_commands_that_a_document_names_exist(name: str) -> None:
    named = commands_of((ROOT / name).read_text("utf-8"))
    assert named, f"{name} names no command"
    assert named <= recipes(), f"the justfile has {sorted(recipes())}"


def test_just_alone_lists_the_commands_where_it_is_on_no_path() -> None:
    command = str(Path(sys.executable).with_name("just"))
    run = subprocess.run([command], cwd=ROOT, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "build-all" in run.stdout


def test_commands_are_read_out_of_a_document() -> None:
    text = (
        "Type `./just build-all`, `just engine=quarto build` or\n```sh\n./just nonsense\n```\nnot just prose."
    )
    assert commands_of(text) == {"build-all", "build", "nonsense"}


def test_every_pinned_package_installs_on_the_first_python_3_11() -> None:
    """Debian's 3.11 stays at 3.11.2; for a package that wants a later one pip finds nothing to install."""
    wanted = {
        f"{found.name} {found.version}": versions
        for found in importlib.metadata.distributions()
        for versions in found.metadata.get_all("Requires-Python") or []
    }
    assert wanted
    assert [name for name, versions in wanted.items() if "3.11.0" not in SpecifierSet(versions)] == []
