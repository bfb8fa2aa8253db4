from __future__ import annotations

import hashlib
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.ids import id_from_bytes, id_to_bytes, is_id, new_id, server_id_of, short_key
from tests.support.structs import IDS


def test_new_ids_are_canonical_uuid7_and_grow() -> None:
    made = [new_id() for _ in range(1_000)]
    assert len(set(made)) == 1_000
    assert made == sorted(made)
    for text in made:
        assert is_id(text)
        assert str(uuid.UUID(text)) == text
        assert uuid.UUID(text).version == 7


@given(IDS)
def test_an_id_survives_the_database(text: str) -> None:
    assert is_id(text)
    assert len(id_to_bytes(text)) == 16
    assert id_from_bytes(id_to_bytes(text)) == text
    assert id_to_bytes(text) == uuid.UUID(text).bytes


@given(st.binary(min_size=16, max_size=16))
def test_bytes_survive_the_text(raw: bytes) -> None:
    assert id_to_bytes(id_from_bytes(raw)) == raw


@pytest.mark.parametrize(
    "text",
    [
        "",
        str(uuid.uuid4()),
        new_id().upper(),
        new_id().replace("-", ""),
        f"{{{new_id()}}}",
        f"urn:uuid:{new_id()}",
        new_id() + "\n",
        " " + new_id(),
        new_id()[:-1],
        "0189d8a4-5c2e-7c3a-c1f2-0242ac120002",
        "\N{ARABIC-INDIC DIGIT ZERO}" * 8 + new_id()[8:],
    ],
)
def test_only_the_canonical_form_is_an_id(text: str) -> None:
    assert not is_id(text)


@given(st.text())
def test_any_text_is_an_id_or_not(text: str) -> None:
    assert not is_id(text) or uuid.UUID(text).version == 7


def test_what_is_no_hexadecimal_is_an_error() -> None:
    with pytest.raises(ValueError, match="non-hexadecimal"):
        id_to_bytes("not an id")


def test_a_server_id_is_the_hash_of_its_key_and_its_short_form_the_first_80_bits() -> None:
    key = bytes(range(32))
    server_id = server_id_of(key)
    assert server_id == hashlib.sha256(key).hexdigest()
    assert short_key(server_id).replace(" ", "").lower() == server_id[:20]
    assert [len(group) for group in short_key(server_id).split(" ")] == [4] * 5
