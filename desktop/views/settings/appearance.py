"""Light, dark, high contrast, or as the system."""

from __future__ import annotations

from PySide6.QtWidgets import QApplication, QButtonGroup, QRadioButton, QVBoxLayout, QWidget

from desktop.ui.i18n import tr
from desktop.ui.theme import THEME_SETTING, Theme, apply, chosen_theme, tokens_of
from desktop.views.context import Context
from desktop.views.kit import plain_label


class AppearanceSection(QWidget):
    """Takes effect at once."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self.themes = QButtonGroup(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(plain_label(tr("Appearance"), kind="heading"))
        words = {
            Theme.SYSTEM: tr("Like the system"),
            Theme.LIGHT: tr("Light"),
            Theme.DARK: tr("Dark"),
            Theme.CONTRAST: tr("High contrast"),
        }
        now = chosen_theme(context.settings.setting(THEME_SETTING, str, Theme.SYSTEM))
        for number, (theme, text) in enumerate(words.items()):
            choice = QRadioButton(text)
            choice.setChecked(theme is now)
            choice.toggled.connect(lambda on, theme=theme: self._choose(theme, on=on))
            self.themes.addButton(choice, number)
            column.addWidget(choice)

    def _choose(self, theme: Theme, *, on: bool) -> None:
        app = QApplication.instance()
        if on and isinstance(app, QApplication):
            self._context.settings.set_setting(THEME_SETTING, theme)
            apply(app, tokens_of(theme))
