"""An audio track of WebRTC whose packets are encoded elsewhere and timed where they come out of SRTP.

Arrivals are taken in the receiver's RTP handler: before aiortc's jitter buffer and before its decoder,
which a service would replace by its own.
"""

from __future__ import annotations

import asyncio
import fractions
from collections.abc import Callable
from typing import Any

from aiortc import MediaStreamTrack
from av.packet import Packet

from labs.network.frames import FRAME_MS

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


def listen(receiver: Any, came: Callable[[bytes], None]) -> None:
    """Call `came` with the stamp and what follows of every RTP packet of `receiver`, when it has been
    decrypted. Nothing is decoded."""

    async def heard(packet: Any, arrival_time_ms: int) -> None:
        came(packet.payload[1:])

    receiver._handle_rtp_packet = heard
