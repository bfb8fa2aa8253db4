"""The sentences that services make, in one place for translators, and errors in plain words."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QCoreApplication

from common.errors import Code, ParleyError
from common.protocol import pushes
from desktop.net.problems import NetError
from desktop.services.state import ServiceError
from desktop.storage.cache import NoticeEvent
from desktop.storage.worker import StorageError
from desktop.words import QT_TRANSLATE_NOOP, WordedError

_BY_CODE: Final[dict[Code, str]] = {
    Code.WRONG_CREDENTIALS: QT_TRANSLATE_NOOP("services", "The user name or the password is wrong."),
    Code.REGISTRATION_CLOSED: QT_TRANSLATE_NOOP(
        "services", "This server only takes people who were invited. Ask for an invite link."
    ),
    Code.INVITE_INVALID: QT_TRANSLATE_NOOP(
        "services", "This invite is used up or too old. Ask for a new one."
    ),
    Code.NAME_TAKEN: QT_TRANSLATE_NOOP("services", "This user name is taken. Try another."),
    Code.NAME_NOT_ALLOWED: QT_TRANSLATE_NOOP(
        "services", "This name can't be used: it looks too much like another or has odd characters."
    ),
    Code.PASSWORD_TOO_WEAK: QT_TRANSLATE_NOOP(
        "services", "This password is too easy to guess. Use at least 8 characters."
    ),
    Code.RECIPIENT_UNAVAILABLE: QT_TRANSLATE_NOOP("services", "This person can't be reached."),
    Code.NOT_FOUND: QT_TRANSLATE_NOOP("services", "This is gone, or you are no member any more."),
    Code.GONE: QT_TRANSLATE_NOOP("services", "The message was deleted meanwhile."),
    Code.FORBIDDEN: QT_TRANSLATE_NOOP("services", "You have no right to do this here."),
    Code.MOVED: QT_TRANSLATE_NOOP(
        "services", "The server has moved. Wait until it is found at its new address."
    ),
    Code.RATE_LIMITED: QT_TRANSLATE_NOOP("services", "That was too fast. Wait a moment and try again."),
    Code.STORAGE_FULL: QT_TRANSLATE_NOOP("services", "The server's disk is full. Ask whoever runs it."),
    Code.UNAVAILABLE: QT_TRANSLATE_NOOP(
        "services", "You are offline. Try again when the connection is back."
    ),
    Code.TIMEOUT: QT_TRANSLATE_NOOP(
        "services", "The server did not answer in time. Look whether it was done, then try again."
    ),
    Code.INTERNAL: QT_TRANSLATE_NOOP("services", "The server has a problem. Try again later."),
}
_COMMON: Final = frozenset(
    {
        QT_TRANSLATE_NOOP("services", "Addresses start with https:// or parley://."),
        QT_TRANSLATE_NOOP("services", "This address can't be read. Try a name such as chat.example.org."),
        QT_TRANSLATE_NOOP("services", "This invite link is damaged. Ask for it again."),
    }
)
"""What ``common`` says, which marks nothing for translators: it is the server's too."""


def tr(text: str) -> str:
    """In the language of the window."""
    return QCoreApplication.translate("services", text)


def said(problem: WordedError) -> str:
    """An error of net or storage in the language of the window."""
    words = tr(problem.template)
    return words.format(**problem.values) if problem.values else words


def service_error(problem: Exception) -> ServiceError:
    """A failure of net, storage or protocol as views take it."""
    if isinstance(problem, ServiceError):
        return problem
    if isinstance(problem, NetError):
        known = _BY_CODE.get(problem.code) if problem.code is not None else None
        return ServiceError(tr(known) if known else said(problem), code=problem.code)
    if isinstance(problem, ParleyError):
        return ServiceError(refusal_text(problem), code=problem.code)
    if isinstance(problem, StorageError):
        return ServiceError(said(problem))
    words = str(problem)
    return ServiceError(tr(words) if words in _COMMON else words)


def refusal_text(refusal: ParleyError) -> str:
    """A refusal of the protocol in words."""
    known = _BY_CODE.get(refusal.code)
    return tr(known) if known else refusal.message


def notice_text(event: NoticeEvent, name: str, other: str) -> str:
    """The line between messages. ``name`` acted, ``other`` is whom it is about where that differs."""
    if isinstance(event, pushes.RoomChanged):
        return _changed_text(event, name)
    if isinstance(event, pushes.RoomRole):
        role = {"owner": tr("owner"), "admin": tr("admin"), "member": tr("member")}[event.role.value]
        return tr("{name} made {other} {role}").format(name=name, other=other, role=role)
    if isinstance(event, pushes.RoomJoined) and event.actor_id == event.user.id:
        return tr("{name} joined").format(name=name)
    words = {
        pushes.RoomCreated: tr("{name} created the room"),
        pushes.RoomJoined: tr("{name} added {other}"),
        pushes.RoomLeft: tr("{name} left"),
        pushes.RoomRemoved: tr("{name} removed {other}"),
    }
    return words[type(event)].format(name=name, other=other)


def _changed_text(event: pushes.RoomChanged, name: str) -> str:
    if event.title is not None:
        return tr("{name} renamed the room to {title}").format(name=name, title=event.title)
    if event.topic:
        return tr("{name} set the topic: {topic}").format(name=name, topic=event.topic)
    if event.topic is not None:
        return tr("{name} removed the topic").format(name=name)
    return tr("{name} changed the room's settings").format(name=name)
