"""G.711: one byte a sample, spaced so that quiet sounds get finer steps than loud ones.

mu-law (North America, Japan) and A-law (elsewhere), as in ITU-T Recommendation G.711, which RTP
carries as PCMU and PCMA [@rfc3551, sec. 4.5.14]. Both map a 16-bit sample to a sign, a segment of three bits
that doubles its step from one to the next, and four bits inside the segment. The input is 16-bit; mu-law uses
its upper 14 bits and A-law its upper 13.

>>> encode_mulaw(np.array([0, 1000, -32768], dtype=np.int16))
array([255, 206,   0], dtype=uint8)
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Pcm16 = npt.NDArray[np.int16]
Codes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int32]

MULAW_BIAS = 33
MULAW_CLIP = 8158
ALAW_TOGGLE = 0x55
"""A-law inverts every other bit on the wire, so that silence is not a long run of zeros."""


def _pcm(samples: Pcm16) -> Integers:
    if samples.dtype != np.int16:
        raise ValueError(f"samples are {samples.dtype}: they must be int16")
    return samples.astype(np.int32)


def _codes(codes: Codes) -> Integers:
    if codes.dtype != np.uint8:
        raise ValueError(f"codes are {codes.dtype}: they must be uint8")
    return codes.astype(np.int32)


def _bit_length(values: Integers) -> Integers:
    return np.frexp(values.astype(np.float64))[1].astype(np.int32)


def encode_mulaw(samples: Pcm16) -> Codes:
    """16-bit samples of any shape as mu-law codes of the same shape. Raises `ValueError` unless int16."""
    value = _pcm(samples) >> 2
    negative = value < 0
    magnitude = np.minimum(np.abs(value), MULAW_CLIP) + MULAW_BIAS
    segment = _bit_length(magnitude) - 6
    step = (magnitude >> (segment + 1)) & 15
    codes: Codes = (~((negative << 7) | (segment << 4) | step) & 0xFF).astype(np.uint8)
    return codes


def decode_mulaw(codes: Codes) -> Pcm16:
    """mu-law codes as 16-bit samples, each at the middle of its step. Raises `ValueError` unless uint8."""
    bits = ~_codes(codes) & 0xFF
    segment = (bits >> 4) & 7
    magnitude = ((((bits & 15) << 1) + MULAW_BIAS) << segment) - MULAW_BIAS
    return np.where(bits & 0x80, -magnitude << 2, magnitude << 2).astype(np.int16)


def encode_alaw(samples: Pcm16) -> Codes:
    """16-bit samples of any shape as A-law codes of the same shape. Raises `ValueError` unless int16."""
    value = _pcm(samples) >> 3
    negative = value < 0
    magnitude = np.where(negative, ~value, value)
    segment = np.maximum(_bit_length(magnitude) - 5, 0)
    step = (magnitude >> np.maximum(segment, 1)) & 15
    sign = np.where(negative, 0, 0x80)
    codes: Codes = ((sign | (segment << 4) | step) ^ ALAW_TOGGLE).astype(np.uint8)
    return codes


def decode_alaw(codes: Codes) -> Pcm16:
    """A-law codes as 16-bit samples, each at the middle of its step. Raises `ValueError` unless uint8."""
    bits = _codes(codes) ^ ALAW_TOGGLE
    segment = (bits >> 4) & 7
    low = ((bits & 15) << 1) + 1
    magnitude = np.where(segment == 0, low, (low + 32) << np.maximum(segment - 1, 0)) << 3
    return np.where(bits & 0x80, magnitude, -magnitude).astype(np.int16)
