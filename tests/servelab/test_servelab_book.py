"""Numbers reach the page with the right text, mark and key; wrong keys are named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servelab import book

FACTS = """
rate:
  value: 8000
  unit: Hz
  source: rfc3551
  where: Section 4.5.14
  as_of: 2003-07-01
  checked: 2026-11-24
  recheck: 2027-11-24
price:
  value: 0.006
  text: "$0.006 a minute (USD, November 2026)"
  source: vendor
  where: Pricing
  as_of: 2026-11
  checked: 2026-11-24
  recheck: 2026-12-24
"""


def record() -> dict[str, Any]:
    return {
        "name": "echo",
        "title": "Echo",
        "what": "round trips",
        "date": "2026-11-24",
        "command": "./just lab echo",
        "seed": 5,
        "duration_s": 12.3,
        "machine": {"cpu": "CPU [x]", "cores": 2, "memory_gib": 7.8, "system": "Linux", "load_before": 0.1},
        "versions": {"numpy": "2"},
        "sha256": {"clip.wav": "0" * 64},
        "notes": [],
        "values": {
            "udp": {
                "round_trip_ms": {"median": 0.0512, "unit": "ms", "n": 20, "low": 0.05, "high": 0.06},
                "bytes": {"value": 680, "unit": "B", "n": 1},
            },
            "tcp": {"bytes": {"value": 1690.5, "unit": "B", "n": 1}},
        },
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "facts.yml").write_text(FACTS, "utf-8")
    results = tmp_path / "labs" / "results"
    results.mkdir(parents=True)
    (results / "echo.json").write_text(json.dumps(record()), "utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("value", "spec", "unit", "text"),
    [
        (1234.5, "", "", "1,234"),
        (0.081649, "", "", "0.0816"),
        (26.5, "", "ms", "26.5\u00a0ms"),
        (12000, "", "B", "12,000\u00a0B"),
        (-3.25, ".1f", "dB", "\u22123.2\u00a0dB"),
        (0.4, ".0%", "", "40\u00a0%"),
        (0.0, "", "", "0"),
        ("about ten", "", "", "about ten"),
    ],
)
def test_a_number_reads_as_people_write_it(value: object, spec: str, unit: str, text: str) -> None:
    assert book.number(value, spec, unit) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_none_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        book.computed(value)


@given(st.floats(min_value=1e-6, max_value=1e9))
def test_three_significant_digits_are_within_half_a_unit_of_the_third(value: float) -> None:
    shown = float(book.significant(value).replace(",", ""))
    assert shown == pytest.approx(value, rel=0.0051)


def test_computed_keeps_its_number_and_its_mark() -> None:
    shown = book.computed(0.5, ".0%")
    assert shown._repr_markdown_() == "[50\u00a0%]{.computed}"
    assert (str(shown), float(shown)) == ("50\u00a0%", 0.5)


def test_a_fact_carries_source_and_dates(root: Path) -> None:
    rate = book.fact("rate", root)
    marked = '[8,000\u00a0Hz]{.reported key="rfc3551" asof="2003-07-01" checked="2026-11-24"}'
    assert rate._repr_markdown_() == marked
    assert float(rate) == 8000
    assert str(book.fact("price", root)).startswith("$0.006 a minute")
    assert r"\$0.006" in book.fact("price", root)._repr_markdown_()


def test_an_unknown_fact_names_its_neighbors(root: Path) -> None:
    with pytest.raises(KeyError, match=r"no fact 'rates' in sources/facts.yml. Known: rate"):
        book.fact("rates", root)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rate: 5", "rate must be a mapping"),
        ("rate: {value: 5}", "rate lacks source, where, as_of, checked, recheck"),
        ("- rate", "must be a mapping from key to fact"),
        ("rate: [", "not valid YAML"),
    ],
)
def test_a_broken_ledger_says_where(root: Path, text: str, message: str) -> None:
    (root / "sources" / "facts.yml").write_text(text, "utf-8")
    with pytest.raises(ValueError, match=message):
        book.fact("rate", root)


def test_a_measurement_is_read_by_key(root: Path) -> None:
    shown = book.measured("echo", "udp.round_trip_ms", root=root)
    assert shown._repr_markdown_() == '[0.0512\u00a0ms]{.measured card="echo"}'
    assert str(book.measured("echo", "udp.round_trip_ms.high", ".2f", root=root)) == "0.06\u00a0ms"
    assert str(book.measured("echo", "udp.round_trip_ms.n", root=root)) == "20"
    assert str(book.measured("echo", "udp.bytes", unit="", root=root)) == "680"


@pytest.mark.parametrize(
    ("name", "key", "message"),
    [
        ("ecko", "udp.bytes", "no record 'ecko' in labs/results. Known: echo"),
        ("echo", "udp.byte", r"no value 'udp.byte' in labs/results/echo.json. Known: udp.bytes"),
        ("echo", "udp.round_trip_ms.p99", "no part 'p99'"),
    ],
)
def test_an_unknown_measurement_is_named(root: Path, name: str, key: str, message: str) -> None:
    with pytest.raises(KeyError, match=message):
        book.measured(name, key, root=root)


def test_a_value_without_spread_has_no_low(root: Path) -> None:
    with pytest.raises(ValueError, match=r"udp\.bytes has no low"):
        book.measured("echo", "udp.bytes.low", root=root)


def test_a_file_that_is_no_record_says_how_to_make_one(root: Path) -> None:
    (root / "labs" / "results" / "bad.json").write_text("{}", "utf-8")
    with pytest.raises(ValueError, match=r"bad\.json is not a lab's record.*just lab bad"):
        book.result("bad", root)


def test_a_column_runs_over_groups(root: Path) -> None:
    column = book.result("echo", root).column("bytes")
    assert {group: value.value for group, value in column.items()} == {"udp": 680, "tcp": 1690.5}


def test_a_changed_record_is_read_again(root: Path) -> None:
    assert book.result("echo", root)["udp.bytes"].value == 680
    changed = record()
    changed["values"]["udp"]["bytes"]["value"] = 700
    (root / "labs" / "results" / "echo.json").write_text(json.dumps(changed) + " " * 9, "utf-8")
    assert book.result("echo", root)["udp.bytes"].value == 700


def test_the_card_shows_values_spread_and_how(root: Path) -> None:
    card = book.card("echo", [("Round trip", "udp.round_trip_ms", ".2f"), ("Bytes", "udp.bytes", "")], root)
    text = str(card)
    assert '{#card-echo .card title="Echo"}' in text
    assert ":   0.05\u00a0ms [0.05 to 0.06, n\u00a0=\u00a020]{.spread}" in text
    assert ":   680\u00a0B\n" in text
    assert "`./just lab echo`" in text
    assert r"CPU \[x\], 2 cores, 8" in text
    assert "24\u00a0November\u00a02026, 12\u00a0s, seed 5" in text


def test_a_table_keeps_marks_and_refuses_ragged_rows() -> None:
    table = str(book.table([["a|b", book.computed(1)]], ["Name", "Value"], "lr"))
    assert table.splitlines() == ["| Name | Value |", "|:---|---:|", r"| a\|b | [1]{.computed} |"]
    with pytest.raises(ValueError, match="row 0 has 1 cells"):
        book.table([["a"]], ["Name", "Value"])
    with pytest.raises(ValueError, match="align"):
        book.table([["a"]], ["Name"], "x")


KNOBS = [book.Knob("Frame", ["10", "20"], "ms", 1), book.Knob("Link", ["wired", "radio"])]
CELLS: dict[tuple[int, ...], list[tuple[float, str]]] = {
    (i, j): [(i + j + 1.0, f"{i + j + 1} ms")] for i in range(2) for j in range(2)
}


def test_a_slider_holds_the_whole_grid() -> None:
    block = str(book.slider(KNOBS, ["wait"], CELLS, limit=(3, "budget"), says={(1, 1): "Too late."}))
    head, data, foot = block.strip().split("\n")
    assert (head, foot) == ("```{.json .slider-data}", "```")
    read = json.loads(data)
    assert read["cells"]["1,1"] == [[3.0, "3 ms"]]
    assert read["knobs"][0] == {"label": "Frame", "unit": "ms", "values": ["10", "20"], "start": 1}
    assert read["limit"] == {"value": 3, "label": "budget"}
    assert read["says"] == {"1,1": "Too late."}


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({key: value for key, value in CELLS.items() if key != (0, 1)}, r"lack position \(0, 1\)"),
        (CELLS | {(2, 0): [(1.0, "1")]}, "cells hold 5 positions, the knobs have 4"),
        (CELLS | {(0, 0): []}, "has 0 values for 1 rows"),
        (CELLS | {(0, 0): [(float("inf"), "never")]}, "no length of a bar"),
        (CELLS | {(0, 0): [(-1.0, "-1")]}, "no length of a bar"),
        (CELLS | {(0, 0): [(1.0, "x" * 60_000)]}, "weighs"),
    ],
)
def test_a_slider_with_a_hole_is_refused(
    cells: dict[tuple[int, ...], list[tuple[float, str]]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        book.slider(KNOBS, ["wait"], cells)


def test_a_knob_starts_on_one_of_its_values() -> None:
    with pytest.raises(ValueError, match="starts at 2"):
        book.slider([book.Knob("Frame", ["10", "20"], start=2)], ["wait"], {})


def test_the_committed_records_can_be_read() -> None:
    assert book.record_names(), "no record is committed"
    for name in book.record_names():
        assert book.result(name).keys()
