"""Frame size: what a small frame costs on the wire and what a large one costs in time.

A *frame* is the sound that one message carries, a *chunk* is the sound that one step of the model consumes.
This module has the closed forms (bytes, header share, loss at a playout buffer) and one simulation: many
streams share an uplink, each frame waits its turn, crosses a jittery path, and the receiver waits for a
whole chunk.

Times are in ms, rates in kbit/s (so `kbit/s * ms / 8` is bytes), sizes in bytes. Sizes and times may be
numpy arrays wherever a function returns an array.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Numbers = float | Sequence[float] | Floats

WARM_UP_PERIODS = 2
"""Frames sent before the one observed: identical periodic streams repeat their waits from the second frame
on."""


def _positive(name: str, value: Numbers) -> Floats:
    array = np.asarray(value, dtype=float)
    if array.size == 0 or not bool(np.all(np.isfinite(array) & (array > 0))):
        raise ValueError(f"{name} is {value}: it must be finite and greater than 0")
    return array


def _not_negative(name: str, value: float) -> float:
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{name} is {value}: it must be finite and not negative")
    return value


# ---------------------------------------------------------------- closed forms


def pcm_kbit_s(sample_rate_hz: float, bits: int = 16, channels: int = 1) -> float:
    """Bit rate of uncompressed sound in kbit/s: samples a second, times bits a sample, times channels.

    >>> pcm_kbit_s(16_000)
    256.0
    """
    _positive("sample_rate_hz", sample_rate_hz)
    _positive("bits", bits)
    _positive("channels", channels)
    return sample_rate_hz * bits * channels / 1000


G711_KBIT_S = pcm_kbit_s(8_000, bits=8)
"""G.711 sends 8,000 samples a second of 8 bits: 64 kbit/s."""


def payload_bytes(codec_kbit_s: Numbers, frame_ms: Numbers) -> Floats:
    """Bytes of sound in one frame; broadcasts over both arguments. A real encoder rounds to whole bytes.

    >>> float(payload_bytes(24, 20))
    60.0
    """
    return _positive("codec_kbit_s", codec_kbit_s) * _positive("frame_ms", frame_ms) / 8


def header_share(header_bytes: float, codec_kbit_s: Numbers, frame_ms: Numbers) -> Floats:
    """Share of the wire, 0 to 1, that carries headers: h / (h + b f / 8). Broadcasts over rate and frame.

    >>> round(float(header_share(60, 24, 20)), 3)
    0.5
    """
    return _not_negative("header_bytes", header_bytes) / (
        header_bytes + payload_bytes(codec_kbit_s, frame_ms)
    )


def wire_kbit_s(header_bytes: float, codec_kbit_s: Numbers, frame_ms: Numbers) -> Floats:
    """Bit rate on the wire in kbit/s, headers included: b + 8 h / f. Broadcasts over rate and frame."""
    overhead = 8 * _not_negative("header_bytes", header_bytes) / _positive("frame_ms", frame_ms)
    return _positive("codec_kbit_s", codec_kbit_s) + overhead


def smallest_frame_ms(header_bytes: float, codec_kbit_s: float, share: float) -> float:
    """The frame in ms at which headers take exactly `share` of the wire: the header share solved for f.

    Raises `ValueError` when `share` is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise ValueError(f"share is {share}: it must lie between 0 and 1, both excluded")
    rate = float(_positive("codec_kbit_s", codec_kbit_s))
    return 8 * _not_negative("header_bytes", header_bytes) * (1 - share) / (share * rate)


def frames_in_chunk(chunk_ms: float, frame_ms: float) -> int:
    """Whole frames that must arrive before `chunk_ms` of sound is complete.

    >>> frames_in_chunk(160, 20), frames_in_chunk(160, 60)
    (8, 3)
    """
    _positive("chunk_ms", chunk_ms)
    _positive("frame_ms", frame_ms)
    return math.ceil(chunk_ms / frame_ms - 1e-9)


def late_share(buffer_ms: float, jitter_mean_ms: float) -> float:
    """Share of frames, 0 to 1, that miss their turn in a fixed playout buffer, with exponential jitter.

    The buffer starts its clock when the first frame arrives and plays `buffer_ms` later. A later frame is
    late when its own jitter exceeds the first frame's by more than the buffer: P(J > J0 + B) = exp(-B / m)
    / 2.
    """
    _not_negative("buffer_ms", buffer_ms)
    mean = _not_negative("jitter_mean_ms", jitter_mean_ms)
    return 0.0 if mean == 0 else math.exp(-buffer_ms / mean) / 2


def buffer_for_late_share(share: float, jitter_mean_ms: float, frame_ms: float) -> float:
    """The playout buffer in ms, a whole number of frames, that keeps late frames at or under `share`.

    Raises `ValueError` when `share` is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise ValueError(f"share is {share}: it must lie between 0 and 1, both excluded")
    _positive("frame_ms", frame_ms)
    depth = max(0.0, -_not_negative("jitter_mean_ms", jitter_mean_ms) * math.log(2 * share))
    return math.ceil(depth / frame_ms - 1e-9) * frame_ms


# ---------------------------------------------------------------- simulation


@dataclass(frozen=True)
class Uplink:
    """A shared link and the path behind it.

    Each message holds the link for `message_ms` (radio access, contention, a system call: whatever is paid
    once a message) and for its bits at `link_kbit_s`. `streams` identical streams share the link, with
    independent phases. Behind it every frame takes `path_ms` plus exponential jitter of mean
    `jitter_mean_ms`.
    """

    path_ms: float
    jitter_mean_ms: float
    link_kbit_s: float
    message_ms: float = 0.0
    streams: int = 1

    def __post_init__(self) -> None:
        _not_negative("path_ms", self.path_ms)
        _not_negative("jitter_mean_ms", self.jitter_mean_ms)
        _not_negative("message_ms", self.message_ms)
        _positive("link_kbit_s", self.link_kbit_s)
        if self.streams < 1:
            raise ValueError(f"streams is {self.streams}: it must be at least 1")

    def service_ms(self, message_bytes: float) -> float:
        """Time in ms for which one message of `message_bytes` (headers included) holds the link."""
        return self.message_ms + 8 * float(_positive("message_bytes", message_bytes)) / self.link_kbit_s

    def load(self, message_bytes: float, frame_ms: float) -> float:
        """Share of time for which the link is busy. At 1 or more the queue grows without bound."""
        return self.streams * self.service_ms(message_bytes) / float(_positive("frame_ms", frame_ms))


@dataclass(frozen=True)
class FirstChunk:
    """What happened to the first chunk of each simulated stream. Arrays have the shape (runs,), times are
    in ms.

    Delays count from the first sample at the microphone. `complete_ms` is when the last missing frame has
    arrived (what a recognizer waits for), `played_ms` is when the playout buffer has released the chunk
    (what an ear waits for). Both are infinite when the link is overloaded.
    """

    frames: int
    load: float
    capture_ms: float
    service_ms: float
    path_ms: float
    buffer_ms: float
    queue_ms: Floats
    first_ms: Floats
    slowest_ms: Floats
    complete_ms: Floats
    played_ms: Floats
    late_share: float

    def mean_stages_ms(self, *, played: bool = False) -> dict[str, float]:
        """The mean delay by stage in ms, in the order of the path; the stages add up to the mean delay."""
        jitter = self.first_ms if played else self.slowest_ms
        stages = {
            "capture": self.capture_ms,
            "link": float(self.queue_ms.mean()) + self.service_ms,
            "path": self.path_ms,
            "jitter": float(jitter.mean()),
        }
        return stages | {"playout buffer": self.buffer_ms} if played else stages

    def percentile_ms(self, q: float, *, played: bool = False) -> float:
        """The `q`-th percentile (0 to 100) of the first chunk's delay, in ms; `played` counts the playout
        buffer."""
        if not 0 <= q <= 100:
            raise ValueError(f"q is {q}: it must lie between 0 and 100")
        delays = self.played_ms if played else self.complete_ms
        return math.inf if self.load >= 1 else float(np.percentile(delays, q))


def fifo_wait_ms(arrival_ms: Floats, service_ms: float) -> Floats:
    """Waiting time in ms of each message at a first-come, first-served link with one service time for all.

    `arrival_ms` has the shape (..., messages) and is sorted along its last axis; the link starts empty.
    Message k leaves at s (k + 1) + max over j <= k of (a_j - s j), which is Lindley's recursion written as
    one running maximum.
    """
    _positive("service_ms", service_ms)
    turn = service_ms * np.arange(arrival_ms.shape[-1])
    start: Floats = np.maximum.accumulate(arrival_ms - turn, axis=-1) + turn
    return np.maximum(start - arrival_ms, 0.0)


def queue_wait_ms(
    rng: np.random.Generator, streams: int, frame_ms: float, service_ms: float, runs: int
) -> Floats:
    """Waiting time in ms of one stream's frame among `streams` periodic streams, shape (runs,).

    Each run draws new phases, uniform over a frame. The load must be under 1; `ValueError` otherwise.
    """
    if streams * service_ms >= frame_ms:
        raise ValueError(
            f"service_ms is {service_ms}: {streams} streams need it under {frame_ms / streams} ms"
        )
    phase = rng.uniform(0, frame_ms, (runs, streams))
    periods = frame_ms * np.arange(WARM_UP_PERIODS + 1)
    arrivals = (phase[:, :, None] + periods).reshape(runs, -1)
    order = np.argsort(arrivals, axis=1)
    waits = fifo_wait_ms(np.take_along_axis(arrivals, order, axis=1), service_ms)
    observed = order == WARM_UP_PERIODS  # the first stream's last frame
    waited: Floats = waits[observed]
    return waited


def simulate_first_chunk(
    rng: np.random.Generator,
    uplink: Uplink,
    *,
    frame_ms: float,
    codec_kbit_s: float,
    header_bytes: float,
    chunk_ms: float = 160.0,
    lookahead_ms: float = 0.0,
    late_target: float = 0.01,
    runs: int = 4_000,
) -> FirstChunk:
    """Send the frames of one chunk over `uplink`, `runs` times, and time the receiver.

    A frame leaves when its last sample has been spoken and the encoder has seen `lookahead_ms` more. It
    waits for the link, is sent, and crosses the path. The playout buffer is the smallest whole number of
    frames that keeps late frames at or under `late_target`. Same `rng` state, same result.

    Raises `ValueError` naming the argument that is out of range. An overloaded link is no error: its delays
    are infinite.
    """
    if runs < 1:
        raise ValueError(f"runs is {runs}: it must be at least 1")
    frames = frames_in_chunk(chunk_ms, frame_ms)
    _not_negative("lookahead_ms", lookahead_ms)
    message_bytes = _not_negative("header_bytes", header_bytes) + float(payload_bytes(codec_kbit_s, frame_ms))
    service = uplink.service_ms(message_bytes)
    load = uplink.load(message_bytes, frame_ms)
    buffer = buffer_for_late_share(late_target, uplink.jitter_mean_ms, frame_ms)

    jitter = rng.exponential(1.0, (runs, frames)) * uplink.jitter_mean_ms
    if load < 1:
        queue = queue_wait_ms(rng, uplink.streams, frame_ms, service, runs)
    else:
        queue = np.full(runs, math.inf)
    head_start = frame_ms * np.arange(frames - 1, -1, -1)
    slowest = (jitter - head_start).max(axis=1)
    first_arrival = frame_ms + lookahead_ms + queue + service + uplink.path_ms + jitter[:, 0]
    later = jitter[:, 1:] > jitter[:, :1] + buffer
    return FirstChunk(
        frames=frames,
        load=load,
        capture_ms=frames * frame_ms + lookahead_ms,
        service_ms=service,
        path_ms=uplink.path_ms,
        buffer_ms=buffer,
        queue_ms=queue,
        first_ms=jitter[:, 0],
        slowest_ms=slowest,
        complete_ms=frames * frame_ms + lookahead_ms + queue + service + uplink.path_ms + slowest,
        played_ms=first_arrival + buffer + frame_ms * (frames - 1),
        late_share=float(later.mean()) if frames > 1 else 0.0,
    )


def complete_quantile_ms(q: float, frames: int, frame_ms: float, jitter_mean_ms: float) -> float:
    """The `q`-quantile (0 to 1) in ms of how long after the last frame was sent the chunk is complete: no
    queue.

    With exponential jitter the chunk is complete by t with probability prod_k (1 - exp(-(t + (n - 1 - k) f) /
    m)): frame k was sent (n - 1 - k) f earlier and has had that much longer. Solved for t by bisection.
    Raises `ValueError` unless q lies between 0 and 1.
    """
    if not 0 < q < 1:
        raise ValueError(f"q is {q}: it must lie between 0 and 1, both excluded")
    mean = float(_positive("jitter_mean_ms", jitter_mean_ms))
    head_start = float(_positive("frame_ms", frame_ms)) * np.arange(frames)
    low, high = 0.0, mean * (50 + math.log(frames))
    for _ in range(200):
        middle = (low + high) / 2
        if float(np.prod(-np.expm1(-(middle + head_start) / mean))) < q:
            low = middle
        else:
            high = middle
    return (low + high) / 2
