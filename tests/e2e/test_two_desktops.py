"""Two real windows chat through the server inside one of them."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import qasync
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication, QLabel

from desktop.bootstrap import Desktop
from desktop.services.state import MessageItem, SendState
from desktop.views.conversation.view import ConversationView
from desktop.views.page.page import AccountPage
from desktop.views.start.hosting import HostForm
from desktop.views.start.signin import Join
from tests.support.wait import until

PATIENCE_S = 30.0


@pytest.fixture
def drive(qapp: QApplication) -> Iterator[Callable[[Callable[[], Awaitable[None]]], None]]:
    """Runs a coroutine on the loop that the windows use."""
    loop = qasync.QEventLoop(qapp, already_running=False)
    asyncio.set_event_loop(loop)

    def run(work: Callable[[], Awaitable[None]]) -> None:
        loop.run_until_complete(work())

    yield run
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    qapp.processEvents()
    gc.collect()
    loop.close()
    asyncio.set_event_loop(None)


def open_chat(desktop: Desktop) -> AccountPage:
    assert desktop.window is not None
    chat = desktop.window.chat
    assert chat is not None
    return chat


def conversation(desktop: Desktop) -> ConversationView:
    view = open_chat(desktop).conversation
    assert view is not None
    return view


async def signed_in(desktop: Desktop) -> None:
    def ready() -> bool:
        chat = desktop.window.chat if desktop.window is not None else None
        return chat is not None and len(chat.account.rooms) > 0

    await until(ready, timeout_s=PATIENCE_S)


async def host(folder: Path) -> Desktop:
    desktop = Desktop(folder, bind="127.0.0.1", port=0)
    window = desktop.show()
    await desktop.run()
    window.start.welcome.host.click()
    form = window.start.form
    assert isinstance(form, HostForm)
    form.name.edit.setText("Mira Rossi")
    form.username.edit.setText("mira")
    form.password.edit.setText("password 1")
    form.go.click()
    await signed_in(desktop)
    return desktop


async def join(folder: Path, address: str) -> Desktop:
    desktop = Desktop(folder, bind="127.0.0.1", port=0)
    window = desktop.show()
    await desktop.run()
    window.start.welcome.address.edit.setText(address)
    window.start.welcome.connect_button.click()
    await until(lambda: isinstance(window.start.form, Join), timeout_s=PATIENCE_S)
    form = window.start.form
    assert isinstance(form, Join)
    form.name.edit.setText("Dario Lang")
    form.username.edit.setText("dario")
    form.password.edit.setText("password 2")
    form.go.click()
    await signed_in(desktop)
    return desktop


def messages(view: ConversationView) -> list[MessageItem]:
    return [item for item in view.timeline.items if isinstance(item, MessageItem)]


def write(view: ConversationView, text: str) -> None:
    view.composer.setPlainText(text)
    view.composer.send_wanted.emit(text)


def test_host_join_and_chat_both_ways(
    tmp_path: Path, drive: Callable[[Callable[[], Awaitable[None]]], None]
) -> None:
    async def story() -> None:
        mira = await host(tmp_path / "mira")
        dario = await join(tmp_path / "dario", mira.host.state.addresses[0])
        shown = " ".join(label.text() for label in open_chat(mira).findChildren(QLabel))
        assert mira.host.state.addresses[0] in shown
        assert mira.host.state.short_key in shown
        room_id = open_chat(mira).account.rooms[0].room_id
        for desktop in (mira, dario):
            open_chat(desktop).open(room_id)
        a, b = conversation(mira), conversation(dario)
        write(b, "Can someone check the Windows installer once more?")
        await until(lambda: [m.body for m in messages(a)], timeout_s=PATIENCE_S)
        asked = messages(a)[-1]
        assert asked.seq is not None
        assert (asked.author.name, asked.own) == ("Dario Lang", False)
        await a.timeline.react(asked.seq, "👍", on=True)
        write(a, "On it.")
        await until(lambda: len(messages(b)) == 2, timeout_s=PATIENCE_S)
        await until(lambda: messages(b)[0].reactions, timeout_s=PATIENCE_S)
        await until(lambda: messages(a)[-1].state is not SendState.WAITING, timeout_s=PATIENCE_S)
        assert a.composer.toPlainText() == ""
        assert [m.body for m in messages(a)] == [m.body for m in messages(b)]
        await dario.close()
        await mira.close()

    drive(story)


def test_what_was_said_is_on_screen_after_a_restart(
    tmp_path: Path, drive: Callable[[Callable[[], Awaitable[None]]], None]
) -> None:
    async def story() -> None:
        first = await host(tmp_path / "mira")
        room_id = open_chat(first).account.rooms[0].room_id
        open_chat(first).open(room_id)
        view = conversation(first)
        write(view, "still here tomorrow")
        await until(
            lambda: messages(view) and messages(view)[-1].state is not SendState.WAITING,
            timeout_s=PATIENCE_S,
        )
        await first.close()
        again = Desktop(tmp_path / "mira", bind="127.0.0.1", port=0)
        again.show()
        await again.run()
        await signed_in(again)
        open_chat(again).open(room_id)
        await until(lambda: messages(conversation(again)), timeout_s=PATIENCE_S)
        assert messages(conversation(again))[-1].body == "still here tomorrow"
        await again.close()

    drive(story)
