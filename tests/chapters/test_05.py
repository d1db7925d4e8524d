"""Chapter 5: the exercise's solution, and the findings that its prose states in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from servelab import framing, network, opus
from servelab.book import result

from .cells import run_cells


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    return run_cells("05-streaming-audio-architecture")


def test_solution_of_the_uplink_exercise(page: dict[str, Any]) -> None:
    assert page["g711_fits"] == {40: pytest.approx(0.72)}
    assert page["opus_fits"] == {
        5: pytest.approx(0.76),
        10: pytest.approx(0.44),
        20: pytest.approx(0.28),
        40: pytest.approx(0.20),
    }


def test_solution_of_the_folding_exercise(page: dict[str, Any]) -> None:
    assert page["folded_hz"] == 16_000 - 11_000


def test_solution_of_the_burst_exercise(page: dict[str, Any]) -> None:
    """Against the chain's closed form, within four standard errors of 6,000 utterances."""
    for share, model in (
        (page["in_bursts"], network.GilbertElliott.bursty(0.05, 3)),
        (page["alone"], network.GilbertElliott.random(0.05)),
    ):
        exact = (1 - model.loss_rate) * (1 - model.good_to_bad) ** 149
        assert abs(share - exact) < 4 * np.sqrt(exact * (1 - exact) / 6_000) + 1e-3


def test_a_shorter_last_resort_is_answered_sooner(page: dict[str, Any]) -> None:
    waits = list(page["resorts"].values())
    assert waits == sorted(waits, reverse=True)
    assert page["detector_10"] < page["silence_10"]


def test_a_deeper_buffer_ends_at_what_the_network_lost(page: dict[str, Any]) -> None:
    made_up = [one.concealed_share for one in page["fixed"]]
    assert made_up == sorted(made_up, reverse=True)
    assert made_up[-1] == pytest.approx(page["lost_share"], abs=0.002)
    assert page["wait_loss"] == pytest.approx(0.002, abs=0.0002)


def test_the_record_of_losses_says_what_the_prose_says() -> None:
    loss = result("loss")
    for rate in (2, 5):
        change = loss[f"random-{rate}-concealment.wer_change"]
        assert (change.low or 0) < 0 < (change.high or 0)
        assert (loss[f"bursty-{rate}-concealment.wer_change"].low or 0) > 0
    assert (loss["random-10-concealment.wer_change"].low or 0) > 0
    assert (loss["random-10-fec.wer_change"].low or 0) < 0 < (loss["random-10-fec.wer_change"].high or 0)
    plain, copies = (float(loss[f"random-20-{key}.payload_kbit_s"]) for key in ("concealment", "fec"))
    assert copies == pytest.approx(plain, rel=0.01)


def test_a_queue_grows_and_a_limit_drops(page: dict[str, Any]) -> None:
    assert page["behind"](1.1)[0] == pytest.approx(6)
    lag, dropped = page["behind"](1.1, limit_s=0.5)
    assert (lag, dropped) == (pytest.approx(0.5), pytest.approx(5))


def test_the_uplink_is_exactly_at_its_limit_with_20_ms() -> None:
    assert 300 * float(framing.wire_kbit_s(40, 64, 20)) == 0.8 * 30_000


def test_frames_that_divide_the_chunk_cost_a_recognizer_nothing(page: dict[str, Any]) -> None:
    assert np.abs(page["gain_10"]).max() < 0.2
    assert page["gain_40"] == pytest.approx([20.0] * 20, abs=0.2)
    assert page["worst_gap"] < 0.2


def test_small_frames_overload_the_shared_links(page: dict[str, Any]) -> None:
    for link in (page["WIFI"], page["CELL"]):
        limit = page["smallest_ms"](link)
        assert 10 < limit < 20
        assert all((page["RUNS"][link, frame].load >= 1) == (frame < limit) for frame in opus.FRAMES_MS)
    assert page["first_to_fail"] == 19


def test_an_unfiltered_tone_folds_at_full_strength(page: dict[str, Any]) -> None:
    assert page["strongest"] == 3_000
    assert np.std(page["thinned"]) == pytest.approx(np.std(page["tone"]), rel=0.01)


def test_snr_ranks_the_telephone_first(page: dict[str, Any]) -> None:
    assert page["snr_law"] > page["snr_64"] + 6
    assert page["snr_64"] - page["snr_24"] < 1


def test_opus_doubles_its_bandwidth_between_8_and_12_kbit_s(page: dict[str, Any]) -> None:
    chosen = {
        kbit_s: {
            opus.bandwidth_hz(packet) for packet in opus.roundtrip(page["pcm"], 16_000, 1000 * kbit_s)[1]
        }
        for kbit_s in (6, 8, 12, 16, 24)
    }
    assert chosen == {6: {4_000}, 8: {4_000}, 12: {8_000}, 16: {8_000}, 24: {8_000}}


def test_the_record_says_what_the_prose_says() -> None:
    codecs = result("codecs")
    narrow = ("pcm-8khz", "g711", "opus-6k", "opus-8k")
    wide = ("opus-12k", "opus-16k", "opus-24k", "opus-32k")
    for recognizer in ("moonshine", "pocketsphinx"):
        changes = {group: codecs[f"{group}.wer_{recognizer}_change"] for group in (*narrow, *wide)}
        assert all((changes[group].low or 0) > 0 for group in narrow[1:])
        assert all((changes[group].low or 0) < 0 < (changes[group].high or 0) for group in wide)
    for group in narrow:
        older, newer = (float(codecs[f"{group}.wer_{name}_change"]) for name in ("pocketsphinx", "moonshine"))
        assert older > 9 * newer
    assert max(float(codecs[f"{group}.wer_pocketsphinx_change"]) for group in wide) < 2
    narrowest = [float(codecs[f"{group}.wer_moonshine_change"]) for group in narrow]
    assert min(narrowest) == float(codecs["pcm-8khz.wer_moonshine_change"])
    assert max(narrowest) == float(codecs["opus-6k.wer_moonshine_change"])
    assert float(codecs["opus-12k.payload_kbit_s"]) < float(codecs["g711.payload_kbit_s"]) / 5
