"""REST and WebSocket handlers of accounts: decode, call the service, encode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from litestar import Controller, Request, Response, delete, get, patch, post, put
from litestar.params import QueryParameter
from litestar.types import ControllerRouterHandler

from common.limits import AVATAR_MAX_BYTES
from common.protocol import requests, rest
from common.protocol.pushes import AccountEvents
from common.protocol.types import User
from server.kernel.identity import Identity
from server.kernel.session import RequestHandlers, SessionContext
from server.users.admission import AdmissionService
from server.users.deletion import DeletionService
from server.users.profiles import ProfileService
from server.users.resets import ResetService
from server.users.service import PEOPLE_PAGE, UsersService

_PNG: Final = b"\x89PNG"
_PICTURE_HEADERS: Final = {
    # Its address changes with it.
    "Cache-Control": "private, max-age=31536000, immutable",
    "X-Content-Type-Options": "nosniff",
}


class AuthController(Controller):
    """Signing in and out."""

    path = "/auth"
    tags = ("auth",)

    @post("/register", status_code=201)
    async def register(self, data: rest.Register, users: UsersService, client_address: str) -> rest.Tokens:
        """Make an account and sign in."""
        return await users.register(data, client_address)

    @post("/login", status_code=200)
    async def login(self, data: rest.Login, users: UsersService, client_address: str) -> rest.Tokens:
        """Sign in on a new device."""
        return await users.login(data, client_address)

    @post("/refresh", status_code=200)
    async def refresh(self, data: rest.Refresh, users: UsersService) -> rest.Tokens:
        """New tokens for a device that is signed in."""
        return await users.refresh(data.refresh_token)

    @post("/logout", status_code=204)
    async def logout(self, data: rest.Logout, users: UsersService, identity: Identity) -> None:
        """Sign this or every device out."""
        await users.logout(identity, everywhere=data.all)

    @post("/password", status_code=204)
    async def password(
        self,
        data: rest.PasswordChange,
        users: UsersService,
        identity: Identity,
    ) -> None:
        """Change the password."""
        await users.change_password(identity, data)

    @post("/reset", status_code=200)
    async def reset(self, data: rest.PasswordReset, resets: ResetService, client_address: str) -> rest.Tokens:
        """A new password by a code from an admin; every device is signed out, this one in."""
        return await resets.reset(data, client_address)


class AdminController(Controller):
    """What admins of the server decide."""

    tags = ("admin",)

    @patch("/server", status_code=204)
    async def change_server(
        self, data: rest.ServerChange, admission: AdmissionService, identity: Identity
    ) -> None:
        """The server's name, and who may make an account."""
        await admission.change(identity, data)

    @post("/invites", status_code=201)
    async def invite(
        self, data: rest.InviteCreate, admission: AdmissionService, identity: Identity
    ) -> rest.Invite:
        """A code that lets people in; shown this once."""
        return await admission.create(identity, data)

    @get("/invites")
    async def invites(self, admission: AdmissionService, identity: Identity) -> rest.Invites:
        """Those that still let somebody in, without their codes."""
        return await admission.invites(identity)

    @delete("/invites/{invite_id:str}", status_code=204)
    async def revoke_invite(self, invite_id: str, admission: AdmissionService, identity: Identity) -> None:
        """Nobody comes in by it any more."""
        await admission.revoke(identity, invite_id)

    @post("/users/{user_id:str}/reset-code", status_code=201)
    async def reset_code(self, user_id: str, resets: ResetService, identity: Identity) -> rest.ResetCode:
        """A code for somebody who forgot their password; shown this once."""
        return await resets.create_code(identity, user_id)

    @delete("/users/{user_id:str}", status_code=204)
    async def delete_account(self, user_id: str, deletion: DeletionService, identity: Identity) -> None:
        """The account of somebody who is gone: it becomes "Deleted user", its messages stay."""
        await deletion.delete_other(identity, user_id)


class PeopleController(Controller):
    """People and one's own profile and devices."""

    tags = ("users",)

    @get("/users")
    async def people(
        self,
        users: UsersService,
        identity: Identity,
        *,
        text: Annotated[str, QueryParameter(name="query")] = "",
        after: str = "",
        limit: int = PEOPLE_PAGE,
        ids: str = "",
    ) -> rest.Users:
        """The directory by name, or the users of up to 100 ids."""
        del identity  # any signed-in user may look
        if ids:
            return await users.people_by_id(ids.split(","))
        return await users.people(text, after, limit)

    @get("/users/me")
    async def me(self, users: UsersService, identity: Identity) -> User:
        """One's own profile."""
        return (await users.account(identity.user_id)).user

    @patch("/users/me")
    async def change_me(
        self,
        data: rest.ProfileChange,
        profiles: ProfileService,
        author: Identity,
    ) -> User:
        """Change one's own profile."""
        return await profiles.change(author, data)

    @post("/users/me/delete", status_code=204)
    async def delete_me(
        self, data: rest.AccountDelete, deletion: DeletionService, identity: Identity
    ) -> None:
        """Delete one's own account: it becomes "Deleted user", its messages stay."""
        await deletion.delete_own(identity, data)

    @put("/users/me/avatar", status_code=200, request_max_body_size=AVATAR_MAX_BYTES)
    async def set_picture(
        self, request: Request[Any, Any, Any], profiles: ProfileService, author: Identity
    ) -> User:
        """Give oneself a picture: PNG, JPEG or WebP as the body, at most 2 MiB; kept as a small square."""
        return await profiles.set_picture(author, await request.body())

    @delete("/users/me/avatar", status_code=204)
    async def remove_picture(self, profiles: ProfileService, author: Identity) -> None:
        """Initials again."""
        await profiles.remove_picture(author)

    @get("/users/{user_id:str}/avatar")
    async def picture(
        self, user_id: str, profiles: ProfileService, identity: Identity, v: str = ""
    ) -> Response[bytes]:
        """The picture of somebody, PNG or JPEG; `v` is its version, so that a new one has a new address."""
        del identity, v  # any signed-in user may look; the version is for caches
        data = await profiles.picture(user_id)
        kind = "image/png" if data.startswith(_PNG) else "image/jpeg"
        return Response(data, media_type=kind, headers=_PICTURE_HEADERS)

    @get("/devices")
    async def devices(self, users: UsersService, identity: Identity) -> rest.Devices:
        """All logins of one's account."""
        return await users.devices(identity)

    @delete("/devices/{device_id:str}", status_code=204)
    async def revoke(self, device_id: str, users: UsersService, identity: Identity) -> None:
        """Sign a device out."""
        await users.revoke_device(identity, device_id)


def routes() -> Sequence[ControllerRouterHandler]:
    """What http puts under ``/api/v1``; ``users``, ``admission`` and ``resets`` are injected."""
    return (AuthController, PeopleController, AdminController)


def socket_handlers(users: UsersService) -> RequestHandlers:
    """The WebSocket requests of this context."""

    async def account_sync(context: SessionContext, request: requests.AccountSync) -> AccountEvents:
        return await users.account_events(request.id, context.identity.user_id, request.after_seq)

    return {requests.AccountSync: account_sync}
