"""All accounts of a profile: found, made, signed in, opened at start, signed out."""

from __future__ import annotations

import asyncio
import platform
import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import msgspec
from PySide6.QtCore import QObject, Signal

from common.address import Address, parse_address
from common.errors import ParleyError
from common.ids import new_id, short_key
from common.protocol import rest
from desktop.net.moves import where_now
from desktop.net.pin import PinnedContext, pinned_context
from desktop.net.problems import NetError
from desktop.net.rest import RestClient, look
from desktop.net.tasks import TaskOwner
from desktop.net.tokens import Tokens
from desktop.services.account import AccountService
from desktop.services.account_parts import AccountParts
from desktop.services.api import Account
from desktop.services.state import Link, ServerFound, ServiceError
from desktop.services.words import said, service_error, tr
from desktop.storage.account_file import open_account_file
from desktop.storage.profile import AccountRecord, Profile
from desktop.storage.secrets import Secrets
from desktop.storage.worker import StorageError

LOGOUT_TIMEOUT_S: Final = 4.0


class AccountsService(QObject):
    """See ``desktop.services.api.Accounts``. ``start`` opens what the profile knows, ``close`` ends it."""

    changed = Signal()
    notice = Signal(str)

    def __init__(self, profile: Profile, *, secrets: Secrets | None = None) -> None:
        super().__init__()
        self._profile = profile
        self._secrets = secrets or Secrets(profile.folder, profile_id=profile.profile_id)
        self._accounts: list[AccountService] = []
        self.hosted_id: str | None = None
        """Server id of the server inside this program, once it ran: its accounts wait for it at start."""
        self._tasks = TaskOwner("accounts")

    @property
    def items(self) -> Sequence[AccountService]:
        return self._accounts

    async def start(self, *, connect: bool = True) -> None:
        """Fill every account from its cache, then connect them all; none waits for another."""
        if self._profile.damaged:
            self.notice.emit(tr("The settings were damaged and are new. Sign in again."))
        for record in self._profile.accounts:
            try:
                self._accounts.append(await self._open(record))
            except StorageError as problem:
                self.notice.emit(f"{record.server_name}: {said(problem)}")
        self.changed.emit()
        # The one hosted here waits for its server (``HostService.start``).
        for account in self._accounts:
            if connect and not account.record.hosted_here:
                account.start()

    async def close(self) -> None:
        """Disconnect all and write what is unsaved."""
        await asyncio.gather(*(account.close() for account in self._accounts))
        self._accounts.clear()
        await self._tasks.close()

    async def find(self, address: str) -> ServerFound:
        try:
            wanted = parse_address(address)
        except ValueError as problem:
            raise service_error(problem) from problem
        try:
            info, secure = await look(wanted)
            if info.moved_to is not None:
                at = await where_now(replace(wanted, secure=secure), info.server_id)
                wanted = wanted if at is None else replace(at, invite=wanted.invite)
                info, secure = await look(replace(wanted, server_id=info.server_id))
        except (NetError, ParleyError) as problem:
            raise service_error(problem) from problem
        await self._rejoin(info.server_id, replace(wanted, secure=secure))
        return ServerFound(
            address=wanted.base_url(secure=secure),
            name=info.name,
            server_id=info.server_id,
            short_key=short_key(info.server_id),
            secure=secure,
            invite_needed=info.registration is rest.Registration.INVITE,
            invite=wanted.invite,
        )

    async def register(
        self, server: ServerFound, *, name: str, username: str, password: str
    ) -> AccountService:
        body = rest.Register(
            username=username,
            display_name=name,
            password=password,
            device_name=device_name(),
            invite=server.invite,
        )
        return await self._enter(server, lambda client: client.post("/auth/register", rest.Tokens, body))

    async def sign_in(self, server: ServerFound, *, username: str, password: str) -> AccountService:
        body = rest.Login(username=username, password=password, device_name=device_name())
        return await self._enter(server, lambda client: client.post("/auth/login", rest.Tokens, body))

    async def reset_password(
        self, server: ServerFound, *, username: str, code: str, new: str
    ) -> AccountService:
        body = rest.PasswordReset(username=username, code=code, new=new, device_name=device_name())
        return await self._enter(server, lambda client: client.post("/auth/reset", rest.Tokens, body))

    async def sign_out(self, account: Account) -> None:
        mine = self._mine(account)
        try:
            async with asyncio.timeout(LOGOUT_TIMEOUT_S):
                await mine.calls.logout()
        except (ServiceError, TimeoutError):
            pass  # offline: the server ends the device when its refresh token does
        await mine.close()
        self._accounts.remove(mine)
        self._profile.remove_account(mine.record.account_id)
        try:
            await self._secrets.delete(_secret_name(mine.record))
        except OSError:
            # Of no use to anyone once the server was told; while offline it is.
            self.notice.emit(
                tr("You are signed out, but the sign-in could not be deleted from this computer's disk.")
            )
        finally:
            folder = self._profile.account_folder(mine.record.account_id)
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
            self.changed.emit()

    def waiting(self, account: Account) -> int:
        mine = self._mine(account)
        return len(mine.core.outbox) + mine.unsent_texts

    async def _adopt(self, server: ServerFound, tokens: rest.Tokens) -> AccountService:
        for account in self._accounts:
            same = (account.record.server_id, account.record.user_id) == (server.server_id, tokens.user.id)
            if same:
                if self._may_go(account, secure=server.secure):
                    await self._go_on(account, parse_address(server.address))
                await account.take_tokens(tokens)
                return account
        record = AccountRecord(
            account_id=new_id(),
            server_id=server.server_id,
            server_name=server.name,
            address=server.address,
            user_id=tokens.user.id,
            username=tokens.user.username,
            display_name=tokens.user.display_name,
            hosted_here=server.server_id == self.hosted_id,
        )
        try:
            account = await self._open(record, tokens)
        except (NetError, StorageError) as problem:
            raise service_error(problem) from problem
        self._profile.put_account(record)
        self._accounts.append(account)
        account.start()
        self.changed.emit()
        return account

    def move(self, account: AccountService, *, address: str, server_name: str) -> None:
        """The hosted server runs, perhaps under another port or name: connect to it."""
        record = msgspec.structs.replace(account.record, address=address, server_name=server_name)
        if record != account.record:
            account.record = record
            account.calls.client.move(parse_address(address))
            self._profile.put_account(record)
        account.start()

    async def _rejoin(self, server_id: str, address: Address) -> None:
        """Somebody entered where a known server is now: the accounts that do not reach it go on there."""
        for account in self._accounts:
            away = account.record.server_id == server_id and account.link.link is not Link.ONLINE
            if (
                away
                and self._may_go(account, secure=bool(address.secure))
                and await self._go_on(account, address)
            ):
                account.start()

    def _may_go(self, account: AccountService, *, secure: bool) -> bool:
        """The one hosted here is where this program started it. Without TLS no identity was proved: only who
        spoke without it before goes there.
        """
        record = account.record
        hosted = record.hosted_here and record.server_id == self.hosted_id
        return not hosted and (secure or parse_address(record.address).secure is False)

    async def _follow(self, account_id: str) -> None:
        """The server of an account says that it moved.

        Raises:
            NetError: the new address can't be reached, or is another server's.
        """
        account = next(one for one in self._accounts if one.record.account_id == account_id)
        record = account.record
        address = await where_now(parse_address(record.address), record.server_id)
        if address is not None:
            await self._go_on(account, address)

    async def _go_on(self, account: AccountService, address: Address) -> bool:
        """With the same account at an address that was proved to be its server's; whether it is another."""
        before = account.record
        there = address.base_url(secure=address.secure is not False)
        if there == before.address:
            return False
        record = msgspec.structs.replace(before, address=there, hosted_here=False)
        await account.relocate(record, _context(record.server_id, there))
        self._profile.put_account(record)
        account.changed.emit()
        self.notice.emit(
            tr("{server} is at {address} now.").format(server=record.server_name, address=address.netloc)
        )
        return True

    def _mine(self, account: Account) -> AccountService:
        found = next((one for one in self._accounts if one is account), None)
        if found is None:
            raise ServiceError(tr("This account is signed out already."))
        return found

    async def _enter(
        self, server: ServerFound, call: Callable[[RestClient], Awaitable[rest.Tokens]]
    ) -> AccountService:
        client = RestClient(parse_address(server.address), context=_context(server.server_id, server.address))
        try:
            tokens = await call(client)
        except (NetError, ParleyError) as problem:
            raise service_error(problem) from problem
        finally:
            await client.close()
        return await self._adopt(server, tokens)

    async def _open(self, record: AccountRecord, tokens: rest.Tokens | None = None) -> AccountService:
        folder = self._profile.account_folder(record.account_id)
        file = await open_account_file(folder)
        if file.words_lost:
            words = tr(
                "The local copy of {server} was damaged. What you wrote there and did not send may be lost."
            )
            self.notice.emit(words.format(server=record.server_name))
        context = _context(record.server_id, record.address)
        client = RestClient(parse_address(record.address), context=context)
        secret = _secret_name(record)

        async def keep(token: str) -> None:
            await self._secrets.set(secret, token)
            if self._secrets.in_file and self._profile.say_secrets_notice():
                self.notice.emit(
                    tr("This computer has no working keyring: your sign-in is in a file only you can read.")
                )

        mine = Tokens(client, load=lambda: self._secrets.get(secret), store=keep)
        try:
            if tokens is not None:
                await mine.adopt(tokens)
        except BaseException:
            await file.worker.close()
            raise
        account = AccountService(
            AccountParts(
                record=record,
                worker=file.worker,
                loaded=file.loaded,
                drafts=file.drafts,
                client=client,
                context=context,
                tokens=mine,
                folder=folder,
                follow=partial(self._follow, record.account_id),
            )
        )
        account.notice.connect(self.notice)
        return account


def device_name() -> str:
    """What this login is called in the list of devices."""
    return (platform.node() or platform.system() or "Desktop")[:64]


def _context(server_id: str, address: str) -> PinnedContext | None:
    return pinned_context(server_id) if parse_address(address).secure else None


def _secret_name(record: AccountRecord) -> str:
    return f"{record.server_id}:{record.account_id}"


def found_at(address: Address, *, name: str, server_id: str, secure: bool) -> ServerFound:
    """A server that this process knows without asking: the one it hosts."""
    return ServerFound(
        address=address.base_url(secure=secure),
        name=name,
        server_id=server_id,
        short_key=short_key(server_id),
        secure=secure,
        invite_needed=False,
    )
