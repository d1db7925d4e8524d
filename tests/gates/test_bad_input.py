"""Bad input and bad luck: one clear error with file, line and remedy; the last good book stays as it was."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gates.small_book import BUILD, SOURCE, SmallBook, fresh_copy

CHAPTER = "chapters/02-formulas.qmd"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small book, built once without a fault."""
    book = fresh_copy(SOURCE, tmp_path_factory.mktemp("good") / "book")
    result = book.build()
    assert result.code == 0, result.said
    assert (book.root / "_book" / "index.html").is_file()
    assert book.leftovers() == []
    return book.root


@pytest.fixture
def small(good: Path, tmp_path: Path) -> Iterator[SmallBook]:
    """A copy of the small book with its last good edition, to be spoilt."""
    book = fresh_copy(good, tmp_path / "book")
    yield book
    shutil.rmtree(book.scratch, ignore_errors=True)


def assert_refused(
    small: SmallBook, before: dict[str, str], said: str, code: int, place: str, words: list[str]
) -> None:
    """The build ended with an error at `place` that has all `words`, and changed nothing."""
    assert code not in (0, None), said
    line = next((line for line in said.splitlines() if line.startswith(f"{place}: ")), "")
    assert line, f"no line begins with {place!r}:\n{said}"
    assert re.match(r"[^ ]+: [\w-]+: .+[.:] \S.*", line), (
        f"rule, message and remedy are not all there: {line}"
    )
    for word in words:
        assert word in line, f"{word!r} is not in: {line}"
    assert not re.search(r"^Traceback", said, re.MULTILINE), said
    assert small.book() == before, "the last good book was touched"
    assert small.leftovers() == []


def cell(code: str, *options: str) -> str:
    """A cell with its options, as source."""
    return "\n".join(["```{python}", *(f"#| {option}" for option in options), code, "```"])


AUDIO = """\
::: {#aud-x .audio src="/audio/none.mp3" picture="/figures/dots.svg" alt="A tone." title="tone" seconds="0.5"}
(A tone.)

**A tone.** Listen.
:::"""
FACT = cell("from servelab.book import fact")
PLOT = cell(
    "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()", "label: fig-noalt", 'fig-cap: "A line."'
)

# What is added to a chapter, the line of the fault counted from its first, and words of the message.
ADDED = {
    "shortcode": ("{{< youtube abc >}}", 0, ["youtube"]),
    "div class": ("A paragraph.\n\n::: {.marquee}\nMoving.\n:::", 2, ["marquee"]),
    "cell language": ("```{ruby}\nputs 1\n```", 0, ["ruby"]),
    "cell option": (cell("1", "colour: red"), 1, ["colour"]),
    "reference": ("A paragraph.\n\nSee @fig-nowhere.", 2, ["fig-nowhere"]),
    "link in the page": ("A paragraph.\n\nSee [there](#no-such-place).", 2, ["#no-such-place"]),
    "link to another page": ("See [it](01-frames.qmd#no-such-place).", 0, ["#no-such-place", "01-frames"]),
    "link to an unlabelled heading": ("See [it](01-frames.qmd#what-is-a-frame).", 0, ["frame", "label"]),
    "task list": ("Things to do:\n\n- [ ] Buy milk.\n- [x] Sell it.", 2, ["task list"]),
    "duplicate label": ("## Frames again {#sec-frames}", 0, ["sec-frames", "chapters/01-frames.qmd:"]),
    "missing image": ('![A caption.](/figures/none.svg){fig-alt="Nothing."}', 0, ["figures/none.svg"]),
    "missing include": ("{{< include /chapters/_none.qmd >}}", 0, ["_none.qmd"]),
    "missing audio": (AUDIO, 0, ["audio/none.mp3"]),
    "missing alt text": ("![A caption.](/figures/dots.svg){#fig-noalt}", 0, ["alt"]),
    "missing alt text of a cell": (PLOT, 0, ["alt"]),
    "citation": ("As was said [@nobody2020].", 0, ["nobody2020"]),
    "fact key": (cell("from servelab.book import fact\nfact('no-such-fact')"), 2, ["no-such-fact"]),
    "fact key in prose": (FACT + "\n\nIt is `{python} fact('no-such-fact')`.", 4, ["no-such-fact"]),
    "cell exception": (cell("x = 1\nx / 0", "label: broken"), 3, ["broken", "ZeroDivisionError"]),
    "dead kernel": (cell("import os\n\nos._exit(1)", "label: deadly"), 0, ["deadly", "kernel"]),
}  # fmt: skip


@pytest.mark.parametrize("name", list(ADDED))
def test_a_fault_in_a_chapter(name: str, small: SmallBook) -> None:
    text, offset, words = ADDED[name]
    before = small.book()
    line = small.append(CHAPTER, text) + offset
    result = small.build()
    assert_refused(small, before, result.said, result.code, f"{CHAPTER}:{line}", words)


def test_a_cell_over_its_time_limit(small: SmallBook) -> None:
    small.edit("_quarto.yml", "timeout: 60", "timeout: 2")
    before = small.book()
    line = small.append(CHAPTER, cell("import time\n\ntime.sleep(60)", "label: slow"))
    begun = time.monotonic()
    result = small.build()
    assert_refused(small, before, result.said, result.code, f"{CHAPTER}:{line}", ["slow", "2 s"])
    assert time.monotonic() - begun < 30


def test_a_missing_chapter_file(small: SmallBook) -> None:
    before = small.book()
    lines = (small.root / "_quarto.yml").read_text("utf-8").splitlines()
    line = 1 + next(index for index, text in enumerate(lines) if CHAPTER in text)
    (small.root / CHAPTER).unlink()
    result = small.build()
    assert_refused(small, before, result.said, result.code, f"_quarto.yml:{line}", [CHAPTER])


def test_malformed_front_matter(small: SmallBook) -> None:
    before = small.book()
    small.edit(CHAPTER, 'dek: "Two formulas."', 'dek: "Two formulas.')
    result = small.build()
    found = re.search(rf"^{CHAPTER}:([1-4]): ", result.said, re.MULTILINE)
    assert found, result.said
    assert_refused(small, before, result.said, result.code, f"{CHAPTER}:{found[1]}", ["front matter"])


def test_a_malformed_plan(small: SmallBook) -> None:
    before = small.book()
    small.edit("_quarto.yml", "  title: A Small Book", "  title: [A Small Book")
    result = small.build()
    found = re.search(r"^_quarto\.yml:(\d+): ", result.said, re.MULTILINE)
    assert found, result.said
    assert 5 <= int(found[1]) <= 8
    assert_refused(small, before, result.said, result.code, f"_quarto.yml:{found[1]}", ["_quarto.yml"])


def test_a_file_that_is_not_utf_8(small: SmallBook) -> None:
    before = small.book()
    line = small.append(CHAPTER, "A caf@ here.")
    path = small.root / CHAPTER
    path.write_bytes(path.read_bytes().replace(b"caf@", "café".encode("latin-1")))
    result = small.build()
    assert_refused(small, before, result.said, result.code, f"{CHAPTER}:{line}", ["UTF-8"])


def assert_kept(small: SmallBook, before: dict[str, str], said: str, code: int, words: str) -> None:
    """A build that bad luck ended: it says so without a traceback, and the last good book stands."""
    assert code not in (0, None), said
    assert re.search(words, said, re.IGNORECASE), said
    assert not re.search(r"^Traceback", said, re.MULTILINE), said
    assert small.book() == before, "the last good book was touched"
    assert small.leftovers() == []


@pytest.mark.parametrize("largest_file", [1_000, 20_000, 100_000])
def test_a_disk_that_takes_no_more(largest_file: int, small: SmallBook) -> None:
    """Every write beyond a size fails, at several stages of the build; root is held by this limit too."""
    before = small.book()
    small.edit(CHAPTER, "Seconds, not milliseconds.", "Seconds, never milliseconds.")
    result = small.build(largest_file)
    assert_kept(small, before, result.said, result.code, r"too large|disk|space|write")


NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]
ON_A_FULL_DISK = """
set -eu
mount -t tmpfs -o size=16m tmpfs "$DISK"
cp -a "$BOOK/." "$DISK"
head -c 32M /dev/zero > "$DISK/ballast" 2>/dev/null || true
(cd "$DISK" && find _book -type f -exec sha256sum {} + | sort) > "$OUT/before"
set +e
"$@" "$DISK" > "$OUT/said" 2>&1
echo $? > "$OUT/code"
(cd "$DISK" && find _book -type f -exec sha256sum {} + | sort) > "$OUT/after"
find "$DISK/.cache/press" -name "next*" -o -name "old*" > "$OUT/left"
"""
ON_A_READ_ONLY_DISK = ON_A_FULL_DISK.replace(
    'head -c 32M /dev/zero > "$DISK/ballast" 2>/dev/null || true', 'mount -o remount,bind,ro "$DISK"'
)


def namespaces() -> bool:
    """Whether this user may mount a file system of their own, as root and most ordinary users may."""
    try:
        return subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    ("script", "words"),
    [
        pytest.param(ON_A_FULL_DISK, "space|full", id="full"),
        pytest.param(ON_A_READ_ONLY_DISK, "read-only|write", id="read-only"),
    ],
)
def test_a_full_or_read_only_disk(script: str, words: str, small: SmallBook, tmp_path: Path) -> None:
    """On a small file system of the test's own; where none may be mounted, in a folder without a cache."""
    small.edit(CHAPTER, "Seconds, not milliseconds.", "Seconds, never milliseconds.")
    before = small.book()
    if not namespaces():
        shutil.rmtree(small.root / ".cache")
        (small.root / ".cache").write_text("a file where a folder must be")
        result = small.build()
        assert_kept(small, before, result.said, result.code, "write|folder|directory")
        return
    disk, out = tmp_path / "disk", tmp_path / "out"
    disk.mkdir()
    out.mkdir()
    subprocess.run(
        [*NAMESPACE, "bash", "-c", script, "build", *BUILD],
        env={**small.environment(), "DISK": str(disk), "BOOK": str(small.root), "OUT": str(out)},
        timeout=180, check=True,
    )  # fmt: skip
    said = (out / "said").read_text("utf-8")
    assert_kept(small, before, said, int((out / "code").read_text()), words)
    assert (out / "after").read_text() == (out / "before").read_text() != ""
    assert (out / "left").read_text() == ""


def test_a_file_where_the_cache_must_be(small: SmallBook) -> None:
    before = small.book()
    shutil.rmtree(small.root / ".cache")
    (small.root / ".cache").write_text("a file where a folder must be")
    result = small.build()
    assert_kept(small, before, result.said, result.code, r"\.cache")


SLOW = "import os, pathlib, time\n\npathlib.Path('begun').write_text(str(os.getpid()))\ntime.sleep({seconds})"


def wait_for(happened: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something is so; fails after `seconds`."""
    until = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < until, f"not so after {seconds} s"
        time.sleep(0.05)


def begun(small: SmallBook) -> bool:
    """Whether the slow cell of a build is running."""
    mark = small.root / "begun"
    return mark.exists() and bool(mark.read_text())


def alive(process: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    status = Path(f"/proc/{process}/stat")
    return status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] != "Z"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_an_interrupt_in_the_middle(how: signal.Signals, small: SmallBook) -> None:
    before = small.book()
    small.append(CHAPTER, cell(SLOW.format(seconds=60)))
    build = small.start()
    wait_for(lambda: begun(small))
    kernel = int((small.root / "begun").read_text())
    os.killpg(build.pid, how)
    said = build.communicate(timeout=30)[0]
    (small.root / "begun").unlink()
    assert_kept(small, before, said, build.returncode, "interrupt|stopped|ended")
    wait_for(lambda: not alive(kernel), 10)


def test_two_builds_at_once(small: SmallBook) -> None:
    """The second names the first and ends; the first is not disturbed."""
    small.append(CHAPTER, cell(SLOW.format(seconds=6)))
    first = small.start()
    wait_for(lambda: begun(small))
    before = small.book()
    second = small.build()
    assert second.code not in (0, None), second.said
    assert str(first.pid) in second.said, second.said
    assert small.book() == before
    said = first.communicate(timeout=120)[0]
    assert first.returncode == 0, said
    assert small.book() != before
    assert small.leftovers() == []


def test_the_lock_of_a_build_that_was_killed_does_not_stay(small: SmallBook) -> None:
    """After `kill -9` and a power cut the next build goes through and clears up."""
    small.append(CHAPTER, cell(SLOW.format(seconds=2)))
    first = small.start()
    wait_for(lambda: begun(small))
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate(timeout=30)
    shutil.rmtree(small.scratch)
    small.scratch.mkdir()
    result = small.build()
    assert result.code == 0, result.said
    assert small.leftovers() == []
