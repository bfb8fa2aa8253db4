"""What ``parley-server serve`` writes to standard error."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from common.ids import new_id
from common.protocol import requests
from tests.support.client import Rest, client, direct_room, register
from tests.support.tree import ROOT

_STOP_S: Final = 30
# A server whose posts by REST and syncs break, with a library that logs an error of its own.
_BROKEN: Final = """
import logging
from server import __main__
from server.chat.service.posts import PostService
from server.chat.service.reads import ReadService

async def broken(self, user_id, *request):
    logging.getLogger("aiokafka.cluster").error("Topic %s is not available", "x")
    logging.getLogger("websockets.server").debug("> TEXT 'secret'")
    raise RuntimeError("broken on purpose")

PostService.post = broken
ReadService.sync = broken
__main__.main()
"""


@contextmanager
def serving(folder: Path, *flags: str) -> Iterator[str]:
    """Its log is in the file ``log`` of the folder when this ends."""
    command = [sys.executable, "-c", _BROKEN, "serve", "--data", str(folder / "data"), "--port", "0", *flags]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            assert process.stdout is not None
            yield next(line.split()[-1] for line in process.stdout if line.startswith("listening on "))
        finally:
            process.terminate()
            assert process.wait(_STOP_S) == 0
            if process.stdout is not None:
                process.stdout.close()


async def provoke(url: str) -> tuple[httpx2.Response, int]:
    mira, dario = await register(url, "mira"), await register(url, "dario")
    room = (await direct_room(url, mira, dario)).room_id
    key = new_id()
    async with client(url, mira) as a:
        await a.say(room, "a secret text", key)
        refused = await Rest(url, mira.access_token).call(
            "POST", f"/rooms/{room}/messages", client_msg_id=key, body="a secret text"
        )
        request_id = await a.send(lambda i: requests.Sync(i, room, 0))
        await a.refusal(request_id)
    return refused, request_id


def events(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log").read_text(encoding="utf-8").splitlines()]


async def test_an_event_is_one_object_that_names_its_process_and_request(tmp_path: Path) -> None:
    with serving(tmp_path, "--log-format", "json", "--log-level", "debug") as url:
        refused, request_id = await provoke(url)
        server_id = (await Rest(url).call("GET", "/server")).json()["server_id"]
    found = events(tmp_path)
    assert all(
        event["time"].endswith("Z") and event["level"] and event["logger"] and event["role"] == "all"
        for event in found
    )
    failed = next(event for event in found if event["event"] == "request_failed" and "path" in event)
    assert failed["request_id"] == refused.headers["X-Request-Id"]
    assert failed["server_id"] == server_id
    assert "broken on purpose" in failed["exception"]
    socket = next(event for event in found if event["event"] == "request_failed" and "session" in event)
    assert socket["request"] == "Sync"
    assert socket["request_id"] == request_id
    foreign = next(event for event in found if event["logger"] == "aiokafka.cluster")
    assert foreign["event"] == "Topic x is not available"
    assert foreign["request_id"] == refused.headers["X-Request-Id"]
    assert any(event["event"] == "request" and event["status"] == 500 for event in found)
    assert "secret" not in (tmp_path / "log").read_text(encoding="utf-8")


async def test_text_is_for_people_and_holds_no_locals(tmp_path: Path) -> None:
    with serving(tmp_path) as url:
        await provoke(url)
    text = (tmp_path / "log").read_text(encoding="utf-8")
    assert "request_failed" in text
    assert "RuntimeError: broken on purpose" in text
    assert "secret" not in text


async def test_a_variable_that_is_no_setting_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARLEY_REGISTRATON", "invite")
    with serving(tmp_path, "--log-format", "json"):
        pass
    (warned,) = (event for event in events(tmp_path) if event["event"] == "setting_unknown")
    assert (warned["level"], warned["variable"]) == ("warning", "PARLEY_REGISTRATON")
    assert warned["meant"] == "PARLEY_REGISTRATION"


async def test_a_level_leaves_out_what_is_below(tmp_path: Path) -> None:
    with serving(tmp_path, "--log-format", "json", "--log-level", "error") as url:
        await provoke(url)
    assert {event["level"] for event in events(tmp_path)} == {"error"}
