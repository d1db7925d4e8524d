"""Sound as numbers, and G.711 on every sample there is."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from servelab import ROOT, audio, g711
from servelab.audio import Signal

EVERY_SAMPLE = np.arange(-32768, 32768).astype(np.int16)
EVERY_CODE = np.arange(256).astype(np.uint8)


def tone(frequency_hz: float, rate_hz: int = 16_000, seconds: float = 1.0, amplitude: float = 0.5) -> Signal:
    time = np.arange(round(rate_hz * seconds)) / rate_hz
    return (amplitude * np.sin(2 * np.pi * frequency_hz * time)).astype(np.float32)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_a_file_comes_back_as_it_was_written(tmp_path: Path, suffix: str) -> None:
    pcm = np.random.default_rng(0).integers(-32768, 32768, 1600).astype(np.int16)
    soundfile.write(tmp_path / f"x.{suffix}", pcm, 16_000, subtype="PCM_16")
    signal, rate = audio.load(tmp_path / f"x.{suffix}")
    assert rate == 16_000
    np.testing.assert_array_equal(audio.to_pcm16(signal), pcm)


def test_channels_are_averaged(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", np.array([[0.5, -0.5], [0.5, 0.25]]), 8_000)
    signal, _ = audio.load(tmp_path / "x.wav")
    np.testing.assert_allclose(signal, [0, 0.375], atol=1e-4)


def test_what_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.wav"):
        audio.load(tmp_path / "none.wav")
    (tmp_path / "text.wav").write_text("not sound")
    with pytest.raises(ValueError, match=r"text\.wav is no sound file"):
        audio.load(tmp_path / "text.wav")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 16_000)
    with pytest.raises(ValueError, match=r"empty\.wav is empty"):
        audio.load(tmp_path / "empty.wav")
    soundfile.write(tmp_path / "odd.wav", np.zeros(10), 12_345)
    with pytest.raises(ValueError, match="rate_hz is 12345"):
        audio.load(tmp_path / "odd.wav")


@pytest.mark.parametrize(
    ("signal", "message"),
    [
        ([], "empty"),
        ([[0.0], [1.0]], "one channel"),
        ([0.0, math.nan], "NaN"),
        ([math.inf], "NaN or infinity"),
    ],
)
def test_a_signal_that_is_none_is_refused(signal: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        audio.dbfs(signal)


def test_full_scale_is_zero_and_half_is_six_less() -> None:
    assert audio.dbfs(tone(440, amplitude=1.0)) == pytest.approx(0, abs=0.01)
    assert audio.dbfs(tone(440, amplitude=0.5)) == pytest.approx(-6.02, abs=0.01)
    assert audio.dbfs(np.zeros(10)) == -math.inf


@given(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=400), st.sampled_from([5.0, 10.0, 20.0]))
def test_frames_hold_the_signal_and_then_silence(values: list[float], frame_ms: float) -> None:
    cut = audio.frames(values, 16_000, frame_ms)
    flat = cut.ravel()
    np.testing.assert_array_equal(flat[: len(values)], np.array(values, np.float32))
    assert not flat[len(values) :].any()
    assert flat.size - len(values) < cut.shape[1] == 16 * frame_ms


def test_a_frame_is_a_whole_number_of_samples() -> None:
    with pytest.raises(ValueError, match=r"frame_ms is 0\.01"):
        audio.frames([0.0], 16_000, 0.01)
    with pytest.raises(ValueError, match="frame_ms is 20"):
        audio.frame_samples(22_050, 20.0001)


def test_a_tone_survives_resampling_and_what_lies_above_does_not() -> None:
    low, high = tone(1_000), tone(5_000)
    kept = audio.resample(audio.resample(low, 16_000, 8_000), 8_000, 16_000)
    assert kept.size == low.size
    assert audio.snr_db(low[400:-400], kept[400:-400]) > 50
    removed = audio.resample(high, 16_000, 8_000)
    assert audio.dbfs(removed[400:-400]) < audio.dbfs(high) - 50


def test_decimation_without_a_filter_folds() -> None:
    folded = audio.decimated(tone(5_000), 2)
    assert int(np.argmax(np.abs(np.fft.rfft(folded)))) == 3_000
    assert audio.dbfs(folded) == pytest.approx(audio.dbfs(tone(5_000)), abs=0.01)


def test_levels_match_and_silence_cannot() -> None:
    quiet = tone(440, amplitude=0.01)
    assert audio.speech_level_dbfs(audio.match_level(quiet, 16_000, -20), 16_000) == pytest.approx(
        -20, abs=1e-3
    )
    with pytest.raises(ValueError, match="silent"):
        audio.match_level(np.zeros(1600), 16_000, -20)
    with pytest.raises(ValueError, match=r"target_dbfs is 0\.5"):
        audio.match_level(quiet, 16_000, 0.5)


def test_pauses_do_not_make_speech_quiet() -> None:
    spoken = tone(440)
    with_pause = np.concatenate([spoken, np.zeros(32_000, np.float32)])
    assert audio.speech_level_dbfs(with_pause, 16_000) == pytest.approx(audio.dbfs(spoken), abs=0.01)


def test_the_spectrogram_finds_the_tone() -> None:
    seen = audio.spectrogram(tone(2_000), 16_000)
    assert seen.db.shape == (seen.frequencies_hz.size, seen.times_s.size)
    assert seen.db.max() == pytest.approx(0)
    assert seen.db.min() >= -80
    assert (np.abs(seen.frequencies_hz[seen.db.argmax(axis=0)] - 2_000) < 20).all()
    with pytest.raises(ValueError, match="window"):
        audio.spectrogram(np.zeros(100), 16_000)
    assert audio.spectrogram(np.zeros(1_600), 16_000).db.max() == -80


def test_power_above_a_frequency() -> None:
    both = tone(1_000) + tone(6_000)
    assert audio.share_above(both, 16_000, 4_000) == pytest.approx(0.5, abs=1e-3)
    with pytest.raises(ValueError, match="frequency_hz"):
        audio.share_above(both, 16_000, 9_000)


@pytest.mark.parametrize("bits", [6, 8, 12])
def test_each_bit_is_six_decibels(bits: int) -> None:
    """A sine up to the last step: 10 log10(1.5 * 4^bits), less what its amplitude lacks, within 0.3 dB."""
    amplitude = 1 - 2.0 ** (1 - bits)
    sine = tone(997, amplitude=amplitude)
    expected = 10 * math.log10(1.5 * 4**bits) + 20 * math.log10(amplitude)
    assert audio.snr_db(sine, audio.quantized(sine, bits)) == pytest.approx(expected, abs=0.3)
    with pytest.raises(ValueError, match="bits is 1"):
        audio.quantized(sine, 1)


def test_signals_of_two_lengths_have_no_ratio() -> None:
    with pytest.raises(ValueError, match="other has 1 samples"):
        audio.snr_db([0.1, 0.2], [0.1])
    assert audio.snr_db([0.5], [0.5]) == math.inf


# ---------------------------------------------------------------- G.711

MULAW_SEGMENTS = [2 ** (segment + 5) - 33 for segment in range(1, 8)]
"""Where segments 1 to 7 begin on the 14-bit scale: 31, 95, 223, 479, 991, 2015, 4063."""


def test_mulaw_has_eight_segments_that_double_their_steps() -> None:
    """Steps of 2 in the first segment, of 256 in the last, on the 14-bit scale."""
    positive = g711.encode_mulaw(np.arange(0, 32768, 4).astype(np.int16))
    assert positive[0] == 0xFF
    changes = np.flatnonzero(np.diff(positive.astype(int))) + 1
    assert changes[0] == 1
    assert set(MULAW_SEGMENTS) <= set(changes.tolist())
    steps = np.diff(changes)
    assert steps[0] == 2
    assert steps[-1] == 256
    assert sorted(set(steps.tolist())) == [2, 4, 8, 16, 32, 64, 128, 256]


def test_alaw_has_thirteen_segments_with_steps_from_two_to_128() -> None:
    """On the 13-bit scale: 32 equal steps of 2 up to 64, then six doublings."""
    positive = g711.encode_alaw(np.arange(0, 32768, 8).astype(np.int16))
    changes = np.flatnonzero(np.diff(positive.astype(int))) + 1
    steps = np.diff(np.concatenate([[0], changes]))
    assert steps[:32].tolist() == [2] * 32
    assert sorted(set(steps.tolist())) == [2, 4, 8, 16, 32, 64, 128]
    assert positive[0] == 0xD5


@pytest.mark.parametrize(
    ("encode", "decode"), [(g711.encode_mulaw, g711.decode_mulaw), (g711.encode_alaw, g711.decode_alaw)]
)
def test_every_sample_goes_to_the_nearest_value_of_its_segment(encode: object, decode: object) -> None:
    assert callable(encode)
    assert callable(decode)
    decoded = decode(encode(EVERY_SAMPLE)).astype(int)
    assert (np.diff(decoded) >= 0).all(), "more sound never gives less"
    error = np.abs(decoded - EVERY_SAMPLE)
    loud = np.abs(EVERY_SAMPLE.astype(int)) > 512
    inside = np.abs(EVERY_SAMPLE.astype(int)) < 32_000
    assert (error[loud & inside] / np.abs(EVERY_SAMPLE[loud & inside].astype(int))).max() < 1 / 25
    assert error[inside].max() <= 515
    assert len(set(decoded.tolist())) in (255, 256)


def test_codes_survive_a_round_trip() -> None:
    """All 256 codes, but for mu-law's negative zero, which comes back as the positive one."""
    alaw = g711.encode_alaw(g711.decode_alaw(EVERY_CODE))
    np.testing.assert_array_equal(alaw, EVERY_CODE)
    mulaw = g711.encode_mulaw(g711.decode_mulaw(EVERY_CODE))
    assert np.flatnonzero(mulaw != EVERY_CODE).tolist() == [0x7F]
    assert mulaw[0x7F] == 0xFF


def test_extremes() -> None:
    assert g711.decode_mulaw(np.array([0x80, 0x00, 0xFF], np.uint8)).tolist() == [32124, -32124, 0]
    assert g711.decode_alaw(np.array([0xAA, 0x2A, 0xD5, 0x55], np.uint8)).tolist() == [32256, -32256, 8, -8]


def test_both_laws_equal_the_standard_library_on_every_sample() -> None:
    """`audioop` is an independent implementation. It left the standard library with Python 3.13: use 3.11."""
    import audioop

    pcm, codes = EVERY_SAMPLE.tobytes(), EVERY_CODE.tobytes()
    np.testing.assert_array_equal(
        g711.encode_mulaw(EVERY_SAMPLE), np.frombuffer(audioop.lin2ulaw(pcm, 2), np.uint8)
    )
    np.testing.assert_array_equal(
        g711.encode_alaw(EVERY_SAMPLE), np.frombuffer(audioop.lin2alaw(pcm, 2), np.uint8)
    )
    np.testing.assert_array_equal(
        g711.decode_mulaw(EVERY_CODE), np.frombuffer(audioop.ulaw2lin(codes, 2), np.int16)
    )
    np.testing.assert_array_equal(
        g711.decode_alaw(EVERY_CODE), np.frombuffer(audioop.alaw2lin(codes, 2), np.int16)
    )


def test_wrong_types_are_refused() -> None:
    with pytest.raises(ValueError, match="must be int16"):
        g711.encode_mulaw(np.zeros(3))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="must be uint8"):
        g711.decode_alaw(np.zeros(3, np.int16))
    with pytest.raises(ValueError, match="must be int16"):
        audio.from_pcm16(np.zeros(3))  # type: ignore[arg-type]


def test_the_chapters_recording_is_speech() -> None:
    signal, rate = audio.load(ROOT / "audio" / "05" / "speech-16khz.flac")
    assert rate == 16_000
    assert 4 < signal.size / rate < 6
    assert -30 < audio.speech_level_dbfs(signal, rate) < -15
