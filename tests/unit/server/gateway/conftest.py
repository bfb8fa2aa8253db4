"""A hub on a stored room, and what stands in for the rest."""

from __future__ import annotations

import pytest

from server.gateway.hub import Hub
from server.infra.memory.presence import MemoryPresence
from tests.support.hub import Stored, Streams


@pytest.fixture
def stored() -> Stored:
    return Stored()


@pytest.fixture
def streams() -> Streams:
    return Streams()


@pytest.fixture
def presence() -> MemoryPresence:
    return MemoryPresence()


@pytest.fixture
def hub(stored: Stored, streams: Streams, presence: MemoryPresence) -> Hub:
    return Hub(rooms=stored, accounts=streams, presence=presence, ordinal=0)
