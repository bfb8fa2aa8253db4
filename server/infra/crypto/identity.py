"""The server's identity, and the TLS certificate that shows it (see ``common.identity``)."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import ssl
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

from common.identity import IDENTITY_OID
from common.ids import server_id_of
from server.infra.crypto.keyfiles import load_or_make

_LIFETIME: Final = dt.timedelta(days=365)
_LEEWAY: Final = dt.timedelta(days=1)
_NONCE_BYTES: Final = 12


class SealError(Exception):
    """It was sealed under another key or for another purpose, or is damaged."""


class Sealer:
    """Keeps secrets where others can read: ChaCha20-Poly1305 (RFC 8439) with random nonces."""

    def __init__(self, key: bytes) -> None:
        self._cipher = ChaCha20Poly1305(key)

    def seal(self, secret: bytes, context: bytes) -> bytes:
        """``context`` is what it is: it opens as nothing else."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret, context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """The secret.

        Raises:
            SealError: it is not that.
        """
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context)
        except (InvalidTag, ValueError) as problem:
            raise SealError from problem


class ServerIdentity:
    """The Ed25519 key of a file, made at first: its hash is the server id, for ever."""

    def __init__(self, file: Path) -> None:
        self._key: Ed25519PrivateKey = load_or_make(file)
        self._public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def server_id(self) -> str:
        """What clients pin."""
        return server_id_of(self._public)

    @property
    def public_key(self) -> bytes:
        """32 bytes; their hash is the server id."""
        return self._public

    def sign(self, data: bytes) -> bytes:
        """An Ed25519 signature. ``data`` begins with words that say what it is."""
        return self._key.sign(data)

    def sealer(self) -> Sealer:
        """For what only this server's processes may read."""
        raw = self._key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"parley sealed secrets").derive(raw)
        return Sealer(derived)

    def tls(self) -> ssl.SSLContext:
        """A context with a fresh leaf key and certificate, signed by the identity key.

        Made anew at each start: neither has to be kept, and no clock has to be right for long.
        """
        pem = b"".join(self.leaf())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        # OpenSSL reads keys from files only; the folder is its owner's alone, and gone after the next line.
        with tempfile.TemporaryDirectory(prefix="parley-") as folder:
            file = Path(folder) / "tls.pem"
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as writer:
                writer.write(pem)
            context.load_cert_chain(file)
        return context

    def leaf(self, hosts: Sequence[str] = ()) -> tuple[bytes, bytes]:
        """A new certificate and its key as PEM, for ``hosts`` too: for TLS here or at a proxy in front."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._certificate(key.public_key(), hosts).public_bytes(Encoding.PEM)
        return certificate, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def _certificate(self, public_key: ec.EllipticCurvePublicKey, hosts: Sequence[str]) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        shown = dict.fromkeys(["localhost", "127.0.0.1", *hosts])
        names = x509.SubjectAlternativeName([_general_name(host) for host in shown])
        identity = x509.UnrecognizedExtension(x509.ObjectIdentifier(IDENTITY_OID), self._public)
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Parley")]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Parley identity")]))
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _LEEWAY)
            .not_valid_after(now + _LIFETIME)
            .add_extension(names, critical=False)
            .add_extension(identity, critical=False)
            .sign(self._key, algorithm=None)
        )


def signed_by(public_key: bytes, signature: bytes, data: bytes) -> bool:
    """Whether the server with this identity signed it."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
