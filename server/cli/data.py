"""What is done to a server's data as a whole: its schema, backups, the way to PostgreSQL."""

from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from common.address import parse_address
from common.ids import short_key
from server.cli.app import FAILED, NO_FLAGS, ConfigFile, Flags, app, fail, in_words, loaded_from
from server.settings import SettingsError

if TYPE_CHECKING:
    from server.transfer.archive import Manifest
    from server.transfer.promotion import Outcome


@app.command
def migrate(
    *,
    check: bool = False,
    config: ConfigFile = None,
    flags: Annotated[Flags, Parameter(name="*")] = NO_FLAGS,
) -> int:
    """Bring the database up to date, and print what was applied.

    Processes that do it at once wait for each other. An embedded server must not run.

    Args:
        check: Change nothing; exit code 1 where something is missing.
    """
    from server.offline import migrate as apply
    from server.offline import missing_migrations

    missing: list[str] = []

    def told() -> None:
        settings = loaded_from(config, flags).settings
        missing.extend(asyncio.run((missing_migrations if check else apply)(settings)))
        for name in missing:
            print(f"{'missing' if check else 'applied'}: {name}")
        if not missing:
            print("the database is up to date")

    code = in_words(told)
    if code == 0 and check and missing:
        return fail("the database is behind: run parley-server migrate", FAILED)
    return code


@app.command
def backup(
    file: Path,
    *,
    with_keys: bool = False,
    config: ConfigFile = None,
    flags: Annotated[Flags, Parameter(name="*")] = NO_FLAGS,
) -> int:
    """Write all data to FILE, one snapshot of them; the server may run.

    Args:
        file: Replaced if it exists. Whoever reads it reads every message.
        with_keys: The server's identity key too: whoever has that is the server to all who pinned it.
    """
    from server.transfer.backup import backup as write

    return in_words(
        lambda: _tell(
            f"written: {file}",
            asyncio.run(write(loaded_from(config, flags).settings, file, with_keys=with_keys)),
        )
    )


@app.command
def verify(file: Path) -> int:
    """Read all of a backup, and say whether it can be restored; needs no settings.

    Args:
        file: What backup wrote.
    """
    from server.transfer.restore import verify as read

    return in_words(lambda: _tell(f"whole: {file}", read(file)))


@app.command
def restore(
    file: Path,
    *,
    replace: bool = False,
    config: ConfigFile = None,
    flags: Annotated[Flags, Parameter(name="*")] = NO_FLAGS,
) -> int:
    """Put back what FILE holds, verified first; all of it or nothing. No server may run.

    People's desktops load what they show anew, and keep what they have not sent yet.

    Args:
        file: What backup wrote, embedded or on PostgreSQL.
        replace: Delete what is there; without it the target has to be empty.
    """
    from server.transfer.restore import restore as put_back

    def told() -> None:
        settings = loaded_from(config, flags).settings
        _tell(f"restored: {file}", asyncio.run(put_back(settings, file, replace=replace)))
        if not settings.identity_path.exists():
            print(f"to do: put the server's identity key at {settings.identity_path} before you start it")

    return in_words(told)


@app.command
def promote(
    *,
    source: Annotated[Path, Parameter(name="--from")],
    url: str = "",
    dry_run: bool = False,
    anew: bool = False,
    close: bool = False,
    config: Annotated[ConfigFile, Parameter(name=["--config", "--to"])] = None,
    flags: Annotated[Flags, Parameter(name="*")] = NO_FLAGS,
) -> int:
    """Carry an embedded server to PostgreSQL: accounts, history, pictures, keys. It may not run meanwhile.

    Killed or failed: run it again, and it goes on. It is done when every table of both sides is equal;
    from then on the old data are not served any more, and desktops that ask there come to the new address.

    Args:
        source: The folder of the embedded server; of a desktop that hosts: "server" in its profile. The very
            folder and no copy: it is the one that is closed.
        url: Where the server will be reached, as people's desktops see it.
        dry_run: Tell what would be carried and whether it could be; change nothing.
        anew: Also a server that moved before, to a database that has nothing of it.
        close: Also close a folder that is not what was carried: a copy, or a backup that was put back and
            perhaps used. What is in it alone is lost.
        config: A TOML file of the target's settings.
    """
    from server.transfer.promotion import promote as carry

    def told() -> None:
        address = "" if dry_run and not url else _address(url)
        settings = loaded_from(config, flags).settings
        outcome = asyncio.run(carry(source, settings, url=address, dry_run=dry_run, anew=anew, close=close))
        _tell_promotion(outcome, address)
        if not outcome.dry:
            print(f"closed: {source} is not served any more, and says where the server is")

    return in_words(told)


def _address(url: str) -> str:
    if not url:
        raise SettingsError("--url is missing: where will the server be reached?")
    try:
        address = parse_address(url)
    except ValueError as problem:
        raise SettingsError(f"--url {url}: {problem}") from problem
    if address.secure is False and not address.is_loopback:
        raise SettingsError(f"--url {url}: desktops speak only TLS to another machine")
    return address.base_url(secure=address.secure is not False)


def _tell(title: str, manifest: Manifest) -> None:
    made = dt.datetime.fromtimestamp(manifest.made_at_ms / 1_000, dt.UTC)
    print(title)
    print(f"server {short_key(manifest.server_id)}, schema {manifest.schema}, made {made:%Y-%m-%d %H:%M:%SZ}")
    print(
        "the server's identity key is in it" if manifest.identity_sha256 else "the identity key is not in it"
    )
    for name, table in manifest.tables.items():
        print(f"{name:<16}{table.rows:>12,}  {table.sha256[:16]}")


def _tell_promotion(outcome: Outcome, url: str) -> None:
    for each in outcome.tables:
        verdict = "" if each.target is None else "  equal"
        print(f"{each.name:<16}{each.source.rows:>12,}  {each.source.sha256[:16]}{verdict}")
    key = short_key(outcome.server_id)
    if outcome.dry:
        print(f"the server {key} can be promoted; nothing was changed")
    elif outcome.again:
        print(f"the server {key} was promoted before; its address is {url}")
    else:
        print(f"the server {key} is promoted: serve it there now; its address is {url}")
