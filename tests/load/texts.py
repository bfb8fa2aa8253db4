"""Bodies of messages: 200 bytes each, or real ones."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from common.text import body_problem

_BODY: Final = ("The quick brown fox jumps over the lazy dog, again and again. " * 4)[:200]
_MAX_TEXTS: Final = 20_000


def bodies(file: Path | None) -> Iterator[str]:
    """Without end; from the ``text`` of a .jsonl.gz file where one is given."""
    if file is None:
        return itertools.repeat(_BODY)
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in itertools.islice(lines, _MAX_TEXTS)]
    return itertools.cycle([text for text in texts if body_problem(text) is None])
