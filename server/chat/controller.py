"""REST and WebSocket handlers of rooms and messages: decode, call the service, encode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from litestar import Controller, delete, get, patch, post
from litestar.params import PathParameter, QueryParameter
from litestar.types import ControllerRouterHandler

from common import limits
from common.ids import ID_PATTERN
from common.protocol import requests, rest
from common.protocol.pushes import HistoryPage, Ok, SyncEvents
from common.protocol.types import Head, Message
from server.chat.event import (
    MESSAGE_SENT,
    RECEIPT,
    USER_TYPING,
    ReceiptRecord,
    RoomCommandRecord,
    TypingRecord,
)
from server.chat.service.posts import PostService
from server.chat.service.reads import ReadService
from server.chat.service.rooms import RoomService
from server.kernel.bus import EventBus
from server.kernel.identity import Identity
from server.kernel.session import Later, RequestHandlers, SessionContext
from server.kernel.telemetry import SILENCE, Telemetry

_PAGE: Final = 50
_MEMBERS_PAGE: Final = 500
PathId = Annotated[str, PathParameter(pattern=ID_PATTERN)]
Cursor = Annotated[int | None, QueryParameter(ge=0, le=limits.INT_MAX)]
Limit = Annotated[int, QueryParameter(ge=1, le=limits.HISTORY_PAGE_MAX)]


class RoomController(Controller):
    """Rooms and their members."""

    path = "/rooms"
    tags = ("rooms",)

    @post("/", status_code=201)
    async def create(self, data: rest.GroupCreate, rooms: RoomService, identity: Identity) -> Head:
        """Make a group; the same ``client_msg_id`` gives the same room."""
        return await rooms.create(identity.user_id, data)

    @post("/direct", status_code=200)
    async def direct(
        self,
        data: rest.DirectCreate,
        rooms: RoomService,
        identity: Identity,
    ) -> Head:
        """The direct room with somebody, made if new."""
        return await rooms.direct(identity.user_id, data.user_id)

    @get("/")
    async def mine(self, reads: ReadService, identity: Identity) -> list[Head]:
        """The heads of all one's rooms."""
        return list(await reads.heads(identity.user_id))

    @get("/public")
    async def public(
        self,
        reads: ReadService,
        identity: Identity,
        *,
        text: Annotated[str, QueryParameter(name="query", max_length=limits.TITLE_MAX_CHARS)] = "",
        after: Annotated[str, QueryParameter(max_length=256)] = "",
        limit: Limit = _PAGE,
    ) -> rest.PublicRooms:
        """Rooms that anyone may join."""
        return await reads.public_rooms(identity.user_id, query=text, after=after, limit=limit)

    @get("/{room_id:str}")
    async def one(self, room_id: PathId, reads: ReadService, identity: Identity) -> Head:
        """The head of one room."""
        return await reads.head(identity.user_id, room_id)

    @patch("/{room_id:str}")
    async def change(
        self,
        room_id: PathId,
        data: rest.RoomChange,
        rooms: RoomService,
        author: Identity,
    ) -> Head:
        """Rename, topic, visibility, history access."""
        return await rooms.change(author.user_id, room_id, data)

    @post("/{room_id:str}/join", status_code=200)
    async def join(self, room_id: PathId, rooms: RoomService, identity: Identity) -> Head:
        """Join a public room."""
        return await rooms.join(identity.user_id, room_id)

    @post("/{room_id:str}/leave", status_code=204)
    async def leave(self, room_id: PathId, rooms: RoomService, identity: Identity) -> None:
        """Leave a group."""
        await rooms.leave(identity.user_id, room_id)

    @get("/{room_id:str}/members")
    async def members(
        self,
        room_id: PathId,
        reads: ReadService,
        identity: Identity,
        *,
        after: Annotated[str, QueryParameter(max_length=36)] = "",
        limit: Annotated[int, QueryParameter(ge=1, le=_MEMBERS_PAGE)] = _MEMBERS_PAGE,
    ) -> rest.Members:
        """Who is in the room."""
        return await reads.members(identity.user_id, room_id, after=after, limit=limit)

    @post("/{room_id:str}/members", status_code=200)
    async def add(
        self,
        room_id: PathId,
        data: rest.MembersAdd,
        rooms: RoomService,
        identity: Identity,
    ) -> Head:
        """Add people."""
        return await rooms.add_members(identity.user_id, room_id, data)

    @delete("/{room_id:str}/members/{member_id:str}", status_code=204)
    async def remove(
        self,
        room_id: PathId,
        member_id: PathId,
        rooms: RoomService,
        identity: Identity,
    ) -> None:
        """Remove somebody."""
        await rooms.remove(identity.user_id, room_id, member_id)

    @patch("/{room_id:str}/members/{member_id:str}")
    async def role(
        self,
        room_id: PathId,
        member_id: PathId,
        data: rest.MemberChange,
        rooms: RoomService,
        author: Identity,
    ) -> Head:
        """Give a role."""
        return await rooms.set_role(author.user_id, room_id, member_id, data)

    @get("/{room_id:str}/messages")
    async def messages(
        self,
        room_id: PathId,
        reads: ReadService,
        identity: Identity,
        *,
        before: Cursor = None,
        after: Cursor = None,
        around: Cursor = None,
        limit: Limit = _PAGE,
    ) -> rest.Messages:
        """A page of messages in their present state."""
        request = requests.History(0, room_id, before, after, around, limit)
        page = await reads.history(identity.user_id, request)
        return rest.Messages(page.messages, page.from_seq, page.to_seq, page.at_start, page.at_end)

    @post("/{room_id:str}/messages", status_code=200)
    async def send(
        self,
        room_id: PathId,
        data: rest.MessagePost,
        posts: PostService,
        author: Identity,
    ) -> Message:
        """A message from a bot; the same ``client_msg_id`` gives the message as it is now."""
        return await posts.post(author.user_id, room_id, data)


def routes() -> Sequence[ControllerRouterHandler]:
    """What http puts under ``/api/v1``; ``rooms``, ``reads`` and ``posts`` are injected."""
    return (RoomController,)


def socket_handlers(bus: EventBus, reads: ReadService, telemetry: Telemetry = SILENCE) -> RequestHandlers:
    """The WebSocket requests of this context. What changes a room is answered by its delivery."""

    async def command(context: SessionContext, request: requests.RoomCommand) -> Later:
        at, trace = telemetry.handed_on(request.client_msg_id)
        record = RoomCommandRecord(context.origin, context.identity.user_id, request, at, trace)
        return Later(await bus.submit(MESSAGE_SENT, request.room_id, record))

    async def receipt(context: SessionContext, request: requests.Receipt) -> Later:
        record = ReceiptRecord(context.identity.user_id, request)
        held = await bus.submit(RECEIPT, request.room_id, record)

        async def answer() -> Ok:
            await held()
            return Ok(request.id)

        return Later(answer)

    async def typing(context: SessionContext, request: requests.Typing) -> Ok:
        await bus.publish(
            USER_TYPING, request.room_id, TypingRecord(context.identity.user_id, request.room_id)
        )
        return Ok(request.id)

    async def sync(context: SessionContext, request: requests.Sync) -> SyncEvents:
        return await reads.sync(context.identity.user_id, request)

    async def history(context: SessionContext, request: requests.History) -> HistoryPage:
        return await reads.history(context.identity.user_id, request)

    return {
        requests.MessageSend: command,
        requests.MessageEdit: command,
        requests.MessageDelete: command,
        requests.ReactionAdd: command,
        requests.ReactionRemove: command,
        requests.Receipt: receipt,
        requests.Typing: typing,
        requests.Sync: sync,
        requests.History: history,
    }
