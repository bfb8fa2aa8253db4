"""A picture of oneself, and the end of an account, in real windows."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtGui import QColor, QImage

from desktop.views.ask import Question
from desktop.views.overlay import Panel
from desktop.views.settings.deletion import Deletion, DeletionSection
from desktop.views.settings.picture import PictureRow
from tests.e2e.conftest import Drive
from tests.e2e.windows import PATIENCE_S, conversation, host, join, messages, open_chat, window_of, write
from tests.support.wait import until


def test_a_picture_is_seen_by_others_and_taken_back(tmp_path: Path, drive: Drive) -> None:
    photo = QImage(800, 600, QImage.Format.Format_RGB32)
    photo.fill(QColor("#3050a0"))
    assert photo.save(str(tmp_path / "me.png"))
    (tmp_path / "not.png").write_bytes(b"no picture")

    async def story() -> None:
        mira = await host(tmp_path / "mira")
        dario = await join(tmp_path / "dario", mira.host.state.addresses[0])
        account = open_chat(mira).account
        open_chat(mira).settings_wanted.emit()
        row = window_of(mira).findChild(PictureRow)
        assert row is not None
        row.take(str(tmp_path / "not.png"))
        await until(row.message.text, timeout_s=PATIENCE_S)
        row.take(str(tmp_path / "me.png"))
        await until(lambda: account.info.me.picture, timeout_s=PATIENCE_S)
        await until(row.remove.isVisible, timeout_s=PATIENCE_S)

        def seen() -> str | None:
            everyone = open_chat(dario).account
            people = [member.person for member in everyone.members(everyone.rooms[0].room_id)]
            return next((one.picture for one in people if one.username == "mira"), None)

        await until(seen, timeout_s=PATIENCE_S)
        kept = QImage(str(seen()))
        assert (kept.width(), kept.height()) == (256, 256)
        row.remove.click()
        await until(lambda: seen() is None, timeout_s=PATIENCE_S)
        await dario.close()
        await mira.close()

    drive(story)


def test_an_account_ends_and_its_words_stay(tmp_path: Path, drive: Drive) -> None:
    async def story() -> None:
        mira = await host(tmp_path / "mira")
        dario = await join(tmp_path / "dario", mira.host.state.addresses[0])
        me, other = open_chat(mira), open_chat(dario)
        everyone = me.account.rooms[0].room_id
        await until(lambda: len(me.account.members(everyone)) > 1, timeout_s=PATIENCE_S)
        peer = next(one.person.user_id for one in me.account.members(everyone) if not one.me)
        room_id = await me.account.open_direct(peer)
        await until(lambda: other.account.room(room_id), timeout_s=PATIENCE_S)
        other.open(room_id)
        await until(lambda: len(other.account.members(room_id)) > 1, timeout_s=PATIENCE_S)
        write(conversation(dario), "Farewell, @Mira Rossi")
        me.open(room_id)
        view = conversation(mira)
        await until(lambda: messages(view), timeout_s=PATIENCE_S)
        said = messages(view)[-1]
        assert said.mentions_me

        other.settings_wanted.emit()
        section = window_of(dario).findChild(DeletionSection)
        assert section is not None
        section.go.click()
        form = window_of(dario).findChild(Deletion)
        assert form is not None
        form.password.edit.setText("wrong password")
        form.go.click()
        await until(form.message.text, timeout_s=PATIENCE_S)
        form.password.edit.setText("password 2")
        form.go.click()
        await until(lambda: window_of(dario).chat is None, timeout_s=PATIENCE_S)

        await until(lambda: messages(view)[-1].author.deleted, timeout_s=PATIENCE_S)
        assert messages(view)[-1].body == "Farewell, @Mira Rossi"
        assert messages(view)[-1].author.name == "Deleted user"
        await until(lambda: not view.box.isVisible(), timeout_s=PATIENCE_S)
        assert window_of(mira).findChild(Question) is None
        assert window_of(mira).findChild(Panel) is None
        await dario.close()
        await mira.close()

    drive(story)
