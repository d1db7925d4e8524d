"""Numbers in prose: where they come from, their units, their ranges."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby

from bookkit.checks.prose.passage import CITED, DEFINITIONS, EXERCISES, TERM, Passage
from bookkit.manuscript import Finding

TIMES = ("ns", "µs", "μs", "ms", "s", "min", "h", "seconds?", "minutes?", "hours?", "days?", "milliseconds?")
SIZES = ("B", "kB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB", "bits?", "bytes?", "kbit", "Mbit", "Gbit")
RATES = ("kbit/s", "Mbit/s", "Gbit/s", "bit/s", "B/s", "kB/s", "MB/s", "GB/s", "Hz", "kHz", "MHz", "GHz")
OTHERS = (
    "dB",
    "dBFS",
    "W",
    "kW",
    "V",
    "m",
    "km",
    "USD",
    "EUR",
    "dollars?",
    "cents?",
    "euros?",
    "percent",
    "points?",
)
UNIT = "(?:" + "|".join(sorted((*TIMES, *SIZES, *RATES, *OTHERS), key=len, reverse=True)) + ")"
SYMBOL = r"(?:ns|µs|μs|ms|s|min|k?Hz|MHz|GHz|[kMGT]?B|[KMGT]iB|[kMG]?bit/s|[kMG]?bit|dB|dBFS|km|kW|W)"
AMOUNT = r"\d+(?:[.,\u2009\u202f]\d+)*"
NUMBER = re.compile(
    rf"(?<![\w.,/-])(?:[$€£]\s?{AMOUNT}|{AMOUNT}[\s\u00a0\u202f\u2009-]?(?:%|{UNIT}(?![\w/])))"
)
ASSUMED = re.compile(
    r"\b(?:[Aa]ssum|[Ss]uppos|[Hh]ypothetical)\w*"
    r"|(?:^|[,:;(]\s*|\b(?:[Ww]e|[Nn]ow|[Tt]hen|[Aa]nd|[Ff]irst|[Aa]gain|[Uu]s)\s)[Tt]ake\b"
    r"|(?:^|[,:;(]\s*|\b(?:[Nn]ow|[Ll]et us)\s)[Ss]ay\b|\b[Ss]ay,"
)
TIGHT = re.compile(rf"(?<![\w.,/-]){AMOUNT}-?({SYMBOL})(?![\w/])|(?<![\w.,/]){AMOUNT}(%)")
WRONG = re.compile(
    r"(?<=[\d\s\u00a0])(?:KB|Kb|Kbps|kbps|Mbps|mbps|Gbps|bps|kbit/sec|msecs?|msec|secs|usec|hz|khz|Khz|KHz|mhz|us)\b"
)
WRITE = {
    "kb": "kB or KiB", "kbps": "kbit/s", "mbps": "Mbit/s", "gbps": "Gbit/s", "bps": "bit/s", "hz": "Hz",
    "khz": "kHz", "mhz": "MHz", "kbit/sec": "kbit/s", "msec": "ms", "msecs": "ms", "secs": "s",
    "usec": "µs", "us": "µs",
}  # fmt: skip
AMOUNT_OF = re.compile(r"(?<=\d)[\s\u00a0-]?us\b")
LONG = re.compile(r"(?<![\w.,/:#§-])(\d{5,})(?![\w.-]|,\d)")
NAMED = re.compile(r"(?:RFC|ISO|IEC|IEEE|port|issue|PEP|seed)s?\s*$", re.I)
DECIMAL, BINARY = re.compile(r"\b[kMGT]B\b"), re.compile(r"\b[KMGT]iB\b")
DATE = re.compile(r"\d{4}[-–]\d\d?(?:[-–]\d\d?)?")
RANGE = re.compile(
    rf"(?<![\w.,/-]){AMOUNT}(?:\s?{SYMBOL})?\s?(?:–\s?{AMOUNT}(?![\w-])|-\s?{AMOUNT}(?=[\s\u00a0]?(?:%|{UNIT}(?![\w/]))))"
)
SPARED = frozenset({EXERCISES, DEFINITIONS})


def orphans(passages: Iterable[Passage]) -> Iterator[Finding]:
    """Numbers with a unit, percentages and prices that nothing on the page accounts for.

    A number is accounted for once: "take frames of 20 ms" also covers the 20 ms of the sentences after
    it, and the title of a clip covers the setting that it names. The rows of a table count as one sentence
    with its caption, which cites the source once.
    """
    met: set[str] = set()
    captioned = False  # whether the caption just read accounts for the table under it
    for _, members in groupby(passages, key=lambda passage: passage.group):
        group = list(members)
        table = any(passage.kind == "table" for passage in group)
        cited = table and (captioned or any(_accounted(passage.text) for passage in group))
        captioned = group[-1].kind == "caption" and _accounted(group[-1].text)
        for passage in group:
            spared = cited or passage.kind == "title" or bool(passage.inside & SPARED)
            if passage.kind in ("alt", "heading"):
                continue
            for offset, sentence in passage.sentences():
                origin = spared or _accounted(sentence) or TERM in sentence
                for found in NUMBER.finditer(sentence):
                    amount = re.sub(r"[\s\u00a0\u202f\u2009-]", "", found[0])
                    if origin:
                        met.add(amount)
                    elif amount not in met:
                        message = f"the number “{found[0]}” has no origin"
                        remedy = (
                            "Compute it, read it by key, cite its source in the sentence, "
                            "or say assume, take, suppose or say."
                        )
                        yield Finding(*passage.line_at(offset + found.start()), "number", message, remedy)


def _accounted(sentence: str) -> bool:
    return CITED in sentence or bool(ASSUMED.search(sentence.strip()))


def units(passages: Iterable[Passage]) -> Iterator[Finding]:
    """Units without a space, units by other names, kB and KiB in one chapter, long numbers without commas."""
    first: dict[str, tuple[str, int, str]] = {}
    for passage in passages:
        for found in TIGHT.finditer(passage.text):
            message, remedy = f"no space in “{found[0]}”", "Put a space between number and unit."
            yield Finding(*passage.line_at(found.start()), "unit", message, remedy)
        for found in WRONG.finditer(passage.text):
            if found[0] == "us" and not AMOUNT_OF.search(passage.text[: found.end()][-4:]):
                continue
            remedy = f"Write {WRITE[found[0].lower()]}."
            yield Finding(*passage.line_at(found.start()), "unit", f"the unit “{found[0]}”", remedy)
        for found in LONG.finditer(passage.text):
            if not NAMED.search(passage.text[: found.start()]):
                message = f"“{found[0]}” has no thousands separator"
                yield Finding(*passage.line_at(found.start()), "unit", message, f"Write {int(found[0]):,}.")
        for kind, pattern in (("decimal", DECIMAL), ("binary", BINARY)):
            for found in pattern.finditer(passage.text):
                first.setdefault(kind, (*passage.line_at(found.start()), found[0]))
    if len(first) == 2:
        path, line, unit = max(first.values(), key=lambda place: place[1])
        message = f"“{unit}” in a chapter that also uses {min(first.values(), key=lambda place: place[1])[2]}"
        yield Finding(path, line, "unit", message, "Use one kind throughout: multiples of 1000 or of 1024.")


def ranges(passages: Iterable[Passage]) -> Iterator[Finding]:
    """Ranges with a dash."""
    for passage in passages:
        for found in RANGE.finditer(passage.text):
            if not DATE.match(passage.text, found.start()):
                message = f"the range “{found[0]}” is written with a dash"
                yield Finding(*passage.line_at(found.start()), "range", message, "Write “10 to 20 ms”.")
