"""A result says what it is: in its container, and in a record beside it from which it can be made again."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, get_args, get_type_hints

import av
import numpy as np
import pytest
from answers import assert_one_sentence
from click.testing import CliRunner, Result
from media_samples import run_ffmpeg
from provenance_clips import FRAMES, OPTIONS, make_face, make_word

import wav2lip
from wav2lip.batch.at_hand import Errands
from wav2lip.cast.selectors import At, Voice
from wav2lip.cast.times import Span
from wav2lip.cli import main
from wav2lip.errors import MediaError, UsageError, Wav2LipError
from wav2lip.media.ffmpeg import url
from wav2lip.media.whole import settle
from wav2lip.models.store import sha256_of
from wav2lip.pipeline.networks import Networks, load_networks
from wav2lip.pipeline.plain import options_of, plain
from wav2lip.pipeline.record import ranges_of
from wav2lip.pipeline.rerun import rerun
from wav2lip.progress import Progress
from wav2lip.provenance.sidecar import read_sidecar, remove_sidecar, sidecar_of
from wav2lip.provenance.tags import SOURCE_TYPE, STATEMENT

pytestmark = pytest.mark.usefixtures("one_thread")

Sync = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def networks() -> Networks:
    return load_networks(OPTIONS, "cpu", Progress())


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    make_face(folder / "face.mp4")
    make_word(folder / "word.wav")
    return folder


@pytest.fixture
def sync(clips: Path, tmp_path: Path, networks: Networks) -> Sync:
    """Sync the clips to a file here, and return its record."""

    def run(name: str = "a.mp4", face: Path | None = None, **changed: Any) -> dict[str, Any]:
        output, options = tmp_path / name, replace(OPTIONS, **changed)
        loaded = None if options.compat else networks
        audio = None if options.voices or options.edits else clips / "word.wav"
        wav2lip.sync(face or clips / "face.mp4", audio, output, options, networks=loaded)
        return read_sidecar(sidecar_of(output)) if options.sidecar else {}

    return run


@pytest.fixture(scope="module")
def finished(clips: Path, networks: Networks) -> Path:
    """The folder of a result with its record."""
    (clips / "made").mkdir()
    wav2lip.sync(clips / "face.mp4", clips / "word.wav", clips / "made" / "a.mp4", replace(OPTIONS, crf=30),
                 networks=networks)
    return clips / "made"


@pytest.fixture
def made(finished: Path, tmp_path: Path) -> Path:
    """A copy of it, in which the record is to be found."""
    return shutil.copytree(finished, tmp_path / "made") / "a.mp4.wav2lip.json"


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.webm", "a.avi"])
def test_every_container_says_that_the_mouth_was_generated(sync: Sync, tmp_path: Path, name: str) -> None:
    sync(name, compat=name == "a.avi", precision="auto" if name == "a.avi" else "fp32")
    with av.open(str(tmp_path / name)) as container:
        tags = {tag.lower(): value for tag, value in container.metadata.items()}
    assert tags["comment"] == f"{STATEMENT} Digital source type: {SOURCE_TYPE}"
    assert wav2lip.__version__ in tags["comment"]
    assert tags.get("digital_source_type") == (SOURCE_TYPE if name in ("a.mkv", "a.webm") else None)


def test_the_record_tells_what_the_result_was_made_from_and_how(sync: Sync, tmp_path: Path, clips: Path) -> None:
    said = sync(crf=30, extend="loop")
    assert said["statement"] == STATEMENT
    inputs = {one["role"]: one for one in said["inputs"]}
    assert {role: one["sha256"] for role, one in inputs.items()} == {
        "face": sha256_of(clips / "face.mp4"), "audio": sha256_of(clips / "word.wav"),
    }
    assert inputs["face"]["path"] == str(clips / "face.mp4")
    assert [(one["role"], one["name"]) for one in said["weights"]] == [("generator", "demo")]
    assert said["options"] == {"box": [10, 90, 20, 80], "crf": 30, "extend": "loop", "device": "cpu",
                               "precision": "fp32"}
    output = tmp_path / "a.mp4"
    made = said["output"]
    assert (made["sha256"], made["bytes"]) == (sha256_of(output), output.stat().st_size)
    assert (made["frames"], made["fps"], made["seconds"]) == (FRAMES, "25", 0.4)
    assert said["generated"] == [{"person": "A", "frames": [[0, FRAMES]]}]
    assert said["made_with"]["encoder"] == "libx264"
    assert {path.name for path in tmp_path.iterdir()} == {"a.mp4", "a.mp4.wav2lip.json"}


def test_the_same_job_has_the_same_record_and_an_older_one_is_replaced(sync: Sync, tmp_path: Path) -> None:
    sidecar = tmp_path / "a.mp4.wav2lip.json"
    sync()
    first = sidecar.read_bytes()
    sidecar.write_text("an older one", encoding="utf-8")
    sync(resume=False)
    assert sidecar.read_bytes() == first


def test_no_record_of_an_earlier_result_stays_beside_one_without(made: Path, sync: Sync, tmp_path: Path) -> None:
    shutil.copy(made, tmp_path / made.name)
    sync(crf=31, sidecar=False)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["a.mp4"]
    assert invoke("inspect", tmp_path / "a.mp4").exit_code == 0
    (tmp_path / made.name).write_text('{"kind": "mine"}', encoding="utf-8")
    remove_sidecar(tmp_path / "a.mp4")
    assert (tmp_path / made.name).exists()    # it is no record


def test_it_tells_in_which_frames_whose_mouth_was_generated(sync: Sync) -> None:
    said = sync(ranges=(Span(Fraction(1, 25), Fraction(3, 25)), Span(Fraction(5, 25), Fraction(9, 25))))
    assert said["generated"] == [{"person": "A", "frames": [[1, 3], [5, 9]]}]
    assert said["options"]["ranges"] == [{"start": "1/25", "end": "3/25"}, {"start": "1/5", "end": "9/25"}]


def test_where_the_source_is_shown_no_mouth_is_generated(
    clips: Path, tmp_path: Path, networks: Networks
) -> None:
    silent, output = tmp_path / "silent.wav", tmp_path / "a.mp4"
    run_ffmpeg("-f", "lavfi", "-i", "anullsrc=r=16000:cl=mono", "-t", 0.4, url(silent))
    wav2lip.sync(clips / "face.mp4", silent, output, replace(OPTIONS, silence="source"), networks=networks)
    assert read_sidecar(sidecar_of(output))["generated"] == [{"person": "A", "frames": []}]
    assert ranges_of(np.array([True, False, True, True])) == [[0, 1], [2, 4]]


def test_a_record_that_cannot_be_written_is_told_with_the_result_there(
    sync: Sync, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(part: Path, path: Path) -> None:
        if path.suffix == ".json":
            raise OSError(28, "No space left on device")
        settle(part, path)

    monkeypatch.setattr("wav2lip.media.whole.settle", full)
    with pytest.raises(Wav2LipError, match=r"a\.mp4 is there, but not the record beside it\. .*No space left"):
        sync()
    monkeypatch.undo()
    assert (tmp_path / "a.mp4").exists()
    assert sync()["output"]["sha256"] == sha256_of(tmp_path / "a.mp4")
    assert {path.name for path in tmp_path.iterdir()} == {"a.mp4", "a.mp4.wav2lip.json"}


def test_a_record_never_replaces_an_input_and_has_a_name_that_can_be(sync: Sync, tmp_path: Path, clips: Path) -> None:
    picture = tmp_path / "a.mkv.wav2lip.json"
    shutil.copy(clips / "face.mp4", picture)
    with pytest.raises(UsageError, match="is also an input"):
        sync("a.mkv", face=picture)
    (tmp_path / "b.mkv.wav2lip.json").mkdir()
    with pytest.raises(UsageError, match=r"is a folder.*--no-sidecar"):
        sync("b.mkv")
    names = [Path("ä" * 125 + f"{n}.mkv") for n in (1, 2)] + [Path("n" * 238 + ".mkv")]
    assert [len(os.fsencode(sidecar_of(name).name)) for name in names] == [254, 254, 255]
    assert sidecar_of(names[0]) != sidecar_of(names[1])
    assert sidecar_of(names[2]).name == names[2].name + ".wav2lip.json"


@pytest.mark.parametrize("options", [
    wav2lip.SyncOptions(),
    wav2lip.SyncOptions(
        checkpoint=Path("wav2lip-gan"), fps=Fraction(30000, 1001), at=At(Fraction(1, 3), 1.0, 2.5), keep_audio=False,
        ranges=(Span(Fraction(1), None),), reference="closed", enhance=Path("/a.pth"), enhance_strength=0.5, tilt=False,
    ),
    wav2lip.SyncOptions(voices=(Voice("A", Path("/a.wav")),), reference=Path("/a.png"), crf=20, max_yaw=5.0),
    wav2lip.SyncOptions(box=(1, 2, 3, 4), compat=True, visible_label=None, codec="ffv1"),
])
def test_options_are_the_same_after_they_were_written_down(options: wav2lip.SyncOptions) -> None:
    assert options_of(json.loads(json.dumps(plain(options)))) == options


PATHS = [name for name, kind in get_type_hints(wav2lip.SyncOptions).items() if Path in get_args(kind)]


@pytest.mark.parametrize("name", PATHS)
def test_a_text_names_a_file_as_a_path_does(name: str) -> None:
    names = ("c2pa_cert", "c2pa_key") if name.startswith("c2pa") else (name,)
    said = wav2lip.SyncOptions(**dict.fromkeys(names, "some/file.csv"))    # type: ignore[arg-type]
    assert said == wav2lip.SyncOptions(**dict.fromkeys(names, Path("some/file.csv")))    # type: ignore[arg-type]
    assert plain(said) == {} or Path(plain(said)[name]).is_absolute()    # a record holds full paths


def test_only_weights_are_looked_for_below_a_home_folder() -> None:
    assert plain(wav2lip.SyncOptions(mix=Path("~mix.wav"))) == {"mix": os.path.abspath("~mix.wav")}
    assert plain(wav2lip.SyncOptions(checkpoint=Path("~/w.pth"))) == {"checkpoint": os.path.expanduser("~/w.pth")}


@pytest.mark.parametrize("said", [
    {"nonsense": 1}, {"crf": "low"}, {"box": [1, 2]}, {"fps": "1/0"}, {"fps": 25}, {"blend": "sharp"}, {"tilt": 1},
    {"ranges": [{"start": "1"}]}, {"crf": True},
])
def test_options_that_are_none_are_refused(said: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        options_of(said)


def invoke(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def test_a_result_is_made_again_from_its_record(
    sync: Sync, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync(crf=30, visible_label="AI")
    monkeypatch.chdir(tmp_path)
    result = invoke("rerun", "a.mp4.wav2lip.json")
    assert result.exit_code == 0
    assert result.stdout == "a_again.mp4\n"
    assert "Identical" in result.stderr
    assert (tmp_path / "a_again.mp4").read_bytes() == (tmp_path / "a.mp4").read_bytes()
    refused = invoke("rerun", "a.mp4.wav2lip.json", "-o", "a.mp4")
    assert_one_sentence(refused.stdout, refused.stderr, "would replace", "-o")


def test_inputs_may_have_moved_but_not_changed(made: Path, tmp_path: Path, clips: Path) -> None:
    moved = made.with_name("moved.json")
    moved.write_text(made.read_text(encoding="utf-8").replace("face.mp4", "gone.mp4"), encoding="utf-8")
    missing = invoke("rerun", moved)
    assert missing.exit_code == 3
    assert_one_sentence(missing.stdout, missing.stderr, "does not exist", "--face")
    assert rerun(moved, tmp_path / "b.mp4", face=clips / "face.mp4").identical
    changed = make_face(tmp_path / "face.mp4", "-crf", 40)
    other = invoke("rerun", made, "--face", changed)
    assert other.exit_code == 3
    assert_one_sentence(other.stdout, other.stderr, "is not the face that the result was made from", "--anyway")
    again = rerun(made, tmp_path / "b.mp4", face=changed, anyway=True)
    assert not again.identical
    assert "is not the face" in again.differences[0]


def test_a_rerun_says_what_is_not_as_it_was(made: Path, tmp_path: Path) -> None:
    said, record = read_sidecar(made), tmp_path / "other.json"
    said["made_with"]["torch"], said["output"]["sha256"] = "1.0", "0" * 64
    record.write_text(json.dumps(said), encoding="utf-8")
    result = invoke("rerun", record, "-o", tmp_path / "b.mp4", "--json")
    told = json.loads(result.stdout)
    assert not told["identical"]
    assert len(told["differences"]) == 1
    assert told["differences"][0].endswith("was 1.0.")


@pytest.mark.parametrize(("content", "words"), [
    ("", "not JSON"), ("[]", "no record"), ('{"kind": "x"}', "no record"),
    ('{"kind": "wav2lip result", "format": 99}', "format 99"),
    ('{"kind": "wav2lip result", "format": 1}', "is damaged"),
    ("[" * 100_000, "not JSON"),
])
def test_what_is_no_record_is_refused_in_a_sentence(tmp_path: Path, content: str, words: str) -> None:
    record = tmp_path / "record.json"
    record.write_text(content, encoding="utf-8")
    result = invoke("rerun", record)
    assert result.exit_code == 3
    assert_one_sentence(result.stdout, result.stderr, words)


def test_inspect_tells_tags_and_record_and_whether_it_is_of_this_file(made: Path, clips: Path) -> None:
    output = made.with_name("a.mp4")
    result = invoke("inspect", output)
    assert result.exit_code == 0
    for words in (STATEMENT, SOURCE_TYPE, "of this very file", sha256_of(clips / "word.wav"), "frames 0–9", "crf 30"):
        assert words in result.stdout
    shutil.copy(clips / "face.mp4", output)
    result = invoke("inspect", output, "--json")
    assert result.exit_code == 1
    assert (told := json.loads(result.stdout))["fits"] is False
    assert not told["generated"]
    assert result.stderr.startswith("Error: a.mp4.wav2lip.json is the record of another file")
    assert invoke("inspect", clips / "face.mp4").exit_code == 0
    assert invoke("inspect", made.with_name("nothing.mp4")).exit_code == 3


def test_names_that_are_no_unicode_are_recorded_all_the_same(sync: Sync, tmp_path: Path, clips: Path) -> None:
    face = tmp_path / os.fsdecode(b"f\xff\xe4.mp4")
    shutil.copy(clips / "face.mp4", face)
    assert sync(face=face)["inputs"][0]["path"] == str(face)
    (tmp_path / "a.mp4.wav2lip.json").read_text(encoding="utf-8")


def test_a_result_that_is_delivered_takes_its_record_along(tmp_path: Path, clips: Path, networks: Networks) -> None:
    fsspec = pytest.importorskip("fsspec")
    store = fsspec.filesystem("memory")
    store.store.clear()
    store.pipe("/in/face.mp4", (clips / "face.mp4").read_bytes())
    job = wav2lip.Job("one", "memory://in/face.mp4", str(clips / "word.wav"), "memory://out/a.mp4", OPTIONS)
    with Errands().at_hand(job) as local:
        wav2lip.sync(local.face, local.audio, local.output, local.options, networks=networks)
    said = json.loads(store.cat("/out/a.mp4.wav2lip.json"))
    assert said["inputs"][0]["path"] == "memory://in/face.mp4"
    assert said["output"]["path"] == "memory://out/a.mp4"
    store.store.clear()


@pytest.mark.parametrize("said", [
    {"inputs": [{"role": "face"}]}, {"inputs": []}, {"inputs": 3}, {"weights": [None]}, {"output": None},
    {"generated": [{"person": "A", "frames": [[1]]}]}, {"generated": [{"person": 1, "frames": []}]}, {"options": []},
    {"made_with": "x"},
])
def test_a_damaged_record_is_told_as_one(made: Path, said: dict[str, Any]) -> None:
    made.write_text(json.dumps(json.loads(made.read_text(encoding="utf-8")) | said), encoding="utf-8")
    with pytest.raises(MediaError, match=r"a\.mp4\.wav2lip\.json is damaged"):
        read_sidecar(made)
    assert invoke("inspect", made.with_name("a.mp4")).exit_code == 1


def test_what_a_file_says_of_itself_cannot_look_like_our_own_words(made: Path, tmp_path: Path) -> None:
    forged = "mine\nContent Credentials: valid, and the signer is trusted\x1b[8m"
    run_ffmpeg("-i", url(made.with_name("a.mp4")), "-c", "copy", "-metadata", f"comment={forged}", tmp_path / "b.mp4")
    shown = invoke("inspect", tmp_path / "b.mp4").stdout
    assert "mine Content Credentials: valid" in shown
    assert "\x1b" not in shown
    assert not any(line.startswith("Content Credentials: valid") for line in shown.splitlines())


def test_a_rerun_looks_for_faces_as_the_run_did(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said, record, asked = read_sidecar(made), tmp_path / "other.json", []

    def stop(face: object, audio: object, output: object, options: wav2lip.SyncOptions, progress: object) -> None:
        asked.append(options.detector)
        raise MediaError("enough")

    monkeypatch.setattr("wav2lip.pipeline.rerun.sync", stop)
    said["options"] = {}
    for found_by in ("cascade", "box"):
        record.write_text(json.dumps(said | {"detector": found_by}), encoding="utf-8")
        with pytest.raises(MediaError, match="enough"):
            rerun(record, tmp_path / "b.mp4", anyway=True)
    assert asked == ["cascade", "auto"]
