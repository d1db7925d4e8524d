"""What moves and sounds on the pages: audio players and interactive figures."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from bookkit.manuscript import load
from gates.browser import Browser
from gates.tools import ROOT

QUIET_RMS = 0.003  # of full scale, about -50 dB: speech at a comfortable level lies near 0.05
DATA_LIMIT_BYTES = 50_000


def faults(player: dict[str, Any]) -> list[str]:
    """What is wrong with one audio player, as sentences."""
    name = player["figure"] or player["source"]
    found = []
    if player["fault"]:
        found.append(f"{name}: {player['fault']}")
    if player["rms"] < QUIET_RMS:
        found.append(f"{name}: silent, root mean square {player['rms']:.5f} of full scale")
    if player.get("played", 0) <= 0.1:
        found.append(f"{name}: did not start, {player.get('played')} s after 5 s")
    if not player.get("stopped"):
        found.append(f"{name}: a second press of the space bar did not stop it")
    stated = player["stated"]
    if stated is not None and abs(stated - player.get("duration", 0)) > 0.15:
        found.append(f"{name}: says {stated} s and lasts {player.get('duration')} s")
    return found


def test_every_player_plays(sounding_page: str, site: str, book: Path, browser: Browser) -> None:
    answer = browser.ask("sound", f"{site}/{sounding_page}")
    assert not answer["trouble"], answer["trouble"]
    assert answer["players"]
    found = [fault for player in answer["players"] for fault in faults(player)]
    assert not found, "\n".join(found)
    assert all(player["scripted"] for player in answer["players"])


def test_every_clip_of_the_sources_is_on_a_page(book: Path) -> None:
    """Guards the test above against players that got lost."""
    assert_all_delivered(book, ".audio ", "<audio")


def test_a_comparison_goes_on_at_the_same_instant(comparing_page: str, site: str, browser: Browser) -> None:
    """With keys alone: another clip goes on where the first was, and changing back keeps the time."""
    answer = browser.ask("compare", f"{site}/{comparing_page}")
    assert not answer["trouble"], answer["trouble"]
    assert answer["players"]
    for player in answer["players"]:
        assert player["clips"] >= 2
        assert not player["listed"], "the plain list stands beside the player"
        started, changed, stopped, back = (
            player["moments"][name] for name in ("started", "changed", "stopped", "back")
        )
        assert not started["paused"]
        assert not changed["paused"]
        assert changed["source"] != started["source"]
        assert changed["words"] != started["words"]
        passed = changed["at"] - started["at"]
        assert started["time"] + 0.1 < changed["time"] < started["time"] + passed + 0.1
        assert stopped["paused"]
        assert back["paused"]
        assert back["source"] == started["source"]
        assert abs(back["time"] - stopped["time"]) < 0.05


def test_every_comparison_of_the_sources_is_on_a_page(book: Path) -> None:
    assert_all_delivered(book, "{.compare}", "<compare-clips>")


def assert_all_delivered(book: Path, declared: str, delivered: str) -> None:
    """The pages hold `delivered` as often as the sources hold `declared`, and at least once."""
    pages = [path.read_text("utf-8") for path in book.rglob("*.html")]
    sources = [(ROOT / chapter.path).read_text("utf-8") for chapter in load(ROOT).chapters]
    assert (
        sum(page.count(delivered) for page in pages) == sum(source.count(declared) for source in sources) > 0
    )


def test_interactive_figures_show_what_python_computed(
    moving_page: str, site: str, book: Path, browser: Browser
) -> None:
    """At three positions the shown values equal the page's grid, and that a fresh run of the cells."""
    answer = browser.ask("slider", f"{site}/{moving_page}")
    assert not answer["trouble"], answer["trouble"]
    computed = recompute(moving_page)
    assert len(answer["figures"]) == len(computed) > 0
    for figure, fresh in zip(answer["figures"], computed, strict=True):
        assert figure["data"] == fresh, f"{figure['id']}: the page's grid is not what its cell computes now"
        assert figure["bytes"] < DATA_LIMIT_BYTES, f"{figure['id']}: {figure['bytes']} B"
        assert not figure["still"], f"{figure['id']}: the static picture stands beside the moving one"
        assert len({position["at"] for position in figure["positions"]}) >= 2
        for position in figure["positions"]:
            expected = fresh["cells"][position["at"]]
            assert position["rows"] == [shown for _, shown in expected], f"{figure['id']} at {position['at']}"
            assert position["says"] == (fresh.get("says") or {}).get(position["at"], "")
            wanted = [
                knob["values"][int(i)]
                for knob, i in zip(fresh["knobs"], position["at"].split(","), strict=True)
            ]
            assert [
                text.startswith(value) for text, value in zip(position["knobs"], wanted, strict=True)
            ] == [True] * len(wanted)


def test_every_interactive_figure_of_the_sources_is_on_a_page(book: Path) -> None:
    assert_all_delivered(book, "{.slider-figure", '"slider-data"')


def recompute(chapter: str) -> list[dict[str, Any]]:
    """The data of a chapter's interactive figures, by a new Python that runs all cells of its source."""
    source = ROOT / Path(chapter).with_suffix(".qmd")
    run = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("recompute.py")), str(source)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    data: list[dict[str, Any]] = json.loads(run.stdout.splitlines()[-1])
    return data
