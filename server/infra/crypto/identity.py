"""The server's identity, and the TLS certificate that shows it (see ``common.identity``)."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import ssl
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

from common.identity import IDENTITY_OID
from common.ids import server_id_of
from server.infra.crypto.keyfiles import load_or_make

_LIFETIME: Final = dt.timedelta(days=365)
_LEEWAY: Final = dt.timedelta(days=1)


class ServerIdentity:
    """The Ed25519 key of ``DATA/keys/identity.pem``: its hash is the server id, for ever."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key: Ed25519PrivateKey = load_or_make(folder / "identity.pem")
        self._public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def server_id(self) -> str:
        """What clients pin."""
        return server_id_of(self._public)

    def tls(self) -> ssl.SSLContext:
        """A context with a fresh leaf key and certificate, signed by the identity key.

        Made anew at each start: neither has to be kept, and no clock has to be right for long.
        """
        leaf = ec.generate_private_key(ec.SECP256R1())
        certificate = self._certificate(leaf.public_key())
        pem = certificate.public_bytes(Encoding.PEM) + leaf.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        file = self._folder / "tls.pem"
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as writer:
            writer.write(pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        context.load_cert_chain(file)
        return context

    def _certificate(self, public_key: ec.EllipticCurvePublicKey) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        names = x509.SubjectAlternativeName(
            [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        )
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
