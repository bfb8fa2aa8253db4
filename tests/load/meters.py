"""What a run measures: latencies, the server's and the client's share of CPU, the server's memory."""

from __future__ import annotations

import time
from array import array
from dataclasses import dataclass, field
from typing import Any

from tests.load.accounts import Accounts


@dataclass(slots=True)
class Latencies:
    """Seconds from send to receive, one a delivery."""

    values: array[float] = field(default_factory=lambda: array("d"))

    def percentiles_ms(self) -> dict[str, float]:
        """p50, p95 and p99."""
        ordered = sorted(self.values)
        if not ordered:
            return {"p50_ms": 0.0, "p95_ms": 0.0, "p99_ms": 0.0}
        last = len(ordered) - 1
        return {f"p{p}_ms": round(ordered[last * p // 100] * 1_000, 3) for p in (50, 95, 99)}


@dataclass(slots=True)
class Meter:
    """Between ``start`` and ``stop``: wall time, CPU of the server and of this process."""

    accounts: Accounts
    metrics_url: str | None = None
    _server_cpu: float = 0.0
    _own_cpu: float = 0.0
    _began: float = 0.0
    seconds: float = 0.0
    server_cpu_s: float = 0.0
    client_cpu_share: float = 0.0

    async def start(self) -> None:
        self._server_cpu = await self._cpu()
        self._own_cpu, self._began = time.process_time(), time.perf_counter()

    async def stop(self) -> None:
        self.seconds = time.perf_counter() - self._began
        self.client_cpu_share = round((time.process_time() - self._own_cpu) / self.seconds, 2)
        self.server_cpu_s = await self._cpu() - self._server_cpu

    async def resident_kib(self) -> float:
        found = await self.accounts.metrics(self.metrics_url)
        return found["process_resident_memory_bytes"] / 1_024

    async def _cpu(self) -> float:
        found = await self.accounts.metrics(self.metrics_url)
        return found["process_cpu_seconds_total"]

    def result(self, count: int) -> dict[str, Any]:
        """What every scenario says; ``count`` messages or deliveries."""
        return {
            "count": count,
            "seconds": round(self.seconds, 3),
            "server_cpu_us": round(self.server_cpu_s / max(count, 1) * 1e6, 1),
            "client_cpu_share": self.client_cpu_share,
        }
