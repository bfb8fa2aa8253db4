"""The keys that sign access tokens: a new one each month, the old ones for as long as a token lives."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Final

from joserfc.jwk import OKPKey

from server.infra.crypto.keyfiles import load_or_make
from server.kernel.clock import Clock

_DAY_MS: Final = 24 * 3_600_000
ROTATE_MS: Final = 30 * _DAY_MS


class TokenKeys:
    """Files ``FOLDER/<milliseconds since 1970>.pem``; the name is the key's ``kid``."""

    def __init__(self, folder: Path, *, clock: Clock, token_ms: int) -> None:
        """Keys of before, and a first one.

        Raises:
            KeyFileError: a file holds no key.
            OSError: one can't be read or written.
        """
        self._folder = folder
        self._clock = clock
        self._token_ms = token_ms
        self._keys: dict[str, OKPKey] = {}
        names = (path.stem for path in folder.glob("*.pem")) if folder.is_dir() else ()
        for name in sorted((name for name in names if name.isdecimal()), key=int):
            self._load(name)
        self.rotate_if_due()

    @property
    def current(self) -> tuple[str, OKPKey]:
        """``kid`` and key of new tokens."""
        kid = next(reversed(self._keys))
        return kid, self._keys[kid]

    def get(self, kid: str) -> OKPKey | None:
        """The key that signed a token of this server, while such tokens may be good."""
        return self._keys.get(kid)

    def rotate_if_due(self) -> None:
        """A new key when the newest is a month old; keys whose tokens have all expired are removed."""
        now = self._clock.now_ms()
        if not self._keys or now - int(next(reversed(self._keys))) >= ROTATE_MS:
            self._load(str(now))
        kids = list(self._keys)
        for kid, successor in itertools.pairwise(kids):
            if now - int(successor) > self._token_ms:
                del self._keys[kid]
                (self._folder / f"{kid}.pem").unlink(missing_ok=True)

    def _load(self, kid: str) -> None:
        key = load_or_make(self._folder / f"{kid}.pem")
        self._keys[kid] = OKPKey.import_key(key)


def forget_token_keys(folder: Path) -> int:
    """After a leak: no token of before is good any more; devices get new ones by themselves. How many."""
    files = list(folder.glob("*.pem")) if folder.is_dir() else []
    for file in files:
        file.unlink(missing_ok=True)
    return len(files)
