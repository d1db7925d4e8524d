"""A record is checked before it is written, and a new run says what moved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from labs.record import Machine, assemble, check, median, moved, single, write

from labs import record
from servelab.book import Measurement, result

MACHINE = Machine("CPU", 2, 7.8, "Linux", 0.1)


def echo(**changes: Any) -> dict[str, Any]:
    whole = assemble(
        name="echo",
        title="Echo",
        what="round trips",
        date="2026-11-24",
        seed=5,
        duration_s=12.34,
        machine=MACHINE,
        packages={"numpy": "2"},
        sha256={"clip.wav": "0" * 64},
        values={"udp": {"round_trip_ms": median([0.05, 0.051, 0.06], "ms"), "bytes": single(680, "B")}},
        notes=["a note"],
    )
    return whole | changes


def test_a_record_is_written_and_read_by_key(tmp_path: Path) -> None:
    write(echo(), tmp_path / "labs" / "results")
    read = result("echo", tmp_path)
    assert read["udp.round_trip_ms"] == Measurement(0.051, "ms", 3, 0.05, 0.06)
    assert read["udp.bytes"] == Measurement(680, "B", 1, None, None)
    assert (read.command, read.duration_s, read.machine["cores"]) == ("./just lab echo", 12.3, 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "Echo lab"}, "name"),
        ({"date": "yesterday"}, "date"),
        ({"extra": 1}, "extra"),
        ({"values": {}}, "values"),
        ({"values": {"udp": {"bytes": {"value": 1, "unit": "B"}}}}, r"values\.udp\.bytes: 'n' is a required"),
        (
            {"values": {"udp": {"bytes": {"value": 1, "median": 1, "unit": "B", "n": 1}}}},
            r"values\.udp\.bytes",
        ),
        ({"values": {"udp": {"bytes": {"value": 1, "unit": "B", "n": 1, "low": 1}}}}, "high"),
        ({"values": {"udp": {"bytes": single(1, "B", 2, (3, 2))}}}, "low is above high"),
        ({"sha256": {"clip.wav": "abc"}}, "sha256"),
        ({"machine": {}}, "machine"),
    ],
)
def test_a_broken_record_is_refused_and_the_old_one_stays(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    path = write(echo(), tmp_path)
    before = path.read_text("utf-8")
    with pytest.raises(ValueError, match=message):
        write(echo(**changes), tmp_path)
    assert path.read_text("utf-8") == before
    assert [one.name for one in tmp_path.iterdir()] == ["echo.json"]


def test_a_record_that_lacks_a_part_is_not_one_that_chapters_read(tmp_path: Path) -> None:
    lacking = echo(missing=["moonshine: install it"])
    assert write(lacking, tmp_path).is_file()
    with pytest.raises(ValueError, match="lacks moonshine: install it"):
        write(lacking)


def test_values_are_rounded_and_finite() -> None:
    assert median([1 / 3, 2 / 3, 1 / 7], "ms") == {
        "median": 0.33333,
        "unit": "ms",
        "n": 3,
        "low": 0.14286,
        "high": 0.66667,
    }
    with pytest.raises(ValueError, match="finite"):
        single(float("nan"), "ms")
    with pytest.raises(ValueError, match="empty"):
        median([], "ms")


def test_only_what_leaves_both_spreads_has_moved() -> None:
    old = {
        "a": {
            "same": Measurement(10, "ms", 5, 9, 11),
            "wide": Measurement(12, "ms", 5, 8, 12),
            "slower": Measurement(10, "ms", 5, 9, 11),
            "exact": Measurement(640, "B", 1, None, None),
            "gone": Measurement(1, "B", 1, None, None),
        }
    }
    new = {
        "a": {
            "same": Measurement(10.5, "ms", 5, 10, 11),
            "wide": Measurement(10, "ms", 5, 9.9, 10.1),
            "slower": Measurement(15, "ms", 5, 14, 16),
            "exact": Measurement(680, "B", 1, None, None),
            "fresh": Measurement(1, "B", 1, None, None),
        }
    }
    assert moved(old, new) == [
        "a.gone: gone",
        "a.slower: 10 to 15 ms (+50%)",
        "a.exact: 640 to 680 B (+6%)",
        "a.fresh: new, 1 B",
    ]
    assert moved(old, old) == []
    assert "a.gone: gone" not in moved(old, new, whole=False)


def test_this_machine_can_stand_in_a_record() -> None:
    machine = record.this_machine()
    check(echo(machine=vars(machine)))
    assert machine.cores >= 1


def test_every_committed_record_keeps_the_schema() -> None:
    paths = sorted(record.RESULTS.glob("*.json"))
    assert paths
    for path in paths:
        whole = json.loads(path.read_text("utf-8"))
        check(whole)
        assert whole["name"] == path.stem
        assert "missing" not in whole
