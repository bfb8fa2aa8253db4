"""What a WebSocket handler of a context is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from common.protocol import requests
from common.protocol.pushes import Push
from server.kernel.delivery import Origin
from server.kernel.identity import Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionContext:
    """The session that a request came on: who asks, and the address of the way back.

    A new one replaces it when the session renews its token, so none is kept between requests.
    """

    identity: Identity
    origin: Origin


@dataclass(frozen=True, slots=True)
class Later:
    """The second half of a handler: the session's next request does not wait for it."""

    answer: Callable[[], Awaitable[Push | None]]


RequestHandler = Callable[[SessionContext, Any], Awaitable[Push | Later | None]]
"""Handles one decoded request of the type it is registered for.

What it returns goes to that session only; None: the answer comes by a delivery. A ``ParleyError``
becomes the ``error`` of the request. Handlers run one after another, in the
order of the session's requests; what they leave for ``Later`` is waited for when the requests at hand are
through, all of it together. Handlers of ``PUBLISH_ONLY`` requests await nothing but the bus.
"""

RequestHandlers = Mapping[type, RequestHandler]
"""Request struct -> handler, built by bootstrap. ``hello`` and ``session.renew`` are the gateway's."""

PUBLISH_ONLY: Final[frozenset[type]] = frozenset(
    {
        requests.MessageSend,
        requests.MessageEdit,
        requests.MessageDelete,
        requests.ReactionAdd,
        requests.ReactionRemove,
        requests.Receipt,
        requests.Typing,
    }
)
"""Requests whose handler does no more than publish on the bus; all others may read the database."""
