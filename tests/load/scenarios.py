"""The scenarios. A message counts as done when every receiver has decoded it and its order was right."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from common.ids import new_id
from common.protocol.pushes import MessageNew
from common.protocol.requests import MessageSend
from tests.load.accounts import Accounts, LoadUser
from tests.load.meters import Latencies, Meter
from tests.load.wire import LoadError, Socket

_RECEIPT_EVERY_S: Final = 1.0
_RUN_TIMEOUT_S: Final = 600.0
_CONNECT_AT_ONCE: Final = 50
_LOOK_S: Final = 0.005
_STORM_MESSAGES: Final = 5
_WARM_UP: Final = 20
_encode: Final = msgspec.json.Encoder().encode


def place(urls: Sequence[str], user: LoadUser) -> str:
    """The gateway of a user: the two of a pair, and neighbours in a room, are at different ones."""
    return urls[user.number % len(urls)]


class Receiver:
    """Checks the order of a room and sends receipts at most once a second."""

    __slots__ = ("_last_seq", "_reported_at", "_room_id", "_stream", "got", "socket")

    def __init__(self, stream: Stream, room_id: str) -> None:
        self._stream = stream
        self._room_id = room_id
        self._last_seq = 0
        self._reported_at = time.perf_counter()
        self.got = 0
        self.socket: Socket | None = None

    def on_message(self, push: MessageNew) -> None:
        if push.room_id != self._room_id:
            return
        if self._last_seq and push.seq != self._last_seq + 1:
            self._stream.fail(f"seq {push.seq} after {self._last_seq}")
        self._last_seq = push.seq
        self.got += 1
        now = time.perf_counter()
        self._stream.received(push.message.client_msg_id, now)
        if now - self._reported_at >= _RECEIPT_EVERY_S and self.socket is not None:
            self._reported_at = now
            self.socket.send(
                b'{"type":"receipt","id":%d,"room_id":"%s","read":%d}'
                % (self.socket.request_id(), self._room_id.encode(), push.seq)
            )


class Stream:
    """One sender and its receivers: ``total`` messages, at most ``window`` not yet done."""

    def __init__(self, *, room_id: str, texts: Iterator[str], total: int, window: int) -> None:
        self._room_id = room_id
        self._texts = texts
        self._total = total
        self._window = window
        self._sent = 0
        self._waiting: dict[str, list[float]] = {}
        self._receivers = 0
        self._sender: Socket | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.latencies = Latencies()

    async def connect(self, urls: Sequence[str], sender: LoadUser, receivers: Sequence[LoadUser]) -> None:
        """Open all connections of the stream."""
        self._receivers = len(receivers)
        self._sender = await Socket.connect(place(urls, sender), sender.token, _ignore)
        self._sender.on_error = self.fail
        for at in range(0, len(receivers), _CONNECT_AT_ONCE):
            some = receivers[at : at + _CONNECT_AT_ONCE]
            await asyncio.gather(*(self._listen(place(urls, user), user) for user in some))

    async def _listen(self, url: str, user: LoadUser) -> None:
        receiver = Receiver(self, self._room_id)
        receiver.socket = await Socket.connect(url, user.token, receiver.on_message)
        receiver.socket.on_error = self.fail

    def start(self) -> None:
        for _ in range(min(self._window, self._total)):
            self._send()

    def received(self, client_msg_id: str, now: float) -> None:
        waiting = self._waiting.get(client_msg_id)
        if waiting is None:
            self.fail("a message that was not sent, or came twice")
            return
        self.latencies.values.append(now - waiting[0])
        waiting[1] += 1
        if waiting[1] == self._receivers:
            del self._waiting[client_msg_id]
            if self._sent < self._total:
                self._send()
            elif not self._waiting and not self.done.done():
                self.done.set_result(None)

    def fail(self, reason: str) -> None:
        if not self.done.done():
            self.done.set_exception(LoadError(reason))

    def _send(self) -> None:
        assert self._sender is not None
        self._sent += 1
        key = new_id()
        self._waiting[key] = [time.perf_counter(), 0]
        request = MessageSend(self._sender.request_id(), key, self._room_id, next(self._texts))
        self._sender.send(_encode(request))


async def pairs(
    accounts: Accounts, urls: Sequence[str], meter: Meter, *, n: int, m: int, w: int, texts: Iterator[str]
) -> dict[str, Any]:
    """``n`` pairs, each a sender and a receiver with ``m`` messages at window ``w``."""
    users = await accounts.users(2 * n)
    streams = []
    for sender, receiver in zip(users[::2], users[1::2], strict=True):
        room_id = await accounts.direct_room(sender, receiver)
        stream = Stream(room_id=room_id, texts=texts, total=m, window=w)
        await stream.connect(urls, sender, [receiver])
        streams.append(stream)
    await _run(meter, streams)
    result = meter.result(n * m) | _all(streams)
    return result | {"messages_per_s": round(n * m / meter.seconds)}


async def room(
    accounts: Accounts, urls: Sequence[str], meter: Meter, *, n: int, m: int, w: int, texts: Iterator[str]
) -> dict[str, Any]:
    """One sender, ``n`` receivers, ``m`` messages at window ``w``."""
    users = await accounts.users(n + 1)
    room_id = await accounts.group_room(users[0], f"load-{n}", users[1:])
    stream = Stream(room_id=room_id, texts=texts, total=m, window=w)
    await stream.connect(urls, users[0], users[1:])
    await _run(meter, [stream])
    result = meter.result(n * m) | _all([stream])
    return result | {"deliveries_per_s": round(n * m / meter.seconds)}


async def idle(
    accounts: Accounts, urls: Sequence[str], meter: Meter, *, n: int, seconds: float
) -> dict[str, Any]:
    """What ``n`` sessions cost that do nothing: memory, CPU to come, CPU to stay.

    A few warm the server up, and not ``n``: the allocator would give the memory of those to the ones that are
    measured. ``seconds``: how long the server is looked at without them, and with them.
    """
    users = await accounts.users(n)
    await _close(await _open(urls, users[:_WARM_UP]))
    before = await meter.resident_kib()
    nobody = await _rest(meter, seconds)
    await meter.start()
    sockets = await _open(urls, users)
    await meter.stop()
    after = await meter.resident_kib()
    result = meter.result(n) | {"kib_per_session": round((after - before) / n, 1)}
    everybody = await _rest(meter, seconds)
    await _close(sockets)
    if seconds:
        result["rest_cpu_us_per_s"] = {
            name: round((cpu - nobody[name]) / n * 1e6, 1) for name, cpu in everybody.items()
        }
    return result


async def _rest(meter: Meter, seconds: float) -> dict[str, float]:
    """CPU a second of each, while nothing is sent."""
    await meter.start()
    await asyncio.sleep(seconds)
    await meter.stop()
    return {name: cpu / max(seconds, 1.0) for name, cpu in meter.cpu_s.items()}


async def storm(
    accounts: Accounts, urls: Sequence[str], meter: Meter, *, n: int, texts: Iterator[str]
) -> dict[str, Any]:
    """``n`` sessions that were away while messages came: all reconnect and sync at once."""
    users = await accounts.users(n)
    room_id = await accounts.group_room(users[0], f"storm-{n}", users[1:])
    stored: list[int] = []
    sender = await Socket.connect(place(urls, users[0]), users[0].token, lambda push: stored.append(push.seq))
    after = next(head.seq for head in sender.heads.rooms if head.room_id == room_id)
    for _ in range(_STORM_MESSAGES):
        request = MessageSend(sender.request_id(), new_id(), room_id, next(texts))
        sender.send(_encode(request))
    async with asyncio.timeout(_RUN_TIMEOUT_S):
        while len(stored) < _STORM_MESSAGES:
            await asyncio.sleep(_LOOK_S)
    sender.close()
    latencies = Latencies()

    async def back(user: LoadUser) -> Socket:
        began = time.perf_counter()
        socket = await Socket.connect(place(urls, user), user.token, _ignore)
        answer = await socket.sync(room_id, after)
        if len(answer.events) < _STORM_MESSAGES:
            raise LoadError(f"{len(answer.events)} events instead of {_STORM_MESSAGES}")
        latencies.values.append(time.perf_counter() - began)
        return socket

    await meter.start()
    async with asyncio.timeout(_RUN_TIMEOUT_S):
        sockets = await asyncio.gather(*(back(user) for user in users))
    await meter.stop()
    await _close(sockets)
    return meter.result(n) | latencies.percentiles_ms()


async def _run(meter: Meter, streams: Sequence[Stream]) -> None:
    await meter.start()
    for stream in streams:
        stream.start()
    async with asyncio.timeout(_RUN_TIMEOUT_S):
        await asyncio.gather(*(stream.done for stream in streams))
    await meter.stop()


def _all(streams: Sequence[Stream]) -> dict[str, float]:
    together = Latencies()
    for stream in streams:
        together.values.extend(stream.latencies.values)
    return together.percentiles_ms()


async def _open(urls: Sequence[str], users: Sequence[LoadUser]) -> list[Socket]:
    sockets: list[Socket] = []
    for at in range(0, len(users), _CONNECT_AT_ONCE):
        some = users[at : at + _CONNECT_AT_ONCE]
        sockets += await asyncio.gather(
            *(Socket.connect(place(urls, user), user.token, _ignore) for user in some)
        )
    return sockets


async def _close(sockets: Sequence[Socket]) -> None:
    for socket in sockets:
        socket.close()
    # The server's loop notices in its own time; the next connection is served after that.
    await asyncio.sleep(0.5)


def _ignore(push: MessageNew) -> None:
    """Messages of rooms that this run does not measure."""
