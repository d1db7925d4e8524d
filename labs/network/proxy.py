"""A path for those who are not root: a proxy that delays and drops UDP datagrams.

It carries what runs over one UDP port: plain UDP and WebTransport. TCP it cannot carry: a proxy that ends
the connection would hide the very retransmissions that are to be seen.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from typing import Any

from labs.network import emulator, ports
from labs.network.emulator import DOWN, UP, Condition, Direction, Traffic

FRONT, BACK = "127.0.0.1", "127.0.0.2"
CARRIED = ("udp", "webtransport-datagram", "webtransport-stream")
IP_AND_UDP_BYTES = 28


class Relay(asyncio.DatagramProtocol):
    """One port of the front, handed on to the same port of the back, and the answers handed back."""

    def __init__(self, port: int, ways: list[Direction], traffic: Traffic) -> None:
        self.port = port
        self.ways = ways
        self.traffic = traffic
        self.behind: dict[Any, asyncio.DatagramTransport] = {}
        self.opening: set[asyncio.Future[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.front: Any = transport

    def later(self, way: int, data: bytes, send: Any) -> None:
        """Send `data` when the path lets it through, or never."""
        size = len(data) + IP_AND_UDP_BYTES
        now = time.perf_counter()
        leaves = self.ways[way].leaves_s(now, size, self.port)
        self.traffic.count(self.port, way, size, leaves is None)
        if leaves is not None:
            asyncio.get_running_loop().call_later(max(0.0, leaves - now), send)

    def datagram_received(self, data: bytes, address: Any) -> None:
        task = asyncio.ensure_future(self.upward(data, address))
        self.opening.add(task)
        task.add_done_callback(self.opening.discard)

    async def upward(self, data: bytes, address: Any) -> None:
        if address not in self.behind:
            relay = self

            class Answers(asyncio.DatagramProtocol):
                def datagram_received(self, data: bytes, _: Any) -> None:
                    relay.later(DOWN, data, lambda: relay.front.sendto(data, address))

            transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                Answers, remote_addr=(BACK, self.port)
            )
            self.behind[address] = transport
        self.later(UP, data, lambda: self.behind[address].sendto(data))


async def relay(condition: Condition, traffic: Traffic, stop: threading.Event) -> None:
    """Carry datagrams between front and back until `stop` is set."""
    loop = asyncio.get_running_loop()
    ways = [Direction(condition, random.Random(2 * condition.seed + way), way == UP) for way in (UP, DOWN)]
    for name in CARRIED:
        port = ports.OF[name]
        await loop.create_datagram_endpoint(
            lambda port=port: Relay(port, ways, traffic),  # type: ignore[misc]
            local_addr=(FRONT, port),
        )
    while not stop.is_set():
        await asyncio.sleep(0.05)


def run(server: list[str], client: list[str], condition: Condition) -> dict[str, Any]:
    """As `emulator.run`, through the proxy."""
    traffic, stop = Traffic(), threading.Event()
    carrying = threading.Thread(target=lambda: asyncio.run(relay(condition, traffic, stop)))
    carrying.start()
    try:
        found = emulator.converse(server, client)
    finally:
        stop.set()
        carrying.join()
    return found | {"traffic": traffic.as_json()}
