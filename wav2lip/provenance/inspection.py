"""All that a file says of where it comes from, and whether it holds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from wav2lip.errors import MediaError, UsageError
from wav2lip.media.files import check_media_file, is_there
from wav2lip.provenance.credentials import Credentials, read_credentials
from wav2lip.provenance.sidecar import File, read_sidecar, sidecar_of
from wav2lip.provenance.tags import read_tags, says_generated


@dataclass(frozen=True)
class Inspection:
    """What is known of a file.

    Attributes:
        path: the file.
        tags: of its container, by name.
        generated: whether they say that a part of it was generated.
        sidecar: the record beside it; None where there is none.
        record: what that says; None where it cannot be read.
        fits: whether it tells of this very file; None where there is none to ask.
        credentials: what is signed into it; None where nothing is, or nobody could look.
        unseen: why nobody could look for credentials; None where somebody did.
        problems: a sentence for everything that does not hold.
    """

    path: Path
    tags: dict[str, str]
    generated: bool
    sidecar: Path | None
    record: dict[str, Any] | None
    fits: bool | None
    credentials: Credentials | None
    unseen: str | None
    problems: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return asdict(self) | {"path": str(self.path), "sidecar": None if self.sidecar is None else str(self.sidecar)}


def inspect(path: Path, trust: Path | None = None) -> Inspection:
    """Look at a file's tags, at the record beside it, and at its Content Credentials.

    Args:
        path: the file.
        trust: PEM file of the certificates that are trusted to vouch for signers; None asks for no trust.

    Raises:
        MediaError: the file is missing, or cannot be read.
        UsageError: trust is asked for, and the extra that can tell is not installed, or the certificates are none.
    """
    check_media_file(path)
    problems = []
    try:
        tags = read_tags(path)
    except MediaError:
        tags = {}                                 # a picture, say: it may have credentials all the same
    sidecar, record, fits = sidecar_of(path), None, None
    if is_there(sidecar):
        try:
            record = read_sidecar(sidecar)
            fits = File.told(record.get("output")).is_content_of(path)
            if not fits:
                problems.append(f"{sidecar.name} is the record of another file, or {path.name} was changed since.")
        except MediaError as error:
            problems.append(str(error))
    credentials, unseen = None, None
    try:
        credentials = read_credentials(path, trust)
    except UsageError as error:
        if trust is not None:
            raise
        unseen = str(error)
    if credentials is not None and credentials.state == "invalid":
        problems.append(f"The Content Credentials do not hold: {'; '.join(credentials.failures)}.")
    elif credentials is not None and trust is not None and credentials.state != "trusted":
        problems.append(f"The signer of the Content Credentials is not one that {trust} vouches for.")
    return Inspection(
        path, tags, says_generated(tags), sidecar if is_there(sidecar) else None, record, fits, credentials, unseen,
        tuple(problems),
    )
