"""What goes wrong around a window: each is said in plain words, and nothing is lost."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from PySide6.QtWidgets import QLabel

from common.errors import Code
from desktop.bootstrap import Desktop
from desktop.services.state import Link, SendState
from desktop.views.conversation.view import ConversationView
from desktop.views.panes import MIN_HEIGHT, MIN_WIDTH
from desktop.views.settings.signout import SignOutSection
from server.chat.model import ChatError
from server.chat.service import commit as commit_service
from server.kernel.database import StorageFullError
from tests.e2e.conftest import Drive
from tests.e2e.windows import (
    PATIENCE_S,
    conversation,
    host,
    join,
    messages,
    open_chat,
    press_host,
    signed_in,
    started,
    window_of,
    write,
)
from tests.support.fit import misfits
from tests.support.wait import until


@asynccontextmanager
async def answering(body: bytes, kind: str = "application/json") -> AsyncIterator[str]:
    """Something that listens and is no Parley server of today; its address."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A TLS hello is no request: a web server says so and closes.
        if await reader.readexactly(1) != b"\x16":
            await reader.readuntil(b"\r\n\r\n")
        lines = [
            "HTTP/1.1 200 OK",
            f"Content-Type: {kind}",
            f"Content-Length: {len(body)}",
            "Connection: close",
        ]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


def info(**changes: object) -> bytes:
    """What a server says of itself."""
    whole = {"product": "parley", "server_id": "a" * 64, "name": "x", "versions": [1], "registration": "open"}
    return json.dumps({**whole, **changes}).encode()


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        pytest.param(b"<html>Router</html>", "text/html", "not a Parley server", id="a web page"),
        pytest.param(b'{"name":"nginx"}', "application/json", "not a Parley server", id="other JSON"),
        pytest.param(info(product="other"), "application/json", "not a Parley server", id="another product"),
        pytest.param(info(versions=[7, 8]), "application/json", "newer", id="a newer server"),
        pytest.param(info(versions=[0]), "application/json", "older", id="an older server"),
    ],
)
def test_what_answers_is_told_apart(tmp_path: Path, drive: Drive, body: bytes, kind: str, words: str) -> None:
    async def story() -> None:
        desktop = await started(tmp_path)
        start = window_of(desktop).start.welcome
        async with answering(body, kind) as address:
            start.address.edit.setText(address)
            start.connect_button.click()
            await until(start.form.message.text, timeout_s=PATIENCE_S)
        assert words in start.form.message.text()
        assert start.address.text == address
        await desktop.close()

    drive(story)


def test_nobody_there_is_said_and_the_address_stays(tmp_path: Path, drive: Drive) -> None:
    async def story() -> None:
        desktop = await started(tmp_path)
        start = window_of(desktop).start.welcome
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
        start.address.edit.setText(address)
        start.connect_button.click()
        await until(start.form.message.text, timeout_s=PATIENCE_S)
        assert start.address.text == address
        await desktop.close()

    drive(story)


def test_a_port_in_use_is_said_and_hosting_works_once_it_is_free(tmp_path: Path, drive: Drive) -> None:
    async def story() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            desktop = Desktop(tmp_path, bind="127.0.0.1", port=port)
            desktop.show()
            await desktop.run()
            form = press_host(desktop)
            await until(form.form.message.text, timeout_s=PATIENCE_S)
            assert str(port) in form.form.message.text()
            assert form.password.text == "password 1"
        form.go.click()
        await signed_in(desktop)
        await desktop.close()

    drive(story)


def test_a_folder_that_can_not_be_written_is_said(tmp_path: Path, drive: Drive) -> None:
    async def story() -> None:
        desktop = await started(tmp_path)
        (tmp_path / "server").write_text("a file where the folder should be")
        form = press_host(desktop)
        await until(form.form.message.text, timeout_s=PATIENCE_S)
        assert "server" in form.form.message.text()
        await desktop.close()

    drive(story)


def test_a_damaged_database_is_said_at_the_next_start_and_kept(tmp_path: Path, drive: Drive) -> None:
    async def story() -> None:
        first = await host(tmp_path)
        await first.close()
        file = tmp_path / "server" / "parley.db"
        file.write_bytes(b"this is no database" * 500)
        notices: list[str] = []
        again = Desktop(tmp_path, bind="127.0.0.1", port=0)
        again.accounts.notice.connect(notices.append)
        again.show()
        await again.run()
        assert any("damaged" in notice for notice in notices), notices
        assert "damaged" in open_chat(again).bar.text
        assert open_chat(again).bar.isVisible()
        assert open_chat(again).account.link.link is not Link.ONLINE
        assert file.read_bytes().startswith(b"this is no database")
        await again.close()

    drive(story)


def test_a_port_in_use_at_the_next_start_is_said_until_it_is_free(tmp_path: Path, drive: Drive) -> None:
    async def story() -> None:
        first = await host(tmp_path)
        port = int(first.host.state.addresses[0].rsplit(":", 1)[1])
        await first.close()
        with socket.create_server(("127.0.0.1", port)):
            mira = Desktop(tmp_path, bind="127.0.0.1", port=port)
            window = mira.show()
            window.resize(MIN_WIDTH, MIN_HEIGHT)
            await mira.run()
            page = open_chat(mira)
            page.open(page.account.rooms[0].room_id)
            await until(page.bar.isVisible)
            assert str(port) in page.bar.text
            assert page.pane.status == "Offline"
            assert misfits(window) == []
        page.bar.retry.click()
        await until(lambda: page.account.link.link is Link.ONLINE, timeout_s=PATIENCE_S)
        assert not page.bar.isVisible()
        await mira.close()

    drive(story)


async def _in_everyone(folder: Path) -> tuple[Desktop, ConversationView]:
    mira = await host(folder)
    page = open_chat(mira)
    page.open(page.account.rooms[0].room_id)
    return mira, conversation(mira)


def test_a_full_disk_of_the_server_is_said_and_the_message_leaves_later(
    tmp_path: Path, drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> None:
        problem = StorageFullError("no space")
        problem.retry_after_ms = 300
        raise problem

    async def story() -> None:
        mira, view = await _in_everyone(tmp_path)
        with monkeypatch.context() as broken:
            broken.setattr(commit_service, "commit_batch", full)
            write(view, "kept while the disk is full")
            await until(view.problem.text, timeout_s=PATIENCE_S)
            assert "disk is full" in view.problem.text()
            assert messages(view)[-1].state is SendState.WAITING
        await until(lambda: messages(view)[-1].seq, timeout_s=PATIENCE_S)
        await until(lambda: not view.problem.text(), timeout_s=PATIENCE_S)
        await mira.close()

    drive(story)


def test_a_refused_message_says_why(tmp_path: Path, drive: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object) -> None:
        raise ChatError(Code.RECIPIENT_UNAVAILABLE, "this person can't be reached")

    async def story() -> None:
        mira, view = await _in_everyone(tmp_path)
        with monkeypatch.context() as broken:
            broken.setattr(commit_service._Batch, "apply", refuse)
            write(view, "to nobody")
            await until(
                lambda: messages(view) and messages(view)[-1].state is SendState.FAILED, timeout_s=PATIENCE_S
            )
        assert "can't be reached" in view.problem.text()
        view.timeline.retry(messages(view)[-1].key)
        await until(lambda: messages(view)[-1].seq, timeout_s=PATIENCE_S)
        await until(lambda: not view.problem.text(), timeout_s=PATIENCE_S)
        await mira.close()

    drive(story)


def test_another_server_at_the_address_is_a_hard_stop_with_a_way_out(tmp_path: Path, drive: Drive) -> None:
    async def story() -> None:
        mira = await host(tmp_path / "mira")
        address = mira.host.state.addresses[0]
        dario = await join(tmp_path / "dario", address)
        await mira.close()
        eve = Desktop(tmp_path / "eve", bind="127.0.0.1", port=int(address.rsplit(":", 1)[1]))
        eve.show()
        await eve.run()
        press_host(eve)
        await signed_in(eve)
        window = window_of(dario)
        window.resize(MIN_WIDTH, MIN_HEIGHT)
        account, stop = open_chat(dario).account, open_chat(dario).stop
        account.try_now()
        await until(lambda: account.link.link is Link.KEY_CHANGED, timeout_s=PATIENCE_S)
        await until(stop.isVisible, timeout_s=PATIENCE_S)
        assert stop.accessibleName() == "This is not the server you know"
        shown = [part.text() for part in stop.findChildren(QLabel) if part.isVisible() and part.text()]
        assert not [words for words in shown if "invite" in words]
        assert stop.leave.isVisible()
        assert misfits(window) == []
        stop.leave.click()
        assert window.panel is not None
        section = window.panel.findChild(SignOutSection)
        assert section is not None
        section.go.click()
        await until(lambda: window.chat is None, timeout_s=PATIENCE_S)
        assert [one.name for one in await eve.accounts.items[0].people()] == ["Mira Rossi"]
        await dario.close()
        await eve.close()

    drive(story)
