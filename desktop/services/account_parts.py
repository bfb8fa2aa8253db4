"""What an account is made of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from desktop.net.pin import PinnedContext
from desktop.net.rest import RestClient
from desktop.net.tokens import Tokens
from desktop.storage.cache import Loaded
from desktop.storage.outbox import Draft
from desktop.storage.profile import AccountRecord
from desktop.storage.worker import Worker


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountParts:
    """Opened by whoever makes the account; tests give their own."""

    record: AccountRecord
    worker: Worker
    loaded: Loaded
    drafts: list[Draft]
    client: RestClient
    context: PinnedContext | None
    tokens: Tokens
    folder: Path
    follow: Callable[[], Awaitable[None]] | None = None
    """The server says that it moved: see ``desktop.net.link.Follow``."""
