"""``parley-server`` beside a server that does not run."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from common.identity import IDENTITY_OID
from common.ids import new_id, server_id_of
from common.protocol.rest import Register, Registration
from server.bootstrap import Server
from server.infra.crypto.identity import ServerIdentity
from server.settings import Settings
from tests.support.client import Rest
from tests.support.services import services
from tests.support.stores import postgres_url, redis_client


def command(*words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "server", *words], input=typed, capture_output=True, text=True, check=False
    )


async def test_a_password_is_set_and_an_invite_made_while_it_is_down(tmp_path: Path) -> None:
    data = tmp_path / "data"
    settings = Settings(data=data, port=0, registration=Registration.INVITE)
    server = Server(settings)
    await server.start(first=Register("mira", "Mira", "password 1"))
    server_id = server.server_id
    busy = command("reset-password", "mira", "--data", str(data), typed="password 2\n")
    assert busy.returncode == 1
    assert "another Parley server" in busy.stderr
    await server.stop()

    assert server_id in command("identity", "--data", str(data)).stdout
    ran = command("reset-password", "mira", "--data", str(data), typed="password 2\n")
    assert ran.returncode == 0, ran.stderr
    invite = command("invite", "--data", str(data), "--uses", "1").stdout.strip()

    again = Server(settings)
    await again.start()
    try:
        signed_in = await Rest(again.url).call("POST", "/auth/login", username="mira", password="password 2")
        assert signed_in.json()["user"]["admin"] is True
        ben = {"username": "ben", "display_name": "Ben", "password": "password 3"}
        refused = await Rest(again.url).call("POST", "/auth/register", **ben)
        assert refused.json()["code"] == "registration_closed"
        entered = await Rest(again.url).call("POST", "/auth/register", **ben, invite=invite)
        assert entered.status_code == 201
    finally:
        await again.stop()


async def test_on_postgresql_commands_work_beside_a_server(tmp_path: Path, quiet_kafka: None) -> None:
    data = tmp_path / "data"
    async with redis_client():
        settings = Settings(
            data=data,
            port=0,
            database_url=await postgres_url(tmp_path),
            redis_url=services().url("redis"),
            kafka_servers=services().url("kafka"),
            kafka_prefix=f"{new_id()}.",
        )
        server = Server(settings)
        await server.start(first=Register("mira", "Mira", "password 1"))
        flags = ("--data", str(data), "--database-url", settings.database_url)
        try:
            ran = await asyncio.to_thread(command, "reset-password", "mira", *flags, typed="password 2\n")
            assert ran.returncode == 0, ran.stderr
            signed_in = await Rest(server.url).call(
                "POST", "/auth/login", username="mira", password="password 2"
            )
            token = signed_in.json()["access_token"]
            assert (await Rest(server.url, token).call("GET", "/users/me")).status_code == 200
            ran = await asyncio.to_thread(command, "rotate-keys", *flags)
            assert ran.stdout == "keys removed: 1\n", ran.stderr
        finally:
            await server.stop()
    other = flags_of_another(settings, tmp_path)
    ran = await asyncio.to_thread(command, "serve", *other)
    assert (ran.returncode, ran.stderr.count("\n")) == (1, 1)
    assert "the identity key of the server" in ran.stderr
    assert not (tmp_path / "other" / "keys").exists()
    ServerIdentity(tmp_path / "other" / "keys" / "identity.pem")
    ran = await asyncio.to_thread(command, "serve", *other)
    assert (ran.returncode, ran.stderr.count("\n")) == (1, 1)
    assert "the data belong to the server" in ran.stderr


def flags_of_another(settings: Settings, folder: Path) -> tuple[str, ...]:
    """The same services with another identity key."""
    return (
        *("--data", str(folder / "other"), "--port", "0"),
        *("--database-url", settings.database_url, "--redis-url", settings.redis_url),
        *("--kafka-servers", settings.kafka_servers, "--kafka-prefix", settings.kafka_prefix),
        *("--log-level", "error"),
    )


async def test_a_proxy_gets_a_certificate_that_clients_take_for_the_servers(tmp_path: Path) -> None:
    server = Server(Settings(data=tmp_path / "data", port=0))
    await server.start()
    await server.stop()
    out = tmp_path / "tls"
    ran = await asyncio.to_thread(
        command, "certificate", "chat.example.org", "--out", str(out), "--data", str(tmp_path / "data")
    )
    assert ran.returncode == 0, ran.stderr
    made = x509.load_pem_x509_certificate((out / "tls.crt").read_bytes())
    shown = made.extensions.get_extension_for_oid(x509.ObjectIdentifier(IDENTITY_OID)).value
    assert isinstance(shown, x509.UnrecognizedExtension)
    assert server_id_of(shown.value) == server.server_id
    key = load_pem_private_key((out / "tls.key").read_bytes(), password=None)
    assert key.public_key() == made.public_key()
    if sys.platform != "win32":
        assert (out / "tls.key").stat().st_mode & 0o777 == 0o600


def test_the_effective_settings_are_shown(tmp_path: Path) -> None:
    file = tmp_path / "parley.toml"
    file.write_text('name = "Ship"\nredis_url = "redis://:geheim@cache"\n', encoding="utf-8")
    ran = command("config", "--config", str(file), "--data", "folder", "--port", "7")
    assert ran.returncode == 0, ran.stderr
    assert 'name = "Ship"' in ran.stdout
    assert "port = 7  # --port" in ran.stdout
    assert "geheim" not in ran.stdout
    wrong = command("config", "--config", str(file))
    assert (wrong.returncode, wrong.stderr) == (
        2,
        "parley-server: data is missing: give --data or PARLEY_DATA\n",
    )


def test_what_can_not_be_done_is_one_line(tmp_path: Path) -> None:
    for words in (
        ("certificate", "--out", str(tmp_path), "--data", str(tmp_path)),
        ("identity", "--data", str(tmp_path)),
        ("invite", "--data", str(tmp_path)),
        ("reset-password", "mira", "--data", str(tmp_path)),
    ):
        ran = command(*words, typed="password 2\n")
        assert ran.returncode == 1
        assert ran.stderr.startswith("parley-server: ")
        assert ran.stderr.count("\n") == 1
    assert command("invite", "--data", str(tmp_path), "--uses", "0").returncode == 1


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (("--redis-url", "localhost:6379"), 2),
        (("--redis-url", "redis://:gehe/im55@127.0.0.1:1"), 2),
        (("--redis-url", "redis://:gehe[im55@127.0.0.1:1"), 2),
        (("--redis-url", "redis://127.0.0.1:1?no_such_option=geheim55"), 2),
        (("--kafka-servers", "a:geheim55"), 2),
        (("--kafka-username", "geheim55"), 2),
        (("--kafka-security-protocol", "SSL", "--kafka-ca-file", "not/there.pem"), 2),
        (("--database-url", "postgresql://u:gehe/im55@127.0.0.1:1/db"), 1),
        (("--database-url", "postgresql://u:x?geheim55@127.0.0.1:1/db"), 1),
    ],
)
@pytest.mark.parametrize("name", ["serve", "doctor"])
def test_an_address_that_can_not_be_read_is_one_line(
    tmp_path: Path, name: str, wrong: tuple[str, ...], code: int
) -> None:
    # Port 1 is for nobody.
    flags = {
        "--data": str(tmp_path / "data"),
        "--port": "0",
        "--database-url": "postgresql://u@127.0.0.1:1/db",
        "--redis-url": "redis://127.0.0.1:1",
        "--kafka-servers": "127.0.0.1:1",
        "--log-level": "error",
    } | dict(zip(wrong[::2], wrong[1::2], strict=True))
    ran = command(name, *(word for pair in flags.items() for word in pair))
    said = ran.stdout + ran.stderr
    assert "Traceback" not in said
    assert not any(piece in said for piece in ("gehe", "im55"))
    if name == "serve":
        assert (ran.returncode, ran.stderr.count("\n")) == (code, 1), ran.stderr
        assert wrong[0].lstrip("-").replace("-", "_").removesuffix("_security_protocol") in ran.stderr
    else:
        assert ran.returncode == 1


async def test_an_admin_is_made_before_the_first_start_and_another_after(tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    made = command("create-admin", "mira", "--display-name", "Mira", "--data", data, typed="password 1\n")
    assert (made.returncode, made.stdout) == (0, "mira is an admin\n"), made.stderr
    taken = command("create-admin", "mira", "--data", data, typed="password 1\n")
    assert taken.returncode == 1
    assert taken.stderr.endswith("parley-server: the name mira is taken\n")
    weak = command("create-admin", "dario", "--data", data, typed="short\n")
    assert weak.returncode == 1
    settings = Settings(data=tmp_path / "data", port=0)
    server = Server(settings)
    await server.start()
    signed_in = await Rest(server.url).call("POST", "/auth/login", username="mira", password="password 1")
    assert signed_in.json()["user"]["admin"] is True
    assert signed_in.json()["user"]["display_name"] == "Mira"
    ben = {"username": "ben", "display_name": "Ben", "password": "password 3"}
    assert (await Rest(server.url).call("POST", "/auth/register", **ben)).json()["user"].get(
        "admin", False
    ) is False
    await server.stop()
    assert command("create-admin", "nobody", "--promote", "--data", data).returncode == 1
    assert command("create-admin", "ben", "--promote", "--data", data).stdout == "ben is an admin\n"
    assert command("create-admin", "ben", "--promote", "--data", data).returncode == 0
    again = Server(settings)
    await again.start()
    try:
        signed_in = await Rest(again.url).call("POST", "/auth/login", username="ben", password="password 3")
        assert signed_in.json()["user"]["admin"] is True
        rooms = await Rest(again.url, signed_in.json()["access_token"]).call("GET", "/rooms/")
        assert [room["title"] for room in rooms.json()] == ["Everyone"]
    finally:
        await again.stop()
