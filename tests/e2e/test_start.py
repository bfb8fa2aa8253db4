"""The first screens over a real server: wrong password, sign in, a password forgotten by the host."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QLabel

from desktop.views.invite import Invite
from desktop.views.start.signin import Join, Reset, SignIn
from desktop.views.start.welcome import Welcome
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


def test_a_wrong_password_is_said_in_place_and_the_right_one_enters(tmp_path: Path, drive: Drive) -> None:
    async def story() -> None:
        mira = await host(tmp_path / "mira")
        address = mira.host.state.addresses[0]
        await (await join(tmp_path / "first", address)).close()
        dario = await started(tmp_path / "second")
        start = window_of(dario).start
        (await connect(dario, address)).existing.click()
        form = start.form
        assert isinstance(form, SignIn)
        form.username.edit.setText("dario")
        form.password.edit.setText("not the password")
        form.go.click()
        await until(form.form.message.text, timeout_s=PATIENCE_S)
        assert "password" in form.form.message.text().lower()
        assert form.username.text == "dario"
        form.password.edit.setText("password 2")
        form.go.click()
        await signed_in(dario)
        assert open_chat(dario).account.info.me.name == "Dario Lang"
        await dario.close()
        await mira.close()

    drive(story)


def test_hosting_shows_what_others_need_to_join(tmp_path: Path, drive: Drive) -> None:
    async def story() -> None:
        mira = await started(tmp_path / "mira")
        press_host(mira)
        window = window_of(mira)
        await until(lambda: window.panel is not None, timeout_s=PATIENCE_S)
        assert window.panel is not None
        invite = window.panel.body
        assert isinstance(invite, Invite)
        await until(invite.link.text, timeout_s=PATIENCE_S)
        assert invite.code is not None
        assert invite.code.isVisible()
        key = open_chat(mira).account.info.short_key
        assert key in [words.text() for words in invite.findChildren(QLabel)]
        await mira.close()

    drive(story)


def test_what_is_missing_is_said_before_a_server_is_asked(tmp_path: Path, drive: Drive) -> None:
    async def story() -> None:
        mira = await host(tmp_path / "mira")
        dario = await started(tmp_path / "dario")
        start = window_of(dario).start
        start.welcome.connect_button.click()
        assert "address" in start.welcome.form.message.text()
        form = await connect(dario, mira.host.state.addresses[0])
        form.go.click()
        assert form.form.message.text() == "Enter your name."
        form.name.edit.setText("Dario Lang")
        form.name.edit.textEdited.emit("Dario Lang")
        assert form.username.text == "dario.lang"
        form.password.edit.setText("short")
        form.go.click()
        assert "8 characters" in form.form.message.text()
        form.back.click()
        assert isinstance(start.form, Welcome)
        await dario.close()
        await mira.close()

    drive(story)


def test_a_host_who_forgot_the_password_sets_a_new_one_at_this_computer(tmp_path: Path, drive: Drive) -> None:
    async def story() -> None:
        mira = await host(tmp_path / "mira")
        window = window_of(mira)
        await mira.accounts.sign_out(open_chat(mira).account)
        assert window.chat is None
        assert window.start.welcome.host.accessibleName() == "Sign in on this computer"
        window.start.welcome.host.click()
        await until(lambda: isinstance(window.start.form, SignIn), timeout_s=PATIENCE_S)
        form = window.start.form
        assert isinstance(form, SignIn)
        form.username.edit.setText("mira")
        form.forgotten.click()
        reset = window.start.form
        assert isinstance(reset, Reset)
        assert reset.code.isHidden()
        assert reset.username.text == "mira"
        reset.password.edit.setText("another password")
        reset.go.click()
        await signed_in(mira)
        assert open_chat(mira).account.info.me.name == "Mira Rossi"
        assert open_chat(mira).account.info.hosted_here
        await mira.close()

    drive(story)


def test_adding_a_server_has_a_way_back(tmp_path: Path, drive: Drive) -> None:
    async def story() -> None:
        mira = await host(tmp_path / "mira")
        window = window_of(mira)
        page = open_chat(mira)
        assert window.start.welcome.back.isHidden()
        window.add_account()
        assert not page.isVisible()
        assert not window.start.welcome.back.isHidden()
        window.start.welcome.back.click()
        assert page.isVisible()
        await mira.close()

    drive(story)


def test_joining_and_signing_in_take_each_others_place(tmp_path: Path, drive: Drive) -> None:
    async def story() -> None:
        mira = await host(tmp_path / "mira")
        dario = await started(tmp_path / "dario")
        start = window_of(dario).start
        for _ in range(3):
            form = await connect(dario, mira.host.state.addresses[0])
            form.existing.click()
            assert isinstance(start.form, SignIn)
            start.form.fresh.click()
            assert isinstance(start.form, Join)
            start.form.back.click()
            assert isinstance(start.form, Welcome)
        await dario.close()
        await mira.close()

    drive(story)
