"""A whole list is worked through, whatever happens on the way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from media_samples import run_ffmpeg

import wav2lip
from wav2lip.media.ffmpeg import url
from wav2lip.pipeline import networks
from wav2lip.protocols.generate import Generated, Skipped
from wav2lip.protocols.lists import Pair
from wav2lip.protocols.protocol import PROTOCOLS
from wav2lip.protocols.run import JOURNAL, generate_all

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
OPTIONS = wav2lip.SyncOptions(device="cpu", detector="cascade", offline=True)
LRS2 = PROTOCOLS["lrs2"]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> list[Pair]:
    """Three pairs, of which the second cannot be generated; the list had a blank line before the last."""
    folder = tmp_path_factory.mktemp("data")
    face, grey, speech = folder / "face.mp4", folder / "grey.mp4", folder / "speech.wav"
    run_ffmpeg("-i", url(EXAMPLES / "face.mp4"), "-t", 0.4, "-vf", "scale=240:240", "-an", url(face))
    run_ffmpeg("-i", url(face), "-vf", "drawbox=color=gray:t=fill", url(grey))
    run_ffmpeg("-i", url(EXAMPLES / "speech.wav"), "-t", 0.3, url(speech))
    return [Pair(0, face, speech), Pair(1, grey, speech), Pair(3, face, speech)]


def outcomes(pairs: list[Pair], folder: Path) -> list[Generated | Skipped]:
    return list(generate_all(pairs, LRS2, folder, OPTIONS))


def journal(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / JOURNAL).read_text(encoding="utf-8").splitlines()]


def test_each_pair_becomes_a_video_named_by_its_line_or_is_in_the_journal(pairs: list[Pair], tmp_path: Path) -> None:
    folder = tmp_path / "new" / "lrs2"
    first, second, third = outcomes(pairs, folder)
    assert sorted(path.name for path in folder.iterdir()) == ["0.mp4", "3.mp4", JOURNAL]
    assert isinstance(first, Generated)
    assert first.report
    assert isinstance(third, Generated)
    assert (first.video, third.video) == (folder / "0.mp4", folder / "3.mp4")
    assert isinstance(second, Skipped)
    assert "No face was found" in second.reason
    makers, made, line, _ = journal(folder)
    assert makers["protocol"] == "lrs2"
    assert made == {"number": 0, "face": str(pairs[0].face), "audio": str(pairs[0].audio), "reason": None}
    assert line == {
        "number": 1, "face": str(pairs[1].face), "audio": str(pairs[1].audio), "reason": second.reason,
    }


def test_an_interrupted_run_goes_on_and_leaves_finished_videos_alone(pairs: list[Pair], tmp_path: Path) -> None:
    interrupted = generate_all(pairs, LRS2, tmp_path, OPTIONS)
    next(interrupted)
    next(interrupted)
    interrupted.close()
    video = tmp_path / "0.mp4"
    before = video.stat().st_mtime_ns, video.stat().st_ino
    with open(tmp_path / JOURNAL, "a") as file:
        file.write('{"number": 3, "fa')                           # killed while writing
    (tmp_path / ".wav2lip-0123.part.mp4").write_bytes(b"half")    # and while encoding
    whole = (tmp_path / JOURNAL).read_text().splitlines()[:3]

    first, second, third = outcomes(pairs, tmp_path)
    assert (video.stat().st_mtime_ns, video.stat().st_ino) == before
    assert isinstance(first, Generated)
    assert first.report is None
    assert isinstance(second, Skipped)
    assert isinstance(third, Generated)
    assert third.report
    assert (tmp_path / JOURNAL).read_text().splitlines()[:3] == whole
    assert len(journal(tmp_path)) == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.mp4", "3.mp4", JOURNAL]


def test_a_pair_that_was_left_out_is_not_tried_again_until_its_line_is_gone(pairs: list[Pair], tmp_path: Path) -> None:
    grey = tmp_path / "data" / "grey.mp4"
    grey.parent.mkdir()
    grey.write_bytes(pairs[1].face.read_bytes())
    pair, folder = Pair(1, grey, pairs[1].audio), tmp_path / "out"
    (first,) = outcomes([pair], folder)
    grey.write_bytes(pairs[0].face.read_bytes())
    assert outcomes([pair], folder) == [first]
    (folder / JOURNAL).unlink()
    assert isinstance(outcomes([pair], folder)[0], Generated)


def test_a_video_of_another_list_is_not_taken_for_this_one_s(pairs: list[Pair], tmp_path: Path) -> None:
    folder = tmp_path / "out"
    outcomes(pairs[:1], folder)
    other = Pair(pairs[0].number, pairs[1].face, pairs[0].audio)
    with pytest.raises(wav2lip.UsageError, match="videos of another list"):
        outcomes([other], folder)
    # What nobody wrote down, a video of before the journal was lost, is made anew.
    (folder / JOURNAL).unlink()
    (folder / "0.mp4").write_bytes(b"of unknown origin")
    (again,) = outcomes(pairs[:1], folder)
    assert isinstance(again, Generated)
    assert again.report
    assert (folder / "0.mp4").stat().st_size > 1000


def test_the_networks_are_loaded_once(pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = []
    load = networks.load_checkpoint
    monkeypatch.setattr(networks, "load_checkpoint", lambda path: loaded.append(path) or load(path))
    outcomes(pairs, tmp_path)
    assert len(loaded) == 1


def test_a_folder_is_not_gone_on_with_by_other_means(pairs: list[Pair], tmp_path: Path) -> None:
    outcomes(pairs[1:2], tmp_path)
    with pytest.raises(wav2lip.UsageError, match="with another protocol"):
        list(generate_all(pairs, PROTOCOLS["lrs3"], tmp_path, OPTIONS))
    lines = (tmp_path / JOURNAL).read_text().splitlines()
    makers = json.loads(lines[0]) | {"generator": "0" * 64}
    (tmp_path / JOURNAL).write_text(json.dumps(makers) + "\n")
    with pytest.raises(wav2lip.UsageError, match="with another generator"):
        outcomes(pairs, tmp_path)
    for damaged in ("{}\n", "[]\n", "what\n", lines[0] + "\n{}\n"):
        (tmp_path / JOURNAL).write_text(damaged)
        with pytest.raises(wav2lip.Wav2LipError, match="is damaged"):
            outcomes(pairs, tmp_path)


def test_videos_are_not_put_among_the_recordings(pairs: list[Pair]) -> None:
    before = sorted(pairs[0].face.parent.iterdir())
    with pytest.raises(wav2lip.UsageError, match="holds recordings"):
        outcomes(pairs, pairs[0].face.parent)
    assert sorted(pairs[0].face.parent.iterdir()) == before


def test_a_folder_that_cannot_be_made_is_named(pairs: list[Pair], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(wav2lip.Wav2LipError, match="file/lrs2 cannot be made"):
        outcomes(pairs, tmp_path / "file" / "lrs2")
