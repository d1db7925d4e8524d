"""Speak a line with eSpeak NG into a WAV file: `python figures/strips/speak.py OUT.wav "Some words"`.

eSpeak NG is under the GPL. It is used as a program of its own: nothing here is imported by anything else.
"""

from __future__ import annotations

import ctypes
import sys
import wave
from pathlib import Path

SYNCHRONOUS, UTF8 = 2, 1
RATE_PARAMETER, WORDS_A_MINUTE = 1, 140
VOICE = b"en-us"


def speak(text: str, path: Path) -> None:
    """Write `text`, spoken, to `path` as 16-bit mono."""
    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    pieces: list[bytes] = []

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
    def collect(samples: object, count: int, _events: object) -> int:
        if samples and count:
            pieces.append(ctypes.string_at(samples, 2 * count))  # type: ignore[arg-type]
        return 0

    rate = library.espeak_Initialize(SYNCHRONOUS, 20, espeakng_loader.get_data_path().encode(), 0)
    if rate <= 0:
        raise SystemExit("eSpeak NG did not start: pip install -r requirements-labs.txt")
    library.espeak_SetSynthCallback(collect)
    library.espeak_SetVoiceByName(VOICE)
    library.espeak_SetParameter(RATE_PARAMETER, WORDS_A_MINUTE, 0)
    line = text.encode()
    library.espeak_Synth(line, len(line) + 1, 0, 0, 0, UTF8, None, None)
    library.espeak_Synchronize()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(b"".join(pieces))


if __name__ == "__main__":
    speak(sys.argv[2], Path(sys.argv[1]))
