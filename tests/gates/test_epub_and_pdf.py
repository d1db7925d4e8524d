"""The EPUB and the PDF, judged by outside validators."""

import json
import os
import subprocess
import tempfile
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import page as page_validation
import pypdf
import pytest

from bookkit.manuscript import load
from gates import tools


def epubcheck(epub: Path) -> list[str]:
    """Everything EPUBCheck says at the levels fatal, error and warning, as sentences."""
    run = subprocess.run(
        [*tools.epubcheck(), str(epub), "--json", "-", "--quiet"],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    report = json.loads(run.stdout)
    grave = [
        message for message in report["messages"] if message["severity"] in {"FATAL", "ERROR", "WARNING"}
    ]
    return [
        f"{message['severity']} {message['ID']} {place['path']}:{place['line']}: {message['message']}"
        for message in grave
        for place in message["locations"][:5] or [{"path": epub.name, "line": -1}]
    ]


def ace(epub: Path) -> tuple[str, list[str]]:
    """The outcome of Ace by DAISY (`pass` or `fail`) and its findings, as sentences."""
    command = tools.web_modules() / "@daisy" / "ace-cli" / "bin" / "ace.js"
    with tempfile.TemporaryDirectory(prefix="book-ace-") as folder:
        run = subprocess.run(
            [str(tools.node()), str(command), "-o", folder, "-t", f"{folder}/t", "--silent", str(epub)],
            env={
                **os.environ,
                "PUPPETEER_EXECUTABLE_PATH": str(tools.chromium()),
                "ACE_TIMEOUT_INITIAL": "60000",
                "XDG_CONFIG_HOME": folder,
                "XDG_STATE_HOME": folder,
                "XDG_DATA_HOME": folder,
            },
            cwd=folder, capture_output=True, text=True, timeout=400, check=False,
        )  # fmt: skip
        report = Path(folder) / "report.json"
        assert report.exists(), f"Ace wrote no report (code {run.returncode}):\n{run.stdout}\n{run.stderr}"
        return judged(json.loads(report.read_text("utf-8")))


def judged(report: dict[str, Any]) -> tuple[str, list[str]]:
    """Outcome and sentences of an Ace report, which is a tree of EARL assertions."""
    found = []
    for document in report["assertions"]:
        for assertion in document["assertions"]:
            test, result = assertion["earl:test"], assertion["earl:result"]
            where = document["earl:testSubject"]["url"]
            found.append(
                f"{test['earl:impact']} {test['dct:title']} in {where}: {result.get('html', result)}"
            )
    return report["earl:result"]["earl:outcome"], found


def test_epubcheck_finds_no_error_and_no_warning(epub: Path) -> None:
    found = epubcheck(epub)
    assert not found, "\n".join(found)


def test_ace_passes(epub: Path) -> None:
    outcome, found = ace(epub)
    assert outcome == "pass", "\n".join(found)
    assert not found, "\n".join(found)


def test_the_epub_carries_its_sound(epub: Path) -> None:
    """Every clip of the chapters is in the package as MP3, and none is only named."""
    chapters = [chapter for chapter in load(tools.ROOT).chapters if chapter.path != "index.qmd"]
    sources = [(tools.ROOT / chapter.path).read_text("utf-8") for chapter in chapters]
    with zipfile.ZipFile(epub) as package:
        texts = [package.read(name).decode() for name in package.namelist() if name.endswith(".xhtml")]
        clips = [name for name in package.namelist() if name.endswith(".mp3")]
        assert all(package.getinfo(name).file_size > 1000 for name in clips)
    assert sum(text.count("<audio") for text in texts) == sum(source.count(".audio ") for source in sources)
    assert clips


@cache
def reader(pdf: Path) -> pypdf.PdfReader:
    """The parsed PDF."""
    return pypdf.PdfReader(pdf)


def test_the_pdf_keeps_all_rules_of_pdf_ua_1(pdf: Path) -> None:
    report = page_validation.validate_pdf(pdf, profile="ua1", limits=page_validation.SafetyLimits.unlimited())
    found = [
        f"{failure.rule_id}: {failure.message} (object {failure.object_id})" for failure in report.failures
    ]
    assert report.is_compliant, "\n".join(found[:40])
    assert report.rules.failed == 0
    assert report.rules.passed == report.rules.total > 90


def fonts(pdf: Path) -> dict[str, bool]:
    """Every font of the PDF by name, and whether its program is embedded."""
    found: dict[str, bool] = {}
    none = pypdf.generic.DictionaryObject()
    for sheet in reader(pdf).pages:
        resources: Any = sheet.get("/Resources", none).get_object()
        for reference in resources.get("/Font", none).get_object().values():
            font = reference.get_object()
            for inner in font.get("/DescendantFonts", [font]):
                descriptor = inner.get_object().get("/FontDescriptor", none).get_object()
                programs = {"/FontFile", "/FontFile2", "/FontFile3"} & set(descriptor)
                found[str(font.get("/BaseFont"))] = bool(programs) or font.get("/Subtype") == "/Type3"
    return found


def test_every_font_of_the_pdf_is_embedded(pdf: Path) -> None:
    found = fonts(pdf)
    assert found
    assert all(found.values()), [name for name, embedded in found.items() if not embedded]


def test_the_pdf_is_tagged_titled_and_has_a_language(pdf: Path) -> None:
    root: Any = reader(pdf).root_object
    assert root["/MarkInfo"]["/Marked"]
    assert "/StructTreeRoot" in root
    assert str(root["/Lang"]).startswith("en")
    metadata = reader(pdf).metadata
    assert metadata is not None
    assert metadata.title


def outline(items: list[Any]) -> list[str]:
    """Titles of a PDF's outline, in order, nested ones after their parent."""
    return [
        title for item in items for title in (outline(item) if isinstance(item, list) else [str(item.title)])
    ]


def test_the_outline_of_the_pdf_holds_every_chapter(pdf: Path) -> None:
    titles = outline(reader(pdf).outline)
    for chapter in load(tools.ROOT).chapters:
        if chapter.path != "index.qmd":
            plain = chapter.title.replace("\\", "")
            assert any(plain in title for title in titles), f"{plain} is not in {titles}"


@pytest.mark.parametrize("suffix", [".pdf", ".epub"])
def test_an_edition_has_a_size_to_be_sent(suffix: str, book: Path) -> None:
    """An edition under 25 MB passes most mail servers and opens quickly on an old reader."""
    size = next(book.glob(f"*{suffix}")).stat().st_size
    assert 20_000 < size < 25_000_000
