from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from common.errors import CloseCode, Code, ParleyError
from common.ids import new_id
from common.protocol import pushes, requests
from common.protocol.codec import encode
from common.protocol.pushes import Push
from desktop.net.backoff import Backoff
from desktop.net.link import AccessToken, Link, Phase
from desktop.net.problems import KeyChangedError, NetError, SignedOutError, UnreachableError
from tests.support.wait import until
from tests.unit.desktop.net.test_session import welcome


class FakeTransport:
    """A socket whose other end is the test."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.close_code = 1006
        self.latency_ms: int | None = 3
        self._frames: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def send(self, frame: bytes) -> None:
        self.sent.append(frame)

    async def receive(self) -> bytes | None:
        return await self._frames.get()

    async def close(self) -> None:
        self._frames.put_nowait(None)

    def push(self, *several: Push) -> None:
        self._frames.put_nowait(b"\n".join(encode(one) for one in several))

    def drop(self, code: int) -> None:
        self.close_code = code
        self._frames.put_nowait(None)


class Bench:
    """A link with everything around it played by the test."""

    def __init__(self) -> None:
        self.transports: list[FakeTransport] = []
        self.problems: list[NetError] = []
        self.fresh: list[bool] = []
        self.phases: list[Phase] = []
        self.pushes: list[Push] = []
        self.followed = 0
        self.lost: list[NetError] = []
        self.link = Link(
            connect=self.connect,
            token=self.token,
            listener=self,
            follow=self.follow,
            backoff=Backoff(draw=lambda: 0.0),
        )

    async def connect(self) -> FakeTransport:
        if self.problems:
            raise self.problems.pop(0)
        self.transports.append(FakeTransport())
        return self.transports[-1]

    async def token(self, fresh: bool) -> AccessToken:
        self.fresh.append(fresh)
        return AccessToken("token", asyncio.get_running_loop().time() + 1e6)

    async def follow(self) -> None:
        self.followed += 1
        if self.lost:
            raise self.lost.pop(0)

    def on_pushes(self, batch: list[Push]) -> None:
        self.pushes += batch

    def on_phase(self, phase: Phase, reason: str) -> None:
        self.phases.append(phase)

    async def online(self, number: int = 1) -> FakeTransport:
        await until(lambda: len(self.transports) == number and self.transports[-1].sent)
        self.transports[-1].push(welcome(), pushes.Ready())
        await until(lambda: self.link.phase is Phase.ONLINE)
        return self.transports[-1]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    task = asyncio.ensure_future(bench.link.run())
    yield bench
    task.cancel()
    await asyncio.wait({task})


async def test_it_becomes_online_and_hands_pushes_on_in_order(bench: Bench) -> None:
    transport = await bench.online()
    transport.push(pushes.TypingShown(new_id(), new_id()), pushes.ServerClosing(1))
    await until(lambda: len(bench.pushes) == 4)
    assert [type(push).__name__ for push in bench.pushes] == [
        "Welcome",
        "Ready",
        "TypingShown",
        "ServerClosing",
    ]
    assert bench.link.latency_ms == 3


async def test_it_comes_back_after_a_loss_and_requests_fail_as_unknown(bench: Bench) -> None:
    transport = await bench.online()
    request = asyncio.ensure_future(bench.link.request(lambda id_: requests.Typing(id=id_, room_id=new_id())))
    await until(lambda: len(transport.sent) == 2)
    transport.drop(1006)
    with pytest.raises(ParleyError) as lost:
        await request
    assert lost.value.code is Code.TIMEOUT
    await bench.online(2)
    assert Phase.WAITING in bench.phases


async def test_waiting_requests_share_a_frame(bench: Bench) -> None:
    transport = await bench.online()
    for _ in range(3):
        bench.link.post(lambda id_: requests.Typing(id=id_, room_id=new_id()), lambda _: None)
    await until(lambda: len(transport.sent) == 2)
    assert transport.sent[1].count(b"\n") == 2


async def test_nothing_is_posted_while_offline() -> None:
    with pytest.raises(ParleyError):
        Bench().link.post(lambda id_: requests.Typing(id=id_, room_id=new_id()), lambda _: None)


async def test_a_refused_token_is_renewed_once_without_waiting(bench: Bench) -> None:
    first = await bench.online()
    first.drop(CloseCode.UNAUTHENTICATED)
    await bench.online(2)
    assert bench.fresh == [False, True]


@pytest.mark.parametrize("code", [CloseCode.REPLACED, CloseCode.VERSION])
async def test_it_stops_where_trying_again_is_no_use_until_asked(bench: Bench, code: int) -> None:
    transport = await bench.online()
    transport.drop(code)
    await until(lambda: bench.link.phase in {Phase.REPLACED, Phase.VERSION})
    assert bench.link.retry_at is None
    bench.link.try_now()
    await bench.online(2)


@pytest.mark.parametrize(
    ("problem", "phase"),
    [
        (KeyChangedError("another key"), Phase.KEY_CHANGED),
        (SignedOutError("sign in"), Phase.SIGNED_OUT),
    ],
)
async def test_hard_stops(problem: NetError, phase: Phase) -> None:
    bench = Bench()
    bench.problems = [problem]
    task = asyncio.ensure_future(bench.link.run())
    await until(lambda: bench.link.phase is phase)
    assert bench.transports == []
    bench.link.try_now()
    await bench.online()
    task.cancel()
    await asyncio.wait({task})


async def test_a_server_that_asks_for_patience_gets_it(bench: Bench) -> None:
    transport = await bench.online()
    before = asyncio.get_running_loop().time()
    transport.push(pushes.ServerClosing(60_000))
    transport.drop(CloseCode.RESTART)
    await until(lambda: bench.link.phase is Phase.WAITING)
    assert bench.link.retry_at is not None
    assert bench.link.retry_at >= before + 60.0
    bench.link.try_now()
    await bench.online(2)


async def test_an_unreachable_server_is_tried_again(bench: Bench) -> None:
    transport = await bench.online()
    bench.problems = [UnreachableError("nobody"), UnreachableError("nobody")]
    transport.drop(1006)
    await bench.online(2)
    assert bench.phases.count(Phase.WAITING) == 3


async def test_unreadable_lines_are_passed_over(bench: Bench) -> None:
    transport = await bench.online()
    transport._frames.put_nowait(b'\xff\xfe\n{"type":"from.the.future"}\n\nnonsense')
    transport.push(pushes.ServerClosing(1))
    await until(lambda: len(bench.pushes) == 3)
    assert bench.link.phase is Phase.ONLINE


async def test_a_server_that_moved_is_followed(bench: Bench) -> None:
    transport = await bench.online()
    transport.drop(CloseCode.MOVED)
    await bench.online(2)
    assert bench.followed == 1
    # The same where a call says it, and again while the new address can't be reached.
    bench.problems = [NetError("moved", code=Code.MOVED), NetError("moved", code=Code.MOVED)]
    bench.lost = [UnreachableError("nobody there")]
    bench.transports[-1].drop(1006)
    await bench.online(3)
    assert bench.followed == 3


async def test_why_it_waits_is_known_with_its_parts_until_it_is_online(bench: Bench) -> None:
    transport = await bench.online()
    bench.problems = [UnreachableError("{where} does not answer.", where="h:1")]
    bench.link.try_now()
    seen: list[NetError | None] = []
    on_phase = bench.on_phase

    def watched(phase: Phase, reason: str) -> None:
        on_phase(phase, reason)
        if reason == "h:1 does not answer.":
            seen.append(bench.link.problem)

    bench.on_phase = watched  # type: ignore[method-assign]  # the listener is the bench itself
    transport.drop(1006)
    await bench.online(2)
    assert [problem and problem.values for problem in seen] == [{"where": "h:1"}]
    assert bench.link.problem is None
