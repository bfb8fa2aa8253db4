"""`make screenshots`: pictures of real windows over a real server, into docs/screenshots/."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import Final

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("QT_API", "pyside6")
# The pictures are nobody's account: its secrets stay out of the person's keyring.
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"

import qasync
from PySide6.QtWidgets import QApplication

from desktop.bootstrap import Desktop
from desktop.services.state import MessageItem, SendState
from desktop.ui.theme import THEME_SETTING, Theme, dress
from desktop.views.page.page import AccountPage
from desktop.widgets.toast import Toast
from tests.support.wait import until

FOLDER: Final = Path(__file__).parents[2] / "docs" / "screenshots"
_PATIENCE_S: Final = 30.0
_SAID: Final = (
    "Build 41 passes on **all three** systems. Release notes are in the shared folder.",
    "Can someone check the Windows installer once more?",
)
_ANSWER: Final = "On it. Clean virtual machine, no admin rights."


def main() -> int:
    """Prints what it wrote."""
    app = QApplication(sys.argv[:1])
    loop = qasync.QEventLoop(app)
    asyncio.set_event_loop(loop)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, loop:
        loop.run_until_complete(_story(Path(folder)))
    return 0


async def _story(folder: Path) -> None:
    mira = Desktop(folder / "mira", bind="127.0.0.1", port=0)
    mira._profile.set_setting(THEME_SETTING, Theme.LIGHT)
    window = mira.show()
    await mira.run()
    await _picture(mira, "start-light", 900, 620)
    await mira.host.create(
        server_name="Workshop LAN", name="Mira Rossi", username="mira", password="password 1"
    )
    dario = Desktop(folder / "dario", bind="127.0.0.1", port=0)
    dario.show()
    await dario.run()
    found = await dario.accounts.find(mira.host.state.addresses[0])
    account = await dario.accounts.register(found, name="Dario Lang", username="dario", password="password 2")
    await account.create_group(
        "Release 1.0", topic="Ship it together.", member_ids=[mira.accounts.items[0].info.me.user_id]
    )
    await until(lambda: window.chat is not None and len(window.chat.account.rooms) > 1, timeout_s=_PATIENCE_S)
    chat = window.chat
    assert chat is not None
    room_id = next(room.room_id for room in chat.account.rooms if room.title == "Release 1.0")
    theirs = account.timeline(room_id)
    for text in _SAID:
        theirs.send(text)
    chat.open(room_id)
    await until(lambda: len(_messages(chat)) == len(_SAID), timeout_s=_PATIENCE_S)
    asked = _messages(chat)[-1].seq
    view = chat.conversation
    assert view is not None
    assert asked is not None
    await theirs.react(asked, "👍", on=True)
    view.timeline.send(_ANSWER, reply_to=asked)
    await until(lambda: _messages(chat)[-1].state is SendState.DELIVERED, timeout_s=_PATIENCE_S)
    await until(lambda: _messages(chat)[1].reactions, timeout_s=_PATIENCE_S)
    window.resize(1280, 800)
    chat.toggle_details()
    await until(lambda: chat.details is not None and chat.details.members.entries, timeout_s=_PATIENCE_S)
    await _picture(mira, "wide-light", 1280, 800)
    _wear(mira, Theme.DARK)
    await _picture(mira, "wide-dark", 1280, 800)
    _wear(mira, Theme.LIGHT)
    await _picture(mira, "narrow-light", 400, 760)
    await dario.close()
    await mira.close()


def _wear(desktop: Desktop, theme: Theme) -> None:
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    desktop._profile.set_setting(THEME_SETTING, theme)
    dress(app, desktop._profile)


def _messages(chat: AccountPage) -> list[MessageItem]:
    view = chat.conversation
    return [] if view is None else [i for i in view.timeline.items if isinstance(i, MessageItem)]


async def _picture(desktop: Desktop, name: str, width: int, height: int) -> None:
    window = desktop.window
    assert window is not None
    window.resize(width, height)
    # What it says about this machine's keyring belongs into no picture.
    for toast in window.findChildren(Toast):
        toast.hide()
    # Two turns of the loop: the layout, then the rows that it made.
    for _ in range(20):
        await asyncio.sleep(0.01)
    file = FOLDER / f"{name}.png"
    window.grab().save(str(file))
    print(file.name)


if __name__ == "__main__":
    sys.exit(main())
