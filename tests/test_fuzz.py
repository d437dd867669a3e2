"""Every parser of ours understands whatever it is given, or refuses it in a sentence, and is done soon."""

from __future__ import annotations

import io
import json
import pickle
import re
import struct
import tempfile
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import click
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wav2lip.batch.job import Job, failed
from wav2lip.batch.journal import Journal
from wav2lip.batch.read import read_jobs
from wav2lip.cast.cue import check_cues
from wav2lip.cast.edl import read_edits, write_edits
from wav2lip.cast.selectors import parse_at, parse_label, parse_person, parse_voice
from wav2lip.cast.times import Span, in_full, in_words, parse_span, parse_time
from wav2lip.cast.track_file import check_tracks, read_tracks
from wav2lip.cli.batch import batch as batch_command
from wav2lip.cli.columns import columns, job_options
from wav2lip.cli.parameters import LIST_OPTIONS, FourNumbers, Rate, dash, join_lists
from wav2lip.cli.sync import sync as sync_command
from wav2lip.cli.sync import sync_options
from wav2lip.errors import UsageError, Wav2LipError
from wav2lip.evaluation.inputs import find_videos
from wav2lip.media.boxes import check_index
from wav2lip.media.clip import SPEAKERS
from wav2lip.media.limits import Limits, allow, parse_limits
from wav2lip.media.probe import audio_track, probe
from wav2lip.media.wave import wave_header
from wav2lip.models import pickles
from wav2lip.models.checkpoint import read_checkpoint
from wav2lip.models.foreign import describe
from wav2lip.pipeline.options import SyncOptions
from wav2lip.protocols.lists import read_pairs
from wav2lip.protocols.protocol import PROTOCOLS

SECONDS = Fraction(10)

# Bounded in time, and the same inputs in every run.
settings.register_profile(
    "bounded",
    derandomize=True,
    max_examples=60,
    deadline=2000,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
settings.load_profile("bounded")


def pieces(*parts: str) -> st.SearchStrategy[str]:
    """Return texts that are put together of what a parser knows, of numbers that are too much, and of anything."""
    common = [
        "",
        " ",
        ",",
        ";",
        ":",
        "-",
        "=",
        ".",
        "/",
        "\n",
        "\r",
        "\t",
        '"',
        "'",
        "#",
        "\0",
        "\ufeff",
        "\u2028",
        "\udcff",
        "é",
        "٣",
        "0",
        "1",
        "9.5",
        "1e999999999",
        "-1e-999999999",
        "NaN",
        "inf",
        "9" * 5000,
        "[" * 3000,
    ]
    known = st.sampled_from([*parts, *common])
    return st.lists(known | known | st.text(max_size=5), max_size=12).map("".join)


def mutated(whole: bytes) -> st.SearchStrategy[bytes]:
    """Return a good file with pieces of it cut out, doubled, or replaced."""
    place, content = (
        st.integers(0, len(whole)),
        st.binary(max_size=9) | st.sampled_from([b"\xff" * 8, bytes(8), b"\x7f" * 4]),
    )
    change = st.tuples(place, st.integers(0, 16), content)

    def apply(changes: list[tuple[int, int, bytes]]) -> bytes:
        data = whole
        for at, length, new in changes:
            data = data[:at] + new + data[at + length :]
        return data

    return st.lists(change, max_size=5).map(apply)


def on_file(suffix: str, content: bytes, read: Callable[[Path], object]) -> None:
    """Write a file and let it be read, which may be refused."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"file{suffix}"
        path.write_bytes(content)
        with suppress(Wav2LipError):
            read(path)


@given(pieces("0:01:02.5", "250ms", "1001/30000", "s", "h"))
def test_times(text: str) -> None:
    with suppress(UsageError):
        seconds = parse_time(text)
        assert seconds >= 0
        assert parse_time(in_full(seconds)) == seconds
        in_words(seconds)


@given(pieces("3s-9.5s", "s", "0:01"))
def test_spans(text: str) -> None:
    with suppress(UsageError):
        span = parse_span(text)
        assert isinstance(span, Span)
        assert span.end is None or span.end > span.start >= 0


@given(pieces("A", "AA", "largest", "12.5s:640,360", "A=first.wav", "s:", ","))
def test_selectors(text: str) -> None:
    for parse in (parse_label, parse_person, parse_at, parse_voice):
        with suppress(UsageError):
            parse(text)


LISTS = {
    ".csv": ["start,end,person,audio,from\n", "3s,9.5s,A,a.wav,1.5s\n", '"', "largest", "a, b.wav"],
    ".json": [
        '[{"start": 3, "end": "9.5s", "person": "A", "audio": "a.wav", "from": 1.5}]',
        '{"edits": [',
        "{",
        "}",
        "]",
        '"start": ',
        "null",
        "true",
        '"\\ud800"',
        '{"start": 1}',
    ],
    ".srt": ["1\n00:00:03,000 --> 00:00:09,500\nA: a.wav @ 1.5s\n\n", " --> ", "99:59:59,999", " @ ", "A: "],
}


@pytest.mark.parametrize("suffix", LISTS)
def test_edit_lists(suffix: str) -> None:
    @given(pieces(*LISTS[suffix]))
    def check(text: str) -> None:
        def read(path: Path) -> None:
            cues = read_edits(path)
            with suppress(Wav2LipError):
                check_cues(cues, SECONDS)
            again = path.with_name(f"again{suffix}")
            write_edits(again, cues)
            if suffix != ".srt":  # that knows milliseconds only
                assert read_edits(again) == cues

        on_file(suffix, text.encode(errors="surrogateescape" if "\udcff" in text else "replace"), read)

    check()


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=4) | st.just([1.0, 2.0, 30.5, 40.0]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "people",
                    "label",
                    "boxes",
                    "landmarks",
                    "fps",
                    "frames",
                    "size",
                    "shots",
                    "format",
                    "version",
                    "bounding_boxes",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)
PERSON = st.fixed_dictionaries(
    {"label": st.sampled_from(["A", "B", "a", ""]), "boxes": JSON | st.just([[1, 2, 30, 40], None])}
)


@given(
    JSON
    | st.fixed_dictionaries(
        {"people": st.lists(PERSON, max_size=3)}, optional={"fps": JSON, "frames": JSON, "size": JSON, "shots": JSON}
    )
)
def test_tracks(content: Any) -> None:
    def read(path: Path) -> None:
        check_tracks(read_tracks(path), 3, (64, 36), Fraction(25))

    on_file(".json", json.dumps(content).encode(), read)


JOBS = {
    ".csv": ["face,audio,output,crf,range,range\n", "a.mp4,b.wav,,23,0s-2s,\n", "*", "**", "[a-", '"', "person"],
    ".jsonl": ['{"face": "a.mp4", "voice": ["A=b.wav"], "pads": [0, 20, 0, 0]}\n', '{"face": "', '"}', "null", "{}"],
}


@pytest.mark.parametrize("suffix", JOBS)
def test_jobs_files(suffix: str) -> None:
    params, names = batch_command.make_context("batch", []).params, {option.name for option in job_options()}
    said = {name: value for name, value in params.items() if name in names}

    @given(pieces(*JOBS[suffix]))
    def check(text: str) -> None:
        def read(path: Path) -> None:
            for job in read_jobs(path, path.parent / "out", columns(said)):
                assert isinstance(job, Job) or "should not happen" not in (job.error or "")

        on_file(suffix, text.encode(errors="surrogatepass"), read)

    check()


@given(mutated(b'{"key": "a", "where": "line 1", "output": "a.mp4", "status": "done", "exit_code": 0}\n' * 2))
def test_journals(content: bytes) -> None:
    def read(path: Path) -> None:
        with Journal(path) as journal:
            journal.add(failed(Job("line 2", "a.mp4", "a.wav", "b.mp4", SyncOptions()), "it is bad.", 3))

    on_file(".jsonl", content, read)


@given(pieces("a/1 b/2\n", "\r\n", "../x", "file.txt", "/dev/zero"))
def test_lists_of_files(text: str) -> None:
    content = text.encode(errors="surrogateescape" if "\udcff" in text else "replace")

    def read(path: Path) -> None:
        with suppress(Wav2LipError):
            find_videos([path])
        for protocol in PROTOCOLS.values():
            with suppress(Wav2LipError):
                read_pairs(protocol, path.parent, path)

    on_file(".txt", content, read)


def saved(zipped: bool) -> bytes:
    file = io.BytesIO()
    torch.save(
        {"state_dict": {"a.weight": torch.ones(2, 3), "b": torch.ones(4).half()}, "global_step": 7},
        file,
        _use_new_zipfile_serialization=zipped,
    )
    return file.getvalue()


@given(
    mutated(pickle.dumps({"a": [1, (2, 3)], "b": ("storage", 5)}, 2)) | mutated(saved(False)) | st.binary(max_size=99)
)
def test_pickles(content: bytes) -> None:
    for scan in (pickles.contents, pickles.legacy_contents):
        with suppress(*pickles.BROKEN):
            scan(io.BytesIO(content))


ENTRY = st.fixed_dictionaries(
    {},
    optional={
        "dtype": st.sampled_from(["F32", "F16", "I64", "X", ""]) | JSON,
        "shape": JSON | st.just([4]),
        "data_offsets": JSON | st.just([0, 16]) | st.lists(st.integers(-(2**70), 2**70), max_size=3),
    },
)


@given(st.dictionaries(st.text(max_size=3) | st.just("__metadata__"), ENTRY | JSON, max_size=4), st.integers(-9, 9))
def test_safetensors(header: dict[str, Any], off: int) -> None:
    text = json.dumps(header).encode()
    content = struct.pack("<Q", max(0, len(text) + (off if abs(off) > 5 else 0))) + text + bytes(16)
    on_file(".safetensors", content, lambda path: read_checkpoint(path, unknown=True))


@pytest.mark.parametrize("zipped", [True, False])
def test_weights(zipped: bool) -> None:
    @given(mutated(saved(zipped)))
    def check(content: bytes) -> None:
        on_file(".pth", content, lambda path: read_checkpoint(path, unknown=True))

    check()


@given(st.binary(max_size=1024))
def test_what_is_no_weights_file(content: bytes) -> None:
    assert all(describe(content))


def box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + name + content


INDEX = b"".join(
    (
        box(b"ftyp", b"isom" * 3),
        box(
            b"moov", box(b"trak", box(b"mdia", box(b"minf", box(b"stbl", box(b"stsz", struct.pack(">III", 0, 1, 9))))))
        ),
        box(b"moof", box(b"traf", box(b"trun", struct.pack(">II", 0, 9)))),
    )
)


@given(mutated(INDEX) | st.binary(max_size=200))
def test_indexes_of_videos(content: bytes) -> None:
    on_file(".mp4", content, check_index)
    on_file(".mp4", content, probe)


@given(
    st.integers(1, 2**32 - 1),
    st.integers(1, 64),
    st.sampled_from([8, 16, 24, 32]),
    st.booleans(),
    st.integers(0, 2**40),
    st.lists(st.sampled_from(sorted(SPEAKERS)), max_size=8),
)
def test_headers_of_sounds(
    rate: int, channels: int, bits: int, floating: bool, frames: int, speakers: list[str]
) -> None:
    rate = min(rate, (2**32 - 1) // (channels * bits // 8))
    header = wave_header(rate, channels, bits, floating, frames, speakers)
    assert header[-8:-4] == b"data"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.wav"
        path.write_bytes(header + bytes(min(frames * channels * bits // 8, 1 << 16)))
        if frames and 1000 <= rate <= 10**6 and frames / rate < 86_400 and bits + floating not in (9, 17, 25):
            sound, kind = audio_track(path)
            assert (sound.sample_rate, sound.channels, kind) == (rate, channels, "wav")


LIMITS = pieces("pixels", "duration", "fps", "streams", "=", "300M", "48h", ",", "k", "d")


@given(LIMITS, st.fractions(0, 10**17))
def test_limits(text: str, value: Fraction) -> None:
    with suppress(UsageError):
        assert isinstance(parse_limits(text), Limits)
    try:
        allow(Path("a"), pixels=value, duration=value)
    except Wav2LipError as error:
        advised = parse_limits(str(error).rpartition("--limit ")[2].rstrip("."))
        assert advised.pixels >= value or advised.duration >= value


OPTIONS = sorted({name for option in sync_command.params for name in option.opts})
WORDS = st.lists(
    st.sampled_from([*OPTIONS, *(name.replace("-", "_") for name in OPTIONS), *LIST_OPTIONS])
    | pieces("0 10 0 0", "[0, 1, 2, 3]", "--pads=", "A=b.wav", "3s-9s", "largest", "25", "30000/1001", "h264"),
    max_size=8,
)


@given(WORDS)
def test_command_lines(words: list[str]) -> None:
    joined = join_lists([dash(word, OPTIONS) for word in words])
    assert "".join(re.sub(r"[-_,=]", "", word) for word in joined) == "".join(
        re.sub(r"[-_,=]", "", word) for word in words
    )
    # No word of a command line has a zero byte, and limits are for the process.
    words = [word.replace("\0", "") for word in words if word not in ("--help", "--limit")]
    with suppress(click.UsageError, Wav2LipError):
        context = sync_command.make_context("sync", ["--face", "a.mp4", "--audio", "a.wav", *words])
        chosen = dict(context.params)
        for name in ("face", "audio", "output", "quiet", "verbose", "as_json", "profiled", "min_score", "dry_run"):
            chosen.pop(name)
        sync_options(chosen)


@given(pieces("0 10 0 0", "[0, 1, 2, 3]", "30000/1001"))
def test_numbers_of_options(text: str) -> None:
    with suppress(click.UsageError):
        assert len(FourNumbers().convert(text, None, None)) == 4
    with suppress(click.UsageError):
        assert Rate().convert(text, None, None) >= 0
