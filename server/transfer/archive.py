"""The file of a backup: a zip that any tool opens, read and written as a stream.

``tables/NAME.jsonl`` holds a table's lines (see ``server.transfer.rows``), ``identity.pem`` the server's
identity key where that was asked for, ``manifest.json`` what must be in it and ``signature`` that key's
signature of the manifest. So damage shows by the checksums, and a file that somebody else made by the
signature. Nothing is ever taken out by a name that the file gives.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Final, Self

import msgspec

from common.ids import server_id_of, short_key
from server.infra import migrations
from server.infra.crypto.identity import signed_by
from server.infra.durable import rename_durably
from server.kernel.blobs import check_key
from server.kernel.database import Row
from server.kernel.failures import OperatorError
from server.transfer.rows import BLOBS, Carried, Digest, Summary, carried

FORMAT: Final = 1
IDENTITY: Final = "identity.pem"
_MANIFEST: Final = "manifest.json"
_SIGNATURE: Final = "signature"
_SIGNED_AS: Final = b"parley backup manifest\n"
_MANIFEST_MAX_BYTES: Final = 1024 * 1024
_CHUNK_BYTES: Final = 1024 * 1024
_LINE_MAX_BYTES: Final = 64 * 1024 * 1024
_LEVEL: Final = 6
_DAMAGE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
    msgspec.MsgspecError,
    struct.error,
)
"""What ``zipfile`` raises for files that are none, are cut off, or claim what can't be."""

Seen = Callable[[str, int], None]
"""Told the table and how many of its rows came."""


class ArchiveError(OperatorError):
    """A file that can't be restored; nothing was changed."""


class TableSum(msgspec.Struct, frozen=True):
    """Of a table's lines."""

    rows: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds. ``schema`` is the number of the last migration."""

    format: int
    schema: int
    server_id: str
    public_key: bytes
    made_at_ms: int
    version: str
    tables: dict[str, TableSum]
    identity_sha256: str | None = None


class Writer:
    """Writes beside the file's name and renames at the end: a crash leaves the old file or the new one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        handle = os.open(self._part, os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600)
        self._file = os.fdopen(handle, "w+b")
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL)
        self.tables: dict[str, TableSum] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """What was not finished is removed."""
        with contextlib.suppress(OSError, ValueError):
            self._zip.close()
        self._file.close()
        self._part.unlink(missing_ok=True)

    @contextlib.contextmanager
    def table(self, name: str) -> Iterator[Callable[[bytes, int], None]]:
        """A function that takes the next lines and their number."""
        digest = Digest()
        with self._zip.open(_member(name), "w", force_zip64=True) as member:

            def add(lines: bytes, rows: int) -> None:
                member.write(lines)
                digest.add(lines, rows)

            yield add
        found = digest.summary
        self.tables[name] = TableSum(found.rows, found.sha256)

    def add_identity(self, pem: bytes) -> str:
        """The SHA-256 for the manifest."""
        self._zip.writestr(IDENTITY, pem)
        return hashlib.sha256(pem).hexdigest()

    def finish(self, manifest: Manifest, sign: Callable[[bytes], bytes], seen: Seen) -> None:
        """Close, sync, read it all back, and give it its name.

        Raises:
            ArchiveError: it could not be restored; what was there before is still there.
        """
        text = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
        self._zip.writestr(_MANIFEST, text)
        self._zip.writestr(_SIGNATURE, sign(_SIGNED_AS + text))
        self._zip.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        try:
            with Reader(self._part) as reader:
                reader.verify(seen)
        except ArchiveError as problem:
            raise ArchiveError(f"no backup was made: read back, {problem}") from problem
        rename_durably(self._part, self._path)


class Reader:
    """A file whose manifest is good: of this format, known, signed. ``verify`` says whether the rest is."""

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            ArchiveError: it is no backup, is cut off, is forged, or a newer Parley made it.
            OSError: it can't be read.
        """
        self._path = path
        with self._in_words("it is no backup of Parley, or it is cut off"):
            self._zip = zipfile.ZipFile(path)
        try:
            self.manifest = self._manifest()
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    @property
    def tables(self) -> list[Carried]:
        """Those of the schema that it was made of, in an order in which they can be filled."""
        return carried(self.manifest.schema)

    def identity(self) -> bytes | None:
        """The identity key (PEM), where it is in it.

        Raises:
            ArchiveError: it is not the one that was put in.
        """
        expected = self.manifest.identity_sha256
        if expected is None:
            return None
        pem = self._small(IDENTITY)
        if hashlib.sha256(pem).hexdigest() != expected:
            raise self._error("the identity key in it is damaged")
        return pem

    def verify(self, seen: Seen) -> None:
        """Read it all.

        Raises:
            ArchiveError: names the first table that is not what the manifest says.
        """
        self.identity()
        for table in self.tables:
            for rows in self.pages(table):
                if table.name == BLOBS:
                    self._check_keys(rows)
                seen(table.name, len(rows))

    def pages(self, table: Carried) -> Iterator[Sequence[Row]]:
        """All rows of a table, some at a time, in order; whether they are all is known at the end only.

        Raises:
            ArchiveError: they are not what the manifest says.
        """
        words = f"the table {table.name} is damaged"
        expected = self.manifest.tables[table.name]
        digest, last = Digest(), None
        with contextlib.ExitStack() as stack:
            with self._in_words(words):
                chunks = _whole_lines(stack.enter_context(self._zip.open(_member(table.name))))
            while True:
                with self._in_words(words):
                    lines = next(chunks, None)
                    rows = [] if lines is None else table.rows(lines)
                if lines is None:
                    break
                for row in rows:
                    key = table.key_of(row)
                    if last is not None and key <= last:
                        raise self._error(f"{words}: its rows are not in order")
                    last = key
                digest.add(lines, len(rows))
                yield rows
        if digest.summary != Summary(expected.rows, expected.sha256):
            raise self._error(words)

    def _manifest(self) -> Manifest:
        with self._in_words("it is no backup of Parley, or it is damaged"):
            text = self._small(_MANIFEST)
            found = msgspec.json.decode(text, type=Manifest)
            signature = self._small(_SIGNATURE)
        if found.format > FORMAT or found.schema > len(migrations.load()):
            raise self._error(
                f"it was made by a newer Parley ({found.version}, schema {found.schema}): install that"
            )
        signed = signed_by(found.public_key, signature, _SIGNED_AS + text)
        if not signed or server_id_of(found.public_key) != found.server_id:
            raise self._error(f"it is not what the server {short_key(found.server_id)} made: it was changed")
        names = {table.name for table in carried(found.schema)}
        if found.schema < 1 or names != set(found.tables):
            raise self._error("its tables are not those of its schema")
        return found

    def _check_keys(self, rows: Sequence[Row]) -> None:
        """They become names of files."""
        with self._in_words("a name in the table blobs is none"):
            for row in rows:
                check_key(row[0])

    def _small(self, name: str) -> bytes:
        with self._zip.open(name) as member:
            data = member.read(_MANIFEST_MAX_BYTES + 1)
        if len(data) > _MANIFEST_MAX_BYTES:
            raise ValueError(f"{name} is too large")
        return data

    @contextlib.contextmanager
    def _in_words(self, words: str) -> Iterator[None]:
        try:
            yield
        except msgspec.ValidationError as problem:
            raise self._error(f"{words}: {problem}") from problem
        except _DAMAGE as problem:
            raise self._error(words) from problem

    def _error(self, words: str) -> ArchiveError:
        return ArchiveError(f"{self._path} can't be used: {words}")


def _member(table: str) -> str:
    return f"tables/{table}.jsonl"


def _whole_lines(member: IO[bytes]) -> Iterator[bytes]:
    """Chunks that end with a newline."""
    rest = b""
    while chunk := member.read(_CHUNK_BYTES):
        cut = chunk.rfind(b"\n") + 1
        if cut:
            yield rest + chunk[:cut]
            rest = chunk[cut:]
        else:
            rest += chunk
        if len(rest) > _LINE_MAX_BYTES:
            raise ValueError("a line without an end")
    if rest:
        raise ValueError("the last line has no end")
