"""What a gateway tells the telemetry of deliveries that it wrote to its sockets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import structlog

from common.protocol.pushes import MessageNew
from server.kernel.delivery import Delivery, RoomDelivery
from server.kernel.telemetry import Stage, Telemetry

log: Final = structlog.get_logger(__name__)


def tell(telemetry: Telemetry, deliveries: Sequence[Delivery]) -> None:
    """Their way ends; that of the messages that came in here as a whole."""
    for delivery in deliveries:
        if not isinstance(delivery, RoomDelivery) or not delivery.at:
            continue
        telemetry.stage(Stage.FAN_OUT, delivery.at, count=len(delivery.events), traces=delivery.traces)
        for event in delivery.events:
            if isinstance(event, MessageNew):
                telemetry.shown(event.message.client_msg_id)
                if telemetry.detailed:
                    log.debug(
                        "message_written",
                        room_id=event.room_id,
                        seq=event.seq,
                        client_msg_id=event.message.client_msg_id,
                    )
