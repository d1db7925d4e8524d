"""WebRTC's media path: Opus packets as an audio track, timed where they come out of SRTP.

The packets are real Opus of one size, with the stamp written over what follows the first byte, which tells
the decoder what kind of packet it is. Arrivals are taken in the receiver's RTP handler: before aiortc's
jitter buffer and before its decoder, which a service would replace by its own.
"""

from __future__ import annotations

import asyncio
import fractions
from collections.abc import Callable
from functools import cache
from typing import Any

from aiortc import MediaStreamTrack
from av.packet import Packet

from labs.network.frames import FRAME_MS, STAMP_BYTES, speech
from servelab import opus

BIT_RATE = 24_000
OPUS_CLOCK_HZ = 48_000
"""RTP counts Opus at this rate, whatever the sound's [@rfc7587, sec. 4.1]."""
SAMPLES = OPUS_CLOCK_HZ * FRAME_MS // 1000


class Encoded(MediaStreamTrack):
    """A track of packets that somebody else has encoded."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._waiting: asyncio.Queue[Packet[Any]] = asyncio.Queue()

    def put(self, data: bytes, number: int) -> None:
        packet = Packet(data)
        packet.pts = number * SAMPLES
        packet.time_base = fractions.Fraction(1, OPUS_CLOCK_HZ)
        self._waiting.put_nowait(packet)

    async def recv(self) -> Packet[Any]:
        return await self._waiting.get()


@cache
def opus_packets() -> list[bytes]:
    """The sentence in Opus at a constant rate: every packet has the same number of bytes."""
    encoder = opus.Encoder(bit_rate=BIT_RATE, variable=False)
    samples = speech()
    size = encoder.frame_size
    return [
        encoder.encode(samples[start : start + size]) for start in range(0, samples.size - size + 1, size)
    ]


def stamped_packet(stamp: bytes, number: int) -> bytes:
    """An Opus packet with `stamp` behind its first byte."""
    packets = opus_packets()
    packet = packets[number % len(packets)]
    return packet[:1] + stamp + packet[1 + STAMP_BYTES :]


def listen(receiver: Any, came: Callable[[bytes], None]) -> None:
    """Call `came` with the stamp and what follows of every RTP packet of `receiver`, when it has been
    decrypted. Nothing is decoded."""

    async def heard(packet: Any, arrival_time_ms: int) -> None:
        came(packet.payload[1:])

    receiver._handle_rtp_packet = heard
