"""What is done to a server's data beside it: its identity, passwords, invites, keys."""

from __future__ import annotations

import asyncio
import getpass
import sys
from typing import Annotated

from cyclopts import Parameter

from common.ids import short_key
from server.cli.app import NO_FLAGS, ConfigFile, Flags, app, in_words, loaded_from


@app.command
def identity(*, config: ConfigFile = None, flags: Annotated[Flags, Parameter(name="*")] = NO_FLAGS) -> int:
    """Print the server id and the key to compare."""
    from server.offline import server_id

    def told() -> None:
        found = server_id(loaded_from(config, flags).settings)
        print(f"server id: {found}\nkey to compare: {short_key(found)}")

    return in_words(told)


@app.command
def reset_password(
    username: str, *, config: ConfigFile = None, flags: Annotated[Flags, Parameter(name="*")] = NO_FLAGS
) -> int:
    """Set a new password for USERNAME, read from the terminal or standard input.

    An embedded server must not run.

    Args:
        username: Whose password.
    """
    from server.offline import reset_password as reset

    def told() -> None:
        settings = loaded_from(config, flags).settings
        asyncio.run(reset(settings, username, ask_password("New password: ")))
        print(f"the password of {username} is set; all devices are signed out")

    return in_words(told)


@app.command
def invite(
    *,
    uses: int = 1,
    days: int = 7,
    config: ConfigFile = None,
    flags: Annotated[Flags, Parameter(name="*")] = NO_FLAGS,
) -> int:
    """Print a code that lets people make an account. An embedded server must not run.

    Args:
        uses: How many accounts it is good for.
        days: How long it is good.
    """
    from server.offline import make_invite

    return in_words(
        lambda: print(asyncio.run(make_invite(loaded_from(config, flags).settings, uses=uses, days=days)))
    )


@app.command
def rotate_keys(*, config: ConfigFile = None, flags: Annotated[Flags, Parameter(name="*")] = NO_FLAGS) -> int:
    """Make new keys for access tokens, after a leak; devices stay signed in.

    An embedded server must not run.
    """
    from server.offline import rotate_keys as rotate

    return in_words(
        lambda: print(f"keys removed: {asyncio.run(rotate(loaded_from(config, flags).settings))}")
    )


def ask_password(prompt: str) -> str:
    """From the terminal without showing it, or the next line of standard input."""
    return getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
