"""Changes that make Qt go through all widgets."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def all_widgets() -> Iterator[None]:
    """While Qt walks through a list of all widgets and tells each, nothing is collected.

    What Python hears of it could start a collection; a widget that it frees is still in Qt's list, and the
    process ends.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
