"""The telemetry port: what a part tells of its work, to whoever counts it. Nobody, unless bootstrap says so.

Times are seconds since 1970 of the machine's clock, as stages begin in one process and end in another.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, Protocol


class Stage(StrEnum):
    """Where the time of a message goes. Each begins about where the one before it ends, ``WHOLE`` but."""

    PUBLISH = "publish"
    """At a gateway: its frame was read until the bus holds it."""
    QUEUE = "queue"
    """It was given to the bus until a core has it."""
    TRANSACTION = "transaction"
    """A core has it until it is committed."""
    DELIVER = "deliver"
    """It is committed until the bus holds its delivery."""
    FAN_OUT = "fan_out"
    """Its delivery was given to the bus until it is written to the sockets of a gateway."""
    WHOLE = "whole"
    """At its sender's gateway: its frame was read until it is written to the sender's own socket."""


class Dependency(StrEnum):
    """What a server stands on."""

    DATABASE = "database"
    REDIS = "redis"
    KAFKA = "kafka"


class Telemetry(Protocol):
    """Told on the path of every message, so each verb takes well under a microsecond."""

    detailed: bool
    """Somebody reads the log of each message: its stages are logged at debug, by ids."""

    def now(self) -> float:
        """The time for ``stage``; 0 where nobody counts."""
        ...

    def begin(self) -> float:
        """``now`` for a message whose way is measured; 0 for others: when many come not each is."""
        ...

    def stage(self, stage: Stage, since: float, *, count: int = 1, traces: Sequence[str] = ()) -> None:
        """A stage of ``count`` messages ends now. ``since`` 0 is not known, and not counted."""
        ...

    def received(self, key: str, since: float) -> None:
        """A message of this ``client_msg_id`` came in here: ``WHOLE`` begins."""
        ...

    def handed_on(self, key: str) -> tuple[float, str]:
        """What goes with a message that was ``received`` here, ``now`` and its trace; else 0 and nothing."""
        ...

    def shown(self, key: str) -> None:
        """It was written to sockets here: ``WHOLE`` ends, where it began here."""
        ...

    def failed(self, dependency: Dependency) -> None:
        """It refused, or did not answer in time."""
        ...


class Silence:
    """Nobody counts."""

    detailed = False

    def now(self) -> float:
        """Not asked for."""
        return 0.0

    def begin(self) -> float:
        """Not asked for."""
        return 0.0

    def stage(self, stage: Stage, since: float, *, count: int = 1, traces: Sequence[str] = ()) -> None:
        """Nobody hears it."""

    def received(self, key: str, since: float) -> None:
        """Nobody hears it."""

    def handed_on(self, key: str) -> tuple[float, str]:  # noqa: ARG002 - as the port
        """Nothing."""
        return 0.0, ""

    def shown(self, key: str) -> None:
        """Nobody hears it."""

    def failed(self, dependency: Dependency) -> None:
        """Nobody hears it."""


SILENCE: Final = Silence()
