"""Tokens made into Qt's palette and style sheet."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final, Protocol, TypeVar

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from desktop.ui import fonts
from desktop.ui.fonts import BODY_PX, px
from desktop.ui.resources import resource
from desktop.ui.tokens import CONTRAST, DARK, LIGHT, RADIUS_BUBBLE, RADIUS_CONTROL, Tokens
from desktop.ui.walk import all_widgets

_PROPERTY: Final = "parley_tokens"
THEME_SETTING: Final = "theme"
"""Where the choice is kept in the profile's settings."""
TEXT_SETTING: Final = "text_percent"
"""The size of text there; 0 follows the system."""
TEXT_PERCENTS: Final = (100, 125, 150, 175, 200)
_TEXT_SIZES: Final = re.compile(r"\b(font-size|min-height): (\d\d+)px")
_T = TypeVar("_T")


class Kept(Protocol):
    """What was chosen and kept."""

    def setting(self, name: str, kind: type[_T], default: _T) -> _T: ...


class Theme(StrEnum):
    """What the person chose."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"
    CONTRAST = "contrast"


def chosen_theme(kept: str) -> Theme:
    """What was kept in the settings; one that is not known follows the system."""
    return Theme(kept) if kept in set(Theme) else Theme.SYSTEM


def tokens_of(theme: Theme) -> Tokens:
    """Its table; of the system's choice where that is followed."""
    chosen = {Theme.LIGHT: LIGHT, Theme.DARK: DARK, Theme.CONTRAST: CONTRAST}.get(theme)
    return chosen or system_tokens()


def system_tokens() -> Tokens:
    """What the system's colour scheme asks for."""
    dark = QGuiApplication.styleHints().colorScheme() is Qt.ColorScheme.Dark
    return DARK if dark else LIGHT


def tokens() -> Tokens:
    """What was applied last; what is painted reads it, as it would Qt's palette."""
    app = QApplication.instance()
    found = None if app is None else app.property(_PROPERTY)
    return found if isinstance(found, Tokens) else LIGHT


def dress(app: QApplication, kept: Kept) -> None:
    """As the person chose, or as the system does: colours and the size of text."""
    percent = kept.setting(TEXT_SETTING, int, 0)
    fonts.dress(app, percent / 100 if percent in TEXT_PERCENTS else fonts.system_scale())
    apply(app, tokens_of(chosen_theme(kept.setting(THEME_SETTING, str, Theme.SYSTEM))))


def apply(app: QApplication, tokens: Tokens) -> None:
    """Make every window of the program look like ``tokens``."""
    app.setProperty(_PROPERTY, tokens)
    palette = QPalette()
    for role, colour in {
        QPalette.ColorRole.Window: tokens.background,
        QPalette.ColorRole.WindowText: tokens.text,
        QPalette.ColorRole.Base: tokens.surface,
        QPalette.ColorRole.Text: tokens.text,
        QPalette.ColorRole.PlaceholderText: tokens.muted,
        QPalette.ColorRole.Button: tokens.surface,
        QPalette.ColorRole.ButtonText: tokens.text,
        QPalette.ColorRole.Highlight: tokens.accent,
        QPalette.ColorRole.HighlightedText: tokens.on_accent,
    }.items():
        palette.setColor(role, QColor(colour))
    with all_widgets():
        app.setPalette(palette)
        app.setStyleSheet(_sheet(tokens))


def _sheet(t: Tokens) -> str:
    sheet = _ground(t) + _words(t) + _controls(t) + _lists(t)
    return _TEXT_SIZES.sub(lambda found: f"{found[1]}: {px(int(found[2]))}px", sheet)


def _ground(t: Tokens) -> str:
    return f"""
    QWidget {{ color: {t.text}; font-size: {BODY_PX}px; }}
    QMainWindow, QWidget#page {{ background: {t.background}; }}
    QWidget#side {{ background: {t.side}; }}
    QWidget#rail {{ background: {t.background}; border-right: 1px solid {t.line}; }}
    QWidget#header {{ background: {t.side}; border-bottom: 1px solid {t.line}; }}
    QFrame#panel {{ background: {t.surface}; border: 1px solid {t.line}; border-radius: {RADIUS_BUBBLE}px; }}
    QFrame#popup {{ background: {t.surface}; border: 1px solid {t.line}; }}
    QFrame#panel[flat="true"] {{ border: none; border-radius: 0; }}
    QFrame#card {{ background: {t.field}; border: 1px solid {t.line}; border-radius: {RADIUS_CONTROL}px; }}
    QFrame#hoverBar {{ background: {t.surface}; border: 1px solid {t.line}; border-radius: 8px; }}
    QFrame#line {{ background: {t.line}; border: none; max-height: 1px; min-height: 1px; }}
    QSplitter::handle {{ background: {t.line}; }}
    QSplitter::handle:hover {{ background: {t.accent}; }}
    QScrollArea, QScrollArea > QWidget > QWidget#inside {{ background: transparent; }}
    QLabel#toast {{ background: {t.text}; color: {t.background}; border-radius: {RADIUS_CONTROL}px;
        padding: 10px 16px; font-size: 13px; }}
    QToolTip {{ background: {t.surface}; color: {t.text}; border: 1px solid {t.line}; padding: 4px; }}
    """


def _words(t: Tokens) -> str:
    return f"""
    QLabel {{ background: transparent; }}
    QLabel#title {{ font-size: 24px; font-weight: 700; }}
    QLabel#heading {{ font-size: 16px; font-weight: 600; }}
    QLabel#name {{ font-size: 14px; font-weight: 600; }}
    QLabel#muted {{ color: {t.muted}; font-size: 13px; }}
    QLabel#jumpText {{ color: {t.muted}; }}
    QLabel#caption {{ color: {t.muted}; font-size: 12px; }}
    QLabel#section {{ color: {t.muted}; font-size: 12px; font-weight: 600; }}
    QLabel#key {{ font-size: 16px; font-weight: 600; letter-spacing: 1px; }}
    QLabel#error {{ color: {t.danger}; font-size: 13px; }}
    QLabel#good {{ color: {t.ok}; font-size: 13px; }}
    QLabel#bar, QWidget#bar {{ background: {t.selection}; }}
    QLabel#bar {{ padding: 6px 20px; font-size: 13px; }}
    QLabel#barText {{ font-size: 13px; }}
    """


def _controls(t: Tokens) -> str:
    return f"""
    QLineEdit {{ background: {t.surface}; border: 1px solid {t.line}; border-radius: {RADIUS_CONTROL}px;
        padding: 0 12px; min-height: 38px; placeholder-text-color: {t.muted};
        selection-background-color: {t.accent};
        selection-color: {t.on_accent}; }}
    QLineEdit:focus, QPlainTextEdit:focus {{ border: 1px solid {t.accent}; }}
    QPlainTextEdit {{ background: {t.surface}; border: 1px solid {t.line};
        placeholder-text-color: {t.muted}; border-radius: {RADIUS_BUBBLE}px; padding: 8px; }}
    QFrame#composerBox {{ background: {t.surface}; border: 1px solid {t.line};
        border-radius: {RADIUS_BUBBLE}px; }}
    QFrame#composerBox[focused="true"] {{ border: 1px solid {t.accent}; }}
    QPlainTextEdit#composer, QPlainTextEdit#composer:focus {{ border: none; background: transparent;
        padding: 0; }}
    QToolButton#send {{ background: {t.accent}; border: 1px solid {t.accent}; border-radius: 10px; }}
    QToolButton#send:focus {{ border: 2px solid {t.text}; }}
    QToolButton#send:disabled {{ background: {t.field}; border-color: {t.line if t.outlined else t.field}; }}
    QPushButton {{ border: 1px solid {t.line}; border-radius: {RADIUS_CONTROL}px; min-height: 38px;
        padding: 0 14px; font-weight: 600; background: transparent; }}
    QPushButton:hover {{ background: {t.hover}; }}
    QPushButton:focus {{ border: 1px solid {t.accent}; }}
    QPushButton#primary {{ background: {t.accent}; color: {t.on_accent}; border: 1px solid {t.accent}; }}
    QPushButton#primary:focus {{ border: 2px solid {t.text}; }}
    QPushButton#primary:disabled {{ background: {t.field}; border-color: {t.line}; color: {t.muted}; }}
    QPushButton#danger {{ color: {t.danger}; }}
    QPushButton#danger:focus {{ border: 1px solid {t.danger}; }}
    QPushButton:disabled {{ color: {t.muted}; }}
    QPushButton#link {{ border: none; color: {t.accent}; min-height: 24px; padding: 0; font-size: 13px;
        background: transparent; text-align: left; }}
    QPushButton#link:hover, QPushButton#link:focus {{ text-decoration: underline; }}
    QPushButton#jump {{ background: {t.field}; border: 1px solid {t.line if t.outlined else t.field};
        color: {t.muted}; font-weight: 400; text-align: left; padding: 0 12px; min-height: 34px; }}
    QPushButton#jump:focus {{ border: 1px solid {t.accent}; }}
    QToolButton#icon {{ border: 1px solid transparent; border-radius: 8px; background: transparent; }}
    QToolButton#icon:hover, QToolButton#icon:checked {{ background: {t.hover}; }}
    QToolButton#icon:focus {{ border: 1px solid {t.accent}; }}
    QToolButton#icon::menu-indicator {{ image: none; }}
    QCheckBox, QRadioButton {{ spacing: 8px; min-height: 28px; }}
    QCheckBox:focus, QRadioButton:focus {{ color: {t.accent}; }}
    QCheckBox::indicator, QRadioButton::indicator {{ width: {px(16)}px; height: {px(16)}px;
        border: 1px solid {t.muted};
        background: {t.surface}; }}
    QCheckBox::indicator {{ border-radius: 4px; }}
    QRadioButton::indicator {{ border-radius: {px(16) // 2 + 1}px; }}
    QRadioButton::indicator:checked {{ width: {px(16) - 8}px; height: {px(16) - 8}px;
        border: 5px solid {t.accent}; }}
    QCheckBox::indicator:checked {{ background: {t.accent}; border-color: {t.accent};
        image: url("{_picture("ticks", t)}"); }}
    QComboBox {{ background: {t.surface}; border: 1px solid {t.line}; border-radius: {RADIUS_CONTROL}px;
        padding: 0 12px; min-height: 34px; }}
    QComboBox::drop-down {{ border: none; width: {px(30)}px; }}
    QComboBox::down-arrow {{ image: url("{_picture("chevrons", t)}");
        width: {px(16)}px; height: {px(16)}px; }}
    QComboBox:focus {{ border: 1px solid {t.accent}; }}
    QComboBox QAbstractItemView {{ background: {t.surface}; selection-background-color: {t.selection};
        selection-color: {t.text}; border: 1px solid {t.line}; }}
    """


def _picture(folder: str, t: Tokens) -> str:
    """A small picture of a control: a style sheet can't colour one, so there is one a theme."""
    name = {id(DARK): "dark", id(CONTRAST): "contrast"}.get(id(t), "light")
    return resource("icons", folder, f"{name}.svg").as_posix()


def _lists(t: Tokens) -> str:
    return f"""
    QListView {{ border: none; background: transparent; outline: none; }}
    QListView#completions {{ background: {t.surface}; border: 1px solid {t.line};
        border-radius: {RADIUS_CONTROL}px; }}
    QListView#emoji {{ font-size: 22px; }}
    QListView#emoji::item:selected {{ background: {t.selection}; border: 1px solid {t.accent};
        border-radius: 6px; }}
    QListView#emoji::item:hover {{ background: {t.hover}; border-radius: 6px; }}
    QMenu {{ background: {t.surface}; border: 1px solid {t.line}; padding: 4px; }}
    QMenu::item {{ padding: 6px 20px 6px 12px; border-radius: 6px; }}
    QMenu::item:selected {{ background: {t.selection}; }}
    QMenu::item:disabled {{ color: {t.muted}; }}
    QMenu::separator {{ height: 1px; background: {t.line}; margin: 4px 8px; }}
    QScrollBar:vertical {{ background: transparent; width: 10px; margin: 0; }}
    QScrollBar::handle:vertical {{ background: {t.line}; border-radius: 3px; min-height: 32px; margin: 2px; }}
    QScrollBar::handle:vertical:hover {{ background: {t.muted}; }}
    QScrollBar::add-line, QScrollBar::sub-line {{ height: 0; width: 0; }}
    QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
    """
