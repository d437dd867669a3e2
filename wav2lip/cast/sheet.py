"""The contact sheet: who is in a video, what they look like, and when they are on screen."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from wav2lip.cast.colours import Paint, paint_of
from wav2lip.cast.portraits import Portrait, portraits
from wav2lip.cast.report import CastMember, describe
from wav2lip.cast.survey import Survey
from wav2lip.cast.times import in_words
from wav2lip.evaluation.drawing import BAR, GAP, GROUND, Text, draw_table, draw_text, text_width
from wav2lip.media.clip import Frame
from wav2lip.media.whole import whole_file
from wav2lip.progress import Progress

MOST_PEOPLE = 24         # rows: a sheet that can still be looked at
PICTURES = 6             # of each person
SIDE = 152               # pixels of a picture
LINE = 24                # pixels of a line of text
WORDS = 264              # pixels: the width of what is written about a person
TIMELINE = 20            # pixels: the height of the bar that shows when they are on screen
BARS = PICTURES * (SIDE + GAP) - GAP    # pixels: the width of the bars, and of the pictures over them
WIDTH = WORDS + GAP + BARS + GAP        # pixels: of the sheet

_TICK = 4                # pixels that the line of a cut stands out above and below such a bar
_TRACK, _CUT = (48, 42, 38), (150, 150, 150)    # the ground of the bar, and the cuts
_NOBODY = Paint((110, 110, 110), GROUND)
_TICKS = 6               # times under the bars, about
_STEPS = (Fraction(1, 10), Fraction(1, 5), Fraction(1, 2), *map(Fraction, (1, 2, 5, 10, 15, 30, 60, 120, 300, 600)))


def write_sheet(path: Path, survey: Survey, progress: Progress) -> None:
    """Write the contact sheet of a clip, a PNG that appears whole or not at all.

    Raises:
        MediaError: the clip cannot be decoded.
        Wav2LipError: the sheet cannot be written.
    """
    shown = survey.people[:MOST_PEOPLE]
    pictures = portraits(survey, shown, most=PICTURES, side=SIDE, progress=progress)
    sheet = draw_sheet(survey, pictures)
    with whole_file(path) as part:
        part.write_bytes(cv2.imencode(".png", sheet)[1].tobytes())


def draw_sheet(survey: Survey, pictures: Sequence[Sequence[Portrait]]) -> Frame:
    """Return a contact sheet: a row for each person, and the times under them.

    Args:
        survey: of the clip.
        pictures: of its first people, as many as there are to be rows.

    Returns:
        uint8 (height, width, 3), BGR.
    """
    rows = [_head(survey)]
    for at, (person, some) in enumerate(zip(survey.people, pictures, strict=False)):
        member, paint = describe(survey, person), paint_of(at)
        bar = _timeline(survey, person.stretches(), paint)
        rows += [_empty(WIDTH, GAP), _row(member, paint, some, bar)]
    if survey.faceless:
        seconds = sum(end - first for first, end in survey.faceless) / survey.clip.fps
        words = draw_text(WORDS, TIMELINE, ("nobody", f"{in_words(seconds)}"))
        rows += [_empty(WIDTH, GAP), _beside(words, _timeline(survey, survey.faceless, _NOBODY))]
    rows.append(_beside(_empty(WORDS, LINE), _times(survey)))
    left_out = len(survey.people) - len(pictures)
    if left_out:
        rows.append(draw_text(WIDTH, LINE, (f"and {left_out} more, seen more shortly or smaller", "")))
    return np.vstack(rows)


def _head(survey: Survey) -> Frame:
    clip = survey.clip
    people, shots = len(survey.people), len(survey.first_of_shots)
    found = f"{people} {'person' if people == 1 else 'people'}, {shots} {'shot' if shots == 1 else 'shots'}"
    kind = f"{in_words(survey.seconds)}   {clip.width} x {clip.height}   {float(clip.fps):.5g} frames a second"
    return np.vstack([
        draw_text(WIDTH, LINE, (clip.path.name, found), ground=BAR),
        draw_text(WIDTH, LINE, (kind, "| a cut" if shots > 1 else "")),
    ])


def _row(member: CastMember, paint: Paint, pictures: Sequence[Portrait], bar: Frame) -> Frame:
    """Return what is known of a person beside pictures of them, over the bar."""
    high = LINE + SIDE + GAP // 2 + TIMELINE
    table: list[Text] = [
        ("on screen", f"{in_words(member.seconds)}  {member.share:.0%}"),
        ("first", in_words(member.first)),
        ("last", in_words(member.last)),
        ("face", f"{member.width} x {member.height} pixels"),
        ("yaw", member.turned(" deg")),
        ("shots", str(member.shots)),
    ]
    title = draw_text(WORDS, LINE, (member.label, ""), ground=paint.colour, ink=paint.ink)
    words = np.vstack([title, draw_table(WORDS, LINE, table, len(table))])
    page = _empty(BARS, high)
    for at, portrait in enumerate(pictures):
        left = at * (SIDE + GAP)
        page[:LINE, left : left + SIDE] = draw_text(SIDE, LINE, (in_words(portrait.time), ""))
        page[LINE : LINE + SIDE, left : left + SIDE] = portrait.picture
    page[-TIMELINE:] = bar
    return _beside(np.vstack([words, _empty(WORDS, high - words.shape[0])]), page)


def _timeline(survey: Survey, stretches: Sequence[tuple[int, int]], paint: Paint) -> Frame:
    """Return a bar as long as the clip: coloured where somebody is on screen, with a line for every cut."""
    bar = np.full((TIMELINE, BARS, 3), _TRACK, np.uint8)
    for first in survey.first_of_shots[1:]:
        bar[:, _column(survey, first)] = _CUT
    for first, end in stretches:
        left, right = _column(survey, first), _column(survey, end)
        bar[_TICK:-_TICK, left : max(left + 1, right)] = paint.colour
    return bar


def _times(survey: Survey) -> Frame:
    """Return a line of times at their places under the bars."""
    line = _empty(BARS, LINE)
    step = next((step for step in _STEPS if survey.seconds / step <= _TICKS), Fraction(1800))
    for number in range(int(survey.seconds / step) + 1):
        text = in_words(number * step)
        left, wide = _column(survey, number * step * survey.clip.fps), text_width(LINE, text)
        line[:4, min(left, BARS - 1)] = _CUT
        if left + wide <= BARS:
            line[4:, left : left + wide] = draw_text(wide, LINE - 4, (text, ""))
    return line


def _column(survey: Survey, frame: Fraction | int) -> int:
    """Return where a frame begins on a bar, in pixels; 0 to `BARS`."""
    return int(frame * BARS / survey.frames)


def _beside(words: Frame, page: Frame) -> Frame:
    return np.hstack([words, _empty(GAP, page.shape[0]), page, _empty(GAP, page.shape[0])])


def _empty(width: int, height: int) -> Frame:
    return np.full((height, width, 3), GROUND, np.uint8)
