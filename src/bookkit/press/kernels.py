"""Kernels for cells and notebooks: this interpreter, on sockets of its own, in a fixed environment.

The sockets are files in the kernel's own folder (`transport="ipc"`). Over TCP, the default, others on the
machine could read along, and each kernel says so in the build's log.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager

from bookkit.press.kernel import FIXED, SVG_SETTINGS

SOCKET_PATH_BYTES = 107
SOCKET_NAME_BYTES = 32
"""Room for what stands after the folder for temporary files: `/press-` with eight letters, `/k-ipc-5`."""


class OwnPython(KernelSpecManager):  # type: ignore[misc, unused-ignore]
    """Knows one kernel: this interpreter, whatever is installed for the user."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """The same for every name."""
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name="Python 3", language="python")


class OwnKernel(AsyncKernelManager):  # type: ignore[misc, unused-ignore]
    """One kernel with a folder of its own, which holds its sockets and settings and goes with it."""

    def __init__(self, **given: Any) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="press-", dir=short_folder()))
        super().__init__(
            transport="ipc",
            connection_file=str(self.home / "k.json"),
            kernel_spec_manager=OwnPython(),
            **given,
        )

    async def start_kernel(self, **given: Any) -> None:  # type: ignore[override, unused-ignore]
        """Start it with FIXED laid over this process's environment."""
        settings = self.home / "matplotlibrc"
        settings.write_text(SVG_SETTINGS, "utf-8")
        own = {"IPYTHONDIR": str(self.home), "MATPLOTLIBRC": str(settings)}
        await super().start_kernel(**{**given, "env": {**os.environ, **FIXED, **own}})

    async def shutdown_kernel(self, now: bool = False, restart: bool = False) -> None:  # type: ignore[override, unused-ignore]
        """Kill it and what it has started. Asked politely, it would first write into the log that it was."""
        if self.has_kernel:
            await self.signal_kernel(signal.SIGKILL)
        await super().shutdown_kernel(now=True, restart=restart)
        await self.cleanup_resources(restart=restart)

    async def cleanup_resources(self, restart: bool = False) -> None:  # type: ignore[override, unused-ignore]
        """Remove the folder too; this comes after every end, the kernel's own death among them."""
        await super().cleanup_resources(restart=restart)
        shutil.rmtree(self.home, ignore_errors=True)


def short_folder() -> str | None:
    """The folder for temporary files, unless its path is too long for a socket's in it."""
    long = len(os.fsencode(tempfile.gettempdir())) > SOCKET_PATH_BYTES - SOCKET_NAME_BYTES
    return "/tmp" if long else None
