"""A path between two network namespaces that delays and drops whole IP packets, TCP's as well as UDP's.

Two TUN devices, one in each namespace, and one loop that reads a packet here and writes it there later, or
never. The kernel on either side is the real one, with its own retransmission and congestion control.

    unshare --net python -m labs.network.emulator SPEC OUT    (root)

runs a server behind the path and clients before it, as `SPEC` (JSON, see `run`) says, and writes what was
seen to `OUT`. Every packet's size is the length of the IP packet: no link-layer header is in it.
"""

from __future__ import annotations

import contextlib
import fcntl
import heapq
import json
import os
import random
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from labs.network import ports
from servelab import ROOT

NEAR, FAR = "10.77.1.1", "10.77.1.2"
MTU = 1400
CONGESTION_CONTROL = "cubic"
TUN_DEVICE = Path("/dev/net/tun")
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_TCP, _UDP = 6, 17
UP, DOWN = 0, 1


@dataclass(frozen=True)
class Condition:
    """One condition of the path: one-way delay in ms, loss as a share of packets, the same both ways.

    `drop_large` instead loses exactly one packet of each flow: the upward one with that number among those
    that hold a frame: RTP, or large enough for one.
    """

    delay_ms: float = 0.0
    loss: float = 0.0
    seed: int = 0
    drop_large: int = 0


@dataclass
class Direction:
    """One way of the path: decides for each packet when it leaves, or that it does not."""

    condition: Condition
    rng: random.Random
    upward: bool
    large: dict[int, int] = field(default_factory=dict)

    def leaves_s(self, now_s: float, size: int, port: int) -> float | None:
        """When a packet that came at `now_s` goes on, None when it is lost."""
        condition = self.condition
        if condition.drop_large:
            if self.upward and (size > LARGE or port == ports.MEDIA):
                self.large[port] = self.large.get(port, 0) + 1
                if self.large[port] == condition.drop_large:
                    return None
        elif condition.loss and self.rng.random() < condition.loss:
            return None
        return now_s + condition.delay_ms / 1000


LARGE = 600
"""Bytes over which an upward packet must hold a frame."""


@dataclass
class Traffic:
    """What crossed the path, by the server's port and direction: packets, bytes, packets lost, and in how
    many bursts, runs of lost packets of one flow."""

    packets: dict[tuple[int, int], int] = field(default_factory=dict)
    size: dict[tuple[int, int], int] = field(default_factory=dict)
    lost: dict[tuple[int, int], int] = field(default_factory=dict)
    bursts: dict[tuple[int, int], int] = field(default_factory=dict)
    _losing: dict[tuple[int, int], bool] = field(default_factory=dict)

    def count(self, port: int, direction: int, size: int, lost: bool) -> None:
        key = (port, direction)
        self.packets[key] = self.packets.get(key, 0) + 1
        self.size[key] = self.size.get(key, 0) + size
        self.lost[key] = self.lost.get(key, 0) + lost
        self.bursts[key] = self.bursts.get(key, 0) + (lost and not self._losing.get(key, False))
        self._losing[key] = lost

    def as_json(self) -> dict[str, Any]:
        return {
            f"{port}.{'up' if direction == UP else 'down'}": {
                "packets": self.packets[port, direction],
                "bytes": self.size[port, direction],
                "lost": self.lost[port, direction],
                "bursts": self.bursts[port, direction],
            }
            for port, direction in sorted(self.packets)
        }


def server_port(packet: bytes, direction: int) -> int:
    """The port of an IPv4 packet on the far side; 0 for a packet without ports, `ports.MEDIA` for RTP on a
    port that none of our servers has."""
    if packet[0] >> 4 != 4 or packet[9] not in (_TCP, _UDP):
        return 0
    header = 4 * (packet[0] & 15)
    start = header + (2 if direction == UP else 0)
    port = int.from_bytes(packet[start : start + 2], "big")
    if packet[9] == _UDP and port not in ports.OF.values() and is_rtp(packet[header + 8 : header + 10]):
        return ports.MEDIA
    return port


def is_rtp(payload: bytes) -> bool:
    """Whether a datagram is RTP, and neither RTCP, DTLS nor STUN: by its first two bytes
    [@rfc5764, sec. 5.1.2]."""
    return len(payload) >= 2 and payload[0] >> 6 == 2 and not 64 <= payload[1] & 127 < 96


def open_tun(name: str) -> int:
    """A new TUN device in this namespace; packets come and go through the descriptor."""
    descriptor = os.open(TUN_DEVICE, os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH", name.encode(), _IFF_TUN | _IFF_NO_PI))
    return descriptor


def _shell(command: str) -> None:
    subprocess.run(["sh", "-ec", command], check=True)


@contextlib.contextmanager
def two_namespaces() -> Iterator[tuple[int, int, int]]:
    """This namespace and a new one with a TUN device each: (near descriptor, far descriptor, holder's
    pid)."""
    near, far = open_tun("near"), open_tun("far")
    holder = subprocess.Popen(["unshare", "--net", "sleep", "100000"])
    try:
        inside = f"nsenter -t {holder.pid} -n"
        for _ in range(100):
            if Path(f"/proc/{holder.pid}/ns/net").stat().st_ino != Path("/proc/self/ns/net").stat().st_ino:
                break
            time.sleep(0.02)
        _shell(
            f"ip link set lo up; ip addr add {NEAR} peer {FAR} dev near; ip link set near up mtu {MTU};"
            f"ip link set far netns {holder.pid};"
            f"{inside} ip link set lo up; {inside} ip addr add {FAR} peer {NEAR} dev far;"
            f"{inside} ip link set far up mtu {MTU};"
            f"ip route replace {FAR} dev near congctl {CONGESTION_CONTROL};"
            f"{inside} ip route replace {NEAR} dev far congctl {CONGESTION_CONTROL}"
        )
        yield near, far, holder.pid
    finally:
        holder.kill()
        holder.wait()
        os.close(near)
        os.close(far)


def carry(near: int, far: int, condition: Condition, traffic: Traffic, stop: threading.Event) -> None:
    """Move packets between the two devices until `stop` is set."""
    ways = [
        Direction(condition, random.Random(2 * condition.seed + direction), direction == UP)
        for direction in (UP, DOWN)
    ]
    held: list[tuple[float, int, int, bytes]] = []
    order = 0
    while not stop.is_set():
        wait = min(0.05, max(0.0, held[0][0] - time.perf_counter())) if held else 0.05
        for descriptor in select.select([near, far], [], [], wait)[0]:
            direction = UP if descriptor == near else DOWN
            with contextlib.suppress(BlockingIOError):
                while True:
                    packet = os.read(descriptor, 2048)
                    now = time.perf_counter()
                    port = server_port(packet, direction)
                    leaves = ways[direction].leaves_s(now, len(packet), port)
                    traffic.count(port, direction, len(packet), leaves is None)
                    if leaves is not None:
                        heapq.heappush(held, (leaves, order, far if direction == UP else near, packet))
                        order += 1
        now = time.perf_counter()
        while held and held[0][0] <= now:
            _, _, out, packet = heapq.heappop(held)
            with contextlib.suppress(OSError):
                os.write(out, packet)


def converse(server: list[str], client: list[str]) -> dict[str, Any]:
    """Start `server`, run `client` against it, stop both.

    The server must print a line when it listens, and one line of JSON after SIGTERM; the client prints one
    line of JSON when it is done. Raises `RuntimeError` when the server ends before it listens.
    """
    serving = subprocess.Popen(server, stdout=subprocess.PIPE, text=True)
    try:
        assert serving.stdout is not None
        if not serving.stdout.readline():
            raise RuntimeError(f"the server {server} ended before it listened")
        sent = subprocess.run(client, stdout=subprocess.PIPE, text=True, check=True)
        serving.send_signal(signal.SIGTERM)
        served, _ = serving.communicate(timeout=20)
    finally:
        serving.kill()
    return {"client": json.loads(sent.stdout.splitlines()[-1]), "server": json.loads(served.splitlines()[-1])}


def run(spec: dict[str, Any]) -> dict[str, Any]:
    """Serve, send and carry as `spec` says: {"condition": {...} or None, "server": [argv], "client":
    [argv]}.

    Without a condition both ends talk over loopback, in the near namespace: nothing is carried.
    """
    traffic, stop = Traffic(), threading.Event()
    with two_namespaces() as (near, far, holder):
        if spec["condition"] is None:
            return converse(spec["server"], spec["client"])
        condition = Condition(**spec["condition"])
        pump = threading.Thread(target=carry, args=(near, far, condition, traffic, stop))
        pump.start()
        try:
            found = converse(["nsenter", "-t", str(holder), "-n", *spec["server"]], spec["client"])
        finally:
            stop.set()
            pump.join()
    return found | {"traffic": traffic.as_json()}


def available() -> bool:
    """Whether this machine lets us make namespaces and TUN devices."""
    return os.geteuid() == 0 and TUN_DEVICE.exists()


def emulate(
    folder: Path, server: list[str], client: list[str], condition: Condition | None
) -> dict[str, Any]:
    """`run` in namespaces of its own, in a process of its own. Files go to `folder`."""
    spec, out = folder / "spec.json", folder / "out.json"
    described = asdict(condition) if condition else None
    spec.write_text(json.dumps({"condition": described, "server": server, "client": client}))
    command = ["unshare", "--net", sys.executable, "-m", "labs.network.emulator", str(spec), str(out)]
    subprocess.run(command, check=True, cwd=ROOT)
    found: dict[str, Any] = json.loads(out.read_text())
    return found


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(run(json.loads(Path(sys.argv[1]).read_text()))))
