"""The certificate and the key that sign, checked before anything runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from wav2lip.errors import UsageError
from wav2lip.extras import require
from wav2lip.media.files import LARGEST_LIST

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
    from cryptography.x509 import Certificate as X509

EXTRA = "c2pa"
CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
LEAST_RSA = 2048                 # bits: C2PA takes no shorter keys


@dataclass(frozen=True)
class Certificate:
    """Who signs.

    Attributes:
        chain: certificates as PEM, the signer's first.
        key: the private key of that, as PEM (PKCS #8).
        algorithm: C2PA's name of how it signs: "es256", "es384", "es512", "ps256" or "ed25519".
    """

    chain: bytes = field(repr=False)
    key: bytes = field(repr=False)
    algorithm: str


def read_certificate(chain: Path, key: Path) -> Certificate:
    """Read the certificates and the key that sign.

    Args:
        chain: PEM file, the signer's certificate first, then those that vouch for it; the root need not be there.
        key: PEM file with the private key of the first, without a password.

    Raises:
        UsageError: one of them cannot be read, they do not belong together, the certificate is not valid now, or the
            extra is not installed.
    """
    require("c2pa", EXTRA)
    given, secret = _read(chain), _read(key)
    certificates = _certificates(chain, given)

    from cryptography.hazmat.primitives import serialization

    try:
        private = serialization.load_pem_private_key(secret, password=None)
    except TypeError as error:
        raise UsageError(
            f"The key {key} is locked with a password, which is not asked for; "
            f"`openssl pkey -in {key.name} -out unlocked.pem` writes it without one."
        ) from error
    except Exception as error:    # of several kinds, by what is wrong with it
        raise UsageError(f"{key} holds no private key that can be read; it has to be a PEM file.") from error
    spki = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    own = private.public_key().public_bytes(*spki)
    belongs = [one.public_key().public_bytes(*spki) == own for one in certificates]
    if not belongs[0]:
        where = "stands behind others in it; it has to come first" if any(belongs) else "is not in it"
        raise UsageError(f"{key} does not belong to {chain}: the certificate of this key {where}.")
    for one in certificates:
        _check_time(chain, one.not_valid_before_utc, one.not_valid_after_utc)
    pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return Certificate(given, private.private_bytes(*pkcs8), _algorithm(key, private))


def read_trusted(path: Path) -> str:
    """Return certificates that are to be trusted, as PEM.

    Raises:
        UsageError: they cannot be read, or the extra is not installed.
    """
    given = _read(path)
    _certificates(path, given)
    return given.decode()


def _read(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(LARGEST_LIST)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error


def _certificates(path: Path, given: bytes) -> list[X509]:
    try:
        found: list[X509] = require("cryptography.x509", EXTRA).load_pem_x509_certificates(given)
    except ValueError as error:
        raise UsageError(f"{path} holds no certificates that can be read; it has to be a PEM file.") from error
    return found


def _check_time(chain: Path, start: datetime, end: datetime) -> None:
    now = datetime.now(timezone.utc)
    if now > end:
        raise UsageError(f"A certificate in {chain} has expired ({end:%Y-%m-%d}); sign with a valid one.")
    if now < start:
        raise UsageError(f"A certificate in {chain} is not valid before {start:%Y-%m-%d}; is the clock right?")


def _algorithm(path: Path, key: PrivateKeyTypes) -> str:
    """Return C2PA's name of how a key signs."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in CURVES:
        return CURVES[key.curve.name]
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= LEAST_RSA:
        return "ps256"
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    raise UsageError(
        f"{path} is of a kind that Content Credentials do not know; use a key on the curve P-256, P-384 or P-521, "
        f"Ed25519, or RSA of {LEAST_RSA} bits or more."
    )
