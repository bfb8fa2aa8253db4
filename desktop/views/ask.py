"""A question before something that can't be taken back."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from desktop.ui.i18n import tr
from desktop.views.buttons import ButtonRow
from desktop.views.context import Context
from desktop.views.forms import Form, button
from desktop.views.kit import plain_label
from desktop.views.overlay import Panel


class Question(Form):
    """What it means, a way out, and the deed; what the services refuse is said in place."""

    def __init__(
        self, context: Context, meaning: str, *, do: str, job: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        super().__init__(context)
        self._job = job
        self.do, self.stay = button(do, "danger"), button(tr("Cancel"), "primary")
        self.do.clicked.connect(lambda: self.work(self._do, "question"))
        self.stay.clicked.connect(context.shell.close_panel)
        self.submits(self.do)
        self.column.addWidget(plain_label(meaning, wrap=True))
        self.column.addWidget(self.message)
        self.column.addWidget(ButtonRow(self.do, self.stay))
        self.setFocusProxy(self.stay)

    async def _do(self) -> None:
        await self._job()
        self.context.shell.close_panel()


def ask(
    context: Context,
    title: str,
    meaning: str,
    *,
    do: str,
    job: Callable[[], Coroutine[Any, Any, None]],
) -> None:
    """Open the question; ``do`` names the deed ("Leave"), ``job`` is it."""
    question = Question(context, meaning, do=do, job=job)
    context.shell.show_panel(Panel(title, question), question.stay)
