"""Where `resources/` is: beside the packages in a checkout, inside this one in a wheel or a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_DESKTOP: Final = Path(__file__).resolve().parent.parent
# The checkout comes first: an editable install also carries a copy, which would go stale.
_CANDIDATES: Final = (_DESKTOP.parent / "resources", _DESKTOP / "_resources")


def resource(*parts: str) -> Path:
    """The file or folder `resources/<parts>`; a real path, because Qt wants names, not streams.

    Raises:
        FileNotFoundError: there is no such resource, so the installation is damaged.
    """
    for candidate in _CANDIDATES:
        path = candidate.joinpath(*parts)
        if path.exists():
            return path
    message = f"Parley's own file {'/'.join(parts)} is missing: install Parley again"
    raise FileNotFoundError(message)
