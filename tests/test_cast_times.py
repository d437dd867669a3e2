"""Times as people write them."""

from __future__ import annotations

from fractions import Fraction as F

import pytest

from wav2lip.cast.times import Span, in_full, in_words, parse_span, parse_time
from wav2lip.errors import UsageError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", F(0)), ("3s", F(3)), ("9.5", F(19, 2)), ("9,5 s", F(19, 2)), (".1", F(1, 10)), ("250ms", F(1, 4)),
        ("33.3MS", F(333, 10_000)), ("1:02.5", F(125, 2)), ("90:00", F(5400)), ("1:02:03.25", F(3723) + F(1, 4)),
        (" 00:00:03,500 ", F(7, 2)), ("100:00:00", F(360_000)), ("1001/30000", F(1001, 30_000)),
        ("1001 / 30000s", F(1001, 30_000)),
    ],
)
def test_a_time_is_exact_in_every_spelling(text: str, seconds: F) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "", "s", "x", "-1", "+1", "1e3", "nan", "inf", "1/0", "75f", "1.2.3", "1:60", "1:60:00", "1:2:3:4", ":30", "1:",
        "9.", "1_000", "٣", "3s 4s", "3\n4", "1,000,000", "9" * 5000, "1/" + "9" * 5000,
    ],
    ids=range(24),
)
def test_what_is_no_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match=r"is not a time, such as 9\.5s, 250ms, 1:02\.5") as caught:
        parse_time(text)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("3s-9.5s", Span(F(3), F(19, 2))), ("3s-", Span(F(3), None)), ("-4s", Span(F(0), F(4))),
        (" 0:03 - 1:02.5 ", Span(F(3), F(125, 2))), ("1001/30000-1002/30000", Span(F(1001, 30_000), F(1002, 30_000))),
    ],
)
def test_a_span_may_be_open_on_either_side(text: str, span: Span) -> None:
    assert parse_span(text) == span


@pytest.mark.parametrize("text", ["", "-", "3s", "3s-4s-5s", "-3s-4s", "--4s"])
def test_what_is_no_span_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match=r"is not a span of time, such as 3s-9\.5s, 3s- \(to the end\)"):
        parse_span(text)


@pytest.mark.parametrize("text", ["9s-3s", "3s-3s", "3s-3000ms", "-0s"])
def test_a_span_has_to_last(text: str) -> None:
    with pytest.raises(UsageError, match="ends before it has begun"):
        parse_span(text)


def test_a_time_in_a_span_is_named_where_it_is_wrong() -> None:
    with pytest.raises(UsageError, match="'9x' is not a time"):
        parse_span("3s-9x")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (F(0), "0:00.00"), (F(7, 2), "0:03.50"), (F(1001, 30_000), "0:00.033"), (F(59_9996, 10_000), "1:00.00"),
        (F(3723) + F(255, 1000), "1:02:03.255"), (F(5999), "1:39:59.00"),
    ],
)
def test_people_read_times_to_the_millisecond(seconds: F, words: str) -> None:
    assert in_words(seconds) == words
    assert abs(parse_time(words) - seconds) <= F(1, 2000)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (F(0), "0"), (F(100), "100"), (F(7, 2), "3.5"), (F(1001, 30_000), "1001/30000"), (F(1, 10**9), "0.000000001"),
        (F(1, 10**10), "1/10000000000"), (F(1001 * 30, 30_000), "1.001"),
        (F(0.1), "3602879701896397/36028797018963968"),
    ],
)
def test_files_hold_times_exactly(seconds: F, text: str) -> None:
    assert in_full(seconds) == text
    assert parse_time(text) == seconds
