"""Chapter 5: the exercises' solutions, and the findings that its prose states in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from servelab import endpointing, framing, network, opus
from servelab.book import fact, result

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


def test_solution_of_the_gate_exercise(page: dict[str, Any]) -> None:
    """The rule of the exercise, applied to the record once more."""
    vad = result("vad").values
    for room, (gate, wait) in page["gates"].items():
        waits = {
            key: vad[f"{key}-{room}"]["release_p50"].value + vad[f"{key}-{room}"]["hole_p95"].value
            for key in page["DETECTORS"].values()
            if vad[f"{key}-{room}"]["missed"].value < 3 and vad[f"{key}-{room}"]["false_alarm"].value < 10
        }
        assert (wait, gate) == min(((wait, key) for key, wait in waits.items()), default=(np.inf, "none"))
    winners = [gate for gate, _ in page["gates"].values()]
    assert winners[-1] == "none"
    assert len(set(winners)) == 4


def test_solution_of_the_last_resort_exercise(page: dict[str, Any]) -> None:
    silence = page["waits_silence"][page["at_ten"]]
    measured, better = page["resorts"][page["SKILL"]], page["resorts"][page["BETTER"]]
    for waits in measured, better:
        assert waits == sorted(waits, reverse=True)
    assert max(better) < silence
    assert measured[1] > silence
    assert 0 < silence - measured[2] < 10


def test_a_threshold_works_against_noise_and_fails_against_voices() -> None:
    vad = result("vad")
    swept = [f"silero-{threshold}" for threshold in (20, 35, 50, 65, 80)]
    for detector in swept:
        for room in "white-40", "white-10", "white-0", "babble-40":
            assert float(vad[f"{detector}-{room}.missed"]) < 7
            assert float(vad[f"{detector}-{room}.false_alarm"]) < 6
        for room in "babble-10", "babble-0":
            assert float(vad[f"{detector}-{room}.false_alarm"]) > 98
    quiet, voices = (float(vad[f"silero-50-{room}-40.false_alarm"]) for room in ("white", "babble"))
    assert voices <= quiet
    others = [float(vad[f"webrtc-{mode}-babble-10.false_alarm"]) for mode in range(4)]
    assert others[3] < 50 < min(others[:3])
    assert float(vad["webrtc-0-white-0.false_alarm"]) == 100
    assert 20 < float(vad["webrtc-3-white-10.missed"]) < 30 < float(vad["webrtc-3-white-0.missed"])


def test_margins_cost_more_than_the_gap_that_people_leave(page: dict[str, Any]) -> None:
    vad = result("vad")
    assert min(page["totals"].values()) > float(fact("turn-gap"))
    assert max(page["totals"].values()) <= 280
    noise = {
        name: sum(page["ending_ms"](key, "white noise, 10 dB under"))
        for name, key in page["DETECTORS"].items()
    }
    assert max(noise, key=lambda name: noise[name]) == "WebRTC 3"
    assert noise.pop("WebRTC 3") == 624
    assert (min(noise.values()), max(noise.values())) == (240, 302)
    onsets = {t: float(vad[f"silero-{t}-white-10.clipped_p95"]) for t in (20, 35, 50, 65, 80)}
    assert len({onsets.pop(35), onsets.pop(50), onsets.pop(65), onsets.pop(80)}) == 1
    assert onsets[20] > float(fact("silero-pad"))
    assert page["onset_ms"] < 150


def test_the_detector_as_measured_needs_a_short_last_resort(page: dict[str, Any]) -> None:
    vad = result("vad")
    assert float(vad["turn-all.cut_taken"]) < float(vad["turn-all.pause_taken"])
    assert float(vad["turn-all.auc_pause"]) < float(vad["turn-all.auc_cut"])
    for last_ms, (cuts, wait, silence, _) in page["met"].items():
        rule = endpointing.TurnDetector(page["look_ms"], last_ms, page["hit"], page["alarm"])
        assert cuts == pytest.approx(2 * rule.cuts_per_pause(page["caller"]), rel=0.02)
        assert wait == pytest.approx(rule.delay_ms, rel=0.02)
        assert (wait < silence) == (last_ms < 3_000)


def test_the_skill_buys_little_and_the_default_last_resort_makes_it_a_loss(page: dict[str, Any]) -> None:
    silence, tuned, better = (page[f"waits_{name}"] for name in ("silence", "tuned", "better"))
    assert (page["waits_default"] > silence).all()
    assert (better < tuned).all()
    assert (tuned < silence).all()
    saved = silence - tuned
    assert saved[page["at_ten"]] == pytest.approx(50, abs=3)
    assert saved[page["CUTS"] == 0.45] == pytest.approx([117], abs=3)


def test_what_the_transports_add_outweighs_a_small_payload(page: dict[str, Any]) -> None:
    assert page["websocket_share"] > 0.5
    assert all(page["HEADERS"][name] > page["HEADERS"]["udp"] for name in page["HEADERS"] if name != "udp")
    assert page["HEADERS"]["udp"] == pytest.approx(page["header"], abs=1)


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
