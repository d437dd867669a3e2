"""From any file with an audio track to mono samples, a block at a time."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import numpy as np

from wav2lip.errors import MediaError
from wav2lip.media.clip import Clip, Sound
from wav2lip.media.ffmpeg import Process, command, open_input
from wav2lip.media.limits import allow, limits
from wav2lip.media.probe import audio_track

SAMPLE_RATE = 16_000                              # Hz
FULL_SCALE = 32768                                # of 16-bit sound
NUMBERS = {"s16le": "<i2", "s32le": "<i4", "f32le": "<f4", "f64le": "<f8"}
"""Types of samples: ffmpeg's name and numpy's."""
_LOUDEST = 1e6                                    # 120 dB above full scale
_BLOCK = 1 << 16                                  # samples of each channel: 4 s at 16 kHz


def read_samples(path: str | Path, sample_rate: int = SAMPLE_RATE, *, since: int = 0) -> Generator[np.ndarray]:
    """Yield the first audio track of a file as mono samples.

    Sample n is what is heard at n / sample_rate after the file's start: a track that starts later than its file, or has
    gaps, is filled with silence, as players do.

    Args:
        path: any file with an audio track.
        sample_rate: Hz; the track is resampled if its own rate differs.
        since: whole seconds to jump over, as in `decoded`; then nothing is yielded where the track ends before.

    Yields:
        float32 (n,), n >= 1, the mean of all channels, full scale is [-1, 1].

    Raises:
        MediaError: there is no audio track, it cannot be decoded, or it is empty.
    """
    path = Path(path)
    sound, container = audio_track(path)
    given = 0
    with closing(decoded(path, sound, container, since=since)) as blocks:
        for block in resampled(_mono(blocks), sound.sample_rate, sample_rate):
            given += len(block)
            yield block
    if not given and not since:
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


def decoded(
    path: Path, sound: Sound, container: str, numbers: str = "f32le", *, since: int = 0,
    speakers: tuple[str, ...] = (),
) -> Generator[np.ndarray]:
    """Yield the first audio track of a file at its own rate, timed as in `read_samples`.

    Args:
        path, sound, container: the file and what `audio_track` says of it.
        numbers: of `NUMBERS`; what the decoder gives is not touched where it fits in.
        since: whole seconds to jump over. Sound is exactly in its place only where a jump is exact.
        speakers: the channels to bring it to, in ffmpeg's names; () leaves them as they are.

    Yields:
        (n, channels) of that type, n >= 1.

    Raises:
        MediaError: it cannot be decoded.
    """
    channels = len(speakers) or sound.channels
    kind = np.dtype(NUMBERS[numbers])
    total, most = 0, limits().duration * sound.sample_rate
    arguments = sound_command(path, sound, container, numbers, since=since, speakers=speakers)
    with Process(arguments, stdout=True) as process:
        got = _BLOCK
        while got == _BLOCK:
            buffer = np.empty((_BLOCK, channels), kind)
            got = process.read_into(buffer.data.cast("B")) // (kind.itemsize * channels)
            total += got
            if total > most:                      # what a header says need not be true
                allow(path, duration=Fraction(total, sound.sample_rate))
            if got:
                # Not a number is not less than anything.
                if kind.kind == "f" and not np.abs(buffer[:got]).max() < _LOUDEST:
                    raise MediaError(
                        f"{path} has samples that are not numbers, or far too loud, within its first "
                        f"{total / sound.sample_rate:.1f} s; it is damaged."
                    )
                yield buffer[:got]
        failed = process.finish() != 0
        process.check_alive(f"The sound of {path} cannot be decoded")
        if failed:
            raise MediaError(f"The sound of {path} cannot be decoded: {process.last_words()}.")


def sound_command(
    path: Path, sound: Sound, container: str, numbers: str = "f32le", *, since: int = 0, speakers: tuple[str, ...] = (),
) -> list[str]:
    """Return the command line that decodes what `decoded` yields, to its output."""
    # 1: put silence in and cut, but never stretch.
    filters, options = "aresample=async=1:first_pts=0", {}
    channels = len(speakers) or sound.channels
    if speakers:
        filters += f":rematrix_maxval=1,aformat=channel_layouts={'+'.join(speakers)}"
    elif channels <= 2:
        options["ac"] = channels                  # of more, ffmpeg would mix them to its usual layout of as many
    jump = {"ss": since} if since else {}
    return command(open_input(path, format=container, **jump)["a:0"].output(
        "pipe:1", format=numbers, acodec=f"pcm_{numbers}", ar=sound.sample_rate, af=filters, **options,
    ))


def resampled(blocks: Iterator[np.ndarray], rate_in: int, rate_out: int, quality: str = "HQ") -> Iterator[np.ndarray]:
    """Yield non-empty blocks at the new rate, of the same type and channels; `quality` is soxr's."""
    if rate_in == rate_out:
        yield from blocks
        return
    import soxr

    stream = None
    for block in blocks:
        if stream is None:
            channels = 1 if block.ndim == 1 else block.shape[1]
            stream = soxr.ResampleStream(rate_in, rate_out, channels, dtype=str(block.dtype), quality=quality)
            nothing = block[:0]
        chunk = stream.resample_chunk(block)
        if len(chunk):
            yield chunk
    if stream is not None:
        rest = stream.resample_chunk(nothing, last=True)
        if len(rest):
            yield rest


def _mono(blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the mean of the channels of every block, (n,)."""
    for block in blocks:
        yield block[:, 0] if block.shape[1] == 1 else block.mean(axis=1)
