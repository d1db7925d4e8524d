"""Lab `transports`: the same frames of speech over every transport, on loopback and across a bad path.

Frames of 20 ms of 16 kHz samples, 640 bytes, cross a path that delays and drops whole IP packets
(`labs.network.emulator`); WebRTC's media path carries the same speech in Opus. Both ends have
one clock, so that delays are one way. The telephone call of the same lab is a real one: SIP and RTP to a
packaged telephone.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from labs.lab import Lab, Outcome, require_debian
from labs.network import emulator, ports, proxy, telephone, wrapping
from labs.network.emulator import FAR, NEAR, Condition
from labs.network.frames import FRAME_BYTES, SOUND, speech_frames
from labs.record import Value, Values, file_sha256, median, single, versions
from labs.session import MissingPartError, Session
from servelab import audio, g711

SEED = 20261125
COMPARED = (
    "udp",
    "webrtc-media",
    "webrtc",
    "webtransport-datagram",
    "webtransport-stream",
    "websocket",
    "grpc",
    "upload",
)
ALONE = ("webrtc-media",)
"""Counted in a run of its own: its connectivity checks have no port that tells them apart."""
COUNTED = (*(name for name in COMPARED if name not in ALONE), "websocket-plain", "websocket-json")
WIRE_FRAMES, WIRE_WARM_UP = 600, 100
WIRE_DELAY_MS = 25
ECHO_PASSES, ECHO_FRAMES, ECHO_SKIPPED = 3, 220, 20
SETUP_DELAYS_MS, SETUP_TIMES = (5, 50, 100), 5
CONDITIONS = tuple(product((25, 50, 100), (0.0, 0.01, 0.02, 0.05)))
"""One-way delay in ms, and loss."""
SMALL_BYTES = 60
"""A frame of Opus at 24 kbit/s."""
SMALL_CONDITIONS = ((50, 0.05), (100, 0.02), (100, 0.05))
FRAMES, BLOCK = 1_500, 100
BUDGETS_MS = (100, 150, 200, 300, 400)
TRACE_DELAY_MS, TRACE_FRAMES, TRACE_DROPPED, TRACE_SHOWN = 50, 150, 80, 32
TRACE_LATE_MS, TRACE_ATTEMPTS = 15, 8
WRAP_PASSES, WRAP_FRAMES = 15, 1_000
BUFFERS = {"0": "0-1", "2": "2-5", "5": "5-10"}
CALL_S = 12.0
BOOTSTRAP_SAMPLES = 1_000

WHAT = (
    "Frames of 640 B every 20 ms, of 60 B in WebRTC's media and where the name ends in -small. Bytes are "
    "whole IP packets, a frame's share of a steady stream, each way. "
    f"Echo: round trip on loopback, median of {ECHO_PASSES} passes of {ECHO_FRAMES - ECHO_SKIPPED} frames "
    "(spread: fastest and slowest pass). Set-up: time until the first frame may be sent, median of "
    f"{SETUP_TIMES}. Lossy path: one-way delay of {FRAMES:,} frames a condition, 95 % bootstrap over blocks "
    f"of {BLOCK}; late counts frames that never came; lost packets and bursts are those of its flow, upward"
)
NOTES_EMULATED = (
    "The path is a TUN device in each of two network namespaces and one loop between them: same delay and "
    "independent loss in both directions, no queue, no rate limit. Both kernels' TCP uses CUBIC.",
    "Everything but UDP is encrypted: TLS 1.3 under WebSocket, gRPC and HTTP, DTLS under WebRTC, QUIC's "
    "own. UDP is RTP in the clear.",
    "webrtc is a data channel, unordered, without retransmission; webrtc-media an audio track of Opus "
    "packets of 60 B, timed when SRTP has been removed and before any jitter buffer, its packets made "
    "beforehand. Offer and answer travel over HTTPS and count in the set-up. WebTransport is HTTP/3 of draft "
    "02, as the library has it.",
    "The upload is HTTP/1.1, chunked, one request; its way back is a second connection with server-sent "
    "events. Both count in the set-up; echoes come back as Base64.",
    "All transports of a condition run side by side, one process a side, each with losses of its own. Both "
    "ends are Python except gRPC's core: a few milliseconds of the p99 are the interpreter's. Nagle's "
    "algorithm is off on every TCP connection. QUIC's congestion controller is aioquic's default, Reno; the "
    "data channel's is SCTP's.",
    "Names are not resolved, and the certificate is one made for the run: DNS and chains of certificates "
    "come on top.",
    "The trace loses exactly one packet of each transport, upward, in the middle of a steady stream. UDP is "
    "the control: it repairs nothing, and a run in which it was late was done again.",
    "The telephone is baresip, which sends back what it hears; the caller is a small endpoint of our own. "
    "The echo is the round trip through the telephone's jitter buffer; a group names its least depth in "
    "packets.",
)
NOTE_PROXIED = (
    "No TUN device here: a UDP proxy delayed and dropped datagrams instead. It cannot carry TCP, so that "
    "every transport over TCP is missing, and WebRTC, which picks its own ports."
)


# ---------------------------------------------------------------- running


def talk(task: Mapping[str, Any], condition: Condition | None) -> dict[str, Any]:
    """Do `task` (see `labs.network.clients`) across a path of `condition`, or over loopback."""
    from labs.network import certificates

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        certificates.make(folder, [NEAR, FAR, proxy.FRONT, proxy.BACK])
        emulated = emulator.available()
        near, far = (NEAR, FAR) if emulated else (proxy.FRONT, proxy.BACK)
        listens = near if emulated and condition is None else far
        size = str(task.get("frame_bytes", FRAME_BYTES))
        server = [sys.executable, "-m", "labs.network.server", listens, str(folder), size]
        called = far if emulated and condition else near
        client = [sys.executable, "-m", "labs.network.clients", called, str(folder), json.dumps(task)]
        if emulated:
            return emulator.emulate(folder, server, client, condition)
        return proxy.run(server, client, condition or Condition())


def stream_task(frames: int, frame_bytes: int, transports: Sequence[str], drain_s: float) -> dict[str, Any]:
    """The task of sending `frames` of `frame_bytes` over all of `transports` at once."""
    return {
        "do": "stream",
        "transports": transports,
        "frames": frames,
        "frame_bytes": frame_bytes,
        "drain_s": drain_s,
    }


def wire_step(frames: int, transports: Sequence[str]) -> dict[str, Any]:
    """The traffic of `frames` frames over each transport, on a clean path."""
    task = stream_task(frames, FRAME_BYTES, transports, drain_s=1.0)
    traffic: dict[str, Any] = talk(task, Condition(WIRE_DELAY_MS))["traffic"]
    return traffic


def echo_step(transports: Sequence[str]) -> dict[str, list[float]]:
    """Round trips in s over loopback."""
    found: dict[str, list[float]] = talk(
        {"do": "echo", "transports": transports, "frames": ECHO_FRAMES}, None
    )["client"]
    return {name: trips[ECHO_SKIPPED:] for name, trips in found.items()}


def setup_step(delay_ms: float, transports: Sequence[str]) -> dict[str, list[float]]:
    """Time in s from nothing to the first frame that may be sent, several times."""
    task = {"do": "setup", "transports": transports, "frames": SETUP_TIMES}
    found: dict[str, list[float]] = talk(task, Condition(delay_ms))["client"]
    return found


@dataclass(frozen=True)
class Crossed:
    """What became of one transport's frames: the one-way delay in ms of each, None for one that never came,
    and what the path did to its packets."""

    delays: list[float | None]
    packets: int
    lost: int
    bursts: int


def path_step(
    frames: int, frame_bytes: int, condition: Condition, transports: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Every transport's `Crossed`, as a dictionary."""
    seen = talk(stream_task(frames, frame_bytes, transports, drain_s=3.0), condition)
    found: dict[str, dict[str, Any]] = {}
    for name in transports:
        came = dict(reversed(seen["server"].get(name, [])))
        delays = [
            1000 * (came[number] - at) if number in came else None
            for number, at in enumerate(seen["client"][name])
        ]
        counts = {
            what: traffic_of(seen["traffic"], name, "up", what) for what in ("packets", "lost", "bursts")
        }
        found[name] = asdict(Crossed(delays, **counts))
    return found


def trace_step(transports: Sequence[str]) -> dict[str, list[float | None]]:
    """The delays around one lost packet, from a run in which the machine itself was in time.

    UDP repairs nothing, so that whatever it is late is the machine's doing: such a run is done again.
    """
    condition = Condition(TRACE_DELAY_MS, drop_large=TRACE_DROPPED)
    for _ in range(TRACE_ATTEMPTS):
        crossed = path_step(TRACE_FRAMES, FRAME_BYTES, condition, transports)
        found: dict[str, list[float | None]] = {name: one["delays"] for name, one in crossed.items()}
        control = [delay for delay in found["udp"][TRACE_DROPPED // 2 :] if delay is not None]
        if max(control) < TRACE_DELAY_MS + TRACE_LATE_MS:
            return found
    raise RuntimeError(f"the machine was too busy for a trace, {TRACE_ATTEMPTS} times: run it again")


def call_step(buffer: str) -> dict[str, Any]:
    """One telephone call across a path without delay."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        module = [sys.executable, "-m", "labs.network.telephone"]
        return emulator.emulate(
            folder,
            [*module, "serve", FAR, str(folder / "telephone"), buffer],
            [*module, "call", NEAR, FAR, str(CALL_S)],
            Condition(),
        )


def wrap_frames() -> dict[str, list[bytes]]:
    """Real speech as frames of 16 kHz samples and of mu-law, over and over."""
    samples = speech_frames()
    sound, rate = audio.load(SOUND)
    narrow = g711.encode_mulaw(audio.to_pcm16(audio.resample(sound, rate, 8_000))).tobytes()
    codes = [narrow[start : start + 160] for start in range(0, len(narrow) - 159, 160)]
    return {
        "pcm": [samples[number % len(samples)] for number in range(WRAP_FRAMES)],
        "mulaw": [codes[number % len(codes)] for number in range(WRAP_FRAMES)],
    }


# ---------------------------------------------------------------- values


def traffic_of(traffic: Mapping[str, Any], transport: str, way: str, what: str) -> int:
    """Bytes, packets, losses or bursts of `transport` in one direction; WebRTC's data channel has what no
    port explains."""
    port = ports.OF.get(transport)
    if port is not None:
        return int(traffic.get(f"{port}.{way}", {}).get(what, 0))
    known = {str(number) for number in (*ports.OF.values(), ports.SIGNALING, 0)}
    return sum(
        int(counts[what])
        for key, counts in traffic.items()
        if key.endswith(f".{way}") and key.partition(".")[0] not in known
    )


def wire_values(short: Mapping[str, Any], long: Mapping[str, Any], transport: str) -> dict[str, Value]:
    """Bytes and packets a frame in a steady stream: what the longer run has more than the shorter one."""
    more = WIRE_FRAMES - WIRE_WARM_UP

    names = (transport, "webrtc") if transport in ALONE else (transport,)
    sound = SMALL_BYTES if transport in ALONE else FRAME_BYTES

    def share(way: str, what: str) -> float:
        counted = [sum(traffic_of(traffic, name, way, what) for name in names) for traffic in (short, long)]
        return (counted[1] - counted[0]) / more

    up, down = share("up", "bytes"), share("down", "bytes")
    return {
        "up_bytes": single(up, "B", more),
        "down_bytes": single(down, "B", more),
        "up_packets": single(share("up", "packets"), "packets", more),
        "down_packets": single(share("down", "packets"), "packets", more),
        "extra_bytes": single(up + down - sound, "B", more),
        "wire_kbit_s": single((up + down) * 8 / 20, "kbit/s", more),
    }


def echo_values(passes: Sequence[Mapping[str, Sequence[float]]], transport: str) -> dict[str, Value]:
    """The median and the p99 of round trips in ms, each as the median over passes."""
    return {
        f"echo_{name}_ms": median([1000 * float(np.percentile(one[transport], q)) for one in passes], "ms")
        for name, q in (("p50", 50), ("p99", 99))
    }


def setup_values(times: Mapping[int, Sequence[float]]) -> dict[str, Value]:
    """Set-up by one-way delay, and the straight line through its medians: round trips and the fixed part."""
    middles = {delay: 1000 * float(np.median(found)) for delay, found in times.items()}
    round_trips, fixed = np.polyfit([2 * delay for delay in middles], list(middles.values()), 1)
    return {
        f"setup_d{delay}_ms": median([1000 * one for one in found], "ms") for delay, found in times.items()
    } | {
        "setup_round_trips": single(float(round_trips), "round trips", len(times) * SETUP_TIMES),
        "setup_fixed_ms": single(float(fixed), "ms", len(times) * SETUP_TIMES),
    }


def delay_values(crossed: Crossed, rng: np.random.Generator) -> dict[str, Value]:
    """Percentiles of the frames that came, the share that never came, the share late for each budget, and
    what the path lost."""
    known = np.array([np.nan if delay is None else delay for delay in crossed.delays])
    blocks = known.reshape(-1, BLOCK)
    draws = blocks[rng.integers(0, len(blocks), (BOOTSTRAP_SAMPLES, len(blocks)))].reshape(
        BOOTSTRAP_SAMPLES, -1
    )

    def interval(found: npt.NDArray[np.float64]) -> tuple[float, float]:
        low, high = np.percentile(found, [2.5, 97.5])
        return float(low), float(high)

    values: dict[str, Value] = {}
    for name, q in (("p50", 50), ("p99", 99)):
        point = float(np.nanpercentile(known, q))
        low, high = interval(np.nanpercentile(draws, q, axis=1))
        values[f"{name}_ms"] = single(point, "ms", known.size, (min(low, point), max(high, point)))
    gone = float(100 * np.isnan(known).mean())
    values["lost"] = single(gone, "%", known.size)
    for budget in BUDGETS_MS:
        late = float(100 * (1 - (known <= budget).mean()))
        low, high = interval(100 * (1 - (draws <= budget).mean(axis=1)))
        values[f"late_{budget}ms"] = single(late, "%", known.size, (min(low, late), max(high, late)))
    values["lost_packets"] = single(crossed.lost, "packets", crossed.packets)
    values["bursts"] = single(crossed.bursts, "bursts", crossed.packets)
    return values


def trace_values(delays: Sequence[float | None]) -> dict[str, Value]:
    """The delays around the one lost packet in ms: frames before the first that is late, and those after."""
    known = [np.inf if delay is None else delay for delay in delays]
    start = TRACE_DROPPED // 2
    usual = float(np.median(known[start : TRACE_DROPPED - 10]))
    hit = next(n for n in range(start, len(known)) if known[n] > usual + TRACE_LATE_MS)
    shown = range(hit - 6, hit - 6 + TRACE_SHOWN)
    return {f"f{k:02d}": single(known[n], "ms") for k, n in enumerate(shown) if np.isfinite(known[n])}


def call_values(calls: Mapping[str, Mapping[str, Any]]) -> Values:
    """Signaling and media of the call, and the echo for each depth of the telephone's buffer."""
    call = calls["5"]
    log = call["client"]["messages"]
    by_name = {entry["message"].split()[0]: entry for entry in log[:4]}
    frames = round(CALL_S * 50)
    media = {
        key: counts
        for key, counts in call["traffic"].items()
        if key.partition(".")[0] not in ("0", str(telephone.SIP_PORT)) and counts["packets"] > frames / 2
    }
    up = next(counts for key, counts in media.items() if key.endswith(".up"))
    down = next(counts for key, counts in media.items() if key.endswith(".down"))
    values: Values = {
        "call": {
            "invite_bytes": single(by_name["INVITE"]["bytes"], "B"),
            "answer_bytes": single(by_name["200"]["bytes"], "B"),
            "ack_bytes": single(by_name["ACK"]["bytes"], "B"),
            "signaling_bytes": single(sum(entry["bytes"] for entry in log), "B"),
            "signaling_messages": single(len(log), "messages"),
            "answered_ms": single(by_name["200"]["ms"], "ms"),
            "packet_bytes": single(up["bytes"] / up["packets"], "B", up["packets"]),
            "wire_kbit_s": single(up["bytes"] * 8 / 1000 / CALL_S, "kbit/s", up["packets"]),
            "back_packets": single(down["packets"], "packets"),
            "sent_packets": single(up["packets"], "packets"),
        }
    }
    for depth, one in calls.items():
        values[f"call-buffer-{depth}"] = {"echo_ms": median(one["client"]["trips_ms"], "ms")}
    return values


def wrap_values(passes: Sequence[Mapping[str, Mapping[str, Mapping[str, float]]]]) -> Values:
    """Bytes and costs a frame by kind of sound and way of wrapping; the spread is the extremes of passes."""
    return {
        f"{kind}-{way}": {
            "bytes": single(passes[0][kind][way]["bytes"], "B", WRAP_FRAMES),
            "send_us": median([one[kind][way]["send_us"] for one in passes], "µs"),
            "receive_us": median([one[kind][way]["receive_us"] for one in passes], "µs"),
        }
        for kind in passes[0]
        for way in passes[0][kind]
    }


def condition_name(delay_ms: float, loss: float) -> str:
    """The group's suffix: one-way delay in ms, loss in packets of a thousand."""
    return f"d{delay_ms:g}-l{1000 * loss:g}"


# ---------------------------------------------------------------- the lab


def tcp_path() -> bool:
    """True, or `MissingPartError` where there is no TUN device to carry TCP."""
    if not emulator.available():
        raise MissingPartError(
            "transports over TCP need a path that carries whole packets: run as root, with /dev/net/tun"
        )
    return True


def a_telephone() -> bool:
    """True when baresip is here; `MissingPartError` where it cannot be or has no path."""
    require_debian(telephone.PACKAGE, telephone.BARESIP)
    return tcp_path()


def run(session: Session) -> Outcome:
    """The whole lab."""
    # what the two ends run, so that a change of it is a change of this lab
    from labs.network import certificates, clients, server  # noqa: F401

    whole = session.part("TCP", tcp_path) is not None
    compared = COMPARED if whole else proxy.CARRIED
    values: Values = {name: {} for name in ((*COUNTED, *ALONE) if whole else compared)}
    rng = np.random.default_rng(SEED)

    passes = [session.step(f"echo-{k}", partial(echo_step, compared), timed=True) for k in range(ECHO_PASSES)]
    for name in compared:
        values[name] |= echo_values(passes, name)
    times = {
        delay: session.step(f"setup-{delay}", partial(setup_step, delay, compared), timed=True)
        for delay in SETUP_DELAYS_MS
    }
    for name in compared:
        values[name] |= setup_values({delay: found[name] for delay, found in times.items()})

    cases = [(delay, loss, FRAME_BYTES, "") for delay, loss in CONDITIONS]
    cases += [(delay, loss, SMALL_BYTES, "-small") for delay, loss in SMALL_CONDITIONS]
    for number, (delay, loss, size, small) in enumerate(cases):
        condition = Condition(delay, loss, SEED + number)
        suffix = condition_name(delay, loss) + small
        sent = [name for name in compared if not (small and name in ALONE)]
        found = session.step(f"path-{suffix}", partial(path_step, FRAMES, size, condition, sent), timed=True)
        for name in sent:
            values[f"{name}-{suffix}"] = delay_values(Crossed(**found[name]), rng)

    wrapped = wrap_frames()
    rounds = [
        session.step(
            f"wrap-{k}",
            lambda: {kind: wrapping.one_pass(frames) for kind, frames in wrapped.items()},
            timed=True,
        )
        for k in range(WRAP_PASSES)
    ]
    values |= wrap_values(rounds)

    trace = session.step("trace", partial(trace_step, compared), timed=True)
    for name in compared:
        values[f"{name}-trace"] = trace_values(trace[name])

    if session.part(telephone.PACKAGE, a_telephone):
        calls = {
            depth: session.step(f"call-{depth}", partial(call_step, buffer), timed=True)
            for depth, buffer in BUFFERS.items()
        }
        values |= call_values(calls)

    if whole:
        short = session.step("wire-short", partial(wire_step, WIRE_WARM_UP, COUNTED))
        long = session.step("wire-long", partial(wire_step, WIRE_FRAMES, COUNTED))
        for name in COUNTED:
            values[name] |= wire_values(short, long, name)
        for name in ALONE:
            short = session.step(f"wire-short-{name}", partial(wire_step, WIRE_WARM_UP, (name,)))
            long = session.step(f"wire-long-{name}", partial(wire_step, WIRE_FRAMES, (name,)))
            values[name] |= wire_values(short, long, name)

    return Outcome(
        what=WHAT,
        seed=SEED,
        values={name: found for name, found in values.items() if found},
        sha256={SOUND.name: file_sha256(SOUND)},
        versions=versions(
            ("websockets", "grpcio", "httpx", "uvicorn", "starlette", "aiortc", "aioquic", "numpy")
        )
        | ({"baresip": telephone.version()} if telephone.BARESIP.exists() else {}),
        notes=NOTES_EMULATED if whole else (NOTE_PROXIED, *NOTES_EMULATED[1:]),
    )


LAB = Lab(
    name="transports",
    title="One sentence over eight transports",
    what="bytes, set-up and delay of UDP, WebRTC, WebTransport, WebSocket, gRPC and an upload, and a call",
    why="to choose how audio travels: a transport is paid in bytes, in round trips and in waiting for a loss",
    takes="about 18 minutes",
    needs="requirements-labs.txt; root and /dev/net/tun for the transports over TCP",
    run=run,
    debian=(telephone.PACKAGE,),
)
