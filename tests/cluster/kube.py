"""A cluster by three commands: its kubectl, one that loads an image, one that runs things in its network."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

import yaml

from tests.support.tree import ROOT

NAMESPACE: Final = "parley-trial"
"""Deleted before and after."""
PATIENCE_S: Final = 240.0
_CALL_S: Final = 120.0
_LOOK_S: Final = 1.0
_STOP_S: Final = 30.0
_NEEDED: Final = ("KUBECTL", "LOAD_IMAGE", "RUN_INSIDE")

Document = dict[str, Any]


class ClusterError(Exception):
    """The cluster did not do what was asked, or did not come to be as it has to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commands:
    """The settings, as words to put before the rest."""

    kubectl: Sequence[str]
    load_image: Sequence[str]
    """The name of a tar follows."""
    run_inside: Sequence[str]
    """A command follows that reaches the addresses of Services."""
    restart_runtime: Sequence[str]
    """Of the container runtime of every node; empty: nobody knows how."""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """``KUBECTL``, ``LOAD_IMAGE``, ``RUN_INSIDE``, and ``RESTART_RUNTIME`` by option.

        Raises:
            ClusterError: one of the three is missing.
        """
        missing = [name for name in _NEEDED if name not in environment]
        if missing:
            raise ClusterError(f"set {', '.join(missing)}: see docs/operating/kubernetes.md, Test it")
        words = {name: shlex.split(environment.get(name, "")) for name in (*_NEEDED, "RESTART_RUNTIME")}
        return cls(
            kubectl=words["KUBECTL"],
            load_image=words["LOAD_IMAGE"],
            run_inside=words["RUN_INSIDE"],
            restart_runtime=words["RESTART_RUNTIME"],
        )


@dataclass(frozen=True, slots=True)
class Pod:
    """One of them, as the API tells."""

    name: str
    uid: str
    ready: bool
    """And not about to go."""
    restarts: int


class Cluster:
    """What the test asks of a cluster. Calls wait; each has an end."""

    def __init__(self, commands: Commands) -> None:
        self.commands = commands

    def kubectl(self, *words: str, stdin: str | None = None, timeout_s: float = _CALL_S) -> str:
        """Its standard output.

        Raises:
            ClusterError: it failed; with what it said.
        """
        return run([*self.commands.kubectl, *words], stdin=stdin, timeout_s=timeout_s)

    def inside(self, *words: str, timeout_s: float = _CALL_S) -> str:
        """``kubectl`` in the server's namespace."""
        return self.kubectl("-n", NAMESPACE, *words, timeout_s=timeout_s)

    def load(self, archive: Path) -> None:
        """An image, for its nodes."""
        run([*self.commands.load_image, str(archive)], timeout_s=PATIENCE_S)

    def rendered(self, folder: Path) -> list[Document]:
        """What a kustomization comes to."""
        return [each for each in yaml.safe_load_all(self.kubectl("kustomize", str(folder))) if each]

    def apply(self, documents: Iterable[Document], *, dry_run: bool = False) -> list[str]:
        """By the server, which refuses what it does not know; what came of each."""
        words = ["apply", "--server-side", "--force-conflicts", "--validate=strict", "-f", "-"]
        words += ["--dry-run=server"] if dry_run else []
        return self.kubectl(*words, stdin=yaml.safe_dump_all(documents)).splitlines()

    def pods(self, selector: str) -> list[Pod]:
        """Those with these labels, also the ones that are on their way out."""
        found = json.loads(self.inside("get", "pods", "-l", selector, "-o", "json"))["items"]
        return [_pod(item) for item in found]

    def until(self, what: str, holds: Callable[[], object], *, timeout_s: float = PATIENCE_S) -> None:
        """Look until it holds.

        Raises:
            ClusterError: it does not in time; with the state of the pods.
        """
        deadline = time.monotonic() + timeout_s
        while not holds():
            if time.monotonic() > deadline:
                state = self.inside("get", "pods", "-o", "wide")
                raise ClusterError(f"{what}: not within {timeout_s:.0f} s\n{state}")
            time.sleep(_LOOK_S)

    def until_ready(self, selector: str, count: int, *, without: Iterable[str] = ()) -> None:
        """Exactly ``count`` pods, each ready and none of the uids ``without``."""
        gone = set(without)

        def holds() -> bool:
            pods = self.pods(selector)
            return len(pods) == count and all(pod.ready and pod.uid not in gone for pod in pods)

        self.until(f"{count} pods of {selector} ready", holds)


class Inside:
    """A Python program in the cluster's network that is told words and answers with JSON objects."""

    def __init__(self, cluster: Cluster, module: str, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [*cluster.commands.run_inside, sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, name="inside", daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A command in between may not pass a signal on: the end of its input ends it in any case.
        with contextlib.suppress(BrokenPipeError):
            _pipe(self._process.stdin).close()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_STOP_S)
        self._reader.join(_STOP_S)

    def tell(self, word: str) -> None:
        """One line."""
        stdin = _pipe(self._process.stdin)
        # Where it has ended, what it said last is the next answer.
        with contextlib.suppress(BrokenPipeError):
            stdin.write(f"{word}\n")
            stdin.flush()

    def answer(self, *, timeout_s: float) -> dict[str, Any]:
        """The next object.

        Raises:
            ClusterError: it ended, failed or says nothing.
        """
        try:
            line = self._lines.get(timeout=timeout_s)
        except queue.Empty:
            raise ClusterError(f"the people say nothing for {timeout_s:.0f} s") from None
        if not line:
            raise ClusterError(f"the people left with {self._process.wait(_STOP_S)}")
        answer: dict[str, Any] = json.loads(line)
        if "failed" in answer:
            raise ClusterError("; ".join(answer["failed"]))
        return answer

    def _read(self) -> None:
        with _pipe(self._process.stdout) as out:
            for line in out:
                self._lines.put(line)
        self._lines.put("")


def _pipe(pipe: IO[str] | None) -> IO[str]:
    if pipe is None:
        raise RuntimeError("it was started without pipes")
    return pipe


def _pod(item: Document) -> Pod:
    conditions = {each["type"]: each["status"] for each in item["status"].get("conditions", [])}
    statuses = item["status"].get("containerStatuses", [])
    return Pod(
        name=item["metadata"]["name"],
        uid=item["metadata"]["uid"],
        ready=conditions.get("Ready") == "True" and "deletionTimestamp" not in item["metadata"],
        restarts=sum(each["restartCount"] for each in statuses),
    )


def run(command: Sequence[str], *, stdin: str | None = None, timeout_s: float = _CALL_S) -> str:
    """A command's standard output.

    Raises:
        ClusterError: it failed, or did not end in time.
    """
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=timeout_s,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise ClusterError(f"{shlex.join(command)}: {problem}") from problem
    if done.returncode != 0:
        raise ClusterError(f"{shlex.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
