"""The notebook runs from top to bottom, as far as that can be told without Colab."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
from documented import ROOT
from media_samples import run_ffmpeg

from wav2lip.media.ffmpeg import url
from wav2lip.media.probe import probe

NOTEBOOK = ROOT / "examples" / "wav2lip_colab.ipynb"


@pytest.fixture
def notebook() -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


def test_it_is_a_valid_notebook_without_anybodys_results(notebook: nbformat.NotebookNode) -> None:
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell for cell in code if cell.outputs or cell.execution_count] == []


@pytest.mark.usefixtures("one_thread")
def test_its_cells_make_the_example_speak(
    notebook: nbformat.NotebookNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "examples").mkdir()
    for name, scaled in (("face.mp4", ["-vf", "scale=240:240"]), ("speech.wav", [])):
        path = Path("examples") / name
        run_ffmpeg("-i", url(ROOT / path), "-t", 0.8, *scaled, url(tmp_path / path))
    shown: list[str] = []
    display = ModuleType("IPython.display")
    display.Image = display.Video = lambda path, **_: Path(path)    # type: ignore[attr-defined]
    display.display = lambda path: shown.append(path.name)          # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    shutil.copy(NOTEBOOK, tmp_path / "examples")
    monkeypatch.chdir(tmp_path / "examples")        # where Jupyter begins

    names: dict[str, object] = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            exec(compile(cell.source, NOTEBOOK.name, "exec"), names)
    assert shown == ["faces.png", "result.mp4"]
    assert probe(tmp_path / "examples" / "result.mp4").frames == 20
    assert "20 frames, 20 with a face" in capsys.readouterr().out
