"""The path of our own, its frames and messages, the caller, and what the lab of transports makes of them."""

from __future__ import annotations

import asyncio
import math
import random
import socket
import threading

import numpy as np
import pytest
from labs.network import emulator, frames, media, messages, ports, proxy, telephone
from labs.network.emulator import UP, Condition, Direction, Traffic

from labs import transports


def direction(condition: Condition, *, upward: bool = True) -> Direction:
    return Direction(condition, random.Random(1), upward)


# ---------------------------------------------------------------- the path


def test_a_path_delays_every_packet_and_loses_its_share() -> None:
    way = direction(Condition(delay_ms=30, loss=0.1))
    leaves = [way.leaves_s(float(now), 700, 1) for now in range(20_000)]
    gone = leaves.count(None) / len(leaves)
    assert gone == pytest.approx(0.1, abs=4 * math.sqrt(0.1 * 0.9 / len(leaves)))
    assert all(at == pytest.approx(now + 0.03) for now, at in enumerate(leaves) if at is not None)


def test_one_large_packet_of_each_flow_is_dropped_and_no_other() -> None:
    way = direction(Condition(drop_large=3))
    for port in (9001, 9002):
        large = [way.leaves_s(0.0, 700, port) for _ in range(6)]
        assert [at is None for at in large] == [False, False, True, False, False, False]
    assert all(way.leaves_s(0.0, 60, 9003) is not None for _ in range(6))
    back = direction(Condition(drop_large=1), upward=False)
    assert back.leaves_s(0.0, 700, 9001) is not None


def packet(protocol: int, source: int, target: int) -> bytes:
    return (
        bytes([0x45, *[0] * 8, protocol, *[0] * 10]) + source.to_bytes(2, "big") + target.to_bytes(2, "big")
    )


def test_the_server_port_is_the_far_one() -> None:
    assert emulator.server_port(packet(17, 5000, ports.UDP), UP) == ports.UDP
    assert emulator.server_port(packet(6, ports.GRPC, 5000), emulator.DOWN) == ports.GRPC
    assert emulator.server_port(packet(1, 1, 2), UP) == 0
    assert emulator.server_port(b"\x60" + bytes(40), UP) == 0


def test_rtp_on_any_port_is_media_and_rtcp_is_not() -> None:
    def datagram(payload: bytes) -> bytes:
        return packet(17, 5000, 40_000) + bytes(4) + payload

    assert emulator.server_port(datagram(bytes([0x80, 111]) + bytes(70)), UP) == ports.MEDIA
    assert emulator.server_port(datagram(bytes([0x90, 0x80 | 96]) + bytes(70)), UP) == ports.MEDIA
    for first, second in ((0x80, 200), (0x00, 1), (22, 254)):  # RTCP, STUN, DTLS
        assert emulator.server_port(datagram(bytes([first, second])), UP) == 40_000
    assert emulator.server_port(datagram(b""), UP) == 40_000


def test_bursts_are_runs_of_lost_packets_of_one_flow() -> None:
    traffic = Traffic()
    for lost in (False, True, True, False, True):
        traffic.count(1, UP, 100, lost)
        traffic.count(2, UP, 100, False)
    assert traffic.as_json()["1.up"] == {"packets": 5, "bytes": 500, "lost": 3, "bursts": 2}
    assert traffic.as_json()["2.up"]["bursts"] == 0


def test_an_opus_packet_keeps_its_size_and_says_when_it_was_sent() -> None:
    packets = {len(packet) for packet in media.opus_packets()}
    assert packets == {60}
    stamp = frames.Stamp(False, 12_345, 6.5)
    packet = media.stamped_packet(frames.stamped(bytes(60), stamp)[: frames.STAMP_BYTES], 12_345)
    assert len(packet) == 60
    assert frames.read_stamp(packet[1:]) == stamp


def test_the_proxy_delays_and_counts_datagrams() -> None:
    back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    back.bind((proxy.BACK, ports.UDP))
    front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for end in (back, front):
        end.settimeout(5)
    traffic, stop = Traffic(), threading.Event()
    carrying = threading.Thread(target=lambda: asyncio.run(proxy.relay(Condition(20), traffic, stop)))
    carrying.start()
    try:
        for _ in range(100):
            front.sendto(b"up", (proxy.FRONT, ports.UDP))
            back.settimeout(0.05)
            try:
                data, address = back.recvfrom(100)
                break
            except TimeoutError:
                continue
        assert data == b"up"
        back.sendto(b"down", address)
        assert front.recv(100) == b"down"
    finally:
        stop.set()
        carrying.join()
        back.close()
        front.close()
    assert traffic.size[ports.UDP, UP] % (2 + proxy.IP_AND_UDP_BYTES) == 0
    assert traffic.size[ports.UDP, emulator.DOWN] == 4 + proxy.IP_AND_UDP_BYTES


# ---------------------------------------------------------------- frames and messages


def test_a_stamp_comes_back_and_the_frame_keeps_its_length() -> None:
    stamp = frames.Stamp(True, 77, 12.5)
    frame = frames.stamped(bytes(frames.FRAME_BYTES), stamp)
    assert len(frame) == frames.FRAME_BYTES
    assert frames.read_stamp(frame) == stamp
    with pytest.raises(ValueError, match="a stamp takes 13"):
        frames.read_stamp(b"short")


def test_frames_are_joined_whatever_the_reads_were() -> None:
    whole = bytes(range(256)) * 10
    joined = frames.Joined(100)
    found = [frame for start in range(0, len(whole), 37) for frame in joined.feed(whole[start : start + 37])]
    assert b"".join(found) == whole[: len(whole) // 100 * 100]
    assert {len(frame) for frame in found} == {100}


def test_rtp_keeps_number_timestamp_and_payload() -> None:
    data = messages.rtp(b"sound", 65_537, 320)
    assert len(data) == messages.RTP_HEADER_BYTES + 5
    assert messages.read_rtp(data) == (1, 65_537 * 320 % 2**32, b"sound")
    with pytest.raises(ValueError, match="not plain RTP"):
        messages.read_rtp(b"\x00" * 20)


def test_a_media_message_carries_any_bytes() -> None:
    every = bytes(range(256))
    assert messages.read_json(messages.media_json(every, 3)) == every


# ---------------------------------------------------------------- the call


def test_a_request_is_complete_and_its_length_true() -> None:
    caller = telephone.Caller("10.0.0.1", "10.0.0.2")
    head, _, body = caller.request("INVITE", 1, caller.offer).decode().partition("\r\n\r\n")
    assert head.startswith("INVITE sip:lab@10.0.0.2:5060 SIP/2.0\r\n")
    for name in ("Via", "Max-Forwards", "From", "To", "Call-ID", "CSeq"):
        assert f"\r\n{name}: " in head, name
    assert f"Content-Length: {len(body)}" in head
    assert telephone.media_port(body) == telephone.MEDIA_PORT
    caller.to_tag = "far"
    assert ";tag=far\r\n" in caller.request("ACK", 1).decode()


def test_a_response_is_read_and_anything_else_refused() -> None:
    answer = b"SIP/2.0 200 OK\r\nTo: <sip:a@b>;tag=7\r\nContent-Length: 0\r\n\r\n"
    found = telephone.parse_response(answer)
    assert (found.status, found.reason, found.headers["to"]) == (200, "OK", "<sip:a@b>;tag=7")
    with pytest.raises(ValueError, match="no status line"):
        telephone.parse_response(b"HTTP/1.1 200 OK\r\n\r\n")
    with pytest.raises(ValueError, match="offers no audio"):
        telephone.media_port("v=0\r\nm=video 9 RTP/AVP 96\r\n")


def test_a_click_is_loud_and_silence_is_not() -> None:
    assert telephone.is_loud(telephone.click_codes())
    assert not telephone.is_loud(b"\xff" * telephone.FRAME_SAMPLES)


# ---------------------------------------------------------------- what the lab makes of it


def test_wire_values_are_what_the_longer_run_has_more() -> None:
    short = {"9001.up": {"packets": 100, "bytes": 68_000}}
    long = {"9001.up": {"packets": 600, "bytes": 408_000}, "43210.up": {"packets": 7, "bytes": 500}}
    values = transports.wire_values(short, long, "udp")
    assert values["up_bytes"]["value"] == 680
    assert values["extra_bytes"]["value"] == 40
    assert transports.traffic_of(long, "webrtc", "up", "bytes") == 500


def test_late_counts_what_never_came() -> None:
    delays: list[float | None] = [50.0] * 280 + [160.0] * 10 + [None] * 10
    crossed = transports.Crossed(delays, packets=310, lost=10, bursts=4)
    values = transports.delay_values(crossed, np.random.default_rng(1))
    assert values["late_150ms"]["value"] == pytest.approx(100 * 20 / 300, rel=1e-3)
    assert values["late_200ms"]["value"] == pytest.approx(100 * 10 / 300, rel=1e-3)
    assert values["lost"]["value"] == pytest.approx(100 * 10 / 300, rel=1e-3)
    assert values["p50_ms"]["value"] == 50
    assert values["bursts"] == {"value": 4.0, "unit": "bursts", "n": 310}


def test_set_up_is_a_line_of_round_trips() -> None:
    times = {delay: [0.007 + 3 * 2 * delay / 1000] * 5 for delay in (5, 50, 100)}
    values = transports.setup_values(times)
    assert values["setup_round_trips"]["value"] == pytest.approx(3)
    assert values["setup_fixed_ms"]["value"] == pytest.approx(7)


def test_the_trace_begins_before_the_lost_frame() -> None:
    delays: list[float | None] = [50.0] * transports.TRACE_FRAMES
    delays[75] = None
    values = transports.trace_values(delays)
    assert "f06" not in values
    assert len(values) == transports.TRACE_SHOWN - 1
