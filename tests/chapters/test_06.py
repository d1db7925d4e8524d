"""Chapter 6: the solutions of its exercises, and the findings that its prose states in words."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from servelab import network
from servelab.book import fact

from .cells import run_cells


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    return run_cells("06-protocol-selection-for-audio")


# ---------------------------------------------------------------- exercises


def test_small_frame_is_mostly_headers(page: dict[str, Any]) -> None:
    assert page["frame"] == 60 + 20 + 20 + 12 + 5 + 1 + 16 + 2 + 4 == 140
    assert page["small_share"] < 0.5


def test_longest_path_leaves_room_for_a_whole_recovery(page: dict[str, Any]) -> None:
    for budget, longest in ((150, page["near"]), (300, page["wide"])):
        assert longest + page["recovery_ms"](longest) <= budget
        assert longest + 1 + page["recovery_ms"](longest + 1) > budget
    assert page["wide"] > 2 * page["near"]


def test_digits_survive_loss_doubling_and_disorder(page: dict[str, Any]) -> None:
    digits, press = page["digits"], page["press"]
    assert digits(page["sent"]) == digits(page["shuffled"]) == "42"
    assert digits(press("#", 1) + press("5", 2) + press("5", 3)) == "#55"
    assert digits([]) == ""
    assert digits([(1, bytes((16, 0, 0, 0)))]) == ""


def test_copies_square_single_losses_and_not_bursts(page: dict[str, Any]) -> None:
    missing = page["missing"]
    assert missing[None, 1] == pytest.approx(missing[None, 0] ** 2, abs=0.001)
    assert missing[3, 1] > missing[3, 0] / 2


# ---------------------------------------------------------------- what the simulation says


def test_the_formula_agrees_with_the_simulation_where_nothing_is_lost_twice(page: dict[str, Any]) -> None:
    for delay in (75, 100):
        simulated = page["LATE"][0.01, delay, "TCP, recent acknowledgment"]
        assert simulated == pytest.approx(page["closed"](delay, 0.01), rel=0.25)
    assert page["LATE"][0.01, 25, "TCP, recent acknowledgment"] < 0.01


def test_repair_that_blocks_nobody_never_costs_more_than_the_loss(page: dict[str, Any]) -> None:
    late = page["LATE"]
    for loss in page["GRID_LOSS"]:
        for delay in page["GRID_DELAY_MS"]:
            if delay < 140:
                assert late[loss, delay, "QUIC, a stream a frame"] <= late[loss, delay, "Datagrams"] + 1e-9
            assert late[loss, delay, page["TWICE"]] <= late[loss, delay, "Datagrams"]


def test_bursts_soften_an_ordered_stream(page: dict[str, Any]) -> None:
    assert page["burst_in_order"] < page["LATE"][0.02, 100, "TCP, recent acknowledgment"]
    assert page["bearable"][25] == 1.0
    assert page["bearable"][100] < page["bearable"][75] < 0.01


def test_the_procedure_gives_each_client_its_transport(page: dict[str, Any]) -> None:
    found = [choice for choice, _ in page["choices"].values()]
    assert found == ["WebSocket", "WebRTC", "WebTransport", "gRPC", "SIP and RTP"]


def test_clips_lose_what_the_captions_say() -> None:
    crossing = network.Path(100.0, loss=network.GilbertElliott.random(0.08)).draw(
        np.random.default_rng(6), 266
    )
    ordered = network.fixed_buffer(network.reliable(crossing), 60.0)
    datagrams = network.fixed_buffer(network.datagrams(crossing), 60.0)
    assert int(datagrams.concealed.sum()) == int(crossing.lost.sum()) == 19
    assert ordered.concealed_share > 0.5
    assert ordered.gap_lengths.min() >= 7


# ---------------------------------------------------------------- what the record says


def test_the_counter_is_right_to_the_byte(page: dict[str, Any]) -> None:
    assert page["LAB"]["udp.up_bytes"].value == page["by_hand"] == 680
    assert page["LAB"]["websocket.up_bytes"].value == pytest.approx(page["websocket_by_hand"], abs=1)


def test_one_lost_packet_holds_up_an_ordered_stream_alone(page: dict[str, Any]) -> None:
    for name in page["ORDERED"]:
        assert 5 <= page["held"][name] <= 10
        assert not any(math.isnan(delay) for delay in page["TRACES"][name])
    for name in page["DATAGRAMS"]:
        assert sum(math.isnan(delay) for delay in page["TRACES"][name]) == 1


def test_set_up_is_a_whole_number_of_round_trips(page: dict[str, Any]) -> None:
    for name, steps in page["LADDER"].items():
        assert page["trips"][name] == pytest.approx(len(steps), abs=0.25), name


def test_webrtc_data_channel_is_the_heaviest(page: dict[str, Any]) -> None:
    assert page["heaviest"] == "webrtc"


def test_text_costs_bytes_first_and_compression_gives_only_them_back(page: dict[str, Any]) -> None:
    lab = page["LAB"]
    assert lab["mulaw-json.bytes"].value > 2 * lab["mulaw-binary.bytes"].value
    assert lab["pcm-json-deflate.bytes"].value >= lab["pcm-binary.bytes"].value
    assert page["json_core"] < 0.01


def test_over_tcp_five_lost_in_a_hundred_are_too_many_even_nearby(page: dict[str, Any]) -> None:
    leaves = page["leaves"]
    for name in page["over_tcp"]:
        assert leaves[name] == [0.05], name
    for name in (*page["DATAGRAMS"], "webtransport-stream"):
        assert leaves[name] == [], name
    assert float(fact("g114-preferred")) == 150


def test_at_the_further_path_every_ordered_stream_is_over_the_budget(page: dict[str, Any]) -> None:
    for name in page["ORDERED"]:
        assert page["at"](name, 50, 0.02, "p99_ms") > 150, name
        assert page["at"](name, 50, 0.02, "late_150ms") > page["at"]("udp", 50, 0.02, "late_150ms"), name
    medians = [page["at"](name, 50, 0.02, "p50_ms") for name in page["NAMES"]]
    assert max(medians) - min(medians) < 3


def test_the_buffer_is_the_call(page: dict[str, Any]) -> None:
    echo = page["ECHO"]
    assert echo[0] < min(echo[2], echo[5])
    between = page["LAB"]["call-buffer-2.echo_ms"]
    assert (between.low or 0) < 70 < 110 < (between.high or 0)
    assert echo[5] - echo[0] == pytest.approx(5 * 20, abs=15)
