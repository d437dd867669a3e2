"""Speech is told from its pauses in any room, and the mouth is eased shut in the pauses and nowhere else."""

from __future__ import annotations

import sys
from fractions import Fraction
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from wav2lip.errors import UsageError
from wav2lip.media.sound import read_samples
from wav2lip.speech.activity import (
    EASE,
    HANG_OVER,
    LEAD,
    PAUSE,
    energy_activity,
    frame_presence,
    presence,
    quiet_mel,
    settled,
)
from wav2lip.speech.mel import SAMPLE_RATE, SILENCE, log_mel, mel_blocks
from wav2lip.speech.silero import silero_activity
from wav2lip.speech.windows import WINDOW, mel_windows, window_start

TALK = ((0.8, 0), (2.5, 1), (0.9, 0), (2.0, 1), (0.6, 0), (1.5, 1), (0.8, 0))    # seconds, and whether somebody speaks
EDGE = HANG_OVER + 3                              # columns: beyond the hang-over, half a window of the mel


def seeded(samples: int) -> np.ndarray:
    """White noise (samples,) with a standard deviation of 1."""
    return np.random.default_rng(samples).standard_normal(samples)


@lru_cache
def syllables(seconds: float) -> np.ndarray:
    """Somebody speaks: a buzz in four formants that swells five times a second, every third time after a hiss that is
    20 dB weaker, with closures of 60 ms between them."""
    n = np.arange(round(seconds * SAMPLE_RATE))
    t = n / SAMPLE_RATE
    pitch = 2 * np.pi * (120 * t + 3 * np.sin(2 * np.pi * 0.7 * t))
    formants = ((600, 1.0), (1200, 0.5), (2500, 0.25), (3500, 0.1))
    buzz = sum(
        np.sin(k * pitch) * sum(gain / (1 + ((120 * k - hertz) / 150) ** 2) for hertz, gain in formants)
        for k in range(1, 40)
    )
    hiss = np.diff(np.diff(seeded(len(n) + 2)))               # rises with frequency, as an s does
    turn, beat = np.divmod(5 * t, 1)
    swell = np.sin(np.pi * np.clip((beat - 0.3) / 0.7, 0, 1)) ** 0.5
    breath = np.where((turn % 3 == 0) & (beat < 0.3), 0.03, 0)
    return 0.15 * (buzz * swell + breath * hiss)


def talk(plan: tuple[tuple[float, int], ...] = TALK) -> tuple[np.ndarray, np.ndarray]:
    """Speech and pauses: float64 (samples,), and whether somebody speaks, bool (columns,)."""
    sound = np.concatenate([syllables(s) if on else np.zeros(round(s * SAMPLE_RATE)) for s, on in plan])
    truth = np.concatenate([np.full(round(s * 80), on, bool) for s, on in plan])
    return sound, np.append(truth, truth[-1])


def heard(sound: np.ndarray) -> np.ndarray:
    return energy_activity([sound.astype(np.float32)])


def check(activity: np.ndarray, truth: np.ndarray) -> None:
    """All of the speech is found, and of every pause all but its edges."""
    assert activity.dtype == bool
    assert activity.shape == truth.shape
    assert activity[truth].mean() > 0.99
    inside = ~np.convolve(truth, np.ones(2 * EDGE + 1), "same").astype(bool)
    assert not activity[inside].any()


def test_pauses_of_digital_silence_are_found() -> None:
    check(heard(talk()[0]), talk()[1])


@pytest.mark.parametrize("dbfs", [-70, -50, -40, -30])
@pytest.mark.parametrize("colour", ["white", "pink"])
def test_pauses_are_found_in_the_noise_of_a_room(dbfs: int, colour: str) -> None:
    sound, truth = talk()
    noise = seeded(len(sound))
    if colour == "pink":
        spectrum = np.fft.rfft(noise)
        noise = np.fft.irfft(spectrum / np.sqrt(np.arange(1, len(spectrum) + 1)), len(noise))
    check(heard(sound + noise / noise.std() * 10 ** (dbfs / 20)), truth)


@pytest.mark.parametrize("gain_db", [-40, -20, 0, 10])
def test_the_level_of_the_recording_does_not_matter(gain_db: int) -> None:
    sound, truth = talk()
    check(heard((sound + 1e-3 * seeded(len(sound))) * 10 ** (gain_db / 20)), truth)


@pytest.mark.parametrize("pauses_hold", [0, 1e-3])
def test_hum_and_direct_current_are_no_speech(pauses_hold: float) -> None:
    sound, truth = talk()
    t = np.arange(len(sound)) / SAMPLE_RATE
    check(heard(sound + pauses_hold * seeded(len(sound)) + 0.1 * np.sin(2 * np.pi * 50 * t)), truth)
    check(heard(sound + pauses_hold * seeded(len(sound)) + 0.2), truth)


def test_gaps_cut_into_a_noisy_recording_do_not_hide_its_noise() -> None:
    sound, truth = talk()
    noisy = sound + 3e-3 * seeded(len(sound))
    silent = np.zeros(5 * SAMPLE_RATE)
    check(heard(np.concatenate((silent, noisy))), np.concatenate((np.zeros(400, bool), truth)))


def test_a_few_words_in_a_long_silence_are_found() -> None:
    plan = ((40, 0), (1.0, 1), (20, 0))
    sound, truth = talk(plan)
    check(heard(sound), truth)
    check(heard(sound + 3e-3 * seeded(len(sound))), truth)


@pytest.mark.parametrize("noise", [0, 1e-3, 1e-2])
def test_speech_without_a_pause_has_none(noise: float) -> None:
    sound = syllables(6.0)
    assert heard(sound + noise * seeded(len(sound))).all()


@pytest.mark.parametrize("dbfs", [-200, -70, -50, -30])
def test_where_nobody_speaks_nobody_is_heard(dbfs: int) -> None:
    assert not heard(seeded(10 * SAMPLE_RATE) * 10 ** (dbfs / 20)).any()


def test_a_click_in_a_pause_is_no_speech() -> None:
    sound, truth = talk()
    sound[round(3.8 * SAMPLE_RATE)] = 0.9
    check(heard(sound), truth)


def test_the_closure_of_a_consonant_is_no_pause_and_a_breath_taken_is_one() -> None:
    for seconds, pauses in ((0.1, 0), (0.2, 0), (0.6, 1)):
        activity = heard(talk(((1.5, 1), (seconds, 0), (1.5, 1)))[0])
        assert (np.diff(activity.astype(int)) == -1).sum() == pauses, seconds


@pytest.mark.parametrize("samples", [199, 200, 1600])
def test_a_recording_too_short_for_a_pause_is_speech_unless_it_is_silent(samples: int) -> None:
    assert not heard(np.zeros(samples)).any()
    sound = syllables(1.0)[4000 : 4000 + samples] + 0.1
    activity = heard(sound)
    assert activity.shape == (1 + samples // 200,)
    assert activity.all()


def test_no_sound_at_all_has_no_columns() -> None:
    assert energy_activity([]).shape == energy_activity([np.empty(0, np.float32)]).shape == (0,)


@pytest.mark.parametrize("block", [333, 4096, 70_000])
def test_blocks_of_any_size_give_the_activity_of_the_whole(block: int) -> None:
    sound = talk()[0].astype(np.float32)
    whole = energy_activity([sound])
    assert whole.shape == (log_mel(sound).shape[1],)
    blocks = (sound[at : at + block] for at in range(0, len(sound), block))
    np.testing.assert_array_equal(energy_activity(blocks), whole)


def test_speech_is_given_a_lead_and_a_hang_over() -> None:
    spoken = np.zeros(200, bool)
    spoken[80:120] = True
    np.testing.assert_array_equal(np.flatnonzero(settled(spoken)), np.arange(80 - LEAD, 120 + HANG_OVER))


def test_a_gap_shorter_than_a_pause_is_closed_except_at_the_ends_of_the_recording() -> None:
    spoken = np.ones(200, bool)
    spoken[100 : 100 + PAUSE - 1] = False
    assert settled(spoken).all()
    spoken[100 : 100 + PAUSE] = False
    np.testing.assert_array_equal(np.flatnonzero(~settled(spoken)), np.arange(100 + HANG_OVER, 100 + PAUSE - LEAD))
    spoken = np.ones(200, bool)
    spoken[:15] = spoken[-15:] = False
    np.testing.assert_array_equal(np.flatnonzero(~settled(spoken)), [*range(15 - LEAD), *range(185 + HANG_OVER, 200)])


def test_presence_is_whole_in_speech_and_eases_to_nothing_within_a_pause() -> None:
    activity = np.ones(200, bool)
    activity[60:140] = False
    given = presence(activity)
    assert given.dtype == np.float32
    assert (given[activity] == 1).all()
    assert (given[60 + EASE - 1 : 140 - EASE + 1] == 0).all()
    assert (np.diff(given[60 : 60 + EASE]) < 0).all()
    np.testing.assert_allclose(given, given[::-1], atol=1e-6)


@pytest.mark.parametrize("length", [*range(1, 40)])
def test_presence_never_jumps_and_a_short_pause_dips_less(length: int) -> None:
    activity = np.ones(100, bool)
    activity[30 : 30 + length] = False
    given = presence(activity)
    assert (given[activity] == 1).all()
    assert np.abs(np.diff(given)).max() <= np.pi / 2 / EASE              # the steepest of a cosine
    assert np.abs(np.diff(given, 2)).max() <= np.pi**2 / 2 / EASE**2     # its sharpest turn: no corner at the bottom
    longer = activity.copy()
    longer[30 + length] = False
    assert presence(longer).min() <= given.min() < 1
    assert (given.min() == 0) == (length >= 2 * EASE - 1)


def test_before_the_first_word_and_after_the_last_there_is_nothing_to_ease() -> None:
    activity = np.zeros(100, bool)
    assert (presence(activity) == 0).all()
    activity[40:60] = True
    given = presence(activity)
    assert (given[: 40 - EASE + 1] == 0).all()
    assert (given[60 + EASE - 1 :] == 0).all()
    assert presence(np.zeros(0, bool)).shape == (0,)


def test_the_mel_is_the_same_in_speech_and_silence_in_pauses() -> None:
    sound = (talk()[0] + 1e-2 * seeded(len(talk()[0]))).astype(np.float32)
    given = presence(energy_activity([sound]))
    blocks = list(mel_blocks([sound[:30_000], sound[30_000:]]))
    eased = list(quiet_mel(blocks, given))
    assert [block.shape for block in eased] == [block.shape for block in blocks]
    before, after = (np.concatenate(mel, axis=1) for mel in (blocks, eased))
    assert after.dtype == np.float32
    np.testing.assert_array_equal(after[:, given == 1], before[:, given == 1])
    assert (after[:, given == 0] == SILENCE).all()
    between = (given > 0) & (given < 1)
    expected = SILENCE + given[between] * (before[:, between] - SILENCE)
    np.testing.assert_allclose(after[:, between], expected, atol=1e-5)


def test_columns_past_the_end_of_the_presence_have_that_of_the_last() -> None:
    mel = np.full((80, 6), 2, np.float32)
    (eased,) = quiet_mel([mel], np.array([0, 1, 0.5], np.float32))
    np.testing.assert_array_equal(eased[0], [SILENCE, 2, -1, -1, -1, -1])


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30000, 1001), Fraction(60), Fraction(1)])
def test_a_frame_is_as_present_as_what_it_hears(fps: Fraction) -> None:
    given = presence(np.arange(300) // 70 % 2 == 0)
    frames = 40
    level = np.broadcast_to(SILENCE + given, (80, 300)).astype(np.float32)      # a mel that tells its presence
    whole = [number for number in range(frames) if window_start(number, fps) + WINDOW <= 300]
    expected = [float(window[0].mean()) - SILENCE for window in mel_windows([level], fps, len(whole))]
    present = frame_presence(given, fps, frames)
    assert present.dtype == np.float32
    np.testing.assert_allclose(present[whole], expected, atol=1e-5)


def test_a_sound_that_ends_in_the_middle_of_a_word_has_no_pause_there() -> None:
    assert (frame_presence(np.ones(40, np.float32), Fraction(25), 20) == 1).all()
    ending = np.repeat(np.float32([1, 0]), [20, 20])
    assert frame_presence(ending, Fraction(25), 20)[12:].tolist() == [0] * 8
    assert frame_presence(np.zeros(0, np.float32), Fraction(25), 2).tolist() == [0, 0]
    assert frame_presence(np.ones(40, np.float32), Fraction(25), 0).shape == (0,)


class Listener:
    """A stand-in for the network of silero-vad: it hears speech in every chunk that is loud."""

    def __init__(self) -> None:
        self.heard: list[int] = []
        self.resets = 0

    def reset_states(self) -> None:
        self.resets += 1

    def __call__(self, chunk, rate: int):                 # type: ignore[no-untyped-def]
        assert rate == SAMPLE_RATE
        self.heard.append(len(chunk))
        return (chunk.abs().mean() > 0.1).float()[None, None]


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Listener:
    listener = Listener()
    monkeypatch.setitem(sys.modules, "silero_vad", SimpleNamespace(load_silero_vad=lambda: listener))
    return listener


@pytest.mark.parametrize("block", [1000, 512, 40_000])
def test_silero_hears_chunks_of_512_and_its_answer_stands_at_their_columns(listener: Listener, block: int) -> None:
    sound = np.zeros(40_000, np.float32)
    sound[512 * 20 : 512 * 40] = 0.5                      # 10 240 .. 20 479: columns 52 .. 102
    activity = silero_activity(sound[at : at + block] for at in range(0, len(sound), block))
    assert listener.heard == [512] * 79                   # the last is filled up
    assert listener.resets == 1
    assert activity.shape == (201,)
    np.testing.assert_array_equal(np.flatnonzero(activity), np.arange(52 - LEAD, 103 + HANG_OVER))


def test_silero_closes_short_gaps_as_the_energy_does(listener: Listener) -> None:
    sound = np.full(40_000, 0.5, np.float32)
    sound[512 * 30 : 512 * 38] = 0                        # 0.256 s
    assert silero_activity([sound]).all()


def test_silero_is_given_no_chunk_of_no_sound(listener: Listener) -> None:
    assert silero_activity([np.empty(0, np.float32)]).shape == (0,)
    assert listener.heard == []


def test_silero_leaves_torch_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    def load() -> Listener:
        torch.set_num_threads(before + 1)                 # as the import of the package does
        return Listener()

    before = torch.get_num_threads()
    monkeypatch.setitem(sys.modules, "silero_vad", SimpleNamespace(load_silero_vad=load))
    silero_activity([np.zeros(600, np.float32)])
    assert torch.get_num_threads() == before


def test_without_silero_one_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "silero_vad", raising=False)
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(UsageError, match=r'silero_vad, which is not installed: pip install "wav2lip\[vad\]"'):
        silero_activity([np.zeros(600, np.float32)])


@pytest.mark.skipif(find_spec("silero_vad") is None, reason="silero-vad is not installed")
def test_the_network_and_the_energy_agree_on_real_speech(shared: Path) -> None:
    ours = energy_activity(read_samples(shared / "data" / "speech" / "english_60s.wav"))
    theirs = silero_activity(read_samples(shared / "data" / "speech" / "english_60s.wav"))
    assert ours.shape == theirs.shape
    assert (ours == theirs).mean() > 0.92
    assert ours[theirs].mean() > 0.98
