from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtWidgets import QApplication

from common.limits import BODY_MAX_CHARS
from desktop.ui.tokens import LIGHT
from desktop.views.conversation.markdown import (
    _MARKUP,
    MessageDocument,
    has_markup,
    host_of,
    opens,
    to_html,
)


@pytest.mark.parametrize(
    "body",
    [
        "<img src=x onerror=alert(1)>",
        "<b>bold</b>",
        "a &lt; b",
        "![picture](https://example.org/p.png)",
        "<script>alert(1)</script>",
        "<table><tr><td>x</td></tr></table>",
    ],
)
def test_html_and_pictures_stay_text(qapp: QApplication, body: str) -> None:
    del qapp
    html = to_html(body)
    for tag in ("<img", "<b>", "<script", "<table"):
        assert tag not in html
    shown = MessageDocument(body, LIGHT).toPlainText()
    assert "\N{OBJECT REPLACEMENT CHARACTER}" not in shown


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://example.org/a", True),
        ("HTTP://example.org", True),
        ("javascript:alert(1)", False),
        ("file:///etc/passwd", False),
        ("data:text/html,x", False),
        ("parley://host", False),
        ("https://", False),
    ],
)
def test_only_web_links_open(url: str, *, good: bool) -> None:
    assert opens(url) is good
    assert ("<a " in to_html(f"[x]({url})")) is good


def test_an_address_that_is_none_does_not_open() -> None:
    assert not opens("https://[bad")


def test_a_link_tells_where_it_leads() -> None:
    assert host_of("https://user@evil.example/bank.example") == "evil.example"


@pytest.mark.parametrize(
    "body", ["*" * 100_000, "[" * 50_000, "> " * 20_000, "`" * 99_999, "a_b" * 30_000, "- " * 30_000]
)
def test_hostile_markup_is_still_text(qapp: QApplication, body: str) -> None:
    del qapp
    assert to_html(body[:4_000])
    assert MessageDocument(body[:4_000], LIGHT).toPlainText()


@given(body=st.text(alphabet="ab 1.:/>#-+\n\t", max_size=40))
def test_markup_is_looked_for_line_by_line(body: str) -> None:
    """Across lines, a body of empty ones held the window for seconds."""
    found = _MARKUP.search(body)
    assert found is None or "\n" not in found.group()


@pytest.mark.parametrize("piece", ["a://", "a:// ", "//a.bb/", "www.a.bb/(", 'http://a.bb/"', "[a](http://"])
def test_in_a_text_made_of_beginnings_no_link_is_looked_for(
    piece: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def looks(*_: object) -> None:
        pytest.fail("the parser looks for links in it, which takes the square of its length")

    monkeypatch.setattr("linkify_it.LinkifyIt.match", looks)
    monkeypatch.setattr("linkify_it.LinkifyIt.match_at_start", looks)
    monkeypatch.setattr("linkify_it.LinkifyIt.test", looks)
    assert to_html((piece * BODY_MAX_CHARS)[:BODY_MAX_CHARS])


def test_a_long_list_of_links_is_one_of_links() -> None:
    body = "\n".join(f"- https://example.org/a/{number}?b=c.d&e=f@g" for number in range(200))
    assert to_html(body).count("<a ") == 200


def test_nothing_is_loaded(qapp: QApplication) -> None:
    del qapp
    document = MessageDocument("![x](https://example.org/x.png) **b**", LIGHT)
    assert document.resource(2, "https://example.org/x.png") is None


@given(body=st.text(alphabet="ab 1.:/@*_~`>[]()#-+\\\n!&<w", max_size=40))
def test_what_is_taken_for_plain_renders_as_it_is(body: str) -> None:
    if not has_markup(body) and body.strip():
        html = to_html(body)
        for tag in ("<a ", "<em>", "<strong>", "<code>", "<pre>", "<li>", "<blockquote>", "<s>"):
            assert tag not in html
