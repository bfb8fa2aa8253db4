"""Records of this version and of the one before, which run side by side while one replaces the other."""

from __future__ import annotations

import msgspec

from common.ids import new_id
from common.protocol.requests import MessageSend
from server.chat.event import RoomCommandRecord
from server.kernel.delivery import Origin, RoomDelivery


def test_a_record_that_is_not_measured_is_as_it_was() -> None:
    record = RoomCommandRecord(Origin(0, 1), new_id(), MessageSend(1, new_id(), new_id(), "hello"))
    plain = msgspec.to_builtins(record)
    assert set(plain) == {"origin", "user_id", "request"}
    assert msgspec.convert(plain, RoomCommandRecord) == record
    delivery = RoomDelivery(new_id(), [])
    assert set(msgspec.to_builtins(delivery)) == {"type", "room_id", "events"}


def test_what_a_newer_version_adds_is_passed_over() -> None:
    record = RoomCommandRecord(
        Origin(0, 1), new_id(), MessageSend(1, new_id(), new_id(), "hello"), 5.5, "trace"
    )
    newer = {**msgspec.to_builtins(record), "later": [1, 2]}
    assert msgspec.json.decode(msgspec.json.encode(newer), type=RoomCommandRecord) == record
    delivery = RoomDelivery(new_id(), [], 5.5, ["trace"])
    assert msgspec.json.decode(msgspec.json.encode(delivery), type=RoomDelivery) == delivery
