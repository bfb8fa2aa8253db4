"""What the users context refuses, and the checks that several of its services share."""

from __future__ import annotations

from common.errors import Code, ParleyError
from common.limits import PASSWORD_MIN_CHARS
from common.text import text_problem
from server.kernel.database import Tx
from server.kernel.identity import Identity
from server.kernel.limiter import RateLimiter
from server.users import repository


class UsersError(ParleyError):
    """A refusal of the users context."""


def check_password(password: str) -> None:
    """Length only: rules about signs make passwords worse (NIST SP 800-63B).

    Raises:
        UsersError: ``password_too_weak``.
    """
    if len(password) < PASSWORD_MIN_CHARS:
        raise UsersError(Code.PASSWORD_TOO_WEAK, f"a password needs at least {PASSWORD_MIN_CHARS} characters")


def check_text(*texts: str | None) -> None:
    """What is stored, or looked for among what is stored; None is fine.

    Raises:
        UsersError: ``bad_text``.
    """
    for text in texts:
        if text is not None and (problem := text_problem(text)) is not None:
            raise UsersError(Code.BAD_TEXT, problem)


def taken(name: str, existing: str) -> UsersError:
    """Why ``name`` can't be had: somebody has it, or one that looks like it."""
    if name == existing:
        return UsersError(Code.NAME_TAKEN, f"the name {name} is taken")
    return UsersError(Code.NAME_NOT_ALLOWED, f"{name} looks like a name that is taken")


async def check_admin(tx: Tx, identity: Identity) -> None:
    """Admins of the server only.

    Raises:
        UsersError: ``forbidden``.
    """
    account = await repository.account_by_id(tx, identity.user_id)
    if account is None or not account.user.admin:
        raise UsersError(Code.FORBIDDEN, "only an admin of the server can do this")


async def limit(limiter: RateLimiter, key: str, most: int, window_ms: int) -> None:
    """Count a try.

    Raises:
        UsersError: ``rate_limited`` with the time to wait.
    """
    wait_ms = await limiter.hit(key, limit=most, window_ms=window_ms)
    if wait_ms:
        raise UsersError(Code.RATE_LIMITED, "too many tries", retry_after_ms=wait_ms)
