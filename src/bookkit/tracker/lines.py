"""YAML whose every key knows its line, and in which no key stands twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from bookkit.manuscript import Finding, ManuscriptError
from bookkit.manuscript.files import LOADER, yaml_mapping

Keys = tuple[str | int, ...]


@dataclass(frozen=True)
class Marked:
    """The mapping of a YAML file, and the line of each place in it (keys and list positions from the top)."""

    path: str
    data: dict[str, Any]
    lines: dict[Keys, int]

    def line(self, *keys: str | int) -> int:
        """The line of a place, or of the nearest place around it that is written in the file."""
        while keys and keys not in self.lines:
            keys = keys[:-1]
        return self.lines.get(keys, 1)

    def finding(self, keys: Keys, rule: str, message: str, remedy: str) -> Finding:
        """A finding at a place."""
        return Finding(self.path, self.line(*keys), rule, message, remedy)


def read(text: str, path: str) -> Marked:
    """Parse `text`. Raises ManuscriptError for what is no YAML mapping and for a key that stands twice."""
    data = yaml_mapping(text, path, 1, path)
    lines: dict[Keys, int] = {}
    findings: list[Finding] = []
    loader = LOADER(text)
    try:
        node = loader.get_single_node()
    finally:
        loader.dispose()
    if node is not None:
        for keys, line, again in _walk(node, ()):
            if again:
                message = f"`{keys[-1]}` stands twice, first in line {lines[keys]}"
                findings.append(Finding(path, line, "yaml", message, "Keep one of the two."))
            lines.setdefault(keys, line)
    if findings:
        raise ManuscriptError(findings)
    return Marked(path, data, lines)


def _walk(node: yaml.Node, above: Keys) -> Iterator[tuple[Keys, int, bool]]:
    """(place, line, whether the key was there before) of everything below `node`."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            yield (*above, name), key.start_mark.line + 1, name in seen
            seen.add(name)
            yield from _walk(value, (*above, name))
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield (*above, index), item.start_mark.line + 1, False
            yield from _walk(item, (*above, index))
