"""Whatever stops a run, the same call goes on, and the result has the bytes that it would have had."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from media_samples import run_ffmpeg

import wav2lip
from wav2lip.cli import main
from wav2lip.errors import MediaError, UsageError, Wav2LipError
from wav2lip.media.alone import alone, lock_of
from wav2lip.media.ffmpeg import url
from wav2lip.pipeline.folder import WORK_PATTERN, cleaning
from wav2lip.pipeline.job import open_job
from wav2lip.pipeline.leftovers import QUIET, left_in
from wav2lip.pipeline.networks import Networks, load_networks
from wav2lip.pipeline.process import children
from wav2lip.progress import Advance, Progress

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
OPTIONS = wav2lip.SyncOptions(device="cpu", box=(10, 90, 20, 80), offline=True, precision="fp32")
FRAMES, PART = 65, 20          # of the result, and of its parts


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wav2lip.pipeline.segments.LEAST", PART)
    monkeypatch.setattr("wav2lip.media.prefetch.WAITING_BYTES", 1)    # no stage is far ahead of the next


@pytest.fixture(scope="module")
def face(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("face") / "face.mp4"
    run_ffmpeg("-i", url(EXAMPLES / "face.mp4"), "-t", 1.2, "-vf", "scale=96:96", url(path))
    return path


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("speech") / "speech.wav"
    run_ffmpeg("-stream_loop", 3, "-i", url(EXAMPLES / "speech.wav"), "-t", FRAMES / 25, url(path))
    return path


@pytest.fixture(scope="module")
def networks() -> Networks:
    return load_networks(OPTIONS, "cpu", Progress())


class Watched(Progress):
    """Calls something when so many frames are done, and keeps what is said.

    Args:
        frames: that are done in this run.
        act: what happens then.
    """

    def __init__(self, frames: int = FRAMES + 1, act: Callable[[], object] = lambda: None):
        self.frames, self.act, self.done = frames, act, -1
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    @contextmanager
    def stage(self, name: str, total: int, unit: str = "frame") -> Iterator[Advance]:
        def advance(count: int) -> None:
            if name == "Syncing lips":
                self.done += count if self.done >= 0 else 1    # the first call tells what was there before
                if self.done == self.frames:
                    self.act()

        yield advance


def interrupt() -> None:
    raise KeyboardInterrupt


def hidden(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


def parts_in(folder: Path) -> int:
    return len(list(folder.glob(f"{WORK_PATTERN}/0*")))


@pytest.mark.parametrize(("name", "changed", "stop_at"), [
    ("a.mp4", {}, 45),
    ("a.mkv", {"extend": "loop", "codec": "ffv1"}, 59),
    ("a.mp4", {"extend": "stretch"}, 21),
    ("a.mp4", {"compat": True, "precision": "auto"}, 41),
    ("a.mp4", {"static": True, "silence": "model"}, 61),
    ("a.mp4", {"keep_audio": True, "audio_start": Fraction(1, 4)}, 25),
])
def test_an_interrupted_run_goes_on_to_the_same_bytes(
    tmp_path: Path, face: Path, speech: Path, networks: Networks, name: str, changed: dict[str, object], stop_at: int
) -> None:
    options = replace(OPTIONS, **changed)
    loaded = None if changed.get("compat") else networks
    wav2lip.sync(face, speech, tmp_path / name, options, networks=loaded)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).unlink()
    with pytest.raises(KeyboardInterrupt, match=f"goes on after {stop_at // PART * PART} of"):
        wav2lip.sync(face, speech, tmp_path / name, options, Watched(stop_at, interrupt), networks=loaded)
    assert not (tmp_path / name).exists()
    assert parts_in(tmp_path) == stop_at // PART
    second = Watched()
    report = wav2lip.sync(face, speech, tmp_path / name, options, second, networks=loaded)
    assert (tmp_path / name).read_bytes() == whole
    assert second.done == report.frames - stop_at // PART * PART
    assert hidden(tmp_path) == []


def test_a_run_stopped_before_its_first_part_leaves_nothing(
    tmp_path: Path, face: Path, speech: Path, networks: Networks
) -> None:
    with pytest.raises(KeyboardInterrupt):
        wav2lip.sync(face, speech, tmp_path / "a.mp4", OPTIONS, Watched(10, interrupt), networks=networks)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def stopped(tmp_path: Path, face: Path, speech: Path, networks: Networks) -> Path:
    """The output of a run that was stopped when two parts were there."""
    output = tmp_path / "results" / "a.mp4"
    output.parent.mkdir()
    with pytest.raises(KeyboardInterrupt):
        wav2lip.sync(face, speech, output, OPTIONS, Watched(45, interrupt), networks=networks)
    return output


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, face: Path, speech: Path, networks: Networks) -> bytes:
    """What an undisturbed run writes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wav2lip.pipeline.segments.LEAST", PART)
        output = tmp_path_factory.mktemp("whole") / "a.mp4"
        wav2lip.sync(face, speech, output, OPTIONS, networks=networks)
        return output.read_bytes()


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webm"])
def test_the_same_options_give_the_same_bytes_on_any_number_of_cores(
    tmp_path: Path, face: Path, speech: Path, name: str
) -> None:
    written, short = [], tmp_path / "short.wav"
    run_ffmpeg("-i", url(speech), "-t", 0.9, url(short))
    for threads in (1, 2):
        torch.set_num_threads(threads)    # put back by the fixture
        wav2lip.sync(face, short, tmp_path / name, OPTIONS)
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1]


def test_it_can_start_over(stopped: Path, face: Path, speech: Path, networks: Networks, whole: bytes) -> None:
    seen = Watched()
    wav2lip.sync(face, speech, stopped, replace(OPTIONS, resume=False), seen, networks=networks)
    assert seen.done == FRAMES
    assert stopped.read_bytes() == whole
    assert hidden(stopped.parent) == []


def test_a_damaged_part_is_made_again(
    stopped: Path, face: Path, speech: Path, networks: Networks, whole: bytes
) -> None:
    part = next(stopped.parent.glob(f"{WORK_PATTERN}/000000*"))
    part.write_bytes(part.read_bytes()[:500])
    seen = Watched()
    wav2lip.sync(face, speech, stopped, OPTIONS, seen, networks=networks)
    assert seen.done == FRAMES - PART
    assert stopped.read_bytes() == whole


def test_other_options_take_nothing_of_it_and_say_what_lies_there(
    stopped: Path, face: Path, speech: Path, networks: Networks
) -> None:
    seen, left = Watched(), hidden(stopped.parent)
    wav2lip.sync(face, speech, stopped, replace(OPTIONS, crf=30), seen, networks=networks)
    assert seen.done == FRAMES
    assert f"`wav2lip clean {shlex.quote(str(stopped.parent))}`" in " ".join(seen.said)
    assert hidden(stopped.parent) == left
    # Also from a folder above, as of a batch.
    result = CliRunner().invoke(main, ["clean", "--no-cache", "--yes", str(stopped.parent.parent)])
    assert result.exit_code == 0
    assert "parts of a.mp4" in result.output
    assert {path.name for path in stopped.parent.iterdir()} == {"a.mp4", "a.mp4.wav2lip.json"}


def test_equal_jobs_side_by_side_have_folders_of_their_own(
    tmp_path: Path, face: Path, speech: Path, networks: Networks
) -> None:
    with contextlib.ExitStack() as stack:
        jobs = [stack.enter_context(open_job(face, speech, tmp_path / name, OPTIONS, Progress(), networks))
                for name in ("a.mp4", "b.mp4")]
        for job in jobs:
            job.render(job.missing())
        for job in jobs:
            job.finish()
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    assert hidden(tmp_path) == []


def test_two_runs_never_write_one_result(stopped: Path, face: Path, speech: Path, networks: Networks) -> None:
    with alone(lock_of(stopped), "held"):
        with pytest.raises(UsageError, match=r"Another run is writing .*a\.mp4"):
            wav2lip.sync(face, speech, stopped, OPTIONS, networks=networks)
        assert parts_in(stopped.parent) == 2
        shown = CliRunner().invoke(main, ["clean", "--no-cache", "--yes", str(stopped.parent)])
        assert "Nothing is left over" in shown.output    # it belongs to a run at work
    assert parts_in(stopped.parent) == 2


def test_parts_that_several_runs_are_making_do_not_go(
    tmp_path: Path, face: Path, speech: Path, networks: Networks
) -> None:
    clean = ["clean", "--no-cache", "--yes", str(tmp_path)]
    with open_job(face, speech, tmp_path / "a.mp4", OPTIONS, Progress(), networks, shared=True) as job:
        job.render([0])
    assert "Nothing is left over" in CliRunner().invoke(main, clean).output
    (folder,) = tmp_path.glob(WORK_PATTERN)
    before = list(left_in(tmp_path))
    assert before == []
    for file in (*folder.iterdir(), folder):
        os.utime(file, (time.time() - 2 * QUIET,) * 2)
    (found,) = left_in(tmp_path)
    with alone(lock_of(tmp_path / "a.mp4"), "held"):
        found.remove()                           # somebody has taken it up since it was found
        assert parts_in(tmp_path) == 1
    assert "parts of a.mp4" in CliRunner().invoke(main, clean).output
    assert hidden(tmp_path) == []


def test_what_lies_in_two_of_the_folders_goes_once(tmp_path: Path) -> None:
    part = tmp_path / "results" / ".wav2lip-1.part.mp4"
    part.parent.mkdir()
    part.touch()
    os.utime(part, (time.time() - 2 * QUIET,) * 2)
    (found,) = left_in(tmp_path)
    result = CliRunner().invoke(main, ["clean", "--no-cache", "--yes", str(tmp_path), str(part.parent)])
    assert (result.exit_code, result.output.count(part.name)) == (0, 1)
    found.remove()                               # gone already, as somebody else may have seen to


def test_clean_passes_over_what_is_somebody_elses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("mine", "theirs"):
        (tmp_path / folder).mkdir()
        lock_of(tmp_path / folder / "a.mp4").touch()

    def closed(lock: Path, why: str) -> contextlib.AbstractContextManager[None]:
        if lock.parent.name == "theirs":
            raise Wav2LipError(f"{lock.parent} cannot be written to: Permission denied.")
        return contextlib.nullcontext()

    monkeypatch.setattr("wav2lip.pipeline.leftovers.alone", closed)
    assert [found.path.parent.name for found in left_in(tmp_path)] == ["mine"]


def test_the_command_that_cleans_can_be_typed_where_it_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cleaning(Path("a.mp4")) == "`wav2lip clean`"
    assert cleaning(Path("my results/a.mp4")) == "`wav2lip clean 'my results'`"
    monkeypatch.setattr(sys, "platform", "win32")
    assert cleaning(Path("my results/a.mp4")) == '`wav2lip clean "my results"`'


def kill_ffmpegs(of: str) -> None:
    """Kill those children whose command line holds a text."""
    for child in children(os.getpid()):
        with contextlib.suppress(OSError):
            if of.encode() in Path(f"/proc/{child}/cmdline").read_bytes():
                os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("of", ["libx264", "face.mp4", "speech.wav"])
def test_a_killed_ffmpeg_is_a_sentence_and_no_hang(
    tmp_path: Path, speech: Path, networks: Networks, of: str
) -> None:
    once, long = tmp_path / "once.mp4", tmp_path / "face.mp4"    # so long that its decoder is at work
    run_ffmpeg("-i", url(EXAMPLES / "face.mp4"), "-vf", "scale=96:96", "-an", url(once))
    run_ffmpeg("-stream_loop", 40, "-i", url(once), "-c", "copy", url(long))
    said = tmp_path / "speech.wav"
    run_ffmpeg("-stream_loop", 30, "-i", url(speech), url(said))
    output, before = tmp_path / "a.mp4", set(children(os.getpid()))
    seen = Watched(45, lambda: kill_ffmpegs(of))
    with pytest.raises(Wav2LipError, match="was killed") as caught:
        wav2lip.sync(long, said, output, OPTIONS, seen, networks=networks)
    assert caught.value.exit_code == 1
    assert "the same command goes on" in " ".join(seen.said).lower()
    assert parts_in(tmp_path) >= 2
    assert not output.exists()
    assert set(children(os.getpid())) <= before


def test_a_video_that_goes_away_can_come_back(
    tmp_path: Path, face: Path, speech: Path, networks: Networks, whole: bytes
) -> None:
    here, away, output = tmp_path / "face.mp4", tmp_path / "away.mp4", tmp_path / "a.mp4"
    here.write_bytes(face.read_bytes())
    with pytest.raises(MediaError):                # it plays backwards from frame 30 on, and is opened again there
        wav2lip.sync(here, speech, output, OPTIONS, Watched(3, lambda: here.rename(away)), networks=networks)
    away.rename(here)
    wav2lip.sync(here, speech, output, OPTIONS, networks=networks)
    assert output.read_bytes() == whole
    assert hidden(tmp_path) == []


def test_a_full_disk_is_a_sentence_and_the_run_goes_on_when_there_is_room(
    stopped: Path, face: Path, speech: Path, networks: Networks, whole: bytes
) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    largest = max(part.stat().st_size for part in stopped.parent.glob(f"{WORK_PATTERN}/0*"))
    assert largest + 2000 < len(whole)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest + 2000, before[1]))    # the parts fit in, the result does not
    try:
        with pytest.raises(Wav2LipError, match=r"a\.mp4 could not be written"):
            wav2lip.sync(face, speech, stopped, OPTIONS, networks=networks)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert parts_in(stopped.parent) == 4
    assert not stopped.exists()
    seen = Watched()
    wav2lip.sync(face, speech, stopped, OPTIONS, seen, networks=networks)
    assert seen.done == 0
    assert stopped.read_bytes() == whole


PROGRAM = """
import sys
from wav2lip.pipeline import segments
segments.LEAST = 40
from wav2lip.cli import main
main(["sync", *sys.argv[1:]])
"""


def test_a_run_that_is_killed_again_and_again_gets_there(tmp_path: Path, face: Path, speech: Path) -> None:
    long = tmp_path / "speech.wav"
    run_ffmpeg("-stream_loop", 60, "-i", url(speech), "-t", 16, url(long))
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent)}
    words = ["--face", str(face), "--audio", str(long), "--box", "10", "90", "20", "80", "--fps", "25", "-q"]

    def run(output: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", PROGRAM, *words, "-o", output], cwd=tmp_path, env=environment)

    assert run("whole.mp4").wait(300) == 0
    chance, kills = random.Random(8), 0
    for _ in range(3):
        process = run("a.mp4")
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob(WORK_PATTERN)) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(chance.uniform(0.1, 1.5))
        kills += process.poll() is None
        process.kill()
        process.wait()
    assert kills
    assert run("a.mp4").wait(300) == 0
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "whole.mp4").read_bytes()
    assert hidden(tmp_path) == []


def test_a_hundred_runs_leave_no_file_no_thread_and_no_process_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, networks: Networks
) -> None:
    temporary, results = tmp_path / "tmp", tmp_path / "results"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr("tempfile.tempdir", None)
    video, picture, speech = (tmp_path / name for name in ("face.mp4", "face.png", "speech.wav"))
    run_ffmpeg("-f", "lavfi", "-i", "testsrc=size=96x96:rate=25:duration=0.2", "-pix_fmt", "yuv420p", url(video))
    run_ffmpeg("-f", "lavfi", "-i", "testsrc=size=96x96", "-frames:v", 1, url(picture))
    run_ffmpeg("-f", "lavfi", "-i", "sine=frequency=200:duration=0.2", url(speech))

    def state() -> tuple[int, int, int]:
        return len(os.listdir("/proc/self/fd")), threading.active_count(), len(list(children(os.getpid())))

    for face in (video, picture):
        wav2lip.sync(face, speech, results / "first.mp4", OPTIONS, networks=networks)
    before = state()
    for number in range(100):
        face = picture if number % 4 else video    # a picture takes fewer processes
        wav2lip.sync(face, speech, results / f"{number % 10}.mp4", OPTIONS, networks=networks)
    assert state() == before
    assert list(temporary.iterdir()) == []
    assert {path.suffix for path in results.iterdir()} == {".mp4", ".json"}
    assert hidden(results) == []
