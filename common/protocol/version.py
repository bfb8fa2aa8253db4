"""Protocol versions and how two sides agree on one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

VERSION: Final = 1
VERSIONS: Final = (1,)
"""All that this program speaks, oldest first."""
PRODUCT: Final = "parley"


def negotiate(offered: Iterable[int], spoken: Iterable[int] = VERSIONS) -> int | None:
    """The highest version both sides speak, or None."""
    common = set(offered) & set(spoken)
    return max(common, default=None)
