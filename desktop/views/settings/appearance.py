"""Light, dark, high contrast, or as the system; how large text is."""

from __future__ import annotations

from PySide6.QtWidgets import QApplication, QButtonGroup, QComboBox, QRadioButton, QVBoxLayout, QWidget

from desktop.ui.i18n import tr
from desktop.ui.theme import TEXT_PERCENTS, TEXT_SETTING, THEME_SETTING, Theme, chosen_theme, dress
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
        self.text = QComboBox()
        self.text.addItem(tr("Like the system"), 0)
        for percent in TEXT_PERCENTS:
            self.text.addItem(tr("{percent} %").format(percent=percent), percent)
        kept = context.settings.setting(TEXT_SETTING, int, 0)
        self.text.setCurrentIndex(max(0, self.text.findData(kept)))
        self.text.setAccessibleName(tr("Size of text"))
        self.text.activated.connect(self._resize_text)
        caption = plain_label(tr("Size of text"), kind="section")
        caption.setBuddy(self.text)
        column.addSpacing(8)
        column.addWidget(caption)
        column.addWidget(self.text)

    def _choose(self, theme: Theme, *, on: bool) -> None:
        if on:
            self._keep(THEME_SETTING, theme)

    def _resize_text(self) -> None:
        self._keep(TEXT_SETTING, self.text.currentData())

    def _keep(self, name: str, value: object) -> None:
        self._context.settings.set_setting(name, value)
        app = QApplication.instance()
        if isinstance(app, QApplication):
            dress(app, self._context.settings)
