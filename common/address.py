"""Addresses of servers as people type them, and invite links ``parley://host:port/?k=<id>&c=<code>``."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, quote, urlsplit

DEFAULT_PORT: Final = 8470
_INVITE_SCHEME: Final = "parley"
_SCHEMES: Final = frozenset({"http", "https", _INVITE_SCHEME})
_SERVER_ID: Final = re.compile(r"\A[0-9a-f]{64}\Z").match
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a server may be found. ``secure`` is None where the text leaves it open."""

    host: str
    port: int = DEFAULT_PORT
    secure: bool | None = None
    server_id: str | None = None
    """The identity that an invite link promises."""
    invite: str | None = None

    @property
    def is_loopback(self) -> bool:
        """Only here may a server be spoken to without TLS."""
        return is_loopback(self.host)

    @property
    def netloc(self) -> str:
        """``host:port``, IPv6 in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def base_url(self, *, secure: bool) -> str:
        """``https://host:port``, or ``http`` on loopback."""
        return f"{'https' if secure else 'http'}://{self.netloc}"


def is_loopback(host: str) -> bool:
    """Whether the host is this computer by its very name; no look-up that could be answered falsely."""
    return host.lower() in _LOOPBACK


def parse_address(text: str) -> Address:
    """What somebody typed or pasted.

    Raises:
        ValueError: it can't be read, in words for the window.
    """
    text = text.strip()
    scheme, found, rest = text.partition("://")
    if not found:
        scheme, rest = "", text
    elif scheme.lower() not in _SCHEMES:
        raise ValueError("Addresses start with https:// or parley://.")
    if _is_bare_ipv6(rest):
        rest = f"[{rest}]"
    try:
        parts = urlsplit(f"//{rest}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("This address can't be read. Try a name such as chat.example.org.") from None
    if not host or any(character.isspace() for character in host) or parts.username is not None:
        raise ValueError("This address can't be read. Try a name such as chat.example.org.")
    query = parse_qs(parts.query)
    server_id = query.get("k", [None])[0]
    if server_id is not None and _SERVER_ID(server_id) is None:
        raise ValueError("This invite link is damaged. Ask for it again.")
    return Address(
        host=host,
        port=DEFAULT_PORT if port is None else port,
        secure={"http": False, "https": True}.get(scheme.lower()),
        server_id=server_id,
        invite=query.get("c", [None])[0],
    )


def invite_link(address: Address, *, server_id: str, code: str | None) -> str:
    """A link that leads to a server, pins its identity and, with a code, lets somebody in."""
    link = f"{_INVITE_SCHEME}://{address.netloc}/?k={server_id}"
    return f"{link}&c={quote(code, safe='')}" if code else link


def _is_bare_ipv6(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).version == 6  # noqa: PLR2004 - the name of the protocol
    except ValueError:
        return False
