"""Messages by REST: the same rules, told through the outbox."""

from __future__ import annotations

import pytest

from common.errors import Code, ParleyError
from common.ids import new_id
from common.protocol import rest
from tests.support.chat import Chat


async def test_a_post_is_stored_once_and_told_after_its_commit(chat: Chat) -> None:
    mira, dario = await chat.people("mira", "dario")
    room = await chat.group(mira, dario)
    post = rest.MessagePost(new_id(), "by a bot")
    message = await chat.posts.post(mira, room, post)
    assert await chat.posts.post(mira, room, post) == message
    assert chat.views[dario][room].head.seq < message.seq
    await chat.relay()
    assert chat.views[dario][room].messages[message.seq] == message
    await chat.check()


@pytest.mark.parametrize(
    ("body", "reply_to", "code"),
    [(" ", None, Code.BAD_TEXT), ("a\x00b", None, Code.BAD_TEXT), ("x", 99, Code.NOT_FOUND)],
)
async def test_a_bad_post_is_refused(chat: Chat, body: str, reply_to: int | None, code: Code) -> None:
    mira = await chat.person("mira")
    room = await chat.group(mira)
    with pytest.raises(ParleyError) as refusal:
        await chat.posts.post(mira, room, rest.MessagePost(new_id(), body, reply_to))
    assert refusal.value.code is code
    assert await chat.history(mira, room) == []
