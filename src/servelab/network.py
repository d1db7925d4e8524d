"""The path between microphone and model: delay, jitter, loss, and what each kind of transport makes of them.

A stream sends one frame every `frame_ms`. The path is cut into slots of one frame: a slot has one delay and
one fate, and whatever is sent in it shares both. All transports can therefore cross the very same trouble,
and a difference between them is theirs alone.

*Datagrams* take what arrives. A *reliable* transport notices a loss by what arrives later, or by a timer,
and sends again. An *ordered* one (TCP, one QUIC stream) also holds back all that came after the gap: that is
head-of-line blocking, and it is one running maximum.

These leave out the congestion window, the coalescing of a backlog into full segments, and lost
acknowledgments. The window has a model of its own: `window_rate_bit_s` in closed form, and
`windowed_datagrams`, in which nothing is repaired and frames wait only for permission to leave.

Times are in ms. Arrays have the shape (frames,).
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from servelab.arguments import count, not_negative, positive, share, vector

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


# ---------------------------------------------------------------- loss


@dataclass(frozen=True)
class GilbertElliott:
    """Loss with two moods: a two-state Markov chain that steps once a packet.

    `good_to_bad` and `bad_to_good` are the chances to change the state from one packet to the next,
    `loss_good` and `loss_bad` the chances to lose a packet in each. Gilbert's model [@gilbert1960] has
    `loss_good` 0; Elliott let both states lose. With `good_to_bad + bad_to_good` = 1 the state forgets at
    once and losses are independent. Their sum may not exceed 1: losses are at least as bursty as random ones.
    """

    good_to_bad: float
    bad_to_good: float
    loss_good: float = 0.0
    loss_bad: float = 1.0

    def __post_init__(self) -> None:
        share("good_to_bad", self.good_to_bad)
        share("loss_good", self.loss_good)
        share("loss_bad", self.loss_bad)
        if not 0 < self.bad_to_good <= 1:
            raise ValueError(f"bad_to_good is {self.bad_to_good}: it must be over 0 and at most 1")
        if self.good_to_bad + self.bad_to_good > 1 + 1e-12:
            raise ValueError(
                f"good_to_bad is {self.good_to_bad}: it must be at most {1 - self.bad_to_good:g}, "
                "1 less bad_to_good"
            )

    @classmethod
    def random(cls, loss: float) -> GilbertElliott:
        """Independent losses, each packet with the chance `loss` (0 to under 1)."""
        return cls.bursty(loss, 1 / (1 - loss) if 0 <= loss < 1 else 1.0)

    @classmethod
    def bursty(cls, loss: float, mean_burst: float) -> GilbertElliott:
        """Every packet is lost in the bad state and none in the good one: `loss` of all packets (0 to under
        1), in runs of `mean_burst` packets on average, which is at least 1 / (1 - loss), the random run.
        Raises `ValueError` for anything less."""
        if not 0 <= loss < 1:
            raise ValueError(f"loss is {loss}: it must be at least 0 and under 1")
        if not (math.isfinite(mean_burst) and mean_burst >= 1 / (1 - loss) - 1e-9):
            raise ValueError(f"mean_burst is {mean_burst}: it must be at least {1 / (1 - loss):g}")
        return cls(good_to_bad=loss / ((1 - loss) * mean_burst), bad_to_good=1 / mean_burst)

    @property
    def bad_share(self) -> float:
        """Share of time in the bad state: p / (p + r)."""
        return self.good_to_bad / (self.good_to_bad + self.bad_to_good)

    @property
    def loss_rate(self) -> float:
        """Share of packets lost."""
        return self.loss_good + self.bad_share * (self.loss_bad - self.loss_good)

    @property
    def memory(self) -> float:
        """By what factor the correlation of two packets shrinks with each packet between them: 1 - p - r."""
        return 1 - self.good_to_bad - self.bad_to_good

    def covariance(self, lag: int) -> float:
        """Covariance of the losses of two packets, `lag` packets apart; at 0 the variance of one packet."""
        if count("lag", lag, least=0) == 0:
            return self.loss_rate * (1 - self.loss_rate)
        spread = (self.loss_bad - self.loss_good) ** 2 * self.bad_share * (1 - self.bad_share)
        return spread * self.memory**lag

    def variance(self, packets: int) -> float:
        """Variance of the number of losses among `packets` in a row: bursts widen it, the mean stays
        `packets * loss_rate`. Closed form of the sum over all pairs' covariances."""
        n, rho = count("packets", packets), self.memory
        spread = (self.loss_bad - self.loss_good) ** 2 * self.bad_share * (1 - self.bad_share)
        pairs = rho * (n * (1 - rho) - (1 - rho**n)) / (1 - rho) ** 2
        return n * self.covariance(0) + 2 * spread * pairs

    @property
    def mean_burst(self) -> float:
        """Mean length of a run of lost packets: losses, over losses that are the last of their run."""
        ends = self.loss_rate * (1 - self.loss_rate) - self.covariance(1)
        if self.loss_rate == 0:
            return 0.0
        return self.loss_rate / ends if ends > 0 else math.inf

    def draw(self, rng: np.random.Generator, packets: int) -> Flags:
        """Which of `packets` in a row are lost; begins in the long-run state.

        One uniform number a packet decides the next state whatever the last one was: under p it is bad, from
        1 - r it is good, between them it stays. So the state is that of the last decision, and there is no
        loop over packets.
        """
        draws = rng.random(count("packets", packets))
        decides = (draws < self.good_to_bad) | (draws >= 1 - self.bad_to_good)
        last = np.maximum.accumulate(np.where(decides, np.arange(packets), -1))
        bad = np.where(
            last >= 0, draws[np.maximum(last, 0)] < self.good_to_bad, rng.random() < self.bad_share
        )
        lost: Flags = rng.random(packets) < np.where(bad, self.loss_bad, self.loss_good)
        return lost


def gilbert_elliott_step_by_step(rng: np.random.Generator, model: GilbertElliott, packets: int) -> list[bool]:
    """`GilbertElliott.draw`, written to be read: same distribution, other draws."""
    bad = rng.random() < model.bad_share
    lost = []
    for _ in range(packets):
        bad = rng.random() >= model.bad_to_good if bad else rng.random() < model.good_to_bad
        lost.append(bool(rng.random() < (model.loss_bad if bad else model.loss_good)))
    return lost


# ---------------------------------------------------------------- path


@dataclass(frozen=True)
class Path:
    """One direction of a network path: `delay_ms` of propagation, and a queue on the way whose wait is drawn
    anew each slot, exponential with mean `jitter_mean_ms`. A queue keeps the order: a packet that catches up
    with the one before it arrives together with it, so the mean wait is a little above the mean drawn.
    """

    delay_ms: float
    jitter_mean_ms: float = 0.0
    loss: GilbertElliott = GilbertElliott(0.0, 1.0)

    def __post_init__(self) -> None:
        not_negative("delay_ms", self.delay_ms)
        not_negative("jitter_mean_ms", self.jitter_mean_ms)

    def draw(self, rng: np.random.Generator, frames: int, frame_ms: float = 20.0) -> Crossing:
        """What happens on this path during `frames` frames of `frame_ms`."""
        positive("frame_ms", frame_ms)
        sent = np.arange(count("frames", frames)) * frame_ms
        wait = rng.exponential(1.0, frames) * self.jitter_mean_ms
        transit = np.maximum.accumulate(sent + wait) - sent + self.delay_ms
        return Crossing(frame_ms, self.delay_ms, transit, self.loss.draw(rng, frames))


@dataclass(frozen=True)
class Crossing:
    """One realization of a path, slot by slot: `transit_ms` one way, queue included, and `lost`.

    Feedback takes `delay_ms`. A packet that is sent again after the last slot meets the first ones.
    """

    frame_ms: float
    delay_ms: float
    transit_ms: Floats
    lost: Flags

    def __post_init__(self) -> None:
        positive("frame_ms", self.frame_ms)
        not_negative("delay_ms", self.delay_ms)
        vector("transit_ms", self.transit_ms, size=len(self.lost))
        if bool(np.all(self.lost)):
            raise ValueError("lost is True in every slot: a path must let something through")

    @property
    def sent_ms(self) -> Floats:
        """When each frame is sent."""
        return np.arange(self.lost.size, dtype=np.float64) * self.frame_ms

    @property
    def round_trip_ms(self) -> float:
        """Mean time in ms from a packet's departure to its acknowledgment."""
        return float(self.transit_ms.mean()) + self.delay_ms

    def slot(self, at_ms: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """The slot that a packet sent at `at_ms` falls into."""
        slots: npt.NDArray[np.int64] = np.floor(np.asarray(at_ms) / self.frame_ms + 1e-9).astype(np.int64)
        return slots % self.lost.size


@dataclass(frozen=True)
class Delivery:
    """When each frame was sent and when the application had it, in ms; infinite when it never came."""

    sent_ms: Floats
    delivered_ms: Floats

    @property
    def delay_ms(self) -> Floats:
        """Time from departure to the application; infinite for a lost frame."""
        return self.delivered_ms - self.sent_ms

    @property
    def lost_share(self) -> float:
        """Share of frames that never came."""
        return float(np.isinf(self.delivered_ms).mean())

    def late_share(self, budget_ms: float) -> float:
        """Share of frames, 0 to 1, that the application did not have within `budget_ms`: late or lost."""
        return float((self.delay_ms > not_negative("budget_ms", budget_ms)).mean())

    def percentile_ms(self, q: float) -> float:
        """The `q`-th percentile (0 to 100) of the delay in ms over all frames, a lost one counting as
        infinitely late: the smallest delay that at least q % of the frames do not exceed."""
        if not 0 <= q <= 100:
            raise ValueError(f"q is {q}: it must lie between 0 and 100")
        rank = max(math.ceil(q / 100 * self.delay_ms.size - 1e-9), 1) - 1
        return float(np.partition(self.delay_ms, rank)[rank])


# ---------------------------------------------------------------- transports


def datagrams(crossing: Crossing, redundancy: int = 0) -> Delivery:
    """Frames as datagrams: each arrives or does not, and none waits for another.

    With `redundancy` n every packet also carries the n frames before its own, so that a lost frame comes
    with the next packet that survives, at most n frames later.
    """
    sent = crossing.sent_ms
    arrived = np.where(crossing.lost, np.inf, sent + crossing.transit_ms)
    delivered = arrived.copy()
    for later in range(1, count("redundancy", redundancy, least=0) + 1):
        delivered[:-later] = np.minimum(delivered[:-later], arrived[later:])
    return Delivery(sent, delivered)


@dataclass(frozen=True)
class Recovery:
    """How a reliable transport learns that a packet was lost.

    A packet counts as lost when one sent later has been acknowledged and `round_trips` round trips have
    passed since it left, or when `packets` sent later have been acknowledged, or when the timer of
    `timer_ms` beyond a round trip runs out, which doubles each time. With `again` False the first two rules
    watch the first transmission alone: what is lost twice waits for the timer.
    """

    round_trips: float
    packets: int = 3
    timer_ms: float = 200.0
    again: bool = True

    def __post_init__(self) -> None:
        if not self.round_trips >= 1:
            raise ValueError(f"round_trips is {self.round_trips}: it must be at least 1")
        count("packets", self.packets)
        positive("timer_ms", self.timer_ms)


CLASSIC_TCP = Recovery(round_trips=math.inf, again=False)
"""Fast retransmit on three duplicate acknowledgments, then the timer; 200 ms is the `TCP_RTO_MIN`
of Linux."""

RACK_TCP = Recovery(round_trips=1.25)
"""Recent acknowledgment: a quarter of a round trip of patience, none once three later packets are there; a
retransmission is watched as well [@rfc8985, sec. 6.2, steps 4 and 5]. Until it has seen reordering the RFC
drops the patience during a recovery, so that what is lost twice comes up to a quarter of a round trip earlier
than here."""

QUIC = Recovery(round_trips=9 / 8, timer_ms=25.0)
"""Time threshold 9/8, packet threshold 3; the probe timer adds the peer's largest acknowledgment delay
[@rfc9002, sec. 6.1, 6.2]."""


def reliable(crossing: Crossing, recovery: Recovery = RACK_TCP, *, ordered: bool = True) -> Delivery:
    """Frames over a transport that sends again what was lost. `ordered` holds a frame until all before it
    have come, as TCP and one QUIC stream do; without it each frame stands alone, as with one stream a frame.
    """
    round_trip = crossing.round_trip_ms
    alive = np.flatnonzero(~crossing.lost)
    heard = np.append(
        crossing.sent_ms[alive] + crossing.transit_ms[alive] + crossing.delay_ms,
        np.full(recovery.packets, np.inf),
    )
    departed = crossing.sent_ms.copy()
    open_ = np.flatnonzero(crossing.lost)
    tries = 0
    while open_.size:
        at = departed[open_]
        noticed = at + (round_trip + recovery.timer_ms) * 2.0**tries
        if tries == 0 or recovery.again:
            after = np.searchsorted(crossing.sent_ms[alive], at + 1e-9, side="right")
            by_time = np.maximum(heard[after], at + recovery.round_trips * round_trip)
            noticed = np.minimum(noticed, np.minimum(by_time, heard[after + recovery.packets - 1]))
        departed[open_] = noticed
        open_ = open_[crossing.lost[crossing.slot(noticed)]]
        tries += 1
    arrived = departed + crossing.transit_ms[crossing.slot(departed)]
    return Delivery(crossing.sent_ms, np.maximum.accumulate(arrived) if ordered else arrived)


def reliable_step_by_step(crossing: Crossing, recovery: Recovery = RACK_TCP) -> list[float]:
    """`reliable` in order, frame by frame, written to be read: when the application has each frame, in ms."""
    survivors = [k for k, lost in enumerate(crossing.lost) if not lost]
    delivered, latest = [], 0.0
    for frame in range(len(crossing.lost)):
        at, tries = frame * crossing.frame_ms, 0
        while crossing.lost[crossing.slot(at)]:
            later = [k for k in survivors if k * crossing.frame_ms > at + 1e-9][: recovery.packets]
            heard = [k * crossing.frame_ms + crossing.transit_ms[k] + crossing.delay_ms for k in later]
            signs = [at + (crossing.round_trip_ms + recovery.timer_ms) * 2**tries]  # the timer
            if later and (tries == 0 or recovery.again):
                signs.append(max(heard[0], at + recovery.round_trips * crossing.round_trip_ms))
                signs += heard[recovery.packets - 1 :]
            at, tries = min(signs), tries + 1
        latest = max(latest, at + float(crossing.transit_ms[crossing.slot(at)]))  # wait for those before
        delivered.append(latest)
    return delivered


def blocked_share(loss: float, recovery_ms: float, frame_ms: float, budget_ms: float = 0.0) -> float:
    """Share of frames, 0 to 1, that an ordered stream delivers more than `budget_ms` after the path's delay.

    With independent losses that each cost `recovery_ms`, a loss holds its own frame and all that are sent
    while it is missing. A frame is late when any of the last ceil((R - budget) / frame) was lost:
    1 - (1 - loss)^n. At a small loss this is n times the loss: the transport multiplies it.
    """
    share("loss", loss)
    rest = not_negative("recovery_ms", recovery_ms) - not_negative("budget_ms", budget_ms)
    held = max(math.ceil(rest / positive("frame_ms", frame_ms) - 1e-9), 0)
    return 1 - (1 - loss) ** held


def loss_for_late_share(late: float, recovery_ms: float, frame_ms: float, budget_ms: float = 0.0) -> float:
    """The loss at which `blocked_share` reaches `late` (0 to 1): with 0.01 the loss that pushes the p99 of an
    ordered stream over the budget. 1 when recovery fits into the budget."""
    share("late", late)
    rest = not_negative("recovery_ms", recovery_ms) - not_negative("budget_ms", budget_ms)
    held = max(math.ceil(rest / positive("frame_ms", frame_ms) - 1e-9), 0)
    return 1 - (1 - late) ** (1 / held) if held else 1.0


# ---------------------------------------------------------------- the congestion window


SEGMENT_BYTES = 1200
"""What a window grows by in a round trip: QUIC's smallest datagram at set-up [@rfc9000, sec. 14]."""
INITIAL_SEGMENTS, LEAST_SEGMENTS = 10, 2
"""The first window and the smallest [@rfc9002, sec. 7.2]."""


def window_rate_bit_s(
    loss: float, round_trip_ms: float, packet_bytes: float, segment_bytes: float = SEGMENT_BYTES
) -> float:
    """Rate in bit/s that a sender of packets of `packet_bytes` reaches whose window is halved at each loss
    and grows by `segment_bytes` each round trip.

    From one loss to the next it grows from W/2 to W, which takes W / (2 segment) round trips of 3/4 W bytes,
    in which 1 / loss packets are sent. So 3/8 W^2 / segment = packet / loss, and the mean window is 3/4 W.
    With packets of a whole segment that is 1.22 segment / (round trip sqrt(loss)), the first term of the
    equation in [@rfc5348, sec. 3.1]. Timers are left out: at large losses it promises too much.
    """
    if not 0 < loss <= 1:
        raise ValueError(f"loss is {loss}: it must be over 0 and at most 1")
    size = positive("packet_bytes", packet_bytes) * positive("segment_bytes", segment_bytes)
    window = math.sqrt(1.5 * size / loss)
    return 8000 * window / positive("round_trip_ms", round_trip_ms)


def loss_for_rate(
    rate_bit_s: float, round_trip_ms: float, packet_bytes: float, segment_bytes: float = SEGMENT_BYTES
) -> float:
    """The loss at which `window_rate_bit_s` falls to `rate_bit_s`; 1 when no loss is large enough."""
    most = window_rate_bit_s(1.0, round_trip_ms, packet_bytes, segment_bytes)
    return min((most / positive("rate_bit_s", rate_bit_s)) ** 2, 1.0)


def windowed_datagrams(
    rng: np.random.Generator,
    frames: int,
    *,
    delay_ms: float,
    loss: float,
    packet_bytes: int,
    segment_bytes: int = SEGMENT_BYTES,
    frame_ms: float = 20.0,
) -> Delivery:
    """`frames` datagrams of `packet_bytes` across a path of `delay_ms` that loses a share `loss` of them,
    sent by an endpoint that halves its window at a loss: nothing is sent again, but a frame waits at its
    sender until it fits into the window.

    The window starts at ten segments and doubles in a round trip until the first loss. It is halved once a
    round trip at most, never below two segments, and grows by a segment a round trip, used or not. A loss is
    noticed a round trip and an eighth after the packet left. Acknowledgments are not lost.
    """
    share("loss", loss)
    round_trip = 2 * positive("delay_ms", delay_ms)
    lost = rng.random(count("frames", frames)) < loss
    sent = np.arange(frames, dtype=np.float64) * positive("frame_ms", frame_ms)
    delivered = np.full(frames, np.inf)
    window, threshold = float(INITIAL_SEGMENTS * segment_bytes), math.inf
    flying, halved, now = 0, 0.0, 0.0
    news: list[tuple[float, float, bool]] = []  # when it is known, when it left, whether it was lost
    for frame in range(frames):
        now = max(now, float(sent[frame]))
        while news and (news[0][0] <= now or flying + packet_bytes > window):
            known, left, gone = heapq.heappop(news)
            now = max(now, known)
            flying -= packet_bytes
            if left <= halved:  # it left before the window was last halved: no news about this window
                continue
            if gone:
                window = threshold = max(window / 2, float(LEAST_SEGMENTS * segment_bytes))
                halved = known
            else:
                window += packet_bytes * (1.0 if window < threshold else segment_bytes / window)
        flying += packet_bytes
        heapq.heappush(news, (now + round_trip * (9 / 8 if lost[frame] else 1.0), now, bool(lost[frame])))
        if not lost[frame]:
            delivered[frame] = now + delay_ms
    return Delivery(sent, delivered)


# ---------------------------------------------------------------- jitter buffers


@dataclass(frozen=True)
class Playout:
    """What a jitter buffer made of a delivery: `due_ms` is when each frame had to be there, `concealed` which
    frames were not, late or lost."""

    sent_ms: Floats
    due_ms: Floats
    concealed: Flags

    @property
    def mean_delay_ms(self) -> float:
        """Mean time from departure to playout."""
        return float((self.due_ms - self.sent_ms).mean())

    @property
    def concealed_share(self) -> float:
        """Share of frames, 0 to 1, that had to be made up."""
        return float(self.concealed.mean())

    @property
    def gap_lengths(self) -> npt.NDArray[np.int64]:
        """Lengths in frames of the runs of concealed frames: an ear forgives one and hears five."""
        edges = np.diff(np.concatenate(([0], self.concealed.astype(np.int64), [0])))
        return np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1)

    def packets(self, packets: list[bytes]) -> list[bytes | None]:
        """`packets` with None where a frame is concealed: what `servelab.opus.Decoder` takes. Raises
        `ValueError` unless there is one packet a frame."""
        if len(packets) != self.concealed.size:
            raise ValueError(f"packets has {len(packets)} entries: it must have {self.concealed.size}")
        return [None if gone else packet for packet, gone in zip(packets, self.concealed, strict=True)]


def fixed_buffer(delivery: Delivery, depth_ms: float) -> Playout:
    """Start `depth_ms` after the first frame has come, then play one frame each period, come what may. Raises
    `ValueError` when no frame came."""
    arrived = np.flatnonzero(np.isfinite(delivery.delivered_ms))
    if arrived.size == 0:
        raise ValueError("delivery holds no frame that came: there is nothing to play")
    first = int(arrived[0])
    due = delivery.sent_ms + float(delivery.delay_ms[first]) + not_negative("depth_ms", depth_ms)
    return Playout(delivery.sent_ms, due, delivery.delivered_ms > due)


def waiting_player(delivery: Delivery, depth_ms: float) -> Floats:
    """When each frame is played, in ms, by a player that never skips: it starts `depth_ms` after the first
    frame has come, and falls silent until the next one is there. What it once waited it never catches up.

    Raises `ValueError` when a frame never comes.
    """
    if not bool(np.all(np.isfinite(delivery.delivered_ms))):
        raise ValueError("delivery lacks a frame: a player that waits for it waits for ever")
    offset = np.maximum(delivery.delay_ms, delivery.delay_ms[0] + not_negative("depth_ms", depth_ms))
    return delivery.sent_ms + np.maximum.accumulate(offset)


def adaptive_buffer(
    delivery: Delivery, *, late_target: float = 0.01, spurt_frames: int = 50, window_frames: int = 500
) -> Playout:
    """Change the delay at each talkspurt, every `spurt_frames`, to what would have served the past.

    The new delay is the (1 - `late_target`) quantile of the delays of the last `window_frames` frames that
    had come by then; lost frames do not count, no depth brings them back. Within a talkspurt the delay
    stays, so that speech keeps its pace. The first talkspurt trusts the first frame, as a buffer of depth 0.
    """
    share("late_target", late_target)
    count("spurt_frames", spurt_frames)
    count("window_frames", window_frames)
    due = fixed_buffer(delivery, 0.0).due_ms.copy()
    for start in range(spurt_frames, due.size, spurt_frames):
        window = slice(max(start - window_frames, 0), start)
        seen = delivery.delivered_ms[window] <= delivery.sent_ms[start]
        if seen.any():
            depth = float(np.quantile(delivery.delay_ms[window][seen], 1 - late_target, method="higher"))
            due[start:] = delivery.sent_ms[start:] + depth
    return Playout(delivery.sent_ms, due, delivery.delivered_ms > due)
