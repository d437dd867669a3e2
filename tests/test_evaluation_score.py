"""Videos are scored: lips against speech, the picture, one or many, from the command line too."""

from __future__ import annotations

import csv
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from media_samples import make_sound, make_video, run_ffmpeg
from seeded import seeded

import wav2lip
from wav2lip.cli import main
from wav2lip.errors import MediaError, NoFaceError, UsageError
from wav2lip.evaluation.inputs import find_references, find_videos, unlike_names
from wav2lip.evaluation.plot import draw_score
from wav2lip.evaluation.results import VideoScore
from wav2lip.evaluation.score import EvaluationOptions, Evaluator, evaluate
from wav2lip.evaluation.tables import SyncScore
from wav2lip.media.ffmpeg import url
from wav2lip.models.syncnet_v2 import SyncNetV2
from wav2lip.progress import Advance, Progress
from wav2lip.training import preprocess
from wav2lip.training.synth import find_recordings

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
OPTIONS = EvaluationOptions(detector="cascade", device="cpu")
QUICK = EvaluationOptions(detector="cascade", device="cpu", picture=False)
SMALL = "scale=160:160"

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def talking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drawn head and a recording, 1.6 s; the lips were not made for it."""
    path = tmp_path_factory.mktemp("talking") / "talking.mp4"
    run_ffmpeg(
        "-i", url(EXAMPLES / "face.mp4"), "-i", url(EXAMPLES / "speech.wav"), "-map", "0:v", "-map", "1:a", "-t", 1.6,
        "-vf", SMALL, "-c:v", "libx264", "-crf", 12, "-c:a", "pcm_s16le", "-f", "mov", url(path),
    )
    return path


@pytest.fixture(scope="module")
def score(talking: Path) -> VideoScore:
    return evaluate(talking, OPTIONS)


def test_a_video_is_scored_as_a_whole_by_track_and_over_time(score: VideoScore, talking: Path) -> None:
    assert (score.frames, score.faces, score.detector) == (40, 40, "cascade")
    sync = score.sync["expert"]
    assert sync.windows == 36
    assert 0 <= sync.distance <= 1
    assert 0 < sync.confidence < 1
    assert sync.offset == 15 - int(np.nanargmin(sync.curve))
    (track,) = score.tracks
    assert (track.start, track.end, track.frames, track.shot) == (0, 1.6, 40, 0)
    assert track.sync["expert"].distance == sync.distance
    assert [point.offset for point in score.over_time["expert"]] == [sync.offset]
    assert score.picture
    assert score.picture.sharpness
    assert score.picture.psnr is None
    plain = json.loads(json.dumps(score.to_dict()))
    assert plain["expert"]["sound_late_ms"] == -40 * sync.offset
    assert plain["path"] == str(talking)


def test_a_reference_tells_how_near_the_picture_is(talking: Path, tmp_path: Path) -> None:
    same = evaluate(talking, OPTIONS, reference=talking)
    assert same.picture
    assert same.reference
    assert same.picture.psnr == 100
    assert same.picture.ssim == pytest.approx(1)
    assert same.picture.colour == pytest.approx(0, abs=1e-6)
    assert same.reference.sharpness == same.picture.sharpness
    other = tmp_path / "small.mp4"
    run_ffmpeg("-i", url(talking), "-vf", "scale=80:80", url(other))
    with pytest.raises(UsageError, match="80x80"):
        evaluate(talking, OPTIONS, reference=other)


def test_the_frame_rate_makes_no_difference(talking: Path, tmp_path: Path, score: VideoScore) -> None:
    fast = tmp_path / "fast.mkv"
    run_ffmpeg("-i", url(talking), "-vf", "fps=50", "-c:v", "ffv1", "-c:a", "copy", url(fast))
    found = evaluate(fast, QUICK)
    assert (found.frames, found.faces) == (40, 40)
    # Not quite none: other frames are looked at for the face, and its boxes tremble.
    assert np.allclose(found.sync["expert"].curve, score.sync["expert"].curve, atol=0.03, equal_nan=True)


def test_sound_that_starts_before_the_picture_is_no_offset(talking: Path, tmp_path: Path, score: VideoScore) -> None:
    late = tmp_path / "late.mkv"      # both are 0.2 s later, but the sound has begun with silence
    run_ffmpeg(
        "-itsoffset", 0.2, "-i", url(talking), "-i", url(talking), "-map", "0:v", "-map", "1:a", "-c:v", "copy",
        "-af", "adelay=200", "-c:a", "pcm_s16le", url(late),
    )
    found = evaluate(late, QUICK)
    # Not quite none: other frames are looked at for the face, and its boxes tremble.
    assert np.allclose(found.sync["expert"].curve, score.sync["expert"].curve, atol=0.03, equal_nan=True)


def test_a_stretch_without_a_face_parts_two_tracks(talking: Path, tmp_path: Path, score: VideoScore) -> None:
    hidden = tmp_path / "hidden.mkv"
    grey = "drawbox=enable='between(n,14,29)':color=gray:t=fill"
    run_ffmpeg("-i", url(talking), "-vf", grey, "-c:v", "ffv1", "-c:a", "copy", url(hidden))
    found = evaluate(hidden, QUICK)
    assert [(track.start, track.end) for track in found.tracks] == [(0, 0.56), (1.2, 1.6)]
    assert found.faces == 24
    assert found.tracks[1].size == pytest.approx(found.tracks[0].size, rel=0.1)
    assert found.sync["expert"].windows == 10 + 6
    # Each window hears what it heard without the gap.
    whole, parts = score.sync["expert"], found.tracks
    assert parts[0].sync["expert"].windows == 10
    assert found.sync["expert"].distance == pytest.approx(whole.distance, abs=0.25)


def test_a_cropped_face_fills_the_frame(talking: Path, tmp_path: Path) -> None:
    weights = tmp_path / "syncnet_v2.model"
    torch.save(seeded(SyncNetV2()).state_dict(), weights)
    cropped = tmp_path / "cropped.mkv"
    run_ffmpeg("-i", url(talking), "-t", 0.6, "-vf", "crop=80:96:40:40", "-c:v", "ffv1", "-c:a", "copy", url(cropped))
    found = evaluate(cropped, EvaluationOptions(syncnet=weights, cropped=True, picture=False, device="cpu"))
    assert found.detector == "cropped"
    assert found.faces == found.frames == 15
    assert found.tracks[0].size == 96
    assert found.sync["syncnet_v2"].windows == 15 - 5
    assert found.sync["syncnet_v2"].distance > 0


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["evaluate", "--detector", "cascade", "--device", "cpu", *map(str, words)])


def test_what_cannot_be_scored_is_one_sentence(talking: Path, tmp_path: Path) -> None:
    mute = tmp_path / "mute.mp4"
    run_ffmpeg("-i", url(talking), "-an", "-c", "copy", url(mute))
    short = tmp_path / "short.mov"
    run_ffmpeg("-i", url(talking), "-t", 0.16, "-c:a", "pcm_s16le", url(short))
    sound = make_sound(tmp_path / "sound.wav", 1)
    grey = make_video(tmp_path / "grey.mkv", [np.full((96, 96, 3), 90, np.uint8)] * 25, sound=sound)
    page = tmp_path / "page.model"
    page.write_text("<!DOCTYPE html><html>Not found</html>")
    generator = EXAMPLES.parent / "checkpoints" / "demo.safetensors"
    for words, code, said in [
        ([mute], 3, "no audio track"),
        ([short], 3, "too short to be scored: 4 frames"),
        ([sound], 3, "no picture"),
        ([EXAMPLES.parent / "docs" / "example.png"], 3, "is a picture"),
        ([tmp_path / "nowhere.mp4"], 3, "does not exist"),
        ([grey], 5, "No face is seen long enough"),
        ([talking, "--syncnet", page], 4, "HTML page"),
        ([talking, "--syncnet", generator], 4, "Wav2Lip generator"),
        ([talking, "--expert", generator], 4, "Wav2Lip generator"),
        ([talking, "--fid", page], 2, "--reference"),
        ([talking, "--checkpoint", generator], 2, "--checkpoint is for --protocol"),
        ([talking, "-o", page], 2, "-o names a folder"),
        ([talking, "--fid", page, "--reference", talking], 4, "HTML page"),
        ([], 2, "Name a video"),
    ]:
        before = sorted(tmp_path.iterdir())
        result = run(*words)
        assert result.exit_code == code, (words, result.output)
        last = result.output.strip().splitlines()[-1]
        assert last.startswith("Error: ")
        assert said in last
        assert sorted(tmp_path.iterdir()) == before


def test_silence_fits_nowhere(talking: Path, tmp_path: Path) -> None:
    for seconds in (0.8, 1.6):
        mute = tmp_path / "mute.mov"
        run_ffmpeg(
            "-i", url(talking), "-f", "lavfi", "-i", "anullsrc=r=16000:cl=mono", "-map", "0:v", "-map", "1:a", "-t",
            seconds, "-c:v", "copy", "-c:a", "pcm_s16le", url(mute),
        )
        assert evaluate(mute, QUICK).sync["expert"].confidence < 0.01
        words = ["align", str(mute), "-o", str(tmp_path / "out.mov"), "--detector", "cascade", "--device", "cpu"]
        assert CliRunner().invoke(main, words).exit_code == 6
        assert not (tmp_path / "out.mov").exists()


def test_one_video_is_told_in_lines_as_json_as_a_row_and_as_a_picture(talking: Path, tmp_path: Path) -> None:
    result = run(talking, "--csv", tmp_path / "t.csv", "--plot", tmp_path / "new" / "p.png", "-q")
    assert result.exit_code == 0, result.output
    assert "a face in 40 of 40 frames" in result.output
    assert "offset" in result.output
    (line,) = csv.DictReader((tmp_path / "t.csv").open())
    assert line["path"] == str(talking)
    assert float(line["expert_distance"]) > 0
    assert (tmp_path / "new" / "p.png").read_bytes().startswith(b"\x89PNG")
    report = json.loads(run(talking, "--json", "-q").stdout)
    assert report["videos"][0]["expert"]["distance"] == pytest.approx(float(line["expert_distance"]))
    assert report["mean"]["expert_distance"] == report["videos"][0]["expert"]["distance"]


@pytest.fixture
def folder(talking: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "videos"
    (folder / "inner").mkdir(parents=True)
    for name in ("a.mov", "inner/b.mov"):
        (folder / name).write_bytes(talking.read_bytes())
    (folder / "c.mov").write_bytes(b"not a video at all, but bytes\0\1\2")
    (folder / "notes.md").write_text("no video")
    return folder


def test_a_folder_is_scored_through_and_goes_on_where_it_was_killed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "scores"
    scored: list[str] = []
    real = Evaluator.score

    def counted(self: Evaluator, path: Path, reference: Path | None = None) -> VideoScore:
        scored.append(path.name)
        return real(self, path, reference)

    monkeypatch.setattr(Evaluator, "score", counted)
    first = run(folder, "-o", out, "-q")
    assert first.exit_code == 1
    assert "1 of 3 videos could not be scored" in first.output
    assert scored == ["a.mov", "c.mov", "b.mov"]
    report = json.loads((out / "scores.json").read_text())
    assert [bool(video.get("expert")) for video in report["videos"]] == [True, False, True]
    assert report["mean"]["videos"] == 2
    assert len((out / "scores.csv").read_text().splitlines()) == 4

    # As after a kill: no results, and a journal whose last line was not finished.
    (out / "scores.json").unlink()
    journal = out / "journal.jsonl"
    journal.write_text(journal.read_text()[:-200])
    (folder / "c.mov").unlink()
    scored.clear()
    assert run(folder, "-o", out, "-q").exit_code == 0
    assert scored == ["b.mov"]
    again = json.loads((out / "scores.json").read_text())
    assert again["videos"] == [video for video in report["videos"] if "expert" in video]
    scored.clear()
    assert run(folder, "-o", out, "-q").exit_code == 0
    assert scored == []
    # A drawing that is missing is made, one that is there is not made again.
    assert run(folder, "-o", out, "-q", "--plot", tmp_path / "plots").exit_code == 0
    assert scored == ["a.mov", "b.mov"]
    assert {path.name for path in (tmp_path / "plots").iterdir()} == {"a.png", "b.png"}
    assert run(folder, "-o", out, "-q", "--plot", tmp_path / "plots").exit_code == 0
    assert scored == ["a.mov", "b.mov"]
    scored.clear()
    # Scored in another way, or changed since, a video is scored anew.
    assert run(folder, "-o", out, "-q", "--no-picture").exit_code == 0
    assert scored == ["a.mov", "b.mov"]


def test_what_unfinished_runs_have_left_is_no_input(tmp_path: Path) -> None:
    for name in (".wav2lip-1.work/000000.mp4", "a.mp4", "in/.b.mp4", "in/c.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert find_videos([tmp_path]) == [tmp_path / "a.mp4", tmp_path / "in" / "c.mp4"]
    (tmp_path / ".wav2lip-1.work" / "sound.wav").touch()
    assert len(find_recordings(tmp_path)) == 2
    assert [job.video.name for job in preprocess.find_videos(tmp_path, tmp_path / "out")] == ["a.mp4", "c.mp4"]


def test_inputs_are_files_folders_and_lists(folder: Path, tmp_path: Path) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text("\ufeffvideos/inner/b.mov\n\n  videos/a.mov\n")
    a, b, c = folder / "a.mov", folder / "inner" / "b.mov", folder / "c.mov"
    assert find_videos([listed]) == [b, a]
    assert find_videos([a, folder]) == [a, c, b]
    assert find_references([a, b], None) == [None, None]
    assert find_references([a], b) == [b]
    with pytest.raises(UsageError, match="one reference for 2 videos"):
        find_references([a, b], b)
    b.rename(folder / "inner" / "d.mov")
    with pytest.raises(UsageError, match=r"no reference for b\.mov"):
        find_references([a, b], folder)
    (folder / "a.mkv").write_bytes(b"")
    with pytest.raises(UsageError, match="have the same name"):
        find_references([a], folder)
    assert unlike_names([a, folder / "inner" / "a.mov"]) == {a: "videos-a", folder / "inner" / "a.mov": "inner-a"}
    assert unlike_names([a, a.with_suffix(".mkv")]) == {a: "0-a", a.with_suffix(".mkv"): "1-a"}
    empty = tmp_path / "empty.txt"
    empty.write_text("\n")
    for path, error in ((empty, UsageError), (tmp_path / "none", MediaError)):
        with pytest.raises(error):
            find_videos([path])


def test_python_can_do_what_the_command_line_can(talking: Path, score: VideoScore) -> None:
    assert wav2lip.evaluate is evaluate
    evaluator = Evaluator(wav2lip.EvaluationOptions(detector="cascade", device="cpu", picture=False), Progress())
    found = evaluator.score(talking)
    assert found.sync["expert"].distance == score.sync["expert"].distance
    assert sum(1 for _ in evaluator.faces(talking)) == 40


def test_an_error_in_the_middle_leaves_no_thread_behind(talking: Path) -> None:
    before = threading.active_count()
    with pytest.raises(NoFaceError):
        evaluate(_blank(talking), QUICK)
    assert threading.active_count() == before


def _blank(talking: Path) -> Path:
    path = talking.with_name("blank.mkv")
    run_ffmpeg("-i", url(talking), "-vf", "drawbox=color=gray:t=fill", "-c:v", "ffv1", "-c:a", "copy", url(path))
    return path


def test_a_report_has_plain_types_only(score: VideoScore) -> None:
    def check(value: Any) -> None:
        if isinstance(value, dict):
            for inner in value.values():
                check(inner)
        elif isinstance(value, list):
            for inner in value:
                check(inner)
        else:
            assert value is None or type(value) in (str, int, float, bool), type(value)

    check(score.to_dict())


def test_names_that_are_no_unicode_are_written_down(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.mov")
    (tmp_path / "in").mkdir()
    for file in (name, "other.mov"):
        (tmp_path / "in" / file).write_bytes(b"no video")
    for _ in range(2):
        assert run(tmp_path / "in", "-o", tmp_path / "out", "--csv", tmp_path / "s.csv", "-q").exit_code == 1
    assert json.loads((tmp_path / "out" / "scores.json").read_text())["videos"][0]["path"].endswith(name)
    assert "caf\\udce9.mov" in (tmp_path / "s.csv").read_text()


def test_plots_that_cannot_be_are_refused_before_the_work(tmp_path: Path) -> None:
    for name in ("a.mov", "b.mov"):
        (tmp_path / name).write_bytes(b"no video")
    (tmp_path / "plots").mkdir()
    one = run(tmp_path / "a.mov", "--plot", tmp_path / "plots")
    many = run(tmp_path, "--plot", tmp_path / "a.mov")
    assert [(each.exit_code, "--plot names" in each.output) for each in (one, many)] == [(2, True)] * 2


@pytest.mark.parametrize("option", ["--csv", "--plot"])
def test_an_option_that_takes_the_first_of_the_videos_leaves_it_as_it_is(tmp_path: Path, option: str) -> None:
    one, other = tmp_path / "a.mp4", tmp_path / "b.mp4"
    for path in (one, other):
        path.write_bytes(b"a video")
    result = run(option, one, other)
    assert (result.exit_code, f"a.mp4 is named as a video is; {option} names" in result.output) == (2, True)
    assert one.read_bytes() == b"a video"


def test_a_result_of_evaluate_is_none_of_its_inputs(tmp_path: Path) -> None:
    video = tmp_path / "strange.vob"
    video.write_bytes(b"a video")
    (tmp_path / "list.txt").write_text("strange.vob\n")
    for given, option in ((video, "--plot"), (video, "--csv"), (tmp_path / "list.txt", "--csv")):
        result = run(given, option, given)
        assert (result.exit_code, "is also an input" in result.output) == (2, True)
    assert video.read_bytes() == b"a video"


@pytest.mark.parametrize("name", ["price_$5_vs_$6.mp4", os.fsdecode(b"caf\xe9.mov")])
def test_a_score_is_drawn_whatever_its_video_is_called(tmp_path: Path, name: str) -> None:
    curve = np.linspace(1, 0, 31)
    sync = {"expert": SyncScore(offset=0, distance=0.2, confidence=0.3, windows=5, curve=curve)}
    score = VideoScore(Path(name), 10, 10, "cascade", sync, over_time={"expert": ()})
    draw_score(score, tmp_path / "score.png")
    assert (tmp_path / "score.png").read_bytes().startswith(b"\x89PNG")


def test_the_bar_ends_where_the_frames_do(tmp_path: Path) -> None:
    video, counts = tmp_path / "thirty.mkv", []
    run_ffmpeg(
        "-f", "lavfi", "-i", "testsrc2=s=64x64:r=30", "-i", url(EXAMPLES / "speech.wav"), "-frames:v", 19, "-t", 0.7,
        "-c:v", "ffv1", "-c:a", "pcm_s16le", url(video),
    )

    class Counting(Progress):
        @contextmanager
        def stage(self, name: str, total: int, unit: str = "frame") -> Iterator[Advance]:
            counts.append(total)
            yield counts.append

    evaluate(video, EvaluationOptions(cropped=True, picture=False, device="cpu"), Counting())
    assert counts == [16] + 16 * [1]
