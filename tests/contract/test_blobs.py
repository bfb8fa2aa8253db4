from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.kernel.blobs import BlobStore
from tests.contract.adapters import BLOB_STORES


@pytest.fixture(params=list(BLOB_STORES.values()), ids=list(BLOB_STORES))
async def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BlobStore]:
    async with request.param(tmp_path / "blobs") as opened:
        await opened.start()
        yield opened
        await opened.stop()


@pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 4_096], ids=["empty", "one", "1 MiB"])
async def test_what_was_put_comes_back(blobs: BlobStore, data: bytes) -> None:
    await blobs.put("avatars/abc-1_2", data)
    assert await blobs.get("avatars/abc-1_2") == data


async def test_a_missing_one_is_none(blobs: BlobStore) -> None:
    assert await blobs.get("missing") is None
    await blobs.delete("missing")


async def test_put_replaces(blobs: BlobStore) -> None:
    await blobs.put("k", b"a long first version")
    await blobs.put("k", b"second")
    assert await blobs.get("k") == b"second"


async def test_delete_removes_only_that(blobs: BlobStore) -> None:
    await blobs.put("a", b"1")
    await blobs.put("a/b", b"2")
    await blobs.delete("a")
    assert await blobs.get("a") is None
    assert await blobs.get("a/b") == b"2"


async def test_concurrent_puts_leave_one_whole_version(blobs: BlobStore) -> None:
    versions = [bytes([n]) * 100_000 for n in range(8)]
    await asyncio.gather(*(blobs.put("k", version) for version in versions))
    assert await blobs.get("k") in versions


@pytest.mark.parametrize(
    "key",
    [
        *("", "/", "/etc/passwd", "../up", "a/../../b", "a//b", "a/", ".", "a.b"),
        *("A", "a\\b", "c:a", "nul", "a/con", "a\0b", "a\n", "ä", "a" * 201),
    ],
)
async def test_what_is_no_key_is_refused(blobs: BlobStore, key: str) -> None:
    for call in (blobs.get(key), blobs.delete(key), blobs.put(key, b"x")):
        with pytest.raises(ValueError, match="not a key"):
            await call


async def test_keys_are_told_in_order(blobs: BlobStore) -> None:
    assert await blobs.keys() == []
    for key in ("b", "a/b", "a", "a-b"):
        await blobs.put(key, b"x")
    await blobs.delete("b")
    assert await blobs.keys() == ["a", "a-b", "a/b"]
