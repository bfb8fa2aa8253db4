from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QLockFile
from pytestqt.qtbot import QtBot

from desktop import instance as module
from desktop.instance import FolderError, Instance


def test_a_second_one_raises_the_first(qtbot: QtBot, tmp_path: Path) -> None:
    first, second = Instance(tmp_path / "new"), Instance(tmp_path / "new")
    assert first.first()
    assert not second.first()
    with qtbot.waitSignal(first.raise_wanted):
        assert second.raise_first()
    first.close()
    assert second.first()
    second.close()


@pytest.mark.parametrize("error", [QLockFile.LockError.PermissionError, QLockFile.LockError.UnknownError])
def test_a_lock_that_can_not_be_written_is_nobody_elses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: QLockFile.LockError
) -> None:
    class NoLock(QLockFile):
        """As on a folder that is read-only, or a disk that is full."""

        def tryLock(self, timeout: int = 0) -> bool:
            del timeout
            return False

        def error(self) -> QLockFile.LockError:
            return error

    monkeypatch.setattr(module, "QLockFile", NoLock)
    with pytest.raises(FolderError, match=r"can't use its folder .*whether the disk is full"):
        Instance(tmp_path).first()


def test_a_folder_that_can_not_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(FolderError, match="file"):
        Instance(tmp_path / "file" / "profile")
