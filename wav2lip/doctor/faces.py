"""What is special about the faces in a source."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from wav2lip.cast.seen import runs
from wav2lip.cast.times import in_words
from wav2lip.doctor.finding import Finding, note, ok, problem
from wav2lip.doctor.sample import Sample
from wav2lip.faces.sights import longest_gap
from wav2lip.faces.track import FaceTrack
from wav2lip.models.generator import FACE_SIZE
from wav2lip.pipeline.options import SyncOptions
from wav2lip.pipeline.prepare import NARROW
from wav2lip.pipeline.source import Source
from wav2lip.pipeline.who import Cast
from wav2lip.progress import Progress

SOFT = 3.0              # times the generator's size: a mouth that is enlarged so much is visibly soft
MOST_STRETCHES = 5      # without a face that are told one by one


def look_at_faces(cast: Cast, found: Sample | None, source: Source, options: SyncOptions) -> Iterator[Finding]:
    """Say who is seen, how large, and where nobody is.

    Args:
        cast: who is there.
        found: the samples that tell; None where it is known of every frame.
        source, options: of the run.
    """
    tracks = {label: cast.track(label, Progress(), "cpu") for label in cast.labels}
    looked = "at it before" if found is None else f"in {found.looks} of {found.total} frames"
    seen = np.any([track.seen for track in tracks.values()], axis=0) if tracks else np.zeros(0, bool)
    if not seen.any():
        yield problem("faces", "no-face", f"No face was found; {cast.found_by} looked {looked}.",
                      "Choose another --detector, or say where it is with --box top bottom left right.")
        return
    yield from _people(cast, tracks, looked, options)
    yield from _faceless(seen, found, source)
    first = tracks.get(cast.person(options.who), tracks[cast.labels[0]])
    yield from _size(first, options)
    yield from _held(first, options)
    if found is not None and not source.still:
        told = "all frames" if found.judged >= found.total else f"{found.judged} of {found.total} frames"
        yield ok("faces", "shots", f"{found.cuts} cuts in {told}; faces are never carried from one shot to the next.")
    elif not source.still:
        yield ok("faces", "shots", f"{int(first.shot.max(initial=0) - first.shot.min(initial=0))} cuts.")


def _people(cast: Cast, tracks: dict[str, FaceTrack], looked: str, options: SyncOptions) -> Iterator[Finding]:
    if cast.found_by == "box":
        yield ok("faces", "people", "The face is where --box says, in every frame; nobody looks for it.")
        return
    by = "they come from --track" if cast.found_by == "track" else f"{cast.found_by} looked {looked}"
    chosen = options.who is not None or options.voices or options.edits
    if len(tracks) > 1 and not chosen:
        yield note("faces", "several-people", f"{len(tracks)} people are seen ({by}); the one on screen longest is "
                                              "synced.", "--person chooses; `wav2lip faces` shows who is who.")
    else:
        many = "One person is" if len(tracks) == 1 else f"{len(tracks)} people are"
        yield ok("faces", "people", f"{many} seen ({by}).")


def _faceless(seen: np.ndarray, found: Sample | None, source: Source) -> Iterator[Finding]:
    # Of samples only what was seen counts: nobody knows how long somebody is away around it.
    numbers = np.arange(len(seen)) if found is None else found.numbers
    rows = runs(np.flatnonzero(~seen[numbers]))
    if found is not None:
        rows = [row for row in rows if not _is_bridged(row, numbers, longest_gap(source.fps))]
    stretches = [(int(numbers[start]), int(numbers[end - 1]) + 1) for start, end in rows]
    if not stretches:
        return
    fps = source.fps
    words = ", ".join(f"{in_words(start / fps)} to {in_words(end / fps)}" for start, end in stretches[:MOST_STRETCHES])
    more = f", and {len(stretches) - MOST_STRETCHES} times more" if len(stretches) > MOST_STRETCHES else ""
    least = "" if len(numbers) >= len(seen) else " at least"
    yield note("faces", "faceless", f"Nobody is seen{least} from {words}{more}: such frames pass through unchanged.",
               "Another --detector may see more; --range syncs some of the video alone.")


def _is_bridged(row: tuple[int, int], numbers: np.ndarray, longest: int) -> bool:
    """Whether a run would bridge the time without a face between two samples with one: it looks at more frames."""
    start, end = row
    return start > 0 and end < len(numbers) and numbers[end] - numbers[start - 1] <= longest


def _size(track: FaceTrack, options: SyncOptions) -> Iterator[Finding]:
    sides = track.boxes[track.seen]
    widths, heights = sides[:, 2] - sides[:, 0], sides[:, 3] - sides[:, 1]
    width, height = float(np.median(widths)), float(np.median(heights))
    narrow = float((widths < NARROW).mean())
    larger = height / FACE_SIZE
    if narrow:
        yield note("faces", "small-face", f"The face is less than {NARROW} pixels wide in {narrow:.0%} of the frames "
                                          f"(about {width:.0f}×{height:.0f}); its mouth will hardly be seen to move.",
                   "Take a larger version of the video.")
    elif larger > SOFT and options.enhance is None and not options.compat:
        yield note("faces", "large-face", f"The face is about {width:.0f}×{height:.0f} pixels and is generated at "
                                          f"{FACE_SIZE}×{FACE_SIZE}: its mouth will be softer than the rest.",
                   "--enhance WEIGHTS makes it sharper (`wav2lip models` lists some).")
    else:
        yield ok("faces", "size", f"The face is about {width:.0f}×{height:.0f} pixels; it is generated at "
                                  f"{FACE_SIZE}×{FACE_SIZE}.")


def _held(track: FaceTrack, options: SyncOptions) -> Iterator[Finding]:
    seen = track.seen
    if track.facing is not None:
        aside = float((track.facing[seen] == 0).mean())
        if aside:
            yield note("faces", "turned", f"In {aside:.0%} of its frames the face is turned aside by more than "
                                          f"{options.max_yaw:g} degrees and left as it is.", "--max-yaw allows more.")
    if track.angle is not None:
        leaning = float((np.abs(np.nan_to_num(track.angle[seen])) > 0).mean())
        if leaning:
            yield ok("faces", "tilted", f"In {leaning:.0%} of its frames the face leans; it is cut out along its own "
                                        "axis (--no-tilt leaves that).")

