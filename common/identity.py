"""How a server's TLS certificate shows its identity, the same words for who makes and who checks it.

The leaf (P-256) certificate carries the raw Ed25519 identity public key (32 bytes) as the value of a
private extension, and the identity key signs the certificate. The server id is ``common.ids.server_id_of``
that key. Names and dates in the certificate mean nothing: the identity is what is pinned.
"""

from __future__ import annotations

from typing import Final

IDENTITY_OID: Final = "1.3.6.1.4.1.58270.7.1"
"""Below the private arc; the extension is not critical and its value is the 32 raw bytes."""
IDENTITY_KEY_BYTES: Final = 32
