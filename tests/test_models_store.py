"""Where weights lie, and which are known."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from wav2lip.errors import WeightsError
from wav2lip.models import store


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


def test_every_known_file_is_found_by_its_hash_in_either_case() -> None:
    for name, known in store.KNOWN.items():
        assert known.name == name
        assert re.fullmatch("[0-9a-f]{64}", known.sha256)
        assert store.known_by_sha256(known.sha256.upper()) is known
        assert known.may_have(known.size)
        assert not known.may_have(known.size // 2)
    assert store.known_by_sha256("0" * 64) is None


def test_an_exact_size_admits_no_other() -> None:
    assert not store.KNOWN["wav2lip"].may_have(store.KNOWN["wav2lip"].size - 1)
    assert store.KNOWN["syncnet-v2"].may_have(store.KNOWN["syncnet-v2"].size - 1)    # listed as "about 52 MB"


def test_nothing_with_terms_of_its_own_is_downloaded_by_the_program() -> None:
    assert [name for name, known in store.KNOWN.items() if known.urls] == ["s3fd"]


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


def test_asking_the_store_loads_nothing_heavy() -> None:
    code = "import sys, wav2lip.models.download; print({'torch', 'numpy', 'tqdm'} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"
