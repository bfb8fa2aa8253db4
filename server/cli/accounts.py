"""What is done to a server's data beside it: its identity, passwords, invites, keys."""

from __future__ import annotations

import asyncio
import getpass
import os
import sys
from pathlib import Path
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


@app.command
def certificate(
    *hosts: str,
    out: Path,
    config: ConfigFile = None,
    flags: Annotated[Flags, Parameter(name="*")] = NO_FLAGS,
) -> int:
    """Write a TLS certificate and its key, signed by the server's identity, for a proxy in front of it.

    Clients check that the certificate is the server's own, whoever ends TLS; it is good for a year.

    Args:
        hosts: The names and addresses that clients use.
        out: The folder for tls.crt and tls.key.
    """
    from server.offline import certificate as signed

    def told() -> None:
        settings = loaded_from(config, flags).settings
        for name, pem in zip(("tls.crt", "tls.key"), signed(settings, hosts), strict=True):
            write_private(out / name, pem)
            print(out / name)

    return in_words(told)


def write_private(path: Path, content: bytes) -> None:
    """A file that only its owner can read, in place of what was there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)


@app.command
def create_admin(
    username: str,
    *,
    display_name: str = "",
    promote: bool = False,
    config: ConfigFile = None,
    flags: Annotated[Flags, Parameter(name="*")] = NO_FLAGS,
) -> int:
    """Make an account that is an admin; the password is read from the terminal or standard input.

    An embedded server must not run.

    Args:
        username: Signs in with it.
        display_name: How others see it; the user name where it is not given.
        promote: Make an account that is there already an admin, and ask for no password.
    """
    from common.protocol.rest import Register
    from server.offline import create_admin as create
    from server.offline import promote_to_admin

    def told() -> None:
        settings = loaded_from(config, flags).settings
        if promote:
            asyncio.run(promote_to_admin(settings, username))
        else:
            password = ask_password("Password: ")
            asyncio.run(create(settings, Register(username, display_name or username, password)))
        print(f"{username} is an admin")

    return in_words(told)


def ask_password(prompt: str) -> str:
    """From the terminal without showing it, or the next line of standard input."""
    return getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
