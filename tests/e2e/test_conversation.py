"""Writing, editing and replying in a real window over a real server."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QRect

from desktop.bootstrap import Desktop
from desktop.services.state import SendState, ServiceError
from desktop.views.conversation.view import ConversationView
from tests.e2e.conftest import Drive
from tests.e2e.windows import PATIENCE_S, conversation, host, messages, open_chat, write
from tests.support.mouse import move
from tests.support.wait import until


async def with_one_message(folder: Path) -> tuple[Desktop, ConversationView]:
    mira = await host(folder)
    page = open_chat(mira)
    page.open(page.account.rooms[0].room_id)
    view = conversation(mira)
    write(view, "first")
    await until(
        lambda: messages(view) and messages(view)[-1].state is not SendState.WAITING, timeout_s=PATIENCE_S
    )
    return mira, view


def test_an_edit_that_is_given_up_brings_the_draft_back(tmp_path: Path, drive: Drive) -> None:
    async def story() -> None:
        mira, view = await with_one_message(tmp_path)
        view.composer.setPlainText("a draft")
        view._edit(messages(view)[-1])
        assert view.composer.toPlainText() == "first"
        view.composer.setPlainText("first, half edited")
        view.composer.cancel_wanted.emit()
        assert view.composer.toPlainText() == "a draft"
        assert open_chat(mira).account.draft(view.room_id) == "a draft"
        await mira.close()

    drive(story)


def test_a_refused_edit_keeps_what_was_typed_and_says_why(
    tmp_path: Path, drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        mira, view = await with_one_message(tmp_path)

        async def refuse(seq: int, body: str, **_: object) -> None:
            del seq, body
            raise ServiceError("The message is too old to be edited.")

        view._edit(messages(view)[-1])
        monkeypatch.setattr(view.timeline, "edit", refuse)
        write(view, "first, edited")
        await until(view.problem.text, timeout_s=PATIENCE_S)
        assert view.composer.toPlainText() == "first, edited"
        assert view.problem.text() == "The message is too old to be edited."
        monkeypatch.undo()
        write(view, "first, edited")
        await until(lambda: messages(view)[-1].body == "first, edited", timeout_s=PATIENCE_S)
        await until(lambda: view.composer.toPlainText() == "", timeout_s=PATIENCE_S)
        assert not view.strip.isVisible()
        await mira.close()

    drive(story)


def test_the_bar_at_a_message_replies(tmp_path: Path, drive: Drive) -> None:
    async def story() -> None:
        mira, view = await with_one_message(tmp_path)
        row = view.list.rows.index(view.list.rows.row_of_key(messages(view)[-1].key))
        at = view.list.visualRect(row).center()
        for step in range(2):
            gc.collect()
            move(view.list.viewport(), at + QPoint(step, 0))
            await asyncio.sleep(0.01)
        await until(view.tools.isVisible, timeout_s=PATIENCE_S)
        assert view.list.rect().contains(view.tools.geometry())
        view.tools.reply.click()
        assert "first" in view.strip.text
        write(view, "an answer")
        await until(lambda: messages(view)[-1].reply is not None, timeout_s=PATIENCE_S)
        view.list.hovered.emit(None, QRect())
        assert not view.tools.isVisible()
        await mira.close()

    drive(story)


def test_a_deleted_message_leaves_a_placeholder(tmp_path: Path, drive: Drive) -> None:
    async def story() -> None:
        mira, view = await with_one_message(tmp_path)
        seq = messages(view)[-1].seq
        assert seq is not None
        await view.timeline.delete(seq)
        await until(lambda: messages(view)[-1].deleted, timeout_s=PATIENCE_S)
        assert messages(view)[-1].body == ""
        await mira.close()

    drive(story)
