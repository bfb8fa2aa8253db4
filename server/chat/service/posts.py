"""A message by REST, for bots: the same commit, with what it has to tell in the outbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from common.errors import Code
from common.protocol import requests, rest
from common.protocol.pushes import Error, MessageNew
from common.protocol.types import Message
from common.text import body_problem
from server.chat.event import RoomCommandRecord
from server.chat.model import ChatError
from server.chat.service.commit import commit_batch
from server.kernel.clock import Clock
from server.kernel.database import Database, Tx
from server.kernel.delivery import Origin, RoomDelivery
from server.kernel.outbox import add_deliveries

_NO_ORIGIN: Final = Origin(0, 0)


class PostService:
    """Answers with the stored message; ``kick`` tells the outbox relay of new events."""

    def __init__(self, *, database: Database, clock: Clock, kick: Callable[[], None]) -> None:
        self._database = database
        self._clock = clock
        self._kick = kick

    async def post(self, user_id: str, room_id: str, post: rest.MessagePost) -> Message:
        """The message, as it is now when this ``client_msg_id`` was there before.

        Raises:
            ChatError: as ``message.send`` is refused.
        """
        if (problem := body_problem(post.body)) is not None:
            raise ChatError(Code.BAD_TEXT, problem)
        request = requests.MessageSend(
            0, post.client_msg_id, room_id, post.body, reply_to=post.reply_to, mentions=post.mentions
        )
        record = RoomCommandRecord(_NO_ORIGIN, user_id, request)
        message = await self._database.write(_post, record, self._clock.now_ms())
        self._kick()
        return message


async def _post(tx: Tx, record: RoomCommandRecord, now_ms: int) -> Message:
    outcome = await commit_batch(tx, (record,), now_ms)
    room_id = record.request.room_id
    events = outcome.events.get(room_id, [])
    for push in (*outcome.answers.get(record.origin, ()), *events):
        if isinstance(push, Error):
            raise ChatError(push.code, push.message)
        if isinstance(push, MessageNew):
            await add_deliveries(tx, room_id, [RoomDelivery(room_id, events)] if events else [])
            return push.message
    raise ChatError(Code.INTERNAL, "the message was neither stored nor refused")
