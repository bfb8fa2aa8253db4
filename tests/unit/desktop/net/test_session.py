from __future__ import annotations

import msgspec
import pytest

from common.errors import CloseCode, Code, ParleyError
from common.ids import new_id
from common.limits import Limits
from common.protocol import pushes, requests
from common.protocol.requests import Request
from common.protocol.types import Message, User
from desktop.net.session import IN_FLIGHT_MAX, Answer, Ending, NoAnswerError, Session, Stage

ME, ROOM = new_id(), new_id()


def welcome() -> pushes.Welcome:
    return pushes.Welcome(
        id=0,
        server_id="ab" * 32,
        version=1,
        user=User(id=ME, username="ada", display_name="Ada"),
        device_id=new_id(),
        limits=Limits(),
        history_epoch="e",
        account_seq=0,
        server_time_ms=0,
    )


def ready_session() -> Session:
    session = Session(now=0.0, token="t", token_expires_at=600.0)
    session.receive(welcome())
    session.receive(pushes.Ready())
    return session


def typing(id_: int) -> Request:
    return requests.Typing(id=id_, room_id=ROOM)


def new_message(key: str, author: str = ME) -> pushes.MessageNew:
    message = Message(ROOM, 1, 1, 1, author, key, "hi", 0)
    return pushes.MessageNew(ROOM, 1, message)


def test_hello_names_token_and_versions() -> None:
    hello = msgspec.json.decode(Session(now=0.0, token="secret", token_expires_at=9.0).hello())
    assert hello == {"type": "hello", "id": 0, "versions": [1], "token": "secret"}


def test_nothing_leaves_before_ready() -> None:
    session = Session(now=0.0, token="t", token_expires_at=9.0)
    with pytest.raises(ParleyError) as refused:
        session.request(typing, lambda _: None, now=0.0)
    assert refused.value.code is Code.UNAVAILABLE


def test_each_request_is_answered_once_by_its_id() -> None:
    session, answers = ready_session(), list[Answer]()
    session.request(typing, answers.append, now=0.0)
    session.request(typing, answers.append, now=0.0)
    assert not session.receive(pushes.Ok(2))
    session.receive(pushes.Ok(2))
    session.receive(pushes.Error(1, Code.NOT_FOUND, "gone"))
    assert answers[0] == pushes.Ok(2)
    assert isinstance(answers[1], ParleyError)
    assert answers[1].code is Code.NOT_FOUND
    assert len(answers) == 2


def test_ones_own_message_is_the_answer_to_a_send_and_an_event_too() -> None:
    session, answers, key = ready_session(), list[Answer](), new_id()
    session.request(
        lambda id_: requests.MessageSend(id_, client_msg_id=key, room_id=ROOM, body="hi"),
        answers.append,
        now=0.0,
    )
    assert session.receive(new_message(key, author=new_id()))
    assert answers == []
    assert session.receive(new_message(key))
    assert answers == [new_message(key)]
    assert session.in_flight == 0


def test_a_request_without_an_answer_fails_as_unknown() -> None:
    session, answers = ready_session(), list[Answer]()
    session.request(typing, answers.append, now=0.0, timeout_s=5.0)
    session.expire(4.9)
    assert answers == []
    assert not session.expire(5.0)
    assert isinstance(answers[0], NoAnswerError)


def test_a_lost_connection_answers_everything() -> None:
    session, answers = ready_session(), list[Answer]()
    session.request(typing, answers.append, now=0.0)
    assert session.closed(1006) is Ending.AGAIN
    assert isinstance(answers[0], NoAnswerError)
    assert session.stage is Stage.CLOSED


def test_requests_in_flight_are_bounded() -> None:
    session = ready_session()
    for _ in range(IN_FLIGHT_MAX):
        session.request(typing, lambda _: None, now=0.0)
    with pytest.raises(ParleyError):
        session.request(typing, lambda _: None, now=0.0)


def test_a_server_that_does_not_get_ready_is_given_up_but_a_slow_one_is_not() -> None:
    session = Session(now=0.0, token="t", token_expires_at=600.0)
    assert not session.expire(14.9)
    session.progress(14.9)
    assert not session.expire(16.0)
    assert session.expire(30.0)


def test_the_token_is_renewed_once_before_it_ends() -> None:
    session = ready_session()
    assert not session.renew_due(539.0)
    assert session.renew_due(540.0)
    session.renewing()
    assert not session.renew_due(541.0)
    session.renewed(token="u", expires_at=1_200.0)
    assert not session.renew_due(600.0)


@pytest.mark.parametrize(
    ("code", "ending"),
    [
        (CloseCode.UNAUTHENTICATED, Ending.TOKEN),
        (CloseCode.VERSION, Ending.VERSION),
        (CloseCode.SLOW_CONSUMER, Ending.AGAIN),
        (CloseCode.REPLACED, Ending.REPLACED),
        (CloseCode.RESTART, Ending.AGAIN),
        (CloseCode.MOVED, Ending.MOVED),
    ],
)
def test_what_close_codes_mean(code: int, ending: Ending) -> None:
    assert ready_session().closed(code) is ending


def test_a_refused_hello_says_why_whatever_the_close_code() -> None:
    session = Session(now=0.0, token="t", token_expires_at=600.0)
    session.receive(pushes.Error(0, Code.UNSUPPORTED, "too old"))
    assert session.closed(1000) is Ending.VERSION


def test_a_closing_server_says_when_to_come_back() -> None:
    session = ready_session()
    session.receive(pushes.ServerClosing(2_500))
    assert session.retry_after_s == 2.5
