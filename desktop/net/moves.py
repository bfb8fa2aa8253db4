"""Servers that are somewhere else now: what has to be proved there before anything secret is sent."""

from __future__ import annotations

from dataclasses import replace

from common.address import Address, parse_address
from desktop.net.problems import KeyChangedError, NetError, NotParleyError
from desktop.net.rest import look
from desktop.words import QT_TRANSLATE_NOOP


async def check_plain(address: Address, server_id: str) -> None:
    """Without TLS somebody else may listen there now: asked before a secret is sent.

    Raises:
        NetError: it is not this server.
    """
    await look(replace(address, secure=False, server_id=server_id))


async def where_now(old: Address, server_id: str) -> Address | None:
    """Where the server at ``old`` says that it is; None: it is where it was. Its ``secure`` is known.

    Raises:
        NetError: nobody answers at either address, or another server answers at the new one.
    """
    info, _ = await look(replace(old, server_id=server_id))
    if info.moved_to is None:
        return None
    try:
        address = parse_address(info.moved_to)
    except ValueError as problem:
        raise NotParleyError(
            QT_TRANSLATE_NOOP("services", "The server says that it has moved, and not where to.")
        ) from problem
    return await proved(address, server_id, was_plain=old.secure is False)


async def proved(address: Address, server_id: str, *, was_plain: bool) -> Address:
    """``address`` as that server's: it showed its identity. Without TLS nothing is proved but to whom is
    spoken without TLS already (``was_plain``).

    Raises:
        NetError: nobody answers, or not this server.
    """
    if not was_plain or not address.is_loopback:
        address = replace(address, secure=True)
    try:
        _, secure = await look(replace(address, server_id=server_id))
    except KeyChangedError as problem:
        # Not the end of the account: whoever runs the server may mend the address it tells.
        raise NetError(
            QT_TRANSLATE_NOOP(
                "services",
                "The server says that it has moved to {where}, and another one answers there. "
                "Nothing was sent.",
            ),
            where=address.netloc,
        ) from problem
    return replace(address, secure=secure, server_id=None, invite=None)
