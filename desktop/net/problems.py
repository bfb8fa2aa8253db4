"""What goes wrong on the way to a server, each in words for the window."""

from __future__ import annotations

from common.errors import Code
from desktop.words import WordedError


class NetError(WordedError):
    """Something of the environment or a refusal; anything else that escapes is a bug."""

    def __init__(
        self, template: str, *, code: Code | None = None, retry_after_ms: int | None = None, **values: object
    ) -> None:
        super().__init__(template, **values)
        self.code = code
        self.retry_after_ms = retry_after_ms


class BadAddressError(NetError):
    """What was typed is no address."""


class UnreachableError(NetError):
    """Nobody answers, the name is unknown, the network is down: a later try may succeed."""


class LostError(UnreachableError):
    """The connection went before the answer came: it is not known whether the request was done."""


class NotParleyError(NetError):
    """Somebody answers who is not Parley."""


class VersionError(NetError):
    """No protocol version in common."""


class KeyChangedError(NetError):
    """Another identity than the pinned one answers: a hard stop, before anything secret was sent."""


class SignedOutError(NetError):
    """The sign-in of this device is over: a password is needed."""


class RefusedError(NetError):
    """The server refused; ``code`` says which refusal."""
