"""Real recorded speech with transcripts, from three Debian packages: two with sound, one with texts.

- LibriVox: five sentences of Jane Austen's *Sense and Sensibility*, public domain, Debian's
  `pocketsphinx-testdata`. They were MP3 at 64 kbit/s before they were WAV: little is left above 7 kHz.
- Telephone prompts: `asterisk-core-sounds-en-g722`, spoken by Allison Smith, CC-BY-SA 3.0; 16 kHz, in G.722.

The same prompts in other languages, by other voices and without transcripts of their own, come from the
sister packages: French by June Wallack (CC-BY-SA 3.0), Italian by Carlo Flora and Russian by Maxim Topal's
ivrvoice.ru (both CC-BY 3.0).
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from labs.lab import require_debian
from labs.record import file_sha256
from servelab import audio
from servelab.wer import normalize

RATE_HZ = 16_000
PACKAGES = ("pocketsphinx-testdata", "asterisk-core-sounds-en-g722", "asterisk-core-sounds-en")
LIBRIVOX = Path("/usr/share/pocketsphinx/test/data/librivox")
SOUNDS = Path("/usr/share/asterisk/sounds")
PROMPTS = SOUNDS / "en_US_f_Allison"
VOICES = {
    "en": ("asterisk-core-sounds-en-g722", PROMPTS),
    "fr": ("asterisk-core-sounds-fr-g722", SOUNDS / "fr_CA_f_June"),
    "it": ("asterisk-core-sounds-it-g722", SOUNDS / "it_IT_m_Carlo"),
    "ru": ("asterisk-core-sounds-ru-g722", SOUNDS / "ru_RU_f_IvrvoiceRU"),
}
"""The voices of the prompts: Debian's package and the folder of the recordings, by language."""
PROMPT_TEXTS = Path("/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz")
SHORTEST_PROMPT_WORDS = 4
LONGEST_PROMPT_S = 10.0
NOT_SPEECH_ALONE = re.compile(r"[\[(#*]")
"""Marks of tones and of keys, which the transcripts write as signs."""


@dataclass(frozen=True)
class Utterance:
    """One recording of 16 kHz, int16 of the shape (samples,), and what was said."""

    name: str
    samples: audio.Pcm16
    transcript: str
    sha256: str

    @property
    def seconds(self) -> float:
        return self.samples.size / RATE_HZ


def librivox() -> list[Utterance]:
    """The five LibriVox sentences, in the order of their names."""
    require_debian(PACKAGES[0], LIBRIVOX / "transcription")
    lines = (LIBRIVOX / "transcription").read_text(encoding="utf-8").splitlines()
    found = [re.fullmatch(r"<s> (.*?) </s> \((\S+)\)\s*", line) for line in lines]
    return [_wav(LIBRIVOX / f"{match[2]}.wav", match[1]) for match in found if match]


def _wav(path: Path, transcript: str) -> Utterance:
    signal, rate = audio.load(path)
    if rate != RATE_HZ:
        raise ValueError(f"{path.name} has {rate} Hz: it must have {RATE_HZ}")
    return Utterance(path.name, audio.to_pcm16(signal), transcript, file_sha256(path))


def prompts() -> list[Utterance]:
    """The telephone prompts that are speech alone, in the order of the transcripts.

    At least four words, so that one word is not a quarter of an utterance; at most 10 s, because
    recognizers cut longer ones into pieces and may repeat themselves where they join, which has nothing to
    do with a codec.
    """
    require_debian(PACKAGES[1], PROMPTS / "vm-opts.g722")
    require_debian(PACKAGES[2], PROMPT_TEXTS)
    found = [
        Utterance(path.name, _g722(path), text, file_sha256(path))
        for path, text in _prompt_texts()
        if path.is_file()
    ]
    return [utterance for utterance in found if utterance.seconds <= LONGEST_PROMPT_S]


def sentences(language: str) -> list[Utterance]:
    """The prompts that are whole sentences, of any length, in the voice of `language` (a key of `VOICES`).

    A prompt counts as a sentence when its English text has at least four words and ends in a full stop, a
    question mark or an exclamation mark: many others are pieces that a telephone exchange joins. The
    transcripts are the English texts in every language.
    """
    package, folder = VOICES[language]
    require_debian(PACKAGES[1], PROMPTS / "vm-opts.g722")
    require_debian(package, folder / "vm-opts.g722")
    return [
        Utterance(f"{language}/{path.name}", _g722(path), text, file_sha256(path))
        for path, text in ((folder / english.name, text) for english, text in _prompt_texts())
        if text.rstrip().endswith((".", "?", "!")) and path.is_file() and path.stat().st_size > 0
    ]


def _prompt_texts() -> Iterator[tuple[Path, str]]:
    with gzip.open(PROMPT_TEXTS, "rt", encoding="utf-8") as lines:
        for line in lines:
            match = re.fullmatch(r"([\w/-]+): (.+)\n?", line)
            if (
                match
                and not re.search(r"[\[(]", match[2])
                and len(normalize(match[2])) >= SHORTEST_PROMPT_WORDS
            ):
                yield PROMPTS / f"{match[1]}.g722", match[2]


def _g722(path: Path) -> audio.Pcm16:
    with av.open(str(path), format="g722") as container:
        pieces = [frame.to_ndarray() for frame in container.decode(audio=0)]
    return np.concatenate([piece.ravel() for piece in pieces]).astype(np.int16)
