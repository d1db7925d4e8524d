"""The books this repository holds: one."""

from __future__ import annotations

import argparse

BOOK_NAME = "ml-inference-apis"


def known_book(name: str) -> str:
    """`name`, for argparse's `type=`. Raises ArgumentTypeError naming the known book for any other."""
    if name != BOOK_NAME:
        raise argparse.ArgumentTypeError(f"there is no book `{name}`; the book here is {BOOK_NAME}")
    return name
