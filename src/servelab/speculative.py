"""Speculative decoding: a small model drafts, the large one checks all of the draft in one step.

With i.i.d. acceptance at rate `accept`, a round that drafts `draft_tokens` gives between one token (the
first one rejected, and replaced) and all of them with one more [@leviathan2023, sec. 3].

>>> round(tokens_a_round(0.8, 4), 4), round(speedup(0.8, 4, draft_cost=0.05), 2)
(3.3616, 2.8)
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from servelab.arguments import count, not_negative, share


def tokens_a_round(accept: float, draft_tokens: int) -> float:
    """Mean tokens a step of the large model: (1 - a^(g + 1)) / (1 - a) [@leviathan2023, eq. 1]."""
    share("accept", accept)
    count("draft_tokens", draft_tokens, 0)
    if accept == 1:
        return draft_tokens + 1.0
    return (1 - accept ** (draft_tokens + 1)) / (1 - accept)


def speedup(accept: float, draft_tokens: int, draft_cost: float) -> float:
    """Decoding rate over that of the large model alone [@leviathan2023, theorem 3.8].

    `draft_cost` is the time of a step of the small model over that of the large one. Checking a draft is
    taken to cost no more than one step, which holds while the step waits for memory.
    """
    return tokens_a_round(accept, draft_tokens) / (not_negative("draft_cost", draft_cost) * draft_tokens + 1)


def best_draft_tokens(accept: float, draft_cost: float, most: int = 64) -> int:
    """The length of draft, from 0 (do not speculate) to `most`, with the largest speedup."""
    count("most", most, 0)
    return max(range(most + 1), key=lambda length: speedup(accept, length, draft_cost))


def simulate_rounds(
    rng: np.random.Generator, accept: float, draft_tokens: int, rounds: int
) -> npt.NDArray[np.int64]:
    """Tokens that each of `rounds` gives, shape (rounds,): each drafted token is accepted or not, and the
    first that is not ends the round."""
    share("accept", accept)
    drafted = rng.random((count("rounds", rounds), count("draft_tokens", draft_tokens, 0))) < accept
    kept = np.logical_and.accumulate(drafted, axis=1).sum(axis=1)
    found: npt.NDArray[np.int64] = kept + 1
    return found


def simulate_sampling(
    rng: np.random.Generator, draft: npt.ArrayLike, target: npt.ArrayLike, samples: int
) -> tuple[npt.NDArray[np.int64], float]:
    """Tokens drawn by speculative sampling and the share of drafts accepted.

    `draft` and `target` are probabilities of each token, shape (tokens,). A token from the draft is kept with
    probability min(1, target / draft), else drawn again from what the target has over the draft. The result
    has the target's distribution, whatever the draft [@leviathan2023, sec. 2.3]. Raises `ValueError` unless
    both have as many tokens.
    """
    q, p = _probabilities("draft", draft), _probabilities("target", target)
    if q.size != p.size:
        raise ValueError(f"target has {p.size} tokens: it must have {q.size}, as the draft")
    drawn = rng.choice(q.size, count("samples", samples), p=q)
    kept = rng.random(samples) * q[drawn] < p[drawn]
    rest = np.maximum(p - q, 0)
    if not kept.all():
        drawn[~kept] = rng.choice(q.size, int((~kept).sum()), p=rest / rest.sum())
    return drawn.astype(np.int64), float(kept.mean())


def _probabilities(name: str, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != 1 or found.size == 0 or not (found >= 0).all() or abs(found.sum() - 1) > 1e-9:
        raise ValueError(f"{name} is no distribution: it must be one row of numbers from 0 up with the sum 1")
    return found
