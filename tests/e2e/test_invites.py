"""A host lets in only who was invited; an admin helps somebody who forgot the password."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton

from desktop.views.details.code import ResetCode
from desktop.views.invite import Invite
from desktop.views.settings.invites import InvitesSection
from desktop.views.settings.server import ServerSection
from desktop.views.start.signin import Reset, SignIn
from tests.e2e.conftest import Drive
from tests.e2e.windows import (
    PATIENCE_S,
    connect,
    host,
    join,
    open_chat,
    press_host,
    signed_in,
    started,
    window_of,
)
from tests.support.wait import until


def test_only_the_invited_enter_and_the_link_is_enough(tmp_path: Path, drive: Drive) -> None:
    async def story() -> None:
        mira = await host(tmp_path / "mira")
        window = window_of(mira)
        window._settings()
        assert window.panel is not None
        section = window.panel.findChild(ServerSection)
        assert section is not None
        await until(section.invited.isEnabled, timeout_s=PATIENCE_S)
        assert not section.invited.isChecked()
        section.invited.click()
        await until(section.invited.isChecked, timeout_s=PATIENCE_S)
        window.close_panel()

        dario = await started(tmp_path / "dario")
        form = await connect(dario, mira.host.state.addresses[0])
        assert not form.invite.isHidden()
        form.name.edit.setText("Dario Lang")
        form.username.edit.setText("dario")
        form.password.edit.setText("password 2")
        form.invite.edit.setText("invented")
        form.go.click()
        await until(form.form.message.text, timeout_s=PATIENCE_S)
        assert "invite" in form.form.message.text()
        await dario.close()

        window._invite()
        assert window.panel is not None
        invite = window.panel.body
        assert isinstance(invite, Invite)
        await until(invite.link.text, timeout_s=PATIENCE_S)
        assert invite.code is not None
        guest = await join(tmp_path / "guest", invite.link.text())
        await guest.close()
        await mira.close()

    drive(story)


def test_an_open_invite_is_listed_and_can_be_taken_back(tmp_path: Path, drive: Drive) -> None:
    async def story() -> None:
        mira = await host(tmp_path / "mira")
        window = window_of(mira)
        account = open_chat(mira).account
        await account.set_registration(invite_only=True)
        link = await account.invite_link(mira.host.state.addresses[0])
        await (await join(tmp_path / "guest", link)).close()

        window._settings()
        assert window.panel is not None
        invites = window.panel.findChild(InvitesSection)
        assert invites is not None
        await until(lambda: len(invites.shown) == 1, timeout_s=PATIENCE_S)
        assert invites.shown[0].startswith("1 of 100 people came in. Until ")
        back = next(one for one in invites.findChildren(QPushButton) if one.text() == "Take back")
        assert back.accessibleName().startswith("Take back the invite")
        back.click()
        await until(lambda: invites.shown == [], timeout_s=PATIENCE_S)
        late = await started(tmp_path / "late")
        form = await connect(late, link)
        form.name.edit.setText("Late")
        form.username.edit.setText("late")
        form.password.edit.setText("password 3")
        form.go.click()
        await until(form.form.message.text, timeout_s=PATIENCE_S)
        assert "invite" in form.form.message.text()
        await late.close()
        await mira.close()

    drive(story)


def test_a_code_from_the_admin_opens_a_forgotten_account(tmp_path: Path, drive: Drive) -> None:
    async def story() -> None:
        mira = await host(tmp_path / "mira")
        address = mira.host.state.addresses[0]
        dario = await join(tmp_path / "dario", address)
        user_id = open_chat(dario).account.info.me.user_id
        await dario.close()

        page, window = open_chat(mira), window_of(mira)
        window.resize(1280, 800)
        page.open(await page.account.open_direct(user_id))
        page.toggle_details()
        assert page.details is not None
        page.details.reset.click()
        await until(lambda: window.panel, timeout_s=PATIENCE_S)
        assert window.panel is not None
        panel = window.panel.body
        assert isinstance(panel, ResetCode)
        code = panel.code.text()

        again = await started(tmp_path / "again")
        (await connect(again, address)).existing.click()
        sign_in = window_of(again).start.form
        assert isinstance(sign_in, SignIn)
        sign_in.username.edit.setText("dario")
        sign_in.forgotten.click()
        reset = window_of(again).start.form
        assert isinstance(reset, Reset)
        assert not reset.code.isHidden()
        reset.code.edit.setText(code)
        reset.password.edit.setText("password 9")
        reset.go.click()
        await signed_in(again)
        assert open_chat(again).account.info.me.name == "Dario Lang"
        await again.close()
        await mira.close()

    drive(story)


def test_after_hosting_the_keyboard_is_in_the_invite_and_then_in_the_list(
    tmp_path: Path, drive: Drive
) -> None:
    async def story() -> None:
        mira = await started(tmp_path / "mira")
        window = window_of(mira)
        window.activateWindow()
        await until(window.isActiveWindow, timeout_s=PATIENCE_S)
        press_host(mira)
        await until(lambda: window.panel is not None, timeout_s=PATIENCE_S)
        assert window.panel is not None
        invite = window.panel.findChild(Invite)
        assert invite is not None
        await until(lambda: QApplication.focusWidget() is invite.copy, timeout_s=PATIENCE_S)
        QTest.keyClick(invite.copy, Qt.Key.Key_Return)
        assert QGuiApplication.clipboard().text() == invite.link.text()
        QTest.keyClick(invite.copy, Qt.Key.Key_Escape)
        await until(lambda: window.panel is None, timeout_s=PATIENCE_S)
        page = open_chat(mira)
        assert QApplication.focusWidget() is page.pane.rooms
        await until(page.pane.model.rowCount, timeout_s=PATIENCE_S)
        QTest.keyClick(page.pane.rooms, Qt.Key.Key_Down)
        QTest.keyClick(page.pane.rooms, Qt.Key.Key_Return)
        assert page.conversation is not None
        assert QApplication.focusWidget() is page.conversation.composer
        await mira.close()

    drive(story)
