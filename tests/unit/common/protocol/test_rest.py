from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.protocol import rest
from common.protocol.types import Shape, Strict
from tests.support.structs import values_of

BODIES = [
    kind
    for kind in vars(rest).values()
    if isinstance(kind, type) and issubclass(kind, Shape | Strict) and kind.__module__ == rest.__name__
]


@pytest.mark.parametrize("kind", BODIES, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_every_body_encodes_back_to_itself(kind: type[msgspec.Struct], data: st.DataObject) -> None:
    body: Any = data.draw(values_of(kind))
    assert msgspec.json.decode(msgspec.json.encode(body), type=kind) == body


@pytest.mark.parametrize("kind", BODIES, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_unknown_fields_are_refused_in_what_a_client_sends_only(
    kind: type[msgspec.Struct], data: st.DataObject
) -> None:
    raw = {**msgspec.to_builtins(data.draw(values_of(kind))), "of_later": 1}
    if issubclass(kind, Strict):
        with pytest.raises(msgspec.ValidationError, match="of_later"):
            msgspec.convert(raw, kind)
    else:
        msgspec.convert(raw, kind)
