"""Edit lists: what people, spreadsheets and subtitle editors write, read exactly or refused by line."""

from __future__ import annotations

import re
from fractions import Fraction as F
from pathlib import Path

import pytest

from wav2lip.cast.cue import Cue
from wav2lip.cast.edl import read_edits, write_edits
from wav2lip.errors import MediaError, UsageError

A = Cue(F(3), F(19, 2), "A", Path("first.wav"), F(3, 2))
B = Cue(F(19, 2), None, "B", None)


def read(folder: Path, name: str, content: str | bytes) -> tuple[Cue, ...]:
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_edits(folder / name)


def refusal(folder: Path, name: str, content: str | bytes) -> str:
    with pytest.raises(UsageError) as caught:
        read(folder, name, content)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def expected(tmp_path: Path) -> tuple[Cue, ...]:
    return (Cue(A.start, A.end, "A", tmp_path / "first.wav", A.skip), B)


@pytest.mark.parametrize(
    "content",
    [
        "start,end,person,audio,from\n3s,9.5s,A,first.wav,1.5s\n9.5s,,B,,\n",
        "person,from,audio,end,start\nA,1.5,first.wav,9.5,0:03\nb,,,,9500ms",
        "# who says what\n\n Start , End,Person,Audio,From\r\n3,9.5, a ,\"first.wav\",1.5\r\n\r\n  # later\r\n"
        "9.5,,B\r\n,,,,\r\n",
        "\ufeffstart;end;person;audio;from;;\r\n3;9,5;A;first.wav;1,5;;\r\n00:00:09,500;;B;;;;\r\n;;;;;;\r\n",
        'start\tend\tperson\taudio\tfrom\r"# a, b"\r3\t9,5\tA\tfirst.wav\t1,5\r9,5\t\tB\r',
    ],
    ids=["plain", "other_order", "comments", "semicolons", "tabs"],
)
def test_a_table_is_read_as_editors_and_spreadsheets_write_it(
    tmp_path: Path, expected: tuple[Cue, ...], content: str
) -> None:
    assert read(tmp_path, "edits.csv", content) == expected


@pytest.mark.parametrize(
    "content",
    [
        '[{"start": 3, "end": 9.5, "person": "A", "audio": "first.wav", "from": 1.5},{"start": "9.5s", "person": "B"}]',
        '\ufeff{"edits": [{"from": "1.5s", "audio": "first.wav", "person": "a", "end": "0:09.5", "start": 3.0},\r\n'
        ' {"start": 9.50, "end": null, "person": "B", "audio": null, "from": null}]}',
    ],
    ids=["list", "object"],
)
def test_json_is_read_with_times_as_numbers_or_texts(tmp_path: Path, expected: tuple[Cue, ...], content: str) -> None:
    assert read(tmp_path, "edits.JSON", content) == expected


@pytest.mark.parametrize(
    "content",
    [
        "1\n00:00:03,000 --> 00:00:09,500\nA: first.wav @ 1.5s\n\n2\n00:00:09,500 --> 99:59:59,999\nB\n",
        "\ufeff\r\n\r\n00:00:03.000-->00:00:09.500  X1:0 X2:9\r\n  a :first.wav   @  0:01.5\r\n  \r\n\r\n"
        "00:00:09,500 --> 99:59:59,999\r\nb:",
    ],
    ids=["plain", "untidy"],
)
def test_subtitles_say_who_and_after_a_colon_what(tmp_path: Path, expected: tuple[Cue, ...], content: str) -> None:
    assert read(tmp_path, "edits.srt", content) == expected


def test_numbers_in_json_are_not_rounded(tmp_path: Path) -> None:
    content = '[{"start": 0.1, "end": 12345678901234567.000000001, "audio": "a", "from": 5E-17}]'
    (cue,) = read(tmp_path, "edits.json", content)
    assert (cue.start, cue.end, cue.skip) == (F(1, 10), 12345678901234567 + F(1, 10**9), F(5, 10**17))


def test_a_cue_knows_its_place(tmp_path: Path) -> None:
    places = [
        read(tmp_path, "a.csv", "\nstart,end\n# x\n3,4\n")[0].where,
        read(tmp_path, "b.json", '[{"start": 3}]')[0].where,
        read(tmp_path, "c.srt", "\n1\n00:00:03,000 --> 00:00:04,000\nA\n")[0].where,
    ]
    assert places == [f"{tmp_path / 'a.csv'}, line 4", f"{tmp_path / 'b.json'}, row 1", f"{tmp_path / 'c.srt'}, line 3"]


def cues(folder: Path) -> list[Cue]:
    return [
        Cue(F(0), F(1, 1000), None, None),
        Cue(F(1), F(2), None, folder / "sub" / "a,b;c \"d\" #1: x.wav"),
        Cue(F(7, 2), F(4), "A", folder / "é ö.wav", F(1, 3)),
        Cue(F(4), F(5), "AA", folder / "a @ b.wav"),
        Cue(F(5), F(6), "B", folder / "@ b.wav"),
        Cue(F(6), F(7), "C", Path("/elsewhere/x.wav"), F(1, 10**10)),
        Cue(F(359_998), None, "talking", None),
    ]


@pytest.mark.parametrize("ending", [".csv", ".json", ".srt"])
def test_what_is_written_is_read_as_equal(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "new" / f"edits{ending}"
    write_edits(path, cues(path.parent))
    assert list(read_edits(path)) == cues(path.parent)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("ending", [".csv", ".json"])
def test_times_of_odd_rates_come_back_exactly(tmp_path: Path, ending: str) -> None:
    odd = [Cue(F(1001 * i, 30_000), F(1001 * (i + 1), 30_000), "A", None) for i in range(200)]
    write_edits(tmp_path / f"e{ending}", odd)
    assert list(read_edits(tmp_path / f"e{ending}")) == odd


def test_times_of_odd_rates_still_mean_the_same_frames_as_subtitles(tmp_path: Path) -> None:
    times = [F(1001 * i, 30_000) for i in range(500)]
    write_edits(tmp_path / "e.srt", [Cue(a, b, "A", None) for a, b in zip(times, times[2:], strict=False)])
    for number, cue in enumerate(read_edits(tmp_path / "e.srt")):
        assert cue.end is not None
        assert [i for i, time in enumerate(times) if cue.start <= time < cue.end] == [number, number + 1]


def test_recordings_beside_the_list_are_named_relative_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cue = Cue(F(0), F(1), "A", Path("lists/x/a.wav"))
    write_edits(Path("lists/e.csv"), [cue])
    assert Path("lists/e.csv").read_text() == "start,end,person,audio,from\n0,1,A,x/a.wav,\n"
    assert read_edits(Path("lists/e.csv")) == (cue,)
    write_edits(Path("e.srt"), [Cue(F(0), F(1), "A", Path("../a.wav"))])
    assert read_edits(Path("e.srt"))[0].audio == Path("../a.wav")
    write_edits(Path("lists/f.json"), [Cue(F(0), F(1), "A", Path("a.wav"))])
    assert read_edits(Path("lists/f.json"))[0].audio == tmp_path / "a.wav"


def test_an_edit_of_less_than_a_millisecond_is_no_subtitle(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"edit 1: it is too short for \.srt"):
        write_edits(tmp_path / "e.srt", [Cue(F(1), F(1) + F(1, 2000), "A", None)])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a\nb.wav", " a.wav", "a\x00.wav", "a\udcff.wav", "a\u2028.wav"])
def test_a_name_that_a_list_cannot_hold_is_refused_and_nothing_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"edit 2: .* is no name that a list can hold"):
        write_edits(tmp_path / "e.csv", [B, Cue(F(0), None, "A", tmp_path / name)])
    assert not list(tmp_path.iterdir())


HEADER = "start,end,person,audio,from\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty. Its first line has to be start,end,person,audio,from"),
        ("# only\n\n", "is empty"),
        ("3s,9.5s,A\n", "line 1: the first line has to name the columns, .*; '3s' is none of them"),
        ("\nstart,end,note\n", "line 2: the first line has to name the columns, .*; 'note' is none of them"),
        ("start,end,,audio\n", "line 1: the first line has to name the columns, .*; '' is none of them"),
        ("start,person\n", "line 1: the first line has to name the columns, .* start and end"),
        ("start,end,start\n", "line 1: the first line has to name the columns, .* each once"),
        (HEADER + "\n3s,9.5s,A,a.wav,,x\n", r"line 3: it has 6 cells for the columns .* A row looks like 3s,9\.5s,A"),
        (HEADER + "3,5,9,5,A,a.wav\n", "line 2: it has 6 cells"),
        (HEADER + '3s,"9.5s,A\n4s,5s\n', "line 2: it is not a row of a table .* a row looks like"),
        (HEADER + ",9.5s,A\n", "line 2: it has no start"),
        (HEADER + "soon,9.5s,A\n", "line 2: 'soon' is not a time, such as 9.5s"),
        (HEADER + "3s,-9.5s,A\n", "line 2: '-9.5s' is not a time"),
        (HEADER + "3s,9.5s,Mr. X\n", "line 2: 'Mr. X' is not a person, who is a label, such as A"),
        (HEADER + "3s,9.5s,A,,1.5s\n", "line 2: it says where to start in a recording .* name the audio too"),
        (HEADER + "3s,9.5s,A,a.wav,x\n", "line 2: 'x' is not a time"),
        (HEADER + "3s,9.5s,A,a\x00.wav\n", "line 2: "),
        (HEADER + "3s,9.5s,A," + "x" * 200_000 + "\n", "line 2: it is not a row of a table"),
    ],
    ids=range(18),
)
def test_a_malformed_line_of_a_table_is_named(tmp_path: Path, content: str, words: str) -> None:
    message = refusal(tmp_path, "edits.csv", content)
    assert re.search(words, message), message
    assert message.startswith(str(tmp_path / "edits.csv"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "line 1: this is not JSON"),
        ('[{"start": 3},\n {"start": 4}\n', "line 3: this is not JSON"),
        ("[" * 100_000, "is nested too deeply"),
        ("3", 'is neither a list nor {"edits": a list} of rows such as'),
        ('{"cuts": []}', "is neither a list"),
        ('[{"start": 3}, 4]', "row 2: '4' is not an object, such as"),
        ('[{"start": 3, "note": ""}]', "row 1: there is no 'note' in an edit; it has start, end"),
        ('[{"start": true}]', "row 1: 'start' cannot be True; a row looks like"),
        ('[{"start": [1]}]', "row 1: 'start' cannot be"),
        ('[{"start": 3, "audio": 5}]', "row 1: 'audio' cannot be '5'"),
        ('[{"start": 3, "person": 5}]', "row 1: 'person' cannot be '5'"),
        ('[{"start": 3, "person": "5"}]', "row 1: '5' is not a person"),
        ('[{"start": NaN}]', "row 1: 'NaN' is not a time"),
        ('[{"start": -1}]', "row 1: '-1' is not a time"),
        ('[{"start": 1e999999999}]', "row 1: '1e999999999' is not a time"),
        ('[{"start": ' + "9" * 5000 + "}]", "row 1: '99999"),
        ('[{"end": 3}]', "row 1: it has no start"),
        ('[{"start": 3, "audio": "\\ud800.wav"}]', "row 1: .* is no name that a list can hold"),
        ('[{"start": 3, "audio": " "}]', "row 1: ' ' is no name that a list can hold"),
    ],
    ids=range(19),
)
def test_a_malformed_row_of_json_is_named(tmp_path: Path, content: str, words: str) -> None:
    message = refusal(tmp_path, "edits.json", content)
    assert re.search(words, message), message
    assert message.startswith(str(tmp_path / "edits.json"))


TIMES = "1\n00:00:03,000 --> 00:00:04,000\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("A\n", "line 1: 'A' is not the time of a subtitle, such as 00:00:03,000 --> 00:00:09,500"),
        ("7\n", "line 1: '7' is not the time of a subtitle"),
        ("1\n00:00:03,000 - 00:00:04,000\nA\n", "line 2: .* is not the time of a subtitle"),
        ("1\n00:00:03:12 --> 00:00:04,000\nA\n", "line 2: '00:00:03:12' is not a time"),
        (TIMES, "line 2: a subtitle's text is one line that says who says what: A, A: first.wav, or"),
        (TIMES + "A\n\n" + TIMES + "A\nB\n", "line 6: a subtitle's text is one line"),
        (TIMES + "Hello there, how are you?\n", "line 2: 'Hello there, how are you\\?' is not a person"),
        (TIMES + "<i>A</i>\n", "line 2: '<i>A</i>' is not a person"),
        (TIMES + "A: a.wav @ soon\n", "line 2: 'soon' is not a time"),
        (TIMES + "A: @ 1.5s\n", "line 2: it says where to start in a recording .* name the audio too"),
    ],
    ids=range(10),
)
def test_a_malformed_subtitle_is_named(tmp_path: Path, content: str, words: str) -> None:
    message = refusal(tmp_path, "edits.srt", content)
    assert re.search(words, message), message
    assert message.startswith(str(tmp_path / "edits.srt"))


def test_a_list_of_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"its name has to end in \.csv, \.json, \.srt"):
        read_edits(tmp_path / "edits.txt")
    with pytest.raises(UsageError, match="its name has to end in"):
        write_edits(tmp_path / "edits", [B])


def test_a_file_that_is_no_text_or_not_there_is_a_matter_of_media(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"edits.csv does not exist"):
        read_edits(tmp_path / "edits.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(MediaError, match="is a folder"):
        read_edits(tmp_path / "folder.csv")
    for content in ("start,end\né".encode("latin-1"), "start,end\n".encode("utf-16"), b"\x00\x00\x00\x1cftyp\xff"):
        with pytest.raises(MediaError, match="not a text file in UTF-8"):
            read(tmp_path, "edits.csv", content)


def test_a_film_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    with open(tmp_path / "film.csv", "wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(MediaError, match="no list that people write"):
        read_edits(tmp_path / "film.csv")


def test_a_list_that_cannot_be_written_leaves_the_older_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "edits.csv"
    write_edits(path, [B])
    before = path.read_bytes()

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(Exception, match=r"edits.csv cannot be written: No space left"):
        write_edits(path, [B, A])
    assert path.read_bytes() == before
