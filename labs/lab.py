"""What a lab is, and what a lab may need from Debian."""

from __future__ import annotations

import importlib
import os
import pkgutil
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import labs
from labs.record import Values
from labs.session import MissingPartError, Session


@dataclass(frozen=True)
class Outcome:
    """What one run of a lab gives: its values, the inputs' digests, the versions, and what a reader must
    know."""

    what: str
    seed: int
    values: Values
    sha256: Mapping[str, str]
    versions: Mapping[str, str]
    notes: Sequence[str]


@dataclass(frozen=True)
class Lab:
    """One measurement. `debian` names the packages that `run` installs as root; `run` gets a session, in
    which its timed steps come first."""

    name: str
    title: str
    what: str
    why: str
    takes: str
    needs: str
    run: Callable[[Session], Outcome]
    debian: Sequence[str] = ()

    @property
    def module(self) -> str:
        """The module that defines `run`."""
        return self.run.__module__


def every_lab() -> dict[str, Lab]:
    """All labs by name: each module of this package that defines `LAB`."""
    modules = (
        importlib.import_module(f"labs.{found.name}")
        for found in pkgutil.iter_modules(labs.__path__)
        if not found.name.startswith("_")
    )
    found = [module.LAB for module in modules if hasattr(module, "LAB")]
    return {lab.name: lab for lab in found}


def require_debian(package: str, probe: Path) -> None:
    """Make sure that Debian's `package` is here, which brings `probe`; as root, install it.

    Raises `MissingPartError` naming the command when it is missing and this is no root, or when apt fails.
    """
    if probe.exists():
        return
    command = ["apt-get", "install", "--yes", "--no-install-recommends", package]
    by_hand = f"install Debian's package {package}: sudo apt-get update && sudo {' '.join(command)}"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise MissingPartError(by_hand)
    subprocess.run(["apt-get", "update"], capture_output=True, check=False)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0 or not probe.exists():
        raise MissingPartError(f"{by_hand} (tried as root: {done.stderr.strip()[-200:]})")
