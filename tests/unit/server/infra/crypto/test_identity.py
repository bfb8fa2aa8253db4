"""The identity outlives restarts, is its owner's alone, and signs every certificate (abuse case 40)."""

from __future__ import annotations

import os
import ssl
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from common.identity import IDENTITY_KEY_BYTES, IDENTITY_OID
from common.ids import server_id_of
from server.infra.crypto.identity import SealError, ServerIdentity
from server.infra.crypto.keyfiles import KeyFileError, load_or_make


def identity_in(certificate: x509.Certificate) -> bytes:
    extension = certificate.extensions.get_extension_for_oid(x509.ObjectIdentifier(IDENTITY_OID))
    assert isinstance(extension.value, x509.UnrecognizedExtension)
    return extension.value.value


def test_the_identity_outlives_a_restart(tmp_path: Path) -> None:
    first = ServerIdentity(tmp_path / "keys" / "identity.pem").server_id
    assert ServerIdentity(tmp_path / "keys" / "identity.pem").server_id == first
    assert ServerIdentity(tmp_path / "others" / "identity.pem").server_id != first


def test_the_certificate_shows_the_identity_and_is_signed_by_it(tmp_path: Path) -> None:
    identity = ServerIdentity(tmp_path / "identity.pem")
    assert isinstance(identity.tls(), ssl.SSLContext)
    certificate = x509.load_pem_x509_certificate(identity.leaf()[0])
    shown = identity_in(certificate)
    assert len(shown) == IDENTITY_KEY_BYTES
    assert server_id_of(shown) == identity.server_id
    signer = Ed25519PublicKey.from_public_bytes(shown)
    signer.verify(certificate.signature, certificate.tbs_certificate_bytes)


def test_a_certificate_that_borrows_an_identity_is_not_signed_by_it(tmp_path: Path) -> None:
    identity = ServerIdentity(tmp_path / "identity.pem")
    identity.tls()
    good = x509.load_pem_x509_certificate(identity.leaf()[0])
    thief = Ed25519PrivateKey.generate()
    forged = (
        x509.CertificateBuilder()
        .subject_name(good.subject)
        .issuer_name(good.issuer)
        .public_key(thief.public_key())
        .serial_number(1)
        .not_valid_before(good.not_valid_before_utc)
        .not_valid_after(good.not_valid_after_utc)
        .add_extension(
            x509.UnrecognizedExtension(x509.ObjectIdentifier(IDENTITY_OID), identity_in(good)), critical=False
        )
        .sign(thief, algorithm=None)
    )
    signer = Ed25519PublicKey.from_public_bytes(identity_in(forged))
    with pytest.raises(InvalidSignature):
        signer.verify(forged.signature, forged.tbs_certificate_bytes)


def test_every_start_has_another_leaf_key(tmp_path: Path) -> None:
    identity = ServerIdentity(tmp_path / "identity.pem")
    leaves = [identity.leaf() for _ in range(2)]
    assert leaves[0][0] != leaves[1][0]
    assert leaves[0][1] != leaves[1][1]


def test_a_certificate_for_a_proxy_names_its_hosts(tmp_path: Path) -> None:
    identity = ServerIdentity(tmp_path / "identity.pem")
    certificate = x509.load_pem_x509_certificate(identity.leaf(["chat.example.org", "192.0.2.7"])[0])
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "chat.example.org" in names.get_values_for_type(x509.DNSName)
    assert "192.0.2.7" in [str(one) for one in names.get_values_for_type(x509.IPAddress)]


def test_what_is_sealed_opens_under_the_same_key_and_as_the_same_thing_only(tmp_path: Path) -> None:
    one, other = (ServerIdentity(tmp_path / name).sealer() for name in ("one.pem", "other.pem"))
    sealed = one.seal(b"secret", b"a key")
    assert ServerIdentity(tmp_path / "one.pem").sealer().open(sealed, b"a key") == b"secret"
    for opener, text, context in (
        (other, sealed, b"a key"),
        (one, sealed, b"another"),
        (one, sealed[:-1] + bytes([sealed[-1] ^ 1]), b"a key"),
        (one, b"", b"a key"),
    ):
        with pytest.raises(SealError):
            opener.open(text, context)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows guards files by the profile's folder")
def test_secrets_are_their_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        ServerIdentity(tmp_path / "keys" / "identity.pem").tls()
    finally:
        os.umask(before)
    files = sorted((tmp_path / "keys").iterdir())
    assert [file.name for file in files] == ["identity.pem"]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700


def test_a_file_without_a_key_is_an_error_and_stays(tmp_path: Path) -> None:
    file = tmp_path / "identity.pem"
    file.write_bytes(b"not a key")
    with pytest.raises(KeyFileError):
        load_or_make(file)
    assert file.read_bytes() == b"not a key"


def test_a_crash_while_a_key_is_written_leaves_none_behind(tmp_path: Path) -> None:
    (tmp_path / "identity.new").write_bytes(b"half a k")
    load_or_make(tmp_path / "identity.pem")
    assert [file.name for file in tmp_path.iterdir()] == ["identity.pem"]
