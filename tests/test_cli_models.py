"""`wav2lip models`, and the names of weights in other commands."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from answers import assert_one_sentence
from click.testing import CliRunner, Result
from seeded import seeded
from weights_files import trained

from wav2lip.cli import main
from wav2lip.errors import WeightsError
from wav2lip.models import store
from wav2lip.models.generator import Generator
from wav2lip.models.known import KNOWN, KnownFile
from wav2lip.models.load import load_generator, save_network
from wav2lip.models.openvino import load_engine
from wav2lip.training.pairs import Making


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["models", *map(str, words)])


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.save(trained(seeded(Generator(2)), step=9), tmp_path / "mine.pth")
    return tmp_path / "mine.pth"


@pytest.fixture
def mine(weights: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[KnownFile, list[str | None]]]:
    """A published file on a server of this machine that breaks the first connection, and the ranges asked for."""
    content = weights.read_bytes()
    ranges: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers["Range"]
            ranges.append(asked)
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            self.wfile.write(content[start:] if len(ranges) > 1 else content[:1000])

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        monkeypatch.delenv("WAV2LIP_OFFLINE")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        url = f"http://127.0.0.1:{http.server_port}/mine.pth"
        sha256 = hashlib.sha256(content).hexdigest()
        known = KnownFile("mine", "mine.pth", "my generator", len(content), sha256, "free", "my page", (url,))
        monkeypatch.setitem(KNOWN, "mine", known)
        yield known, ranges
        http.shutdown()


@pytest.mark.parametrize(("variable", "code"), [
    ("WAV2LIP_CACHE", 1), ("XDG_CACHE_HOME", 1), ("WAV2LIP_CONFIG", 2), ("XDG_CONFIG_HOME", 0),
])
def test_nobodys_home_folder_is_a_sentence(monkeypatch: pytest.MonkeyPatch, variable: str, code: int) -> None:
    for other in ("WAV2LIP_CACHE", "WAV2LIP_NO_CONFIG"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(variable, "~no-such-user/folder")
    result = run("list")
    assert result.exit_code == code
    assert not code or ("~no-such-user/folder" in result.stderr and result.stderr.count("\n") == 1)


def test_nobodys_home_folder_is_no_source_of_weights() -> None:
    result = run("get", "s3fd", "--from", "~no-such-user.pth")
    assert result.exit_code == 4
    assert "~no-such-user.pth" in result.stderr


def test_all_weights_are_listed_with_what_is_known_of_them() -> None:
    result = run()
    assert result.exit_code == 0
    assert result.output == run("list").output
    for known in KNOWN.values():
        for told in (f"{known.name}: {known.what}", known.file, known.terms, known.source, known.sha256 or "unknown"):
            assert told in result.output
    assert "not here: wav2lip models get wav2lip-gan" in result.output
    assert f"here: {store.demo_checkpoint()}" in result.output


def test_the_list_is_there_for_programs_too() -> None:
    entries = json.loads(run("--json").output)
    assert entries == json.loads(run("list", "--json").output)
    by_name = {entry["name"]: entry for entry in entries}
    assert set(by_name) == set(KNOWN)
    assert by_name["demo"]["path"] == str(store.demo_checkpoint())
    assert (by_name["wav2lip"]["present"], by_name["wav2lip"]["path"]) == (False, None)
    assert by_name["wav2lip-torchscript"]["sha256"] is None


def test_listing_and_help_load_nothing_heavy() -> None:
    code = (
        "import sys\nfrom click.testing import CliRunner\nfrom wav2lip.cli import main\n"
        "assert CliRunner().invoke(main, ['models']).exit_code == 0\n"
        "assert 'convert' in CliRunner().invoke(main, ['models', '--help']).output\n"
        "print({'torch', 'numpy', 'cv2', 'tqdm'} & set(sys.modules))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"


def test_weights_are_got_over_a_broken_connection_and_then_have_a_name(
    mine: tuple[KnownFile, list[str | None]],
) -> None:
    known, ranges = mine
    result = run("get", "mine")
    path = store.cache_dir() / "mine.pth"
    assert (result.exit_code, result.stdout) == (0, f"{path}\n")
    assert result.stderr == f"Terms of mine.pth: free\nDownloading mine.pth (7 MB) from {known.urls[0]}\n"
    assert ranges == [None, "bytes=1000-"]
    assert run("get", "mine").output == f"{path}\n"
    assert len(ranges) == 2
    assert run("verify", "mine").output == (
        "mine: ok: my generator: it loads; it is mine.pth as published, by its SHA-256\n"
    )
    assert load_generator("mine").channels == 2


def test_another_file_than_the_one_wanted_is_refused(
    mine: tuple[KnownFile, list[str | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = mine[0]
    wrong = KnownFile("mine", "mine.pth", "mine", known.size, "0" * 64, "free", "my page", known.urls)
    monkeypatch.setitem(KNOWN, "mine", wrong)
    result = run("get", "-q", "mine")
    assert result.exit_code == 4
    assert_one_sentence(result.stdout, result.stderr, "what came is not this file but another", "mine.pth")
    assert not (store.cache_dir() / "mine.pth").exists()


@pytest.mark.parametrize("offline", ["--offline", "WAV2LIP_OFFLINE"])
def test_offline_it_is_said_what_to_do(
    mine: tuple[KnownFile, list[str | None]], monkeypatch: pytest.MonkeyPatch, offline: str
) -> None:
    if offline == "WAV2LIP_OFFLINE":
        monkeypatch.setenv(offline, "1")
    result = run("get", "mine", *(["--offline"] if offline == "--offline" else []))
    assert result.exit_code == 4
    assert_one_sentence(result.stdout, result.stderr, "offline", "by other means and put it at", "mine.pth")
    assert mine[1] == []


def test_weights_with_terms_of_their_own_are_left_to_the_user() -> None:
    result = run("get", "wav2lip-gan")
    assert result.exit_code == 4
    assert_one_sentence(
        result.stdout, result.stderr, "trained on LRS2", "https://github.com/Rudrabha/Wav2Lip", "put it at",
        "wav2lip models get wav2lip-gan --from FILE_OR_ADDRESS",
    )


def test_a_file_or_a_mirror_of_the_users_own_is_taken_if_it_is_the_right_one(
    mine: tuple[KnownFile, list[str | None]], weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = mine[0]
    bare = KnownFile("mine", "mine.pth", "mine", known.size, known.sha256, "for research", "my page")
    monkeypatch.setitem(KNOWN, "mine", bare)
    assert run("get", "mine").exit_code == 4
    assert run("get", "mine", "--from", weights).stdout == f"{store.cache_dir() / 'mine.pth'}\n"
    (store.cache_dir() / "mine.pth").unlink()
    result = run("get", "mine", "--from", "http://127.0.0.1:9/a", "--from", known.urls[0])
    assert (result.exit_code, result.stderr.splitlines()[0]) == (0, "Terms of mine.pth: for research")
    assert run("get", "demo", "--from", weights).exit_code == 4
    for words in (["get", "mine", "demo", "--from", weights], ["get", "mine", "--from", weights, "--from", weights]):
        assert run(*words).exit_code == 2


def test_a_name_that_nobody_knows_is_told_with_the_nearest() -> None:
    result = run("get", "wav2lip-gna")
    assert result.exit_code == 2
    assert_one_sentence(result.stdout, result.stderr, "Did you mean wav2lip-gan?", "s3fd")
    assert run("get").exit_code == 2


def test_each_file_has_its_line_and_a_bad_one_its_exit_code(weights: Path, tmp_path: Path) -> None:
    assert run("verify", weights, "demo").exit_code == 0
    (tmp_path / "page.pth").write_text("<html>")
    result = run("verify", weights, tmp_path / "page.pth", "wav2lip")
    assert result.exit_code == 4
    first, second, third = result.stdout.splitlines()
    assert first.startswith(f"{weights}: ok: Wav2Lip generator, ")
    assert second.startswith(f"{tmp_path / 'page.pth'}: BAD: ")
    assert third.startswith("wav2lip: BAD: The weights wav2lip ")
    assert result.stderr == "Error: 2 of 3 files cannot be used.\n"


def test_real_detectors_are_verified(shared: Path) -> None:
    result = run("verify", *sorted((shared / "data" / "detectors").iterdir()))
    assert result.exit_code == 0
    assert [line.partition(": ok: ")[2].partition(":")[0] for line in result.stdout.splitlines()] == [
        "blazeface face detector", "retinaface face detector", "yunet face detector",
    ]


def test_a_file_is_told_in_words_and_for_programs(weights: Path) -> None:
    lines = dict(line.split(maxsplit=1) for line in run("info", weights).stdout.splitlines())
    assert lines["network"] == "Wav2Lip generator, 0.125 of the full width, step 9"
    assert lines["width"] == "0.125 of the full one"
    assert lines["steps"] == "9"
    assert lines["optimizer"].startswith("inside")
    assert (lines["GAN"], lines["origin"], lines["terms"]) == ("cannot be told",) * 3
    told = json.loads(run("info", weights, "--json").stdout)
    assert (told["steps"], told["gan"], told["optimizer"], told["format"]) == (9, None, True, "torch zip")
    assert "GAN" not in run("info", "expert").stdout


def test_texts_in_a_file_neither_break_a_line_nor_steer_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    save_network(Generator(2), path, {"description": "mine\n\x1b[2Jyours", "origin": "a\nb", "licence": "\x07"})
    assert run("verify", path).stdout == f"{path}: ok: mine  [2Jyours: it loads; none of the published files\n"
    told = run("info", path).stdout
    assert len(told.splitlines()) == 11
    assert all(line.isprintable() for line in told.splitlines())


def test_a_broken_file_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "page.pth").write_text("<html>")
    for words in (["info", tmp_path / "page.pth"], ["convert", tmp_path / "page.pth", tmp_path / "out.safetensors"]):
        result = run(*words)
        assert result.exit_code == 4
        assert_one_sentence(result.stdout, result.stderr, "HTML page")


def test_a_converted_file_is_named_and_can_be_used(weights: Path, tmp_path: Path) -> None:
    output = tmp_path / "small.safetensors"
    result = run("convert", weights, output, "--half")
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"{output}\n", "")
    assert load_generator(output).channels == 2
    assert run("convert", output, output).exit_code == 2
    assert run("convert", weights, tmp_path / "out.pth").exit_code == 2


def test_a_checkpoint_can_be_named_and_a_missing_one_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wav2lip").mkdir()    # as beside a source checkout
    words = ["export", "out.xml", "--checkpoint"]
    result = CliRunner().invoke(main, [*words, "wav2lip"])
    assert result.exit_code == 4
    assert_one_sentence(result.stdout, result.stderr, "not on this machine", "`wav2lip models get wav2lip`")
    result = CliRunner().invoke(main, [*words, "wav2lip_gan"])
    assert_one_sentence(result.stdout, result.stderr, "There is no weights file wav2lip_gan.", "`wav2lip models`")
    save_network(seeded(Generator(2)), tmp_path / "wav2lip-gan")    # the user's own file of that name
    assert run("info", "wav2lip-gan").stdout.startswith("file        wav2lip-gan, ")


def test_names_are_taken_wherever_the_content_of_weights_counts() -> None:
    with pytest.raises(WeightsError, match="wav2lip models get wav2lip`"):
        load_engine("wav2lip", torch.float32)
    assert Making((), generator=Path("demo")).request() == Making(()).request()
