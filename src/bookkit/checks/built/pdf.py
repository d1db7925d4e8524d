"""The PDF edition: destinations, links, and the words of its figures and formulas."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pypdf import PdfReader

from bookkit.manuscript import Finding

OUTSIDE = ("http://", "https://", "mailto:")
SPOKEN = ("/Figure", "/Formula")


class Pdf:
    """`name` is how findings call the file; they say the sheet, counted from 1, in place of a line."""

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        self.reader = PdfReader(path)
        self.alts: list[str] = []
        self.spoken: list[tuple[str, str]] = []
        self._structure()

    @property
    def sheets(self) -> int:
        """Pages of paper."""
        return len(self.reader.pages)

    def findings(self) -> Iterator[Finding]:
        """Links that lead nowhere, and figures and formulas without words."""
        known = set(self.reader.named_destinations)
        pages = {page.indirect_reference.idnum for page in self.reader.pages if page.indirect_reference}
        for sheet, page in enumerate(self.reader.pages, 1):
            notes: Any = page.get("/Annots")
            for reference in notes or []:
                fault = self._fault(reference.get_object(), known, pages)
                if fault:
                    yield Finding(self.name, sheet, "built-link", fault, "Mend the link in the source.")
        if not self.reader.outline:
            yield Finding(self.name, 0, "built-pdf", "the file has no outline", "Mend the PDF writer.")
        if "/StructTreeRoot" not in self.reader.root_object:
            yield Finding(self.name, 0, "built-pdf", "the file is not tagged", "Mend the PDF writer.")
        for kind, alt in self.spoken:
            if not alt.strip():
                message = f"a {kind} is delivered without alt text"
                yield Finding(self.name, 0, "built-alt", message, "Give it alt text in the source.")

    def _fault(self, note: Any, known: set[str], pages: set[int]) -> str:
        if note.get("/Subtype") != "/Link":
            return ""
        action: Any = note.get("/A")
        action = action.get_object() if action is not None else {}
        if action.get("/S") == "/URI":
            address = str(action.get("/URI"))
            return "" if address.startswith(OUTSIDE) else f"the address {address} leads nowhere from a PDF"
        if action and action.get("/S") not in ("/GoTo", None):
            return f"a link with the action {action.get('/S')}"
        target = action.get("/D") if action else note.get("/Dest")
        target = target.get_object() if hasattr(target, "get_object") else target
        if target is None:
            return "a link without a destination"
        if isinstance(target, list):
            first = target[0] if target else None
            number = getattr(first, "idnum", None)
            return "" if number in pages else "a link to a page that is not there"
        return "" if str(target) in known else f"the destination {target} is not there"

    def _structure(self) -> None:
        root = self.reader.root_object.get("/StructTreeRoot")
        waiting: list[Any] = [root] if root is not None else []
        seen: set[int] = set()
        while waiting:
            node = waiting.pop()
            number = getattr(node, "idnum", None)
            if number is not None:
                if number in seen:
                    continue
                seen.add(number)
            node = node.get_object() if hasattr(node, "get_object") else node
            if isinstance(node, list):
                waiting.extend(node)
            elif isinstance(node, dict):
                if node.get("/S") in SPOKEN:
                    alt = str(node.get("/Alt", ""))
                    self.spoken.append((str(node["/S"])[1:].lower(), alt))
                    self.alts.append(alt)
                if "/K" in node:
                    waiting.append(node.raw_get("/K") if hasattr(node, "raw_get") else node["/K"])
