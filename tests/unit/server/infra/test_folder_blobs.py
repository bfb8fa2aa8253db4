from __future__ import annotations

import sys
from pathlib import Path

import pytest

from common.errors import Code, ParleyError
from server.infra.folder_blobs import FolderBlobs
from tests.support.crash import Child

_LIMITED = """
import asyncio, resource, sys
from pathlib import Path
from server.infra.folder_blobs import FolderBlobs
from server.kernel.database import StorageFullError

async def main():
    blobs = FolderBlobs(Path(sys.argv[1]))
    await blobs.start()
    await blobs.put("k", b"first")
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    try:
        await blobs.put("k", b"x" * 5000)
    except StorageFullError:
        print("full", (await blobs.get("k")).decode(), flush=True)

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a file")
def test_a_full_disk_is_said_and_what_was_there_stays(tmp_path: Path) -> None:
    with Child(None, str(tmp_path), code=_LIMITED) as child:
        assert child.next_line() == "full first"
    assert [path.name for path in tmp_path.iterdir()] == ["k.blob"]


def _temporaries(folder: Path) -> list[Path]:
    return list(folder.rglob("*.tmp"))


async def test_start_removes_what_a_crash_left_half_written(tmp_path: Path) -> None:
    (tmp_path / "avatars").mkdir()
    (tmp_path / "avatars" / "half.tmp").write_bytes(b"ha")
    (tmp_path / "avatars" / "whole.blob").write_bytes(b"whole")
    blobs = FolderBlobs(tmp_path)
    await blobs.start()
    assert await blobs.get("avatars/whole") == b"whole"
    assert _temporaries(tmp_path) == []
    await blobs.stop()


async def test_a_folder_that_cannot_be_made_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ParleyError, match="can't be written to") as refusal:
        await FolderBlobs(tmp_path / "file" / "blobs").start()
    assert refusal.value.code is Code.UNAVAILABLE


async def test_a_disk_that_refuses_is_unavailable(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path)
    await blobs.start()
    (tmp_path / "k.blob").mkdir()
    for call in (blobs.get("k"), blobs.put("k", b"x")):
        with pytest.raises(ParleyError) as refusal:
            await call
        assert refusal.value.code is Code.UNAVAILABLE
        assert str(tmp_path) not in refusal.value.message
    assert _temporaries(tmp_path) == []
