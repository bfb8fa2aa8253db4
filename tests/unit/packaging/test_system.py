from __future__ import annotations

import subprocess
from collections.abc import Sequence
from subprocess import CompletedProcess

import pytest
import system


class Apt:
    """Stands for dpkg-query and apt-get: remembers what it was told, installs what it is asked for."""

    def __init__(self, *installed: str, broken: bool = False) -> None:
        self.installed = set(installed)
        self.broken = broken
        self.commands: list[str] = []

    def run(self, command: Sequence[str], **options: object) -> CompletedProcess[str]:
        if command[0] == "dpkg-query":
            known = self.installed & set(command)
            return CompletedProcess(command, 1, "".join(f"{name} installed\n" for name in sorted(known)))
        self.commands.append(" ".join(command))
        if self.broken:
            return CompletedProcess(command, 100, "E: no network\n")
        if "install" in command:
            self.installed.update(command)
        return CompletedProcess(command, 0)


@pytest.fixture
def apt(monkeypatch: pytest.MonkeyPatch) -> Apt:
    return _use(Apt("libgl1"), monkeypatch)


def _use(apt: Apt, monkeypatch: pytest.MonkeyPatch, prefix: list[str] | None = None) -> Apt:
    monkeypatch.setattr(subprocess, "run", apt.run)
    monkeypatch.setattr(system, "_is_debian", lambda: True)
    monkeypatch.setattr(system, "_root_prefix", lambda: [] if prefix is None else prefix)
    return apt


def test_only_what_is_missing_is_installed(apt: Apt) -> None:
    assert system.bring(("libgl1", "libegl1"), purpose="Windows")

    assert apt.commands == [
        "apt-get update -q",
        "apt-get install -y --no-install-recommends libegl1",
    ]


def test_nothing_missing_asks_nothing_of_apt(apt: Apt) -> None:
    assert system.bring(("libgl1",), purpose="Windows")
    assert apt.commands == []


def test_sudo_stands_before_the_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    apt = _use(Apt(), monkeypatch, ["sudo", "-n"])

    assert system.bring(("libgl1",), purpose="Windows")
    assert all(command.startswith("sudo -n apt-get ") for command in apt.commands)


def test_without_root_the_exact_command_is_said(
    apt: Apt, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(system, "_root_prefix", lambda: None)

    assert not system.bring(("libegl1", "libgl1"), purpose="Windows")

    assert "\n  apt-get install -y --no-install-recommends libegl1\n" in capsys.readouterr().out
    assert apt.commands == []


def test_a_failing_apt_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _use(Apt(broken=True), monkeypatch)

    assert not system.bring(("libegl1",), purpose="Windows")
    said = capsys.readouterr().out
    assert "E: no network" in said
    assert "apt-get update" in said


def test_elsewhere_nothing_is_known_to_be_missing(apt: Apt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "_is_debian", lambda: False)

    assert system.bring(("libegl1",), purpose="Windows")
    assert apt.commands == []
