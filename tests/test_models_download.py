"""A download is resumed, checked, and never leaves half a file; all against a server on this machine."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from wav2lip.errors import WeightsError
from wav2lip.models import download, store
from wav2lip.models.download import adopt, fetch, fetch_known
from wav2lip.models.known import KnownFile

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
    tells_length: bool = True
    redirects: bool = False                               # once, to another address of the same server
    dribbles: float = 0                                   # seconds of silence before the last byte
    ranges: list[str | None] = field(default_factory=list)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers["Range"]
            if state.redirects and self.path == "/weights.pth":
                self.send_response(302)
                self.send_header("Location", "/elsewhere/weights.pth?a=1")
                self.end_headers()
                return
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
            if state.tells_length:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            body = body[: state.cut_after.pop(0)] if state.cut_after else body
            with suppress(ConnectionError):    # who waits no longer is gone
                self.wfile.write(body[:-1] if state.dribbles else body)
                if state.dribbles:
                    time.sleep(state.dribbles)
                    self.wfile.write(body[-1:])

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


@pytest.mark.parametrize("status", [403, 429, 500, 503])
def test_a_server_that_fails_is_told_by_its_answer(server: Server, tmp_path: Path, status: int) -> None:
    server.status = status
    with pytest.raises(WeightsError, match=f"HTTP {status} "):
        get(server, tmp_path / "weights.pth")
    assert files(tmp_path) == set()


def test_a_redirection_is_followed_also_when_a_download_goes_on(server: Server, tmp_path: Path) -> None:
    server.redirects = True
    server.cut_after = [HALF]
    assert get(server, tmp_path / "weights.pth").read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={HALF}-"]


def test_what_came_before_a_silence_is_kept(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "TIMEOUT", 0.3)
    server.dribbles = 1
    server.cut_after = [1000]    # less than a block
    with pytest.raises(WeightsError, match=r"timed out.* 1\.0 MB are kept, and the same command goes on from there\."):
        get(server, tmp_path / "weights.pth")
    assert server.ranges[:2] == [None, "bytes=999-"]
    server.dribbles = 0
    assert get(server, tmp_path / "weights.pth").read_bytes() == CONTENT


def test_a_server_that_tells_no_length_is_not_believed_to_be_done_too_early(server: Server, tmp_path: Path) -> None:
    server.tells_length = False
    server.cut_after = [HALF]
    assert get(server, tmp_path / "weights.pth").read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={HALF}-"]


def test_a_file_whose_size_is_known_about_is_resumed_and_checked_too(server: Server, tmp_path: Path) -> None:
    path, about = tmp_path / "weights.pth", len(CONTENT) * 105 // 100
    server.cut_after = [HALF]
    assert fetch([server.url], path, sha256=SHA256, size=about, exact=False).read_bytes() == CONTENT
    path.rename(tmp_path / "weights.pth.part")    # all had come when the program was killed
    assert fetch([server.url], path, sha256=SHA256, size=about, exact=False).read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={HALF}-", f"bytes={len(CONTENT)}-"]
    server.content = CONTENT * 2
    with pytest.raises(WeightsError, match="another file of 1,"):    # given up when it is clearly another
        fetch([server.url], tmp_path / "new" / "weights.pth", sha256=SHA256, size=about, exact=False)


def test_an_address_that_is_none_is_told(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    with pytest.raises(WeightsError, match=r"could not be downloaded \(http://\[: Invalid IPv6 URL\)"):
        fetch(["http://["], path, sha256=SHA256, size=len(CONTENT))
    assert fetch(["nonsense", server.url], path, sha256=SHA256, size=len(CONTENT)).read_bytes() == CONTENT


def test_the_next_address_goes_on_where_the_first_broke(server: Server, tmp_path: Path) -> None:
    server.cut_after = [HALF, 0]
    assert get(server, tmp_path / "weights.pth", server.url + "?mirror").read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={HALF}-", f"bytes={HALF}-"]


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_a_full_disk_is_told_in_a_sentence(server: Server, tmp_path: Path) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, before[1]))    # Python ignores the signal that comes with it
    try:
        with pytest.raises(WeightsError, match=r"could not be stored in .*: File too large\. Free some space there"):
            get(server, tmp_path / "weights.pth")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert get(server, tmp_path / "weights.pth").read_bytes() == CONTENT
    assert server.ranges[-1] == "bytes=300000-"


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


def test_a_damaged_file_is_noticed_when_asked_for_and_replaced(server: Server, known: KnownFile) -> None:
    path = fetch_known("test")
    path.write_bytes(b"x" * len(CONTENT))
    assert fetch_known("test") == path
    assert path.read_bytes() != CONTENT
    with pytest.raises(WeightsError, match="is not whole in"):
        fetch_known("test", check=True, offline=True)
    assert fetch_known("test", check=True).read_bytes() == CONTENT
    assert len(server.ranges) == 2


def test_a_mirror_is_tried_before_the_addresses_that_are_known(server: Server, known: KnownFile) -> None:
    said: list[str] = []
    fetch_known("test", mirrors=["http://127.0.0.1:9/a", server.url + "?mirror"], say=said.append)
    assert [line.rpartition(" ")[2] for line in said] == ["http://127.0.0.1:9/a", server.url + "?mirror"]


@pytest.fixture
def own(server: Server, monkeypatch: pytest.MonkeyPatch) -> KnownFile:
    file = KnownFile("own", "own.pth", "test", len(CONTENT), SHA256, "for research only", "https://example.org/terms")
    monkeypatch.setitem(store.KNOWN, "own", file)
    return file


def test_a_file_with_terms_of_its_own_can_be_had_from_a_mirror_that_the_user_names(
    server: Server, own: KnownFile
) -> None:
    assert fetch_known("own", mirrors=[server.url]).read_bytes() == CONTENT
    assert fetch_known("own", check=True) == store.cache_dir() / "own.pth"
    (store.cache_dir() / "own.pth").write_bytes(b"x" * len(CONTENT))
    with pytest.raises(WeightsError, match=r"own\.pth is not own\.pth, by its SHA-256\. It is not downloaded by the"):
        fetch_known("own", check=True)


def test_a_file_that_the_user_has_is_checked_and_copied(server: Server, own: KnownFile, tmp_path: Path) -> None:
    download = tmp_path / "download (1)"
    download.write_bytes(CONTENT)
    assert adopt("own", download) == store.cache_dir() / "own.pth"
    assert (store.cache_dir() / "own.pth").read_bytes() == download.read_bytes() == CONTENT
    assert adopt("own", store.cache_dir() / "own.pth").read_bytes() == CONTENT    # it lies there already
    link = tmp_path / "link"
    link.symlink_to(store.cache_dir() / "own.pth")
    assert adopt("own", link).read_bytes() == CONTENT
    assert not (store.cache_dir() / "own.pth").is_symlink()
    assert {path.name for path in store.cache_dir().iterdir()} == {"own.pth"}


@pytest.mark.parametrize(
    ("content", "named"), [(b"<html>", "an HTML page of 6 bytes"), (CONTENT[:-1], "another file of 1,048,575 bytes")]
)
def test_a_file_that_is_another_one_is_not_copied(
    own: KnownFile, tmp_path: Path, content: bytes, named: str
) -> None:
    (tmp_path / "mine.pth").write_bytes(content)
    with pytest.raises(WeightsError, match=rf"mine\.pth is not own\.pth: it is {named} with the SHA-256"):
        adopt("own", tmp_path / "mine.pth")
    assert not any(store.cache_dir().iterdir())


def test_what_cannot_be_checked_or_comes_along_is_not_copied(tmp_path: Path) -> None:
    (tmp_path / "mine.pt").write_bytes(CONTENT)
    with pytest.raises(WeightsError, match="Nobody has published the SHA-256"):
        adopt("wav2lip-torchscript", tmp_path / "mine.pt")
    with pytest.raises(WeightsError, match="comes with the program"):
        adopt("demo", tmp_path / "mine.pt")
    with pytest.raises(WeightsError, match="There is no file"):
        adopt("wav2lip", tmp_path / "missing")
    assert fetch_known("demo", check=True) == store.demo_checkpoint()


def test_a_cache_folder_that_may_not_be_entered_is_told(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    for look in ("is_file", "exists"):
        monkeypatch.setattr(Path, look, closed)
    monkeypatch.setattr(Path, "mkdir", lambda path, **how: closed(path))
    with pytest.raises(WeightsError, match=r"could not be stored in .*: Permission denied\. .*WAV2LIP_CACHE"):
        get(server, tmp_path / "weights.pth")
    with pytest.raises(WeightsError, match="must not be used"):
        fetch([server.url], tmp_path / "weights.pth", sha256=SHA256, size=len(CONTENT), offline=True)
