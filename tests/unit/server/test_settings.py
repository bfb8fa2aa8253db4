"""Where settings come from, in which order, and what is said of those that can't be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from common.protocol.rest import Registration
from server.settings import (
    KafkaProtocol,
    LogFormat,
    LogLevel,
    Role,
    SaslMechanism,
    SettingsError,
    hints,
    likely_variable,
    load,
    shown,
    unknown_variables,
)


def write(folder: Path, text: str) -> Path:
    path = folder / "parley.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_flags_go_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    file = write(
        tmp_path, 'data = "/file"\nport = 1\nname = "file"\nrole = "core"\n[limits]\nconnections = 5\n'
    )
    environment = {
        "PARLEY_CONFIG": str(file),
        "PARLEY_PORT": "2",
        "PARLEY_NAME": "environment",
        "PARLEY_TLS": "true",
        "PARLEY_LIMITS__ROOM_MEMBERS": "7",
    }
    loaded = load(flags={"name": "flag", "port": None}, environment=environment)
    settings = loaded.settings
    assert (settings.data, settings.port, settings.name) == (Path("/file"), 2, "flag")
    assert (settings.role, settings.tls) == (Role.CORE, True)
    assert (settings.limits.connections, settings.limits.room_members) == (5, 7)
    assert loaded.origins["name"] == "--name"
    assert loaded.origins["port"] == "PARLEY_PORT"
    assert loaded.origins["data"] == f"{file}, data"


def test_every_setting_has_a_variable(tmp_path: Path) -> None:
    values: dict[str, Any] = {
        "data": tmp_path,
        "registration": Registration.INVITE,
        "role": Role.GATEWAY,
        "log_format": LogFormat.JSON,
        "log_level": LogLevel.DEBUG,
        "identity_file": tmp_path / "key.pem",
        "kafka_ca_file": tmp_path / "ca.pem",
        "kafka_security_protocol": KafkaProtocol.SASL_SSL,
        "kafka_sasl_mechanism": SaslMechanism.SCRAM_SHA_512,
    }
    for name in hints():
        if name == "limits":
            continue
        usual = getattr(load(flags={"data": "x"}, environment={}).settings, name)
        other = not usual if isinstance(usual, bool) else "text" if isinstance(usual, str) else 3
        value = values.get(name, other)
        environment = {"PARLEY_DATA": "x", f"PARLEY_{name.upper()}": str(value)}
        assert getattr(load(flags={}, environment=environment).settings, name) == value, name


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "data is missing: give --data or PARLEY_DATA"),
        ({"PARLEY_PORT": "many"}, "PARLEY_PORT"),
        ({"PARLEY_PORT": "70000"}, "PARLEY_PORT"),
        ({"PARLEY_ROLE": "boss"}, "PARLEY_ROLE"),
        ({"PARLEY_DRAIN_S": "0"}, "PARLEY_DRAIN_S"),
        ({"PARLEY_LIMITS__NOTHING": "1"}, "there is no limit nothing"),
        ({"PARLEY_LIMITS__CONNECTIONS": "some"}, "PARLEY_LIMITS__"),
        ({"PARLEY_CONFIG": "not/there.toml"}, "there.toml"),
    ],
)
def test_what_cannot_be_used_is_named(environment: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError) as problem:
        load(flags={}, environment=environment)
    assert said in str(problem.value)
    assert "\n" not in str(problem.value)


@pytest.mark.parametrize("text", ["port = ", "prot = 1", "[limits]\nnothing = 1", "\x00"])
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError):
        load(flags={"data": "x"}, environment={}, file=write(tmp_path, text))


def test_what_is_shown_hides_secrets_and_can_be_read_again(tmp_path: Path) -> None:
    flags = {
        "data": "folder",
        "database_url": "postgresql://parley:geheim@db:5432/parley?sslpassword=geheim",
        "redis_url": "redis://:geheim@cache",
        "metrics_token": "geheim",
        "kafka_servers": "a:1,b:2",
        "name": 'Nelly\'s "ship" \\',
    }
    lines = shown(load(flags=flags, environment={"PARLEY_LIMITS__CONNECTIONS": "9"}))
    text = "\n".join(lines)
    assert "geheim" not in text
    assert 'database_url = "postgresql://parley:***@db:5432/parley?***"  # --database-url' in lines
    again = load(flags={}, environment={}, file=write(tmp_path, text)).settings
    assert (again.name, again.kafka_servers, again.limits.connections) == (flags["name"], "a:1,b:2", 9)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("database_url", "postgresql://u:pa/ss@h/db", "***"),
        ("database_url", "postgresql://u:pa#ss@h/db", "***"),
        ("database_url", "postgresql://u:pa?ss@h/db", "***"),
        ("database_url", "postgresql://u:pa[ss@h/db", "***"),
        ("database_url", "postgresql://u:pa@ss@h/db", "***"),
        ("database_url", "postgresql://u:1234/5@h/db", "***"),
        ("database_url", "postgresql://u:1234?5@h/db", "***"),
        ("database_url", "postgresql://u:pa%2Fss@h:1,i:2/db", "postgresql://u:***@h:1,i:2/db"),
        ("database_url", "postgresql://u@h/db", "postgresql://u@h/db"),
        ("database_url", "postgresql://u@h/db?password=x", "postgresql://u@h/db?***"),
        ("database_url", "host=h password=geheim", "***"),
        ("redis_url", "redis://[::1]:6379/0", "redis://[::1]:6379/0"),
        ("redis_url", "redis://geheim@h", "redis://***@h"),
        ("redis_url", "redis://:123456", "***"),
        ("redis_url", "geheim", "***"),
        ("redis_url", "", ""),
        ("otel_endpoint", "https://u:geheim@collector:4318", "https://u:***@collector:4318"),
        ("metrics_token", "prometheus:GEHEIM", "***"),
        ("metrics_token", "https://h/GEHEIM", "***"),
        ("kafka_password", "redis://h", "***"),
        ("kafka_password", "", ""),
    ],
)
def test_what_is_shown_of_a_secret(name: str, value: str, expected: str) -> None:
    lines = shown(load(flags={"data": "x", name: value}, environment={}))
    (line,) = [line for line in lines if line.startswith(f"{name} = ")]
    assert line.partition("  # ")[0] == f'{name} = "{expected}"'


SECRETS: Final = st.text(st.characters(codec="utf-8"), min_size=4, max_size=24)


@given(secret=SECRETS | st.text("0123456789abcd/?#@:[]%,;&=+ ", min_size=4, max_size=24))
@example(secret="1234/56")
@example(secret="prometheus:GEHEIM")
def test_no_piece_of_a_secret_is_shown(secret: str) -> None:
    pieces = [secret[start : start + 4] for start in range(len(secret) - 3)]
    # By chance one may be a piece of what is there without it.
    ordinary = shown_with("***")
    assume(not any(piece in ordinary for piece in pieces))
    text = shown_with(secret)
    assert not [piece for piece in pieces if piece in text]


def shown_with(secret: str) -> str:
    flags = {
        "data": "x",
        "database_url": f"postgresql://user:{secret}@host:5432/name",
        "redis_url": f"redis://user:{secret}@host:6379/0?db=1",
        "otel_endpoint": f"https://user:{secret}@host",
        "metrics_token": secret,
        "kafka_password": secret,
    }
    return "\n".join(shown(load(flags=flags, environment={})))


def test_a_slip_of_the_pen_is_seen() -> None:
    environment = {
        "PARLEY_PROT": "1",
        "PARLEY_PORT": "1",
        "PARLEY_LIMITS__X": "1",
        "PATH": "",
        "PARLEY_CONFIG": "",
    }
    assert unknown_variables(environment) == ["PARLEY_PROT"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("PARLEY_REGISTRATON", "PARLEY_REGISTRATION"),
        ("PARLEY_KAFKA_SERVER", "PARLEY_KAFKA_SERVERS"),
        ("PARLEY_COLOUR", None),
    ],
)
def test_what_was_probably_meant(name: str, meant: str | None) -> None:
    assert likely_variable(name) == meant
