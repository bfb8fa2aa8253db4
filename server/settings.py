"""Settings: defaults, overridden by a TOML file, by ``PARLEY_*`` in the environment, by flags.

Each is a field of ``Settings`` and nowhere else: its flag, its variable and its line in the file, what
``--help`` says of it and whether ``parley-server config`` hides it follow from there.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, get_type_hints

import msgspec
from msgspec import Meta

from common.limits import Limits
from common.protocol.rest import Registration

DEFAULT_PORT: Final = 8470
DATABASE_FILE: Final = "parley.db"
KEYS_FOLDER: Final = "keys"
IDENTITY_FILE: Final = "identity.pem"
"""Within the folder of keys."""
TOKEN_KEYS_FOLDER: Final = "tokens"  # noqa: S105 - the name of a folder
"""Within the folder of keys."""
BLOBS_FOLDER: Final = "blobs"

ENVIRONMENT_PREFIX: Final = "PARLEY_"
CONFIG_VARIABLE: Final = "PARLEY_CONFIG"
_LIMIT_PREFIX: Final = "PARLEY_LIMITS__"
_LIMITS: Final = "limits"
_HIDDEN: Final = "***"
_URL: Final = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://"
    # Nowhere a character that could be of a password that is not encoded: / ? # [ ], another : or @.
    r"(?:(?P<user>[\w.~%!$&'()*+,;=-]*)(?::(?P<password>[\w.~%!$&'()*+,;=-]*))?@)?"
    r"(?P<hosts>(?:(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?:,[\w.-]+(?::\d{1,5})?)*)?)"
    r"(?P<path>(?:/[\w.~%-]*)*)"
    r"(?:\?(?P<query>[^?#@]*))?",
    re.ASCII,
).fullmatch
_NAMED_ALONE: Final = frozenset({"postgresql", "postgres"})
"""Of these a user may have no password; of others one without is hidden."""


class SettingsError(Exception):
    """A setting can't be used; one line that names it and where it came from."""


class Role(StrEnum):
    """What a process of a server does: all of it, or one half of several processes."""

    ALL = "all"
    GATEWAY = "gateway"
    """Connections and REST."""
    CORE = "core"
    """Commits, receipts, typing, the relay of the outbox."""


class LogFormat(StrEnum):
    """How a line of the log looks."""

    TEXT = "text"
    """For people."""
    JSON = "json"
    """For what collects logs: an object a line."""


class LogLevel(StrEnum):
    """The least that is logged."""

    DEBUG = "debug"
    """Also each message on its way, by its ids."""
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class KafkaProtocol(StrEnum):
    """How brokers are spoken to, as Kafka names it."""

    PLAINTEXT = "PLAINTEXT"
    SSL = "SSL"
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    SASL_SSL = "SASL_SSL"


class SaslMechanism(StrEnum):
    """How a client shows to brokers who it is."""

    PLAIN = "PLAIN"
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"


def _secret(description: str) -> Meta:
    return Meta(description=description, extra={"secret": True})


def _secret_url(description: str) -> Meta:
    return Meta(description=description, extra={"secret": True, "url": True})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a server needs to know. Without the three services it stands on embedded storage in ``data``."""

    data: Annotated[Path, Meta(description="The folder of everything; made if it does not exist.")]
    host: Annotated[str, Meta(description="The address to listen on; anything but loopback is TLS.")] = (
        "127.0.0.1"
    )
    port: Annotated[int, Meta(description="0 takes any free one.", ge=0, le=65_535)] = DEFAULT_PORT
    name: Annotated[
        str, Meta(description="What people see as the server's name, until an admin changes it.")
    ] = "Parley"
    registration: Annotated[
        Registration, Meta(description="Who may make an account, until an admin sets another.")
    ] = Registration.OPEN
    tls: Annotated[bool, Meta(description="TLS also on loopback.")] = False
    limits: Annotated[
        Limits, Meta(description="Rates and sizes, as limits.NAME; PARLEY_LIMITS__NAME in the environment.")
    ] = field(default_factory=Limits)
    identity_file: Annotated[
        Path | None, Meta(description="The server's identity key (PEM), where it is not in DATA/keys.")
    ] = None

    database_url: Annotated[
        str, _secret_url("PostgreSQL, as libpq has it; with Redis and Kafka, or none of them.")
    ] = ""
    database_connections: Annotated[int, Meta(description="The most that one process opens.", ge=2)] = 10
    database_prepared: Annotated[
        bool, Meta(description="Prepared statements; not behind PgBouncer in transaction mode.")
    ] = True
    migrate_at_start: Annotated[
        bool, Meta(description="Bring the database up to date at start; if not, parley-server migrate does.")
    ] = True
    redis_url: Annotated[str, _secret_url("Presence, routes and rate limits.")] = ""
    kafka_servers: Annotated[str, Meta(description="The event bus, as host:port,...")] = ""
    kafka_security_protocol: Annotated[
        KafkaProtocol,
        Meta(description="Whether Kafka is spoken to by TLS (SSL), and signed in to (SASL)."),
    ] = KafkaProtocol.PLAINTEXT
    kafka_ca_file: Annotated[
        Path | None,
        Meta(description="Who signed Kafka's certificates (PEM), if not whom the system knows."),
    ] = None
    kafka_sasl_mechanism: Annotated[SaslMechanism, Meta(description="How to sign in to Kafka.")] = (
        SaslMechanism.PLAIN
    )
    kafka_username: Annotated[str, Meta(description="To sign in to Kafka with.")] = ""
    kafka_password: Annotated[str, _secret("To sign in to Kafka with.")] = ""
    kafka_prefix: Annotated[
        str, Meta(description="Of this server's topics and groups, where several share a cluster.")
    ] = "parley."
    kafka_partitions: Annotated[
        int,
        Meta(
            description="Of a topic that does not exist yet: at least one a gateway; each has its cost.",
            ge=1,
        ),
    ] = 4
    kafka_replication: Annotated[
        int, Meta(description="Copies of a topic that does not exist yet.", ge=1)
    ] = 1

    role: Annotated[
        Role, Meta(description="What this process does: all, or as one of several gateway or core.")
    ] = Role.ALL
    ordinal: Annotated[
        int, Meta(description="Of a gateway: its number among the gateways, from 0.", ge=0)
    ] = 0

    drain_s: Annotated[
        float,
        Meta(description="How long a server that was told to end goes on with what is under way.", gt=0),
    ] = 20.0
    metrics_token: Annotated[
        str, _secret("Who sends it as a bearer token may read /metrics from another machine.")
    ] = ""
    otel_endpoint: Annotated[
        str,
        _secret_url("Base address of an OpenTelemetry collector (OTLP by HTTP); needs the extra otel."),
    ] = ""
    log_format: Annotated[LogFormat, Meta(description="Of the log on standard error.")] = LogFormat.TEXT
    log_level: Annotated[LogLevel, Meta(description="The least that is logged.")] = LogLevel.INFO

    @property
    def secure(self) -> bool:
        """Whether connections are TLS under the server's identity."""
        return self.tls or not is_loopback(self.host)

    @property
    def standalone(self) -> bool:
        """Whether it stands on PostgreSQL, Redis and Kafka."""
        return bool(self.database_url)

    @property
    def identity_path(self) -> Path:
        """Where the server's identity key is, or will be made."""
        return self.identity_file or self.data / KEYS_FOLDER / IDENTITY_FILE


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and where each that is not a default came from."""

    settings: Settings
    origins: Mapping[str, str]


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def hints() -> dict[str, Any]:
    """The type of each setting, with its ``Meta``."""
    return get_type_hints(Settings, include_extras=True)


def load(*, flags: Mapping[str, object], environment: Mapping[str, str], file: Path | None = None) -> Loaded:
    """Settings from all sources; ``flags`` that are None were not given.

    Raises:
        SettingsError: a value can't be used, a file can't be read, a name in it is unknown.
    """
    named = environment.get(CONFIG_VARIABLE)
    path = file or (Path(named) if named else None)
    layers = [
        *([] if path is None else [_from_file(path)]),
        _from_environment(environment),
        {name: (_flag(name), value) for name, value in flags.items() if value is not None},
    ]
    known = hints()
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for layer in layers:
        for name, (origin, value) in layer.items():
            changed = _with_limits(values.get(name), value) if name == _LIMITS else value
            values[name] = _converted(changed, known[name], origin)
            origins[name] = origin
    for each in fields(Settings):
        if each.default is MISSING and each.default_factory is MISSING and each.name not in values:
            raise SettingsError(f"{each.name} is missing: give {_flag(each.name)} or {_variable(each.name)}")
    return Loaded(Settings(**values), origins)


def shown(loaded: Loaded) -> list[str]:
    """The effective settings as lines of a TOML file, secrets hidden, where they came from behind them."""
    lines = []
    tail = []
    for name, hint in hints().items():
        value = getattr(loaded.settings, name)
        origin = loaded.origins.get(name, "default")
        if name == _LIMITS:
            tail = ["", f"[{_LIMITS}]", *_shown_limits(value)]
        elif value is not None:
            hidden = _hidden(value, url=_has(hint, "url")) if _has(hint, "secret") else value
            lines.append(f"{name} = {_toml(hidden)}  # {origin}")
    return lines + tail


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Those that look like settings and are none: a slip of the pen, or another program's."""
    known = {CONFIG_VARIABLE, *(_variable(name) for name in hints() if name != _LIMITS)}
    return sorted(
        name
        for name in environment
        if name.startswith(ENVIRONMENT_PREFIX) and name not in known and not name.startswith(_LIMIT_PREFIX)
    )


def likely_variable(name: str) -> str | None:
    """The setting that an unknown variable was probably meant to be."""
    known = [CONFIG_VARIABLE, *(_variable(each) for each in hints() if each != _LIMITS)]
    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.8)), None)


def _from_file(path: Path) -> dict[str, tuple[str, Any]]:
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise SettingsError(f"{path}: {problem.strerror or problem}") from problem
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise SettingsError(f"{path}: {problem}") from problem
    known = hints()
    for name in found:
        if name not in known:
            raise SettingsError(f"{path}: there is no setting {name}")
    return {name: (f"{path}, {name}", value) for name, value in found.items()}


def _from_environment(environment: Mapping[str, str]) -> dict[str, tuple[str, Any]]:
    found: dict[str, tuple[str, Any]] = {}
    for name in hints():
        variable = _variable(name)
        if name != _LIMITS and environment.get(variable):
            found[name] = (variable, environment[variable])
    limits = {
        key.removeprefix(_LIMIT_PREFIX).lower(): value
        for key, value in environment.items()
        if key.startswith(_LIMIT_PREFIX)
    }
    if limits:
        found[_LIMITS] = (f"{_LIMIT_PREFIX}...", limits)
    return found


def _with_limits(before: Limits | None, changed: object) -> object:
    """Limits are merged by name, not replaced as one."""
    if not isinstance(changed, Mapping):
        return changed
    known = {str(name).lower().replace("-", "_"): value for name, value in changed.items()}
    for name in known:
        if name not in Limits.__struct_fields__:
            raise SettingsError(f"{_LIMITS}: there is no limit {name}")
    return {**({} if before is None else msgspec.to_builtins(before)), **known}


def _converted(value: object, hint: Any, origin: str) -> Any:  # noqa: ANN401 - of the setting's type
    try:
        return msgspec.convert(value, hint, strict=False, dec_hook=_decoded)
    except msgspec.ValidationError as problem:
        raise SettingsError(f"{origin}: {problem}") from problem


def _decoded(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str | Path):
        return Path(value)
    raise msgspec.ValidationError(f"expected {kind.__name__}")


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _variable(name: str) -> str:
    return f"{ENVIRONMENT_PREFIX}{name.upper()}"


def _has(hint: Any, mark: str) -> bool:  # noqa: ANN401 - a type
    return any((meta.extra or {}).get(mark) for meta in getattr(hint, "__metadata__", ()))


def _hidden(value: str, *, url: bool) -> str:
    """A URL without what is secret in it, where there is no doubt what that is; anything else not at all."""
    found = _URL(value) if url else None
    if not value or found is None:
        return _HIDDEN if value else ""
    user = found["user"] or ""
    if found["password"] is None and found["scheme"] not in _NAMED_ALONE:
        # Who forgot the colon has put a password there.
        user = _HIDDEN if user else ""
    secret = "" if found["password"] is None else f":{_HIDDEN}"
    at = "" if found["user"] is None else "@"
    query = "" if found["query"] is None else f"?{_HIDDEN}"
    return f"{found['scheme']}://{user}{secret}{at}{found['hosts']}{found['path']}{query}"


def _shown_limits(limits: Limits) -> list[str]:
    usual = Limits()
    return [
        f"{name} = {_toml(value)}  # {'default' if value == getattr(usual, name) else 'set'}"
        for name, value in msgspec.structs.asdict(limits).items()
    ]


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    # A JSON string is a TOML string.
    return msgspec.json.encode(str(value)).decode()
