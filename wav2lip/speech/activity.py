"""When somebody speaks, told from the energy of the recording, and how the mouth is eased shut when nobody does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np

from wav2lip.speech.mel import SCALE, SILENCE, mel_blocks
from wav2lip.speech.windows import WINDOW, window_start

PAUSE = 24                                        # columns: 0.3 s; the closure of a stop consonant lasts up to 0.2 s
UTTERANCE = 12                                    # columns: 0.15 s; alone between two pauses, less is a click
LEAD = 6                                          # columns: 75 ms; a soft onset, which the lips are ahead of anyway
HANG_OVER = 10                                    # columns: 0.125 s; a final fricative, a vowel that dies away
EASE = 12                                         # columns: 0.15 s; a mouth closes no faster

# Speech is louder than the noise in one band at least: voices in the low ones, fricatives in the high ones. The three
# lowest mel bands, below 0.2 kHz, are left out: hum, rumble and the puff of a breath.
_BANDS = ((3, 20), (20, 40), (40, 60), (60, 80))  # mel bands: up to about 0.8, 1.7, 3.5 and 7.5 kHz
_INAUDIBLE = -98.0                                # dB of the mel, 2 above its floor: silence for the generator too
_QUIET = 10                                       # percent of the stretches as long as a pause that are taken for one
_SWING = 5.0                                      # dB from median to loudest in 0.3 s: noise 1 to 4, speech 4 to 20
_DEPTH = 27.0                                     # dB below the loud columns: what is quieter is no speech
_ONSET = 3.0                                      # dB: so much louder than what keeps it going must speech begin
_LOUD, _SOFT = 95, 5                              # percentiles of the columns: vowels but not their peaks; no closures
_ABOVE = 3.0                                      # dB from noise to the loud columns, where anybody is heard above it
_STEADY = 8.0                                     # dB from soft to loud columns: noise alone does not differ more


def energy_activity(samples: Iterable[np.ndarray]) -> np.ndarray:
    """Tell where somebody speaks by how loud it is, against the noise and the voice of the same recording.

    The sound is held against two levels in each of four bands: the noise in its quietest stretches as long as a pause,
    where there is steady noise at all, and 27 dB below its loud columns. Where no band is above both, nobody speaks.
    So steady sound alone, be it noise or one held note, is no speech; music is.

    Args:
        samples: blocks of mono float32 at 16 kHz in [-1, 1], of any lengths.

    Returns:
        bool (1 + samples // 200,), 80 a second, the columns of `mel_blocks`: column k is centred at k / 80 s. Pauses
        last 0.3 s or more in the sound, less a lead and a hang-over of speech. Empty when there is no sample at all.
        Four numbers a column are kept meanwhile: 5 MB an hour.
    """
    levels = [_levels(block) for block in mel_blocks(samples)]
    if not levels:
        return np.zeros(0, bool)
    level = np.concatenate(levels, axis=1)
    above = level - np.array([[_threshold(band)] for band in level], np.float32)
    loudest = above.max(axis=0)                             # over the bands: one is enough
    return settled(held(loudest > _ONSET, loudest > 0))


def held(begins: np.ndarray, keeps: np.ndarray) -> np.ndarray:
    """Return hysteresis, bool (columns,): true where `keeps` is, in every stretch of it that `begins` somewhere.

    Args:
        begins: bool (columns,), where it is surely speech.
        keeps: bool (columns,), where it may be what is left of it.
    """
    spoken = np.zeros(len(keeps), bool)
    for start, end in _stretches(keeps):
        spoken[start:end] = begins[start:end].any()
    return spoken


def settled(spoken: np.ndarray) -> np.ndarray:
    """Return raw activity with its gaps closed, its clicks left out and its edges widened; all lengths are the above.

    Args:
        spoken: bool (columns,).

    Returns:
        bool (columns,). What begins or ends with the recording may be part of a longer pause, and needs no length.
    """
    joined = spoken.copy()
    for start, end in _stretches(~spoken):
        if end - start < PAUSE and start > 0 and end < len(spoken):
            joined[start:end] = True
    widened = np.zeros(len(spoken), bool)
    for start, end in _stretches(joined):
        if end - start >= min(UTTERANCE, len(spoken)):
            widened[max(start - LEAD, 0) : end + HANG_OVER] = True
    return widened


def presence(activity: np.ndarray) -> np.ndarray:
    """Return how much of the speech each column is given: all where somebody speaks, nothing deep in a pause.

    Args:
        activity: bool (columns,), 80 a second.

    Returns:
        float32 (columns,) in [0, 1]: 1 wherever somebody speaks; within a pause a cosine down to 0 in 0.15 s, and up
        again before the speech. A pause too short for both dips less deep, and as smoothly.
    """
    given = np.ones(len(activity), np.float32)
    for start, end in _stretches(~activity):
        steps = np.arange(1, end - start + 1)
        before, after = start > 0, end < len(activity)      # whether speech is on that side
        distance = np.minimum(steps if before else np.inf, steps[::-1] if after else np.inf)
        reach = min(EASE, (len(steps) + 1) / 2) if before and after else EASE
        depth = (reach / EASE) ** 2                         # so that a short dip turns no sharper than a long one
        given[start:end] = 1 - depth * _eased(np.minimum(distance / reach, 1))
    return given


def quiet_mel(blocks: Iterable[np.ndarray], presence: np.ndarray) -> Iterator[np.ndarray]:
    """Ease the mel to silence where nobody speaks.

    Args:
        blocks: mel columns float32 (80, n) in order, as `mel_blocks` gives them.
        presence: float32 (columns,) in [0, 1]; a column past its end has that of the last.

    Yields:
        float32 (80, n): unchanged where presence is 1, silence (-4) where it is 0, and between them in between.
    """
    first = 0
    for block in blocks:
        column = np.minimum(np.arange(first, first + block.shape[1]), len(presence) - 1)
        share = presence[column].astype(np.float32, copy=False)
        yield share * block + (1 - share) * np.float32(SILENCE)
        first += block.shape[1]


def frame_presence(presence: np.ndarray, fps: Fraction, frames: int) -> np.ndarray:
    """Return the mean presence over what each video frame hears.

    Args:
        presence: float32 (columns,) in [0, 1], 80 a second.
        fps: frames a second.
        frames: how many to give.

    Returns:
        float32 (frames,): the mean over the 16 columns of `mel_windows`; past the end the last one counts on, because a
        sound that ends in the middle of a word has no pause there.
    """
    if not len(presence):
        return np.zeros(frames, np.float32)
    padded = np.pad(presence.astype(np.float32, copy=False), (0, WINDOW), mode="edge")
    starts = np.array([min(window_start(frame, fps), len(presence)) for frame in range(frames)], np.int64)
    return padded[starts[:, None] + np.arange(WINDOW)].mean(axis=1)


def _levels(mel: np.ndarray) -> np.ndarray:
    """Return the mean power in each band of mel columns (80, n), float32 (4, n) in dB: -100 at the floor of the mel."""
    power = 10 ** ((mel - SILENCE) / (10 * SCALE) - 10)
    means = np.stack([power[low:high].mean(axis=0) for low, high in _BANDS])
    return (10 * np.log10(means)).astype(np.float32)


def _threshold(level: np.ndarray) -> float:
    """Return the level in dB that speech must stay above in a band, told from all its columns (n,)."""
    audible = level[level > _INAUDIBLE]
    if not len(audible):
        return _INAUDIBLE
    return max(_INAUDIBLE, _noise(level), float(np.percentile(audible, _LOUD)) - _DEPTH)


def _noise(level: np.ndarray) -> float:
    """Return how loud steady noise gets in a band (n,), in dB; what is inaudible where there is none, or no telling.

    The loudest column of a stretch as long as a pause is quiet in a pause only, so a tenth of those find the noise and
    not the weak sounds of speech. In a recording without pauses they do find speech. Its swing gives it away or, where
    vowels are held as in a song, that it is as loud as the loud columns, and yet some are much softer.
    """
    if len(level) < PAUSE:
        return _INAUDIBLE
    stretches = np.lib.stride_tricks.sliding_window_view(level, PAUSE)
    loudest = stretches.max(axis=1)
    audible = loudest > _INAUDIBLE                          # gaps cut into a recording say nothing about its noise
    if not audible.any():
        return _INAUDIBLE
    floor = float(np.percentile(loudest[audible], _QUIET))
    quiet = audible & (loudest <= floor)
    swing = np.median(loudest[quiet] - np.median(stretches[quiet], axis=1))
    loud, soft = np.percentile(level[level > _INAUDIBLE], (_LOUD, _SOFT))
    is_voice = swing > _SWING or (loud - floor < _ABOVE and loud - soft > _STEADY)
    return _INAUDIBLE if is_voice else floor


def _stretches(where: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield start and end of every run of true columns, bool (n,), in order."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], where, [False])).astype(np.int8)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _eased(part: np.ndarray) -> np.ndarray:
    """Return half a cosine's way from 0 to 1."""
    return 0.5 - 0.5 * np.cos(np.pi * part)
