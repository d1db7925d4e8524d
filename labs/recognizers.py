"""Offline speech recognizers with packaged models, each as a function from 16 kHz samples to text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from labs.record import file_sha256
from labs.session import MissingPartError
from labs.speech import RATE_HZ
from servelab.audio import Pcm16

Recognize = Callable[[Pcm16], str]
MOONSHINE_MODEL = "tiny-en"
FULL_SCALE = 32_768


def moonshine() -> Recognize:
    """Moonshine tiny (English), the whole utterance at once. Raises `MissingPartError` without its
    wheel."""
    try:
        from moonshine_voice import ModelArch, Transcriber, get_assets_path
    except ImportError as error:
        raise MissingPartError("install moonshine-voice: pip install -r requirements-labs.txt") from error
    transcriber = Transcriber(str(Path(get_assets_path()) / MOONSHINE_MODEL), ModelArch.TINY)

    def recognize(samples: Pcm16) -> str:
        floats = (samples / FULL_SCALE).astype(np.float32).tolist()
        lines = transcriber.transcribe_without_streaming(floats, RATE_HZ).lines
        return " ".join(line.text for line in lines)

    return recognize


def moonshine_sha256() -> dict[str, str]:
    """Digests of the model's files."""
    from moonshine_voice import get_assets_path

    folder = Path(get_assets_path()) / MOONSHINE_MODEL
    return {f"moonshine/{path.name}": file_sha256(path) for path in _files(folder)}


def pocketsphinx() -> Recognize:
    """PocketSphinx with its packaged US English model. Raises `MissingPartError` without its wheel."""
    try:
        from pocketsphinx import Decoder
    except ImportError as error:
        raise MissingPartError("install pocketsphinx: pip install -r requirements-labs.txt") from error
    decoder = Decoder(samprate=RATE_HZ, loglevel="FATAL")

    def recognize(samples: Pcm16) -> str:
        decoder.start_utt()
        decoder.process_raw(samples.tobytes(), full_utt=True)
        decoder.end_utt()
        found = decoder.hyp()
        return found.hypstr if found else ""

    return recognize


def pocketsphinx_sha256() -> dict[str, str]:
    """Digests of the model's files."""
    from pocketsphinx import get_model_path

    folder = Path(get_model_path()) / "en-us"
    return {f"pocketsphinx/{path.relative_to(folder)}": file_sha256(path) for path in _files(folder)}


OFFLINE: dict[str, Callable[[], Recognize]] = {"moonshine": moonshine, "pocketsphinx": pocketsphinx}
"""Loaders of the recognizers, by name."""
_DIGESTS = {"moonshine": moonshine_sha256, "pocketsphinx": pocketsphinx_sha256}


def sha256_of(names: Iterable[str]) -> dict[str, str]:
    """Digests of the files of the models `names`."""
    return {path: digest for name in names for path, digest in _DIGESTS[name]().items()}


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())
