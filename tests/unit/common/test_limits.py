from __future__ import annotations

import msgspec

from common import limits
from common.limits import Limits


def test_limits_survive_the_wire_whole() -> None:
    changed = Limits(messages_per_second=0, send_queue_bytes=1)
    assert msgspec.json.decode(msgspec.json.encode(changed), type=Limits) == changed


def test_the_numbers_fit_each_other() -> None:
    assert limits.FRAME_SPLIT_BYTES < limits.FRAME_MAX_BYTES
    # The largest body, escaped in the worst way (six bytes a control-free character), fits a frame.
    assert limits.BODY_MAX_CHARS * 6 < limits.FRAME_MAX_BYTES
    assert Limits().send_queue_bytes > limits.FRAME_MAX_BYTES
    assert Limits().ping_interval_ms < Limits().access_token_ms
