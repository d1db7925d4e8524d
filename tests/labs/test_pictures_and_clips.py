"""Built pictures and clips are fresh, named, and what they say they are."""

from __future__ import annotations

import shutil
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile
import yaml
from figures import draw, manifest
from figures.manifest import Manifest

from bookkit.checks.stale import stale
from bookkit.manuscript import load
from servelab import ROOT, audio

CLIPS = yaml.safe_load((ROOT / "audio" / "clips.yml").read_text("utf-8"))


READ = ("_quarto.yml", "audio", "chapters", "figures", "labs", "sources", "src/servelab")
"""What the build scripts compare with what was recorded."""


def test_nothing_built_is_stale_and_every_change_to_what_determines_a_picture_shows(tmp_path: Path) -> None:
    """The book as it is, then a copy with a title, a drawing board, a picture and a clip changed in it."""
    assert list(stale(load(ROOT))) == []
    for name in READ:
        ignore = shutil.ignore_patterns("__pycache__", "models")
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=ignore)
        else:
            shutil.copy(ROOT / name, tmp_path / name)
    for name in ("index.qmd", "references.qmd", "records.qmd"):
        shutil.copy(ROOT / name, tmp_path / name)
    chapter = next((tmp_path / "chapters").glob("01-*.qmd"))
    chapter.write_text(chapter.read_text("utf-8").replace("\n# ", "\n# Another ", 1), "utf-8")
    board = tmp_path / "figures" / "draw.py"
    board.write_text(board.read_text("utf-8").replace("SIZE = 14\n", "SIZE = 15\n"), "utf-8")
    with (tmp_path / "figures" / "07" / "chain-light.svg").open("a") as picture:
        picture.write("<!-- by hand -->")
    (tmp_path / "audio" / "05" / "g711.mp3").write_bytes(b"ID3")
    said = [f"{one.path}: {one.message}" for one in stale(load(tmp_path))]
    for script, what in {
        "figures/strips/build.py": "stale, 01 is 'Another ",
        "figures/05/build.py": "stale, figures/draw.py has changed",
        "figures/07/build.py": "not what was built, figures/07/chain-light.svg has changed",
        "audio/build.py": "not what was built, audio/05/g711.mp3 has changed",
    }.items():
        assert any(line.startswith(f"{script}: ") and what in line for line in said), (what, said)


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manifest:
    monkeypatch.setattr(manifest, "ROOT", tmp_path)
    (tmp_path / "build.py").write_text('"""Draw."""\nSIZE = 1\n')
    (tmp_path / "picture.svg").write_text("<svg/>")
    one = Manifest(tmp_path)
    one.write([tmp_path / "build.py"], [tmp_path / "picture.svg"], {"title": "Sound"})
    return one


def test_a_fresh_build_has_no_problems(built: Manifest) -> None:
    assert built.problems({"title": "Sound"}) == []


def test_a_comment_makes_nothing_stale(built: Manifest) -> None:
    (built.folder / "build.py").write_text('"""Draw it."""\n\n# one\nSIZE = 1\n')
    assert built.problems({"title": "Sound"}) == []


def test_changed_code_text_and_pictures_are_named(built: Manifest) -> None:
    (built.folder / "build.py").write_text("SIZE = 2\n")
    (built.folder / "picture.svg").write_text("<svg><!-- by hand --></svg>")
    assert built.problems({"title": "Noise"}) == [
        ".: stale, build.py has changed",
        ".: not what was built, picture.svg has changed",
        ".: stale, title is 'Noise' and was 'Sound'",
    ]
    (built.folder / "picture.svg").unlink()
    assert ".: picture.svg is missing" in built.problems({"title": "Sound"})
    assert Manifest(built.folder / "other").problems() == ["other: never built"]


def test_a_drawing_embeds_the_letters_it_uses() -> None:
    drawing = draw.Drawing("light", 100, 20)
    drawing.text(0, 15, "a < b", weight=600)
    svg = drawing.svg()
    root = ElementTree.fromstring(svg)
    assert "".join(root.itertext()).strip().endswith("a < b")
    assert svg.count("@font-face") == 1
    assert svg == drawing.svg()
    assert "@font-face" not in draw.Drawing("dark", 10, 10).svg()


def test_text_is_as_wide_as_its_letters() -> None:
    assert draw.text_width("") == 0
    assert draw.text_width("mm") == pytest.approx(2 * draw.text_width("m"))
    assert draw.text_width("model", weight=600) > draw.text_width("model")


@pytest.mark.parametrize("name", list(CLIPS))
def test_a_clip_is_what_the_list_says(name: str) -> None:
    clip = CLIPS[name]
    mp3 = ROOT / clip["file"].lstrip("/")
    assert manifest.sha256(mp3) == clip["sha256"]
    sound, rate = audio.load(mp3)
    assert sound.size / rate == pytest.approx(clip["seconds"], abs=0.1)
    assert 4 <= clip["seconds"] <= 6
    assert np.abs(sound).max() < 1
    assert len(clip["source"]["sha256"]) == 64
    for field in ("title", "transcript", "made", "origin", "licence"):
        assert clip[field]
    picture = ElementTree.parse(ROOT / clip["picture"].lstrip("/")).getroot()
    waves = [node for node in picture.iter() if node.get("id") == "wave"]
    assert len(waves) == 1
    assert str(waves[0].get("d")).startswith("M0 ")


def test_all_clips_have_one_loudness() -> None:
    """Within a quarter of a decibel. The MP3 encoder takes half a decibel from the -20 dBFS it is given."""
    levels = [
        audio.speech_level_dbfs(*audio.load(ROOT / clip["file"].lstrip("/"))) for clip in CLIPS.values()
    ]
    assert max(levels) - min(levels) < 0.25
    assert min(levels) > -21
    assert max(levels) < -20


def test_every_sound_file_is_listed() -> None:
    files = {
        f"/audio/{path.relative_to(ROOT / 'audio').as_posix()}" for path in (ROOT / "audio").rglob("*.mp3")
    }
    assert files == {clip["file"] for clip in CLIPS.values()}


def test_the_lossless_recording_is_the_source_of_the_clips() -> None:
    info = soundfile.info(ROOT / "audio" / "05" / "speech-16khz.flac")
    assert (info.samplerate, info.channels, info.subtype) == (16_000, 1, "PCM_16")


def test_every_chapter_has_a_strip_in_both_modes() -> None:
    for path in (ROOT / "chapters").glob("[0-9a-z]*.qmd"):
        for mode in ("light", "dark"):
            strip = ROOT / "figures" / "strips" / f"{path.name.split('-')[0]}-{mode}.svg"
            root = ElementTree.parse(strip).getroot()
            assert (root.get("width"), root.get("height")) == ("864", "66")
