"""A backup: one snapshot of the database, the blobs, what proves that it is whole."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Final, Self

from common.ids import short_key
from common.version import product_version
from server.infra import migrations
from server.infra.crypto.identity import ServerIdentity
from server.infra.folder_blobs import FolderBlobs
from server.kernel.clock import SystemClock
from server.kernel.database import Database, Row, Tx
from server.kernel.meta import INCOMPLETE, fact, owner
from server.settings import Settings
from server.transfer.archive import FORMAT, Manifest, Writer
from server.transfer.places import (
    TransferError,
    folder_blobs,
    identity_of,
    readable,
    started,
)
from server.transfer.progress import Progress
from server.transfer.rows import BLOBS, Carried, carried

_IN_MEMORY_BYTES: Final = 8 * 1024 * 1024


async def backup(settings: Settings, file: Path, *, with_keys: bool = False) -> Manifest:
    """Write the data of a server, which may run, to ``file``.

    Raises:
        TransferError: the data are another server's, or incomplete themselves.
        FileNotFoundError: there is no server, or no identity key.
        DatabaseUnavailableError: the database can't be read, or is not of this version's schema.
        OSError: the file can't be written.
    """
    identity = identity_of(settings)
    pem = settings.identity_path.read_bytes() if with_keys else None
    async with started(readable(settings)) as database:
        total = await database.read(_checked, identity.server_id)
        with Progress("backup", total) as progress:
            return await write_archive(
                database, folder_blobs(settings), identity, file, pem=pem, progress=progress
            )


async def write_archive(
    database: Database,
    blobs: FolderBlobs | None,
    identity: ServerIdentity,
    file: Path,
    *,
    pem: bytes | None,
    progress: Progress,
) -> Manifest:
    """``blobs``: those beside the database, where they are not in it; ``pem``: the key to put in."""
    known = carried()
    with _Spool() as spool, Writer(file) as writer:
        if blobs is not None:
            # Before the snapshot and again after it: one that is replaced meanwhile is in the first round,
            # one that is new in the second. A key's content never changes.
            await spool.take(blobs)
        await database.read(
            _write_tables,
            writer,
            [table for table in known if blobs is None or table.name != BLOBS],
            progress,
        )
        if blobs is not None:
            await spool.take(blobs)
            table = next(table for table in known if table.name == BLOBS)
            with writer.table(BLOBS) as add:
                for row in spool.rows():
                    add(table.lines([row]), 1)
                    progress(BLOBS, 1)
        manifest = Manifest(
            format=FORMAT,
            schema=len(migrations.load()),
            server_id=identity.server_id,
            public_key=identity.public_key,
            made_at_ms=SystemClock().now_ms(),
            version=product_version(),
            tables=dict(sorted(writer.tables.items())),
            identity_sha256=None if pem is None else writer.add_identity(pem),
        )
        with Progress("verify", sum(table.rows for table in manifest.tables.values())) as verified:
            writer.finish(manifest, identity.sign, verified)
    return manifest


async def _checked(tx: Tx, server_id: str) -> int:
    """How many rows there are to write."""
    unfinished = await fact(tx, INCOMPLETE)
    if unfinished is not None:
        raise TransferError(f"there is nothing whole to keep: {unfinished}")
    found = await owner(tx)
    if found is None:
        raise TransferError("no server was ever started on this database")
    if found != server_id:
        raise TransferError(
            f"the data belong to the server {short_key(found)}, and the identity key is that of "
            f"{short_key(server_id)}"
        )
    return sum([await table.count(tx) for table in carried()])


async def _write_tables(tx: Tx, writer: Writer, tables: Sequence[Carried], progress: Progress) -> None:
    """All on one snapshot. A file is written in a transaction's body here: a read is run once."""
    for table in tables:
        with writer.table(table.name) as add:

            def keep(rows: list[Row], table: Carried = table, add: Any = add) -> None:  # noqa: ANN401 - the function above
                add(table.lines(rows), len(rows))
                progress(table.name, len(rows))

            await table.each_page(tx, keep)


class _Spool:
    """Blobs kept aside, so that they can be written in order at the end."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 - closed by __exit__
        self._places: dict[str, tuple[int, int]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    async def take(self, blobs: FolderBlobs) -> None:
        """Those that are not here yet."""
        for key in await blobs.keys():
            data = None if key in self._places else await blobs.get(key)
            if data is not None:
                self._places[key] = (self._file.seek(0, 2), len(data))
                self._file.write(data)

    def rows(self) -> Iterator[Row]:
        for key, (start, length) in sorted(self._places.items()):
            self._file.seek(start)
            yield key, self._file.read(length)
