from __future__ import annotations

from desktop.words import QT_TRANSLATE_NOOP, WordedError


def test_values_stand_in_the_sentence() -> None:
    problem = WordedError("{where} does not answer.", where="h:1")
    assert (problem.text, str(problem)) == ("h:1 does not answer.", "h:1 does not answer.")
    assert problem.template == "{where} does not answer."


def test_braces_of_others_are_themselves() -> None:
    assert WordedError("a {brace} of a server").text == "a {brace} of a server"


def test_a_mark_changes_nothing() -> None:
    assert QT_TRANSLATE_NOOP("services", "Sign in.") == "Sign in."
