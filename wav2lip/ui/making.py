"""What a visitor asks for, as the command line would have it: inputs, options, and the words that ask for the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from wav2lip.batch.job import Job
from wav2lip.batch.work import Worker
from wav2lip.errors import UsageError, Wav2LipError
from wav2lip.media.probe import audio_track, probe
from wav2lip.pipeline.options import SyncOptions
from wav2lip.pipeline.output import default_output
from wav2lip.pipeline.prepare import open_source
from wav2lip.progress import Progress
from wav2lip.ui.options import Field, named, values
from wav2lip.ui.session import Session

FACE, SOUND = "face", "audio"
RECORDED = "h264"        # the codec of results whose face a browser has recorded


@dataclass(frozen=True)
class Tongue:
    """The command line, which nothing but itself imports.

    Attributes:
        command: `wav2lip sync`.
        spelled: gives the words of its values.
        text_of: gives the word of one.
        options: makes the library's options of its values.
    """

    command: click.Command
    spelled: Callable[[click.Command, Mapping[str, Any]], list[str]]
    text_of: Callable[[Any], str]
    options: Callable[[dict[str, Any]], SyncOptions]


@dataclass(frozen=True)
class Wish:
    """A sync that a visitor wants.

    Attributes:
        face, audio: their files.
        options: everything else.
        words: the command that makes the same of files of these names.
    """

    face: Path
    audio: Path | None
    options: SyncOptions
    words: list[str]


@dataclass(frozen=True)
class Made:
    """A result.

    Attributes:
        output: where it is.
        seconds: how long it took.
        report: `SyncReport.to_dict`.
    """

    output: Path
    seconds: float
    report: dict[str, Any]

    @property
    def beside(self) -> list[Path]:
        """What else was written, such as a record of what it was made from."""
        found = (path for path in self.output.parent.iterdir() if path.is_file() and path != self.output)
        return sorted(path for path in found if not path.name.startswith("."))

    @property
    def in_words(self) -> str:
        """What is told of it."""
        sync = self.report.get("sync")
        score = f" Lips and speech fit with a confidence of {sync['confidence']:.3f}." if sync else ""
        return f"{self.output.name}: {self.report['frames']} frames in {self.seconds:.1f} seconds.{score}"


def wish(
    tongue: Tongue, given: Mapping[str, Any], fields: Sequence[Field], session: Session, files: Mapping[str, Any],
    said: Sequence[Any], *, silent: bool = False, recorded: bool = False,
) -> Wish:
    """Return what a visitor wants.

    Args:
        tongue: the command line.
        given: what whoever runs the page says of all options.
        fields: the options that are shown.
        session: the visitor's.
        files: uploads by role, `FACE` and `SOUND`; None for one that is missing.
        said: of each field, by the browser.
        silent: whether there need be no sound.
        recorded: whether the face comes from a webcam.

    Raises:
        UsageError: something is missing, or makes no sense; in the words of the command line.
    """
    def adopt(role: str, upload: Any) -> Path | None:
        return session.adopt(role, upload) if upload else None

    face, audio = adopt(FACE, files.get(FACE)), adopt(SOUND, files.get(SOUND))
    if face is None:
        raise UsageError("Choose a face first: a video or a picture.")
    if audio is None and not silent:
        raise UsageError("Choose a sound first: a file with speech in it, or record one.")
    chosen = dict(given) | dict(values(fields, said, tongue.command, adopt))
    if recorded and chosen["codec"] is None:
        chosen["codec"] = RECORDED           # browsers say that what they record may be transparent
    options = tongue.options(chosen)
    offered = {*tongue.options(dict(given)).files, *(Path(word) for field in fields for word in field.words)}
    strange = next((path for path in options.files if path not in offered and session.folder not in path.parents), None)
    if strange is not None:
        raise UsageError(f"{strange} is not a file of yours; upload it.")
    everything = named({FACE: face, SOUND: audio} | chosen, session.folder)
    return Wish(face, audio, options, ["wav2lip", "sync", *tongue.spelled(tongue.command, everything)])


def look(role: str, path: Path) -> None:
    """Make sure that a file can be a face, or a sound.

    Raises:
        MediaError: it cannot; the sentence that the command line has for it.
    """
    if role == FACE:
        probe(path)
    else:
        audio_track(path)


def make(worker: Worker, wanted: Wish, session: Session, progress: Progress) -> Made:
    """Make what a visitor wants.

    Args:
        worker: keeps the networks.
        wanted: what.
        session: the visitor's.
        progress: is told how far it is.

    Raises:
        Wav2LipError: why it cannot be made, in a sentence.
    """
    compat, codec = wanted.options.compat, wanted.options.codec
    source = None if compat else open_source(wanted.face, wanted.options, None, Progress())
    name = default_output(wanted.face, wanted.options.recording(wanted.audio), codec, source)
    output = session.results() / name
    audio = None if wanted.audio is None else str(wanted.audio)
    outcome = worker.run(Job("the page", str(wanted.face), audio, str(output), wanted.options), progress)
    if outcome.status == "failed":
        raise Wav2LipError(outcome.error or "It failed, and nobody knows why.")
    session.keep()
    return Made(output, outcome.seconds, outcome.report or {})
