"""TLS that trusts an identity instead of a name: checked inside the handshake, before anything is sent.

Certificates may expire, addresses may change and a proxy may stand in front, as long as the certificate in
use is signed by the server's Ed25519 identity key (``common.identity``).
"""

from __future__ import annotations

import ssl

from common.identity import IDENTITY_KEY_BYTES, IDENTITY_OID
from common.ids import server_id_of


class NoIdentityError(ssl.SSLError):
    """The certificate carries no Parley identity, or one that did not sign it."""


class WrongIdentityError(ssl.SSLError):
    """The certificate carries a valid identity that is not the pinned one."""


def identity_of(certificate: bytes) -> str:
    """The server id that a DER certificate proves.

    Raises:
        NoIdentityError: there is none, or its signature is forged.
    """
    # 0.1 s and some memory: only who connects needs them.
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        parsed = x509.load_der_x509_certificate(certificate)
        extension = parsed.extensions.get_extension_for_oid(x509.ObjectIdentifier(IDENTITY_OID)).value
        key = extension.value if isinstance(extension, x509.UnrecognizedExtension) else b""
        if len(key) != IDENTITY_KEY_BYTES:
            raise NoIdentityError("the identity has a wrong length")
        Ed25519PublicKey.from_public_bytes(key).verify(parsed.signature, parsed.tbs_certificate_bytes)
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension, InvalidSignature) as problem:
        raise NoIdentityError(f"no Parley identity: {problem}") from problem
    return server_id_of(key)


class _PinnedObject(ssl.SSLObject):
    def do_handshake(self) -> None:
        super().do_handshake()
        context = self.context
        # asyncio turns only SSLErrors of the handshake into a closed connection and this very exception.
        if isinstance(context, PinnedContext):
            context.check(self.getpeercert(binary_form=True) or b"")


class PinnedContext(ssl.SSLContext):
    """A client context for one server. Without a pin any Parley identity is taken and told in ``seen``."""

    pinned: str | None
    seen: str | None

    def check(self, certificate: bytes) -> None:
        """Called with the certificate of each handshake.

        Raises:
            NoIdentityError: nobody of Parley.
            WrongIdentityError: somebody else of Parley.
        """
        found = identity_of(certificate)
        if self.pinned is not None and found != self.pinned:
            raise WrongIdentityError("another identity than the pinned one")
        self.seen = found


def pinned_context(server_id: str | None) -> PinnedContext:
    """A context that accepts ``server_id`` only, or with None any Parley identity (first contact)."""
    context = PinnedContext(ssl.PROTOCOL_TLS_CLIENT)
    # The identity is checked instead: names and certificate authorities mean nothing on a LAN.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslobject_class = _PinnedObject
    context.pinned = server_id
    context.seen = None
    return context
