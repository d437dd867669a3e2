"""From any file with an audio track to mono samples, a block at a time."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import numpy as np

from wav2lip.errors import MediaError
from wav2lip.media.clip import Clip
from wav2lip.media.ffmpeg import Process, command, open_input
from wav2lip.media.probe import audio_track

SAMPLE_RATE = 16_000                              # Hz
FULL_SCALE = 32768                                # of 16-bit sound
_BLOCK = 1 << 16                                  # samples of each channel: 4 s at 16 kHz


def read_samples(path: str | Path, sample_rate: int = SAMPLE_RATE) -> Generator[np.ndarray]:
    """Yield the first audio track of a file as mono samples.

    Sample n is what is heard at n / sample_rate after the file's start: a track that starts later than its file, or has
    gaps, is filled with silence, as players do.

    Args:
        path: any file with an audio track.
        sample_rate: Hz; the track is resampled if its own rate differs.

    Yields:
        float32 (n,), n >= 1, the mean of all channels, full scale is [-1, 1].

    Raises:
        MediaError: there is no audio track, it cannot be decoded, or it is empty.
    """
    path = Path(path)
    sound, container = audio_track(path)
    output = open_input(path, format=container)["a:0"].output(
        "pipe:1",
        format="f32le",
        acodec="pcm_f32le",
        ac=sound.channels,
        ar=sound.sample_rate,
        af="aresample=async=1:first_pts=0",       # 1: put silence in and cut, but never stretch
    )
    given = 0
    with Process(command(output), stdout=True) as process:
        blocks = _resampled(_mono(process, sound.channels), sound.sample_rate, sample_rate)
        for block in blocks:
            given += len(block)
            yield block
        if process.finish() != 0:
            raise MediaError(f"The sound of {path} cannot be decoded: {process.last_words()}.")
    if not given:
        raise MediaError(f"The audio track of {path} is empty.")


def samples_from_first_frame(clip: Clip) -> Iterator[np.ndarray]:
    """Yield a video's own sound at 16 kHz so that sample n is heard n / 16000 s after its first picture is shown.

    Yields:
        float32 (n,), n >= 1, as `read_samples`; nothing where the sound ends before the first picture.

    Raises:
        MediaError: as `read_samples`.
    """
    late = round(clip.start * SAMPLE_RATE)
    if late < 0:
        yield np.zeros(-late, np.float32)
    for block in read_samples(clip.path):
        skipped, late = min(max(late, 0), len(block)), late - len(block)
        if skipped < len(block):
            yield block[skipped:]


def pcm16(samples: np.ndarray) -> np.ndarray:
    """Return float samples (n,), full scale [-1, 1], as 16-bit ones, int16 (n,)."""
    return np.clip(np.rint(samples * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def _mono(process: Process, channels: int) -> Iterator[np.ndarray]:
    """Yield float32 (n,) blocks of the mean of the interleaved channels that ffmpeg gives."""
    while True:
        buffer = np.empty((_BLOCK, channels), "<f4")
        got = process.read_into(buffer.data.cast("B")) // (4 * channels)
        if got:
            yield buffer[:got, 0] if channels == 1 else buffer[:got].mean(axis=1)
        if got < _BLOCK:
            return


def _resampled(blocks: Iterator[np.ndarray], rate_in: int, rate_out: int) -> Iterator[np.ndarray]:
    """Yield non-empty float32 blocks at the new rate."""
    if rate_in == rate_out:
        yield from blocks
        return
    import soxr

    stream = soxr.ResampleStream(rate_in, rate_out, 1, dtype="float32", quality="HQ")
    for block in blocks:
        resampled = stream.resample_chunk(block)
        if len(resampled):
            yield resampled
    rest = stream.resample_chunk(np.empty(0, np.float32), last=True)
    if len(rest):
        yield rest
