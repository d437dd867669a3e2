"""The sound of a result that is pieced together: a video's own where it is kept, and recordings."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from wav2lip.errors import MediaError
from wav2lip.media.clip import Clip, Sound
from wav2lip.media.placed import Opened, Piece, Recording, heard, samples_until, whole_seconds
from wav2lip.media.probe import audio_track
from wav2lip.media.sound import NUMBERS, decoded, resampled, sound_command
from wav2lip.media.wave import wave_header
from wav2lip.media.whole import whole_file
from wav2lip.progress import Progress

FADE = Fraction(5, 1000)                          # seconds: short enough not to be heard, long enough not to click
_FRONT = ("FL", "FR", "FC")
# What ffmpeg takes so many channels for where a file does not say.
_USUAL = {
    1: ("FC",),
    2: ("FL", "FR"),
    6: ("FL", "FR", "FC", "LFE", "BL", "BR"),
    8: ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"),
}


def assemble_sound(
    output: Path, pieces: Sequence[Piece], kept: Sequence[tuple[Fraction, Fraction]], own: Clip | None,
    seconds: Fraction, progress: Progress | None = None,
) -> None:
    """Write the sound of a result to a WAV file: a video's own where it is kept, and pieces where they are heard.

    In the kept spans the samples are the very ones that the video's decoder gives: nothing is resampled, dithered or
    made louder, unless a piece is heard there too, which is added. What begins or ends by being cut comes and goes
    within 5 ms: the video's own sound outside its spans, a piece inside its own. Only sums that full scale cannot hold
    are clipped, and in a float file not even those.

    Rate, channels and kind of numbers are those of the video's sound; where it has none, of the first piece.

    Args:
        output: a .wav; RF64 where it passes 4 GiB. It appears whole or not at all.
        pieces: what is added, in any order: mono goes to all front channels, anything goes to mono as the mean.
        kept: spans [start, end) in seconds after the video's first picture, in any order.
        own: the video; None for none.
        seconds: how long the result is; the file has ceil(rate seconds) samples, silent where nothing is heard.
        progress: receives progress.

    Raises:
        ValueError: neither the video nor a piece has sound.
        MediaError: the sound of a piece or of the video cannot be read, or a piece is empty.
        Wav2LipError: the file cannot be written.
    """
    tracks, video, form = _looked_at(pieces, own)
    total = samples_until(seconds, form.rate)

    def opened(path: Path, wanted: int) -> Opened:
        sound, container = tracks[path]
        since = whole_seconds(wanted, form.rate, sound, container)
        return _brought_to(form, path, sound, container, since), since * form.rate

    fade = round(FADE * form.rate)
    stage = (progress or Progress()).stage("Putting the sound together", total // form.rate, "s")
    with (
        whole_file(output) as part, open(part, "wb") as file, stage as advance,
        closing(_Own(video, kept if video else (), form, fade)) as kept_sound,
        closing(heard(pieces, form.rate, total, opened, fade)) as blocks,
    ):
        file.write(wave_header(form.rate, form.channels, form.bits, form.floating, total, form.speakers))
        done = 0
        for length, sounds in blocks:
            block = kept_sound.block(done, length)
            for at, samples in sounds:
                block[at : at + len(samples)] += samples * form.full_scale
            file.write(form.stored(block))
            advance((done + length) // form.rate - done // form.rate)
            done += length
        file.write(bytes(total * form.channels * form.bits // 8 % 2))


def assemble_commands(
    pieces: Sequence[Piece], kept: Sequence[tuple[Fraction, Fraction]], own: Clip | None
) -> list[list[str]]:
    """Return the command lines by which `assemble_sound` decodes, each from the beginning of its file.

    Args:
        pieces, kept, own: as there.

    Raises:
        ValueError, MediaError: as there.
    """
    tracks, video, form = _looked_at(pieces, own)
    commands = [sound_command(path, *tracks[path], "f64le", speakers=_mixed(form, tracks[path][0])) for path in tracks]
    if video is not None and kept:
        commands.append(sound_command(video.path, *audio_track(video.path), form.decoded))
    return commands


def assembled_track(pieces: Sequence[Piece], own: Clip | None) -> tuple[Sound, str]:
    """Return what `audio_track` will say of the file that `assemble_sound` makes of these.

    Raises:
        ValueError, MediaError: as there.
    """
    _, _, form = _looked_at(pieces, own)
    codec = f"pcm_{'f' if form.floating else 's'}{form.bits}le"
    return Sound(codec, form.rate, form.channels, 0.0, speakers=form.speakers), "wav"


@dataclass(frozen=True)
class _Form:
    """What the samples of a file are.

    Attributes:
        rate: Hz.
        channels: how many.
        bits: of a sample.
        floating: whether it is a floating-point number.
        speakers: what each channel is for, of `SPEAKERS`; () where that is unknown.
    """

    rate: int
    channels: int
    bits: int
    floating: bool
    speakers: tuple[str, ...]

    @classmethod
    def of(cls, sound: Sound) -> _Form:
        """Return the smallest form that holds all that a decoder gives."""
        kinds = {"u8": (16, False), "s16": (16, False), "flt": (32, True), "dbl": (64, True)}
        bits, floating = kinds.get(sound.numbers, (24 if sound.codec.startswith("pcm_s24") else 32, False))
        return cls(sound.sample_rate, sound.channels, bits, floating, _speakers(sound))

    @property
    def decoded(self) -> str:
        """Of `NUMBERS`: what its samples are decoded to."""
        return f"f{self.bits}le" if self.floating else "s16le" if self.bits == 16 else "s32le"

    @property
    def full_scale(self) -> float:
        return 1.0 if self.floating else 2.0 ** (self.bits - 1)

    @property
    def spread(self) -> np.ndarray:
        """How loud one channel is in each of these: float64 (1, channels)."""
        front = [speaker in _FRONT for speaker in self.speakers] or [number < 2 for number in range(self.channels)]
        return np.array([front if any(front) else [True] * self.channels], np.float64)

    def units(self, samples: np.ndarray) -> np.ndarray:
        """Return decoded samples as float64, full scale as `full_scale` says."""
        return samples / (2.0**8 if self.bits == 24 else 1.0)

    def stored(self, block: np.ndarray) -> bytes:
        """Return float64 samples (n, channels) of that scale as the file holds them."""
        if not self.floating:
            block = np.clip(np.rint(block), -self.full_scale, self.full_scale - 1)
        stored = block.astype(NUMBERS[self.decoded])
        return stored.view(np.uint8).reshape(-1, 4)[:, :3].tobytes() if self.bits == 24 else stored.tobytes()


class _Own:
    """A video's own sound, heard in some spans, and fading beside them.

    Args:
        video: None for silence.
        kept: seconds after its first picture.
        form: what its samples are.
        fade: samples in which it comes and goes.
    """

    def __init__(self, video: Clip | None, kept: Sequence[tuple[Fraction, Fraction]], form: _Form, fade: int):
        self._form, self._fade = form, fade
        spans = [(samples_until(start, form.rate), samples_until(end, form.rate)) for start, end in kept]
        self._spans = [span for span in spans if span[0] < span[1]]
        self._recording: Recording | None = None
        if video is not None:
            self._late = round(video.start * form.rate)     # samples before the first picture
            track = audio_track(video.path)
            self._recording = Recording(video.path, (decoded(video.path, *track, form.decoded), 0))

    def block(self, start: int, length: int) -> np.ndarray:
        """Return float64 (length, channels) from sample `start` of the result on."""
        block = np.zeros((length, self._form.channels))
        gain = self._gain(np.arange(start, start + length))
        rows = np.flatnonzero(gain)
        if self._recording is not None:
            rows = rows[rows + start + self._late >= 0]
            if len(rows):
                first = int(rows[0])
                samples = self._recording.read(first + start + self._late, int(rows[-1]) + 1 - first)
                rows = rows[rows < first + len(samples)]
                block[rows] = self._form.units(samples[rows - first]) * gain[rows, None]
        return block

    def close(self) -> None:
        if self._recording is not None:
            self._recording.close()

    def _gain(self, at: np.ndarray) -> np.ndarray:
        """Return how loud it is at samples of the result: 1 in the spans, falling to 0 beside them."""
        gain = np.zeros(len(at))
        for first, stop in self._spans:
            if first - self._fade <= at[-1] and stop + self._fade > at[0]:
                slope = np.minimum(at - first + 1 + self._fade, stop + self._fade - at) / (self._fade + 1)
                gain = np.maximum(gain, np.clip(slope, 0, 1))
        return gain


def _looked_at(
    pieces: Sequence[Piece], own: Clip | None
) -> tuple[dict[Path, tuple[Sound, str]], Clip | None, _Form]:
    """Return the tracks of the pieces, the video if it has sound, and what the samples of a file become."""
    tracks = {piece.path: audio_track(piece.path) for piece in pieces}
    video = own if own is not None and own.sound is not None else None
    if video is None and not pieces:
        raise ValueError("there is no sound to put together")
    return tracks, video, _Form.of(audio_track(video.path)[0] if video else tracks[pieces[0].path][0])


def _speakers(sound: Sound) -> tuple[str, ...]:
    return sound.speakers or _USUAL.get(sound.channels, ())


def _mixed(form: _Form, sound: Sound) -> tuple[str, ...]:
    """Return the channels that ffmpeg has to bring a recording to for a form; () where it has not to."""
    speakers = _speakers(sound)
    mixed = sound.channels > 1 < form.channels and speakers and form.speakers and set(speakers) != set(form.speakers)
    return form.speakers if mixed else ()


def _brought_to(form: _Form, path: Path, sound: Sound, container: str, since: int) -> Generator[np.ndarray]:
    """Yield a recording, from a whole second on, at the rate and in the channels of a form: float64 (n, channels)."""
    given = 0
    with closing(decoded(path, sound, container, "f64le", since=since, speakers=_mixed(form, sound))) as blocks:
        for block in resampled(blocks, sound.sample_rate, form.rate, quality="VHQ"):
            given += len(block)
            if block.shape[1] == form.channels:
                yield block
            else:
                yield block.mean(axis=1, keepdims=True) @ form.spread
    if not given and not since:
        raise MediaError(f"The audio track of {path} is empty.")
