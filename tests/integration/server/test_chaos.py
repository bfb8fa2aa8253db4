"""Promises 1 to 3 while the services and the processes of a server die; the whole of it: `make chaos`."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.load.chaos import Plan, chaos, ground

_PLAN = Plan(people=24, pause_s=1.0, before_s=(0.2, 1.0), down_s=(0.0, 1.0))
_FAULTS = ("gateway-0+redis+kafka-wiped", "core-0+postgres-immediate")


@pytest.mark.kills
@pytest.mark.usefixtures("quiet_kafka")
async def test_what_dies_loses_and_doubles_nothing(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    seed = random.randrange(2**32)
    request.node.add_report_section("call", "seed", str(seed))
    with ground(tmp_path / "house") as place:
        found = [one async for one in chaos(place, _FAULTS, _PLAN, random.Random(seed))]
        request.node.add_report_section("call", "figures", "\n".join(map(str, found)))
    assert found[-1]["stored"] > 0
