"""Word error rate: how many words a recognizer got wrong, counted the same way for every recognizer.

WER is (substitutions + deletions + insertions) / reference words, after the cheapest alignment of the two
word sequences [@wer-metric]. A count depends on the normalizer ("10" or "ten"?), so there is one here and it
is used for all.

>>> count("He was not an ill-disposed young man.", "he was not an illness those young man")
WordErrors(substitutions=2, deletions=0, insertions=0, reference=8)
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

ONES = (
    *(
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
    ),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
SPELLINGS = {"mr": "mister", "mrs": "missus", "dr": "doctor", "ok": "okay", "%": "percent", "&": "and"}


def spoken(number: int) -> str:
    """`number` (0 to 999,999) as English words. Raises `ValueError` outside that range.

    >>> spoken(407), spoken(21_016)
    ('four hundred seven', 'twenty one thousand sixteen')
    """
    if not 0 <= number <= 999_999:
        raise ValueError(f"number is {number}: it must lie between 0 and 999,999")
    if number < 20:
        return ONES[number]
    if number < 100:
        return f"{TENS[number // 10]} {ONES[number % 10] if number % 10 else ''}".strip()
    size, name = (1000, "thousand") if number >= 1000 else (100, "hundred")
    rest = number % size
    return f"{spoken(number // size)} {name} {spoken(rest) if rest else ''}".strip()


def normalize(text: str) -> list[str]:
    """The words of `text`: lower case, no punctuation, numbers and common signs as they are spoken.

    Hyphens split words, apostrophes inside a word stay. Digits of up to six places are read as one number,
    and one by one where a zero leads or the number is longer.

    >>> normalize("Mr. O'Neil paid 25% -- at 10, ext. 007!")
    ['mister', "o'neil", 'paid', 'twenty', 'five', 'percent', 'at', 'ten', 'ext', 'zero', 'zero', 'seven']
    """
    text = text.lower().replace("\u2019", "'")
    text = re.sub(r"(?<=\d),(?=\d{3})", "", text)
    text = re.sub(r"\d+", _digits, text)
    words = re.findall(r"[a-z]+(?:'[a-z]+)*|[%&]", text)
    return [SPELLINGS.get(word, word) for word in words]


def _digits(match: re.Match[str]) -> str:
    digits = match[0]
    if len(digits) > 6 or (len(digits) > 1 and digits[0] == "0"):
        return " " + " ".join(ONES[int(digit)] for digit in digits) + " "
    return f" {spoken(int(digits))} "


@dataclass(frozen=True)
class WordErrors:
    """Counts of one comparison; they add up over utterances."""

    substitutions: int
    deletions: int
    insertions: int
    reference: int

    @property
    def errors(self) -> int:
        """All three kinds together."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """Word error rate, 0 upwards: insertions can push it over 1. Raises `ValueError` without reference
        words."""
        if self.reference == 0:
            raise ValueError("the reference has no words: a word error rate needs at least one")
        return self.errors / self.reference

    def __add__(self, other: WordErrors) -> WordErrors:
        return WordErrors(
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
            self.reference + other.reference,
        )


def count(reference: str, hypothesis: str) -> WordErrors:
    """Compare what was said with what was recognized, both normalized here."""
    return count_words(normalize(reference), normalize(hypothesis))


def count_words(reference: Sequence[str], hypothesis: Sequence[str]) -> WordErrors:
    """Errors of the cheapest alignment of two word sequences; among equals the one with most
    substitutions."""
    row = [(j, 0, 0, j) for j in range(len(hypothesis) + 1)]  # errors, substitutions, deletions, insertions
    for i, said in enumerate(reference, start=1):
        above, row = row, [(i, 0, i, 0)]
        for j, heard in enumerate(hypothesis, start=1):
            cost, subs, dels, ins = above[j - 1]
            match = (cost, subs, dels, ins) if said == heard else (cost + 1, subs + 1, dels, ins)
            cost, subs, dels, ins = above[j]
            drop = (cost + 1, subs, dels + 1, ins)
            cost, subs, dels, ins = row[j - 1]
            extra = (cost + 1, subs, dels, ins + 1)
            row.append(min(match, drop, extra, key=lambda option: option[0]))
    _, substitutions, deletions, insertions = row[-1]
    return WordErrors(substitutions, deletions, insertions, len(reference))


def total(counts: Sequence[WordErrors]) -> WordErrors:
    """The counts of all utterances together. Raises `ValueError` when there are none."""
    if not counts:
        raise ValueError("counts are empty: there must be at least one utterance")
    return sum(counts[1:], start=counts[0])


def bootstrap(
    rng: np.random.Generator, counts: Sequence[WordErrors], samples: int = 2_000
) -> npt.NDArray[np.float64]:
    """Word error rates of `samples` resampled test sets, shape (samples,): utterances drawn with
    replacement.

    Its percentiles give an interval for the rate. Utterances are the unit: words of one utterance are not
    independent. Pass generators in the same state to compare two systems on the same draws. Raises
    `ValueError` when `counts` are empty or hold no reference words.
    """
    if total(counts).reference == 0:
        raise ValueError("the references have no words: a word error rate needs at least one")
    errors = np.array([count.errors for count in counts])
    words = np.array([count.reference for count in counts])
    weights = rng.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=samples)
    rates: npt.NDArray[np.float64] = (weights @ errors) / np.maximum(weights @ words, 1)
    return rates
