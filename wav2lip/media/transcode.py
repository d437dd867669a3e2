"""A video decoded and encoded again by ffmpeg alone: what any program that changes it has to wait for at least."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import ffmpeg

from wav2lip.errors import Wav2LipError
from wav2lip.media.clip import Clip
from wav2lip.media.encoding import Encoding, decide, sound_options
from wav2lip.media.ffmpeg import Process, command, open_input, url, whole_pictures
from wav2lip.media.picture import Pixels
from wav2lip.media.probe import audio_track
from wav2lip.media.write import output_options


def transcode(clip: Clip, sound: Path, output: Path, encoding: Encoding, pixels: Pixels, frames: int) -> None:
    """Write a clip as `VideoWriter` would write its unchanged pictures, with the same encoder and options.

    Args:
        clip: the video; it starts over where it is too short.
        sound: a file whose first audio track is put beside the picture.
        output: what to write; an existing file is replaced.
        encoding: codec and quality.
        pixels: the layout in which the writer would be given the pictures.
        frames: how many to write.

    Raises:
        UsageError: the output's name or the encoding makes no sense.
        Wav2LipError: ffmpeg failed.
    """
    decided = decide(output, encoding, clip.width, clip.height, source=clip, pixels=pixels)
    options = output_options(
        output, encoding, decided, width=clip.width, height=clip.height, pixels=pixels, colour=clip.colour,
        pixel_aspect=clip.pixel_aspect,
    )
    track, container = audio_track(sound)
    # Of the input: a limit on the output would cut the sound too. Half a frame early, so that rounding adds none.
    limits = {"t": f"{float((frames - Fraction(1, 2)) / clip.fps):.6f}"}
    again = {"stream_loop": -1} if frames > clip.frames else {}
    picture = open_input(clip.path, **whole_pictures(), **limits, **again)
    inputs = picture["V:0"], open_input(sound, format=container)["a:0"]
    options |= sound_options(output, track)
    with Process(command(ffmpeg.output(*inputs, url(output), map_chapters=-1, **options))) as process:
        if process.finish() != 0:
            raise Wav2LipError(f"{clip.path} could not be transcoded: {process.last_words()}.")
