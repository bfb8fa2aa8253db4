"""Two real windows chat through the server inside one of them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtWidgets import QLabel

from desktop.services.state import SendState
from desktop.views.conversation.view import ConversationView
from tests.e2e.conftest import Drive
from tests.e2e.windows import (
    PATIENCE_S,
    conversation,
    host,
    join,
    messages,
    open_chat,
    signed_in,
    started,
    window_of,
    write,
)
from tests.support.wait import until


def test_host_join_and_chat_both_ways(tmp_path: Path, drive: Drive) -> None:
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
        await b.timeline.edit(asked.seq, "Can someone check the Windows installer?")
        await until(lambda: messages(a)[0].edited, timeout_s=PATIENCE_S)
        assert messages(a)[0].body == "Can someone check the Windows installer?"
        # Read is what a person can see in a window that is theirs at the moment: one, then the other.
        for reader, written in ((mira, messages(b)[0].key), (dario, messages(a)[-1].key)):
            window_of(reader).activateWindow()
            writer = b if reader is mira else a
            await until(partial(_read_by_all, writer, written), timeout_s=PATIENCE_S)
        await dario.close()
        await mira.close()

    drive(story)


def _read_by_all(view: ConversationView, key: str) -> bool:
    return next(m for m in messages(view) if m.key == key).state is SendState.READ


def test_what_was_said_is_on_screen_after_a_restart(tmp_path: Path, drive: Drive) -> None:
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
        again = await started(tmp_path / "mira")
        await signed_in(again)
        open_chat(again).open(room_id)
        await until(lambda: messages(conversation(again)), timeout_s=PATIENCE_S)
        assert messages(conversation(again))[-1].body == "still here tomorrow"
        await again.close()

    drive(story)
