from __future__ import annotations

from desktop.views.fuzzy import best

PEOPLE = ["Mira Rossi", "Release 1.0", "Tomás King", "Kaveh B.", "Admirals", "Everyone"]


def found(query: str) -> list[str]:
    return best(query, PEOPLE, str, limit=10)


def test_nothing_typed_lists_all_in_their_order() -> None:
    assert found("  ") == PEOPLE


def test_a_start_comes_before_a_middle() -> None:
    assert found("mir") == ["Mira Rossi", "Admirals"]


def test_marks_and_case_do_not_matter() -> None:
    assert found("TOMAS") == ["Tomás King"]


def test_initials_find_a_person() -> None:
    assert found("mr") == ["Mira Rossi"]
    assert found("tki") == ["Tomás King"]


def test_letters_that_are_only_somewhere_do_not() -> None:
    assert found("mss") == []


def test_no_more_than_asked_for() -> None:
    assert best("e", PEOPLE, str, limit=1) == ["Everyone"]
