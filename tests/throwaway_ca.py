"""Certificates that vouch for nobody, made anew in every test that signs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PEM, PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
KEYS = {
    "es256": lambda: ec.generate_private_key(ec.SECP256R1()), "es384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate, "ps256": lambda: rsa.generate_private_key(65537, 2048),
}
_NO = dict.fromkeys((
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
), False)


@dataclass(frozen=True)
class Throwaway:
    """Files: the signer's chain and key, and the root that vouches for it."""

    chain: Path
    key: Path
    root: Path


def make_certificates(folder: Path, *, kind: str = "es256", days: float = 2, since: float = 1) -> Throwaway:
    """Make a root and a signer, valid for so many days since so many days ago."""
    folder.mkdir(exist_ok=True)
    root_key, key = KEYS["es256"](), KEYS[kind]()
    start = datetime.now(timezone.utc) - timedelta(days=since)

    def certificate(name: str, public: object, usages: dict[str, bool], *more: x509.ExtensionType) -> x509.Certificate:
        builder = x509.CertificateBuilder(
            _named("Nobody's root"), _named(name), public, x509.random_serial_number(), start,
            start + timedelta(days=days),
        ).add_extension(x509.KeyUsage(**_NO | usages), critical=True)
        for extension in (x509.SubjectKeyIdentifier.from_public_key(public), *more):
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return builder.sign(root_key, hashes.SHA256())

    root = certificate("Nobody's root", root_key.public_key(), {"key_cert_sign": True, "crl_sign": True},
                       x509.BasicConstraints(True, None))
    signer = certificate(
        "Somebody", key.public_key(), {"digital_signature": True}, x509.BasicConstraints(False, None),
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]),
        x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()),
    )
    made = Throwaway(folder / "chain.pem", folder / "key.pem", folder / "root.pem")
    made.chain.write_bytes(signer.public_bytes(PEM) + root.public_bytes(PEM))
    made.key.write_bytes(key.private_bytes(PEM, PKCS8, serialization.NoEncryption()))
    made.root.write_bytes(root.public_bytes(PEM))
    return made


def lock(key: Path, locked: Path) -> Path:
    """Write a key so that it needs a password."""
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    locked.write_bytes(private.private_bytes(PEM, PKCS8, serialization.BestAvailableEncryption(b"word")))
    return locked


def _named(name: str) -> x509.Name:
    return x509.Name([
        x509.NameAttribute(NameOID.COMMON_NAME, name), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "wav2lip's tests"),
    ])
