"""One window for one profile: a second start with the same folder raises the first."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

from PySide6.QtCore import QLockFile, QObject, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from desktop.ui.i18n import tr

_RAISE: Final = b"raise\n"
_PATIENCE_MS: Final = 2_000
_LOCK: Final = "parley.lock"


class FolderError(Exception):
    """The profile's folder can't be used; in words for the person who started the program."""


class Instance(QObject):
    """Holds the profile's lock for as long as the program lives."""

    raise_wanted = Signal()
    """Somebody started the program again."""

    def __init__(self, folder: Path) -> None:
        """Make the folder where it is new.

        Raises:
            FolderError: it can't be made.
        """
        super().__init__()
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as problem:
            raise FolderError(not_usable(folder)) from problem
        self._folder = folder
        self._name = _server_name(folder)
        self._lock = QLockFile(str(folder / _LOCK))
        # Never stale by age: by a dead process only, which is what a kill leaves.
        self._lock.setStaleLockTime(0)
        self._server: QLocalServer | None = None

    def first(self) -> bool:
        """Whether no other process has the profile open; if so it is ours now.

        Raises:
            FolderError: the lock can't be written: no right, a full disk.
        """
        if not self._lock.tryLock(0):
            if self._lock.error() is not QLockFile.LockError.LockFailedError:
                raise FolderError(not_usable(self._folder))
            return False
        QLocalServer.removeServer(self._name)
        server = QLocalServer(self)
        server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        server.newConnection.connect(self._greet)
        server.listen(self._name)
        self._server = server
        return True

    def raise_first(self) -> bool:
        """Ask the process that has the profile to show its window; False when it does not answer."""
        socket = QLocalSocket()
        socket.connectToServer(self._name)
        if not socket.waitForConnected(_PATIENCE_MS):
            return False
        socket.write(_RAISE)
        sent = socket.waitForBytesWritten(_PATIENCE_MS)
        socket.disconnectFromServer()
        return sent

    def close(self) -> None:
        """Let the next process have the profile."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._lock.unlock()

    def _greet(self) -> None:
        server = self._server
        if server is None:
            return
        while (socket := server.nextPendingConnection()) is not None:
            # Whoever may connect is this very person, and there is one thing to ask for.
            socket.disconnected.connect(socket.deleteLater)
            self.raise_wanted.emit()


def not_usable(folder: Path) -> str:
    """What is wrong with a profile's folder, and what to do."""
    words = tr("Parley can't use its folder {folder}. Check its rights, and whether the disk is full.")
    return words.format(folder=folder)


def _server_name(folder: Path) -> str:
    real = os.path.normcase(str(folder.resolve()))
    return f"parley-{hashlib.sha256(real.encode()).hexdigest()[:24]}"
