"""Diagrams as code: each folder has a `build.py` that writes its SVGs; `--check` says which are stale."""
