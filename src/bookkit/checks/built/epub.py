"""The EPUB edition, opened."""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from bookkit.checks.built.web import CSS_ADDRESS, Document, elements, read_xhtml, remote, split
from bookkit.manuscript import Finding

SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.I)
INSIDE = "Put the file into the EPUB."
MEND = "Mend the link in the source, or the EPUB writer."


class Epub:
    """`name` is how findings call the file. Raises zipfile.BadZipFile when it is none."""

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        with zipfile.ZipFile(path) as archive:
            names = [entry for entry in archive.namelist() if not entry.endswith("/")]
            self.files = {entry: archive.read(entry) for entry in names}
        self.documents = [
            read_xhtml(f"{name}!{entry}", data)
            for entry, data in self.files.items()
            if entry.endswith((".xhtml", ".html"))
        ]

    @property
    def alts(self) -> list[str]:
        """Alt text as delivered."""
        return [alt for document in self.documents for alt in document.alts]

    def findings(self) -> Iterator[Finding]:
        """Links, anchors, requests, and a manifest that fits the files."""
        yield from self._manifest()
        ids = {document.path.partition("!")[2]: set(document.ids) for document in self.documents}
        for document in self.documents:
            yield from document.findings
            for address in dict.fromkeys([*document.loads, *document.links]):
                if remote(address) or SCHEME.match(address):
                    if address in document.loads and remote(address):
                        line = document.line(address)
                        message = f"asks another host for {address}"
                        yield Finding(document.path, line, "built-remote", message, INSIDE)
                    continue
                yield from self._missing(document, address, ids)
        for entry, data in self.files.items():
            if entry.endswith(".css"):
                text = data.decode("utf-8")
                for match in CSS_ADDRESS.finditer(text):
                    address = match[1] or match[2]
                    line = 1 + text.count("\n", 0, match.start())
                    if remote(address):
                        message = f"asks another host for {address}"
                        place = f"{self.name}!{entry}"
                        yield Finding(place, line, "built-remote", message, INSIDE)
                    elif not SCHEME.match(address) and self._target(entry, address) not in self.files:
                        message = f"the address {address} leads to nothing"
                        yield Finding(f"{self.name}!{entry}", line, "built-link", message, MEND)

    def _target(self, entry: str, address: str) -> str:
        path = split(address)[0]
        return posixpath.normpath(posixpath.join(posixpath.dirname(entry), path)) if path else entry

    def _missing(self, document: Document, address: str, ids: dict[str, set[str]]) -> Iterator[Finding]:
        target, anchor = self._target(document.path.partition("!")[2], address), split(address)[1]
        line = document.line(address)
        if target not in self.files:
            message = f"the address {address} leads to nothing"
            yield Finding(document.path, line, "built-link", message, MEND)
        elif anchor and target in ids and anchor not in ids[target]:
            message = f"the anchor of {address} is not there"
            yield Finding(document.path, line, "built-anchor", message, MEND)

    def _manifest(self) -> Iterator[Finding]:
        from lxml import etree

        packages = [entry for entry in self.files if entry.endswith(".opf")]
        if not packages:
            message, remedy = "no package document", "Build the EPUB again."
            yield Finding(self.name, 0, "built-epub", message, remedy)
        for package in packages:
            tree = etree.fromstring(self.files[package])
            for name, attributes, _ in elements(tree):
                if name == "item" and self._target(package, attributes["href"]) not in self.files:
                    message = f"the manifest names {attributes['href']}, which is not inside"
                    yield Finding(f"{self.name}!{package}", 1, "built-epub", message, "Build the EPUB again.")
