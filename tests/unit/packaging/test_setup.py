from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import setup
import system


class Machine:
    """Records what set-up does to the machine, and stamps a folder of the test's own."""

    def __init__(self, stamp: Path) -> None:
        self.stamp = stamp
        self.environments = 0
        self.packages: list[Sequence[str]] = []
        self.has_root = True

    def make_environment(self) -> None:
        self.environments += 1

    def bring(self, packages: Sequence[str], *, purpose: str) -> bool:
        assert purpose
        self.packages.append(packages)
        return self.has_root


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine(tmp_path / "stamp.json")
    monkeypatch.setattr(setup, "STAMP", machine.stamp)
    monkeypatch.setattr(setup, "_make_environment", machine.make_environment)
    monkeypatch.setattr(system, "bring", machine.bring)
    monkeypatch.delenv("CI", raising=False)
    return machine


def test_the_second_time_nothing_is_done(machine: Machine) -> None:
    assert setup.main(["--for", "test"]) == 0
    assert setup.main(["--for", "test"]) == 0
    # What is enough for tests is enough to run.
    assert setup.main(["--for", "run"]) == 0

    assert machine.environments == 1
    assert machine.packages == [setup.PARTS["test"]]


def test_tests_need_more_than_running(machine: Machine) -> None:
    setup.main(["--for", "run"])
    setup.main(["--for", "test"])

    assert machine.environments == 1
    assert machine.packages == [setup.PARTS["run"], setup.PARTS["test"]]


def test_another_lock_file_makes_it_again(machine: Machine) -> None:
    setup.main([])
    stamp = json.loads(machine.stamp.read_text())
    machine.stamp.write_text(json.dumps({**stamp, "fingerprint": "of another lock file"}))
    setup.main([])

    assert machine.environments == 2


def test_without_root_it_asks_again_next_time(machine: Machine) -> None:
    machine.has_root = False

    assert setup.main([]) == 0
    assert setup.main([]) == 0
    assert machine.environments == 1
    assert len(machine.packages) == 2


def test_in_ci_a_missing_package_is_a_failure(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    machine.has_root = False

    assert setup.main([]) == 1


def test_an_old_python_is_refused_in_words(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(setup, "OLDEST", (3, 99))

    assert setup.main([]) == 1
    assert "Python 3.99" in capsys.readouterr().out
    assert machine.environments == 0


def test_a_failure_is_told_and_not_stamped(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise setup.SetupError("pip could not install everything")

    monkeypatch.setattr(setup, "_make_environment", fail)

    assert setup.main([]) == 1
    assert "pip could not install" in capsys.readouterr().out
    assert not machine.stamp.exists()
