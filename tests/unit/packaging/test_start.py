from __future__ import annotations

import pytest
import start


@pytest.mark.parametrize(
    ("environment", "platform", "expected"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ""}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({}, "win32", True),
        ({}, "darwin", True),
    ],
)
def test_where_there_is_a_screen(environment: dict[str, str], platform: str, expected: bool) -> None:
    assert start.has_screen(environment, platform) is expected


def test_the_server_keeps_its_data_in_the_checkout(capsys: pytest.CaptureFixture[str]) -> None:
    command = start.server(["--port", "7000"])

    assert command[1:] == ["serve", "--data", str(start.SERVER_DATA), "--port", "7000"]
    assert "no screen" in capsys.readouterr().out


def test_the_servers_data_can_be_elsewhere() -> None:
    assert start.server(["--data", "there"])[1:] == ["serve", "--data", "there"]
