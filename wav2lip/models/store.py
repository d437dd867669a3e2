"""Which weights files there are in the world, and where they lie on this machine."""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from wav2lip.errors import WeightsError

DEMO_FILE = "demo.safetensors"
EXPERT_FILE = "expert.safetensors"
CACHE_VARIABLE = "WAV2LIP_CACHE"
RESEARCH_ONLY = "trained on LRS2 (BBC): personal, research and non-commercial use only"
ORIGINAL_SOURCE = "https://github.com/Rudrabha/Wav2Lip#getting-the-weights"

_HASH_BLOCK = 1 << 20    # bytes


@dataclass(frozen=True)
class KnownFile:
    """A published weights file, recognised by its SHA-256.

    Attributes:
        name: the short name in `KNOWN`.
        file: the name it is published under.
        what: the network in it, as a phrase without an article.
        size: bytes; where no listing gives it exactly, about.
        sha256: lower-case hexadecimal.
        terms: under which terms it may be used.
        source: the page that says where to get it.
        urls: where the program may download it by itself; empty where the user has to accept the terms first.
        exact: whether `size` is exact.
    """

    name: str
    file: str
    what: str
    size: int
    sha256: str
    terms: str
    source: str
    urls: tuple[str, ...] = ()
    exact: bool = True

    def may_have(self, size: int) -> bool:
        """Return whether a file of `size` bytes can be this one at all, so that it is worth hashing."""
        return size == self.size if self.exact else abs(size - self.size) < 0.1 * self.size


KNOWN: dict[str, KnownFile] = {
    known.name: known
    for known in [
        KnownFile(
            name="wav2lip",
            file="wav2lip.pth",
            what="Wav2Lip generator, trained without the quality discriminator (step 396000)",
            size=435_807_851,
            sha256="b78b681b68ad9fe6c6fb1debc6ff43ad05834a8af8a62ffc4167b7b34ef63c37",
            terms=RESEARCH_ONLY,
            source=ORIGINAL_SOURCE,
        ),
        KnownFile(
            name="wav2lip-gan",
            file="wav2lip_gan.pth",
            what="Wav2Lip-GAN generator (step 258000)",
            size=435_801_865,
            sha256="ca9ab7b7b812c0e80a6e70a5977c545a1e8a365a6c49d5e533023c034d7ac3d8",
            terms=RESEARCH_ONLY,
            source=ORIGINAL_SOURCE,
        ),
        KnownFile(
            name="wav2lip-gan-torchscript",
            file="Wav2Lip-SD-GAN.pt",
            what="Wav2Lip-GAN generator as a TorchScript archive",
            size=140_000_000,
            sha256="180cfd49d31d47f195d5bfc62830ffe2c40724b7bbbce6faadc73ac6ab1a3b8e",
            terms=RESEARCH_ONLY,
            source=ORIGINAL_SOURCE,
            exact=False,
        ),
        KnownFile(
            name="lipsync-expert",
            file="lipsync_expert.pth",
            what="expert SyncNet of Wav2Lip (step 1751230)",
            size=197_357_631,
            sha256="9b9936c721696446eeed353032cab242a8cf0eed8c46cde540366f6ae5493be5",
            terms=RESEARCH_ONLY,
            source=ORIGINAL_SOURCE,
        ),
        KnownFile(
            name="discriminator",
            file="visual_quality_disc.pth",
            what="visual-quality discriminator of Wav2Lip-GAN",
            size=169_382_040,
            sha256="b3f8f6f7e954af02f2ffe0f3ea11f3259af89bff6e70933001c7c6bc8c145d96",
            terms=RESEARCH_ONLY,
            source=ORIGINAL_SOURCE,
        ),
        KnownFile(
            name="s3fd",
            file="s3fd-619a316812.pth",
            what="S3FD face detector",
            size=89_843_225,
            sha256="619a31681264d3f7f7fc7a16a42cbbe8b23f31a256f75a366e5a1bcd59b33543",
            terms="published with the face-alignment package (BSD-3-Clause)",
            source="https://github.com/1adrianb/face-alignment",
            urls=("https://www.adrianbulat.com/downloads/python-fan/s3fd-619a316812.pth",),
        ),
        KnownFile(
            name="syncnet-v2",
            file="syncnet_v2.model",
            what="SyncNet that LSE-C and LSE-D are measured with",
            size=52_000_000,
            sha256="961e8696f888fce4f3f3a6c3d5b3267cf5b343100b238e79b2659bff2c605442",
            terms="see its authors' page",
            source="https://github.com/joonson/syncnet_python",
            exact=False,
        ),
    ]
}


def known_by_sha256(sha256: str) -> KnownFile | None:
    """Return the published file with this SHA-256 (hexadecimal), or nothing."""
    return next((known for known in KNOWN.values() if known.sha256 == sha256.lower()), None)


def cache_dir() -> Path:
    """Return the folder for downloads and face tracks; it need not exist yet.

    `$WAV2LIP_CACHE`, else `$XDG_CACHE_HOME/wav2lip`, else the system's own place for caches.
    """
    if own := os.environ.get(CACHE_VARIABLE):
        return Path(own).expanduser()
    if xdg := os.environ.get("XDG_CACHE_HOME"):
        return Path(xdg).expanduser() / "wav2lip"
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local) / "wav2lip" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "wav2lip"
    return Path.home() / ".cache" / "wav2lip"


def offline() -> bool:
    """Return whether `$WAV2LIP_OFFLINE` forbids the network."""
    return os.environ.get("WAV2LIP_OFFLINE", "").strip().lower() not in ("", "0", "false", "no", "off")


def demo_checkpoint() -> Path:
    """Return the generator that ships with the program.

    Raises:
        WeightsError: this installation carries none.
    """
    return _shipped(DEMO_FILE, "--checkpoint")


def expert_checkpoint() -> Path:
    """Return the expert SyncNet that ships with the program.

    Raises:
        WeightsError: this installation carries none.
    """
    return _shipped(EXPERT_FILE, "--expert")


def _shipped(file: str, option: str) -> Path:
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "checkpoints", package.parent / "checkpoints"):    # installed; source checkout
        if (folder / file).is_file():
            return folder / file
    raise WeightsError(
        f"The weights that ship with wav2lip are not in this installation ({package / 'checkpoints' / file}). "
        f"Install the package again, or name others with {option}."
    )


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content, hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_HASH_BLOCK):
            digest.update(block)
    return digest.hexdigest()
