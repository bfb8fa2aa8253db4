"""``parley-server`` beside a server that does not run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from common.protocol.rest import Register, Registration
from server.bootstrap import Server
from server.settings import Settings
from tests.support.client import Rest


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


def test_what_can_not_be_done_is_one_line(tmp_path: Path) -> None:
    for words in (
        ("identity", "--data", str(tmp_path)),
        ("invite", "--data", str(tmp_path)),
        ("reset-password", "mira", "--data", str(tmp_path)),
    ):
        ran = command(*words, typed="password 2\n")
        assert ran.returncode == 1
        assert ran.stderr.startswith("parley-server: ")
        assert ran.stderr.count("\n") == 1
    assert command("invite", "--data", str(tmp_path), "--uses", "0").returncode == 1
