"""What a turn detector's recorded scores are worth: any threshold, without a model of their shape.

`Scores` holds what the detector said at true ends and at other silences. A threshold turns them into a
`TurnDetector`, `within` takes the threshold that answers soonest for a limit of false cuts, and `best`
chooses the last resort with it.

>>> from servelab.distributions import Exponential
>>> caller = Caller(pauses_per_turn=2, pause_ms=Exponential(400))
>>> scores = Scores(ends=np.array([0.4, 0.7, 0.8, 0.9]), others=np.array([0.1, 0.2, 0.3, 0.6]))
>>> scores.rates(0.5)
(0.75, 0.25)
>>> scores.area
0.9375
>>> round(scores.best(caller, 0.1, look_ms=200).delay_ms)
450

A threshold above every score asks nobody: then the last resort alone decides, and is a silence timeout. So
`best` is never worse than silence on the moments that it was chosen on, and has to be judged on others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from servelab.arguments import Floats, positive, vector
from servelab.endpointing import Caller, SilenceTimeout, TurnDetector


@dataclass(frozen=True)
class Scores:
    """What a detector said at true `ends` and at `others`, silences after which the speaker goes on: any
    numbers, higher for an end. Not empty."""

    ends: Floats
    others: Floats

    def __post_init__(self) -> None:
        for name in ("ends", "others"):
            vector(name, getattr(self, name), least=None)

    def rates(self, threshold: float) -> tuple[float, float]:
        """Shares, 0 to 1, of the ends and of the others that score above `threshold`."""
        return float((self.ends > threshold).mean()), float((self.others > threshold).mean())

    @property
    def area(self) -> float:
        """The chance that an end scores above another silence, ties counted half."""
        ahead = self.ends[:, None] - self.others
        return float((ahead > 0).mean() + 0.5 * (ahead == 0).mean())

    @property
    def thresholds(self) -> Floats:
        """Every threshold that gives other rates than the next, rising. Above the last nothing scores."""
        every = np.unique(np.concatenate([self.ends, self.others]))
        return np.concatenate([[every[0] - 1], every])

    def curve(self) -> tuple[Floats, Floats]:
        """`rates` at each of the `thresholds`: ends, others."""
        hits, alarms = (
            1 - np.searchsorted(np.sort(scored), self.thresholds, side="right") / scored.size
            for scored in (self.ends, self.others)
        )
        return hits, alarms

    def resampled(self, rng: np.random.Generator) -> tuple[Scores, Scores]:
        """A bootstrap sample of the ends and of the others, and the scores that it left out."""
        parts = []
        for scored in (self.ends, self.others):
            chosen = rng.integers(scored.size, size=scored.size)
            parts.append((scored[chosen], np.delete(scored, chosen)))
        (ends, ends_out), (others, others_out) = parts
        return Scores(ends, others), Scores(ends_out, others_out)

    def detector(self, threshold: float, *, look_ms: float, timeout_ms: float) -> TurnDetector:
        """The detector that this threshold makes of the scores."""
        return TurnDetector(look_ms, timeout_ms, *self.rates(threshold))

    def within(
        self, caller: Caller, cuts_per_turn: float, *, look_ms: float, timeout_ms: float
    ) -> TurnDetector:
        """The detector with this last resort that answers soonest and cuts `cuts_per_turn` at most.

        Raises `ValueError` where the last resort alone cuts more often.
        """
        least, most = caller.longer(timeout_ms), caller.longer(look_ms)
        hits, alarms = self.curve()
        cuts = caller.pauses_per_turn * (alarms * most + (1 - alarms) * least)
        allowed = np.flatnonzero(cuts <= cuts_per_turn + 1e-12)
        if allowed.size == 0:
            raise ValueError(
                f"timeout_ms is {timeout_ms}: by itself it cuts {caller.pauses_per_turn * least:.3g} times a "
                f"turn, which must be at most {cuts_per_turn}"
            )
        soonest = allowed[np.argmax(hits[allowed])]
        return TurnDetector(look_ms, timeout_ms, float(hits[soonest]), float(alarms[soonest]))

    def best(
        self, caller: Caller, cuts_per_turn: float, *, look_ms: float, longest_ms: float = 3_000.0
    ) -> TurnDetector:
        """The detector that answers soonest with `cuts_per_turn` false cuts, its last resort chosen with its
        threshold, from `look_ms` to `longest_ms`. At worst it is the silence timeout."""
        threshold, timeout_ms = self.choose(caller, cuts_per_turn, look_ms=look_ms, longest_ms=longest_ms)
        return self.detector(threshold, look_ms=look_ms, timeout_ms=timeout_ms)

    def choose(
        self, caller: Caller, cuts_per_turn: float, *, look_ms: float, longest_ms: float = 3_000.0
    ) -> tuple[float, float]:
        """The threshold and the last resort in ms of `best`. Raises `ValueError` where silence alone, with as
        many cuts, needs a shorter timeout than `look_ms` or a longer one than `longest_ms`."""
        positive("look_ms", look_ms)
        silence = SilenceTimeout.for_cuts(caller, cuts_per_turn).timeout_ms
        if not look_ms <= silence <= longest_ms:
            raise ValueError(
                f"cuts_per_turn is {cuts_per_turn}: silence with as many cuts waits {silence:.0f} ms, "
                f"which must lie between look_ms, {look_ms:g}, and longest_ms, {longest_ms:g}"
            )
        hits, alarms = self.curve()
        asked = alarms < 1
        left = np.zeros(alarms.shape)
        at_look = alarms[asked] * caller.longer(look_ms)
        left[asked] = (cuts_per_turn / caller.pauses_per_turn - at_look) / (1 - alarms[asked])
        possible = (left > 0) & (left < 1)
        timeouts = np.full(alarms.shape, longest_ms)
        timeouts[possible] = caller.pause_ms.quantile(1 - left[possible])
        possible &= (timeouts >= look_ms) & (timeouts <= longest_ms)
        delays = np.where(possible, hits * look_ms + (1 - hits) * timeouts, np.inf)
        soonest = int(np.argmin(delays))
        return float(self.thresholds[soonest]), float(timeouts[soonest])
