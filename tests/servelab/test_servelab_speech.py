"""Opus through the wheel's library, and word errors counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from servelab import ROOT, audio, opus, wer
from servelab.audio import Pcm16
from servelab.wer import WordErrors


@pytest.fixture(scope="module")
def speech() -> Pcm16:
    signal, _ = audio.load(ROOT / "audio" / "05" / "speech-16khz.flac")
    return audio.to_pcm16(signal)


# ---------------------------------------------------------------- Opus


def test_the_library_is_the_wheels_own() -> None:
    assert opus.version().startswith("libopus 1.")


@pytest.mark.parametrize("kbit_s", [6, 12, 24, 32])
def test_a_bit_rate_is_kept_within_a_tenth(speech: Pcm16, kbit_s: int) -> None:
    sound, packets = opus.roundtrip(speech, 16_000, kbit_s * 1000)
    assert sound.shape == speech.shape
    assert 8 * sum(map(len, packets)) / (20 * len(packets)) == pytest.approx(kbit_s, rel=0.1)


def test_sound_comes_back_in_step(speech: Pcm16) -> None:
    """The best match of input and output lies within 2 samples (0.1 ms) of no shift."""
    sound, _ = opus.roundtrip(speech, 16_000, 64_000)
    size = 2 * speech.size
    match = np.fft.irfft(
        np.fft.rfft(sound.astype(float), size) * np.conj(np.fft.rfft(speech.astype(float), size))
    )
    shift = int(match.argmax())
    assert min(shift, size - shift) <= 2


def test_the_delay_is_a_frame_and_the_lookahead() -> None:
    assert opus.Encoder(16_000, 20.0).delay_ms == pytest.approx(26.5)
    assert opus.Encoder(16_000, 60.0).delay_ms == pytest.approx(66.5)
    assert opus.Encoder(48_000, 20.0, application="lowdelay").delay_ms == pytest.approx(22.5)


def test_low_rates_are_narrow(speech: Pcm16) -> None:
    def widest(kbit_s: int) -> int:
        return max(opus.bandwidth_hz(packet) for packet in opus.roundtrip(speech, 16_000, 1000 * kbit_s)[1])

    assert widest(6) == 4_000
    assert widest(24) == 8_000


@pytest.mark.parametrize(
    ("configuration", "hertz"),
    [(0, 4_000), (4, 6_000), (11, 8_000), (12, 12_000), (15, 20_000), (16, 4_000), (20, 8_000), (31, 20_000)],
)
def test_the_first_byte_names_the_bandwidth(configuration: int, hertz: int) -> None:
    assert opus.bandwidth_hz(bytes([configuration << 3])) == hertz


def test_redundancy_needs_bits_to_spare(speech: Pcm16) -> None:
    """Asked for it, the encoder carries none at 16 kbit/s; unasked, none at all."""
    shares = {}
    for kbit_s, expected_loss in ((24, 0.0), (16, 0.1), (24, 0.1)):
        encoder = opus.Encoder(16_000, 20.0, 1000 * kbit_s, fec=True, expected_loss=expected_loss)
        shares[kbit_s, expected_loss] = np.mean([opus.has_copy(one) for one in opus.encode(speech, encoder)])
    assert shares[24, 0.0] == shares[16, 0.1] == 0
    assert shares[24, 0.1] > 0.5
    with pytest.raises(opus.OpusError):
        opus.has_copy(b"")


def test_a_lost_frame_is_concealed_and_redundancy_recovers_it_better(speech: Pcm16) -> None:
    encoder = opus.Encoder(16_000, 20.0, 24_000, fec=True, expected_loss=0.2)
    packets = opus.encode(speech, encoder)
    whole = opus.decode(packets, opus.Decoder(), 0, len(packets) * 320).reshape(-1, 320).astype(float)
    lost = int(np.square(whole).sum(axis=1).argmax())
    errors = {}
    for name, following in (("concealed", None), ("recovered", packets[lost + 1])):
        decoder = opus.Decoder()
        for packet in packets[:lost]:
            decoder.decode(packet)
        frame = decoder.decode(None, following=following)
        assert frame.any()
        errors[name] = float(np.square(frame - whole[lost]).sum())
    assert errors["recovered"] < errors["concealed"] < 2 * float(np.square(whole[lost]).sum())


@pytest.mark.parametrize("frame_ms", opus.FRAMES_MS)
def test_every_frame_length_works(speech: Pcm16, frame_ms: float) -> None:
    sound, packets = opus.roundtrip(speech[:8_000], 16_000, 24_000, frame_ms)
    assert sound.size == 8_000
    assert len(packets) >= 500 / frame_ms


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rate_hz": 44_100}, "rate_hz is 44100"),
        ({"frame_ms": 30.0}, r"frame_ms is 30"),
        ({"bit_rate": 100}, "bit_rate is 100"),
        ({"complexity": 11}, "complexity is 11"),
        ({"expected_loss": 1.5}, r"expected_loss is 1\.5"),
    ],
)
def test_what_opus_cannot_do_is_named(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        opus.Encoder(**arguments)  # type: ignore[arg-type]


def test_wrong_frames_and_broken_packets_are_refused() -> None:
    encoder = opus.Encoder()
    with pytest.raises(ValueError, match=r"int16 of \(320,\)"):
        encoder.encode(np.zeros(319, np.int16))
    with pytest.raises(ValueError, match="float64"):
        encoder.encode(np.zeros(320))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not empty"):
        opus.encode(np.zeros(0, np.int16), encoder)
    with pytest.raises(ValueError, match="empty"):
        opus.bandwidth_hz(b"")
    with pytest.raises(opus.OpusError, match="corrupted"):
        opus.Decoder().decode(b"\xff\xff\xff")


# ---------------------------------------------------------------- word errors


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't stop -- he said; 'twas fine.", "don't stop he said twas fine"),
        ("It’s 10 o'clock", "it's ten o'clock"),
        ("1,250 items & 3%", "one thousand two hundred fifty items and three percent"),
        ("Mr. Dashwood's ill-disposed", "mister dashwood's ill disposed"),
        (
            "call 5551234567 or 007",
            "call five five five one two three four five six seven or zero zero seven",
        ),
        ("100 and 110", "one hundred and one hundred ten"),
        ("... !?", ""),
    ],
)
def test_texts_are_normalized(text: str, words: str) -> None:
    assert " ".join(wer.normalize(text)) == words


@given(st.text())
def test_normalizing_twice_changes_nothing(text: str) -> None:
    once = wer.normalize(text)
    assert wer.normalize(" ".join(once)) == once


@pytest.mark.parametrize(
    ("said", "heard", "expected"),
    [
        ("a b c", "a b c", WordErrors(0, 0, 0, 3)),
        ("a b c", "", WordErrors(0, 3, 0, 3)),
        ("", "a b", WordErrors(0, 0, 2, 0)),
        ("a b c", "a x c", WordErrors(1, 0, 0, 3)),
        ("a b c d", "a c d", WordErrors(0, 1, 0, 4)),
        ("a b", "a a b", WordErrors(0, 0, 1, 2)),
        ("ten of clubs", "10 of clubs", WordErrors(0, 0, 0, 3)),
    ],
)
def test_errors_are_counted(said: str, heard: str, expected: WordErrors) -> None:
    assert wer.count(said, heard) == expected


WORDS = st.lists(st.sampled_from(["a", "b", "c"]), max_size=8)


@given(WORDS, WORDS)
def test_the_alignment_accounts_for_every_word(said: list[str], heard: list[str]) -> None:
    found = wer.count_words(said, heard)
    assert found.reference - found.deletions == len(heard) - found.insertions
    assert found.errors == wer.count_words(heard, said).errors
    assert found.errors >= abs(len(said) - len(heard))
    assert (found.errors == 0) == (said == heard)


@given(WORDS, WORDS, WORDS)
def test_errors_obey_the_triangle(first: list[str], second: list[str], third: list[str]) -> None:
    def distance(said: list[str], heard: list[str]) -> int:
        return wer.count_words(said, heard).errors

    assert distance(first, third) <= distance(first, second) + distance(second, third)


def test_rates_add_up_over_utterances() -> None:
    counts = [WordErrors(1, 0, 0, 10), WordErrors(0, 2, 1, 30)]
    assert wer.total(counts) == WordErrors(1, 2, 1, 40)
    assert wer.total(counts).rate == 0.1
    with pytest.raises(ValueError, match="no words"):
        _ = WordErrors(0, 0, 2, 0).rate
    with pytest.raises(ValueError, match="empty"):
        wer.total([])


def test_the_bootstrap_has_the_spread_of_a_mean() -> None:
    """Utterances of equal length: the deviation of the rate is that of a mean, within 5 %."""
    rng = np.random.default_rng(1)
    errors = rng.binomial(10, 0.2, 400)
    counts = [WordErrors(int(error), 0, 0, 10) for error in errors]
    rates = wer.bootstrap(np.random.default_rng(2), counts, 8_000)
    assert rates.mean() == pytest.approx(errors.mean() / 10, rel=0.01)
    assert rates.std() == pytest.approx(errors.std() / 10 / np.sqrt(400), rel=0.05)
    with pytest.raises(ValueError, match="no words"):
        wer.bootstrap(rng, [WordErrors(0, 0, 1, 0)])
