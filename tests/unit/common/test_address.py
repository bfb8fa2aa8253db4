from __future__ import annotations

import pytest

from common.address import DEFAULT_PORT, Address, invite_link, parse_address

SERVER_ID = "ab" * 32


@pytest.mark.parametrize(
    ("text", "host", "port", "secure"),
    [
        ("chat.example.org", "chat.example.org", DEFAULT_PORT, None),
        (" 192.0.2.7:9000 ", "192.0.2.7", 9000, None),
        ("https://chat.example.org:443/", "chat.example.org", 443, True),
        ("http://127.0.0.1:81", "127.0.0.1", 81, False),
        ("2001:db8::1", "2001:db8::1", DEFAULT_PORT, None),
        ("[2001:db8::1]:9000", "2001:db8::1", 9000, None),
    ],
)
def test_what_people_type(text: str, host: str, port: int, secure: bool | None) -> None:
    assert parse_address(text) == Address(host=host, port=port, secure=secure)


def test_an_invite_link_comes_back_as_it_was_made() -> None:
    link = invite_link(Address(host="2001:db8::1", port=9), server_id=SERVER_ID, code="a b&c=d")
    found = parse_address(link)
    assert (found.host, found.port, found.server_id, found.invite) == ("2001:db8::1", 9, SERVER_ID, "a b&c=d")


@pytest.mark.parametrize(
    "text",
    ["", "ftp://x", "a b", "host:port", "host:99999", "user@host", f"parley://h/?k={SERVER_ID[:-1]}"],
)
def test_what_is_no_address_is_told_in_words(text: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        parse_address(text)


def test_only_names_of_this_computer_are_loopback() -> None:
    assert parse_address("LOCALHOST").is_loopback
    assert not parse_address("127.0.0.1.example.org").is_loopback
