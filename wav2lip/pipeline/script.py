"""Who says what when: what the options and an edit list ask for, as lines on the result's clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from itertools import pairwise
from math import ceil
from pathlib import Path

from wav2lip.cast.cue import Cue, check_cues
from wav2lip.cast.edl import read_edits
from wav2lip.cast.times import Span, in_words
from wav2lip.errors import UsageError
from wav2lip.media.placed import Piece
from wav2lip.media.sound import SAMPLE_RATE, read_samples
from wav2lip.pipeline.options import SyncOptions, Who
from wav2lip.pipeline.source import Source
from wav2lip.progress import Progress

Spans = tuple[tuple[Fraction, Fraction], ...]
"""Seconds from and to, in order; they do not touch."""


@dataclass(frozen=True)
class Line:
    """What one person says without a break.

    Attributes:
        who: says it.
        start, end: seconds on the result's clock in which the person is synced.
        recording: of it.
        origin: seconds on the result's clock where the recording's beginning would be heard, before `start` or after.
    """

    who: Who
    start: Fraction
    end: Fraction
    recording: Path
    origin: Fraction

    @property
    def whole_piece(self) -> Piece:
        """All of the recording, but for what would come before the result."""
        return Piece(self.recording, max(self.origin, Fraction(0)), None, max(-self.origin, Fraction(0)))

    def frames(self, fps: Fraction) -> range:
        """Return the frames that are shown from `start` on and before `end`."""
        return range(ceil(self.start * fps), ceil(self.end * fps))


@dataclass(frozen=True)
class Script:
    """All that is said in a result.

    Attributes:
        lines: at least one.
        frames: of the result.
        sound: the file that is the result's sound as it is; None where that is put together from the other two.
        pieces: of recordings.
        kept: where the video's own sound is heard.
    """

    lines: tuple[Line, ...]
    frames: int
    sound: Path | None
    pieces: tuple[Piece, ...] = ()
    kept: Spans = ()

    @property
    def recordings(self) -> list[Path]:
        """All files that are heard."""
        return [line.recording for line in self.lines]

    def lanes(self) -> list[tuple[Line, ...]]:
        """Return the lines in as few sequences as can be, within which nobody speaks while another does.

        A line joins the sequence in which its own recording goes on, where it can.
        """
        lanes: list[list[Line]] = []
        for line in sorted(self.lines, key=lambda line: (line.start, line.end)):
            free = [lane for lane in lanes if lane[-1].end <= line.start]
            same = [lane for lane in free if lane[-1].recording == line.recording]
            if free:
                (same or free)[0].append(line)
            else:
                lanes.append([line])
        return [tuple(lane) for lane in lanes]


def heard_in(lane: Sequence[Line]) -> tuple[Piece, ...]:
    """Return what the networks hear in a lane: a recording is heard around its lines too, if it is the only one."""
    if len({(line.recording, line.origin) for line in lane}) == 1:
        return (lane[0].whole_piece,)
    return pieces_of(lane)


def pieces_of(lines: Iterable[Line]) -> tuple[Piece, ...]:
    """Return what is heard of recordings: once, whoever says it, and without a break where one line follows another."""
    spans: dict[tuple[Path, Fraction], list[tuple[Fraction, Fraction]]] = {}
    for line in sorted(lines, key=lambda line: line.start):
        heard = spans.setdefault((line.recording, line.origin), [])
        start = max(line.start, line.origin)
        if heard and start <= heard[-1][1]:
            heard[-1] = heard[-1][0], max(heard[-1][1], line.end)
        else:
            heard.append((start, line.end))
    return tuple(
        Piece(recording, start, end, start - origin) for (recording, origin), heard in spans.items()
        for start, end in heard
    )


def whole_pieces(lines: Iterable[Line]) -> tuple[Piece, ...]:
    """Return all of each recording, once."""
    return tuple(dict.fromkeys(line.whole_piece for line in lines))


def make_script(audio: Path | None, source: Source, options: SyncOptions, progress: Progress) -> Script:
    """Return what is to be said, from the options and the lengths of the recordings.

    Args:
        audio: the recording of a run with one; None where voices or an edit list name theirs.
        source, options: of the run, which is not a `compat` one.
        progress: is told which recordings are too long or too short.

    Raises:
        UsageError: options or rows that make no sense for these inputs.
        MediaError: a recording or an edit list that cannot be read.
    """
    length = cache(_seconds)
    if not options.whole:
        lines = list(_voices(audio, options, Fraction(0)))
        frames = max(ceil(length(line.recording) * source.fps) for line in lines)
        lines = list(_voices(audio, options, frames / source.fps))
        return Script(tuple(lines), frames, options.mix, whole_pieces(lines))

    if source.still:
        raise UsageError(
            f"{source.clip.path} is a single picture and has no time of its own; leave out --range, --edl, "
            "--audio-start and --keep-audio."
        )
    seconds = source.frames / source.fps
    voices = [] if options.edits else list(_voices(audio, options, seconds))
    if options.edits:
        lines = list(_edits(options.edits, audio, source, options))
    elif options.ranges:
        lines = list(_ranges(voices, source, options))
    else:
        lines = [replace(line, start=line.origin, end=min(line.origin + length(line.recording), seconds))
                 for line in voices]
    for line in lines:
        _check_recording(line, line.origin + length(line.recording), progress)
    keep = options.keeps_sound
    pieces = pieces_of(lines) if keep or options.edits else whole_pieces(voices)
    kept = _between([(line.start, line.end) for line in lines], seconds) if keep else ()
    if options.mix:
        return Script(tuple(lines), source.frames, options.mix)
    return Script(tuple(lines), source.frames, None, pieces, kept)


def _voices(audio: Path | None, options: SyncOptions, seconds: Fraction) -> Iterator[Line]:
    """Yield a line of so many seconds for every recording that the options name."""
    if options.voices and audio is not None:
        raise UsageError("--audio and --voice contradict each other; say with --voice who says it.")
    named: list[tuple[Who, Path | None]] = [(voice.person, voice.path) for voice in options.voices]
    if not named:
        named = [(options.who, audio)]
    for person, recording in named:
        if recording is None:
            raise UsageError("There is nothing to say; name a recording with --audio, --voice or --edl.")
        yield Line(person, Fraction(0), seconds, recording, options.audio_start)


def _ranges(voices: Iterable[Line], source: Source, options: SyncOptions) -> Iterator[Line]:
    """Yield the lines of each voice in the ranges."""
    seconds = source.frames / source.fps
    spans = sorted(options.ranges, key=lambda span: span.start)
    for span in spans:
        check_cues([Cue(span.start, span.end, None, None, where=_named(span))], seconds, 1 / source.fps)
    for one, other in pairwise(spans):
        if one.end is None or other.start < one.end:
            raise UsageError(f"{_named(one)} and {_named(other)} overlap; make one of them.")
    for line in voices:
        for span in spans:
            yield replace(line, start=span.start, end=min(span.end or seconds, seconds))


def _named(span: Span) -> str:
    return f"--range {in_words(span.start)}-{'' if span.end is None else in_words(span.end)}"


def _edits(path: Path, audio: Path | None, source: Source, options: SyncOptions) -> Iterator[Line]:
    """Yield a line for every row of an edit list."""
    cues, seconds = read_edits(path), source.frames / source.fps
    check_cues(cues, seconds, tolerance=1 / source.fps)
    for cue in cues:
        recording, origin = cue.audio or audio, options.audio_start if cue.audio is None else cue.start - cue.skip
        if recording is None:
            raise UsageError(f"{cue.where} names no recording; name one there, or with --audio for all such rows.")
        yield Line(cue.person, cue.start, min(cue.end or seconds, seconds), recording, origin)


def _check_recording(line: Line, end: Fraction, progress: Progress) -> None:
    """Refuse a line of which nothing is recorded, and say where its recording ends within it."""
    if line.origin >= line.end:
        raise UsageError(
            f"{line.recording} begins at {in_words(line.origin)}, and whoever says it is synced until "
            f"{in_words(line.end)} only; begin earlier with --audio-start, or sync longer."
        )
    if line.start >= end:
        raise UsageError(
            f"{line.recording} lasts until {in_words(end)} of the video; nothing of it is left from "
            f"{in_words(line.start)} on. A recording runs on the video's clock; --audio-start says where it begins."
        )
    if end < line.end:
        progress.say(f"{line.recording} ends at {in_words(end)}; from there to {in_words(line.end)} nothing is said.")


def _seconds(recording: Path) -> Fraction:
    """Return how long a recording lasts, in whole samples: decoded, because only that tells."""
    return Fraction(sum(map(len, read_samples(recording))), SAMPLE_RATE)


def _between(spans: Iterable[tuple[Fraction, Fraction]], seconds: Fraction) -> Spans:
    """Return what the spans leave of so many seconds."""
    left, here = [], Fraction(0)
    for start, end in sorted(spans):
        if start > here:
            left.append((here, start))
        here = max(here, end)
    if here < seconds:
        left.append((here, seconds))
    return tuple(left)
