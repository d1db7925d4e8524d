"""The near side: one small client a transport, all with the same four verbs.

    python -m labs.network.clients ADDRESS FOLDER TASK

`TASK` is JSON: {"do": "stream" | "echo" | "setup", "transports": [...], "frames": n, "frame_bytes": 640}.
Prints one line of JSON: when frames were sent, when echoes came (s, monotonic), how long set-up took.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import ssl
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, ClassVar

import grpc
import httpx
import websockets
from aioquic.asyncio import QuicConnectionProtocol
from aioquic.asyncio import connect as connect_quic
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DatagramReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ProtocolNegotiated, QuicEvent, StreamDataReceived
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from labs.network import media, messages, ports, track
from labs.network.frames import (
    FRAME_BYTES,
    FRAME_MS,
    RATE_HZ,
    STAMP_BYTES,
    Joined,
    Stamp,
    read_stamp,
    speech_frames,
    stamped,
)

Received = Callable[[bytes], None]
SAMPLES = RATE_HZ * FRAME_MS // 1000


class Client:
    """One connection. `open` returns when the first frame may be sent; echoes go to `received`."""

    name: ClassVar[str]

    def __init__(self, address: str, folder: Path, frame_bytes: int, received: Received) -> None:
        self.address = address
        self.folder = folder
        self.frame_bytes = frame_bytes
        self.received = received
        self.tasks: list[asyncio.Task[None]] = []

    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.folder / "cert.pem"))

    def spawn(self, work: Any) -> None:
        self.tasks.append(asyncio.create_task(work))

    async def open(self) -> None:
        raise NotImplementedError

    async def send(self, frame: bytes, number: int) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()


class Udp(Client, asyncio.DatagramProtocol):
    """RTP over UDP, neither encrypted nor acknowledged: the floor."""

    name = "udp"

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self.socket, _ = await loop.create_datagram_endpoint(
            lambda: self, remote_addr=(self.address, ports.UDP)
        )

    def datagram_received(self, data: bytes, _address: Any) -> None:
        self.received(data[messages.RTP_HEADER_BYTES :])

    async def send(self, frame: bytes, number: int) -> None:
        self.socket.sendto(messages.rtp(frame, number, SAMPLES))

    async def close(self) -> None:
        self.socket.close()


class WebSocket(Client):
    """Binary messages over TLS and TCP."""

    name = "websocket"
    scheme: ClassVar[str] = "wss"
    port: ClassVar[int] = ports.WEBSOCKET

    async def open(self) -> None:
        self.connection = await websockets.connect(
            f"{self.scheme}://{self.address}:{self.port}/",
            ssl=self.tls() if self.scheme == "wss" else None,
            compression=None,
            ping_interval=None,
        )
        self.spawn(self.listen())

    async def listen(self) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            async for message in self.connection:
                self.received(messages.read_json(message) if isinstance(message, str) else message)

    async def send(self, frame: bytes, number: int) -> None:
        await self.connection.send(frame)

    async def close(self) -> None:
        await super().close()
        self.connection.transport.abort()


class WebSocketPlain(WebSocket):
    """The same without TLS: what TLS adds is the difference."""

    name = "websocket-plain"
    scheme, port = "ws", ports.WEBSOCKET_PLAIN


class WebSocketJson(WebSocket):
    """Text messages: JSON with the frame in Base64, over TLS."""

    name = "websocket-json"
    port = ports.WEBSOCKET_JSON

    async def send(self, frame: bytes, number: int) -> None:
        await self.connection.send(messages.media_json(frame, number))


class Grpc(Client):
    """A bidirectional stream of protocol buffers over HTTP/2, TLS and TCP."""

    name = "grpc"

    async def open(self) -> None:
        self.pb, service = grpc.protos_and_services("labs/network/audio.proto")
        credentials = grpc.ssl_channel_credentials((self.folder / "cert.pem").read_bytes())
        self.channel = grpc.aio.secure_channel(f"{self.address}:{ports.GRPC}", credentials)
        await self.channel.channel_ready()
        self.call = service.AudioStub(self.channel).Stream()
        self.spawn(self.listen())

    async def listen(self) -> None:
        with contextlib.suppress(grpc.aio.AioRpcError):
            async for message in self.call:
                self.received(message.audio)

    async def send(self, frame: bytes, number: int) -> None:
        await self.call.write(self.pb.Frame(audio=frame))

    async def close(self) -> None:
        self.call.cancel()
        await super().close()
        await self.channel.close()


class Upload(Client):
    """A chunked upload in one request, and server-sent events on another connection for the way back."""

    name = "upload"

    async def open(self) -> None:
        url = f"https://{self.address}:{ports.UPLOAD}"
        self.outgoing: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.http = httpx.AsyncClient(verify=self.tls(), timeout=None)
        opened, started = asyncio.Event(), asyncio.Event()

        async def body() -> AsyncIterator[bytes]:
            started.set()
            while (frame := await self.outgoing.get()) is not None:
                yield frame

        async def upload() -> None:
            with contextlib.suppress(httpx.HTTPError):
                await self.http.post(f"{url}/upload", content=body())

        async def listen() -> None:
            with contextlib.suppress(httpx.HTTPError):
                async with self.http.stream("GET", f"{url}/events") as response:
                    async for line in response.aiter_lines():
                        opened.set()
                        if line.startswith("data: "):
                            self.received(base64.b64decode(line[6:]))

        self.spawn(listen())
        self.spawn(upload())
        await asyncio.gather(opened.wait(), started.wait())

    async def send(self, frame: bytes, number: int) -> None:
        self.outgoing.put_nowait(frame)

    async def close(self) -> None:
        self.outgoing.put_nowait(None)
        await asyncio.sleep(0.05)
        await super().close()
        await self.http.aclose()


class WebRtc(Client):
    """A data channel that neither orders nor retransmits, set up by an offer and an answer over HTTPS."""

    name = "webrtc"

    async def open(self) -> None:
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.channel = self.peer.createDataChannel("audio", ordered=False, maxRetransmits=0)
        opened = asyncio.Event()
        self.channel.on("open", opened.set)
        self.channel.on("message", self.received)
        await self.exchange()
        await opened.wait()

    async def exchange(self) -> None:
        """The offer, and its answer."""
        await self.peer.setLocalDescription(await self.peer.createOffer())
        offer = self.peer.localDescription
        async with httpx.AsyncClient(verify=self.tls(), timeout=60) as http:
            answer = await http.post(
                f"https://{self.address}:{ports.SIGNALING}/offer",
                json={"sdp": offer.sdp, "type": offer.type},
            )
        await self.peer.setRemoteDescription(RTCSessionDescription(**answer.json()))

    async def send(self, frame: bytes, number: int) -> None:
        self.channel.send(frame)

    async def close(self) -> None:
        await self.peer.close()


class WebRtcMedia(WebRtc):
    """An audio track: Opus in SRTP, neither acknowledged nor sent again. A frame gives it the stamp alone."""

    name = "webrtc-media"

    async def open(self) -> None:
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.track = track.Encoded()
        track.listen(self.peer.addTransceiver(self.track).receiver, self.received)
        connected = asyncio.Event()

        @self.peer.on("connectionstatechange")
        def changed() -> None:
            if self.peer.connectionState == "connected":
                connected.set()

        await self.exchange()
        await connected.wait()

    async def send(self, frame: bytes, number: int) -> None:
        self.track.put(media.stamped_packet(frame[:STAMP_BYTES], number), number)


class Session(QuicConnectionProtocol):
    """The client's side of one WebTransport session, stream or datagram."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.http: H3Connection | None = None
        self.accepted = asyncio.Event()
        self.received: Received = lambda frame: None
        self.stream: int | None = None
        self.joined = Joined(FRAME_BYTES)

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, ProtocolNegotiated):
            self.http = H3Connection(self._quic, enable_webtransport=True)
        if self.http is None:
            return
        # aioquic would read the reply on a stream that the client opened as HTTP/3 frames: take it as it is
        if isinstance(event, StreamDataReceived) and event.stream_id == self.stream:
            for frame in self.joined.feed(event.data):
                self.received(frame)
            return
        for seen in self.http.handle_event(event):
            if isinstance(seen, HeadersReceived):
                self.accepted.set()
            elif isinstance(seen, DatagramReceived):
                self.received(seen.data)

    def request(self, address: str) -> int:
        assert self.http is not None
        session = self._quic.get_next_available_stream_id()
        headers = {
            b":method": b"CONNECT",
            b":scheme": b"https",
            b":authority": address.encode(),
            b":path": b"/audio",
            b":protocol": b"webtransport",
        }
        self.http.send_headers(session, list(headers.items()))
        self.transmit()
        return session  # type: ignore[no-any-return]


class WebTransportDatagram(Client):
    """Datagrams of a WebTransport session over HTTP/3: encrypted, acknowledged, never sent again."""

    name = "webtransport-datagram"
    port = ports.WEBTRANSPORT_DATAGRAM

    async def open(self) -> None:
        quic = QuicConfiguration(
            alpn_protocols=H3_ALPN, is_client=True, max_datagram_frame_size=65536, server_name="localhost"
        )
        quic.load_verify_locations(str(self.folder / "cert.pem"))
        self.context = connect_quic(
            self.address, self.port, configuration=quic, create_protocol=Session, wait_connected=True
        )
        protocol = await self.context.__aenter__()
        assert isinstance(protocol, Session)
        self.protocol = protocol
        self.protocol.received = self.received
        self.protocol.joined = Joined(self.frame_bytes)
        self.session = self.protocol.request(self.address)
        await self.protocol.accepted.wait()

    async def send(self, frame: bytes, number: int) -> None:
        assert self.protocol.http is not None
        self.protocol.http.send_datagram(self.session, frame)
        self.protocol.transmit()

    async def close(self) -> None:
        self.protocol.close()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.context.__aexit__(None, None, None), 2)


class WebTransportStream(WebTransportDatagram):
    """One ordered stream of the same session: QUIC retransmits, and later frames wait."""

    name = "webtransport-stream"
    port = ports.WEBTRANSPORT_STREAM

    async def open(self) -> None:
        await super().open()
        assert self.protocol.http is not None
        self.protocol.stream = self.protocol.http.create_webtransport_stream(self.session)

    async def send(self, frame: bytes, number: int) -> None:
        assert self.protocol.stream is not None
        self.protocol._quic.send_stream_data(self.protocol.stream, frame)
        self.protocol.transmit()


CLIENTS: dict[str, type[Client]] = {
    client.name: client
    for client in (
        Udp,
        WebSocket,
        WebSocketPlain,
        WebSocketJson,
        Grpc,
        Upload,
        WebRtc,
        WebRtcMedia,
        WebTransportDatagram,
        WebTransportStream,
    )
}


# ---------------------------------------------------------------- tasks


async def stream(client: Client, frames: int, pace_s: float, phase_s: float, drain_s: float) -> list[float]:
    """Open, send `frames` at their pace, wait for the last ones; when each was handed over (s)."""
    sound = speech_frames(client.frame_bytes)
    await client.open()
    await asyncio.sleep(0.2 + phase_s)
    start, sent = time.perf_counter(), []
    for number in range(frames):
        await asyncio.sleep(max(0.0, start + number * pace_s - time.perf_counter()))
        now = time.perf_counter()
        sent.append(now)
        await client.send(stamped(sound[number % len(sound)], Stamp(False, number, now)), number)
    await asyncio.sleep(drain_s)
    await client.close()
    return sent


async def echo(
    client_type: type[Client], address: str, folder: Path, frames: int, pace_s: float
) -> list[float]:
    """Round trips in s of `frames` frames, one after the other."""
    sound = speech_frames()
    came: asyncio.Queue[tuple[int, float]] = asyncio.Queue()
    client = client_type(
        address,
        folder,
        FRAME_BYTES,
        lambda frame: came.put_nowait((read_stamp(frame).number, time.perf_counter())),
    )
    await client.open()
    trips = []
    for number in range(frames):
        sent = time.perf_counter()
        await client.send(stamped(sound[number % len(sound)], Stamp(True, number, sent)), number)
        returned, when = await asyncio.wait_for(came.get(), 10)
        assert returned == number
        trips.append(when - sent)
        await asyncio.sleep(max(0.0, pace_s - (when - sent)))
    await client.close()
    return trips


async def setup(client_type: type[Client], address: str, folder: Path, number: int) -> float:
    """Open one connection and send one frame: how long until it could be sent, in s."""
    client = client_type(address, folder, FRAME_BYTES, lambda frame: None)
    began = time.perf_counter()
    await client.open()
    ready = time.perf_counter()
    await client.send(stamped(speech_frames()[20], Stamp(False, number, ready)), number)
    await asyncio.sleep(0.4)
    await client.close()
    return ready - began


async def run(address: str, folder: Path, task: dict[str, Any]) -> dict[str, Any]:
    """Do `task`, see the module."""
    names, frames, pace_s = task["transports"], task["frames"], FRAME_MS / 1000
    found: dict[str, Any] = {}
    if task["do"] == "stream":
        size = task["frame_bytes"]
        clients = [CLIENTS[name](address, folder, size, lambda frame: None) for name in names]
        phase = pace_s / len(clients)
        results = await asyncio.gather(
            *(
                stream(client, frames, pace_s, index * phase, task["drain_s"])
                for index, client in enumerate(clients)
            )
        )
        found = dict(zip(names, results, strict=True))
    elif task["do"] == "echo":
        for name in names:
            found[name] = await echo(CLIENTS[name], address, folder, frames, pace_s)
    else:
        for name in names:
            found[name] = [await setup(CLIENTS[name], address, folder, number) for number in range(frames)]
    return found


def main(arguments: list[str]) -> None:
    logging.disable(logging.CRITICAL)
    address, folder, task = arguments
    print(json.dumps(asyncio.run(run(address, Path(folder), json.loads(task)))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
