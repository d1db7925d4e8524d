"""How long one step of a model takes on an accelerator: whichever is slower, its arithmetic or its memory.

The roofline model bounds a computation by two rates of the machine, operations a second and bytes a second
[@lbl-roofline].
A step of a transformer reads every weight once, whatever the batch; so decoding, with a few new tokens a
step, waits for memory, and prefill, with hundreds, waits for arithmetic. The times here are lower bounds
that a good kernel comes near to; `overhead_s` is what is paid a step on top.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from servelab.arguments import count, not_negative, positive, share


@dataclass(frozen=True)
class Accelerator:
    """Peak arithmetic in operations a second, memory bandwidth in bytes a second, memory in bytes."""

    flop_s: float
    bytes_s: float
    memory_bytes: float

    def __post_init__(self) -> None:
        positive("flop_s", self.flop_s)
        positive("bytes_s", self.bytes_s)
        positive("memory_bytes", self.memory_bytes)

    @property
    def ridge(self) -> float:
        """Operations a byte at which memory and arithmetic take equally long."""
        return self.flop_s / self.bytes_s

    def attainable_flop_s(self, intensity: float) -> float:
        """The roof over a computation that does `intensity` operations on each byte it moves."""
        return min(self.flop_s, positive("intensity", intensity) * self.bytes_s)


@dataclass(frozen=True)
class Transformer:
    """A dense decoder: what a step must read and compute follows from its shape.

    `weight_bytes` and `kv_bytes` are bytes a number: 2 for 16-bit, 1 for 8-bit, 0.5 for 4-bit.
    """

    parameters: float
    layers: int
    heads: int
    kv_heads: int
    head_size: int
    weight_bytes: float = 2
    kv_bytes: float = 2

    def __post_init__(self) -> None:
        for name in ("parameters", "weight_bytes", "kv_bytes"):
            positive(name, getattr(self, name))
        for name in ("layers", "heads", "kv_heads", "head_size"):
            count(name, getattr(self, name))
        if self.kv_heads > self.heads:
            raise ValueError(f"kv_heads is {self.kv_heads}: it must be at most heads, {self.heads}")

    @property
    def weights_bytes(self) -> float:
        """Bytes of all weights: what every step reads."""
        return self.parameters * self.weight_bytes

    @property
    def cache_token_bytes(self) -> float:
        """Bytes of keys and values that one token leaves in the cache, in all layers."""
        return 2 * self.layers * self.kv_heads * self.head_size * self.kv_bytes

    @property
    def token_flop(self) -> float:
        """Operations for one token without attention: a multiplication and an addition a weight."""
        return 2 * self.parameters

    @property
    def attention_flop(self) -> float:
        """Operations for one token's attention to one token of context: queries with keys, weights with
        values."""
        return 4.0 * self.layers * self.heads * self.head_size


@dataclass(frozen=True)
class StepTime:
    """Step times of one model on one accelerator."""

    accelerator: Accelerator
    model: Transformer
    overhead_s: float = 0.0

    def __post_init__(self) -> None:
        not_negative("overhead_s", self.overhead_s)
        if self.model.weights_bytes >= self.accelerator.memory_bytes:
            raise ValueError(
                f"model has {self.model.weights_bytes:.3g} bytes of weights: it must have less than"
                f" memory_bytes, {self.accelerator.memory_bytes:.3g}"
            )

    def cache_tokens(self, memory_share: float = 0.9) -> int:
        """How many tokens of cache fit beside the weights in this share of the memory; 0 when none does."""
        left = share("memory_share", memory_share) * self.accelerator.memory_bytes - self.model.weights_bytes
        return max(0, int(left / self.model.cache_token_bytes))

    @cached_property
    def _rates(self) -> tuple[float, float, float, float]:
        """Seconds: to read the weights, to read a token of cache, to compute a token, to attend to one."""
        machine, model = self.accelerator, self.model
        return (
            model.weights_bytes / machine.bytes_s,
            model.cache_token_bytes / machine.bytes_s,
            model.token_flop / machine.flop_s,
            model.attention_flop / machine.flop_s,
        )

    def step_s(self, prompts: tuple[int, ...], sequences: int, context_tokens: int) -> float:
        """One step that reads whole `prompts` (tokens each) and gives one more token to each of `sequences`,
        whose caches hold `context_tokens` together."""
        weights, cache, token, attend = self._rates
        new = sum(prompts)
        pairs = context_tokens + sum(prompt * (prompt + 1) / 2 for prompt in prompts)
        read = weights + cache * (context_tokens + new)  # a prompt's cache is written once
        return max(read, token * (sequences + new) + attend * pairs) + self.overhead_s

    def prefill_s(self, prompt_tokens: int) -> float:
        """One prompt by itself."""
        return self.step_s((count("prompt_tokens", prompt_tokens),), 0, 0)

    def decode_s(self, sequences: int, context_tokens: int) -> float:
        """One step in which each of `sequences` gets a token; their caches hold `context_tokens` together."""
        return self.step_s((), count("sequences", sequences), count("context_tokens", context_tokens, 0))

    def decodes_s(self, sequences: int, context_tokens: int, steps: int) -> float:
        """`steps` such steps one after the other: each makes every cache a token longer.

        Step i takes the larger of two straight lines in i, so that the sum needs no loop: it is the sum over
        the arithmetic, and over what memory takes longer on one side of the step where the lines cross.
        """
        weights, cache, token, attend = self._rates
        compute, compute_more = token * sequences + attend * context_tokens, attend * sequences
        longer, longer_more = weights + cache * context_tokens - compute, cache * sequences - compute_more
        total = _line(compute, compute_more, steps) + steps * self.overhead_s
        if longer_more > 0:  # memory takes longer from some step on
            begin = min(max(0, math.ceil(-longer / longer_more)), steps)
            return total + _line(longer + longer_more * begin, longer_more, steps - begin)
        if longer_more < 0:  # memory takes longer up to some step
            return total + _line(longer, longer_more, min(max(0, math.ceil(-longer / longer_more)), steps))
        return total + max(0.0, longer) * steps


def _line(first: float, more: float, steps: int) -> float:
    """The sum of a straight line over `steps` steps."""
    return steps * first + more * steps * (steps - 1) / 2
