"""What a screen reader gets of a program: runs in the system's own Python, which has pyatspi.

SCREEN_READER NAME: says ``listening``, then one JSON object for each thing announced; a line on its standard
input asks for the tree: one object for each part that is shown.
"""

from __future__ import annotations

import json
import sys
import threading

import pyatspi
from gi.repository import GLib

NAME = sys.argv[1]
STATES = {
    "focusable": pyatspi.STATE_FOCUSABLE,
    "focused": pyatspi.STATE_FOCUSED,
    "editable": pyatspi.STATE_EDITABLE,
}


def tell(**what: object) -> None:
    print(json.dumps(what), flush=True)


def walk(part: pyatspi.Accessible) -> None:
    try:
        states = part.getState()
        children = part.childCount
    except GLib.Error:
        return  # it is gone
    if states.contains(pyatspi.STATE_SHOWING):
        held = [name for name, state in STATES.items() if states.contains(state)]
        tell(role=part.getRoleName(), name=part.name, description=part.description, states=held)
    for at in range(children):
        child = part.getChildAtIndex(at)
        if child is not None:
            walk(child)


def tree() -> bool:
    for program in pyatspi.Registry.getDesktop(0):
        if program is not None and program.name == NAME:
            walk(program)
    tell(end=True)
    return False


def announced(event: pyatspi.event.Event) -> None:
    tell(announced=str(event.any_data), polite=event.detail1)


def asked() -> None:
    for _ in sys.stdin:
        GLib.idle_add(tree)


pyatspi.Registry.registerEventListener(announced, "object:announcement")
threading.Thread(target=asked, daemon=True).start()
tell(listening=True)
pyatspi.Registry.start()
