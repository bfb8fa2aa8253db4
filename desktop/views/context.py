"""What every view is given."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from desktop.net.tasks import TaskOwner
from desktop.services.api import Accounts, Host

T = TypeVar("T")


class Settings(Protocol):
    """Small values of the window that outlive it: geometry, theme, places of splitters."""

    def setting(self, name: str, kind: type[T], default: T) -> T: ...

    def set_setting(self, name: str, value: object) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Services and the owner of what views start."""

    accounts: Accounts
    host: Host
    settings: Settings
    tasks: TaskOwner

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        """Run in the background; what it raises is logged."""
        self.tasks.spawn(work, name=name)
