"""Content Credentials in a file: who signed what was done to it, and whether that holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from wav2lip.errors import MediaError
from wav2lip.extras import require
from wav2lip.provenance.certificate import EXTRA, read_trusted
from wav2lip.provenance.signing import NO_NETWORK, SETTINGS

State = Literal["trusted", "valid", "invalid"]


@dataclass(frozen=True)
class Action:
    """Something that was done to a file.

    Attributes:
        name: C2PA's: "c2pa.opened", "c2pa.edited" ...
        source_type: IPTC's word for where the pictures come from that it brought in; None where it does not say.
        description: in words.
        agent: the program that did it.
    """

    name: str
    source_type: str | None
    description: str | None
    agent: str | None


@dataclass(frozen=True)
class Part:
    """An ingredient.

    Attributes:
        title: its name.
        relationship: "parentOf", "componentOf" or "inputTo".
        description: in words.
        signed: whether it came with credentials of its own, which are kept.
    """

    title: str
    relationship: str
    description: str | None
    signed: bool


@dataclass(frozen=True)
class Credentials:
    """What is signed into a file.

    Attributes:
        state: "invalid" where a signature or a hash does not hold; "trusted" where it does, and the signer is vouched
            for by a certificate that is trusted; else "valid".
        signer, issuer: names in the certificate.
        algorithm: of the signature.
        time: of the time stamp; None where there is none.
        tool: what made the claim.
        actions, parts: what was done, to what.
        failures: why it is invalid, or not trusted.
    """

    state: State
    signer: str | None
    issuer: str | None
    algorithm: str | None
    time: str | None
    tool: str | None
    actions: tuple[Action, ...]
    parts: tuple[Part, ...]
    failures: tuple[str, ...]


def read_credentials(path: Path, trust: Path | None = None) -> Credentials | None:
    """Return what is signed into a file, checked; None where nothing is, or where a file of its kind carries nothing.

    Args:
        path: the file.
        trust: PEM file of the certificates that are trusted to vouch for signers; None asks for no trust.

    Raises:
        UsageError: the extra is not installed, or the certificates cannot be read.
        MediaError: the file cannot be read.
    """
    c2pa = require("c2pa", EXTRA)
    settings: dict[str, Any] = dict(SETTINGS, verify={**NO_NETWORK, "verify_trust": trust is not None})
    if trust is not None:
        settings["trust"] = {"trust_anchors": read_trusted(trust)}
    try:
        context = c2pa.Context.from_dict(settings)
        with open(path, "rb") as file, c2pa.Reader(file, context=context) as reader:
            return _read(json.loads(reader.json()), reader.get_validation_state())
    except (c2pa.C2paError.ManifestNotFound, c2pa.C2paError.NotSupported):
        return None
    except c2pa.C2paError as error:
        said = " ".join(str(error).split()).rstrip(".")
        return Credentials("invalid", None, None, None, None, None, (), (), (f"they cannot be read ({said})",))
    except OSError as error:
        raise MediaError(f"{path} cannot be read: {error.strerror}.") from error


def _read(said: dict[str, Any], state: str | None) -> Credentials:
    manifests = said.get("manifests", {})
    active = manifests.get(said.get("active_manifest"), {})
    signature = active.get("signature_info", {})
    tool: dict[str, Any] = next(iter(active.get("claim_generator_info", [])), {})
    return Credentials(
        state={"Trusted": "trusted", "Valid": "valid"}.get(state or "", "invalid"),    # type: ignore[arg-type]
        signer=signature.get("common_name"),
        issuer=signature.get("issuer"),
        algorithm=signature.get("alg"),
        time=signature.get("time"),
        tool=" ".join(tool[key] for key in ("name", "version") if key in tool) or None,
        actions=tuple(_actions(active)),
        parts=tuple(
            Part(one.get("title", ""), one.get("relationship", ""), one.get("description"),
                 one.get("active_manifest") in manifests)
            for one in active.get("ingredients", [])
        ),
        failures=tuple(_failures(said)),
    )


def _actions(manifest: dict[str, Any]) -> Iterator[Action]:
    for assertion in manifest.get("assertions", []):
        if not assertion.get("label", "").startswith("c2pa.actions"):
            continue
        for action in assertion.get("data", {}).get("actions", []):
            agent = action.get("softwareAgent")
            if isinstance(agent, dict):
                agent = " ".join(str(agent[key]) for key in ("name", "version") if key in agent)
            yield Action(action.get("action", ""), action.get("digitalSourceType"), action.get("description"), agent)


def _failures(said: dict[str, Any]) -> Iterator[str]:
    results = said.get("validation_results", {})
    deltas = [one.get("validationDeltas", {}) for one in results.get("ingredientDeltas", [])]
    for checked in (results.get("activeManifest", {}), *deltas):
        for failure in checked.get("failure", []):
            yield f"{failure.get('code')}: {failure.get('explanation', '')}"
