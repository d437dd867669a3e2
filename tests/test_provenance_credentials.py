"""Content Credentials: what was done is signed into the result as the last step, and can be checked."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from answers import assert_one_sentence
from click.testing import CliRunner, Result
from provenance_clips import EXAMPLES, FRAMES, OPTIONS, make_face, make_word
from throwaway_ca import Throwaway, lock, make_certificates

import wav2lip
from wav2lip.cli import main
from wav2lip.errors import UsageError
from wav2lip.media.probe import probe
from wav2lip.media.read import read_frames
from wav2lip.models.store import sha256_of
from wav2lip.pipeline.folder import WORK_PATTERN
from wav2lip.pipeline.networks import Networks, load_networks
from wav2lip.pipeline.rerun import rerun
from wav2lip.progress import Progress
from wav2lip.provenance.certificate import read_certificate
from wav2lip.provenance.credentials import read_credentials
from wav2lip.provenance.sidecar import read_sidecar, sidecar_of
from wav2lip.provenance.signing import Signing
from wav2lip.provenance.tags import SOURCE_TYPE, STATEMENT

pytest.importorskip("c2pa")
pytestmark = pytest.mark.usefixtures("one_thread")

Sign = Callable[..., Path]


@pytest.fixture(scope="module")
def networks() -> Networks:
    return load_networks(OPTIONS, "cpu", Progress())


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    make_face(folder / "face.mp4")
    make_word(folder / "word.wav")
    return folder


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Throwaway:
    return make_certificates(tmp_path_factory.mktemp("people"))


@pytest.fixture(scope="module")
def sign(clips: Path, networks: Networks, people: Throwaway) -> Sign:
    """Sync the clips, or another face, to a signed file."""

    def run(output: Path, face: Path | None = None, **changed: Any) -> Path:
        options = replace(OPTIONS, c2pa_cert=people.chain, c2pa_key=people.key, **changed)
        wav2lip.sync(face or clips / "face.mp4", clips / "word.wav", output, options, networks=networks)
        return output

    return run


@pytest.fixture(scope="module")
def signed(sign: Sign, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sign(tmp_path_factory.mktemp("signed") / "a.mp4")


def invoke(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def test_a_signed_result_says_what_was_done_to_what(signed: Path, clips: Path, people: Throwaway) -> None:
    found = read_credentials(signed, people.root)
    assert found is not None
    assert (found.state, found.failures, found.algorithm, found.time) == ("trusted", (), "Es256", None)
    assert (found.signer, found.tool) == ("Somebody", f"wav2lip {wav2lip.__version__}")
    edited = {action.name: action for action in found.actions}["c2pa.edited"]
    assert (edited.source_type, edited.description) == (SOURCE_TYPE, STATEMENT)
    assert edited.agent == f"wav2lip {wav2lip.__version__}"
    assert [action.name for action in found.actions] == ["c2pa.opened", "c2pa.edited", "c2pa.placed"]
    assert [(part.title, part.relationship, part.description) for part in found.parts] == [
        ("face.mp4", "parentOf", f"SHA-256 {sha256_of(clips / 'face.mp4')}"),
        ("word.wav", "componentOf", f"SHA-256 {sha256_of(clips / 'word.wav')}"),
    ]
    assert {path.name for path in signed.parent.iterdir()} == {"a.mp4", "a.mp4.wav2lip.json"}


def test_inspect_tells_valid_trusted_and_changed_apart(signed: Path, people: Throwaway, tmp_path: Path) -> None:
    asked = invoke("inspect", signed)
    assert asked.exit_code == 0
    assert "Content Credentials: valid; whether" in asked.stdout
    assert "of this very file" in asked.stdout
    trusted = invoke("inspect", signed, "--trust", people.root, "--json")
    assert trusted.exit_code == 0
    assert json.loads(trusted.stdout)["credentials"]["state"] == "trusted"
    stranger = make_certificates(tmp_path / "stranger")
    doubted = invoke("inspect", signed, "--trust", stranger.root)
    assert doubted.exit_code == 1
    assert "the signer is not trusted" in doubted.stdout

    changed = bytearray(signed.read_bytes())
    changed[changed.index(b"mdat") + 100] ^= 1
    (tmp_path / "a.mp4").write_bytes(changed)
    broken = invoke("inspect", tmp_path / "a.mp4", "--trust", people.root)
    assert broken.exit_code == 1
    assert "Content Credentials: INVALID" in broken.stdout
    assert "assertion.bmffHash.mismatch" in broken.stderr


@pytest.mark.parametrize("name", ["a.mov", "a.avi"])
def test_other_containers_can_be_signed_and_still_play(sign: Sign, tmp_path: Path, name: str) -> None:
    found = read_credentials(sign(tmp_path / name))
    assert found is not None
    assert found.state == "valid"
    assert len(list(read_frames(probe(tmp_path / name)))) == FRAMES


def test_a_signed_source_keeps_its_credentials_and_a_second_run_signs_again(
    sign: Sign, signed: Path, tmp_path: Path
) -> None:
    output = sign(tmp_path / "b.mp4", face=signed)
    first = output.read_bytes()
    found = read_credentials(output)
    assert found is not None
    assert found.state == "valid"
    assert [(part.relationship, part.signed) for part in found.parts] == [("parentOf", True), ("componentOf", False)]
    sign(output, face=signed)
    again = read_credentials(output)
    assert again is not None
    assert again.state == "valid"
    assert output.read_bytes() != first


def test_the_record_is_of_the_signed_file_and_a_rerun_of_what_was_signed(signed: Path, tmp_path: Path) -> None:
    said = read_sidecar(sidecar_of(signed))
    assert said["output"]["sha256"] == sha256_of(signed)
    assert said["output"]["unsigned"]["sha256"] != said["output"]["sha256"]
    assert not any("c2pa" in name for name in said["options"])
    made = rerun(sidecar_of(signed), tmp_path / "b.mp4")
    assert made.identical
    assert read_credentials(tmp_path / "b.mp4") is None


def test_a_kill_before_the_signature_leaves_no_unsigned_result(
    clips: Path, people: Throwaway, tmp_path: Path
) -> None:
    program = (
        "import os, signal, sys\n"
        "from wav2lip.provenance.signing import Signing\n"
        "sign = Signing.sign\n"
        "def killed(*words):\n"
        "    os.path.exists('killed') or (open('killed', 'w').close(), os.kill(os.getpid(), signal.SIGKILL))\n"
        "    sign(*words)\n"
        "Signing.sign = killed\n"
        "from wav2lip.cli import main\n"
        "main(sys.argv[1:])\n"
    )
    words = ["sync", "--face", str(clips / "face.mp4"), "--audio", str(clips / "word.wav"), "--box", "10,90,20,80",
             "--c2pa-cert", str(people.chain), "--c2pa-key", str(people.key), "-q", "-o", "a.mp4"]

    def run() -> int:
        environment = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent)}
        return subprocess.run([sys.executable, "-c", program, *words], cwd=tmp_path, env=environment).returncode

    assert run() == -signal.SIGKILL
    assert not (tmp_path / "a.mp4").exists()
    assert list(tmp_path.glob(f"{WORK_PATTERN}/unsigned.mp4"))
    assert run() == 0
    found = read_credentials(tmp_path / "a.mp4")
    assert found is not None
    assert found.state == "valid"
    assert {path.name for path in tmp_path.iterdir()} == {"a.mp4", "a.mp4.wav2lip.json", "killed"}


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here")
def test_the_certificate_that_the_documentation_makes_can_sign(tmp_path: Path) -> None:
    text = (EXAMPLES.parent / "docs" / "provenance.md").read_text(encoding="utf-8")
    script = text.partition("<!-- throw-away -->\n```sh\n")[2].partition("```")[0]
    subprocess.run(["sh", "-ec", script], cwd=tmp_path, check=True, capture_output=True)
    Signing(read_certificate(tmp_path / "chain.pem", tmp_path / "key.pem")).try_out()


@pytest.mark.parametrize("kind", ["es384", "ed25519", "ps256"])
def test_how_it_is_signed_is_told_from_the_key(tmp_path: Path, kind: str) -> None:
    made = make_certificates(tmp_path / kind, kind=kind)
    certificate = read_certificate(made.chain, made.key)
    assert certificate.algorithm == kind
    Signing(certificate).try_out()
    assert "PRIVATE" not in repr(certificate)


@pytest.fixture
def bad(people: Throwaway, tmp_path: Path) -> Callable[[str], Throwaway]:
    def make(what: str) -> Throwaway:
        if what == "expired":
            return make_certificates(tmp_path / "old", days=1, since=3)
        if what == "early":
            return make_certificates(tmp_path / "new", days=3, since=-1)
        if what == "another's key":
            return replace(people, key=make_certificates(tmp_path / "other").key)
        if what == "root first":
            turned = tmp_path / "turned.pem"
            turned.write_bytes(people.root.read_bytes() + people.chain.read_bytes())
            return replace(people, chain=turned)
        if what == "locked":
            return replace(people, key=lock(people.key, tmp_path / "locked.pem"))
        if what == "swapped":
            return replace(people, chain=people.key, key=people.chain)
        return replace(people, key=tmp_path / "missing.pem")

    return make


@pytest.mark.parametrize(("what", "words"), [
    ("expired", "has expired"), ("early", "is not valid before"), ("another's key", "does not belong to"),
    ("root first", "it has to come first"), ("locked", "locked with a password"), ("swapped", "no certificates"),
    ("missing", "cannot be read"),
])
def test_what_cannot_sign_is_refused_before_anything_runs(
    clips: Path, tmp_path: Path, bad: Callable[[str], Throwaway], what: str, words: str
) -> None:
    wrong = bad(what)
    result = invoke(
        "sync", "--face", clips / "face.mp4", "--audio", clips / "word.wav", "-o", tmp_path / "out" / "a.mp4",
        "--c2pa-cert", wrong.chain, "--c2pa-key", wrong.key,
    )
    assert result.exit_code == 2
    assert_one_sentence(result.stdout, result.stderr, words)
    assert list((tmp_path / "out").iterdir()) == []


def test_containers_without_credentials_and_halves_of_a_signature_are_refused(
    clips: Path, tmp_path: Path, people: Throwaway
) -> None:
    words = ["sync", "--face", clips / "face.mp4", "--audio", clips / "word.wav", "--c2pa-cert", people.chain]
    result = invoke(*words, "--c2pa-key", people.key, "-o", tmp_path / "a.mkv")
    assert result.exit_code == 2
    assert_one_sentence(result.stdout, result.stderr, ".mkv files cannot carry Content Credentials", ".mp4")
    result = invoke(*words)
    assert result.exit_code == 2
    assert_one_sentence(result.stdout, result.stderr, "--c2pa-key")
    with pytest.raises(UsageError, match="c2pa-ta"):
        wav2lip.SyncOptions(c2pa_ta="http://127.0.0.1")


def test_an_authority_that_cannot_be_reached_is_told_before_anything_runs(
    clips: Path, tmp_path: Path, people: Throwaway
) -> None:
    result = invoke(
        "sync", "--face", clips / "face.mp4", "--audio", clips / "word.wav", "-o", tmp_path / "a.mp4", "--c2pa-cert",
        people.chain, "--c2pa-key", people.key, "--c2pa-ta", "http://127.0.0.1:9/stamp",
    )
    assert result.exit_code == 2
    assert_one_sentence(result.stdout, result.stderr, "http://127.0.0.1:9/stamp")


def test_without_the_extra_it_says_how_to_get_it(
    clips: Path, signed: Path, tmp_path: Path, people: Throwaway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)
    result = invoke(
        "sync", "--face", clips / "face.mp4", "--audio", clips / "word.wav", "-o", tmp_path / "a.mp4", "--c2pa-cert",
        people.chain, "--c2pa-key", people.key,
    )
    assert result.exit_code == 2
    assert_one_sentence(result.stdout, result.stderr, 'pip install "wav2lip[c2pa]"')
    looked = invoke("inspect", signed)
    assert looked.exit_code == 0
    assert "not looked for. This needs c2pa" in looked.stdout
    assert invoke("inspect", signed, "--trust", people.root).exit_code == 2


def test_what_content_credentials_cannot_parse_is_an_ingredient_all_the_same(
    sign: Sign, clips: Path, tmp_path: Path
) -> None:
    face = make_face(tmp_path / "face.mkv").rename(tmp_path / os.fsdecode(b"misnamed\xff.mp4"))
    found = read_credentials(sign(tmp_path / "a.mp4", face=face))
    assert found is not None
    assert (found.state, found.parts[0].title) == ("valid", "misnamed?.mp4")
