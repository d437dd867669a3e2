"""Where weights lie, and which are known."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wav2lip.errors import Wav2LipError, WeightsError
from wav2lip.models import store
from wav2lip.models.known import KNOWN, KnownFile
from wav2lip.models.store import cache_dir, is_here


@pytest.fixture
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("WAV2LIP_CACHE", "XDG_CACHE_HOME", "WAV2LIP_OFFLINE", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)


@pytest.mark.usefixtures("_no_settings")
def test_the_cache_is_where_the_user_says_else_where_the_system_keeps_caches(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    assert store.cache_dir() == tmp_path / ".cache" / "wav2lip"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert store.cache_dir() == tmp_path / "Library" / "Caches" / "wav2lip"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "Local"))
    assert store.cache_dir() == tmp_path / "Local" / "wav2lip" / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert store.cache_dir() == tmp_path / "xdg" / "wav2lip"
    monkeypatch.setenv("WAV2LIP_CACHE", str(tmp_path / "own"))
    assert store.cache_dir() == tmp_path / "own"


@pytest.mark.parametrize(
    ("value", "offline"),
    [(None, False), ("", False), ("0", False), ("false", False), (" No ", False), ("1", True), ("true", True)],
)
def test_offline_is_what_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, value: str | None, offline: bool
) -> None:
    monkeypatch.delenv("WAV2LIP_OFFLINE", raising=False)
    if value is not None:
        monkeypatch.setenv("WAV2LIP_OFFLINE", value)
    assert store.offline() is offline


def test_the_shipped_weights_are_found_beside_the_package_or_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "wav2lip"
    monkeypatch.setattr(store, "__file__", str(package / "models" / "store.py"))
    with pytest.raises(WeightsError, match="not in this installation"):
        store.demo_checkpoint()
    with pytest.raises(WeightsError, match="--expert"):
        store.expert_checkpoint()
    for folder in (tmp_path / "checkpoints", package / "checkpoints"):    # an installed package's own comes first
        folder.mkdir(parents=True)
        (folder / store.DEMO_FILE).write_bytes(b"weights")
        assert store.demo_checkpoint() == folder / store.DEMO_FILE
        (folder / store.EXPERT_FILE).write_bytes(b"weights")
        assert store.expert_checkpoint() == folder / store.EXPERT_FILE


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> KnownFile:
    file = KnownFile("famous", "famous.pth", "famous generator", 7, None, "free", "nowhere", ("https://example.org",))
    monkeypatch.setitem(store.KNOWN, "famous", file)
    return file


def test_a_name_stands_for_the_file_in_the_cache(known: KnownFile, tmp_path: Path) -> None:
    store.cache_dir().mkdir(exist_ok=True)
    (store.cache_dir() / "famous.pth").write_bytes(b"weights")
    assert store.locate("famous") == store.locate(Path("famous")) == store.cache_dir() / "famous.pth"
    assert store.locate(tmp_path / "famous") == tmp_path / "famous"    # a path, though it ends like a name
    assert store.locate("famous.pth") == Path("famous.pth")


def test_a_file_of_that_name_in_the_current_folder_comes_first_but_no_folder(
    known: KnownFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "famous").mkdir()
    with pytest.raises(WeightsError, match="wav2lip models get famous"):
        store.locate("famous")
    (tmp_path / "famous").rmdir()
    (tmp_path / "famous").write_bytes(b"mine")
    assert store.locate("famous") == Path("famous")


def test_a_name_whose_file_is_not_there_or_not_whole_says_how_to_get_it(known: KnownFile) -> None:
    with pytest.raises(WeightsError, match=r"are not on this machine\. `wav2lip models get famous` downloads them\."):
        store.locate("famous")
    with pytest.raises(WeightsError, match=r"`wav2lip models get wav2lip-gan` says how to get them\."):
        store.locate("wav2lip-gan")
    store.cache_dir().mkdir(exist_ok=True)
    (store.cache_dir() / "famous.pth").write_bytes(b"half")
    with pytest.raises(WeightsError, match=r"are not whole: .*famous\.pth has 4 bytes instead of 7\."):
        store.locate("famous")


def test_the_weights_that_ship_have_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert store.locate("demo") == store.demo_checkpoint()
    assert store.locate("expert") == store.expert_checkpoint()
    monkeypatch.setattr(store, "__file__", str(tmp_path / "wav2lip" / "models" / "store.py"))
    assert not store.is_here(store.KNOWN["demo"])
    with pytest.raises(WeightsError, match="not in this installation"):
        store.locate("demo")


def test_asking_the_store_loads_nothing_heavy() -> None:
    code = "import sys, wav2lip.models.download; print({'torch', 'numpy', 'tqdm'} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"


def test_a_cache_that_is_closed_to_us_has_nothing_for_us(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(path: object, *rest: object, **how: object) -> os.stat_result:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "stat", closed)
    assert not is_here(KNOWN["s3fd"])


def test_somebody_without_a_home_is_told_to_name_a_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("WAV2LIP_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", unknown)
    with pytest.raises(Wav2LipError, match="WAV2LIP_CACHE"):
        cache_dir()
