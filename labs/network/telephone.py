"""A telephone call: a small caller of our own, and a packaged telephone at the far side.

The caller speaks enough of SIP over UDP [@rfc3261] to place one call and end it, and sends G.711 in RTP. The
far side is baresip (Debian's `baresip-core`), which answers and sends back what it hears, through its own
jitter buffer.

    python -m labs.network.telephone serve ADDRESS FOLDER BUFFER
    python -m labs.network.telephone call NEAR FAR SECONDS
"""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from labs.network import messages
from servelab import g711

SIP_PORT, CALLER_PORT, MEDIA_PORT = 5060, 5070, 30_000
FRAME_MS = 20
FRAME_SAMPLES = 8 * FRAME_MS
PCMU = 0
CLICK_EVERY = 50
"""Frames between two clicks, long enough that an echo can only belong to the last one."""
BARESIP = Path("/usr/bin/baresip")
PACKAGE = "baresip-core"


# ---------------------------------------------------------------- SIP


@dataclass(frozen=True)
class Response:
    """A SIP response: its status and reason, its headers (names in lower case), its body."""

    status: int
    reason: str
    headers: dict[str, str]
    body: str


def parse_response(data: bytes) -> Response:
    """Read a SIP response. Raises `ValueError` when `data` is none."""
    head, _, body = data.decode().partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    match = re.fullmatch(r"SIP/2\.0 (\d{3}) (.*)", first)
    if match is None:
        raise ValueError(f"{first!r} is no status line of SIP")
    headers = {name.strip().lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    return Response(int(match[1]), match[2], headers, body)


def media_port(sdp: str) -> int:
    """The port of the audio in a session description. Raises `ValueError` when it has none."""
    match = re.search(r"^m=audio (\d+) ", sdp, re.MULTILINE)
    if match is None:
        raise ValueError("the session description offers no audio")
    return int(match[1])


@dataclass
class Caller:
    """The caller's side of one dialog."""

    near: str
    far: str
    to_tag: str = ""

    @property
    def offer(self) -> str:
        """The session description: G.711, and keys as telephone events."""
        lines = (
            "v=0",
            f"o=- 1 1 IN IP4 {self.near}",
            "s=-",
            f"c=IN IP4 {self.near}",
            "t=0 0",
            f"m=audio {MEDIA_PORT} RTP/AVP 0 101",
            "a=rtpmap:0 PCMU/8000",
            "a=rtpmap:101 telephone-event/8000",
            "a=fmtp:101 0-15",
            f"a=ptime:{FRAME_MS}",
            "a=sendrecv",
        )
        return "\r\n".join([*lines, ""])

    def request(self, method: str, number: int, body: str = "") -> bytes:
        """One request of the dialog. An ACK has the number of what it acknowledges."""
        to = f"<sip:lab@{self.far}>" + (f";tag={self.to_tag}" if self.to_tag else "")
        lines = [
            f"{method} sip:lab@{self.far}:{SIP_PORT} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.near}:{CALLER_PORT};branch=z9hG4bK{method.lower()}{number};rport",
            "Max-Forwards: 70",
            f"From: <sip:caller@{self.near}>;tag=near",
            f"To: {to}",
            f"Call-ID: lab@{self.near}",
            f"CSeq: {number} {method}",
            f"Contact: <sip:caller@{self.near}:{CALLER_PORT}>",
        ]
        if body:
            lines.append("Content-Type: application/sdp")
        return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body]).encode()


def click_codes() -> bytes:
    """One frame of a loud tone in mu-law."""
    tone = 12_000 * np.sin(2 * np.pi * 1_000 * np.arange(FRAME_SAMPLES) / 8_000)
    return g711.encode_mulaw(tone.astype(np.int16)).tobytes()


def is_loud(codes: bytes) -> bool:
    """Whether a frame of mu-law holds (a part of) the tone."""
    samples = g711.decode_mulaw(np.frombuffer(codes, np.uint8))
    return bool(np.abs(samples.astype(int)).max() > 4_000)


def place_call(near: str, far: str, seconds: float) -> dict[str, Any]:
    """Call, talk for `seconds`, hang up.

    Returns the messages with their sizes and times in ms since the INVITE, the RTP packets received, and
    the round trips of the clicks through the telephone in ms.
    """
    caller = Caller(near, far)
    signaling = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    signaling.bind((near, CALLER_PORT))
    signaling.settimeout(5)
    media = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    media.bind((near, MEDIA_PORT))
    media.setblocking(False)
    began = time.perf_counter()
    log: list[dict[str, Any]] = []

    def send(name: str, data: bytes) -> None:
        log.append({"message": name, "bytes": len(data), "ms": 1000 * (time.perf_counter() - began)})
        signaling.sendto(data, (far, SIP_PORT))

    def receive() -> Response:
        data = signaling.recv(65_536)
        response = parse_response(data)
        name = f"{response.status} {response.reason}"
        log.append({"message": name, "bytes": len(data), "ms": 1000 * (time.perf_counter() - began)})
        return response

    send("INVITE", caller.request("INVITE", 1, caller.offer))
    while (response := receive()).status < 200:
        pass
    if response.status >= 300:
        raise RuntimeError(f"the call was refused: {response.status} {response.reason}")
    caller.to_tag = response.headers["to"].partition(";tag=")[2]
    send("ACK", caller.request("ACK", 1))

    port = media_port(response.body)
    quiet, click = b"\xff" * FRAME_SAMPLES, click_codes()
    clicks: list[float] = []
    trips: list[float] = []
    sizes: list[int] = []
    waiting = False

    def listen() -> None:
        nonlocal waiting
        while True:
            try:
                packet = media.recv(2_048)
            except BlockingIOError:
                return
            sizes.append(len(packet))
            _, _, codes = messages.read_rtp(packet)
            if waiting and is_loud(codes):
                trips.append(1000 * (time.perf_counter() - clicks[-1]))
                waiting = False

    talking = time.perf_counter()
    for number in range(round(seconds * 1000 / FRAME_MS)):
        while time.perf_counter() < talking + number * FRAME_MS / 1000:
            listen()
            time.sleep(0.0005)
        clicking = number % CLICK_EVERY == CLICK_EVERY // 2
        if clicking:
            clicks.append(time.perf_counter())
            waiting = True
        payload = click if clicking else quiet
        media.sendto(messages.rtp(payload, number, FRAME_SAMPLES, PCMU), (far, port))
    send("BYE", caller.request("BYE", 2))
    receive()
    return {"messages": log, "packets": len(sizes), "packet_bytes": sorted(set(sizes)), "trips_ms": trips}


# ---------------------------------------------------------------- the packaged telephone

CONFIG = """\
sip_listen {address}:{port}
audio_player aubridge,nil
audio_source aubridge,nil
audio_alert aubridge,nil
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
rtp_ports 10000-20000
jitter_buffer_delay {buffer}
net_interface {interface}
module_path /usr/lib/baresip/modules
module g711.so
module aubridge.so
module_app account.so
module_app echo.so
module_app menu.so
"""
ACCOUNT = "<sip:lab@{address};transport=udp>;regint=0;answermode=auto;audio_codecs=PCMU/8000/1\n"


def version() -> str:
    """The installed baresip's version."""
    said = subprocess.run([BARESIP, "-h"], capture_output=True, text=True, check=False)
    match = re.search(r"baresip v([\d.]+)", said.stdout + said.stderr)
    if match is None:
        raise ValueError("baresip does not say its version")
    return match[1]


def serve(address: str, folder: Path, buffer: str) -> None:
    """Run baresip at `address` until SIGTERM; `buffer` is its jitter buffer in packets, as in "5-10"."""
    folder.mkdir(exist_ok=True)
    config = CONFIG.format(address=address, port=SIP_PORT, buffer=buffer, interface="far")
    (folder / "config").write_text(config)
    (folder / "accounts").write_text(ACCOUNT.format(address=address))
    (folder / "contacts").touch()
    telephone = subprocess.Popen(
        [BARESIP, "-f", str(folder)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert telephone.stdout is not None
    for line in telephone.stdout:
        if "baresip is ready" in line:
            break
    else:
        raise RuntimeError("baresip ended before it was ready")
    print("ready", flush=True)
    signal.sigwait({signal.SIGTERM})
    telephone.kill()
    print("{}", flush=True)


def main(arguments: list[str]) -> None:
    if arguments[0] == "serve":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        serve(arguments[1], Path(arguments[2]), arguments[3])
    else:
        print(json.dumps(place_call(arguments[1], arguments[2], float(arguments[3]))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
