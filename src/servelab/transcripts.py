"""A recognizer that changes its mind, small enough for closed forms: how much is taken back, and how long it
takes until a word can be trusted.

Each update brings one more word. A word may be right when it first appears or be mended later: at its first
appearance and at each update after it, it *settles* with the same chance, and as long as it has not, every
update writes it differently. After the last word comes the final text, which is right. Real recognizers
repeat a wrong word, too, so that two hypotheses can agree on an error; these never do.

`servelab.partials` turns the hypotheses into what is shown.

>>> recognizer = RevisingRecognizer(settle=0.6)
>>> [round(recognizer.erased_words(40, held_back=words) / 40, 2) for words in (0, 1, 2, 4)]
[0.94, 0.4, 0.16, 0.02]
>>> [round(recognizer.settling_updates(40, agreement=updates), 2) for updates in (1, 2)]
[0.94, 1.91]

A word has the age 0 at the update at which it first appears.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from servelab.arguments import Floats, count
from servelab.partials import Words


@dataclass(frozen=True)
class RevisingRecognizer:
    """`settle` is the chance, over 0 and at most 1, that a word that is not right yet is right at the next
    look."""

    settle: float

    def __post_init__(self) -> None:
        if not 0 < self.settle <= 1:
            raise ValueError(f"settle is {self.settle}: it must be over 0 and at most 1")

    def hypotheses(self, rng: np.random.Generator, words: int) -> list[Words]:
        """One utterance of so many `words`: a hypothesis for each update, and the final text at the end. A
        right word is "w" and its number, a wrong one has the update behind it."""
        ages = rng.geometric(self.settle, count("words", words)) - 1
        shown: list[Words] = [
            [f"w{word}" if now - word >= ages[word] else f"w{word}?{now}" for word in range(now + 1)]
            for now in range(words)
        ]
        return [*shown, [f"w{word}" for word in range(words)]]

    @property
    def revisions_a_word(self) -> float:
        """How often a word is changed, on average, when all is shown and the utterance is long: the mean of
        a geometric age, (1 - s) / s."""
        return (1 - self.settle) / self.settle

    def erased_words(self, words: int, held_back: int = 0) -> float:
        """Mean of `partials.erased` over an utterance of `words` whose last `held_back` are not shown.

        What is behind the oldest word that has not settled falls at every update. With L its age, the mean
        of L + 1 - held back is a sum of P(L >= d), and P(L < d) is the product over the ages a >= d of
        1 - (1 - s)^(a+1), the share that has settled by then.
        """
        settled = self._settled(count("words", words))
        least = count("held_back", held_back, 0)
        return float(
            sum((1 - np.cumprod(settled[now::-1])[: max(now + 1 - least, 0)]).sum() for now in range(words))
        )

    def settling_updates(self, words: int, agreement: int = 1) -> float:
        """Mean number of updates from a word's first appearance until it is shown and stands for good, with
        every word before it, when shown is what the last `agreement` updates agree on. Each update of
        agreement beyond the first costs one more, and the final text ends all waiting.

        A word waits longer than d for itself or for an older one: P(wait <= d) is the product over i >= 0 of
        1 - (1 - s)^(d+i+1).
        """
        settled = self._settled(2 * count("words", words))
        later = count("agreement", agreement) - 1
        total = 0.0
        for word in range(words):
            rest = words - word
            total += min(later, rest)
            for waited in range(max(rest - later, 0)):
                total += 1 - float(np.prod(settled[waited : waited + word + 1]))
        return total / words

    def _settled(self, ages: int) -> Floats:
        return np.asarray(1 - (1 - self.settle) ** np.arange(1, ages + 1), dtype=np.float64)
