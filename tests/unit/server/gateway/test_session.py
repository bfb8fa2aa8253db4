"""What a session's requests wait for, and for what not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import cast

import pytest

from common.errors import CloseCode, Code, ParleyError
from common.ids import new_id
from common.limits import Limits
from common.protocol.codec import decode_pushes, encode
from common.protocol.pushes import (
    AccountEvent,
    Error,
    Heads,
    MessageNew,
    Ok,
    Push,
    Ready,
    RoomEvent,
    ServerClosing,
    TypingShown,
    Welcome,
)
from common.protocol.requests import Hello, MessageSend, Receipt, SessionRenew, Typing
from common.protocol.types import Head, User
from server.gateway.connection import Connection, text_frame
from server.gateway.gateway import Gateway, Place
from server.gateway.ports import Account
from server.gateway.session import Session
from server.infra.memory.presence import MemoryPresence
from server.kernel import tasks
from server.kernel.allowance import Allowances
from server.kernel.bus import BusUnavailableError
from server.kernel.delivery import RoomDelivery
from server.kernel.identity import Identity
from server.kernel.session import Later, SessionContext
from tests.support.clock import START_MS, ManualClock
from tests.support.hub import ROOM as HUB_ROOM
from tests.support.hub import head, message
from tests.support.wait import until

ROOM = new_id()


class Wire:
    """What a session needs of a connection."""

    open = True

    def __init__(self) -> None:
        self.alive = True
        self.got: list[Push] = []
        self.paused = False
        self.pinged = 0
        self.closed: list[tuple[int, str]] = []
        self.taken = asyncio.Event()
        self.taken.set()

    def write(self, frame: bytes) -> None:
        self.got += decode_pushes(frame[{126: 4, 127: 10}.get(frame[1], 2) :])

    def ping(self) -> None:
        self.pinged += 1

    def close(self, code: int, reason: str, *, linger_s: float = 0.0) -> None:
        del linger_s
        self.closed.append((code, reason))

    async def drained(self) -> None:
        await self.taken.wait()

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False


class Someone:
    """An account, without rooms at first, and whoever shows a token is it."""

    def __init__(self) -> None:
        self.rooms: list[Head] = []

    async def authenticate(self, token: str) -> Identity:
        return Identity(user_id=token, device_id=new_id(), expires_at_s=START_MS)

    async def account(self, user_id: str) -> Account:
        return Account(user=User(user_id, "mira", "Mira"), account_seq=0)

    async def account_seqs(self, user_ids: Sequence[str]) -> dict[str, int]:
        return dict.fromkeys(user_ids, 0)

    async def account_events(self, user_id: str, *, after_seq: int) -> Sequence[AccountEvent]:
        raise NotImplementedError

    async def signed_out(self) -> Sequence[str]:
        return ()

    async def room_ids(self, user_id: str) -> Sequence[str]:
        return [head.room_id for head in self.rooms]

    async def heads(self, user_id: str) -> Sequence[Head]:
        return self.rooms

    async def head_seqs(self, room_ids: Sequence[str]) -> dict[str, int]:
        return {}

    async def room_events(self, room_id: str, *, after_seq: int, before_seq: int) -> Sequence[RoomEvent]:
        raise NotImplementedError


class Bus:
    """Takes records at once, and holds them when the gate opens: all but those it refuses."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.gate = asyncio.Event()

    async def send(self, context: SessionContext, request: MessageSend) -> Later:
        del context
        self.taken.append(request.body)
        return Later(partial(self._held, None, refused=request.body == "refused"))

    async def receipt(self, context: SessionContext, request: Receipt) -> Later:
        del context
        self.taken.append("receipt")
        return Later(partial(self._held, Ok(request.id)))

    async def typing(self, context: SessionContext, request: Typing) -> Ok:
        del context
        self.taken.append(f"typing in {request.room_id}")
        return Ok(request.id)

    async def _held(self, answer: Push | None, *, refused: bool = False) -> Push | None:
        await self.gate.wait()
        if refused:
            raise BusUnavailableError
        return answer


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def someone() -> Someone:
    return Someone()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def limits() -> Limits:
    return Limits(messages_per_second=0, requests_per_second=0, in_flight_per_connection=4)


@pytest.fixture
async def gateway(bus: Bus, someone: Someone, clock: ManualClock, limits: Limits) -> AsyncIterator[Gateway]:
    gateway = Gateway(
        authenticator=someone,
        accounts=someone,
        rooms=someone,
        handlers={MessageSend: bus.send, Receipt: bus.receipt, Typing: bus.typing},
        presence=MemoryPresence(),
        clock=clock,
        allowances=Allowances(limits, clock),
        place=Place(server_id="0" * 64),
    )
    yield gateway
    bus.gate.set()
    await gateway.tasks.close()


def said_hello(gateway: Gateway, wire: Wire) -> Session:
    session = Session(gateway, cast("Connection", wire), 1)
    session.received(encode(Hello(1, [1], new_id())))
    return session


@pytest.fixture
async def session(gateway: Gateway, wire: Wire) -> Session:
    """Signed in."""
    session = said_hello(gateway, wire)
    await until(lambda: any(isinstance(push, Ready) for push in wire.got))
    wire.got.clear()
    return session


def send(number: int, body: str) -> bytes:
    return encode(MessageSend(number, new_id(), ROOM, body))


async def test_requests_of_one_moment_go_to_the_bus_together_and_in_order(
    session: Session, wire: Wire, bus: Bus
) -> None:
    bodies = [f"message {number}" for number in range(8)]
    for number, body in enumerate(bodies):
        session.received(send(number, body))
    session.received(encode(Receipt(9, ROOM, 1, 1)))
    # Nothing is held yet, and all of it was taken.
    await until(lambda: bus.taken == [*bodies, "receipt"])
    assert wire.got == []
    # It reads on when it is through with these.
    assert wire.paused
    bus.gate.set()
    await until(lambda: wire.got == [Ok(9)])
    await until(lambda: not wire.paused)


async def test_what_the_bus_refuses_late_is_answered_and_leaves_the_others_alone(
    session: Session, wire: Wire, bus: Bus
) -> None:
    session.received(b"\n".join([send(1, "first"), send(2, "refused"), send(3, "third")]))
    session.received(encode(Receipt(4, ROOM, 1, 1)))
    await until(lambda: len(bus.taken) == 4)
    bus.gate.set()
    await until(lambda: len(wire.got) == 2)
    error, ok = wire.got
    assert isinstance(error, Error)
    assert (error.id, error.code, ok) == (2, Code.UNAVAILABLE, Ok(4))
    session.received(send(5, "and on"))
    await until(lambda: bus.taken[-1] == "and on")


async def test_more_heads_than_a_connection_may_have_waiting_are_sent_as_they_are_taken(
    gateway: Gateway, wire: Wire, someone: Someone
) -> None:
    someone.rooms = [head(5, new_id()) for _ in range(250)]
    wire.taken.clear()
    session = said_hello(gateway, wire)
    await until(lambda: len(session.rooms) == 250 and not gateway.hub._entering)
    assert [type(push) for push in wire.got] == [Welcome]

    async def take_one(chunks: int) -> None:
        wire.taken.set()
        wire.taken.clear()
        await until(lambda: len(wire.got) == 1 + chunks)

    for chunks in (1, 2, 3):
        await take_one(chunks)
    # What comes meanwhile waits until all of it was said.
    session.write(text_frame(encode(TypingShown(someone.rooms[0].room_id, new_id()))))
    assert len(wire.got) == 4
    wire.taken.set()
    await until(lambda: isinstance(wire.got[-1], TypingShown))
    assert [type(push) for push in wire.got] == [Welcome, Heads, Heads, Heads, Ready, TypingShown]
    assert [len(push.rooms) for push in wire.got if isinstance(push, Heads)] == [100, 100, 50]


async def test_after_a_restore_all_come_anew_and_nothing_is_known_of_before(
    gateway: Gateway, someone: Someone
) -> None:
    async def comes() -> Wire:
        wire = Wire()
        session = gateway._accept(cast("Connection", wire))
        session.received(encode(Hello(1, [1], new_id())))
        await until(lambda: any(isinstance(push, Ready) for push in wire.got))
        return wire

    someone.rooms = [head(50)]
    before = [await comes() for _ in range(3)]
    gateway.adopt("another")
    assert len(gateway) == 0
    someone.rooms = [head(5)]
    after = await comes()
    for wire in before:
        assert [code for code, _ in wire.closed] == [CloseCode.RESTART]
        assert isinstance(wire.got[-1], ServerClosing)
    (welcome,) = (push for push in after.got if isinstance(push, Welcome))
    assert welcome.history_epoch == "another"
    # The room was at 50: were that remembered, this would be taken for a repeat.
    await gateway.deliver([RoomDelivery(HUB_ROOM, [message(6)])])
    await until(lambda: isinstance(after.got[-1], MessageNew))
    assert not any(isinstance(wire.got[-1], MessageNew) for wire in before)


async def test_typing_again_at_once_is_answered_and_told_to_nobody(
    session: Session, wire: Wire, bus: Bus
) -> None:
    other = new_id()
    for number, room_id in enumerate((ROOM, ROOM, other, ROOM), 1):
        session.received(encode(Typing(number, room_id)))
    await until(lambda: len(wire.got) == 4)
    assert wire.got == [Ok(1), Ok(2), Ok(3), Ok(4)]
    assert bus.taken == [f"typing in {ROOM}", f"typing in {other}"]


def test_a_ping_that_is_not_answered_in_its_time_ends_the_connection(wire: Wire) -> None:
    session = Session(cast("Gateway", None), cast("Connection", wire), 1)
    session.check_alive(100.0)
    assert wire.pinged == 1
    session.give_up(99.9)
    assert wire.closed == []
    wire.alive = True
    # It was answered: the next one has as long.
    session.give_up(100.0)
    session.check_alive(120.0)
    session.check_alive(121.0)
    assert (wire.pinged, wire.closed) == (2, [])
    session.give_up(119.0)
    assert wire.closed == []
    session.give_up(120.0)
    assert wire.closed == [(CloseCode.POLICY, "no answer to a ping")]


@pytest.mark.parametrize("limits", [Limits(requests_per_second=0.001, requests_burst=2)])
async def test_lines_that_say_nothing_and_renewals_are_counted_too(session: Session, wire: Wire) -> None:
    session.received(b"nonsense\n" + encode(SessionRenew(1, new_id())) + b"\nnonsense\n")
    session.received(encode(SessionRenew(2, new_id())))
    await until(lambda: len(wire.got) == 4)
    # The second of each is one too many; the token of the first was another device's.
    assert [push.code for push in wire.got if isinstance(push, Error)] == [
        Code.BAD_JSON,
        Code.FORBIDDEN,
        Code.RATE_LIMITED,
        Code.RATE_LIMITED,
    ]


@pytest.mark.parametrize("limits", [Limits(connections_per_user=2)])
async def test_the_socket_that_is_replaced_is_not_counted(gateway: Gateway, someone: Someone) -> None:
    user = new_id()

    def admitted(device_id: str, number: int) -> Session:
        session = Session(gateway, cast("Connection", Wire()), number)
        session.identity = Identity(user_id=user, device_id=device_id, expires_at_s=START_MS)
        gateway.admit(session, session.identity)
        return session

    laptop, phone = new_id(), new_id()
    admitted(laptop, 1)
    admitted(phone, 2)
    admitted(laptop, 3)
    with pytest.raises(ParleyError) as refusal:
        admitted(new_id(), 4)
    assert refusal.value.code is Code.LIMIT_REACHED
    assert [session.number for session in gateway.hub.sessions_of(user) if session.number == 3]


async def test_a_heartbeat_that_breaks_beats_on(
    gateway: Gateway, expect_log: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    expect_log("task_failed.*gateway.compare")
    monkeypatch.setattr(tasks, "_AGAIN_S", 0.001)
    compared = asyncio.Event()

    async def broken() -> None:
        gateway.hub.compare = whole  # type: ignore[method-assign]  # from now on
        raise LookupError("seen by nobody else")

    async def whole() -> None:
        compared.set()

    gateway.hub.compare = broken  # type: ignore[method-assign]  # at first
    await gateway.start("")
    gateway.compare_soon()
    await until(lambda: gateway.hub.compare == whole)
    gateway.compare_soon()
    await until(compared.is_set)
