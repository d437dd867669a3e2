"""A video in which it can be seen who was found where: boxes, labels and the number of the shot."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np

from wav2lip.cast.colours import Paint, paint_of
from wav2lip.cast.seen import Seen
from wav2lip.cast.survey import Survey
from wav2lip.cast.times import in_words
from wav2lip.evaluation.drawing import draw_text, text_width
from wav2lip.media.clip import Frame
from wav2lip.media.prefetch import frames_waiting, prefetch
from wav2lip.media.read import read_frames
from wav2lip.media.write import VideoWriter
from wav2lip.progress import Progress

LINES = 270              # of the frame's shorter side: how often the width of a line goes into it
WORDS = 22               # likewise the height of a label
NARROWEST, LOWEST = 2, 18    # pixels of a line and of a label, however small the frame


def write_overlay(path: Path, survey: Survey, progress: Progress) -> None:
    """Write a copy of a clip in which everybody is framed in their colour; it appears whole or not at all.

    Frames flow; the sound is put beside them, without re-encoding where that can be.

    Args:
        path: the video to write.
        survey: of the clip.
        progress: is told how far it is.

    Raises:
        UsageError: the name of the output makes no sense.
        MediaError: the clip cannot be decoded.
        Wav2LipError: the output cannot be written.
    """
    clip = survey.clip
    writer = VideoWriter(
        path,
        width=clip.width,
        height=clip.height,
        fps=clip.fps,
        colour=clip.colour,
        pixel_aspect=clip.pixel_aspect,
        sound=None if clip.sound is None else clip.path,
        sound_from=clip.start,
    )
    frames = prefetch(read_frames(clip, 0, survey.frames), frames_waiting(3 * clip.width * clip.height))
    pen = Pen(survey)
    with progress.stage("Writing the overlay", survey.frames) as advance, writer, closing(frames):
        for number, frame in enumerate(frames):
            pen.draw(frame, number)
            writer.write(frame)
            advance(1)


class Pen:
    """Draws into the frames of a clip, which come in their order.

    Args:
        survey: of the clip.
    """

    def __init__(self, survey: Survey):
        self._survey = survey
        shorter = min(survey.clip.width, survey.clip.height)
        self._line, self._word = max(NARROWEST, round(shorter / LINES)), max(LOWEST, round(shorter / WORDS))
        self._next = [0] * len(survey.people)

    def draw(self, frame: Frame, number: int) -> None:
        """Draw into a frame, uint8 (height, width, 3), what is known of it; the smaller faces over the larger ones."""
        here = []
        for at, person in enumerate(self._survey.people):
            row = self._row(at, person, number)
            if row is not None:
                here.append((person.boxes[row], person.label, paint_of(at)))
        for box, label, paint in sorted(here, key=lambda face: -_area(face[0])):
            self._face(frame, box, label, paint)
        time = in_words(number / self._survey.clip.fps)
        self._words(frame, f"shot {self._survey.shots[number] + 1}   {time}", 0, 0, Paint((24, 21, 19), (238,) * 3))

    def _row(self, at: int, person: Seen, number: int) -> int | None:
        """Return the row of a person in a frame, which is not before the one asked for last; None if there is none."""
        row = self._next[at]
        while row < len(person.frames) and person.frames[row] < number:
            row += 1
        self._next[at] = row
        return row if row < len(person.frames) and person.frames[row] == number else None

    def _face(self, frame: Frame, box: np.ndarray, label: str, paint: Paint) -> None:
        """Frame a face: the line's outer edge is the box."""
        x1, y1, x2, y2 = (round(float(side)) for side in box)
        across, down = min(self._line, x2 - x1), min(self._line, y2 - y1)
        frame[y1 : y1 + down, x1:x2] = frame[y2 - down : y2, x1:x2] = paint.colour
        frame[y1:y2, x1 : x1 + across] = frame[y1:y2, x2 - across : x2] = paint.colour
        top = y1 - self._word
        self._words(frame, label, x1, top if top >= 0 else y1, paint)

    def _words(self, frame: Frame, text: str, left: int, top: int, paint: Paint) -> None:
        """Write on a ground of its own, moved into the frame where it would reach beyond it."""
        height, width = frame.shape[:2]
        high, wide = min(self._word, height), min(text_width(self._word, text), width)
        left, top = min(left, width - wide), min(top, height - high)
        words = draw_text(wide, high, (text, ""), ground=paint.colour, ink=paint.ink)
        frame[top : top + high, left : left + wide] = words


def _area(box: np.ndarray) -> float:
    return float((box[2] - box[0]) * (box[3] - box[1]))
