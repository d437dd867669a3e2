"""What is special about the speech, and how its length fits the video's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from wav2lip.doctor.finding import Finding, note, ok
from wav2lip.media.probe import audio_track
from wav2lip.media.sound import SAMPLE_RATE
from wav2lip.pipeline.hearing import Heard
from wav2lip.pipeline.options import SyncOptions
from wav2lip.pipeline.prepare import EXTENDED
from wav2lip.pipeline.script import Script
from wav2lip.pipeline.source import Source

MUCH = 0.5          # of the recording in which nobody speaks
IN_SILENCE = {
    "closed": "the mouth is closed",
    "source": "the source is shown as it is",
    "model": "the generator decides what the mouth does",
}


def look_at_recording(path: Path, options: SyncOptions) -> Iterator[Finding]:
    """Say what a recording is.

    Args:
        path: the file.
        options: of the run.

    Raises:
        MediaError: it cannot be read, or has no sound.
    """
    sound, _container = audio_track(path)
    length = f", {sound.duration:.2f} s" if sound.duration else ""
    yield ok("sound", "recording", f"{path.name}: {sound.codec}, {sound.sample_rate} Hz, {sound.channels} "
                                   f"channel{'s' if sound.channels != 1 else ''}{length}.")
    if sound.channels == 1:
        alone = options.one_recording and options.mix is None    # else it is mixed with other sound
        yield note("sound", "mono", f"It is mono{', and so is the sound of the result' if alone else ''}; the lips are "
                                    "the same as with two channels.")
    elif sound.channels > 2:
        yield note("sound", "surround", f"The mean of its {sound.channels} channels moves the lips, music and noise "
                                        "in them too.", "Give the speech alone, and all of it with --mix.")
    if sound.sample_rate < SAMPLE_RATE:
        yield note("sound", "low-sample-rate", f"The generator hears up to {SAMPLE_RATE // 2} Hz, this recording has "
                                               f"nothing above {sound.sample_rate // 2}: hisses may be missed.")


def look_at_speech(heard: Sequence[Heard], options: SyncOptions) -> Iterator[Finding]:
    """Say how much of what is heard is silence."""
    for lines, speech in heard:
        name = lines[0].recording.name
        if not len(speech.voice):
            continue
        share = float((speech.voice == 0).mean())
        fate = IN_SILENCE[options.in_silence]
        if not (speech.voice > 0).any():
            yield note("sound", "silence", f"Nobody speaks in {name}: {fate} throughout (--silence).",
                       "Is it the right file? --vad silero hears speech in noise that energy does not tell.")
        elif share > MUCH:
            yield note("sound", "silence", f"In {share:.0%} of {name} nobody speaks; there {fate} (--silence).",
                       "If somebody does, --vad silero may hear it.")
        else:
            yield ok("sound", "speech", f"Somebody speaks in {1 - share:.0%} of {name}; in pauses {fate} (--silence).")


def look_at_length(source: Source, script: Script, options: SyncOptions) -> Iterator[Finding]:
    """Say whether video and sound last as long as each other, and what becomes of it where they do not."""
    fps, have, wanted = source.fps, source.frames, script.frames
    if source.still:
        yield ok("length", "length", f"The picture is shown for the {_seconds(wanted / fps)} of the sound.")
        return
    if options.whole:
        yield ok("length", "length", f"The result lasts as long as the video, {_seconds(have / fps)}.")
        return
    lasts = f"The sound lasts {_seconds(wanted / fps)}, the video {_seconds(have / fps)}"
    if wanted > have:
        yield note("length", "length-mismatch", f"{lasts}: {EXTENDED[options.extension]} "
                                                f"(--extend {options.extension}).",
                   "--extend bounce, loop, freeze, stretch or cut chooses.")
    elif have - wanted > 1:
        yield note("length", "length-mismatch", f"{lasts}: the result ends with the sound, and the last "
                                                f"{_seconds((have - wanted) / fps)} of the video are left out.",
                   "--keep-audio keeps all of the video, with its own sound after the recording.")
    else:
        yield ok("length", "length", f"{lasts}.")


def _seconds(value: object) -> str:
    return f"{float(value):.2f} s"    # type: ignore[arg-type]
