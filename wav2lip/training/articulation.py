"""How a mouth moves with speech: a known curve, from the loudness and balance of the voice's bands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wav2lip.speech.mel import SAMPLE_RATE

WINDOW = 640                          # samples: 40 ms, a picture's time at 25 frames a second
HOP = 80                              # samples: 5 ms, the resolution in which lips follow
STEPS_PER_SECOND = SAMPLE_RATE // HOP
BLOCK = 4096                          # windows that are looked at at once

VOICE_HZ = (300, 3000)                # where open vowels have their energy
BACK_HZ, FRONT_HZ = (250, 900), (1700, 3400)    # strong in "oo" and "ah"; strong in "ee" and "eh"
RANGE_DB = 28.0                       # from closed lips to a wide open mouth
LOUD_DB = (-48.0, -14.0)              # what may count as the recording's loud speech, dB of full scale
ATTACK, DECAY = 0.03, 0.06            # seconds: lips open faster than they close
ROUND_DB, SPREAD_DB = -20.0, 2.0      # front minus back: lips all round, all spread


@dataclass(frozen=True)
class Articulation:
    """The mouth at every video frame: `opening` in [0, 1], 0 closed; `width` in [-1, 1], -1 round, 1 spread."""

    opening: np.ndarray
    width: np.ndarray

    def __len__(self) -> int:
        return len(self.opening)


def speech_to_articulation(samples: np.ndarray, fps: float) -> Articulation:
    """Return the mouth that says a recording.

    Args:
        samples: mono float32 (samples,) at 16 kHz in [-1, 1].
        fps: frames a second.

    Returns:
        One opening and width, float32, for every frame that the sound lasts; frame i is the mouth in the middle of
        its time, (i + 0.5) / fps. Silence closes the mouth.
    """
    frames = int(np.ceil(len(samples) / SAMPLE_RATE * fps))
    padded = np.pad(np.asarray(samples, np.float64), (WINDOW // 2, WINDOW))
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    voice, front, back = np.concatenate(
        [_levels(windows[start : start + BLOCK]) for start in range(0, len(windows), BLOCK)], axis=1
    )
    loud = np.clip(np.percentile(voice, 95), *LOUD_DB)
    opening = np.clip((voice - loud) / RANGE_DB + 1, 0, 1) ** 1.4
    balance = front - back
    width = np.clip(2 * (balance - ROUND_DB) / (SPREAD_DB - ROUND_DB) - 1, -1, 1) * np.minimum(1, 3 * opening)
    times = (np.arange(frames) + 0.5) / fps * STEPS_PER_SECOND
    steps = np.arange(len(voice))
    return Articulation(
        opening=np.interp(times, steps, _follow(opening)).astype(np.float32),
        width=np.interp(times, steps, _follow(width)).astype(np.float32),
    )


def _levels(windows: np.ndarray) -> np.ndarray:
    """Return the levels of voice, front and back vowels in windows (n, WINDOW), dB of full scale, (3, n)."""
    power = np.abs(np.fft.rfft(windows * np.hanning(WINDOW), axis=1)) ** 2 / (WINDOW * WINDOW / 16)
    return np.stack([_decibel(power, band) for band in (VOICE_HZ, FRONT_HZ, BACK_HZ)])


def _decibel(power: np.ndarray, band: tuple[int, int]) -> np.ndarray:
    """Return the level of a band in every window, dB of full scale."""
    low, high = (round(hz * WINDOW / SAMPLE_RATE) for hz in band)
    return 10 * np.log10(power[:, low:high].sum(axis=1) + 1e-10)


def _follow(target: np.ndarray) -> np.ndarray:
    """Return a curve that runs after `target`, faster upwards than downwards."""
    up, down = (1 - np.exp(-1 / (STEPS_PER_SECOND * seconds)) for seconds in (ATTACK, DECAY))
    followed = np.empty_like(target)
    value = 0.0
    for step, wanted in enumerate(target):
        value += (up if wanted > value else down) * (wanted - value)
        followed[step] = value
    return followed
