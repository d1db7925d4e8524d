"""Sound as numbers: load, resample, cut into frames, measure, match loudness, look at it.

Everywhere in this package a *signal* is a float32 array of the shape (samples,) with full scale at -1 and
1, and its *rate* an integer in Hz.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
from scipy import signal as dsp

Signal = npt.NDArray[np.float32]
Pcm16 = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float64]

RATES_HZ = (8_000, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
"""Sampling rates that this package accepts."""
FULL_SCALE = 32_768
ACTIVE_BELOW_PEAK_DB = 40.0
"""A frame counts as speech when its level is within this distance of the loudest frame."""


def checked_rate(rate_hz: int) -> int:
    """`rate_hz`, or `ValueError` naming the rates that are known."""
    if rate_hz not in RATES_HZ:
        raise ValueError(f"rate_hz is {rate_hz}: it must be one of {', '.join(map(str, RATES_HZ))}")
    return rate_hz


def checked(signal: npt.ArrayLike, name: str = "signal") -> Signal:
    """`signal` as a float32 array of the shape (samples,).

    Raises `ValueError` when it is empty, has more than one dimension, or holds NaN or infinity.
    """
    array = np.asarray(signal, dtype=np.float32)
    if array.ndim != 1:
        raise ValueError(f"{name} has the shape {array.shape}: it must be one channel, (samples,)")
    if array.size == 0:
        raise ValueError(f"{name} is empty: it must hold at least one sample")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds NaN or infinity: every sample must be a finite number")
    return array


def load(path: Path | str) -> tuple[Signal, int]:
    """The sound file at `path` (WAV, FLAC, MP3 or Ogg) as a signal and its rate in Hz; channels are
    averaged.

    Raises `FileNotFoundError` when there is no file, `ValueError` when it is no sound, empty, or has an
    unknown rate.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no sound file at {path}")
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise ValueError(f"{path.name} is no sound file that can be read: {error}") from error
    return checked(samples.mean(axis=1), path.name), checked_rate(rate)


def to_pcm16(signal: npt.ArrayLike) -> Pcm16:
    """`signal` rounded to 16-bit samples; what exceeds full scale is clipped."""
    scaled = np.rint(checked(signal).astype(np.float64) * FULL_SCALE)
    return np.clip(scaled, -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def from_pcm16(samples: Pcm16) -> Signal:
    """16-bit samples as a signal; the inverse of `to_pcm16`. Raises `ValueError` unless int16."""
    if samples.dtype != np.int16:
        raise ValueError(f"samples are {samples.dtype}: they must be int16")
    return (samples / FULL_SCALE).astype(np.float32)


def quantized(signal: npt.ArrayLike, bits: int) -> Signal:
    """`signal` rounded to `bits` bits a sample, evenly spaced. Raises `ValueError` outside 2 to 16 bits."""
    if not 2 <= bits <= 16:
        raise ValueError(f"bits is {bits}: it must lie between 2 and 16")
    steps = 2 ** (bits - 1)
    stepped: Signal = (np.clip(np.rint(checked(signal) * steps), -steps, steps - 1) / steps).astype(
        np.float32
    )
    return stepped


def resample(signal: npt.ArrayLike, rate_hz: int, to_hz: int) -> Signal:
    """`signal` at another rate, by a polyphase filter that removes what the new rate cannot carry.

    The result has ceil(samples * to_hz / rate_hz) samples and no added delay.
    """
    array = checked(signal)
    if checked_rate(rate_hz) == checked_rate(to_hz):
        return array
    common = math.gcd(rate_hz, to_hz)
    resampled: Signal = dsp.resample_poly(array, to_hz // common, rate_hz // common).astype(np.float32)
    return resampled


def decimated(signal: npt.ArrayLike, factor: int) -> Signal:
    """Every `factor`-th sample with no filter before it: the mistake that folds high tones into low ones.
    Raises `ValueError` for a factor under 1."""
    if factor < 1:
        raise ValueError(f"factor is {factor}: it must be at least 1")
    return checked(signal)[::factor].copy()


def frame_samples(rate_hz: int, frame_ms: float) -> int:
    """Samples in a frame. Raises `ValueError` when `frame_ms` is not a whole number of samples above 0."""
    samples = checked_rate(rate_hz) * frame_ms / 1000
    if samples < 1 or abs(samples - round(samples)) > 1e-6:
        raise ValueError(f"frame_ms is {frame_ms}: at {rate_hz} Hz it must be a whole number of samples")
    return round(samples)


def frames(signal: npt.ArrayLike, rate_hz: int, frame_ms: float = 20.0) -> Signal:
    """`signal` cut into frames, shape (frames, samples a frame); the last one is filled with silence."""
    array = checked(signal)
    size = frame_samples(rate_hz, frame_ms)
    return np.pad(array, (0, -array.size % size)).reshape(-1, size)


def dbfs(signal: npt.ArrayLike) -> float:
    """Level in dB below a full-scale sine (dBFS): the root mean square, where a sine of amplitude 1 is 0.

    Silence is minus infinity.
    """
    power = float(np.mean(np.square(checked(signal), dtype=np.float64)))
    return 10 * math.log10(2 * power) if power > 0 else -math.inf


def frame_levels_dbfs(signal: npt.ArrayLike, rate_hz: int, frame_ms: float = 20.0) -> Floats:
    """Level of every frame in dBFS, shape (frames,); silence is minus infinity."""
    power = np.mean(np.square(frames(signal, rate_hz, frame_ms), dtype=np.float64), axis=1)
    with np.errstate(divide="ignore"):
        level: Floats = 10 * np.log10(2 * power)
    return level


def speech_level_dbfs(signal: npt.ArrayLike, rate_hz: int) -> float:
    """Level in dBFS of the frames that carry speech: those within 40 dB of the loudest. Silence: minus
    infinity.

    A plain stand-in for the active speech level: pauses do not make a clip count as quiet.
    """
    level = frame_levels_dbfs(signal, rate_hz)
    peak = float(level.max())
    if peak == -math.inf:
        return -math.inf
    active = level[level > peak - ACTIVE_BELOW_PEAK_DB]
    return float(10 * np.log10(np.mean(10 ** (active / 10))))


def match_level(signal: npt.ArrayLike, rate_hz: int, target_dbfs: float, peak: float = 0.98) -> Signal:
    """`signal` with its speech at `target_dbfs`, so that clips compare at one loudness.

    Raises `ValueError` for silence, and when the target would push a sample beyond `peak` (0 to 1): match
    all clips of a comparison to a lower target instead.
    """
    array = checked(signal)
    level = speech_level_dbfs(array, rate_hz)
    if level == -math.inf:
        raise ValueError("signal is silent: there is no speech to bring to a level")
    louder = (array * 10 ** ((target_dbfs - level) / 20)).astype(np.float32)
    if np.abs(louder).max() > peak:
        raise ValueError(
            f"target_dbfs is {target_dbfs}: the peak would be {np.abs(louder).max():.2f}, over {peak}"
        )
    return louder


@dataclass(frozen=True)
class Spectrogram:
    """Power over time and frequency: `db` has the shape (frequencies, times), 0 dB at the loudest point."""

    db: Floats
    times_s: Floats
    frequencies_hz: Floats


def spectrogram(
    signal: npt.ArrayLike,
    rate_hz: int,
    window_ms: float = 25.0,
    hop_ms: float = 10.0,
    floor_db: float = -80.0,
) -> Spectrogram:
    """Short-time power spectrum with a Hann window, in dB under the loudest point, cut off at `floor_db`.

    Raises `ValueError` when the signal is shorter than a window.
    """
    array = checked(signal)
    window = frame_samples(rate_hz, window_ms)
    hop = frame_samples(rate_hz, hop_ms)
    if array.size < window:
        raise ValueError(f"signal has {array.size} samples: a window of {window_ms} ms needs {window}")
    starts = np.arange(0, array.size - window + 1, hop)
    pieces = np.lib.stride_tricks.sliding_window_view(array, window)[starts] * np.hanning(window)
    power = np.abs(np.fft.rfft(pieces, axis=1)) ** 2
    top = float(power.max())
    db = (
        np.full(power.shape, floor_db)
        if top == 0
        else 10 * np.log10(np.maximum(power / top, 10 ** (floor_db / 10)))
    )
    return Spectrogram(
        db=db.T,
        times_s=(starts + window / 2) / rate_hz,
        frequencies_hz=np.linspace(0, rate_hz / 2, window // 2 + 1),
    )


def share_above(signal: npt.ArrayLike, rate_hz: int, frequency_hz: float) -> float:
    """Share of the signal's power, 0 to 1, that lies above `frequency_hz`. Silence: 0. Raises `ValueError`
    unless the frequency lies between 0 and half the rate."""
    array = checked(signal)
    if not 0 <= frequency_hz <= checked_rate(rate_hz) / 2:
        raise ValueError(f"frequency_hz is {frequency_hz}: it must lie between 0 and {rate_hz / 2:g}")
    power = np.abs(np.fft.rfft(array.astype(np.float64))) ** 2
    total = float(power.sum())
    above = np.fft.rfftfreq(array.size, 1 / rate_hz) > frequency_hz
    return float(power[above].sum()) / total if total > 0 else 0.0


def snr_db(reference: npt.ArrayLike, other: npt.ArrayLike) -> float:
    """Signal-to-noise ratio in dB of `other` against `reference`, sample by sample; equal signals give
    infinity. Raises `ValueError` unless both are equally long."""
    first, second = checked(reference, "reference"), checked(other, "other")
    if first.shape != second.shape:
        raise ValueError(f"other has {second.size} samples: it must have {first.size}, as the reference")
    noise = float(np.sum(np.square(first.astype(np.float64) - second)))
    power = float(np.sum(np.square(first, dtype=np.float64)))
    return math.inf if noise == 0 else 10 * math.log10(power / noise) if power > 0 else -math.inf
