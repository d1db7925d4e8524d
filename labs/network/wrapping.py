"""What it costs to wrap a frame as JSON text instead of binary: bytes and processor time, no network in it.

Both ends of a WebSocket run in one process, without sockets: the sender's work is everything from the frame
to the bytes for the wire, the receiver's everything from those bytes to the frame.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from labs.network import messages


@dataclass(frozen=True)
class Way:
    """How a frame becomes a message: JSON text or binary, with the compression of RFC 7692 or without."""

    name: str
    text: bool
    compressed: bool


WAYS = (
    Way("binary", text=False, compressed=False),
    Way("json", text=True, compressed=False),
    Way("binary-deflate", text=False, compressed=True),
    Way("json-deflate", text=True, compressed=True),
)


def connected(compressed: bool) -> tuple[Any, Any]:
    """A client's and a server's protocol, past the handshake."""
    from websockets.client import ClientProtocol
    from websockets.extensions.permessage_deflate import (
        ClientPerMessageDeflateFactory,
        ServerPerMessageDeflateFactory,
    )
    from websockets.server import ServerProtocol
    from websockets.uri import parse_uri

    client = ClientProtocol(
        parse_uri("ws://lab/"), extensions=[ClientPerMessageDeflateFactory()] if compressed else None
    )
    server = ServerProtocol(extensions=[ServerPerMessageDeflateFactory()] if compressed else None)
    client.send_request(client.connect())
    for data in client.data_to_send():
        server.receive_data(data)
    server.send_response(server.accept(server.events_received()[0]))
    for data in server.data_to_send():
        client.receive_data(data)
    client.events_received()
    return client, server


def through(way: Way, frames: Sequence[bytes]) -> tuple[list[int], list[float], list[float]]:
    """Bytes on the wire, sender's and receiver's time in µs, of each of `frames` on one connection.

    Raises `ValueError` when a frame does not come out as it went in.
    """
    client, server = connected(way.compressed)
    sizes, sending, receiving = [], [], []
    clock: Callable[[], int] = time.perf_counter_ns
    for number, frame in enumerate(frames):
        started = clock()
        if way.text:
            client.send_text(messages.media_json(frame, number).encode())
        else:
            client.send_binary(frame)
        wire = b"".join(client.data_to_send())
        sent = clock()
        server.receive_data(wire)
        (event,) = server.events_received()
        came = messages.read_json(event.data.decode()) if way.text else bytes(event.data)
        done = clock()
        if came != frame:
            raise ValueError(f"frame {number} came out of {way.name} as another")
        sizes.append(len(wire))
        sending.append((sent - started) / 1000)
        receiving.append((done - sent) / 1000)
    return sizes, sending, receiving


def one_pass(frames: Sequence[bytes]) -> dict[str, dict[str, float]]:
    """Medians over `frames` by way: bytes a frame (mean), sender and receiver in µs."""
    found = {}
    for way in WAYS:
        sizes, sending, receiving = through(way, frames)
        found[way.name] = {
            "bytes": float(np.mean(sizes)),
            "send_us": float(np.median(sending)),
            "receive_us": float(np.median(receiving)),
        }
    return found
