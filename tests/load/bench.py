"""``make bench``: an embedded server, every scenario, plain and TLS, and what one fsync costs here."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from common.limits import Limits

ROOT: Final = Path(__file__).parents[2]
SCENARIOS: Final = (
    ("pingpong", "--m", "3000"),
    ("pairs", "--n", "10", "--m", "3000", "--w", "8"),
    ("room", "--n", "200", "--m", "2000", "--w", "8"),
    ("room", "--n", "200", "--m", "400", "--w", "1"),
    ("idle", "--n", "300"),
    ("storm", "--n", "300"),
)
_OFF: Final = (
    "messages_per_second",
    "requests_per_second",
    "registrations_per_hour",
    "login_failures",
    "rooms_per_hour",
)
_FSYNCS: Final = 200
_STOP_TIMEOUT_S: Final = 20.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints one JSON object a scenario."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--standalone", action="store_true", help="on PostgreSQL, Redis and Kafka, started for it"
    )
    parser.add_argument(
        "--layout", action="append", choices=("all", "roles", "cross"), help="with --standalone: these alone"
    )
    options = parser.parse_args(arguments)
    if options.standalone:
        from tests.load import standalone

        return standalone.run(options.layout or ())
    # Beside the checkout and not in the system's temporary folder: that may be a tmpfs.
    build = ROOT / "build" / "bench"
    build.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build) as folder:
        print(f"file system: {_file_system(folder)}; one fsync: {_fsync_ms(Path(folder)):.3f} ms")
        for kind, flags in (("plain", ()), ("tls", ("--tls",))):
            print(f"# {kind}", flush=True)
            with server(Path(folder) / kind, *flags) as url:
                for scenario in SCENARIOS:
                    command = [sys.executable, "-m", "tests.load", *scenario, "--url", url, "--json"]
                    subprocess.run(command, cwd=ROOT, check=False)
    return 0


@contextmanager
def server(data: Path, *flags: str) -> Iterator[str]:
    """A server program with its limits off; its base address."""
    off = {f"PARLEY_LIMITS__{name.upper()}": "0" for name in _OFF if name in Limits.__struct_fields__}
    command = [sys.executable, "-m", "server", "serve", "--data", str(data), "--port", "0", *flags]
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **off}, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if line.startswith("listening on "):
                yield line.split()[-1]
                break
    finally:
        process.terminate()
        process.wait(_STOP_TIMEOUT_S)
        process.stdout.close()


def _fsync_ms(folder: Path) -> float:
    times = []
    with (folder / "fsync").open("wb", buffering=0) as file:
        for _ in range(_FSYNCS):
            file.write(b"x" * 4_096)
            began = time.perf_counter()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - began)
    return statistics.median(times) * 1_000


def _file_system(folder: str) -> str:
    if sys.platform != "linux":
        return sys.platform
    found = subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main())
