"""What senders sent while a server was killed, and what has to be true of it afterwards."""

from __future__ import annotations

from collections.abc import Callable

from common.ids import new_id
from common.protocol import requests
from common.protocol.pushes import MessageNew
from common.protocol.rest import Tokens
from tests.support.client import Client, client


class Journal:
    """What one sender sent and what was acknowledged to it."""

    def __init__(self) -> None:
        self.bodies: dict[str, str] = {}
        self.acknowledged: dict[str, int] = {}

    def draft(self, body: str) -> None:
        self.bodies[new_id()] = body

    @property
    def waiting(self) -> list[str]:
        return [key for key in self.bodies if key not in self.acknowledged]


def _draft(key: str, room_id: str, body: str) -> Callable[[int], requests.Request]:
    return lambda request_id: requests.MessageSend(request_id, key, room_id, body)


async def talk(url: str, tokens: Tokens, room_id: str, journal: Journal) -> None:
    """Send everything that is not acknowledged, oldest first, until the server is gone."""
    try:
        async with client(url, tokens) as one:
            for key in journal.waiting:
                await one.send(_draft(key, room_id, journal.bodies[key]))
            while journal.waiting:
                key = journal.waiting[0]
                push = await one.acknowledgement(key)
                journal.acknowledged[key] = push.seq
    except (OSError, ConnectionError, EOFError, TimeoutError):
        pass
    except Exception as error:
        if type(error).__module__.split(".")[0] != "websockets":
            raise


async def check(reader: Client, room_id: str, journals: dict[str, Journal]) -> None:
    """Promises 1 to 3: acknowledged ones once and in their place, every draft there, one order."""
    stored: list[MessageNew] = []
    before = None
    while True:
        page = await reader.history(room_id, before=before)
        stored[:0] = [MessageNew(room_id, m.seq, m) for m in page.messages]
        if page.at_start:
            break
        before = page.from_seq
    keys = [push.message.client_msg_id for push in stored]
    assert len(keys) == len(set(keys)), "a message is there twice"
    assert [push.message.msg_no for push in stored] == list(range(1, len(stored) + 1))
    by_key = {push.message.client_msg_id: push for push in stored}
    for journal in journals.values():
        assert not journal.waiting, "a draft did not arrive"
        for key, seq in journal.acknowledged.items():
            assert by_key[key].seq == seq, "an acknowledged message moved or is missing"
            assert by_key[key].message.body == journal.bodies[key]
