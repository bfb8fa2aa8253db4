"""What a committed batch has to tell: events to the members of rooms, answers to those who asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from common.errors import ParleyError
from common.protocol.pushes import Error, MessageNew, Push, RoomEvent
from server.chat.event import RoomCommandRecord
from server.kernel.delivery import Answers, Delivery, Origin, RoomDelivery

log: Final = structlog.get_logger(__name__)


@dataclass(slots=True)
class Outcome:
    """Gathered while a batch is applied."""

    events: defaultdict[str, list[RoomEvent]] = field(default_factory=lambda: defaultdict(list))
    again: defaultdict[str, dict[int, RoomEvent]] = field(default_factory=lambda: defaultdict(dict))
    """Of each room events of an earlier batch by their ``seq``: asked for again, so perhaps never told."""
    answers: defaultdict[Origin, list[Push]] = field(default_factory=lambda: defaultdict(list))

    def deliveries(self, at: float, measured: Sequence[RoomCommandRecord] = ()) -> list[Delivery]:
        """All of it, given to the bus at ``at``, which those of the rooms of ``measured`` records say."""
        traces: defaultdict[str, list[str]] = defaultdict(list)
        for record in measured:
            traces[record.request.room_id] += (record.trace,) if record.trace else ()
        return [
            *(
                RoomDelivery(room_id, [by_seq[seq] for seq in sorted(by_seq)])
                for room_id, by_seq in self.again.items()
            ),
            *(
                RoomDelivery(room_id, events, at, traces[room_id])
                if room_id in traces
                else RoomDelivery(room_id, events)
                for room_id, events in self.events.items()
            ),
            *(Answers(origin, pushes) for origin, pushes in self.answers.items()),
        ]

    def tell(self) -> None:
        """For whoever follows one message by its ids."""
        for room_id, events in self.events.items():
            for event in events:
                key = event.message.client_msg_id if isinstance(event, MessageNew) else None
                log.debug("event_committed", room_id=room_id, seq=event.seq, client_msg_id=key)
        for origin, pushes in self.answers.items():
            for push in pushes:
                if isinstance(push, Error):
                    log.debug(
                        "command_refused",
                        session=origin.session,
                        request_id=push.id,
                        code=push.code,
                        client_msg_id=push.client_msg_id,
                    )


def refuse(outcome: Outcome, record: RoomCommandRecord, why: ParleyError) -> None:
    """Answer one record with an error."""
    request = record.request
    outcome.answers[record.origin].append(
        Error(request.id, why.code, why.message, request.client_msg_id, why.retry_after_ms)
    )
