"""The web page, as people meet it: in a browser, served by the program."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from browser import PATIENCE, VARIABLE, Served, chromium, served, until
from media_samples import make_video
from two_people import LEFT, RIGHT, SIZE, babble, head_frames, recording

if VARIABLE not in os.environ:       # else nothing may be missing
    pytest.importorskip("gradio")

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
LARGEST = 1_000_000


@pytest.fixture(scope="module")
def page_served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(
        tmp_path_factory.mktemp("served"), "--detector", "cascade", "--device", "cpu", "--queue", "1",
        "--max-upload", f"{LARGEST}", "--offline",
    ) as there:
        yield there


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.fixture
def page(browser: Any, page_served: Served) -> Iterator[Any]:
    yield from opened(browser, page_served)


def opened(browser: Any, there: Served) -> Iterator[Any]:
    """Open the page; whatever it asks for has to come from its own server."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(1000 * PATIENCE)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{there.address}/")
    page.wait_for_selector("#sync")
    yield page
    page.close()
    strange = [url for url in asked if not url.startswith((f"{there.address}/", "data:", "blob:"))]
    assert asked
    assert strange == []
    assert "Traceback" not in there.log.read_text()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a video that browsers play, of two drawn people side by side, under a name that needs quotes."""
    import numpy as np

    sides = [head_frames(identity, babble(identity, 0.5), SIZE) for identity in (LEFT, RIGHT)]
    frames = [np.concatenate(both, axis=1) for both in zip(*sides, strict=True)]
    path = tmp_path_factory.mktemp("clip") / "two people's.mp4"
    return make_video(path, frames, options=("-pix_fmt", "yuv420p"))


@pytest.fixture(scope="module")
def speech(clip: Path) -> Path:
    return recording(clip.with_name("speech.wav"), 3, 0.4)


def upload(page: Any, face: Path, sound: Path) -> None:
    page.set_input_files("#face input[type=file]", str(face))
    page.wait_for_selector("#face-view :is(video, img)")
    page.set_input_files("#sound input[type=file]", str(sound))
    page.wait_for_selector("#sound-view audio")


def test_a_person_chooses_a_face_syncs_plays_and_downloads_what_the_shown_command_makes(
    page: Any, clip: Path, speech: Path, tmp_path: Path
) -> None:
    upload(page, clip, speech)
    page.click("#find")
    page.wait_for_selector("#people img >> nth=1")
    page.click("#people img >> nth=1")
    page.wait_for_function("document.querySelector('#option-person input').value === 'B'")
    page.fill("#option-crf input", "30")
    page.click("#sync")
    page.wait_for_selector("#result video >> nth=1")
    seen = page.evaluate(
        "async () => { const video = document.querySelector('#result #result'); video.muted = true; await video.play();"
        " await new Promise(done => video.addEventListener('timeupdate', () => video.currentTime > 0.1 && done()));"
        " return [video.videoWidth, video.videoHeight]; }"
    )
    assert seen == [2 * SIZE, SIZE]
    with page.expect_download() as download:
        page.click("a.download")
    download.value.save_as(tmp_path / "downloaded.mp4")
    assert download.value.suggested_filename == "two people's_speech.mp4"
    words = shlex.split(page.input_value("#line textarea"))
    assert words[:2] == ["wav2lip", "sync"]
    assert {"--person", "B", "--crf", "30", "--detector", "cascade"} <= set(words)
    inherited = {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]), "OMP_NUM_THREADS": "1"}
    for given in (clip, speech):
        (tmp_path / given.name).write_bytes(given.read_bytes())
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=tmp_path, env={**os.environ, **inherited}, capture_output=True, text=True,
        check=True,
    )
    made = tmp_path / done.stdout.strip()
    assert made.name == download.value.suggested_filename
    assert made.read_bytes() == (tmp_path / "downloaded.mp4").read_bytes()
    page.click("#face [aria-label='Clear']")
    page.wait_for_function("document.querySelector('#option-person input').value === 'default'")
    assert page.query_selector("#people img") is None


def test_a_wrong_file_and_one_that_is_too_large_get_a_sentence_and_the_page_goes_on(
    page: Any, clip: Path, tmp_path: Path
) -> None:
    (tmp_path / "notes.mp4").write_text("not a video\n")
    (tmp_path / "large.mp4").write_bytes(bytes(LARGEST + 1))
    page.set_input_files("#face input[type=file]", str(tmp_path / "notes.mp4"))
    page.wait_for_selector("#status .error")
    assert page.inner_text("#status .error") == "notes.mp4 is a text file, not a media file (a failed download?)."
    page.set_input_files("#face input[type=file]", str(tmp_path / "large.mp4"))
    page.wait_for_selector("text=exceed the maximum allowed size")
    page.click("#sync")
    page.wait_for_selector("text=Choose a face first")
    page.set_input_files("#face input[type=file]", str(clip))
    page.wait_for_selector("#face-view video")
    assert page.query_selector("#people img") is None
    page.click("#sync:enabled")
    page.wait_for_selector("text=Choose a sound first")
    page.fill("#option-pads input", "1 2 three 4")
    page.set_input_files("#sound input[type=file]", str(EXAMPLES / "speech.wav"))
    page.wait_for_selector("#sound-view audio")
    page.click("#sync:enabled")
    page.wait_for_selector("text=Invalid value for '--pads': '1 2 three 4' is not four whole numbers")


def test_one_works_one_waits_others_are_sent_away_and_whoever_leaves_leaves_nothing(
    browser: Any, page_served: Served
) -> None:
    until(lambda: page_served.kept == [])     # of the tests before
    visits = [opened(browser, page_served) for _ in range(3)]
    first, second, third = map(next, visits)
    for page in (first, second, third):
        upload(page, EXAMPLES / "face.mp4", EXAMPLES / "speech.wav")
    first.click("#sync")
    first.wait_for_selector("#status:has-text('Syncing lips')")
    assert first.query_selector("#face [aria-label='Clear']") is None
    second.click("#sync")
    second.wait_for_selector("text=Waiting for its turn")
    third.click("#sync")
    third.wait_for_selector("text=Too many are waiting already")
    second.click("#stop")
    second.wait_for_selector("text=It will not be done")
    second.wait_for_selector("#face [aria-label='Clear']")
    first.click("#stop")
    first.wait_for_selector("text=Stopped; nothing was made")
    second.click("#sync:enabled")
    second.wait_for_selector("#status:has-text('Syncing lips')")
    for page, visit in zip((first, second, third), visits, strict=True):
        assert page.query_selector("#result video") is None
        next(visit, None)
    until(lambda: page_served.kept == [])


def test_pictures_and_videos_that_browsers_do_not_play_are_shown_all_the_same(
    page: Any, clip: Path, speech: Path, tmp_path: Path
) -> None:
    strange = make_video(
        tmp_path / "strange.mkv", head_frames(LEFT, babble(LEFT, 0.3), SIZE)[:5], options=("-c:v", "ffv1")
    )
    page.set_input_files("#face input[type=file]", str(strange))
    page.wait_for_function("document.querySelector('#face-view img')?.naturalWidth === 224")
    page.set_input_files("#sound input[type=file]", str(speech))
    page.wait_for_selector("#sound-view audio")
    page.click("#more button")
    page.fill("#option-box input", "60 180 50 170")
    page.click("#option-codec input")
    page.click("[role=option]:has-text('prores')")
    page.click("#sync")
    page.wait_for_selector("a.download:has-text('strange_speech.mov')")
    page.wait_for_function("document.querySelector('#result #result').videoWidth === 224")
    page.wait_for_function("document.querySelector('#result #source').videoWidth === 224")


def asked(there: Served, path: str, data: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    """Return the status and body that the server answers with, to a POST where there are data."""
    try:
        with urlopen(Request(there.address + path, data, headers)) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        return error.code, error.read()


@pytest.mark.parametrize("path", [
    "/gradio_api/file=/etc/passwd", "/gradio_api/file=../../../../etc/passwd",
    "/gradio_api/file=%2e%2e%2f%2e%2e%2f%2e%2e%2fetc%2fpasswd", f"/gradio_api/file={ROOT}/pyproject.toml",
    "/gradio_api/file=log", "/gradio_api/file=http://127.0.0.1:1/", "/gradio_api/proxy=http://127.0.0.1:1/",
    "/gradio_api/info", "/gradio_api/openapi.json", "/docs", "/monitoring", "/static/../../../../../etc/passwd",
])
def test_no_file_and_no_service_is_given_that_the_page_does_not_need(page_served: Served, path: str) -> None:
    assert asked(page_served, path)[0] in (403, 404)


def test_a_folder_beside_the_visitors_is_not_given(page_served: Served) -> None:
    beside = page_served.log
    root = next(page_served.folder.iterdir())
    assert asked(page_served, f"/gradio_api/file={beside}")[0] == 403
    assert asked(page_served, f"/gradio_api/file={root}/../../log")[0] == 403


def test_what_is_named_but_was_not_uploaded_is_not_read(page_served: Served, tmp_path: Path) -> None:
    config = json.loads(asked(page_served, "/config")[1])
    face = next(part["id"] for part in config["components"] if part["props"].get("elem_id") == "face")
    came = next(event["id"] for event in config["dependencies"] if [face, "upload"] in event["targets"])
    secret = tmp_path / "secret.mp4"
    secret.write_bytes((EXAMPLES / "face.mp4").read_bytes())
    addresses = (str(secret), f"{page_served.folder}/../log", "http://127.0.0.1:1/face.mp4", "/etc/passwd")
    kind = {"Content-Type": "application/json"}
    for address in addresses:
        for meta in ({"meta": {"_type": "gradio.FileData"}}, {}):
            file = {"path": address, "orig_name": "face.mp4", **meta}
            data = json.dumps({"data": [file], "fn_index": came, "session_hash": "x"}).encode()
            status, answer = asked(page_served, "/gradio_api/run/predict", data, **kind)
            assert status == 500 or b"upload it again" in answer, (address, meta, answer)


def test_other_names_other_pages_and_larger_uploads_are_refused(page_served: Served) -> None:
    assert asked(page_served, "/", Host="elsewhere.example:7860")[0] == 403
    assert asked(page_served, "/", Host="localhost:7860")[0] == 200
    elsewhere = {"Sec-Fetch-Site": "cross-site", "Content-Type": "multipart/form-data; boundary=x"}
    assert asked(page_served, "/gradio_api/upload", b"--x--", **elsewhere)[0] == 403
    server = HTTPConnection(page_served.address.removeprefix("http://"))
    server.putrequest("POST", "/gradio_api/upload")
    server.putheader("Content-Type", "multipart/form-data; boundary=x")
    server.putheader("Content-Length", str(LARGEST + 100_000))
    server.endheaders()
    answer = server.getresponse()            # before anything of it has come
    server.close()
    assert answer.status == 413
