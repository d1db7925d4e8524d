"""One headless Chromium, driven through `tests/web/driver.mjs` by JSON lines."""

import json
import os
import subprocess
from types import TracebackType
from typing import Any

from gates import tools


class Browser:
    """A Chromium that answers questions about a page; each question opens a fresh page and closes it again.

    Every answer is a JSON object and holds `trouble`: a list of sentences about requests to other hosts,
    broken security policy, console errors, uncaught exceptions and failed requests seen meanwhile.
    """

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [str(tools.node()), str(tools.WEB / "driver.mjs")],
            env={
                **os.environ,
                "BOOK_CHROMIUM": str(tools.chromium()),
                "BOOK_WEB_MODULES": str(tools.web_modules()),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, question: str, url: str, **options: Any) -> dict[str, Any]:
        """Ask one of the driver's questions about a page. Raises RuntimeError when it cannot answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"question": question, "url": url, **options}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"The browser driver ended with code {self.process.wait()}.")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{question} {url}: {answer['error']}")
        return answer

    def __enter__(self) -> "Browser":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
