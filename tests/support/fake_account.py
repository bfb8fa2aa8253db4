"""An account without a server, and the window around a view: for the panes that show rooms and people."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

from PySide6.QtCore import QObject, Signal

from common.protocol.types import RoomKind
from desktop.net.tasks import TaskOwner
from desktop.services.api import Account, Accounts, Host
from desktop.services.state import (
    AccountItem,
    HostState,
    Link,
    LinkState,
    MemberItem,
    Person,
    RoomItem,
    ServiceError,
)
from desktop.views.context import Context, Shell
from tests.support.fake_timeline import DARIO, ME, FakeTimeline

T = TypeVar("T")


def room(room_id: str, title: str = "", *, peer: Person | None = None, unread: int = 0) -> RoomItem:
    """A group, or with ``peer`` the room with somebody."""
    kind = RoomKind.GROUP if peer is None else RoomKind.DIRECT
    return RoomItem(room_id=room_id, kind=kind, title=title or room_id, peer=peer, unread=unread)


class FakeAccount(QObject):
    """What panes ask of an account; change it by its methods, which tell as the service does."""

    changed = Signal()
    link_changed = Signal()
    rooms_reset = Signal()
    room_changed = Signal(str)

    def __init__(self, name: str = "Workshop LAN", *, rooms: Sequence[RoomItem] = ()) -> None:
        super().__init__()
        self.info = AccountItem(
            account_id=name,
            server_name=name,
            server_id=name,
            short_key="80EC 2A66",
            address="http://192.0.2.7:8930",
            me=ME,
        )
        self.link = LinkState(link=Link.ONLINE)
        self.rooms = list(rooms)
        self.everybody = [ME, DARIO]
        self.opened: list[str] = []
        self.tried = 0
        self.timelines: dict[str, FakeTimeline] = {}
        self.texts: dict[str, str] = {}
        self.in_room: list[MemberItem] = []

    def timeline(self, room_id: str) -> FakeTimeline:
        return self.timelines.setdefault(room_id, FakeTimeline())

    def members(self, room_id: str) -> Sequence[MemberItem]:
        del room_id
        return self.in_room

    def draft(self, room_id: str) -> str:
        return self.texts.get(room_id, "")

    def set_draft(self, room_id: str, text: str) -> None:
        self.texts[room_id] = text

    def room(self, room_id: str) -> RoomItem | None:
        return next((one for one in self.rooms if one.room_id == room_id), None)

    def change_room(self, changed: RoomItem) -> None:
        """One row is another."""
        self.rooms = [changed if one.room_id == changed.room_id else one for one in self.rooms]
        self.room_changed.emit(changed.room_id)

    def set_rooms(self, rooms: Sequence[RoomItem]) -> None:
        """Another list or order."""
        self.rooms = list(rooms)
        self.rooms_reset.emit()

    def set_info(self, **changes: Any) -> None:
        """Name, number of unread messages."""
        self.info = replace(self.info, **changes)
        self.changed.emit()

    def set_link(self, link: LinkState) -> None:
        """The connection."""
        self.link = link
        self.link_changed.emit()

    def try_now(self) -> None:
        self.tried += 1

    async def people(self, query: str = "") -> Sequence[Person]:
        del query
        return self.everybody

    async def open_direct(self, user_id: str) -> str:
        self.opened.append(user_id)
        return f"with {user_id}"

    @property
    def real(self) -> Account:
        """Views take the whole protocol; these use the part of it that is here."""
        return cast("Account", self)


class FakeHost(QObject):
    """A server that this computer hosts, or not."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.state = HostState(running=False)
        self.refusal = ""
        self.started = 0

    async def start(self) -> None:
        self.started += 1
        if self.refusal:
            raise ServiceError(self.refusal)
        self.set_state(HostState(running=True))

    def set_state(self, state: HostState) -> None:
        """Somebody connected, it stopped."""
        self.state = state
        self.changed.emit()


class FakeShell:
    """The window: what it was asked."""

    def __init__(self) -> None:
        self.opened: list[tuple[object, str]] = []
        self.adding = 0
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def open_room(self, account: object, room_id: str) -> None:
        self.opened.append((account, room_id))

    def add_account(self) -> None:
        self.adding += 1


class AtOnce:
    """In the tasks' place: work that waits for nothing is done when it is given."""

    def spawn(
        self,
        coroutine: Coroutine[Any, Any, Any],
        *,
        name: str = "",
        handle: Callable[[BaseException], bool] | None = None,
    ) -> None:
        del name
        try:
            coroutine.send(None)
        except StopIteration:
            return
        except Exception as problem:
            if handle is None or not handle(problem):
                raise
            return
        raise AssertionError("it waits for something")


class Later(AtOnce):
    """In the tasks' place: work is done when ``run`` is called."""

    def __init__(self) -> None:
        self._held: list[Callable[[], None]] = []

    def spawn(
        self,
        coroutine: Coroutine[Any, Any, Any],
        *,
        name: str = "",
        handle: Callable[[BaseException], bool] | None = None,
    ) -> None:
        at_once = super().spawn
        self._held.append(lambda: at_once(coroutine, name=name, handle=handle))

    def run(self) -> None:
        """All that waits."""
        held, self._held = self._held, []
        for work in held:
            work()


class Kept:
    """Settings in memory."""

    def __init__(self) -> None:
        self.values: dict[str, object] = {}

    def setting(self, name: str, kind: type[T], default: T) -> T:
        del kind
        return cast("T", self.values.get(name, default))

    def set_setting(self, name: str, value: object) -> None:
        self.values[name] = value


class _Accounts:
    def __init__(self, items: Sequence[FakeAccount]) -> None:
        self.items = items


def context(
    *accounts: FakeAccount,
    host: FakeHost | None = None,
    shell: FakeShell | None = None,
    tasks: AtOnce | None = None,
) -> Context:
    """What views are given, with these accounts."""
    return Context(
        accounts=cast("Accounts", _Accounts(accounts)),
        host=cast("Host", host or FakeHost()),
        settings=Kept(),
        tasks=cast("TaskOwner", tasks or AtOnce()),
        shell=cast("Shell", shell or FakeShell()),
    )
