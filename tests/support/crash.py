"""Child processes that end as in a power cut: killed, without a chance to clean up."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from tests.support.tree import ROOT

PATIENCE_S: Final = 30.0


class Child:
    """A Python program in its own process, its output read line by line; killed when the block ends.

    `python -m MODULE ARGS` or, with `code`, `python -c CODE ARGS`, in the checkout, unbuffered. Its
    standard error goes to the test's own, or onto the end of the file `errors`. SIGKILL on POSIX,
    TerminateProcess on Windows.
    """

    def __init__(
        self,
        module: str | None = None,
        *args: str,
        code: str | None = None,
        environment: Mapping[str, str] | None = None,
        errors: Path | None = None,
        python: str = sys.executable,
        stdin: int | None = None,
    ) -> None:
        program = ("-m", module) if module is not None else ("-c", code or "")
        self._command: Sequence[str] = (python, "-u", *program, *args)
        self._environment = {**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})}
        self._errors = errors
        self._stdin = stdin
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def process(self) -> subprocess.Popen[str]:
        """The process, once started."""
        if self._process is None:
            raise RuntimeError("the child was not started")
        return self._process

    def start(self) -> None:
        with ExitStack() as stack:
            errors = None if self._errors is None else stack.enter_context(self._errors.open("ab"))
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._environment,
                stdin=self._stdin,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                encoding="utf-8",
            )
        out = self._process.stdout
        if out is None:
            raise RuntimeError("the child has no output")
        self._reader = threading.Thread(target=self._read, args=(out,), name="child-output", daemon=True)
        self._reader.start()

    def next_line(self, *, timeout_s: float = PATIENCE_S) -> str | None:
        """The next line of output without its newline; None when the child ended its output.

        Raises:
            TimeoutError: nothing came.
        """
        try:
            return self._lines.get(timeout=timeout_s)
        except queue.Empty:
            raise TimeoutError(f"{self._command[1:4]} printed nothing for {timeout_s} s") from None

    def line_where(self, wanted: Callable[[str], bool], *, timeout_s: float = PATIENCE_S) -> str:
        """The first line from here that is wanted; others are passed.

        Raises:
            TimeoutError: nothing came.
            EOFError: the child ended first.
        """
        while (line := self.next_line(timeout_s=timeout_s)) is not None:
            if wanted(line):
                return line
        raise EOFError(f"{self._command[1:4]} ended with {self.process.wait(timeout=timeout_s)}")

    def kill(self) -> list[str]:
        """End it now; what it had printed and nobody read. Ended already is fine."""
        self.process.kill()
        return self._end(PATIENCE_S)

    def stop(self, *, timeout_s: float = PATIENCE_S) -> int:
        """Ask it to end (SIGTERM) and wait; its exit code.

        Raises:
            subprocess.TimeoutExpired: it did not; it runs on.
        """
        self.process.terminate()
        self._end(timeout_s)
        return self.process.returncode

    def _end(self, timeout_s: float) -> list[str]:
        process = self.process
        process.wait(timeout=timeout_s)
        if self._reader is not None:
            self._reader.join(PATIENCE_S)
        for pipe in filter(None, (process.stdin, process.stdout)):
            pipe.close()
        rest: list[str] = []
        while not self._lines.empty():
            line = self._lines.get()
            if line is not None:
                rest.append(line)
        return rest

    def _read(self, out: IO[str]) -> None:
        for line in out:
            # Killed in the middle of a line: what has no newline was never said.
            if line.endswith("\n"):
                self._lines.put(line.rstrip("\n"))
        self._lines.put(None)
