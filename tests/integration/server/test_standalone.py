"""The same server on PostgreSQL, Redis and Kafka."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from common.errors import CloseCode
from common.ids import new_id
from common.protocol import requests
from common.protocol.pushes import AccountRoomAdded, MessageDeleted, MessageEdited, MessageNew, ReactionAdded
from server.bootstrap import Server
from server.settings import Role, Settings, SettingsError
from tests.support.client import Rest, client, direct_room, group_room, register

pytestmark = pytest.mark.usefixtures("quiet_kafka")


async def test_two_people_chat_and_all_is_there_after_a_restart(settings: Settings) -> None:
    server = Server(settings)
    await server.start()
    try:
        mira, dario = await register(server.url, "mira"), await register(server.url, "dario")
        room = (await direct_room(server.url, mira, dario)).room_id
        async with client(server.url, mira) as a, client(server.url, dario) as b:
            for number in range(19):
                await a.say(room, f"message {number}")
            said = await a.say(room, "message 19")
            heard = await b.until(MessageNew, lambda push: push.message.body == "message 19")
            assert heard == said
            await b.answer(lambda i: requests.ReactionAdd(i, new_id(), room, said.seq, "👍"))
            await a.until(ReactionAdded)
            await a.answer(lambda i: requests.MessageEdit(i, new_id(), room, said.seq, "edited"))
            assert (await b.until(MessageEdited)).body == "edited"
            await a.answer(lambda i: requests.MessageDelete(i, new_id(), room, said.seq - 1))
            await b.until(MessageDeleted)
            # By REST, so through the outbox.
            group = (await group_room(server.url, mira, dario)).room_id
            await b.until(MessageNew, lambda push: push.room_id == room)
            assert (await a.say(group, "hello")).message.msg_no == 1
            await b.until(MessageNew, lambda push: push.room_id == group)
    finally:
        await server.stop()
    again = Server(settings)
    await again.start()
    try:
        async with client(again.url, dario) as b:
            bodies = [message.body for message in (await b.history(room)).messages]
            assert bodies == [*(f"message {number}" for number in range(18)), "", "edited"]
            assert again.server_id == server.server_id
    finally:
        await again.stop()


async def test_the_three_go_together(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="kafka_servers, redis_url"):
        await Server(Settings(data=tmp_path, port=0, database_url="postgresql://localhost/x")).start()


async def test_two_gateways_and_a_core_are_one_server(settings: Settings) -> None:
    roles = [
        replace(settings, role=Role.CORE),
        replace(settings, role=Role.GATEWAY, ordinal=0),
        replace(settings, role=Role.GATEWAY, ordinal=1),
    ]
    running = [Server(one) for one in roles]
    try:
        for server in running:
            await server.start()
        core, here, there = running
        assert core.server_id == here.server_id == there.server_id
        mira, dario = await register(here.url, "mira"), await register(there.url, "dario")
        async with client(here.url, mira) as a, client(there.url, dario) as b:
            # By REST at one gateway, told at the other.
            room = (await direct_room(here.url, mira, dario)).room_id
            await b.until(AccountRoomAdded, lambda push: push.head.room_id == room)
            said = await a.say(room, "from here")
            assert await b.until(MessageNew, lambda push: push.message.body == "from here") == said
            await b.say(room, "from there")
            await a.until(MessageNew, lambda push: push.message.body == "from there")
            # A device that is signed out at one gateway is closed at the other.
            answer = await Rest(here.url, dario.access_token).call("POST", "/auth/logout", all=True)
            assert answer.status_code == 204
            assert await b.until_closed() == CloseCode.UNAUTHENTICATED
            refused = await Rest(there.url, dario.access_token).call("GET", "/users/me")
            assert refused.status_code == 401
        nothing = await Rest(core.url, mira.access_token).call("GET", "/users/me")
        assert nothing.status_code == 404
    finally:
        for server in reversed(running):
            await server.stop()


async def test_a_role_alone_needs_the_services(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="needs PostgreSQL"):
        await Server(Settings(data=tmp_path, port=0, role=Role.CORE)).start()
