from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QRect
from PySide6.QtWidgets import QApplication

from desktop.services.state import MessageItem, SendState
from desktop.ui.tokens import LIGHT
from desktop.views.conversation import layout
from desktop.views.conversation.layout import Fonts, lay_out
from tests.support.fake_timeline import message

WIDTHS = (320, 360, 500, 900)
TEXTS = (
    "ok",
    "Can someone check the Windows installer once more, please?",
    "a line\nand a short one",
    "x" * 400,
    "https://example.org/" + "very-long-path-" * 20,
    "**bold** and `code` and a list\n- one\n- two",
    "```\nprint('a line of code that is far longer than any bubble is wide, and goes on and on and on')\n```",
    "> quoted\n\nand an answer",
    "مرحبا",
    "مرحبا بالجميع، هذا اختبار mixed with English 123",
    "first line\nثم العربية",
    "العربية نص طويل بما يكفي ليملأ أكثر من سطر واحد في النافذة الضيقة",
    "絵文字と日本語の長い文章は単語の間に空白がないので折り返しが必要です。" * 3,
    "👩‍👩‍👧‍👦" * 30,
)


def measure(item: MessageItem, width: int) -> layout.Layout:
    return lay_out(item, width, grouped=False, fonts=Fonts.make(), tokens=LIGHT)


def lines(made: layout.Layout) -> list[QRect]:
    """Where each line of the text is painted, in bubble coordinates."""
    found = []
    block = made.document.begin()
    while block.isValid():
        corner = made.document.documentLayout().blockBoundingRect(block).topLeft()
        for number in range(block.layout().lineCount()):
            line = block.layout().lineAt(number).naturalTextRect().translated(corner)
            found.append(line.toAlignedRect().translated(made.text))
        block = block.next()
    return found


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("own", [True, False])
def test_nothing_is_cut_and_the_time_never_covers_the_text(
    qapp: QApplication, width: int, text: str, *, own: bool
) -> None:
    del qapp
    for edited in (False, True):
        item = replace(message(1, text, own=own), edited=edited)
        made = measure(item, width)
        room = width - 2 * layout.MARGIN - (0 if own else layout.INDENT)
        assert made.width <= room
        assert made.meta.left() >= layout.PAD_X
        assert made.meta.right() <= made.width - layout.PAD_X
        for line in lines(made):
            assert line.left() >= layout.PAD_X - 1
            assert line.right() <= made.width - layout.PAD_X + 1
            # A line is as high as its spacing: of that a pixel may lie under the time.
            assert not line.adjusted(0, 1, 0, -1).intersects(made.meta)
        assert made.meta.bottom() < made.height


def test_a_deleted_message_is_plain_italic_words_and_no_markup(qapp: QApplication) -> None:
    del qapp
    made = measure(replace(message(1, "*was* here"), deleted=True, body=""), 500)
    assert made.document.toPlainText() == "Message deleted"
    assert made.document.defaultFont().italic()


def test_an_edited_message_says_so_beside_the_time_it_was_sent(qapp: QApplication) -> None:
    del qapp
    plain, edited = message(1), replace(message(1), edited=True)
    assert measure(edited, 500).words == f"edited · {measure(plain, 500).words}"
    assert measure(replace(plain, state=SendState.FAILED), 500).words == "not sent"


def test_the_ground_of_code_stays_within_its_bubble(qapp: QApplication) -> None:
    del qapp
    made = measure(message(1, "```\nmake demo\nmake bench\n```"), 900)
    assert made.document.toPlainText() == "make demo\nmake bench"
    assert made.text.x() + made.document.textWidth() <= made.width
    assert made.document.textWidth() >= made.document.idealWidth()
