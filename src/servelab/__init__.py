"""Closed forms, simulators, audio and network tools for the chapters of the book."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The repository that holds this package: data is found from here, never from the working directory."""
