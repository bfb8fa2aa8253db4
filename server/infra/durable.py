"""Names of files that a power cut does not take back."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def rename_durably(source: Path, target: Path) -> None:
    """In place of what was there; the content of ``source`` is synced already."""
    source.replace(target)
    sync_folder(target.parent)


if sys.platform == "win32":

    def sync_folder(_folder: Path) -> None:
        """A rename is durable there with the file: a folder can't be opened to be synced."""

else:

    def sync_folder(folder: Path) -> None:
        """Or a power cut may take a new name back."""
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
