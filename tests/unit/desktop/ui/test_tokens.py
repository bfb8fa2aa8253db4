"""Contrast of every pair of colours that the window puts on each other (WCAG 2.2, 1.4.3 and 1.4.11)."""

from __future__ import annotations

import pytest

from desktop.ui.tokens import AVATARS, CONTRAST, DARK, LIGHT, Tokens, contrast, on_bubble, readable

AA = 4.5
AA_GRAPHICS = 3.0
AAA = 7.0
THEMES = [
    pytest.param(LIGHT, id="light"),
    pytest.param(DARK, id="dark"),
    pytest.param(CONTRAST, id="contrast"),
]
GROUNDS = ("background", "side", "surface", "own", "selection", "field", "hover")


def test_the_measure_itself() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("theme", THEMES)
def test_text_is_read_on_every_ground(theme: Tokens, ground: str) -> None:
    least = AAA if theme is CONTRAST else AA
    assert contrast(theme.text, getattr(theme, ground)) >= least


@pytest.mark.parametrize("ground", ["background", "side", "surface", "selection", "field"])
@pytest.mark.parametrize("theme", THEMES)
def test_muted_text_is_read_where_it_stands(theme: Tokens, ground: str) -> None:
    assert contrast(theme.muted, getattr(theme, ground)) >= AA


@pytest.mark.parametrize("theme", THEMES)
def test_colours_that_mean_something_are_read(theme: Tokens) -> None:
    assert contrast(theme.on_accent, theme.accent) >= AA
    for ground in (theme.background, theme.surface):
        assert contrast(theme.accent, ground) >= AA
        assert contrast(theme.danger, ground) >= AA
    for sign in (theme.ok, theme.warn):
        assert contrast(sign, theme.side) >= AA_GRAPHICS


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("theme", THEMES)
def test_small_words_and_links_are_read_in_bubbles(theme: Tokens, own: bool) -> None:
    ground = theme.own if own else theme.surface
    shown = on_bubble(theme, own=own)
    for colour in (shown.muted, shown.accent, shown.danger):
        assert contrast(colour, ground) >= AA


@pytest.mark.parametrize("colour", AVATARS)
def test_initials_and_names_are_read(colour: str) -> None:
    assert contrast("#FFFFFF", colour) >= AA
    for theme in (LIGHT, DARK, CONTRAST):
        assert contrast(readable(colour, theme.surface), theme.surface) >= AA
