"""The bar above a conversation: what is wrong, and what "Try now" does."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from desktop.services.state import HostState, Link, LinkState
from desktop.views.page.bar import OfflineBar, bar_text
from desktop.views.page.roompane import RoomPane
from tests.support.fake_account import FakeAccount, FakeHost, FakeShell, context

BUSY = "Port 8930 is taken by another program."


def bar(qtbot: QtBot, account: FakeAccount, host: FakeHost, shell: FakeShell | None = None) -> OfflineBar:
    made = OfflineBar(context(account, host=host, shell=shell), account.real)
    qtbot.addWidget(made)
    made.resize(360, 60)
    return made


@pytest.fixture
def hosted() -> FakeAccount:
    """Not started: it waits for the server in this program."""
    account = FakeAccount()
    account.set_info(hosted_here=True)
    account.set_link(LinkState(link=Link.CONNECTING))
    return account


def test_why_the_server_of_this_computer_does_not_run_is_said_as_long_as_it_does_not(
    qtbot: QtBot, hosted: FakeAccount
) -> None:
    host = FakeHost()
    made = bar(qtbot, hosted, host)
    pane = RoomPane(context(hosted, host=host), hosted.real)
    qtbot.addWidget(pane)
    assert made.isHidden()
    assert pane.status == "Connecting…"
    host.set_state(HostState(running=False, problem=BUSY))
    assert not made.isHidden()
    assert made.text == f"{BUSY} You can keep writing."
    assert pane.status == "Offline"
    host.set_state(HostState(running=True))
    assert made.isHidden()
    assert pane.status == "Connecting…"


def test_try_now_starts_the_server_and_says_if_it_fails_again(qtbot: QtBot, hosted: FakeAccount) -> None:
    host, shell = FakeHost(), FakeShell()
    made = bar(qtbot, hosted, host, shell)
    host.set_state(HostState(running=False, problem=BUSY))
    host.refusal = BUSY
    made.retry.click()
    assert shell.said == [BUSY]
    host.refusal = ""
    made.retry.click()
    assert (host.started, hosted.tried) == (2, 0)
    assert made.isHidden()
    # The link itself, once the server runs.
    hosted.set_link(LinkState(link=Link.WAITING, retry_at=1.0))
    made.retry.click()
    assert (host.started, hosted.tried) == (2, 1)


def test_a_server_that_was_stopped_here_is_no_riddle(qtbot: QtBot, hosted: FakeAccount) -> None:
    made = bar(qtbot, hosted, FakeHost())
    hosted.set_link(LinkState(link=Link.WAITING, retry_at=1.0, reason="Nothing listens at 127.0.0.1."))
    assert made.text == "The server on this computer does not run. You can keep writing."


def test_another_server_has_nothing_to_do_with_the_one_here(qtbot: QtBot) -> None:
    account, host = FakeAccount(), FakeHost()
    made = bar(qtbot, account, host)
    host.set_state(HostState(running=False, problem=BUSY))
    assert made.isHidden()
    account.set_link(LinkState(link=Link.WAITING, retry_at=1.0, reason="Nobody answers."))
    made.resize(900, 60)
    assert made.text.startswith("Nobody answers.")
    made.retry.click()
    assert account.tried == 1


def test_the_words_of_the_bar() -> None:
    state = LinkState(link=Link.WAITING, retry_at=12.0, waiting=2, reason="Nobody answers.")
    assert bar_text(state, 10.0) == (
        "Nobody answers. You can keep writing. 2 messages wait. Next try in 2 s."
    )
    assert bar_text(state, 10.0, short=True).startswith("Offline. ")
