"""Which room of each account was open, for the next start."""

from __future__ import annotations

from typing import Final

from desktop.services.api import Account
from desktop.views.context import Context

SETTING: Final = "open_rooms"


def remember(context: Context, account: Account, room_id: str | None) -> None:
    """It is open now; None: the list alone. What is kept of accounts that are gone goes with this."""
    known = {one.info.account_id for one in context.accounts.items}
    kept = {key: room for key, room in _kept(context).items() if key in known}
    kept.pop(account.info.account_id, None)
    if room_id is not None:
        kept[account.info.account_id] = room_id
    context.settings.set_setting(SETTING, kept)


def remembered(context: Context, account: Account) -> str | None:
    """The room that was open; one may be no member any more."""
    return _kept(context).get(account.info.account_id)


def _kept(context: Context) -> dict[str, str]:
    return context.settings.setting(SETTING, dict[str, str], {})
