"""Closed forms, simulators, audio and network tools for the chapters of the book.

The ending of a name is its unit (`_s`, `_ms`, `_per_s`, `_bytes`); what ends in `share` runs from 0 to 1. An
argument out of range gives a `ValueError` that names it and its range (`servelab.arguments`); a docstring
speaks of the errors that do not follow from that. A key in brackets is a source in `sources/references.bib`;
a formula without one is derived where it stands.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The repository that holds this package: data is found from here, never from the working directory."""
