"""One of the first screens at a time, each with its way back."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QStackedLayout, QWidget

from desktop.services.state import ServerFound
from desktop.views.context import Context
from desktop.views.start.column import StartForm
from desktop.views.start.hosting import HostForm
from desktop.views.start.signin import Join, Reset, SignIn, hosted_here
from desktop.views.start.welcome import Welcome


class StartScreen(QWidget):
    """``done`` when somebody is signed in, ``cancelled`` to go back to what was there before."""

    done = Signal()
    cancelled = Signal()
    hosted = Signal()
    """After ``done``: a server was made here, and others need to know how to join."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.setObjectName("page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._context = context
        self._stack = QStackedLayout(self)
        self._forms: list[StartForm] = []
        self.welcome = Welcome(context)
        self.welcome.found.connect(self._found)
        self.welcome.host_wanted.connect(self._host)
        self.welcome.back_wanted.connect(self.cancelled)
        self._stack.addWidget(self.welcome)
        self.offer_way_back(offered=False)

    @property
    def form(self) -> StartForm:
        """What is on screen."""
        return self._forms[-1] if self._forms else self.welcome

    def offer_way_back(self, *, offered: bool) -> None:
        """Whether there is something to go back to from the first of the screens."""
        self.welcome.back.setVisible(offered)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in {Qt.Key.Key_Escape, Qt.Key.Key_Back} and self._forms:
            self._back()
            return
        super().keyPressEvent(event)

    def _found(self, server: ServerFound) -> None:
        if hosted_here(self._context, server):
            self._sign_in(server)
        else:
            self._join(server)

    def _host(self) -> None:
        form = HostForm(self._context)
        self._push(form)
        form.done.connect(self.hosted)

    def _join(self, server: ServerFound) -> None:
        form = Join(self._context, server)
        form.sign_in_wanted.connect(lambda: self._sign_in(server))
        self._replace(form)

    def _sign_in(self, server: ServerFound) -> None:
        form = SignIn(self._context, server)
        form.join_wanted.connect(lambda: self._join(server))
        form.reset_wanted.connect(lambda name: self._push(Reset(self._context, server, name)))
        self._replace(form)

    def _replace(self, form: StartForm) -> None:
        """Joining and signing in take each other's place: back leads to the address from both."""
        if self._forms:
            self._pop()
        self._push(form)

    def _push(self, form: StartForm) -> None:
        form.done.connect(self._done)
        form.back_wanted.connect(self._back)
        self._stack.addWidget(form)
        self._stack.setCurrentWidget(form)
        self._forms.append(form)
        form.setFocus()

    def _pop(self) -> None:
        form = self._forms.pop()
        self._stack.setCurrentWidget(self.form)
        self._stack.removeWidget(form)
        form.hide()
        form.deleteLater()

    def _back(self) -> None:
        self._pop()
        self.form.setFocus()

    def _done(self) -> None:
        while self._forms:
            self._pop()
        self.welcome.address.edit.clear()
        self.done.emit()
