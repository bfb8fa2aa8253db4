"""In the smallest window nothing overflows or is cut: with large text, long words, or right to left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from desktop.ui import fonts
from desktop.ui.theme import TEXT_SETTING
from desktop.views.panes import MIN_HEIGHT, MIN_WIDTH
from desktop.views.window import MainWindow
from tests.e2e.conftest import Drive
from tests.e2e.windows import conversation, host, join, messages, open_chat, started, window_of, write
from tests.support.fit import LongWords, misfits
from tests.support.wait import until

PATIENCE_S = 20.0
SETTLED_S = 3.0
TURNS = 8
"""Of the loop, in which requests of layouts are met."""


@dataclass(frozen=True)
class Way:
    """How a window is looked at."""

    percent: int = 100
    long: bool = False
    reversed: bool = False


WAYS = [
    pytest.param(Way(), id="as designed"),
    pytest.param(Way(percent=200), id="text of 200 percent"),
    pytest.param(Way(long=True), id="long words"),
    pytest.param(Way(long=True, reversed=True), id="right to left"),
]


@pytest.fixture
def dressed(qapp: QApplication) -> Iterator[Callable[[Way], None]]:
    """Words and direction of the program; all is as before afterwards."""
    words = LongWords()

    def dress(way: Way) -> None:
        if way.long:
            qapp.installTranslator(words)
        if way.reversed:
            qapp.setLayoutDirection(Qt.LayoutDirection.RightToLeft)

    yield dress
    qapp.removeTranslator(words)
    qapp.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
    fonts.dress(qapp, 1.0)


async def all_fit(window: MainWindow, what: str) -> None:
    """As soon as what was fetched is laid out."""
    window.resize(MIN_WIDTH, MIN_HEIGHT)
    for _ in range(TURNS):
        await asyncio.sleep(0)
    try:
        await until(lambda: not misfits(window), timeout_s=SETTLED_S)
    except TimeoutError:
        assert misfits(window) == [], what
    assert (window.width(), window.height()) == (MIN_WIDTH, MIN_HEIGHT)


@pytest.mark.parametrize("way", WAYS)
def test_nothing_overflows_or_is_cut(
    drive: Drive, tmp_path: Path, way: Way, dressed: Callable[[Way], None]
) -> None:
    dressed(way)

    async def story() -> None:
        for name in ("mira", "dario"):
            before = await started(tmp_path / name)
            before._profile.set_setting(TEXT_SETTING, way.percent)
            await before.close()
        mira = await host(tmp_path / "mira")
        window = window_of(mira)
        window.close_panel()
        dario = await join(tmp_path / "dario", mira.host.state.addresses[0])
        await all_fit(window, "list")
        for desktop in (mira, dario):
            chat = open_chat(desktop)
            chat.open(chat.account.rooms[0].room_id)
        write(conversation(dario), "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz")
        await until(lambda: len(messages(conversation(mira))) == 1, timeout_s=PATIENCE_S)
        await all_fit(window, "conversation")
        view = conversation(mira)
        view._reply(messages(view)[0])
        view.composer.setPlainText("one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine")
        await all_fit(window, "reply")
        open_chat(mira).toggle_details()
        await all_fit(window, "details")
        for panel in (window._jump, window._new, window._invite, window._shortcuts, window._settings):
            panel()
            await all_fit(window, panel.__name__)
        window.close_panel()
        await until(lambda: mira.host.state.connected == 1, timeout_s=PATIENCE_S)
        window.close()
        assert window.panel is not None
        await all_fit(window, "closing")
        window.close_panel()
        await mira.host.stop()
        bar = open_chat(dario).bar
        await until(partial(bar.isVisible), timeout_s=PATIENCE_S)
        await all_fit(window_of(dario), "offline")
        window_of(dario).add_account()
        await all_fit(window_of(dario), "start")
        window_of(dario).start.welcome.host.click()
        await all_fit(window_of(dario), "hosting")
        await dario.close()
        await mira.close()

    drive(story)
