from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

from common.address import Address
from common.identity import IDENTITY_OID
from common.ids import server_id_of
from desktop.net.pin import NoIdentityError, WrongIdentityError, identity_of, pinned_context
from desktop.net.problems import KeyChangedError, NotParleyError, UnreachableError
from desktop.net.rest import look
from desktop.net.socket import open_socket


def raw(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


class Certificate:
    """A leaf that shows ``shown`` and is signed by ``signer``; None: an ordinary self-signed one."""

    def __init__(self, shown: bytes | None, signer: Ed25519PrivateKey | None, *, days: int = 1) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "parley")])
        start = dt.datetime.now(dt.UTC) - dt.timedelta(days=400)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + dt.timedelta(days=days))
        )
        if shown is not None:
            extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(IDENTITY_OID), shown)
            builder = builder.add_extension(extension, critical=False)
        self.certificate = (
            builder.sign(self.key, hashes.SHA256()) if signer is None else builder.sign(signer, None)
        )
        self.der = self.certificate.public_bytes(serialization.Encoding.DER)

    def server_context(self, folder: Path) -> ssl.SSLContext:
        path = folder / "tls.pem"
        path.write_bytes(
            self.key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + self.certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


MINE, OTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
MY_ID = server_id_of(raw(MINE))


def test_a_signed_identity_is_the_server_id() -> None:
    assert identity_of(Certificate(raw(MINE), MINE).der) == MY_ID


@pytest.mark.parametrize(
    "certificate",
    [
        Certificate(raw(MINE), OTHER),
        Certificate(raw(MINE), None),
        Certificate(None, MINE),
        Certificate(raw(MINE)[:-1], MINE),
    ],
    ids=["signed by another", "self-signed with a copied identity", "no identity", "a short one"],
)
def test_a_forged_certificate_proves_nothing(certificate: Certificate) -> None:
    with pytest.raises(NoIdentityError):
        identity_of(certificate.der)


def test_rubbish_is_no_certificate() -> None:
    with pytest.raises(NoIdentityError):
        identity_of(b"rubbish")


class Listener:
    """A TLS server that keeps every byte it was sent."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.port = 0

    @property
    def address(self) -> Address:
        return Address(host="127.0.0.1", port=self.port, secure=True)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.received += await reader.read(4096)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
            await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


@pytest.fixture
def certificate() -> Certificate:
    return Certificate(raw(MINE), MINE)


@pytest.fixture
async def listener(certificate: Certificate, tmp_path: Path) -> AsyncIterator[Listener]:
    listener = Listener()
    server = await asyncio.start_server(
        listener.serve, "127.0.0.1", 0, ssl=certificate.server_context(tmp_path)
    )
    listener.port = server.sockets[0].getsockname()[1]
    async with server:
        yield listener


async def test_an_expired_certificate_of_the_pinned_identity_is_good(listener: Listener) -> None:
    context = pinned_context(MY_ID)
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port, ssl=context)
    writer.write(b"hello")
    assert (await reader.read(12)) == b"HTTP/1.1 200"
    assert context.seen == MY_ID
    writer.close()
    await writer.wait_closed()


async def test_another_identity_is_refused_before_a_byte_is_sent(listener: Listener) -> None:
    with pytest.raises(KeyChangedError, match="another key"):
        await open_socket(listener.address, context=pinned_context(server_id_of(raw(OTHER))))
    assert listener.received == b""


async def test_an_invite_to_another_server_stops_before_a_byte_is_sent(listener: Listener) -> None:
    invited = Address(host="127.0.0.1", port=listener.port, secure=True, server_id=server_id_of(raw(OTHER)))
    with pytest.raises(KeyChangedError):
        await look(invited)
    assert listener.received == b""


@pytest.mark.parametrize("certificate", [Certificate(raw(MINE), OTHER), Certificate(None, None)])
async def test_a_forged_or_ordinary_server_is_refused_before_a_byte_is_sent(listener: Listener) -> None:
    with pytest.raises(NotParleyError):
        await open_socket(listener.address, context=pinned_context(None))
    with pytest.raises(NotParleyError):
        await look(listener.address)
    assert listener.received == b""


async def test_a_server_with_an_identity_that_answers_otherwise_is_not_parley(listener: Listener) -> None:
    with pytest.raises(NotParleyError):
        await look(listener.address)


async def test_a_server_without_tls_is_told_apart() -> None:
    async def plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-something\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(NotParleyError):
            await look(Address(host="127.0.0.1", port=port, secure=True))
        with pytest.raises(NotParleyError):
            await look(Address(host="127.0.0.1", port=port, secure=False))


async def test_nobody_there_and_unknown_names_are_told_apart() -> None:
    server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    with pytest.raises(UnreachableError, match="Nothing listens"):
        await look(Address(host="127.0.0.1", port=port))
    with pytest.raises(UnreachableError, match="no computer named"):
        await look(Address(host="nobody.invalid", port=port))


async def test_plain_is_for_this_computer_only() -> None:
    with pytest.raises(NotParleyError, match="only to this computer"):
        await look(Address(host="192.0.2.1", secure=False))
    with pytest.raises(NotParleyError, match="only to this computer"):
        await open_socket(Address(host="192.0.2.1"), context=None)


def test_the_two_failures_are_told_apart() -> None:
    assert not issubclass(WrongIdentityError, NoIdentityError)
