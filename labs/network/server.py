"""The far side: one process that takes the same frames over every transport.

    python -m labs.network.server ADDRESS FOLDER FRAME_BYTES

prints `ready` when all of it listens, and on SIGTERM one line of JSON: for each transport, the frames that
came with their time of arrival (s, monotonic). A frame whose stamp says so is sent back.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import signal
import ssl
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import uvicorn
import websockets
from aioquic.asyncio import QuicConnectionProtocol
from aioquic.asyncio import serve as serve_quic
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DatagramReceived, HeadersReceived, WebTransportStreamDataReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ProtocolNegotiated, QuicEvent
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from labs.network import media, messages, ports, track
from labs.network.frames import STAMP_BYTES, Joined, read_stamp

Arrivals = dict[str, list[tuple[int, float]]]
ARRIVALS: Arrivals = defaultdict(list)


def take(transport: str, frame: bytes) -> bool:
    """Note that `frame` has come; whether it wants to be sent back."""
    now = time.perf_counter()
    stamp = read_stamp(frame)
    ARRIVALS[transport].append((stamp.number, now))
    return stamp.echo


# ---------------------------------------------------------------- UDP


class Rtp(asyncio.DatagramProtocol):
    """RTP packets: a header of 12 bytes, then the frame."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def datagram_received(self, data: bytes, address: Any) -> None:
        if take("udp", data[messages.RTP_HEADER_BYTES :]):
            self.transport.sendto(data, address)


# ---------------------------------------------------------------- WebSocket


async def websocket(connection: websockets.ServerConnection) -> None:
    """Binary messages are frames; text messages are JSON with the frame in Base64."""
    plain = connection.local_address[1] == ports.WEBSOCKET_PLAIN
    binary = "websocket-plain" if plain else "websocket"
    with contextlib.suppress(websockets.ConnectionClosed):
        async for message in connection:
            text = isinstance(message, str)
            frame = messages.read_json(message) if isinstance(message, str) else message
            if take("websocket-json" if text else binary, frame):
                await connection.send(message)


# ---------------------------------------------------------------- gRPC


def grpc_handlers() -> Any:
    """The service of audio.proto."""
    pb, service = grpc.protos_and_services("labs/network/audio.proto")

    class Audio(service.AudioServicer):  # type: ignore[name-defined]
        async def Stream(self, requests: AsyncIterator[Any], _context: Any) -> AsyncIterator[Any]:  # noqa: N802
            async for request in requests:
                if take("grpc", request.audio):
                    yield pb.Frame(audio=request.audio)

    return service, Audio()


# ---------------------------------------------------------------- HTTP: upload, events, and offers


def heard(back: track.Encoded, frame: bytes) -> None:
    """One packet of WebRTC's media has come; `back` is the track that carries echoes."""
    stamp = read_stamp(frame)
    if take("webrtc-media", frame):
        back.put(media.stamped_packet(frame[:STAMP_BYTES], stamp.number), stamp.number)


class Http:
    """A chunked upload that takes frames, server-sent events that carry them back, and WebRTC's
    signaling."""

    def __init__(self, frame_bytes: int) -> None:
        self.frame_bytes = frame_bytes
        self.events: asyncio.Queue[bytes] = asyncio.Queue()
        self.peers: list[RTCPeerConnection] = []

    async def upload(self, request: Request) -> Response:
        joined = Joined(self.frame_bytes)
        async for piece in request.stream():
            for frame in joined.feed(piece):
                if take("upload", frame):
                    self.events.put_nowait(frame)
        return Response(status_code=204)

    async def listen(self, _request: Request) -> StreamingResponse:
        async def events() -> AsyncIterator[bytes]:
            yield b": open\n\n"
            while True:
                yield b"data: " + base64.b64encode(await self.events.get()) + b"\n\n"

        return StreamingResponse(events(), media_type="text/event-stream")

    async def offer(self, request: Request) -> JSONResponse:
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.peers.append(peer)

        @peer.on("datachannel")
        def opened(channel: Any) -> None:
            @channel.on("message")
            def message(data: bytes) -> None:
                if take("webrtc", data):
                    channel.send(data)

        await peer.setRemoteDescription(RTCSessionDescription(**await request.json()))
        for receiver in peer.getReceivers():
            back = track.Encoded()
            peer.addTrack(back)
            track.listen(receiver, partial(heard, back))
        await peer.setLocalDescription(await peer.createAnswer())
        answer = peer.localDescription
        return JSONResponse({"sdp": answer.sdp, "type": answer.type})

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/upload", self.upload, methods=["POST"]),
                Route("/events", self.listen),
                Route("/offer", self.offer, methods=["POST"]),
            ]
        )


# ---------------------------------------------------------------- WebTransport


class WebTransport(QuicConnectionProtocol):
    """Frames in datagrams, or on one bidirectional stream, of a WebTransport session."""

    def __init__(self, *args: Any, frame_bytes: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.http: H3Connection | None = None
        self.joined: dict[int, Joined] = defaultdict(lambda: Joined(frame_bytes))

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, ProtocolNegotiated):
            self.http = H3Connection(self._quic, enable_webtransport=True)
        if self.http is None:
            return
        for seen in self.http.handle_event(event):
            if isinstance(seen, HeadersReceived):
                self.http.send_headers(
                    seen.stream_id, [(b":status", b"200"), (b"sec-webtransport-http3-draft", b"draft02")]
                )
            elif isinstance(seen, DatagramReceived):
                if take("webtransport-datagram", seen.data):
                    self.http.send_datagram(seen.stream_id, seen.data)
            elif isinstance(seen, WebTransportStreamDataReceived):
                for frame in self.joined[seen.stream_id].feed(seen.data):
                    if take("webtransport-stream", frame):
                        self._quic.send_stream_data(seen.stream_id, frame)
        self.transmit()


# ---------------------------------------------------------------- all of it


async def serve(address: str, folder: Path, frame_bytes: int) -> None:
    """Listen on every port of `labs.network.ports` until SIGTERM."""
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, done.set)
    cert, key = folder / "cert.pem", folder / "key.pem"
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)

    await loop.create_datagram_endpoint(Rtp, local_addr=(address, ports.UDP))

    service, audio = grpc_handlers()
    rpc = grpc.aio.server()
    service.add_AudioServicer_to_server(audio, rpc)
    credentials = grpc.ssl_server_credentials([(key.read_bytes(), cert.read_bytes())])
    rpc.add_secure_port(f"{address}:{ports.GRPC}", credentials)
    await rpc.start()

    quic = QuicConfiguration(alpn_protocols=H3_ALPN, is_client=False, max_datagram_frame_size=65536)
    quic.load_cert_chain(cert, key)
    for port in (ports.WEBTRANSPORT_DATAGRAM, ports.WEBTRANSPORT_STREAM):
        protocol = partial(WebTransport, frame_bytes=frame_bytes)
        await serve_quic(address, port, configuration=quic, create_protocol=protocol)

    http = Http(frame_bytes)
    sites = [
        uvicorn.Server(
            uvicorn.Config(
                http.app(),
                host=address,
                port=port,
                log_level="error",
                ssl_certfile=str(cert),
                ssl_keyfile=str(key),
            )
        )
        for port in (ports.UPLOAD, ports.SIGNALING)
    ]
    for site in sites:
        site.install_signal_handlers = lambda: None
    tasks = [asyncio.create_task(site._serve()) for site in sites]  # no signal handlers of its own
    while not all(site.started for site in sites):
        await asyncio.sleep(0.02)

    async with (
        websockets.serve(websocket, address, ports.WEBSOCKET, ssl=tls, compression=None),
        websockets.serve(websocket, address, ports.WEBSOCKET_JSON, ssl=tls, compression=None),
        websockets.serve(websocket, address, ports.WEBSOCKET_PLAIN, compression=None),
    ):
        print("ready", flush=True)
        await done.wait()
        print(json.dumps(ARRIVALS), flush=True)
    for task in tasks:
        task.cancel()
    await rpc.stop(0)


def main(arguments: list[str]) -> None:
    logging.disable(logging.CRITICAL)
    asyncio.run(serve(arguments[0], Path(arguments[1]), int(arguments[2])))


if __name__ == "__main__":
    main(sys.argv[1:])
