"""Hosting inside the program: the real server in its thread, on loopback only."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from common.address import parse_address
from desktop import embedded_host
from desktop.embedded_host import start_server
from desktop.services.host import HostService
from desktop.services.state import Link, ServiceError
from tests.integration.desktop.conftest import PASSWORD, Desk, online
from tests.support.wait import until


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def no_server() -> bool:
    """None runs, starts or stops in this process."""
    return not [thread for thread in threading.enumerate() if thread.name == "parley-server"]


class Hosting:
    """A desk that hosts."""

    def __init__(self, folder: Path, port: int) -> None:
        self.desk = Desk(folder)
        self.host = HostService(
            profile=self.desk.profile,
            accounts=self.desk.accounts,
            start_server=start_server,
            bind="127.0.0.1",
            port=port,
        )

    async def create(self) -> None:
        await self.host.create(server_name="Home", name="Ada", username="ada", password=PASSWORD)
        await online(self.desk.account)

    async def alone(self) -> None:
        """Nobody connects any more, the host's own account included."""
        await self.desk.accounts.close()
        await until(lambda: not self.host._server or not self.host._server.connections)

    async def close(self) -> None:
        await self.desk.accounts.close()
        await self.host.close()
        self.desk.profile.close()


@pytest.fixture
async def hosting(tmp_path: Path) -> AsyncIterator[Hosting]:
    hosting = Hosting(tmp_path / "ada", free_port())
    await hosting.desk.accounts.start()
    yield hosting
    await hosting.close()


async def test_hosting_makes_the_first_account_and_others_join_by_the_link(
    hosting: Hosting, tmp_path: Path
) -> None:
    assert not hosting.host.exists
    await hosting.create()
    state = hosting.host.state
    assert (state.running, state.name, state.problem) == (True, "Home", "")
    assert hosting.desk.account.info.hosted_here
    assert hosting.desk.account.info.me.admin
    link = await hosting.desk.account.invite_link(state.addresses[0])
    assert parse_address(link).server_id == hosting.desk.account.info.server_id
    guest = Desk(tmp_path / "bob")
    await guest.join(link, "Bob")
    await until(lambda: hosting.host.state.connected == 1)
    await guest.close()
    await until(lambda: hosting.host.state.connected == 0)


async def test_a_restart_brings_everybody_back(hosting: Hosting) -> None:
    await hosting.create()
    await hosting.host.restart()
    await until(lambda: hosting.desk.account.link.link is Link.ONLINE)
    assert hosting.host.state.running


async def test_a_profile_that_hosts_starts_its_server_again(hosting: Hosting, tmp_path: Path) -> None:
    await hosting.create()
    await hosting.close()
    again = Hosting(tmp_path / "ada", 0)
    assert again.host.exists
    await again.desk.accounts.start()
    await again.host.start()
    await online(again.desk.account)
    await again.close()


async def test_a_busy_port_is_told_and_nothing_is_lost(hosting: Hosting) -> None:
    await hosting.create()
    await hosting.host.stop()
    port = parse_address(hosting.desk.account.info.address).port
    with socket.create_server(("127.0.0.1", port)), pytest.raises(ServiceError) as busy:
        await hosting.host.start()
    assert str(port) in busy.value.text
    assert hosting.host.state.problem == busy.value.text
    await hosting.host.start()
    await until(lambda: hosting.desk.account.link.link is Link.ONLINE)


async def test_a_forgotten_password_is_reset_at_the_host(hosting: Hosting) -> None:
    await hosting.create()
    await hosting.host.reset_password_locally("ada", "another good password")
    found = await hosting.desk.accounts.find(hosting.desk.account.info.address)
    account = await hosting.desk.accounts.sign_in(found, username="ada", password="another good password")
    await online(account)


async def test_a_start_that_takes_too_long_is_told_and_leaves_nothing_behind(
    hosting: Hosting, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hosting.create()
    await hosting.alone()
    await hosting.host.stop()
    with monkeypatch.context() as hasty:
        hasty.setattr(embedded_host, "START_TIMEOUT_S", 0.0)
        with pytest.raises(ServiceError, match="did not start in time"):
            await hosting.host.start()
    assert not hosting.host.state.running
    assert "in time" in hosting.host.state.problem
    await until(no_server)
    await hosting.host.start()
    assert hosting.host.state.running


async def test_a_server_that_does_not_stop_in_time_is_told_and_the_program_ends(
    hosting: Hosting, monkeypatch: pytest.MonkeyPatch, expect_log: Callable[..., None]
) -> None:
    await hosting.create()
    await hosting.alone()
    monkeypatch.setattr(embedded_host, "CALL_TIMEOUT_S", 0.0)
    with pytest.raises(ServiceError, match="long to stop"):
        await hosting.host.stop()
    assert not hosting.host.state.running
    assert "long to stop" in hosting.host.state.problem
    await until(no_server)
    await hosting.host.start()
    with pytest.raises(ServiceError, match="long to stop"):
        await hosting.host.restart()
    await until(no_server)
    await hosting.host.start()
    expect_log("the server did not stop", level=logging.WARNING)
    await hosting.host.close()
    await until(no_server)
