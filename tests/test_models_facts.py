"""What a file of weights says of itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from seeded import seeded
from torch import nn
from weights_files import trained

from wav2lip.errors import WeightsError
from wav2lip.models import store
from wav2lip.models.discriminator import Discriminator
from wav2lip.models.facts import facts_of
from wav2lip.models.generator import Generator
from wav2lip.models.known import KnownFile
from wav2lip.models.load import save_network
from wav2lip.models.store import sha256_of
from wav2lip.models.syncnet import SyncNet


def learned(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_a_checkpoint_of_the_original_trainers_is_told(tmp_path: Path, zipped: bool) -> None:
    network = seeded(Generator(4))
    torch.save(trained(network, step=9), tmp_path / "mine.pth", _use_new_zipfile_serialization=zipped)
    facts = facts_of(tmp_path / "mine.pth")
    assert facts.what == "Wav2Lip generator, 0.25 of the full width, step 9"
    assert (facts.network, facts.width, facts.steps, facts.epoch) == ("generator", 0.25, 9, 88)
    assert facts.parameters == learned(network)
    assert list(facts.numbers) == ["float32"]
    assert facts.numbers["float32"] > facts.parameters    # batch norms have gathered some too
    assert facts.optimizer
    assert (facts.gan, facts.origin, facts.terms, facts.known) == (None, None, None, None)
    assert json.loads(json.dumps(facts.to_dict()))["path"] == str(tmp_path / "mine.pth")


@pytest.mark.parametrize("optimizer", [None, {}])
def test_bare_weights_have_no_optimizer(tmp_path: Path, optimizer: object) -> None:
    weights = SyncNet(8).state_dict()
    torch.save({"state_dict": weights, "optimizer": optimizer}, tmp_path / "mine.pth")
    facts = facts_of(tmp_path / "mine.pth")
    assert not facts.optimizer
    assert (facts.network, facts.width, facts.steps) == ("syncnet", 0.25, None)


def test_what_a_training_wrote_is_told(tmp_path: Path) -> None:
    texts = {"steps": "18000", "licence": "CC BY 4.0", "gan": "yes", "origin": "drawn heads"}
    save_network(Generator(16), tmp_path / "mine.safetensors", texts)
    facts = facts_of(tmp_path / "mine.safetensors")
    assert (facts.steps, facts.terms, facts.gan, facts.origin) == (18000, "CC BY 4.0", True, "drawn heads")
    assert facts.width == 1
    assert facts.parameters == 36_298_035    # the published size
    assert list(facts.numbers) == ["float16", "float32"]
    assert facts.metadata["gan"] == "yes"


def test_a_published_file_is_told_by_its_hash_whatever_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "renamed.bin"
    torch.save(Discriminator(2).state_dict(), path)
    published = KnownFile("x", "x.pth", "famous", path.stat().st_size, sha256_of(path), "free", "page", gan=False)
    monkeypatch.setitem(store.KNOWN, "x", published)
    facts = facts_of(path)
    assert (facts.known, facts.what, facts.terms, facts.origin) == ("x", "famous", "free", "page")
    assert facts.gan is False


def test_the_weights_that_ship_are_told_by_their_names() -> None:
    facts = facts_of("demo")
    assert (facts.known, facts.width, facts.steps, facts.gan) == ("demo", 0.5, 58506, False)
    assert facts_of("expert").network == "syncnet"


def test_of_an_unknown_network_the_numbers_are_told(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(3, 2), "b": torch.zeros(2, dtype=torch.bfloat16)}, tmp_path / "other.safetensors")
    facts = facts_of(tmp_path / "other.safetensors")
    assert (facts.network, facts.parameters, facts.numbers) == ("unknown", 8, {"float32": 6, "bfloat16": 2})
    assert (facts.width, facts.gan) == (None, None)


@pytest.mark.parametrize("step", [True, "9", 2.5])
def test_a_step_that_is_no_number_is_not_told(tmp_path: Path, step: object) -> None:
    save_network(Generator(1), tmp_path / "mine.safetensors", {"steps": "many"})
    assert facts_of(tmp_path / "mine.safetensors").steps is None
    torch.save({"state_dict": Generator(1).state_dict(), "global_step": step}, tmp_path / "mine.pth")
    assert facts_of(tmp_path / "mine.pth").steps in (None, True)


def test_what_is_no_weights_file_is_told_as_everywhere(tmp_path: Path) -> None:
    (tmp_path / "page.pth").write_text("<!DOCTYPE html>")
    with pytest.raises(WeightsError, match="it is an HTML page"):
        facts_of(tmp_path / "page.pth")
