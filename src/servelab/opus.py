"""Opus frame by frame, through the libopus that the pinned `av` wheel carries.

PyAV's own codec hides what a serving engineer must see: the bytes of each frame, the encoder's lookahead
and the decoder's answer to a missing frame. The codec is that of [@rfc6716]; the calls are libopus's C
interface.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, byref, c_char_p, c_int, c_int16, c_int32, c_void_p
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Pcm16 = npt.NDArray[np.int16]
Application = Literal["voip", "audio", "lowdelay"]

RATES_HZ = (8_000, 12_000, 16_000, 24_000, 48_000)
FRAMES_MS = (2.5, 5.0, 10.0, 20.0, 40.0, 60.0)
BIT_RATES = (500, 512_000)
MAX_PACKET_BYTES = 1_500

_APPLICATION: dict[Application, int] = {"voip": 2048, "audio": 2049, "lowdelay": 2051}
_SET_BITRATE, _SET_VBR, _SET_COMPLEXITY, _SET_FEC, _SET_LOSS = 4002, 4006, 4010, 4012, 4014
_GET_LOOKAHEAD = 4027


class OpusError(RuntimeError):
    """libopus refused a call; the message is its own."""


@cache
def library() -> Any:
    """The loaded libopus. Raises `OpusError` when the `av` wheel carries none."""
    import av

    folder = Path(av.__file__).parent.parent / "av.libs"
    files = sorted(folder.glob("libopus*"))
    if not files:
        raise OpusError(f"no libopus in {folder.name}: install the av wheel of constraints.txt")
    lib = ctypes.CDLL(str(files[0]))
    samples = POINTER(c_int16)
    lib.opus_get_version_string.restype = c_char_p
    lib.opus_strerror.argtypes, lib.opus_strerror.restype = [c_int], c_char_p
    lib.opus_encoder_create.argtypes = [c_int32, c_int, c_int, POINTER(c_int)]
    lib.opus_decoder_create.argtypes = [c_int32, c_int, POINTER(c_int)]
    lib.opus_encoder_create.restype = lib.opus_decoder_create.restype = c_void_p
    lib.opus_encoder_destroy.argtypes = lib.opus_decoder_destroy.argtypes = [c_void_p]
    lib.opus_encoder_ctl.argtypes = [c_void_p, c_int]  # variadic: values are passed as c_int
    lib.opus_encode.argtypes = [c_void_p, samples, c_int, c_char_p, c_int32]
    lib.opus_decode.argtypes = [c_void_p, c_char_p, c_int32, samples, c_int, c_int]
    lib.opus_packet_has_lbrr.argtypes = [c_char_p, c_int32]
    return lib


def version() -> str:
    """The library's own name and version, as in "libopus 1.6.1"."""
    text: bytes = library().opus_get_version_string()
    return text.decode()


def _checked(code: int) -> int:
    if code < 0:
        message: bytes = library().opus_strerror(code)
        raise OpusError(message.decode())
    return code


def frame_size(rate_hz: int, frame_ms: float) -> int:
    """Samples in a frame. Raises `ValueError` for a rate or a frame length that Opus does not have."""
    if rate_hz not in RATES_HZ:
        raise ValueError(f"rate_hz is {rate_hz}: Opus takes {', '.join(map(str, RATES_HZ))}")
    if frame_ms not in FRAMES_MS:
        raise ValueError(f"frame_ms is {frame_ms}: Opus takes {', '.join(f'{ms:g}' for ms in FRAMES_MS)}")
    return round(rate_hz * frame_ms / 1000)


class Encoder:
    """One stream's encoder, mono. Call `encode` with one frame after another.

    `bit_rate` is in bit/s (500 to 512,000), a target for the average; `fec` adds in-band redundancy for
    `expected_loss` (0 to 1). Raises `ValueError` naming an argument out of range.
    """

    def __init__(
        self,
        rate_hz: int = 16_000,
        frame_ms: float = 20.0,
        bit_rate: int = 24_000,
        *,
        application: Application = "voip",
        complexity: int = 10,
        variable: bool = True,
        fec: bool = False,
        expected_loss: float = 0.0,
    ) -> None:
        self.frame_size = frame_size(rate_hz, frame_ms)
        self.rate_hz = rate_hz
        if not BIT_RATES[0] <= bit_rate <= BIT_RATES[1]:
            raise ValueError(
                f"bit_rate is {bit_rate}: it must lie between {BIT_RATES[0]} and {BIT_RATES[1]} bit/s"
            )
        if not 0 <= complexity <= 10:
            raise ValueError(f"complexity is {complexity}: it must lie between 0 and 10")
        if not 0 <= expected_loss <= 1:
            raise ValueError(f"expected_loss is {expected_loss}: it must lie between 0 and 1")
        self._lib = library()
        error = c_int()
        state = self._lib.opus_encoder_create(rate_hz, 1, _APPLICATION[application], byref(error))
        _checked(error.value)
        self._state = c_void_p(state)
        for setting, value in (
            (_SET_BITRATE, bit_rate),
            (_SET_VBR, int(variable)),
            (_SET_COMPLEXITY, complexity),
            (_SET_FEC, int(fec)),
            (_SET_LOSS, round(100 * expected_loss)),
        ):
            _checked(self._lib.opus_encoder_ctl(self._state, setting, c_int(value)))
        self._packet = ctypes.create_string_buffer(MAX_PACKET_BYTES)

    @property
    def lookahead(self) -> int:
        """Samples that the encoder holds back: its share of the algorithmic delay, besides the frame
        itself."""
        samples = c_int()
        _checked(self._lib.opus_encoder_ctl(self._state, _GET_LOOKAHEAD, byref(samples)))
        return samples.value

    @property
    def delay_ms(self) -> float:
        """Algorithmic delay in ms: one frame to fill, and the lookahead."""
        return 1000 * (self.frame_size + self.lookahead) / self.rate_hz

    def encode(self, frame: Pcm16) -> bytes:
        """One packet from one frame, int16 of the shape (frame_size,). Raises `ValueError` for any other
        shape."""
        if frame.shape != (self.frame_size,) or frame.dtype != np.int16:
            raise ValueError(
                f"frame is {frame.dtype} of the shape {frame.shape}: it must be int16 of ({self.frame_size},)"
            )
        pointer = np.ascontiguousarray(frame).ctypes.data_as(POINTER(c_int16))
        size = _checked(
            self._lib.opus_encode(self._state, pointer, self.frame_size, self._packet, MAX_PACKET_BYTES)
        )
        return self._packet.raw[:size]

    def __del__(self) -> None:
        if hasattr(self, "_state"):
            self._lib.opus_encoder_destroy(self._state)


class Decoder:
    """One stream's decoder, mono. Call `decode` once a frame, with None where the frame was lost."""

    def __init__(self, rate_hz: int = 16_000, frame_ms: float = 20.0) -> None:
        self.frame_size = frame_size(rate_hz, frame_ms)
        self._lib = library()
        error = c_int()
        state = self._lib.opus_decoder_create(rate_hz, 1, byref(error))
        _checked(error.value)
        self._state = c_void_p(state)

    def decode(self, packet: bytes | None, *, following: bytes | None = None) -> Pcm16:
        """The sound of one frame, int16 of the shape (frame_size,).

        For a lost frame (`packet` None) the decoder conceals the gap, or recovers it from the redundancy in
        the `following` packet when that is given. Raises `OpusError` for a broken packet.
        """
        frame: Pcm16 = np.zeros(self.frame_size, np.int16)
        recover = packet is None and following is not None
        data = following if recover else packet
        _checked(
            self._lib.opus_decode(
                self._state,
                data,
                len(data) if data is not None else 0,
                frame.ctypes.data_as(POINTER(c_int16)),
                self.frame_size,
                int(recover),
            )
        )
        return frame

    def __del__(self) -> None:
        if hasattr(self, "_state"):
            self._lib.opus_decoder_destroy(self._state)


def bandwidth_hz(packet: bytes) -> int:
    """The audio bandwidth in Hz of a packet: 4,000 to 20,000, from its first byte
    [@rfc6716, sec. 3.1].

    Raises `ValueError` for an empty packet.
    """
    if not packet:
        raise ValueError("packet is empty: its first byte says the bandwidth")
    configuration = packet[0] >> 3
    if configuration < 12:  # SILK, four frame sizes a bandwidth
        return (4_000, 6_000, 8_000)[configuration // 4]
    if configuration < 16:  # hybrid, two frame sizes a bandwidth
        return (12_000, 20_000)[(configuration - 12) // 2]
    return (4_000, 8_000, 12_000, 20_000)[(configuration - 16) // 4]


def has_copy(packet: bytes) -> bool:
    """Whether a packet carries redundancy for the frame before it, as libopus reads it from the packet's
    first bits.

    Raises `OpusError` for a broken packet.
    """
    return _checked(library().opus_packet_has_lbrr(packet, len(packet))) == 1


def encode(samples: Pcm16, encoder: Encoder) -> list[bytes]:
    """All packets of `samples`, int16 of the shape (samples,); the last frame is filled with silence.

    One more frame than the sound needs is sent when the lookahead would swallow its end. Raises `ValueError`
    for empty samples or another shape.
    """
    if samples.ndim != 1 or samples.size == 0:
        raise ValueError(f"samples have the shape {samples.shape}: they must be (samples,) and not empty")
    size = encoder.frame_size
    wanted = samples.size + encoder.lookahead
    padded = np.pad(samples, (0, -wanted % size + encoder.lookahead))
    return [encoder.encode(frame) for frame in padded.reshape(-1, size)]


def decode(packets: list[bytes | None] | list[bytes], decoder: Decoder, lookahead: int, length: int) -> Pcm16:
    """The sound of all packets, int16 of the shape (length,), in step with what was encoded.

    `lookahead` samples of the encoder's delay are dropped from the front. A None packet is concealed.
    """
    sound = np.concatenate([decoder.decode(packet) for packet in packets])
    return sound[lookahead : lookahead + length]


def roundtrip(
    samples: Pcm16, rate_hz: int, bit_rate: int, frame_ms: float = 20.0
) -> tuple[Pcm16, list[bytes]]:
    """`samples` through Opus at `bit_rate` bit/s and back, in step with the input, and the packets."""
    encoder = Encoder(rate_hz, frame_ms, bit_rate)
    packets = encode(samples, encoder)
    sound = decode(packets, Decoder(rate_hz, frame_ms), encoder.lookahead, samples.size)
    return sound, packets
