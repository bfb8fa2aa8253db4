"""Which Parley this is."""

from __future__ import annotations

from importlib import metadata
from typing import Final

UNKNOWN: Final = "unknown"


def product_version() -> str:
    """As the package has it; ``unknown`` where the program was put together without its metadata."""
    try:
        return metadata.version("parley")
    except metadata.PackageNotFoundError:
        return UNKNOWN
