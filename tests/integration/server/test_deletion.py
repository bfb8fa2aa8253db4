"""An account ends: what everyone sees, what is erased, who takes over."""

from __future__ import annotations

from pathlib import Path

from common.errors import CloseCode, Code
from common.ids import new_id
from common.protocol import requests
from common.protocol.pushes import AccountProfile, MessageNew, RoomLeft, RoomRole, UserChanged
from common.protocol.types import Role
from server.bootstrap import Server
from tests.support.client import PASSWORD, Rest, client, direct_room, group_room, register


async def test_it_is_deleted_user_everywhere_and_what_it_said_stays(server: Server) -> None:
    mira, dario = await register(server.url, "mira"), await register(server.url, "dario")
    direct = (await direct_room(server.url, mira, dario)).room_id
    group = (await group_room(server.url, dario, mira)).room_id
    async with client(server.url, mira) as a:
        async with client(server.url, dario) as b:
            await b.say(direct, "Bye for now")
            await b.say(group, "The keys are in the drawer")
            answer = await Rest(server.url, dario.access_token).call(
                "POST", "/users/me/delete", password=PASSWORD
            )
            assert answer.status_code == 204
            assert await b.until_closed() == CloseCode.UNAUTHENTICATED
        changed = await a.until(UserChanged)
        assert (changed.user.id, changed.user.deleted) == (dario.user.id, True)
        assert (changed.user.username, changed.user.display_name) == ("", "")
        await a.until(RoomRole, lambda p: (p.user_id, p.role) == (mira.user.id, Role.OWNER))
        await a.until(RoomLeft, lambda p: p.room_id == group)
        said = [m.body for room in (direct, group) for m in (await a.history(room)).messages]
        assert said == ["Bye for now", "The keys are in the drawer"]
        events = (await a.sync(group)).events
        assert b"dario" not in repr(events).lower().encode()
        # Read, and nothing is sent to it; the draft stays with its code.
        refusal = await a.answer(lambda i: requests.MessageSend(i, new_id(), direct, "Are you there?"))
        assert getattr(refusal, "code", None) is Code.RECIPIENT_UNAVAILABLE
    again = await Rest(server.url, mira.access_token).call("GET", f"/users?ids={dario.user.id}")
    assert again.json()["users"] == [
        {"id": dario.user.id, "username": "", "display_name": "", "deleted": True}
    ]
    async with client(server.url, mira) as a:
        peer = next(head.peer for head in a.heads if head.room_id == direct)
        assert peer is not None
        assert peer.deleted


async def test_the_name_is_free_and_the_tokens_are_of_no_use(server: Server) -> None:
    await register(server.url, "mira")
    dario = await register(server.url, "dario")
    rest = Rest(server.url, dario.access_token)
    assert (await rest.call("POST", "/users/me/delete", password="wrong wrong")).json()["code"] == (
        Code.WRONG_CREDENTIALS
    )
    gone = await Rest(server.url, dario.access_token).call("POST", "/users/me/delete", password=PASSWORD)
    assert gone.status_code == 204
    login = await Rest(server.url).call("POST", "/auth/login", username="dario", password=PASSWORD)
    assert login.json()["code"] == Code.WRONG_CREDENTIALS
    refresh = await Rest(server.url).call("POST", "/auth/refresh", refresh_token=dario.refresh_token)
    assert refresh.status_code == 401
    newcomer = await register(server.url, "dario")
    assert newcomer.user.id != dario.user.id


async def test_the_only_admin_leaves_and_who_is_there_longest_takes_over(server: Server) -> None:
    first, second, third = [await register(server.url, name) for name in ("mira", "dario", "yuki")]
    assert (first.user.admin, second.user.admin) == (True, False)
    async with client(server.url, second) as b:
        answer = await Rest(server.url, first.access_token).call(
            "POST", "/users/me/delete", password=PASSWORD
        )
        assert answer.status_code == 204
        profile = await b.until(AccountProfile)
        assert profile.user.admin
    mine = await Rest(server.url, third.access_token).call("GET", "/users/me")
    assert not mine.json().get("admin", False)


async def test_an_admin_deletes_who_is_gone_and_nobody_else_can(server: Server) -> None:
    mira, dario = await register(server.url, "mira"), await register(server.url, "dario")

    async def delete(token: str, user_id: str) -> tuple[int, str]:
        answer = await Rest(server.url, token).call("DELETE", f"/users/{user_id}")
        return answer.status_code, answer.json()["code"] if answer.content else ""

    assert await delete(dario.access_token, mira.user.id) == (403, Code.FORBIDDEN)
    assert await delete(mira.access_token, mira.user.id) == (403, Code.FORBIDDEN)
    assert await delete(mira.access_token, new_id()) == (404, Code.NOT_FOUND)
    assert await delete(mira.access_token, dario.user.id) == (204, "")
    assert await delete(mira.access_token, dario.user.id) == (404, Code.NOT_FOUND)
    direct = await Rest(server.url, mira.access_token).call("POST", "/rooms/direct", user_id=dario.user.id)
    assert direct.json()["code"] == Code.NOT_FOUND
    group = await Rest(server.url, mira.access_token).call(
        "POST", "/rooms/", client_msg_id=new_id(), title="Two", member_ids=[dario.user.id]
    )
    assert group.json()["member_count"] == 1


async def test_nothing_of_it_is_left_in_the_files(server: Server, tmp_path: Path) -> None:
    await register(server.url, "mira")
    secret = await register(server.url, "quetzalcoatlus")
    answer = await Rest(server.url, secret.access_token).call("PATCH", "/users/me", about="pterodactyloid")
    assert answer.status_code == 200
    assert (
        await Rest(server.url, secret.access_token).call("POST", "/users/me/delete", password=PASSWORD)
    ).status_code == 204
    async with client(server.url, await register(server.url, "dario")) as b:
        events = (await b.sync(b.heads[0].room_id)).events
    assert any(isinstance(event, RoomLeft) for event in events)
    assert not any(isinstance(event, MessageNew) for event in events)
    assert "quetzal" not in repr(events).lower()
    await server.stop()
    for path in (tmp_path / "data").rglob("*"):
        if path.is_file():
            assert b"pterodactyloid" not in path.read_bytes(), path
