"""A download is resumed, checked, and never leaves half a file; all against a server on this machine."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from wav2lip.errors import WeightsError
from wav2lip.models import download, store
from wav2lip.models.download import fetch, fetch_known
from wav2lip.models.store import KnownFile

CONTENT = bytes(range(256)) * 4096    # 1 MiB
SHA256 = hashlib.sha256(CONTENT).hexdigest()
HALF = len(CONTENT) // 2


@dataclass
class Server:
    """What the server answers, and what it was asked."""

    url: str = ""
    content: bytes = CONTENT
    status: int = 200
    knows_ranges: bool = True
    cut_after: list[int] = field(default_factory=list)    # bytes sent before each of the next connections breaks
    ranges: list[str | None] = field(default_factory=list)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers["Range"]
            state.ranges.append(asked)
            if state.status != 200:
                self.send_error(state.status)
                return
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and state.knows_ranges else 0
            if start >= len(state.content):
                self.send_error(416)
                return
            body = state.content[start:]
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(state.content) - 1}/{len(state.content)}")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: state.cut_after.pop(0)] if state.cut_after else body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        state.url = f"http://127.0.0.1:{http.server_port}/weights.pth"
        monkeypatch.delenv("WAV2LIP_OFFLINE")    # nothing but this server is reached for
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        yield state
        http.shutdown()


def get(server: Server, path: Path, *more_urls: str) -> Path:
    return fetch([server.url, *more_urls], path, sha256=SHA256, size=len(CONTENT))


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"weights.pth.lock"}


def test_a_file_is_downloaded_whole_into_a_folder_that_need_not_exist(server: Server, tmp_path: Path) -> None:
    path, said = tmp_path / "new" / "cache" / "weights.pth", []
    assert fetch([server.url], path, sha256=SHA256.upper(), size=len(CONTENT), say=said.append) == path
    assert path.read_bytes() == CONTENT
    assert files(path.parent) == {"weights.pth"}
    assert said == [f"Downloading weights.pth (1 MB) from {server.url}"]


def test_a_file_that_is_there_is_not_asked_for(server: Server, tmp_path: Path) -> None:
    path = get(server, tmp_path / "weights.pth")
    get(server, path)
    assert len(server.ranges) == 1


def test_a_file_of_the_wrong_size_is_replaced(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(CONTENT[:1000])
    assert get(server, path).read_bytes() == CONTENT


def test_a_broken_connection_is_taken_up_where_it_broke(server: Server, tmp_path: Path) -> None:
    server.cut_after = [300_000, 200_000]
    assert get(server, tmp_path / "weights.pth").read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=300000-", "bytes=500000-"]


def test_what_has_arrived_is_kept_for_the_next_run(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    server.cut_after = [HALF, 0]    # the second connection brings nothing, so it is given up
    with pytest.raises(WeightsError, match=r"the connection broke after 0\.5 of 1\.0 MB"):
        get(server, path)
    assert files(tmp_path) == {"weights.pth.part"}
    assert get(server, path).read_bytes() == CONTENT
    assert server.ranges[-1] == f"bytes={HALF}-"
    assert files(tmp_path) == {"weights.pth"}


def test_a_server_that_knows_no_ranges_sends_all_of_it_again(server: Server, tmp_path: Path) -> None:
    server.knows_ranges = False
    server.cut_after = [HALF]
    assert get(server, tmp_path / "weights.pth").read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={HALF}-"]


@pytest.mark.parametrize("length", [HALF, len(CONTENT), len(CONTENT) + 9])
def test_a_wrong_beginning_is_thrown_away_and_the_file_downloaded_afresh(
    server: Server, tmp_path: Path, length: int
) -> None:
    path = tmp_path / "weights.pth"
    path.with_name("weights.pth.part").write_bytes(b"x" * length)
    assert get(server, path).read_bytes() == CONTENT
    assert server.ranges[-1] is None


def test_a_beginning_longer_than_what_the_server_has_is_thrown_away(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.with_name("weights.pth.part").write_bytes(CONTENT[:HALF])
    server.content = CONTENT[: HALF // 2]
    with pytest.raises(WeightsError, match=f"another file of {HALF // 2:,} bytes"):
        get(server, path)
    assert files(tmp_path) == set()


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (CONTENT[:-1] + b"?", "another file of 1,048,576 bytes"),
        (CONTENT * 2, "another file of 1,"),
        (b"<!DOCTYPE html><title>Log in</title>", "an HTML page of 36 bytes"),
    ],
)
def test_something_else_than_the_file_is_removed_and_named(
    server: Server, tmp_path: Path, content: bytes, named: str
) -> None:
    server.content = content
    path = tmp_path / "weights.pth"
    with pytest.raises(WeightsError) as refused:
        get(server, path)
    assert named in str(refused.value)
    assert f"Get it from {server.url} by other means and put it at {path}" in str(refused.value)
    assert files(tmp_path) == set()


def test_a_refusing_server_is_asked_once_and_its_answer_told(server: Server, tmp_path: Path) -> None:
    server.status = 404
    with pytest.raises(WeightsError, match="HTTP 404 Not Found"):
        get(server, tmp_path / "weights.pth")
    assert len(server.ranges) == 1


def test_the_next_address_is_tried_when_the_first_fails(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    closed = "http://127.0.0.1:9/weights.pth"
    assert fetch([closed, server.url], path, sha256=SHA256, size=len(CONTENT)).read_bytes() == CONTENT


def test_no_connection_is_told_with_what_to_do(server: Server, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"refused.*by other means and put it at"):
        fetch(["http://127.0.0.1:9/weights.pth"], tmp_path / "weights.pth", sha256=SHA256, size=len(CONTENT))


def test_a_silent_server_is_not_waited_for_long(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert download.TIMEOUT <= 10
    monkeypatch.setattr(download, "TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/weights.pth"
        with pytest.raises(WeightsError, match="timed out"):
            fetch([url], tmp_path / "weights.pth", sha256=SHA256, size=len(CONTENT))


@pytest.mark.parametrize("by", ["argument", "environment"])
def test_offline_nothing_is_asked_for(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    path = tmp_path / "weights.pth"
    if by == "environment":
        monkeypatch.setenv("WAV2LIP_OFFLINE", "1")
    with pytest.raises(WeightsError, match="must not be used"):
        fetch([server.url], path, sha256=SHA256, size=len(CONTENT), offline=True if by == "argument" else None)
    path.write_bytes(CONTENT)
    assert fetch([server.url], path, sha256=SHA256, size=len(CONTENT), offline=True) == path
    assert server.ranges == []


def test_a_folder_that_cannot_be_written_is_told(server: Server, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(WeightsError, match="WAV2LIP_CACHE"):
        get(server, tmp_path / "cache" / "weights.pth")


def test_two_processes_at_once_bring_one_whole_file_with_one_download(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    code = (
        "import sys; from pathlib import Path; from wav2lip.models.download import fetch\n"
        f"fetch([{server.url!r}], Path({str(path)!r}), sha256={SHA256!r}, size={len(CONTENT)})"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    running = [subprocess.Popen([sys.executable, "-c", code], env=environment) for _ in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    assert path.read_bytes() == CONTENT
    assert len(server.ranges) == 1


@pytest.fixture
def known(server: Server, monkeypatch: pytest.MonkeyPatch) -> KnownFile:
    file = KnownFile("test", "test.pth", "test", len(CONTENT), SHA256, "free", "nowhere", (server.url,))
    monkeypatch.setitem(store.KNOWN, "test", file)
    return file


def test_a_known_file_is_downloaded_into_the_cache_once(server: Server, known: KnownFile) -> None:
    path = fetch_known("test")
    assert path == store.cache_dir() / "test.pth"
    assert path.read_bytes() == CONTENT
    assert fetch_known("test", offline=True) == path
    assert len(server.ranges) == 1


def test_a_known_file_with_terms_of_its_own_is_left_to_the_user_but_found_when_there(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = KnownFile("own", "own.pth", "test", len(CONTENT), SHA256, "for research only", "https://example.org/terms")
    monkeypatch.setitem(store.KNOWN, "own", file)
    with pytest.raises(WeightsError, match=r"for research only\)\. Get it as https://example\.org/terms says"):
        fetch_known("own")
    store.cache_dir().mkdir(parents=True, exist_ok=True)
    (store.cache_dir() / "own.pth").write_bytes(CONTENT)
    assert fetch_known("own") == store.cache_dir() / "own.pth"
