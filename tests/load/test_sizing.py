"""The arithmetic of docs/scaling.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.load import sizing
from tests.load.crowds import Talk
from tests.load.sizing import Costs, People, gateways_of, measured, need

_NONE = {"gateway0": 0.0, "core0": 0.0, "postgres": 0.0, "kafka": 0.0, "redis": 0.0}


def _line(layout: str, scenario: str, window: int | None = None, **cpu_us: float) -> dict[str, Any]:
    line: dict[str, Any] = {"layout": layout, "scenario": scenario, "cpu_us": {**_NONE, **cpu_us}}
    return line if window is None else {**line, "window": window}


def test_a_message_concerns_as_many_gateways_as_its_room_has_members_at_most() -> None:
    rooms = [Talk(people=4, messages=3), Talk(people=10, messages=1)]
    assert gateways_of(rooms, 1) == 1
    # Three of four messages have four receivers, one has ten.
    assert gateways_of(rooms, 10**9) == pytest.approx(5.5)
    assert gateways_of([Talk(people=2, messages=1)], 2) == pytest.approx(1.5)


def test_what_is_needed_follows_from_the_people() -> None:
    people = People(messages=864, peak=1, connects=0, channel_share=0, per_gateway=100, busy=0.5)
    few, many = (need(users, Costs(), people) for users in (100, 100_000))
    assert (few.messages_per_s, many.messages_per_s) == (1.0, 1_000.0)
    assert (few.gateways, few.records_per_message) == (1, 1.0)
    assert many.gateways == 1_000
    assert many.core_cpu > 1_000 * few.core_cpu > 0
    # As one CPU is used: from two gateways on half busy.
    busy = need(100_000, Costs(gateway_rest_per_s=10.0), People(messages=0, connects=0, busy=0.5))
    assert (busy.gateway_cpu, busy.gateways) == (1.0, 5)


def test_costs_are_taken_from_a_run() -> None:
    rest = {"rest_cpu_us_per_s": {"gateway0": 12.0}, "kib_per_session": 17.0}
    lines = [
        {**_line("roles", "idle"), **rest},
        _line("roles", "pairs", 8, gateway0=100.0, core0=110.0, kafka=80.0),
        _line("roles", "room", 8, gateway0=2.5),
        _line("roles", "storm", gateway0=2_000.0, postgres=1_500.0),
        _line("cross", "pairs", 8, gateway0=150.0, gateway1=70.0, core0=130.0, core1=120.0, kafka=200.0),
    ]
    costs = measured(lines, Costs())
    assert (costs.gateway_send, costs.gateway_record, costs.gateway_write) == (80.0, 70.0, 2.0)
    assert (costs.core_message, costs.core_record) == (110.0, 140.0)
    assert (costs.kafka_message, costs.kafka_record) == (80.0, 120.0)
    assert (costs.gateway_rest_per_s, costs.gateway_kib) == (12.0, 17.0)


def test_a_file_that_holds_no_run_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lines").write_text("nothing\n")
    assert sizing.main(["--bench", str(tmp_path / "lines")]) == 2
    assert capsys.readouterr().err.startswith("sizing: ")


def test_the_tables_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert sizing.main(["--messages", "80"]) == 0
    assert "| messages/s | 37 | 3,704 | 370,370 |" in capsys.readouterr().out
