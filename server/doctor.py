"""``parley-server doctor``: each thing a server needs, in a line. A part of the composition.

Nothing is changed but for a file that is made in the data folder and removed again.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from common.errors import ParleyError
from common.ids import short_key
from server.infra import migrations
from server.infra.crypto.identity import ServerIdentity
from server.infra.folder_lock import FolderInUseError
from server.kernel.database import Database, SchemaBehindError
from server.kernel.failures import OperatorError
from server.kernel.meta import owner
from server.kernel.outbox import waiting_events
from server.settings import DATABASE_FILE, Role, Settings, unknown_variables
from server.stores import choose_database, kafka_brokers

if TYPE_CHECKING:
    from server.infra.kafka.inspect import ClusterFacts

_TIMEOUT_S: Final = 20.0
_GIB: Final = 1024**3
_DISK_LOW: Final = _GIB
_DISK_FULL: Final = _GIB // 8
_SKEW_WARNING_S: Final = 1.0
_SKEW_FAILED_S: Final = 30.0
_LAG: Final = 10_000
_OUTBOX: Final = 1_000
_SAFE_COPIES: Final = 2


class Verdict(StrEnum):
    """How it stands with one thing."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line."""

    verdict: Verdict
    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.verdict:<7}  {self.subject}: {self.text}"


def ok(subject: str, text: str) -> Finding:
    """As it should be."""
    return Finding(Verdict.OK, subject, text)


def warning(subject: str, text: str) -> Finding:
    """It works, and should be looked at."""
    return Finding(Verdict.WARNING, subject, text)


def failed(subject: str, text: str) -> Finding:
    """A server would not start, or not serve."""
    return Finding(Verdict.FAILED, subject, text)


Step = Callable[[Settings], Awaitable[list[Finding]]]


async def examine(settings: Settings, environment: Mapping[str, str]) -> AsyncIterator[Finding]:
    """Finding after finding; what fails does not hinder the next."""
    yield ok("settings", f"role {settings.role}, {'standalone' if settings.standalone else 'embedded'}")
    for name in unknown_variables(environment):
        yield warning("settings", f"{name} in the environment is no setting: mistyped?")
    for finding in (*_folder(settings), *_identity(settings), _port(settings)):
        yield finding
    steps: list[tuple[str, Step]] = [("database", _database)]
    if settings.standalone:
        steps += [("redis", _redis), ("kafka", _kafka)]
    for subject, step in steps:
        for finding in await _within(subject, step, settings):
            yield finding


async def _within(subject: str, step: Step, settings: Settings) -> list[Finding]:
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            return await step(settings)
    except TimeoutError:
        return [
            failed(subject, f"no answer within {_TIMEOUT_S:g} s: is the address right, and the network open?")
        ]
    except (ParleyError, OperatorError, OSError, ValueError) as problem:
        return [failed(subject, str(problem))]


def _folder(settings: Settings) -> Iterator[Finding]:
    folder = settings.data
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as problem:
        yield failed(
            "data", f"{folder} can't be written to ({problem.strerror}): change its permissions, or --data"
        )
        return
    made = "" if folder == settings.data else f"; the first start makes {settings.data}"
    yield ok("data", f"{folder} can be written to{made}")
    free = shutil.disk_usage(folder).free
    text = f"{free / _GIB:.1f} GiB free"
    if free < _DISK_FULL:
        yield failed("disk", f"{text}: messages are refused when it is full; make room")
    elif free < _DISK_LOW:
        yield warning("disk", f"{text}: make room soon")
    else:
        yield ok("disk", text)


def _identity(settings: Settings) -> Iterator[Finding]:
    path = settings.identity_path
    if not path.exists():
        yield (warning if settings.standalone else ok)(
            "identity", f"there is no key at {path}; the first start makes one"
        )
        return
    try:
        found = ServerIdentity(path).server_id
    except (OperatorError, OSError, ValueError) as problem:
        yield failed("identity", f"{path} can't be used ({problem}): restore it from a backup")
        return
    yield ok("identity", short_key(found))
    if os.name == "posix" and path.stat().st_mode & 0o077:
        yield warning("identity", f"others may read {path}: chmod 600")


def _port(settings: Settings) -> Finding:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    address = f"{settings.host} port {settings.port}"
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            else:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((settings.host, settings.port))
        except OSError as problem:
            return warning("port", f"{address}: {problem.strerror}; fine if this server runs already")
    return ok("port", f"{address} is free")


async def _database(settings: Settings) -> list[Finding]:
    if not settings.standalone and not (settings.data / DATABASE_FILE).exists():
        return [ok("database", "there is none yet; the first start makes it")]
    database = choose_database(settings, migrate=False)
    try:
        await database.start()
    except FolderInUseError:
        return [ok("database", f"a server runs on {settings.data}; what it says is at its /readyz")]
    except SchemaBehindError as behind:
        return [failed("database", behind.message)]
    try:
        findings = [ok("database", f"schema {len(migrations.load())}, as this program needs it")]
        findings += await _owner(settings, database)
        if settings.standalone:
            findings += await _postgres(settings, database)
        rows = await database.read(waiting_events, _OUTBOX + 1)
        findings.append(
            warning("outbox", f"more than {_OUTBOX} events wait: does a core run, and does Kafka answer?")
            if rows > _OUTBOX
            else ok("outbox", f"{rows} events wait")
        )
        return findings
    finally:
        await database.stop()


async def _owner(settings: Settings, database: Database) -> list[Finding]:
    known = await database.read(owner)
    path = settings.identity_path
    if known is None:
        return [ok("owner", "the database is nobody's yet")]
    if not path.exists():
        return [
            failed("owner", f"the database is of {short_key(known)}, whose key is not at {path}: restore it")
        ]
    mine = ServerIdentity(path).server_id
    if known != mine:
        return [
            failed(
                "owner", f"the database is of {short_key(known)}, the key of {short_key(mine)}: give its own"
            )
        ]
    return [ok("owner", "the database is of this identity")]


async def _postgres(settings: Settings, database: Database) -> list[Finding]:
    from server.infra.postgres.inspect import facts

    found = await database.read(facts)
    findings = [ok("postgresql", f"version {found.version}"), _skew("postgresql", found.now_s)]
    if settings.database_connections > found.most_connections // 2:
        findings.append(
            warning(
                "postgresql",
                f"it allows {found.most_connections} connections, each process here may take "
                f"{settings.database_connections}: raise max_connections, or put PgBouncer before it",
            )
        )
    return findings


async def _redis(settings: Settings) -> list[Finding]:
    from server.infra.redis.inspect import inspect

    found = await inspect(settings.redis_url)
    findings = [ok("redis", f"version {found.version}"), _skew("redis", found.now_s)]
    if found.evicts:
        findings.append(warning("redis", "it evicts keys when it is full: maxmemory-policy noeviction"))
    return findings


async def _kafka(settings: Settings) -> list[Finding]:
    from server.infra.kafka.inspect import inspect

    found = await inspect(kafka_brokers(settings), settings.kafka_prefix)
    findings = [ok("kafka", f"{found.brokers} brokers")]
    if not found.topics:
        findings.append(
            ok("topics", f"there are none with {settings.kafka_prefix!r} yet; the first start makes them")
        )
    findings += _topics(settings, found)
    for group, lag in sorted(found.lag.items()):
        if lag > _LAG:
            findings.append(
                warning("lag", f"{group} is {lag} records behind: do cores run, and enough of them?")
            )
    most = max(found.lag.values(), default=0)
    if most <= _LAG:
        findings.append(ok("lag", f"no group is more than {most} records behind"))
    return findings


def _topics(settings: Settings, found: ClusterFacts) -> Iterator[Finding]:
    copies = min(_SAFE_COPIES, found.brokers)
    for name, topic in sorted(found.topics.items()):
        if settings.role is Role.GATEWAY and settings.ordinal >= topic.partitions:
            yield warning(
                "topics",
                f"{name} has {topic.partitions} partitions, and this is gateway {settings.ordinal}: it "
                "shares one with another, and each reads what is for both. Give the topic more",
            )
        elif topic.in_sync < topic.copies:
            yield warning("topics", f"{name}: {topic.in_sync} of {topic.copies} copies are in sync")
        elif topic.copies < copies:
            yield warning(
                "topics", f"{name}: {topic.copies} copy; a broker that is lost takes what is under way along"
            )
        else:
            yield ok("topics", f"{name}: {topic.partitions} partitions, {topic.copies} copies")


def _skew(subject: str, now_s: float) -> Finding:
    skew = now_s - time.time()
    text = f"its clock is {abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} this machine's"
    if abs(skew) > _SKEW_FAILED_S:
        return failed(subject, f"{text}: set both by NTP")
    if abs(skew) > _SKEW_WARNING_S:
        return warning(subject, f"{text}: set both by NTP")
    return ok(subject, text)
