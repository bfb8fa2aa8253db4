"""Where settings come from, in which order, and what is said of those that can't be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from common.protocol.rest import Registration
from server.settings import LogFormat, LogLevel, Role, SettingsError, hints, load, shown, unknown_variables


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


def test_a_slip_of_the_pen_is_seen() -> None:
    environment = {
        "PARLEY_PROT": "1",
        "PARLEY_PORT": "1",
        "PARLEY_LIMITS__X": "1",
        "PATH": "",
        "PARLEY_CONFIG": "",
    }
    assert unknown_variables(environment) == ["PARLEY_PROT"]
