"""Each gate, shown a planted fault, finds it: a gate that cannot fail guards nothing."""

import io
import json
import math
import struct
import wave
import zipfile
from collections.abc import Iterator
from pathlib import Path

import page as page_validation
import pypandoc
import pypdf
import pytest

from gates import test_epub_and_pdf as documents
from gates.browser import Browser
from gates.server import serve
from gates.test_page import POLICY, transferred
from gates.test_sound_and_figures import faults
from gates.words import distinctive_words

GOOD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>A page</title><link rel="stylesheet" href="page.css"><link rel="icon" href="dot.svg"></head>
<body><main><h1>A page</h1><p>Words, and <a href="other.html">a link</a>.</p>{planted}</main></body></html>
"""
STYLE = """
body { font-family: sans-serif; background: #fff; color: #111; margin: 1rem }
a { color: #004080 }
.pale { color: #ccc }
.wide { width: 900px }
.held { overflow-x: auto }
.blind:focus { outline: none }
.away { position: absolute; left: -5000px; top: auto }
"""
DOT = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><circle cx="4" cy="4" r="4"/></svg>'
SLIDER = {
    "knobs": [{"label": "frame", "unit": "ms", "values": ["5", "20"], "start": 1}],
    "rows": [{"label": "wait"}],
    "cells": {"0": [[5, "5 ms"]], "1": [[20, "20 ms"]]},
}


def tone(seconds: float, amplitude: float) -> bytes:
    """A WAV file of a 440 Hz tone, 16 kHz mono, `amplitude` of full scale."""
    count = int(16000 * seconds)
    samples = [int(32767 * amplitude * math.sin(2 * math.pi * 440 * i / 16000)) for i in range(count)]
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(struct.pack(f"<{count}h", *samples))
    return held.getvalue()


class Planted:
    """A folder of pages, served; `page` writes one with something planted in it and gives its address."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder = folder
        self.address = address

    def page(self, planted: str, policy: str = POLICY) -> str:
        text = GOOD.format(policy=policy, planted=planted)
        (self.folder / "page.html").write_text(text, "utf-8")
        return f"{self.address}/page.html"

    def file(self, name: str, content: str | bytes) -> None:
        (self.folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Planted]:
    """A served folder with a style, a picture and two sounds."""
    with serve(tmp_path) as address:
        planted = Planted(tmp_path, address)
        planted.file("page.css", STYLE)
        planted.file("dot.svg", DOT)
        planted.file("loud.wav", tone(1.0, 0.3))
        planted.file("silent.wav", tone(1.0, 0.0005))
        yield planted


def test_a_page_without_fault_passes(plant: Planted, browser: Browser) -> None:
    address = plant.page('<p><img src="dot.svg" alt="A dot."></p>')
    seen = browser.ask("visit", address)
    assert (seen["trouble"], seen["broken"], seen["headings"], seen["policy"]) == ([], [], 1, POLICY)
    assert browser.ask("axe", address, dark=True)["violations"] == []
    assert browser.ask("overflow", address, width=360)["sticksOut"] == []
    walk = browser.ask("keyboard", address)
    assert (walk["missed"], walk["unmarked"], walk["unseen"], walk["stops"]) == ([], [], [], 1)


@pytest.mark.parametrize(
    ("planted", "policy", "found"),
    [
        ('<img src="http://127.0.0.2:9/x.png" alt="x">', "default-src *", "request to another host"),
        ('<img src="http://127.0.0.2:9/x.png" alt="x">', POLICY, "security policy violated"),
        ("<script>document.title = 1</script>", POLICY, "security policy violated"),
        ('<p style="color: red">x</p>', POLICY, "security policy violated"),
        ('<script src="broken.js"></script>', POLICY, "uncaught exception: planted"),
        ('<script src="chatty.js"></script>', POLICY, "console error: planted"),
        ('<script src="absent.js"></script>', POLICY, "404"),
    ],
)
def test_trouble_of_a_page_is_seen(
    planted: str, policy: str, found: str, plant: Planted, browser: Browser
) -> None:
    plant.file("broken.js", "throw new Error('planted');")
    plant.file("chatty.js", "console.error('planted');")
    trouble = browser.ask("visit", plant.page(planted, policy))["trouble"]
    assert any(found in sentence for sentence in trouble), trouble


def test_a_broken_picture_and_a_second_title_are_seen(plant: Planted, browser: Browser) -> None:
    plant.file("broken.svg", "<svg")
    seen = browser.ask("visit", plant.page('<h1>Again</h1><img src="broken.svg" alt="x">'))
    assert seen["broken"] == [f"{plant.address}/broken.svg"]
    assert seen["headings"] == 2


def test_weight_is_counted(plant: Planted, browser: Browser) -> None:
    plant.file("heavy.woff2", bytes(400_000))
    plant.file("long.svg", DOT + "<!--" + "x" * 100_000 + "-->")
    address = plant.page(
        '<img src="heavy.woff2" alt="x"><img src="long.svg" alt="x"><audio src="loud.wav"></audio>'
    )
    weights = transferred(browser.ask("visit", address)["first"], plant.folder)
    assert weights["heavy.woff2"] == 400_000
    assert weights["long.svg"] < 1_000
    assert "page.html" in weights
    assert "loud.wav" not in weights


@pytest.mark.parametrize(
    ("planted", "rule"),
    [('<p class="pale">Pale words.</p>', "color-contrast"), ('<img src="dot.svg">', "image-alt"),
     ("<details><summary>More</summary><p class='pale'>Pale.</p></details>", "color-contrast")],
)  # fmt: skip
def test_axe_violations_are_seen(planted: str, rule: str, plant: Planted, browser: Browser) -> None:
    violations = browser.ask("axe", plant.page(planted))["violations"]
    assert any(sentence.startswith(rule) for sentence in violations), violations


def test_what_sticks_out_is_seen(plant: Planted, browser: Browser) -> None:
    wide = browser.ask("overflow", plant.page('<p class="wide">Wide.</p>'), width=360)["sticksOut"]
    assert any("scrolls sideways" in sentence for sentence in wide)
    assert any(sentence.startswith("p.wide") for sentence in wide)
    held = browser.ask("overflow", plant.page('<div class="held"><p class="wide">x</p></div>'), width=360)
    assert held["sticksOut"] == []


def test_what_the_keyboard_misses_is_seen(plant: Planted, browser: Browser) -> None:
    planted = (
        '<button tabindex="-1">missed</button><a class="blind" href="other.html">blind</a>'
        '<a class="away" href="other.html">away</a>'
    )
    walk = browser.ask("keyboard", plant.page(planted))
    assert [text.split()[0] for text in walk["missed"]] == ["button"]
    assert [text.split()[0] for text in walk["unmarked"]] == ["a.blind"]
    assert [text.split()[0] for text in walk["unseen"]] == ["a.away"]


@pytest.mark.parametrize(
    ("source", "seconds", "found"),
    [("loud.wav", 1.0, []), ("silent.wav", 1.0, ["silent"]), ("loud.wav", 4.0, ["says 4"]),
     ("absent.wav", 1.0, ["404", "silent", "did not start"]), ("page.css", 1.0, ["could not be answered"])],
)  # fmt: skip
def test_a_player_that_does_not_play_is_seen(
    source: str, seconds: float, found: list[str], plant: Planted, browser: Browser
) -> None:
    figure = f'<figure id="f" data-seconds="{seconds}"><audio controls src="{source}"></audio></figure>'
    address = plant.page(figure)
    if source == "page.css":
        with pytest.raises(RuntimeError, match="decode"):
            browser.ask("sound", address)
        return
    players = browser.ask("sound", address)["players"]
    said = " / ".join(fault for player in players for fault in faults(player))
    assert len(players) == 1
    assert bool(said) == bool(found)
    assert all(word in said for word in found), said


def test_values_that_a_slider_shows_wrongly_are_seen(plant: Planted, browser: Browser) -> None:
    """The page's own script shows the first cell for ever; the answer carries that, next to the grid."""
    plant.file("stuck.js", "document.querySelector('.stages output').textContent = '5 ms';")
    address = plant.page(
        '<figure id="fig-x"><div class="slider-figure"><div class="dial"><output>20 ms</output>'
        '<input type="range" min="0" max="1" aria-label="frame"></div>'
        '<dl class="stages"><dt>wait</dt><dd><output></output></dd></dl>'
        f'<script type="application/json" class="slider-data">{json.dumps(SLIDER)}</script></div></figure>'
        '<script src="stuck.js"></script>'
    )
    figure = browser.ask("slider", address)["figures"][0]
    assert figure["data"] == SLIDER
    assert [position["at"] for position in figure["positions"]] == ["0", "1", "1"]
    assert [position["rows"] for position in figure["positions"]] == [["5 ms"]] * 3


def test_a_page_without_search_is_seen(plant: Planted, browser: Browser) -> None:
    assert not browser.ask("search", plant.page(""), word="words", wanted="page")["focused"]


def test_a_bare_page_from_a_file_is_seen(plant: Planted, browser: Browser) -> None:
    plant.page('<img src="absent.svg" alt="x">')
    plant.file("page.css", "")
    seen = browser.ask("offline", (plant.folder / "page.html").as_uri())
    assert not seen["styled"]
    assert len(seen["broken"]) == 1
    assert seen["says"] is None


def test_distinctive_words_belong_to_one_page() -> None:
    texts = {"a": "latency latencies streaming streams", "b": "streaming transcripts", "c": "streamed"}
    assert distinctive_words(texts) == {"a": "latencies", "b": "transcripts"}


def write_epub(path: Path, markdown: str, *, title: bool = True) -> Path:
    """An EPUB of pandoc's, with the metadata that Ace wants when `title` is set."""
    pypandoc.convert_text(
        markdown, "epub3", format="markdown", outputfile=str(path),
        extra_args=["--metadata=lang:en", "--metadata=title:A book"] if title else ["--metadata=lang:en"],
    )  # fmt: skip
    return path


def test_epubcheck_finds_a_planted_fault(tmp_path: Path) -> None:
    good = write_epub(tmp_path / "good.epub", "# One\n\nText.\n")
    assert documents.epubcheck(good) == []
    bad = tmp_path / "bad.epub"
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(bad, "w") as new:
        for item in old.infolist():
            data = old.read(item)
            new.writestr(item, data.replace(b"<p>Text.</p>", b'<p><img src="absent.png"/></p>'))
    found = documents.epubcheck(bad)
    assert any("absent.png" in sentence for sentence in found)
    assert any("alt" in sentence for sentence in found) or len(found) >= 1


def test_ace_finds_a_planted_fault(tmp_path: Path) -> None:
    outcome, found = documents.ace(write_epub(tmp_path / "bare.epub", "# One\n\nText.\n"))
    assert outcome == "fail"
    assert any("metadata" in sentence for sentence in found)


def test_the_pdf_gates_find_a_bare_pdf(tmp_path: Path) -> None:
    path = tmp_path / "bare.pdf"
    writer = pypdf.PdfWriter()
    page = writer.add_blank_page(200, 200)
    font = pypdf.generic.DictionaryObject({
        pypdf.generic.NameObject("/Type"): pypdf.generic.NameObject("/Font"),
        pypdf.generic.NameObject("/Subtype"): pypdf.generic.NameObject("/Type1"),
        pypdf.generic.NameObject("/BaseFont"): pypdf.generic.NameObject("/Helvetica"),
    })  # fmt: skip
    fonts = pypdf.generic.DictionaryObject({pypdf.generic.NameObject("/F1"): font})
    page[pypdf.generic.NameObject("/Resources")] = pypdf.generic.DictionaryObject(
        {pypdf.generic.NameObject("/Font"): fonts}
    )
    writer.write(path)
    assert not page_validation.validate_pdf(path, profile="ua1").is_compliant
    assert documents.fonts(path) == {"/Helvetica": False}
    assert documents.outline(documents.reader(path).outline) == []
