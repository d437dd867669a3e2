"""Edits that cannot be meant are refused, each with its place."""

from __future__ import annotations

from fractions import Fraction as F

import pytest

from wav2lip.cast.cue import Cue, check_cues
from wav2lip.errors import UsageError

LONG = F(10)
FRAME = F(1001, 30_000)


def cue(start: F | int, end: F | int | None, person: str | None = "A", line: int = 0) -> Cue:
    where = f"edits.csv, line {line}" if line else ""
    return Cue(F(start), None if end is None else F(end), person, None, where=where)


def refusal(*cues: Cue, tolerance: F = FRAME) -> str:
    with pytest.raises(UsageError) as caught:
        check_cues(cues, LONG, tolerance)
    return str(caught.value)


def test_edits_that_follow_each_other_or_are_of_several_people_pass_in_any_order() -> None:
    check_cues([cue(5, None), cue(0, 5), cue(2, 7, "B"), cue(0, 10, None), cue(9, None, "largest")], LONG)


def test_an_end_may_be_as_much_later_than_the_video_as_is_allowed_and_no_more() -> None:
    check_cues([cue(0, LONG + FRAME)], LONG, FRAME)
    assert refusal(cue(0, LONG + FRAME + F(1, 1000), line=2)) == (
        "edits.csv, line 2: it ends at 0:10.034, but the video ends at 0:10.00; leave the end out to go on to the last "
        "frame."
    )
    with pytest.raises(UsageError, match="but the video ends"):
        check_cues([cue(0, LONG + FRAME)], LONG)


def test_a_start_lies_in_the_video() -> None:
    check_cues([cue(LONG - F(1, 1000), None)], LONG)
    assert refusal(cue(10, None, line=4)) == (
        "edits.csv, line 4: it starts at 0:10.00, but the video ends at 0:10.00."
    )
    assert "it starts before the video does" in refusal(cue(-1, 5))


@pytest.mark.parametrize("end", [3, 2])
def test_an_end_is_after_its_start(end: int) -> None:
    assert refusal(cue(3, end, line=7)) == f"edits.csv, line 7: its end, 0:0{end}.00, is not after its start, 0:03.00."


def test_overlapping_edits_of_one_person_are_both_named() -> None:
    late, early = cue(F(49, 10), 6, line=2), cue(0, 5, line=9)
    assert refusal(late, early) == (
        "edits.csv, line 2: it starts at 0:04.90, but person A is busy until 0:05.00 (edits.csv, line 9); one person "
        "says one thing at a time."
    )
    assert "busy until the end (edits.csv, line 3)" in refusal(cue(0, None, line=3), cue(8, 9, line=4))


def test_two_edits_of_the_unnamed_person_overlap_too() -> None:
    assert "the person that is not named is busy" in refusal(cue(0, 5, None), cue(4, 6, None))


def test_an_edit_without_a_place_is_counted() -> None:
    one = cue(0, 5)
    assert refusal(one, one).startswith("edit 2: it starts at 0:00.00, but person A is busy until 0:05.00 (edit 1)")


def test_an_empty_list_is_refused() -> None:
    assert "is empty" in refusal()
