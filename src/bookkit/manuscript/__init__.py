"""The book as one model: `_quarto.yml` and the chapters, every piece with its file and line.

from bookkit.manuscript import ManuscriptError, load
project = load(Path("."))                       # raises ManuscriptError, with every finding
for chapter in project.chapters:                # reading order
    for cell in chapter.source.cells: ...       # also .inlines, .comments, .verbatims, .headings
    for path, line, text in chapter.source.prose_lines(): ...
"""

from bookkit.manuscript.errors import Finding, ManuscriptError
from bookkit.manuscript.project import Chapter, Part, Project, load
from bookkit.manuscript.scan import scan
from bookkit.manuscript.source import (
    Cell,
    Comment,
    Heading,
    Include,
    Inline,
    Line,
    Piece,
    Prose,
    Shortcode,
    Source,
    Verbatim,
)

__all__ = [
    "Cell", "Chapter", "Comment", "Finding", "Heading", "Include", "Inline", "Line", "ManuscriptError",
    "Part", "Piece", "Project", "Prose", "Shortcode", "Source", "Verbatim", "load", "scan",
]  # fmt: skip
