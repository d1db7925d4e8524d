"""Times the press on generated books: cells, figures, formulas, tables, references, 5,000 words a chapter."""

from __future__ import annotations

import os
import random
import shutil
import statistics
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bookkit.press.build import FORMATS, build
from bookkit.press.preview import Preview
from bookkit.press.progress import Progress

WORDS = 5_000
SECTIONS = 10
REPEATS = 3
PLAN = """\
project:
  type: book
book:
  title: A Generated Book
  author: The bench
  chapters:
    - index.qmd
{chapters}
    - references.qmd
lang: en
bibliography: refs.bib
"""
SOURCE = """\
@article{{key{n}, title = {{Work {n}}}, author = {{Author, Ann}}, journal = {{Journal}}, year = {{{year}}}}}
"""
CELL = """\
```{{python}}
#| label: cell-{c}-{s}
import numpy as np
values{s} = np.random.default_rng({s}).normal(size=1000) + {c}
print(f"mean {{values{s}.mean():.3f}}")
```

The mean is `{{python}} f"{{values{s}.mean():.2f}}"`, as @eq-{c}-{s} says.

$$m = \\frac{{1}}{{n}} \\sum_i x_i$$ {{#eq-{c}-{s} alt="The mean is the sum over the count."}}
"""
FIGURE = """\
::: {{#fig-{c}-{s}}}

```{{python}}
#| echo: false
#| fig-alt: "A histogram."
#| renderings: [light, dark]
import matplotlib.pyplot as plt
for color in ("navy", "orange"):
    figure, axes = plt.subplots(figsize=(4, 2.5))
    axes.hist(values{s}, bins=20, color=color)
    plt.show()
```

**The values lie around {c}.** See @tbl-{c}-{s} and [@key{s}].
:::

| a | b |
|---|--:|
| x | {s} |

: Numbers of section {s} {{#tbl-{c}-{s}}}
"""


def write_book(root: Path, chapters: int) -> None:
    """Generate a book: WORDS words a chapter in SECTIONS sections, half of them with a figure."""
    words = random.Random(1)
    names = [f"{c:02}-chapter.qmd" for c in range(1, chapters + 1)]
    (root / "_quarto.yml").write_text(PLAN.format(chapters="\n".join(f"    - {name}" for name in names)))
    (root / "index.qmd").write_text("# A Generated Book {.unnumbered}\n\nIt is read by nobody.\n")
    (root / "references.qmd").write_text("# References {.unnumbered}\n\n::: {#refs}\n:::\n")
    (root / "refs.bib").write_text("".join(SOURCE.format(n=n, year=1990 + n) for n in range(1, SECTIONS + 1)))
    vocabulary = ["".join(words.choices("abdefiklmnoprstu", k=words.randint(2, 9))) for _ in range(3000)]
    for c, name in enumerate(names, 1):
        text = [
            f"# Chapter {c} {{#sec-{c}}}\n\nFirstword of the chapter, which follows @sec-{max(1, c - 1)}.\n\n"
        ]
        for s in range(1, SECTIONS + 1):
            text.append(f"## Section {s}\n\n{CELL.format(c=c, s=s)}\n")
            if s % 2:
                text.append(FIGURE.format(c=c, s=s) + "\n")
            for _ in range(5):
                text.append(
                    " ".join(words.choices(vocabulary, k=WORDS // SECTIONS // 5)).capitalize() + ".\n\n"
                )
        (root / name).write_text("".join(text))


def bench(chapters: int) -> dict[str, Any]:
    """Times in seconds for a book of this many chapters; the `stages` say what whole builds spend them on."""
    root = Path(tempfile.mkdtemp(prefix="bench-"))
    os.environ.setdefault("SOURCE_DATE_EPOCH", "0")
    try:
        write_book(root, chapters)
        found: dict[str, Any] = {"chapters": chapters, "stages": {}}
        page = root / "01-chapter.qmd"
        for name in ("cold", "warm", "one cell"):
            if name == "one cell":
                page.write_text(page.read_text().replace(":.3f}", ":.4f}", 1))
            progress = Progress(quiet=True)
            begun = time.perf_counter()
            build(root, FORMATS, progress)
            found[name] = time.perf_counter() - begun
            found["stages"][name] = progress.times
        with _previewed(root) as see:
            found["one word, preview"] = see(lambda text, n: text.replace("Firstword", f"Firstword{n}", 1))
            found["one cell, preview"] = see(
                lambda text, n: text.replace("import numpy", f"{n}; import numpy", 1)
            )
        return found
    finally:
        shutil.rmtree(root, ignore_errors=True)


Change = Callable[[str, int], str]


@contextmanager
def _previewed(root: Path) -> Iterator[Callable[[Change], float]]:
    """A running preview of the book, and a way to time an edit of its first chapter to the refreshed page."""
    preview, stop = Preview(root, 0, lambda _: None), threading.Event()
    thread = threading.Thread(target=preview.serve, args=(stop,), daemon=True)
    thread.start()
    page, url = root / "01-chapter.qmd", "01-chapter.html"
    original = page.read_text("utf-8")
    while url not in preview.server.pages:
        time.sleep(0.1)
    time.sleep(2)  # until the folders are watched

    def see(change: Change) -> float:
        """Median over REPEATS of the seconds from saving the file until the new page has been fetched."""
        times = []
        for n in range(REPEATS):
            events = preview.server.listen()
            begun = time.perf_counter()
            page.write_text(change(original, n), "utf-8")
            while events.get(timeout=60) != f"event: page\ndata: {url}\n\n".encode():
                pass
            with urllib.request.urlopen(preview.server.address + url) as answer:
                answer.read()
            times.append(time.perf_counter() - begun)
            preview.server.leave(events)
            time.sleep(1)
        return statistics.median(times)

    try:
        yield see
    finally:
        stop.set()
        thread.join(10)


COLUMNS = ("cold", "warm", "one cell", "one word, preview", "one cell, preview")
STAGES = ("cells", "parse", "pdf", "epub", "html")


def table(found: list[dict[str, Any]], head: bool) -> str:
    """The times as lines of text: builds of all editions, edits in the preview, stages of a cold build."""
    lines = (
        [f"{'chapters':>8}  " + "  ".join([*COLUMNS, *(f"cold: {name}" for name in STAGES)])] if head else []
    )
    for one in found:
        cold = one["stages"]["cold"]
        cells = [f"{one[name]:{len(name)}.2f}" for name in COLUMNS]
        cells += [f"{cold[name]:{len(name) + 6}.2f}" for name in STAGES]
        lines.append(f"{one['chapters']:>8}  " + "  ".join(cells))
    return "\n".join(lines)
