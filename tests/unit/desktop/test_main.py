from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QMessageBox

from desktop.__main__ import refuse
from tests.support.tree import ROOT


def test_why_it_does_not_start_is_said_in_the_terminal_and_in_a_box(
    qapp: QApplication, capsys: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []

    def press() -> None:
        box = qapp.activeModalWidget()
        assert isinstance(box, QMessageBox)
        said.append(box.text())
        box.buttons()[0].click()

    timer = QTimer()
    timer.timeout.connect(press)
    timer.setSingleShot(True)
    timer.start(0)
    assert refuse(qapp, "The folder is gone.") == 1
    assert said == ["The folder is gone."]
    assert capsys.readouterr().err == "parley: The folder is gone.\n"


@pytest.mark.parametrize("broken", ["folder", "settings"])
def test_a_folder_that_can_not_be_used_is_one_line_and_no_traceback(tmp_path: Path, broken: str) -> None:
    folder = tmp_path / "profile"
    if broken == "folder":
        folder.write_text("not a folder")
    else:
        (folder / "profile.json").mkdir(parents=True)
    command = [sys.executable, "-m", "desktop", "--data", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as program:
        assert program.stderr is not None
        line = program.stderr.readline()
        # The box waits for its person.
        program.terminate()
        rest = program.stderr.read()
    assert line.startswith(f"parley: Parley can't use its folder {folder}.")
    assert rest == ""
