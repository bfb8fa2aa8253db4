"""Sentences that are made where no window is, and translated where one is: ``desktop.services.words``."""

from __future__ import annotations


def QT_TRANSLATE_NOOP(context: str, text: str) -> str:
    """``text`` itself, which lupdate finds by this name as one to translate in ``context``; needs no Qt."""
    del context
    return text


class WordedError(Exception):
    """An error in words for the window. ``text`` is the English; what shows it translates ``template``.

    Values stand in the sentence's braces: ``WordedError("{where} does not answer.", where=address)``.
    Without values braces are themselves, as in the words of a server.
    """

    def __init__(self, template: str, **values: object) -> None:
        self.template = template
        self.values = values
        self.text = template.format(**values) if values else template
        super().__init__(self.text)
