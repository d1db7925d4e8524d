"""The plan stays one that Quarto understands: its keys, its files, its filters, its Typst names."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
KIT = ROOT / "_extensions/bookkit"
PLAN: dict[str, Any] = yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))
EXTENSION: dict[str, Any] = yaml.safe_load((KIT / "_extension.yml").read_text(encoding="utf-8"))

# Quarto closes these two mappings: any other key is an error there.
PROJECT_KEYS = {
    "type", "output-dir", "execute-dir", "resources", "render", "pre-render", "post-render", "preview",
}  # fmt: skip
BOOK_KEYS = {
    "title", "subtitle", "author", "date", "description", "abstract", "chapters", "appendices", "references",
    "output-file", "cover-image", "cover-image-alt", "downloads", "page-navigation", "search", "sidebar",
    "favicon", "repo-url",
}  # fmt: skip


def test_closed_mappings_hold_known_keys_only() -> None:
    assert set(PLAN["project"]) <= PROJECT_KEYS
    assert set(PLAN["book"]) <= BOOK_KEYS


def test_every_chapter_exists() -> None:
    named: list[str] = []
    for item in PLAN["book"]["chapters"]:
        named += item["chapters"] if isinstance(item, dict) else [item]
    missing = [name for name in named + PLAN["book"].get("appendices", []) if not (ROOT / name).is_file()]
    assert not missing


def test_filters_partials_and_themes_exist() -> None:
    contributed = EXTENSION["contributes"]
    typst = contributed["formats"]["typst"]
    names = [entry["path"] for entry in contributed["filters"] + typst["filters"]] + typst[
        "template-partials"
    ]
    assert not [name for name in names if not (KIT / name).is_file()]
    themes = [
        name for side in PLAN["format"]["html"]["theme"].values() for name in side if name.endswith(".scss")
    ]
    assert not [name for name in themes if not (ROOT / name).is_file()]


def test_numbering_defines_what_quartos_template_calls() -> None:
    defined = set(re.findall(r"^#let ([\w-]+)", (KIT / "numbering.typ").read_text(encoding="utf-8"), re.M))
    assert defined >= {
        "equation-numbering", "callout-numbering", "subfloat-numbering",
        "theorem-inherited-levels", "theorem-numbering", "theorem-render",
    }  # fmt: skip
