"""Every command of the README and of the pages about training and the picture does what it is there for."""

from __future__ import annotations

from pathlib import Path

import pytest
from documented import ROOT
from documented_page import try_page
from documented_rows import SECOND
from documented_world import make_world

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("documented") / "world"
    folder.mkdir()
    return make_world(folder)


@pytest.mark.parametrize("page", SECOND)
def test_a_page_keeps_its_promises(page: str, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try_page(ROOT / page, world, tmp_path, monkeypatch)
