"""What the page does about visitors: their files are theirs, what they say is checked, and they can stop."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from media_samples import make_video

from wav2lip.cli.spelling import default_of, spelled, text_of
from wav2lip.cli.sync import sync, sync_options
from wav2lip.cli.ui import LEFT_OUT, job_options, page_fields, parse_size, ui
from wav2lip.errors import UsageError, Wav2LipError
from wav2lip.media.probe import probe
from wav2lip.pipeline.folder import others_in_words
from wav2lip.progress import Progress
from wav2lip.ui.desk import Desk
from wav2lip.ui.making import Made, Tongue, Wish, wish
from wav2lip.ui.options import Field
from wav2lip.ui.playable import playable
from wav2lip.ui.running import Running, Stage
from wav2lip.ui.serve import NOT_BY_PROXY
from wav2lip.ui.session import FORGOTTEN, Session, Sessions

TONGUE = Tongue(sync, spelled, text_of, sync_options)
GIVEN = {option.name or "": default_of(option, sync) for option in job_options() if option.expose_value}


def uploaded(root: Path, content: str, name: str = "in.mp4", owner: str = "a") -> dict[str, Any]:
    """Put a file where gradio puts an upload, and return what the browser would say of it."""
    path = root / (owner * 64) / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    return {"path": str(path), "orig_name": name}


def said(*changes: tuple[str, object], given: dict[str, Any] = GIVEN) -> tuple[list[Field], list[object]]:
    """Return the fields of the page, and what the browser says of them with some changed."""
    fields = page_fields(given)
    return fields, [dict(changes).get(field.name) for field in fields]


def wanted(session: Session, *changes: tuple[str, object], given: dict[str, Any] = GIVEN) -> Wish:
    fields, words = said(*changes, given=given)
    files = {"face": uploaded(session.root, "face"), "audio": uploaded(session.root, "sound", "in.wav", "b")}
    return wish(TONGUE, given, fields, session, files, words)


def test_a_file_keeps_its_name_and_goes_with_its_visitor(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path)
    file = uploaded(tmp_path, "video", "in's  face (1).mp4")
    paths = [sessions.of(page).adopt("face", file) for page in ("one", "two")]
    assert [path.name for path in paths] == ["in's  face (1).mp4"] * 2
    assert paths[0].parent != paths[1].parent
    sessions.end("one")
    assert not paths[0].exists()
    assert paths[1].read_text() == "video"
    sessions.close()
    assert list(tmp_path.iterdir()) == []


def test_another_file_takes_the_place_of_the_first(tmp_path: Path) -> None:
    session = Session(tmp_path)
    first = session.adopt("face", uploaded(tmp_path, "first"))
    second = session.adopt("face", uploaded(tmp_path, "second", owner="b"))
    assert second == first
    assert second.read_text() == "second"
    assert not (tmp_path / ("a" * 64)).exists()


@pytest.mark.parametrize("name", ["../../evil.mp4", "..\\evil.mp4", "/etc/evil.mp4", "evil.mp4\0", "e\nvil.mp4"])
def test_names_lead_nowhere_else(tmp_path: Path, name: str) -> None:
    path = Session(tmp_path).adopt("face", uploaded(tmp_path, "video") | {"orig_name": name})
    assert path.name == "evil.mp4"
    assert path.parent.name == "face"


@pytest.mark.parametrize("name", ["..", ".", "", "...", "/"])
def test_what_is_no_name_gets_one(tmp_path: Path, name: str) -> None:
    path = Session(tmp_path).adopt("face", uploaded(tmp_path, "video") | {"orig_name": name})
    assert path.name in ("file", "in.mp4")
    assert path.parent.parent.parent == tmp_path


def test_only_uploads_are_taken(tmp_path: Path) -> None:
    root, session = tmp_path / "root", Session(tmp_path / "root")
    root.mkdir()
    (tmp_path / "outside").write_text("secret")
    other = Session(root).adopt("face", uploaded(root, "theirs"))
    link = root / ("c" * 64) / "link"
    link.parent.mkdir()
    link.symlink_to(tmp_path / "outside")
    for path in (tmp_path / "outside", other, link, root, root / ("a" * 64) / "..", root / ("a" * 64) / "gone", ""):
        with pytest.raises(UsageError, match="upload it again"):
            session.adopt("face", {"path": str(path)})


def test_what_a_visitor_says_means_what_the_command_line_makes_of_it(tmp_path: Path) -> None:
    made = wanted(
        Session(tmp_path), ("pads", "0 20 0 0"), ("ranges", "3s-9.5s; 12s-"), ("crf", "18"), ("keep_audio", "yes"),
        ("blend", "hard"), ("rotate", True), ("max_yaw", 45.0), ("silence", "default"),
    )
    assert " ".join(made.words) == (
        "wav2lip sync --face in.mp4 --audio in.wav --pads 0,20,0,0 --range 3-9.5 --range 12- --keep-audio --max-yaw 45 "
        "--rotate --blend hard --crf 18"
    )
    again = dict(sync.make_context("sync", made.words[2:]).params)
    for name in ("pads", "crf", "keep_audio", "blend", "rotate", "max_yaw", "silence"):
        assert getattr(made.options, name) == again[name]


def test_what_the_page_begins_with_counts_unless_the_visitor_says_otherwise(tmp_path: Path) -> None:
    given = GIVEN | {"detector": "cascade", "crf": 30, "offline": True}
    plain = wanted(Session(tmp_path), ("detector", "cascade"), ("crf", "30"), given=given)
    assert plain.words[-5:] == ["--detector", "cascade", "--crf", "30", "--offline"]
    assert plain.options.offline
    changed = wanted(Session(tmp_path), ("detector", "auto"), ("crf", ""), given=given)
    assert changed.words[-1:] == ["--offline"]


def test_what_a_browser_has_recorded_gives_a_video_that_browsers_play(tmp_path: Path) -> None:
    fields, words = said()
    session = Session(tmp_path)
    files = {"face": uploaded(tmp_path, "face", "sample.webm"), "audio": uploaded(tmp_path, "sound", "in.wav", "b")}
    made = wish(TONGUE, GIVEN, fields, session, files, words, recorded=True)
    assert made.words == ["wav2lip", "sync", "--face", "sample.webm", "--audio", "in.wav", "--codec", "h264"]
    assert made.options.codec == "h264"


@pytest.mark.parametrize(("name", "word", "sentence"), [
    ("pads", "1 2", "Invalid value for '--pads': '1 2' is not four whole numbers"),
    ("blend", "loud", "Invalid value for '--blend'"),
    ("person", "the left one", "Invalid value for '--person'"),
    ("checkpoint", "/etc/passwd", "--checkpoint cannot be '/etc/passwd'; choose"),
    ("reference", "/etc/passwd", "--reference cannot be '/etc/passwd'; choose same, closed"),
    ("resize_factor", "0", "resize_factor is 0"),
])
def test_what_makes_no_sense_is_refused_in_the_words_of_the_command_line(
    tmp_path: Path, name: str, word: str, sentence: str
) -> None:
    with pytest.raises(UsageError) as refused:
        wanted(Session(tmp_path), (name, word))
    assert str(refused.value).startswith(sentence)


def test_weights_that_are_named_can_be_chosen_and_others_cannot(tmp_path: Path) -> None:
    given = GIVEN | {"checkpoint": tmp_path / "own.pth"}
    field = next(field for field in page_fields(given) if field.name == "checkpoint")
    assert field.choices == ("default", str(tmp_path / "own.pth"))
    assert wanted(Session(tmp_path), ("checkpoint", "default"), given=given).options.checkpoint is None
    chosen = wanted(Session(tmp_path), ("checkpoint", str(tmp_path / "own.pth")), given=given)
    assert chosen.options.checkpoint == tmp_path / "own.pth"


def test_every_option_of_sync_is_on_the_page_or_left_out_by_name() -> None:
    shown = {field.name for field in page_fields(GIVEN)}
    options = {option.name for option in job_options() if option.expose_value}
    assert shown == options - LEFT_OUT
    assert {option.name for option in job_options()} <= {option.name for option in ui.params}


@pytest.mark.parametrize("stopping", [
    lambda progress: progress.say("words"), lambda progress: progress.detail("words"),
    lambda progress: progress.stage("Next", 3).__enter__(),
])
def test_work_ends_where_it_next_tells_how_far_it_is(stopping: Callable[[Progress], object]) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def work(progress: Progress) -> None:
        with progress.stage("Syncing lips", 10) as advance:
            advance(4)
            begun.set()
            assert go_on.wait(10)
            stopping(progress)
        raise AssertionError("it went on")

    running = Running(work, threading.Lock())
    assert begun.wait(10)
    assert (running.stage_now.name, running.stage_now.done, running.stage_now.total) == ("Syncing lips", 4, 10)
    running.stop()
    go_on.set()
    with pytest.raises(KeyboardInterrupt):
        running.answer()


def test_one_works_at_a_time() -> None:
    turn, go_on = threading.Lock(), threading.Event()
    first = Running(lambda progress: go_on.wait(10), turn)
    second = Running(lambda progress: "second", turn)
    assert next(second.watch()).name == "Starting"
    go_on.set()
    assert first.answer() is True
    assert second.answer() == "second"


def test_a_failure_is_told_and_the_next_one_has_its_turn() -> None:
    def fail(progress: Progress) -> None:
        raise Wav2LipError("It failed.")

    turn = threading.Lock()
    with pytest.raises(Wav2LipError, match="It failed"):
        Running(fail, turn).answer()
    assert Running(lambda progress: 3, turn).answer() == 3


@pytest.mark.parametrize(("text", "size"), [("500MB", 500_000_000), ("2g", 2 * 10**9), ("1000", 1000), ("3 kB", 3000)])
def test_sizes_are_read_as_people_write_them(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "MB", "0", "-1", "1.5GB", "1 TB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a size"):
        parse_size(text)


def test_without_gradio_there_is_a_sentence() -> None:
    code = "import sys; sys.modules['gradio'] = None; from wav2lip.cli import main; main(['ui'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == UsageError.exit_code
    assert done.stderr == 'Error: This needs gradio, which is not installed: pip install "wav2lip[ui]"\n'


def test_nobody_loses_a_file_because_somebody_else_sent_the_same(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path)
    first = sessions.of("one").adopt("face", file := uploaded(tmp_path, "video"))
    Path(file["path"]).unlink()                  # the server renames a new file to the name of the old one
    second = sessions.of("two").adopt("face", uploaded(tmp_path, "video"))
    sessions.end("two")
    assert not second.exists()
    assert sessions.of("one").adopt("face", file) == first
    assert first.read_text() == "video"
    uploaded(tmp_path, "video")                  # a third, who has not said yet what it is for
    sessions.end("one")
    assert sessions.of("three").adopt("face", file).read_text() == "video"
    sessions.close()
    assert list(tmp_path.iterdir()) == []


def test_uploads_that_broke_off_go_in_time(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path)
    for name, age in (("tmpold", 2 * FORGOTTEN), ("tmpnew", 1.0)):
        (tmp_path / name).write_text("half")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    sessions.end("nobody")
    assert [path.name for path in tmp_path.iterdir()] == ["tmpnew"]


def test_a_video_of_odd_sides_can_be_shown(tmp_path: Path) -> None:
    given = make_video(tmp_path / "odd.mkv", [np.zeros((35, 33, 3), np.uint8)] * 3, 25, ["-c:v", "ffv1"])
    copy = probe(playable(given, tmp_path / "shown"))
    assert (copy.width, copy.height, copy.pixel_format) == (32, 34, "yuv420p")
    assert probe(playable(given, tmp_path / "still", still=True)).width == 33


def test_what_is_not_asked_by_way_of_a_proxy_is_written_as_clients_read_it(monkeypatch: pytest.MonkeyPatch) -> None:
    httpx = pytest.importorskip("httpx")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", ",".join(NOT_BY_PROXY))
    with httpx.Client() as client:
        for host in ("localhost", "127.0.0.1", "[::1]"):
            with pytest.raises(httpx.ConnectError):
                client.get(f"http://{host}:1/")          # a proxy would be asked at its own port, and be missed there
            assert client._transport_for_url(httpx.URL(f"http://{host}:1/")) is client._transport


@pytest.fixture
def events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the page does, for one visitor, whose wishes are not of interest."""
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
    pytest.importorskip("gradio")
    from wav2lip.ui.events import Events

    said = Wish(tmp_path / "face.mov", None, sync_options(dict(GIVEN)), ["wav2lip", "sync"])
    desk = SimpleNamespace(sessions=Sessions(tmp_path), worker=None, wish=lambda *_: said)
    return Events(desk)    # type: ignore[arg-type]


VISIT: Any = SimpleNamespace(session_hash="page")


def test_a_file_stays_while_something_is_made_of_it(events: Any, tmp_path: Path) -> None:
    session = events.desk.sessions.of("page")
    path = session.adopt("face", uploaded(tmp_path, "first"))
    events.asked(VISIT)
    session.labels = ["A"]
    with pytest.warns(UserWarning, match="press Stop first"):    # what gradio's become where there is no page
        words, view, *_ = events.face_came(VISIT, uploaded(tmp_path, "second", owner="b"))
    assert words == view == {"__type__": "update"}               # what is shown stays
    assert events.face_gone(VISIT) == ""
    events.strangers(VISIT)
    assert (path.read_text(), session.labels) == ("first", ["A"])
    events.ready(VISIT)
    events.face_gone(VISIT)
    assert not path.exists()


def test_what_is_made_is_given_though_its_source_cannot_be_shown_and_stop_does_not_deny_it(
    events: Any, tmp_path: Path
) -> None:
    (tmp_path / "face.mov").write_text("nothing to show")
    (tmp_path / "made.mp4").write_text("the result")

    def watched(session: Session, work: object, answers: list[Made]) -> Iterator[Stage]:
        answers.append(Made(tmp_path / "made.mp4", 1.0, {"frames": 3}))
        yield Stage()

    events.desk.watched = watched
    events.asked(VISIT)
    seen = events.sync(VISIT)
    next(seen)
    next(seen)
    assert "It is made already" in str(events.stop(VISIT))
    assert "Download made.mp4" in next(seen)[1]


def test_whoever_stops_is_told_no_path_of_the_server(events: Any) -> None:
    def watched(session: Session, work: object, answers: object) -> Iterator[Stage]:
        raise KeyboardInterrupt(f"{session.folder}/results/0/made.mp4 was written, but not scored")
        yield

    events.desk.watched = watched
    events.asked(VISIT)
    assert ">Stopped; made.mp4 was written, but not scored.<" in next(events.sync(VISIT))[0]
    session = events.desk.sessions.of("page")
    left = others_in_words([Path("parts")], session.folder / "results" / "0" / "a.mp4")
    assert session.told(left).endswith("for a.mp4 with other inputs or options lie beside it.")


def test_what_was_stopped_while_it_waited_takes_no_file_back(tmp_path: Path) -> None:
    session = Session(tmp_path)
    desk = Desk(TONGUE, GIVEN, (), (), Sessions(tmp_path), print)
    with pytest.raises(KeyboardInterrupt):
        desk.wish(session, [uploaded(tmp_path, "face"), None, None, None])
    assert not session.folder.exists()
