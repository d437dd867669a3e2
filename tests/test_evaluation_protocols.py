"""The papers' protocols as one command: videos are made from a list, scored, and summed up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from media_samples import run_ffmpeg
from seeded import seeded

from wav2lip.cli import main
from wav2lip.evaluation.many import Line
from wav2lip.evaluation.summary import track_means
from wav2lip.media.ffmpeg import url
from wav2lip.models.syncnet_v2 import SyncNetV2

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
COMMON = ["--detector", "cascade", "--device", "cpu", "--no-picture", "-q"]

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three short clips of a drawn head, one of them without a face, as LRS has them: cropped, 25 a second."""
    root = tmp_path_factory.mktemp("lrs") / "main"
    (root / "ann").mkdir(parents=True)
    for name, start, picture in [("1", 0, "null"), ("2", 1, "null"), ("3", 0, "drawbox=color=gray:t=fill")]:
        run_ffmpeg(
            "-ss", start, "-i", url(EXAMPLES / "face.mp4"), "-ss", start, "-i", url(EXAMPLES / "speech.wav"), "-map",
            "0:v", "-map", "1:a", "-t", 0.8, "-vf", f"scale=160:160,{picture}", "-c:v", "libx264", "-c:a", "aac",
            url(root / "ann" / f"{name}.mp4"),
        )
    return root


@pytest.fixture(scope="module")
def syncnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "syncnet_v2.model"
    torch.save(seeded(SyncNetV2()).state_dict(), path)
    return path


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["evaluate", *COMMON, *map(str, words)])


def test_a_list_of_lrs_is_made_and_scored_in_one_command_and_again_in_no_time(
    data: Path, syncnet: Path, tmp_path: Path
) -> None:
    pairs = tmp_path / "lrs2.txt"
    pairs.write_text("ann/2 ann/1\nann/1 ann/3\nann/1 ann/2\n")
    out = tmp_path / "out"
    words = ["--protocol", "lrs2", "--filelist", pairs, "--data-root", data, "-o", out, "--syncnet", syncnet]
    result = run(*words)
    assert result.exit_code == 0, result.output
    report = json.loads((out / "scores.json").read_text())
    assert [Path(video["path"]).name for video in report["videos"]] == ["0.mp4", "2.mp4"]
    assert {video["detector"] for video in report["videos"]} == {"cropped"}
    assert list(report["skipped"]) == ["1"]
    assert report["mean"]["videos"] == 2
    values = [video["syncnet_v2"]["distance"] for video in report["videos"]]
    assert report["mean"]["lse_d"] == pytest.approx(sum(values) / 2)
    made = {path: path.stat().st_mtime_ns for path in (out / "videos").glob("*.mp4")}
    assert len(made) == 2
    assert run(*words).exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in made} == made
    assert json.loads((out / "scores.json").read_text()) == report


def test_real_videos_are_scored_by_their_tracks(data: Path, tmp_path: Path) -> None:
    pairs = tmp_path / "random_pairs.txt"
    pairs.write_text("ann/1.mp4 ann/2.mp4\n")
    out = tmp_path / "out"
    words = ["--protocol", "resynced-random", "--filelist", pairs, "--data-root", data, "-o", out, "--json"]
    result = run(*words)
    assert result.exit_code == 0, result.output
    (video,) = json.loads(result.stdout)["videos"]
    assert video["detector"] == "cascade"


def test_only_long_tracks_of_large_faces_count_and_each_is_a_value() -> None:
    def track(frames: int, distance: float, size: float = 100.1) -> dict[str, object]:
        return {"frames": frames, "size": size, "syncnet_v2": {"distance": distance, "confidence": 2 * distance}}

    lines = [
        Line(Path("a"), {"tracks": [track(101, 6.0), track(100, 50.0)]}),
        Line(Path("b"), {"tracks": [track(300, 8.0), track(150, 10.0), track(150, 50.0, 100.0)]}),
        Line(Path("c"), error="no face"),
    ]
    assert track_means(lines) == {"track_lse_d": 8.0, "track_lse_c": 16.0, "tracks": 3}
    assert track_means([Line(Path("a"), {"tracks": [{"frames": 200}]})]) == {}


def test_a_protocol_says_what_it_lacks(data: Path, tmp_path: Path) -> None:
    for words, said in [
        (["--protocol", "lrs2", "-o", tmp_path / "o"], "--data-root"),
        (["--protocol", "lrs2", "--data-root", data], "-o"),
        (["--protocol", "lrs2", "--data-root", data, "-o", tmp_path / "o"], "file list"),
        (["--protocol", "lrs2", data, "--data-root", data, "-o", tmp_path / "o"], "or a --protocol"),
    ]:
        result = run(*words)
        assert result.exit_code == 2, result.output
        assert said in result.output
        assert "Traceback" not in result.output
