"""Real windows, driven as a person would, for the end-to-end tests."""

from __future__ import annotations

from pathlib import Path

from desktop.bootstrap import Desktop
from desktop.services.state import MessageItem
from desktop.views.conversation.view import ConversationView
from desktop.views.page.page import AccountPage
from desktop.views.start.hosting import HostForm
from desktop.views.start.signin import Join
from desktop.views.window import MainWindow
from tests.support.wait import until

PATIENCE_S = 30.0


def window_of(desktop: Desktop) -> MainWindow:
    """What is on screen."""
    assert desktop.window is not None
    return desktop.window


def open_chat(desktop: Desktop) -> AccountPage:
    """The account on screen."""
    chat = window_of(desktop).chat
    assert chat is not None
    return chat


def conversation(desktop: Desktop) -> ConversationView:
    """The room on screen."""
    view = open_chat(desktop).conversation
    assert view is not None
    return view


async def signed_in(desktop: Desktop) -> None:
    """Waits for rooms."""

    def ready() -> bool:
        chat = window_of(desktop).chat
        return chat is not None and len(chat.account.rooms) > 0

    await until(ready, timeout_s=PATIENCE_S)


async def started(folder: Path) -> Desktop:
    """A window over a profile."""
    desktop = Desktop(folder, bind="127.0.0.1", port=0)
    desktop.show()
    await desktop.run()
    return desktop


async def host(folder: Path) -> Desktop:
    """Mira presses "Host on this computer"."""
    desktop = await started(folder)
    press_host(desktop)
    await signed_in(desktop)
    window = window_of(desktop)
    await until(lambda: window.panel is not None, timeout_s=PATIENCE_S)
    window.close_panel()
    return desktop


def press_host(desktop: Desktop) -> HostForm:
    """The form filled in and sent; what comes of it takes its time."""
    start = window_of(desktop).start
    start.welcome.host.click()
    form = start.form
    assert isinstance(form, HostForm)
    form.name.edit.setText("Mira Rossi")
    form.username.edit.setText("mira")
    form.password.edit.setText("password 1")
    form.go.click()
    return form


async def connect(desktop: Desktop, address: str) -> Join:
    """To the form that follows a server's address."""
    start = window_of(desktop).start
    start.welcome.address.edit.setText(address)
    start.welcome.connect_button.click()
    await until(lambda: isinstance(start.form, Join), timeout_s=PATIENCE_S)
    assert isinstance(start.form, Join)
    return start.form


async def join(folder: Path, address: str, *, name: str = "Dario Lang", username: str = "dario") -> Desktop:
    """Somebody makes an account at the server."""
    desktop = await started(folder)
    form = await connect(desktop, address)
    form.name.edit.setText(name)
    form.username.edit.setText(username)
    form.password.edit.setText("password 2")
    form.go.click()
    await signed_in(desktop)
    return desktop


def messages(view: ConversationView) -> list[MessageItem]:
    """What is on screen, oldest first."""
    return [item for item in view.timeline.items if isinstance(item, MessageItem)]


def write(view: ConversationView, text: str) -> None:
    """Typed and sent."""
    view.composer.setPlainText(text)
    view.composer.send_wanted.emit(text)
