"""What every view is given."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import shiboken6
from PySide6.QtWidgets import QWidget

from desktop.net.tasks import TaskOwner
from desktop.services.api import Account, Accounts, Host
from desktop.services.state import ServiceError
from desktop.views.overlay import Panel

T = TypeVar("T")


class Settings(Protocol):
    """Small values of the window that outlive it: geometry, theme, places of splitters."""

    def setting(self, name: str, kind: type[T], default: T) -> T: ...

    def set_setting(self, name: str, value: object) -> None: ...


class Shell(Protocol):
    """The window around a view: where it opens panels and says what happened."""

    def open_room(self, account: Account, room_id: str) -> None:
        """Show a room, closing what lies over it."""
        ...

    def show_panel(self, panel: Panel, focus: QWidget | None = None) -> None:
        """Over the window, in place of a panel that is open."""
        ...

    def close_panel(self) -> None:
        """Take it away and give the focus back."""
        ...

    def say(self, text: str) -> None:
        """A line that goes away by itself."""
        ...

    def add_account(self) -> None:
        """The start screen, with a way back."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Services, the window, and the owner of what views start."""

    accounts: Accounts
    host: Host
    settings: Settings
    tasks: TaskOwner
    shell: Shell

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        """Run in the background; what it raises is logged."""
        self.tasks.spawn(work, name=name)

    def attempt(self, work: Coroutine[Any, Any, None], view: QWidget, say: Callable[[str], None]) -> None:
        """Run for ``view``; what the services refuse goes to ``say`` if the view is still there."""

        def handle(error: BaseException) -> bool:
            if isinstance(error, ServiceError) and shiboken6.isValid(view):
                say(error.text)
            return isinstance(error, ServiceError)

        self.tasks.spawn(work, name=type(view).__name__, handle=handle)
