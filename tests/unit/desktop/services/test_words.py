"""What net and storage say reaches the window in its language."""

from __future__ import annotations

import ast
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QTranslator
from PySide6.QtWidgets import QApplication

from common.address import Address, parse_address
from common.errors import Code
from desktop.net.problems import NetError, RefusedError
from desktop.net.socket import explain
from desktop.services.words import said, service_error
from desktop.storage.worker import StorageError
from tests.support.tree import ROOT


class Shouted(QTranslator):
    """A language: the sentence in capitals, the names in braces as they are."""

    def isEmpty(self) -> bool:
        return False

    def translate(
        self,
        context: bytes | str,
        sourceText: bytes | str,  # noqa: N803 - Qt's name
        disambiguation: bytes | str | None = None,
        n: int = -1,
    ) -> str:
        del context, disambiguation, n
        source = sourceText.decode() if isinstance(sourceText, bytes) else sourceText
        parts = source.replace("{", "}").split("}")
        return "".join(f"{{{part}}}" if at % 2 else part.upper() for at, part in enumerate(parts))


@pytest.fixture
def shouted(qapp: QApplication) -> Iterator[None]:
    language = Shouted()
    qapp.installTranslator(language)
    yield
    qapp.removeTranslator(language)


@pytest.mark.usefixtures("shouted")
def test_errors_are_translated_with_what_stands_in_them() -> None:
    nobody = explain(ConnectionRefusedError(), Address(host="Host", port=7))
    assert nobody.text == "Nothing listens at Host:7. Is the server running?"
    assert said(nobody) == "NOTHING LISTENS AT Host:7. IS THE SERVER RUNNING?"
    assert service_error(nobody).text == said(nobody)
    unknown = explain(socket.gaierror(), Address(host="Host", port=7))
    assert said(unknown) == 'THERE IS NO COMPUTER NAMED "Host" HERE. CHECK THE ADDRESS.'
    assert service_error(StorageError("The disk is full.")).text == "THE DISK IS FULL."
    moved = NetError("Not this one.", code=Code.MOVED)
    assert service_error(moved).text == ("THE SERVER HAS MOVED. WAIT UNTIL IT IS FOUND AT ITS NEW ADDRESS.")


@pytest.mark.usefixtures("shouted")
def test_what_common_says_is_translated() -> None:
    for wrong in ("not an address", "ftp://h", "parley://h/?k=short"):
        with pytest.raises(ValueError, match=r"ddress|invite") as told:
            parse_address(wrong)
        assert service_error(told.value).text == str(told.value).upper()


def test_words_of_a_server_are_shown_as_they_are() -> None:
    refused = RefusedError("no {such} thing", code=Code.BAD_FIELD)
    assert service_error(refused).text == "no {such} thing"


_WORDED = frozenset(
    {
        "BadAddressError",
        "KeyChangedError",
        "LostError",
        "NetError",
        "NotParleyError",
        "SignedOutError",
        "StorageError",
        "UnreachableError",
        "VersionError",
    }
)


def _unmarked(path: Path) -> list[str]:
    """Sentences of errors for the window that lupdate does not find."""
    return [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in _WORDED
        and node.args
        and isinstance(node.args[0], (ast.Constant, ast.JoinedStr))
    ]


def test_each_sentence_of_net_and_storage_is_marked_for_translators() -> None:
    files = [*(ROOT / "desktop" / "net").glob("*.py"), *(ROOT / "desktop" / "storage").glob("*.py")]
    unmarked = [line for file in files for line in _unmarked(file)]
    assert unmarked == []
