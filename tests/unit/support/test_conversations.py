from __future__ import annotations

from tests.support.conversations import conversation, people


def test_it_is_a_lively_conversation_of_many() -> None:
    lines = conversation()

    assert 1_900 <= len(lines) <= 2_000
    assert len(people()) >= 100
    assert sum(line.reply_to is not None for line in lines) >= 200
    assert any(line.action for line in lines)
    assert any("http" in line.text for line in lines)
    assert not all(line.text.isascii() for line in lines)


def test_replies_answer_what_came_before() -> None:
    for line in conversation():
        assert line.reply_to is None or line.reply_to < line.n


def test_the_most_talkative_come_first() -> None:
    said = [line.nick for line in conversation()]
    first, *_, last = people()

    assert said.count(first) > said.count(last) >= 1
