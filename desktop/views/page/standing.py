"""How an account stands, as bar and list say it: its link, or the server in this program it waits for."""

from __future__ import annotations

from dataclasses import replace

from desktop.services.api import Account
from desktop.services.state import HostState, Link, LinkState
from desktop.ui.i18n import tr


def standing(account: Account, host: HostState) -> LinkState:
    """The link's state. Of an account on the server in this program the reason is the server's own: the link
    waits for it, and could only say that nobody listens.
    """
    state = account.link
    if not account.info.hosted_here or host.running:
        return state
    if host.problem and state.link in {Link.CONNECTING, Link.WAITING}:
        return replace(state, link=Link.WAITING, reason=host.problem, retry_at=None)
    if state.link is Link.WAITING:
        return replace(state, reason=tr("The server on this computer does not run."), retry_at=None)
    return state
