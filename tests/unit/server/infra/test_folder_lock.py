from __future__ import annotations

from pathlib import Path

import pytest

from server.infra.folder_lock import FolderInUseError, FolderLock, FolderNotWritableError
from tests.support.crash import Child

_HOLDER = """
import sys, time
from pathlib import Path
from server.infra.folder_lock import FolderLock
lock = FolderLock(Path(sys.argv[1]))
lock.acquire()
print("held", flush=True)
time.sleep(600)
"""


def test_one_at_a_time_in_one_process(tmp_path: Path) -> None:
    first, second = FolderLock(tmp_path / "data"), FolderLock(tmp_path / "data")
    first.acquire()
    with pytest.raises(FolderInUseError):
        second.acquire()
    first.release()
    second.acquire()
    second.release()
    second.release()


def test_a_killed_process_leaves_no_lock(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    with Child(None, str(tmp_path), code=_HOLDER) as child:
        assert child.next_line() == "held"
        with pytest.raises(FolderInUseError, match=str(tmp_path)):
            lock.acquire()
    lock.acquire()
    lock.release()


def test_a_file_in_the_way_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    with pytest.raises(FolderNotWritableError, match="can't be written to"):
        FolderLock(tmp_path / "data").acquire()
