"""Every command and every piece of Python on the pages of the documentation does what it is there for."""

from __future__ import annotations

from pathlib import Path

import pytest
from documented import ROOT, Command, pages
from documented_page import things, try_page
from documented_rows import ROWS, SECOND
from documented_run import rows_of
from documented_world import make_world

PAGES = [page for page in pages() if page.relative_to(ROOT).as_posix() not in SECOND and things(page)]

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("documented") / "world"
    folder.mkdir()
    return make_world(folder)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_keeps_its_promises(page: Path, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try_page(page, world, tmp_path, monkeypatch)


def test_no_exception_is_made_for_what_is_not_there() -> None:
    every = [one for page in pages() for one in things(page) if isinstance(one, Command)]
    assert [row.pattern for row in ROWS if not any(row in rows_of(one) for one in every)] == []
