"""Ed25519 keys in files that only their owner can read."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from server.infra.durable import rename_durably
from server.kernel.failures import OperatorError


class KeyFileError(OperatorError):
    """The file exists and holds no key of ours; nothing was changed."""


def load_or_make(path: Path) -> Ed25519PrivateKey:
    """The key of the file, made and synced at first.

    Raises:
        KeyFileError: the file holds something else.
        OSError: it can't be read or written.
    """
    if path.exists():
        try:
            key = load_pem_private_key(path.read_bytes(), password=None)
        except ValueError as problem:
            raise KeyFileError(f"{path.name} holds no key: {problem}") from problem
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyFileError(f"{path.name} holds another kind of key")
        return key
    put_key(path, fresh_key_pem())
    return load_or_make(path)


def put_key(path: Path, pem: bytes) -> None:
    """Write it and sync it; a crash leaves the whole key or none.

    Raises:
        OSError: it can't be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_suffix(".new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    rename_durably(fresh, path)


def fresh_key_pem() -> bytes:
    """A new Ed25519 key."""
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
