"""Whatever runs the generator, with whatever numbers, its faces are the generator's."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from wav2lip.errors import UsageError, Wav2LipError, WeightsError
from wav2lip.models.engine import Engine, Mixed, TorchEngine
from wav2lip.models.fused import FACES, fuse
from wav2lip.models.generator import FACE_SIZE, LOWER, Generator
from wav2lip.models.load import load_checkpoint, load_generator
from wav2lip.models.openvino import BATCH, OpenVINOEngine, export_generator, load_engine
from wav2lip.models.precision import number_type
from wav2lip.models.store import cache_dir

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def given() -> tuple[np.ndarray, np.ndarray]:
    """Mel windows and faces: more than OpenVINO takes at a time, and not a multiple of it."""
    rng = np.random.default_rng(0)
    coarse = rng.random((BATCH + 3, 6, 12, 12), np.float32)
    faces = np.kron(coarse, np.ones((8, 8), np.float32))
    faces[:, :3, 48:] = 0
    return rng.uniform(-4, 4, (BATCH + 3, 1, 80, 16)).astype(np.float32), faces


@pytest.fixture(scope="module")
def exact(given: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return TorchEngine(load_generator(), "cpu", exact=True).generate(*given)


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(1 / np.mean((one - other) ** 2)))


def test_folding_changes_no_level(given: tuple[np.ndarray, np.ndarray], exact: np.ndarray) -> None:
    faces = TorchEngine(load_generator(), "cpu").generate(*given)
    assert faces.dtype == np.float32
    assert np.abs(faces - exact).max() * 255 < 0.01


def test_where_pytorch_has_no_fused_operators_it_goes_without(
    given: tuple[np.ndarray, np.ndarray], exact: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wav2lip.models.fused._OPERATORS", ("_not_there",))
    engine = TorchEngine(load_generator(), "cpu")
    assert not any("Fused" in type(module).__name__ for module in engine._network.modules())
    assert np.abs(engine.generate(*given) - exact).max() * 255 < 0.01


@pytest.mark.parametrize("first", [1, 17, LOWER, 56, 80, 95])
def test_lower_rows_are_those_of_the_whole_face(first: int) -> None:
    torch.manual_seed(0)
    generator = Generator(channels=1).eval()
    mel, face = torch.randn(2, 1, 80, 16), torch.rand(2, 6, FACE_SIZE, FACE_SIZE)
    with torch.inference_mode():
        whole, lower = generator(mel, face), generator.speak(mel, generator.encode(face), first=first)
    assert lower.shape == (2, 3, FACE_SIZE - first, FACE_SIZE)
    assert (lower - whole[:, :, first:]).abs().max() < 1e-6


def test_of_lower_faces_the_rest_is_what_was_given(given: tuple[np.ndarray, np.ndarray]) -> None:
    engine = TorchEngine(load_generator(), "cpu")
    whole = engine.generate(*given)
    some = np.arange(len(whole)) % 3 == 1
    for lower in (some, ~some, some | True):
        made = engine.generate(*given, lower=lower)
        assert np.array_equal(made[~lower], whole[~lower])
        assert np.abs(made - whole)[lower, :, LOWER:].max() < 1e-5
        assert np.array_equal(made[lower, :, :LOWER], given[1][lower, :3, :LOWER])
    shares = [sum(engine.flop(lower=lower).values()) for lower in (True, False)]
    assert 0.7 < shares[0] / shares[1] < 0.8


def test_appearances_pass_into_each_other(given: tuple[np.ndarray, np.ndarray]) -> None:
    mels, faces = given[0][:3], given[1][:5]
    engine = TorchEngine(load_generator(), "cpu")

    def mixed(*weights: float) -> np.ndarray:
        return engine.generate(mels, faces, mixed=Mixed(np.array([0, 1, 1, 2, 2]), np.array(weights, np.float32)))

    ends = engine.generate(mels, faces[[0, 1, 3]]), engine.generate(mels, faces[[0, 2, 4]])
    assert np.array_equal(mixed(1, 1, 0, 1, 0), ends[0])
    assert np.array_equal(mixed(1, 0, 1, 0, 1), ends[1])
    way = np.stack([mixed(1, 1 - share, share, 1 - share, share) for share in np.linspace(0, 1, 9)])
    steps = np.abs(np.diff(way, axis=0)).mean(axis=(2, 3, 4))
    assert steps[:, 0].max() == 0
    assert steps[:, 1:].max() < 0.3 * np.abs(ends[1] - ends[0])[1:].mean(axis=(1, 2, 3)).max()    # no leap
    lower = engine.generate(
        mels, faces, lower=np.array([False, True, True]),
        mixed=Mixed(np.array([0, 1, 1, 2, 2]), np.array([1, 0.5, 0.5, 0.5, 0.5], np.float32)),
    )
    assert np.abs(lower - way[4])[:, :, LOWER:].max() < 1e-5


def test_bfloat16_stays_close_enough_to_be_taken_by_itself(
    given: tuple[np.ndarray, np.ndarray], exact: np.ndarray
) -> None:
    faces = TorchEngine(load_generator(), "cpu", torch.bfloat16).generate(*given)
    assert faces.dtype == np.float32
    assert 45 < psnr(faces, exact) < 80    # and it is not float32 all the same


def test_a_face_that_is_shown_again_is_encoded_once(given: tuple[np.ndarray, np.ndarray]) -> None:
    generator = load_generator()
    engine = TorchEngine(generator, "cpu")
    mels, faces = given
    shown = faces[[0, 0, 0, 1, 1, 0]]
    encoded: list[int] = []
    encode = engine._network.encode

    def counted(face: torch.Tensor) -> list[torch.Tensor]:
        encoded.append(len(face))
        return encode(face)

    engine._network.encode = counted  # type: ignore[method-assign]
    together = engine.generate(mels[:6], shown)
    assert encoded == [3]
    one_by_one = [engine.generate(mels[at : at + 1], shown[at : at + 1]) for at in range(6)]
    assert np.abs(together - np.concatenate(one_by_one)).max() < 1e-5


def test_each_core_generates_faces_of_its_own(given: tuple[np.ndarray, np.ndarray], exact: np.ndarray) -> None:
    torch.set_num_threads(3)    # put back by the fixture
    engine = TorchEngine(load_generator(), "cpu")
    shares: list[tuple[int, int]] = []
    speak = engine._network.speak

    def seen(mel: torch.Tensor, maps: list[torch.Tensor], *, first: int) -> torch.Tensor:
        shares.append((len(mel), torch.get_num_threads()))
        return speak(mel, maps, first=first)

    engine._network.speak = seen  # type: ignore[method-assign]
    assert np.abs(engine.generate(*given) - exact).max() * 255 < 0.01
    assert sorted(shares) == [(3, 1), (4, 1)]    # no more cores than are worth it
    assert engine.at_once == 4
    engine.generate(*(rows[:2] for rows in given))
    assert shares[2:] == [(2, 1)]
    assert torch.get_num_threads() == 3


def test_nobody_waits_for_the_weights_until_there_is_a_face(
    given: tuple[np.ndarray, np.ndarray], exact: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.set_num_threads(2)
    go_on = threading.Event()

    def slowly(generator: Generator) -> None:
        assert go_on.wait(60)
        fuse(generator)

    monkeypatch.setattr("wav2lip.models.engine.fuse", slowly)
    engine = TorchEngine(load_generator(), "cpu")
    assert (engine.at_once, engine.faces) == (3, FACES)
    assert engine.flop()
    go_on.set()
    assert np.abs(engine.generate(*given) - exact).max() * 255 < 0.01


def test_weights_that_cannot_be_brought_into_form_are_told_of_with_the_first_face(
    given: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(generator: Generator) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    torch.set_num_threads(2)
    monkeypatch.setattr("wav2lip.models.engine.fuse", fail)
    engine = TorchEngine(load_generator(), "cpu")
    with pytest.raises(RuntimeError, match="can't allocate"):
        engine.generate(*given)


def test_a_face_is_the_same_in_any_company_and_on_any_number_of_cores(given: tuple[np.ndarray, np.ndarray]) -> None:
    made = []
    for threads, together in ((1, 1), (1, 7), (2, 1), (2, 3), (3, 7)):
        torch.set_num_threads(threads)    # put back by the fixture
        engine = TorchEngine(load_generator(), "cpu")
        groups = [[rows[at : at + together] for rows in given] for at in range(0, len(given[0]), together)]
        made.append(np.concatenate([engine.generate(*group) for group in groups]))
    assert all(np.array_equal(one, made[0]) for one in made[1:])


def test_numbers_by_themselves_suit_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    assert number_type("auto", "cuda:1") == torch.float16
    assert number_type("auto", "mps") == torch.float32
    for fast, numbers in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr("wav2lip.models.precision.fast_bfloat16", lambda device, fast=fast: fast)
        assert number_type("auto", "cpu") == numbers
    assert number_type("bf16", "cpu") == torch.bfloat16
    with pytest.raises(UsageError, match="fp16 is for GPUs"):
        number_type("fp16", "cpu")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("openvino")
    path = tmp_path_factory.mktemp("exported") / "generator.xml"
    export_generator(load_checkpoint(), path)
    return path


def test_openvino_gives_the_same_faces(
    exported: Path, given: tuple[np.ndarray, np.ndarray], exact: np.ndarray
) -> None:
    engine: Engine = OpenVINOEngine(exported)
    assert np.abs(engine.generate(*given) - exact).max() * 255 < 0.01
    assert [file.name for file in sorted(exported.parent.iterdir())] == ["generator.bin", "generator.xml"]
    made = [engine.generate(given[0][:1], given[1][at : at + 1]) for at in (0, 1)]
    half = engine.generate(given[0][:1], given[1][:2], mixed=Mixed(np.zeros(2, int), np.full(2, 0.5, np.float32)))
    np.testing.assert_allclose(half, (made[0] + made[1]) / 2, atol=1e-6)


def test_half_the_file_gives_nearly_the_same_faces(
    exported: Path, tmp_path: Path, given: tuple[np.ndarray, np.ndarray], exact: np.ndarray
) -> None:
    small = tmp_path / "small.xml"
    export_generator(load_checkpoint(), small, half=True)
    assert small.with_suffix(".bin").stat().st_size < 0.51 * exported.with_suffix(".bin").stat().st_size
    assert psnr(OpenVINOEngine(small).generate(*given), exact) > 60


def test_onnx_is_what_openvino_runs_too(
    tmp_path: Path, given: tuple[np.ndarray, np.ndarray], exact: np.ndarray
) -> None:
    pytest.importorskip("openvino")
    path = tmp_path / "generator.onnx"
    export_generator(load_checkpoint(), path)
    engine, description, notice = load_engine(path, torch.float32)
    assert (description, notice) == ("generator.onnx: a generator", None)
    assert np.abs(engine.generate(*given) - exact).max() * 255 < 0.01


def test_weights_are_converted_once_for_openvino(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: tuple[np.ndarray, np.ndarray]
) -> None:
    pytest.importorskip("openvino")
    torch.manual_seed(0)
    weights = tmp_path / "narrow.pth"
    torch.save({"state_dict": Generator(channels=1).state_dict()}, weights)
    first, description, _ = load_engine(weights, torch.float32)
    assert description == "narrow.pth: Wav2Lip generator, 0.0625 of the full width"
    assert len(list((cache_dir() / "openvino").glob("*.xml"))) == 1
    monkeypatch.setattr("wav2lip.models.openvino.load_checkpoint", None)
    again, described, _ = load_engine(weights, torch.float32)
    assert described == description
    np.testing.assert_array_equal(again.generate(*given), first.generate(*given))


def test_what_cannot_be_exported_or_run_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load_checkpoint()
    with pytest.raises(UsageError, match=r"must end with \.xml or \.onnx"):
        export_generator(loaded, tmp_path / "generator.pt")
    with pytest.raises(UsageError, match="--half is for OpenVINO"):
        export_generator(loaded, tmp_path / "generator.onnx", half=True)
    with pytest.raises(Wav2LipError, match="cannot be written"):
        export_generator(loaded, tmp_path / "nowhere" / "generator.xml")
    for missing in ("missing.pth", "missing.xml"):
        with pytest.raises(WeightsError, match="There is no weights file"):
            load_engine(tmp_path / missing, torch.float32)
    broken = tmp_path / "broken.xml"
    broken.write_text("<net/>")
    with pytest.raises(WeightsError, match="no generator that OpenVINO can run"):
        load_engine(broken, torch.float32)
    monkeypatch.setattr("wav2lip.extras.importlib.import_module", _missing)
    with pytest.raises(UsageError, match=r'pip install "wav2lip\[openvino\]"'):
        load_engine(None, torch.float32)


def _missing(module: str) -> None:
    raise ModuleNotFoundError(name=module)
