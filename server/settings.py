"""Settings: defaults, overridden by ``PARLEY_*`` in the environment, overridden by flags."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import msgspec

from common.limits import Limits
from common.protocol.rest import Registration

DEFAULT_PORT: Final = 8470
DATABASE_FILE: Final = "parley.db"
KEYS_FOLDER: Final = "keys"
TOKEN_KEYS_FOLDER: Final = "tokens"  # noqa: S105 - the name of a folder
"""Within the folder of keys."""
BLOBS_FOLDER: Final = "blobs"
_LIMIT_PREFIX: Final = "PARLEY_LIMITS__"


class SettingsError(Exception):
    """A setting can't be used; one line that names it."""


class Role(StrEnum):
    """What a process of a server does: all of it, or one half of several processes."""

    ALL = "all"
    GATEWAY = "gateway"
    """Connections and REST."""
    CORE = "core"
    """Commits, receipts, typing, the relay of the outbox."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a server on embedded storage needs to know. ``port`` 0: any free one."""

    data: Path
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    name: str = "Parley"
    registration: Registration = Registration.OPEN
    """Until an admin sets another."""
    tls: bool = False
    """Also on loopback; any other address always has it."""
    limits: Limits = field(default_factory=Limits)

    database_url: str = ""
    """PostgreSQL, with Redis and Kafka in place of what one process holds; empty: embedded."""
    redis_url: str = ""
    kafka_servers: str = ""
    kafka_prefix: str = "parley."

    role: Role = Role.ALL
    """Other than ``all`` only with the three services."""
    ordinal: int = 0
    """Of a gateway among the gateways: where deliveries for its sessions go."""

    @property
    def secure(self) -> bool:
        """Whether connections are TLS under the server's identity."""
        return self.tls or not is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def limits_from(environment: Mapping[str, str]) -> Limits:
    """Limits with those that ``PARLEY_LIMITS__NAME`` changes; 0 switches one off.

    Raises:
        SettingsError: an unknown name or a value that is no number.
    """
    changed: dict[str, Any] = {}
    for key, value in environment.items():
        if key.startswith(_LIMIT_PREFIX):
            name = key.removeprefix(_LIMIT_PREFIX).lower()
            if name not in Limits.__struct_fields__:
                raise SettingsError(f"{key}: there is no such limit")
            changed[name] = value
    try:
        return msgspec.convert(changed, Limits, strict=False)
    except msgspec.ValidationError as problem:
        raise SettingsError(f"{_LIMIT_PREFIX}...: {problem}") from problem
