"""Content Credentials: what was done to a video, signed into it as the last step. Source: the C2PA specification 2."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from wav2lip import __version__
from wav2lip.errors import UsageError, Wav2LipError
from wav2lip.media.whole import whole_file
from wav2lip.provenance.certificate import Certificate, read_certificate
from wav2lip.provenance.tags import SOURCE_TYPE, STATEMENT

MEDIA_TYPES = {".mp4": "video/mp4", ".m4v": "video/x-m4v", ".mov": "video/quicktime", ".avi": "video/x-msvideo"}
"""The containers that can be signed, by their endings."""

NO_NETWORK = {"remote_manifest_fetch": False, "ocsp_fetch": False}
SETTINGS = {"version": 1, "builder": {"thumbnail": {"enabled": False}}, "verify": NO_NETWORK}
_OTHER_TYPES = {
    ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp", ".gif": "image/gif",
    ".tif": "image/tiff", ".tiff": "image/tiff", ".wav": "audio/wav", ".mp3": "audio/mpeg", ".m4a": "audio/mp4",
    ".flac": "audio/flac", ".mkv": "video/x-matroska", ".webm": "video/webm", ".ogg": "audio/ogg",
}
Relationship = Literal["parentOf", "componentOf", "inputTo"]

_AGENT = {"name": "wav2lip", "version": __version__}


@dataclass(frozen=True)
class Ingredient:
    """A file that went into a result.

    Attributes:
        path: of the file; credentials that it carries are kept.
        sha256: of its content.
        relationship: "parentOf" for the video, "componentOf" for what is heard in the result, "inputTo" for what its
            mouth was made from.
    """

    path: Path
    sha256: str
    relationship: Relationship


@dataclass(frozen=True)
class Signing:
    """What a result is signed with.

    Attributes:
        certificate: who signs.
        time_authority: URL of who stamps the signature with the time; None for no time stamp.
    """

    certificate: Certificate
    time_authority: str | None = None

    def sign(self, unsigned: Path, output: Path, ingredients: Sequence[Ingredient]) -> None:
        """Write a signed copy of a video, which appears whole or not at all.

        Args:
            unsigned: the video.
            output: the copy, whose ending is one of `MEDIA_TYPES`.
            ingredients: the parent first.

        Raises:
            Wav2LipError: it cannot be signed or written.
        """
        with whole_file(output) as part:
            try:
                builder = self._builder(output, ingredients)
                with open(unsigned, "rb") as source, open(part, "w+b") as target, self._signer() as signer:
                    builder.sign(signer, MEDIA_TYPES[output.suffix.lower()], source, target)
            except _errors() as error:
                raise Wav2LipError(f"{output} could not be signed: {_words(error)}.") from error

    def try_out(self) -> None:
        """Sign a picture of one pixel: so what is wrong with a certificate is found before the work begins.

        Raises:
            UsageError: it cannot sign Content Credentials, or the time stamp cannot be had.
        """
        from PIL import Image

        pixel = io.BytesIO()
        Image.new("L", (1, 1)).save(pixel, "PNG")
        pixel.seek(0)
        try:
            with self._signer() as signer:
                made = _action("c2pa.created") | {"digitalSourceType": SOURCE_TYPE}
                _new_builder("pixel.png", "image/png", [made]).sign(signer, "image/png", pixel, io.BytesIO())
        except _errors() as error:
            raise UsageError(f"These certificates cannot sign Content Credentials: {_words(error)}.") from error

    def _builder(self, output: Path, ingredients: Sequence[Ingredient]) -> Any:
        labels = [f"ingredient{number}" for number in range(len(ingredients))]
        by_part = {
            part: [label for label, one in zip(labels, ingredients, strict=True) if one.relationship == part]
            for part in ("parentOf", "componentOf", "inputTo")
        }
        actions = [
            _action("c2pa.opened", by_part["parentOf"]),
            _action("c2pa.edited", by_part["inputTo"]) | {
                "digitalSourceType": SOURCE_TYPE, "softwareAgent": _AGENT, "description": STATEMENT,
            },
        ]
        if by_part["componentOf"]:
            actions.append(_action("c2pa.placed", by_part["componentOf"]) | {"softwareAgent": _AGENT})
        builder = _new_builder(_title(output), MEDIA_TYPES[output.suffix.lower()], actions)
        for label, one in zip(labels, ingredients, strict=True):
            said = {
                "title": _title(one.path), "relationship": one.relationship, "label": label,
                "description": f"SHA-256 {one.sha256}",
            }
            suffix = one.path.suffix.lower()
            kind = MEDIA_TYPES.get(suffix) or _OTHER_TYPES.get(suffix, "application/octet-stream")
            try:
                with open(one.path, "rb") as file:
                    builder.add_ingredient(said, kind, file)
            except _errors():    # ffmpeg reads what C2PA cannot parse; such a file carries no credentials to keep
                builder.add_ingredient(said, "application/octet-stream", io.BytesIO())
        return builder

    def _signer(self) -> Any:
        import c2pa

        algorithm = c2pa.C2paSigningAlg[self.certificate.algorithm.upper()]
        authority = self.time_authority.encode() if self.time_authority else None
        info = c2pa.C2paSignerInfo(algorithm, self.certificate.chain, self.certificate.key, authority)
        return c2pa.Signer.from_info(info)


def open_signing(chain: Path, key: Path, time_authority: str | None, output: Path) -> Signing:
    """Return what signs an output, once it is sure that it can.

    Args:
        chain, key: PEM files, as for `read_certificate`.
        time_authority: URL, or None.
        output: the result; only its name counts.

    Raises:
        UsageError: the output's container cannot be signed, or as `read_certificate` and `Signing.try_out`.
    """
    suffix = output.suffix.lower()
    if suffix not in MEDIA_TYPES:
        known = ", ".join(list(MEDIA_TYPES)[:-1]) + f" or {list(MEDIA_TYPES)[-1]}"
        raise UsageError(f"{suffix} files cannot carry Content Credentials; write {known}, or leave out --c2pa-cert.")
    signing = Signing(read_certificate(chain, key), time_authority)
    signing.try_out()
    return signing


def _new_builder(title: str, kind: str, actions: list[dict[str, Any]]) -> Any:
    import c2pa

    manifest = {
        "claim_generator_info": [_AGENT], "title": title, "format": kind,
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}}],
    }
    return c2pa.Builder(manifest, c2pa.Context.from_dict(SETTINGS))


def _title(path: Path) -> str:
    """Return a file's name as Unicode, which names need not be."""
    return path.name.encode(errors="replace").decode()


def _action(name: str, ingredients: Sequence[str] = ()) -> dict[str, Any]:
    return {"action": name} | ({"parameters": {"ingredientIds": list(ingredients)}} if ingredients else {})


def _errors() -> type[Exception]:
    import c2pa

    error: type[Exception] = c2pa.C2paError
    return error


def _words(error: Exception) -> str:
    """Return what the library says, in one line and without references into the file."""
    said = " ".join(str(error).removeprefix("Error during signing: ").split())
    return re.sub(r" \(self#jumbf=[^)]*\)", "", said).rstrip(".")
