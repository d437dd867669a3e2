"""Jobs of URLs: fetched before, delivered after, and nothing of them left on the machine."""

from __future__ import annotations

import builtins
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from batch_jobs import OPTIONS, WORDS, head, speech
from click.testing import CliRunner

import wav2lip
from wav2lip.batch.at_hand import Errands, absolute
from wav2lip.batch.job import Job
from wav2lip.batch.pairs import read_pairs
from wav2lip.batch.remote import deliver, exists, fetch, path_of, url_of
from wav2lip.cast.selectors import Voice
from wav2lip.cli import main
from wav2lip.errors import MediaError, UsageError, Wav2LipError
from wav2lip.pipeline.options import SyncOptions
from wav2lip.progress import Progress

fsspec = pytest.importorskip("fsspec")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A storage that is not the disk, with a face and a voice in it; temporary files go below `tmp_path`."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    memory = fsspec.filesystem("memory")
    memory.pipe({"/in/face.mp4": b"face", "/in/voice.wav": b"voice", "/in/weights.pth": b"weights"})
    yield memory
    memory.store.clear()
    memory.pseudo_dirs[:] = [""]


@pytest.fixture
def errands() -> Iterator[Errands]:
    errands = Errands()
    yield errands
    errands.close()


def job(output: str = "memory://out/new/a.mp4", **changed: Any) -> Job:
    options = changed.pop("options", SyncOptions())
    return Job("line 2", **({"face": "memory://in/face.mp4", "audio": "memory://in/voice.wav", "output": output,
                            "options": options} | changed))


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("s3://bucket/a b.mp4", "s3://bucket/a b.mp4"),
        (Path("s3://bucket/a.mp4"), "s3://bucket/a.mp4"),
        ("zip://a.mp4::s3://bucket/b.zip", "zip://a.mp4::s3://bucket/b.zip"),
        ("hdfs:///folder/a.mp4", "hdfs:///folder/a.mp4"),
        ("https://host:8080/a.mp4?x=1", "https://host:8080/a.mp4?x=1"),
        ("a.mp4", None),
        ("/folder/a.mp4", None),
        ("take 1: the end.mp4", None),
        ("file:///folder/a.mp4", None),
        ("C:/folder/a.mp4", None),
        ("C:\\folder\\a.mp4", None),
        ("-a.mp4", None),
        ("", None),
    ],
)
def test_urls_are_told_from_paths(name: str | Path, url: str | None) -> None:
    assert url_of(name) == url


def test_a_file_url_is_the_path() -> None:
    assert path_of("file:///folder/a b.mp4") == "/folder/a b.mp4"
    assert path_of("/folder/a.mp4") == "/folder/a.mp4"


def test_a_job_of_urls_has_its_files_at_hand_and_its_result_is_delivered(
    store: Any, errands: Errands, tmp_path: Path
) -> None:
    with errands.at_hand(job()) as local:
        assert Path(local.face).read_bytes() == b"face"
        assert Path(local.audio or "").read_bytes() == b"voice"
        assert Path(local.face).suffix == Path(local.output).suffix == ".mp4"
        Path(local.output).write_bytes(b"result")
        assert not exists("memory://out/new/a.mp4")
    assert store.cat("/out/new/a.mp4") == b"result"
    assert exists("memory://out/new/a.mp4")
    assert list(tmp_path.iterdir()) == []


def test_no_record_of_an_earlier_result_stays_beside_one_that_has_none(store: Any, errands: Errands) -> None:
    store.pipe({"/out/a.mp4": b"old", "/out/a.mp4.wav2lip.json": b"{}"})
    with errands.at_hand(job("memory://out/a.mp4", options=SyncOptions(sidecar=False))) as local:
        Path(local.output).write_bytes(b"new")
    assert store.cat("/out/a.mp4") == b"new"
    assert not store.exists("/out/a.mp4.wav2lip.json")


def test_weights_are_fetched_once_for_many_jobs(store: Any, errands: Errands, tmp_path: Path) -> None:
    options = SyncOptions(checkpoint=Path("memory://in/weights.pth"))
    seen = []
    for _ in range(2):
        with errands.at_hand(job(options=options)) as local:
            assert local.options.checkpoint is not None
            seen.append(local.options.checkpoint)
            assert local.options.checkpoint.read_bytes() == b"weights"
            Path(local.output).touch()
        store.store.pop("/in/weights.pth", None)
    assert seen[0] == seen[1]
    assert seen[0].suffix == ".pth"
    errands.close()
    assert list(tmp_path.iterdir()) == []


def test_a_job_of_paths_is_left_alone(tmp_path: Path, errands: Errands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    plain = job(face="face.mp4", audio=None, output="file:///out/a.mp4")
    with errands.at_hand(plain) as local:
        assert (local.face, local.audio, local.output) == ("face.mp4", None, "/out/a.mp4")
        assert local.options == plain.options


def test_nothing_is_delivered_when_a_job_fails(store: Any, errands: Errands, tmp_path: Path) -> None:
    def fail() -> None:
        with errands.at_hand(job()) as local:
            Path(local.output).write_bytes(b"half")
            raise MediaError(f"{local.face} is bad.")

    with pytest.raises(MediaError, match=r"^memory://in/face\.mp4 is bad\.$"):
        fail()
    assert not store.exists("/out/new/a.mp4")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ({"face": "memory://in/none.mp4"}, MediaError, "memory://in/none.mp4 is not there"),
        ({"face": "memory://in"}, MediaError, "memory://in is not there"),
        ({"face": "nonesuch://in/a.mp4"}, UsageError, "nonesuch://in/a.mp4 cannot be reached"),
        ({"output": "memory://in/face.mp4"}, UsageError, "is also an input"),
        ({"output": "memory://in/weights.pth", "options": SyncOptions(clobber=False)}, UsageError, "exists already"),
        ({"face": "memory://in/face.mp4::"}, Wav2LipError, ""),
    ],
)
def test_what_cannot_be_had_is_said_in_a_sentence(
    store: Any, errands: Errands, tmp_path: Path, changed: dict[str, Any], error: type[Wav2LipError], words: str
) -> None:
    with pytest.raises(error) as raised, errands.at_hand(job(**changed)):
        pass
    assert words in str(raised.value)
    assert str(raised.value).endswith(".")
    assert list(tmp_path.iterdir()) == []


def test_storage_that_refuses_is_said_in_a_sentence(
    store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("no key")

    result = tmp_path / "a.mp4"
    result.touch()
    monkeypatch.setattr(type(store), "get_file", refuse)
    monkeypatch.setattr(type(store), "_open", refuse)
    with pytest.raises(Wav2LipError, match=r"memory://in/face.mp4 could not be fetched: PermissionError: no key\."):
        fetch("memory://in/face.mp4", tmp_path / "face.mp4")
    with pytest.raises(Wav2LipError, match=r"memory://out/a.mp4 could not be written: PermissionError: no key\."):
        deliver(result, "memory://out/a.mp4")


def test_without_fsspec_a_url_is_answered_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch, errands: Errands) -> None:
    usual = builtins.__import__

    def none(name: str, *arguments: Any) -> Any:
        if name.partition(".")[0] == "fsspec":
            raise ModuleNotFoundError("No module named 'fsspec'", name="fsspec")
        return usual(name, *arguments)

    monkeypatch.setattr("importlib.import_module", lambda name: none(name))
    with pytest.raises(UsageError, match=r'pip install "wav2lip\[ray\]"'), errands.at_hand(job()):
        pass


def test_a_batch_of_urls_is_done_and_then_skipped(
    store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    here = tmp_path / "own"
    here.mkdir()
    store.put_file(str(head(here / "a.mp4")), "/faces/sub/a.mp4")
    store.put_file(str(speech(here / "s.wav")), "/speech/s.wav")
    command = [
        "batch", "--faces", "memory://faces/**/*.mp4", "--audios", "memory://speech/*.wav", "-o", "memory://results",
        *WORDS, "--json",
    ]
    first = CliRunner().invoke(main, command)
    assert first.exit_code == 0, first.output
    report = json.loads((tmp_path / "batch.journal.jsonl").read_text())
    assert report["output"] == report["report"]["output"] == "memory://results/sub/a_s.mp4"
    wav2lip.sync(here / "a.mp4", here / "s.wav", here / "plain.mp4", OPTIONS)
    assert store.cat("/results/sub/a_s.mp4") == (here / "plain.mp4").read_bytes()
    assert [path.name for path in tmp_path.iterdir() if path.name not in ("own", "batch.journal.jsonl")] == []
    again = json.loads(CliRunner().invoke(main, command).stdout)
    assert (again["done"], again["skipped"]) == (0, 1)
    store.rm("/results/sub/a_s.mp4")
    once_more = json.loads(CliRunner().invoke(main, command).stdout)
    assert (once_more["done"], once_more["skipped"]) == (1, 0)


def test_paths_are_made_absolute_for_workers_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.pth").touch()
    options = SyncOptions(checkpoint=Path("wav2lip-gan"), parsing=Path("own.pth"), voices=(Voice("A", Path("b.wav")),))
    told = absolute(job(face="face.mp4", audio=None, options=options))
    assert (told.face, told.audio, told.output) == (f"{tmp_path}/face.mp4", None, "memory://out/new/a.mp4")
    assert told.options.checkpoint == Path("wav2lip-gan")          # a name of `wav2lip models`
    assert told.options.parsing == tmp_path / "own.pth"
    assert told.options.voices == (Voice("A", tmp_path / "b.wav"),)


def test_what_somebody_says_may_be_elsewhere(store: Any, errands: Errands) -> None:
    voices = (Voice("A", Path("memory://in/voice.wav")), Voice("B", Path("here.wav")))
    given = job(audio=None, options=SyncOptions(voices=voices))
    assert absolute(given).options.voices == (voices[0], Voice("B", Path("here.wav").absolute()))
    with errands.at_hand(given) as local:
        first, second = local.options.voices
        assert (first.person, first.path.suffix, first.path.read_bytes()) == ("A", ".wav", b"voice")
        assert second == voices[1]
        Path(local.output).touch()


def test_a_folder_of_pairs_may_have_its_results_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("a.mp4", "a.wav", "sub/b.mp4", "sub/b.wav"):
        (tmp_path / name).touch()
    jobs = read_pairs(tmp_path, Path("memory://out"), SyncOptions(), Progress())
    assert [one.output for one in jobs] == ["memory://out/a_a.mp4", "memory://out/sub/b_b.mp4"]
