"""How a frame is wrapped: an RTP header, or JSON with Base64 as the providers' media streams have it."""

from __future__ import annotations

import base64
import json
import struct

RTP_HEADER_BYTES = 12
_RTP = struct.Struct("!BBHII")
_VERSION_2 = 0x80
_SSRC = 0x5EED


def rtp(frame: bytes, number: int, samples: int, payload_type: int = 97) -> bytes:
    """One RTP packet [@rfc3550, sec. 5.1]: `number` counts packets, `samples` is the length of a frame."""
    return _RTP.pack(_VERSION_2, payload_type, number & 0xFFFF, number * samples & 0xFFFFFFFF, _SSRC) + frame


def read_rtp(packet: bytes) -> tuple[int, int, bytes]:
    """Sequence number, timestamp and payload of an RTP packet without extensions.

    Raises `ValueError` for anything else.
    """
    if len(packet) < RTP_HEADER_BYTES or packet[0] != _VERSION_2:
        raise ValueError(f"packet of {len(packet)} bytes is not plain RTP, version 2")
    _, _, number, timestamp, _ = _RTP.unpack_from(packet)
    return number, timestamp, packet[RTP_HEADER_BYTES:]


def media_json(frame: bytes, number: int) -> str:
    """A frame as the text message of a JSON media stream: event, sequence number, Base64 payload."""
    return json.dumps(
        {
            "event": "media",
            "sequence": number,
            "stream": "MZ18ad3ab5a668481ce02b83e7395059f0",
            "media": {"timestamp": 20 * number, "payload": base64.b64encode(frame).decode()},
        },
        separators=(",", ":"),
    )


def read_json(message: str) -> bytes:
    """The frame of a media message."""
    payload: str = json.loads(message)["media"]["payload"]
    return base64.b64decode(payload)
