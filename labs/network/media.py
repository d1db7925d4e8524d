"""What WebRTC's media path carries: Opus packets of one size, each with a stamp.

The packets are real Opus, with the stamp written over what follows the first byte, which tells the decoder
what kind of packet it is.
"""

from __future__ import annotations

from functools import cache

from labs.network.frames import STAMP_BYTES, speech
from servelab import opus

BIT_RATE = 24_000


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
