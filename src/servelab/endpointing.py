"""When has the caller finished? A rule hears silence, and has to say whether it is a pause or the end.

A turn is speech with pauses in it. Waiting longer costs every turn its time, answering sooner cuts some
callers off. A *silence timeout* can only move along that trade. A *turn detector* also listens to what was
said: it looks once at each silence, early, and where it does not believe in an end the timeout still stands
as the last resort. Both are compared at the same number of false cuts: `SilenceTimeout.for_cuts` and
`TurnDetector.for_cuts`.

Left out: mistakes of the voice activity detector, and a caller who falls silent after being cut off.

>>> from servelab.distributions import Exponential
>>> caller = Caller(pauses_per_turn=2, pause_ms=Exponential(400))
>>> round(SilenceTimeout.for_cuts(caller, cuts_per_turn=0.05).delay_ms)
1476
>>> round(TurnDetector.for_cuts(caller, 0.05, look_ms=200, timeout_ms=3_000, separation=2.5).delay_ms)
832

Times are in ms from the moment at which the silence begins.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from servelab.arguments import count, inside, not_negative, positive, share, vector
from servelab.distributions import Distribution, draw

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


# ---------------------------------------------------------------- turns


@dataclass(frozen=True)
class Turns:
    """Pauses in the turns of many callers: `turn` says in which of `turns` turns each of `pause_ms` lies."""

    turns: int
    turn: Ints
    pause_ms: Floats

    def __post_init__(self) -> None:
        count("turns", self.turns)
        if self.turn.shape != self.pause_ms.shape:
            raise ValueError(f"turn has the shape {self.turn.shape}: it must be that of pause_ms")
        if self.turn.size:
            vector("pause_ms", self.pause_ms)
            if not 0 <= int(self.turn.min()) <= int(self.turn.max()) < self.turns:
                raise ValueError(f"turn names one that is none: it must be at least 0 and under {self.turns}")


@dataclass(frozen=True)
class Caller:
    """How somebody pauses: a Poisson number with the mean `pauses_per_turn` within each turn, their lengths
    independent and distributed as `pause_ms`."""

    pauses_per_turn: float
    pause_ms: Distribution

    def __post_init__(self) -> None:
        not_negative("pauses_per_turn", self.pauses_per_turn)

    def longer(self, than_ms: float) -> float:
        """Share of pauses, 0 to 1, that last longer than `than_ms`: the quantile, inverted by bisection."""
        not_negative("than_ms", than_ms)
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            if middle >= 1.0:  # beyond the last number under 1 there is nothing left to tell apart
                break
            low, high = (middle, high) if self.pause_ms.quantile(middle) <= than_ms else (low, middle)
        return 1 - low if low > 0 else 1.0

    def turns(self, rng: np.random.Generator, turns: int) -> Turns:
        """As many turns, drawn."""
        pauses = rng.poisson(self.pauses_per_turn, count("turns", turns))
        return Turns(turns, np.repeat(np.arange(turns), pauses), draw(rng, self.pause_ms, int(pauses.sum())))


# ---------------------------------------------------------------- rules


@dataclass(frozen=True)
class SilenceTimeout:
    """The turn is over when nobody has spoken for `timeout_ms`."""

    timeout_ms: float

    def __post_init__(self) -> None:
        positive("timeout_ms", self.timeout_ms)

    @classmethod
    def for_cuts(cls, caller: Caller, cuts_per_turn: float) -> SilenceTimeout:
        """The shortest timeout with at most `cuts_per_turn` false cuts on average: more than 0, and fewer
        than the pauses."""
        allowed = _cuts_a_pause(caller, cuts_per_turn)
        return cls(float(caller.pause_ms.quantile(1 - allowed)))

    @property
    def delay_ms(self) -> float:
        """Mean time from the end of speech to the decision that it was the end."""
        return self.timeout_ms

    def cuts_per_pause(self, caller: Caller) -> float:
        """Share of pauses, 0 to 1, that are taken for the end."""
        return caller.longer(self.timeout_ms)

    def decisions_ms(self, rng: np.random.Generator, silences: int, *, ended: bool) -> Floats:
        """After how much silence the rule calls the end in each of `silences`; `ended` is what is true."""
        return np.full(silences, self.timeout_ms)


@dataclass(frozen=True)
class TurnDetector:
    """A model looks once at each silence. After `look_ms`, its own computing included, it says "end" in the
    share `hit` of true ends and in the share `false_alarm` of pauses that last that long; where it does not,
    the turn ends after `timeout_ms`."""

    look_ms: float
    timeout_ms: float
    hit: float
    false_alarm: float

    def __post_init__(self) -> None:
        positive("look_ms", self.look_ms)
        if not (math.isfinite(self.timeout_ms) and self.timeout_ms >= self.look_ms):
            raise ValueError(f"timeout_ms is {self.timeout_ms}: it must be at least look_ms, {self.look_ms}")
        share("hit", self.hit)
        share("false_alarm", self.false_alarm)

    @classmethod
    def for_cuts(
        cls, caller: Caller, cuts_per_turn: float, *, look_ms: float, timeout_ms: float, separation: float
    ) -> TurnDetector:
        """The detector of this `separation`, its threshold set so that false cuts are `cuts_per_turn` on
        average. Raises `ValueError` where the timeout alone cuts as often, or a look at everything less."""
        allowed = _cuts_a_pause(caller, cuts_per_turn)
        least, most = caller.longer(timeout_ms), caller.longer(look_ms)
        if not least < allowed <= most:
            raise ValueError(
                f"cuts_per_turn is {cuts_per_turn}: with this look and timeout it must be over "
                f"{least * caller.pauses_per_turn:.3g} and at most {most * caller.pauses_per_turn:.3g}"
            )
        alarm = (allowed - least) / (most - least)
        return cls(look_ms, timeout_ms, hit_share(alarm, separation), alarm)

    @property
    def delay_ms(self) -> float:
        """Mean time from the end of speech to the decision: soon for a hit, the last resort for a miss."""
        return self.hit * self.look_ms + (1 - self.hit) * self.timeout_ms

    def cuts_per_pause(self, caller: Caller) -> float:
        """Share of pauses, 0 to 1, that are taken for the end: at the look, or by the timeout."""
        at_look, at_timeout = caller.longer(self.look_ms), caller.longer(self.timeout_ms)
        return self.false_alarm * at_look + (1 - self.false_alarm) * at_timeout

    def decisions_ms(self, rng: np.random.Generator, silences: int, *, ended: bool) -> Floats:
        """After how much silence the rule calls the end in each of `silences`; `ended` is what is true."""
        believed = rng.random(silences) < (self.hit if ended else self.false_alarm)
        return np.where(believed, self.look_ms, self.timeout_ms)


Rule = SilenceTimeout | TurnDetector


def hit_share(false_alarm: float, separation: float) -> float:
    """Share of true ends that a detector finds when its threshold lets `false_alarm` of the pauses through.

    Scores are taken as normal with equal spread, and `separation` is the distance of their means in standard
    deviations (0 is a coin): hit = Phi(Phi^-1(false alarm) + separation), one point of its ROC curve.
    """
    share("false_alarm", false_alarm)
    return float(ndtr(ndtri(false_alarm) + not_negative("separation", separation)))


def separation_of(auc: float) -> float:
    """The `separation` of a detector whose ROC curve covers the area `auc`, 0.5 to under 1: the chance that a
    true end scores higher than a pause. AUC = Phi(separation / sqrt 2). Raises `ValueError` for an
    area outside that range."""
    if inside("auc", auc) < 0.5:
        raise ValueError(f"auc is {auc}: it must be at least 0.5 and under 1")
    return float(math.sqrt(2) * ndtri(auc))


def _cuts_a_pause(caller: Caller, cuts_per_turn: float) -> float:
    if not 0 < cuts_per_turn < caller.pauses_per_turn:
        raise ValueError(
            f"cuts_per_turn is {cuts_per_turn}: it must be over 0 and under {caller.pauses_per_turn}, the "
            "pauses in a turn"
        )
    return cuts_per_turn / caller.pauses_per_turn


# ---------------------------------------------------------------- outcome


@dataclass(frozen=True)
class Endpoints:
    """What a rule did to each turn, arrays of the shape (turns,): its `delay_ms` at the end, and how many
    pauses it cut (`cuts`)."""

    delay_ms: Floats
    cuts: Ints

    @property
    def cut_share(self) -> float:
        """Share of turns, 0 to 1, with at least one false cut."""
        return float((self.cuts > 0).mean())


def endpoint(rng: np.random.Generator, turns: Turns, rule: Rule) -> Endpoints:
    """Let `rule` judge every silence of `turns`. A caller who is cut goes on, so that one turn can be cut at
    several pauses."""
    cut = rule.decisions_ms(rng, turns.pause_ms.size, ended=False) < turns.pause_ms
    cuts = np.bincount(turns.turn[cut], minlength=turns.turns).astype(np.int64)
    return Endpoints(rule.decisions_ms(rng, turns.turns, ended=True), cuts)


def cut_share(caller: Caller, rule: Rule) -> float:
    """Share of turns, 0 to 1, that `rule` cuts at least once: 1 - exp(-pauses x cuts per pause), since cut
    pauses are a thinned Poisson number."""
    return -math.expm1(-caller.pauses_per_turn * rule.cuts_per_pause(caller))


def ends_frame_by_frame(speech: Sequence[bool], frame_ms: float, timeout_ms: float) -> list[float]:
    """`SilenceTimeout` as a server runs it, on the decisions of a voice activity detector: at which times in
    ms, from the first frame's start, a turn is declared over. Silence before any speech ends nothing."""
    positive("frame_ms", frame_ms)
    positive("timeout_ms", timeout_ms)
    ends, silent_ms, talking = [], 0.0, False
    for frame, spoken in enumerate(speech, start=1):
        if spoken:
            silent_ms, talking = 0.0, True
        else:
            silent_ms += frame_ms
        if talking and silent_ms >= timeout_ms - 1e-9:
            ends.append(frame * frame_ms)
            talking = False
    return ends
