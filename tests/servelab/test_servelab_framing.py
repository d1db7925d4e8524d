"""The first chunk against closed forms, within stated intervals, and what must hold for every link."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from servelab import framing
from servelab.framing import Uplink, simulate_first_chunk

FRAME = st.sampled_from([2.5, 5.0, 10.0, 20.0, 40.0, 60.0])


def test_header_share_at_known_points() -> None:
    assert float(framing.header_share(40, 24, 20)) == pytest.approx(0.4)
    assert float(framing.header_share(40, framing.G711_KBIT_S, 20)) == pytest.approx(0.2)
    assert float(framing.header_share(0, 24, 20)) == 0
    assert framing.header_share(40, 24, [20, 40]).tolist() == pytest.approx([0.4, 0.25])
    assert float(framing.wire_kbit_s(40, 24, 20)) == pytest.approx(40)


@given(st.floats(1, 500), st.floats(1, 512), st.floats(0.01, 0.99))
def test_the_smallest_frame_has_exactly_the_share(header: float, kbit_s: float, share: float) -> None:
    frame = framing.smallest_frame_ms(header, kbit_s, share)
    assert float(framing.header_share(header, kbit_s, frame)) == pytest.approx(share)


@given(st.floats(1, 500), st.floats(1, 512), FRAME)
def test_the_wire_carries_codec_and_headers_and_nothing_else(
    header: float, kbit_s: float, frame: float
) -> None:
    wire = float(framing.wire_kbit_s(header, kbit_s, frame))
    assert wire * (1 - float(framing.header_share(header, kbit_s, frame))) == pytest.approx(kbit_s)


@given(st.floats(0.001, 0.4), st.floats(0.1, 50), FRAME)
def test_the_buffer_is_the_smallest_whole_number_of_frames_that_serves(
    share: float, jitter: float, frame: float
) -> None:
    buffer = framing.buffer_for_late_share(share, jitter, frame)
    assert buffer / frame == pytest.approx(round(buffer / frame))
    assert framing.late_share(buffer, jitter) <= share * (1 + 1e-6)
    if buffer > 0:
        assert framing.late_share(buffer - frame, jitter) > share if buffer > frame else True


def test_waits_are_lindleys_recursion() -> None:
    arrivals = np.sort(np.random.default_rng(1).uniform(0, 50, (3, 40)), axis=1)
    waits = framing.fifo_wait_ms(arrivals, 1.1)
    for row in range(3):
        free = -math.inf
        for arrival, wait in zip(arrivals[row], waits[row], strict=True):
            start = max(arrival, free)
            assert wait == pytest.approx(start - arrival, abs=1e-9)
            free = start + 1.1


@pytest.mark.parametrize("load", [0.3, 0.6, 0.8])
def test_random_arrivals_wait_as_pollaczek_and_khinchine_say(load: float) -> None:
    """M/D/1: mean wait = load * service / (2 (1 - load)). 99.9 % interval over 100 independent runs."""
    rng = np.random.default_rng(2)
    arrivals = np.cumsum(rng.exponential(1 / load, (100, 20_000)), axis=1)
    means = framing.fifo_wait_ms(arrivals, 1.0)[:, 2_000:].mean(axis=1)
    expected = load / (2 * (1 - load))
    assert abs(means.mean() - expected) < 3.39 * means.std(ddof=1) / math.sqrt(means.size)


def test_two_streams_collide_as_often_as_geometry_says() -> None:
    """The other stream's frame began less than a service time ago: mean wait s^2 / (2 f), 99.9 %
    interval."""
    waits = framing.queue_wait_ms(np.random.default_rng(3), 2, 20.0, 4.0, 200_000)
    expected = 4.0**2 / (2 * 20.0)
    assert abs(waits.mean() - expected) < 3.29 * waits.std() / math.sqrt(waits.size)
    assert waits.max() < 4.0


def test_periodic_streams_wait_less_than_random_ones_and_repeat_from_frame_to_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    streams, frame, service = 8, 20.0, 2.0
    waits = framing.queue_wait_ms(np.random.default_rng(4), streams, frame, service, 20_000)
    load = streams * service / frame
    assert waits.mean() < load * service / (2 * (1 - load))
    monkeypatch.setattr(framing, "WARM_UP_PERIODS", 6)
    later = framing.queue_wait_ms(np.random.default_rng(4), streams, frame, service, 20_000)
    np.testing.assert_allclose(waits, later, atol=1e-9)


LINK = Uplink(path_ms=24, jitter_mean_ms=8, link_kbit_s=20_000, message_ms=0.25, streams=1)


@pytest.mark.parametrize("frame_ms", [10.0, 20.0, 60.0])
@pytest.mark.parametrize("q", [0.5, 0.99])
def test_the_slowest_frame_has_the_closed_forms_quantile(frame_ms: float, q: float) -> None:
    """The share of runs under the closed form's quantile is q: 99.9 % interval of a binomial with 40,000
    runs."""
    run = simulate_first_chunk(
        np.random.default_rng(6), LINK, frame_ms=frame_ms, codec_kbit_s=24, header_bytes=40, runs=40_000
    )
    below = float((run.slowest_ms <= framing.complete_quantile_ms(q, run.frames, frame_ms, 8)).mean())
    assert abs(below - q) < 3.29 * math.sqrt(q * (1 - q) / 40_000)


@pytest.mark.parametrize("frame_ms", [10.0, 20.0])
def test_late_frames_have_the_closed_forms_share(frame_ms: float) -> None:
    """Frames of one run share the first frame's jitter, so the interval is over 60 runs of the
    simulation."""
    shares = [
        simulate_first_chunk(
            np.random.default_rng(seed),
            LINK,
            frame_ms=frame_ms,
            codec_kbit_s=24,
            header_bytes=40,
            late_target=0.05,
            runs=2_000,
        )
        for seed in range(60)
    ]
    found = np.array([run.late_share for run in shares])
    expected = framing.late_share(shares[0].buffer_ms, 8)
    assert expected > 0
    assert abs(found.mean() - expected) < 3.46 * found.std(ddof=1) / math.sqrt(found.size)


@settings(max_examples=60, deadline=None)
@given(
    frame=FRAME,
    path=st.floats(0, 100),
    jitter=st.floats(0, 30),
    message=st.floats(0, 1),
    streams=st.integers(1, 12),
    seed=st.integers(0, 9),
)
def test_what_holds_on_every_link(
    frame: float, path: float, jitter: float, message: float, streams: int, seed: int
) -> None:
    link = Uplink(path, jitter, 20_000, message, streams)
    run = simulate_first_chunk(
        np.random.default_rng(seed), link, frame_ms=frame, codec_kbit_s=24, header_bytes=40, runs=50
    )
    if run.load >= 1:
        assert run.percentile_ms(1) == math.inf
        return
    floor = run.capture_ms + run.service_ms + path
    assert run.frames * frame >= 160
    assert (run.complete_ms >= floor - 1e-9).all()
    assert (run.queue_ms >= 0).all()
    assert (run.slowest_ms >= 0).all()
    assert run.percentile_ms(50) <= run.percentile_ms(99)
    for played, delays in ((False, run.complete_ms), (True, run.played_ms)):
        assert sum(run.mean_stages_ms(played=played).values()) == pytest.approx(float(delays.mean()))


def test_without_jitter_queue_or_headers_the_delay_is_capture_sending_and_path() -> None:
    run = simulate_first_chunk(
        np.random.default_rng(0),
        Uplink(30, 0, 1_000),
        frame_ms=60,
        codec_kbit_s=16,
        header_bytes=0,
        lookahead_ms=6.5,
        runs=3,
    )
    assert run.complete_ms.tolist() == pytest.approx([180 + 6.5 + 0.96 + 30] * 3)
    assert run.late_share == 0


def test_more_streams_never_shorten_the_wait() -> None:
    waits = [
        framing.queue_wait_ms(np.random.default_rng(1), streams, 20.0, 1.0, 20_000).mean()
        for streams in (1, 4, 8, 12, 16, 19)
    ]
    assert waits == sorted(waits)
    assert waits[0] == 0


def test_an_overloaded_link_is_infinitely_late() -> None:
    run = simulate_first_chunk(
        np.random.default_rng(0), Uplink(10, 5, 100, 1, 20), frame_ms=5, codec_kbit_s=24, header_bytes=40
    )
    assert run.load > 1
    assert run.percentile_ms(50) == math.inf


def test_the_same_seed_gives_the_same_run() -> None:
    runs = [
        simulate_first_chunk(np.random.default_rng(9), LINK, frame_ms=20, codec_kbit_s=24, header_bytes=40)
        for _ in range(2)
    ]
    np.testing.assert_array_equal(runs[0].complete_ms, runs[1].complete_ms)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: framing.payload_bytes(0, 20), "codec_kbit_s"),
        (lambda: framing.payload_bytes(24, [20, -1]), "frame_ms"),
        (lambda: framing.header_share(-1, 24, 20), "header_bytes"),
        (lambda: framing.header_share(40, math.nan, 20), "codec_kbit_s"),
        (lambda: framing.smallest_frame_ms(40, 24, 1), "share"),
        (lambda: framing.buffer_for_late_share(0, 8, 20), "share"),
        (lambda: framing.late_share(-1, 8), "buffer_ms"),
        (lambda: framing.frames_in_chunk(0, 20), "chunk_ms"),
        (lambda: framing.pcm_kbit_s(-8), "sample_rate_hz"),
        (lambda: Uplink(-1, 0, 100), "path_ms"),
        (lambda: Uplink(1, 0, 0), "link_kbit_s"),
        (lambda: Uplink(1, 0, 100, streams=0), "streams"),
        (lambda: framing.queue_wait_ms(np.random.default_rng(0), 10, 20, 2, 5), "service_ms"),
        (lambda: framing.complete_quantile_ms(1, 8, 20, 8), "q is 1"),
        (
            lambda: simulate_first_chunk(
                np.random.default_rng(0), LINK, frame_ms=20, codec_kbit_s=24, header_bytes=40, runs=0
            ),
            "runs",
        ),
    ],
)
def test_a_bad_parameter_is_named(call: object, message: str) -> None:
    assert callable(call)
    with pytest.raises(ValueError, match=message):
        call()
