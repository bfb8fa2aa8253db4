"""What a run measures: latencies, the CPU of servers, services and client, the servers' memory."""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psutil

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
    """Between ``start`` and ``stop``: wall time and CPU.

    ``servers`` by name, each by its ``/metrics``; ``processes`` by name, each with its children.
    """

    accounts: Accounts
    servers: Mapping[str, str]
    processes: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    cpu_s: dict[str, float] = field(default_factory=dict)
    """Of servers and processes, by name."""
    client_cpu_share: float = 0.0
    others_cpu_share: float = 0.0
    """CPUs that were busy with what is none of these: over 0.2, the figures are of a busy machine."""
    _before: dict[str, float] = field(default_factory=dict)
    _own_cpu: float = 0.0
    _machine_cpu: float = 0.0
    _began: float = 0.0

    async def start(self) -> None:
        self._before = await self._cpu()
        self._machine_cpu = _busy_s()
        self._own_cpu, self._began = time.process_time(), time.perf_counter()

    async def stop(self) -> None:
        self.seconds = time.perf_counter() - self._began
        own = time.process_time() - self._own_cpu
        machine = _busy_s() - self._machine_cpu
        after = await self._cpu()
        self.cpu_s = {name: after[name] - cpu for name, cpu in self._before.items()}
        self.client_cpu_share = round(own / self.seconds, 2)
        others = machine - own - sum(self.cpu_s.values())
        self.others_cpu_share = round(max(others, 0.0) / self.seconds, 2)

    async def resident_kib(self) -> float:
        """Of all servers."""
        found = await self._all_metrics()
        return sum(one["process_resident_memory_bytes"] for one in found.values()) / 1_024

    async def _cpu(self) -> dict[str, float]:
        found = await self._all_metrics()
        of_servers = {name: one["process_cpu_seconds_total"] for name, one in found.items()}
        return of_servers | {name: _cpu_of(pid) for name, pid in self.processes.items()}

    async def _all_metrics(self) -> dict[str, dict[str, float]]:
        found = await asyncio.gather(*(self.accounts.metrics(url) for url in self.servers.values()))
        return dict(zip(self.servers, found, strict=True))

    def result(self, count: int) -> dict[str, Any]:
        """What every scenario says; ``count`` messages or deliveries."""

        def each_us(cpu_s: float) -> float:
            return round(cpu_s / max(count, 1) * 1e6, 1)

        result: dict[str, Any] = {
            "count": count,
            "seconds": round(self.seconds, 3),
            "server_cpu_us": each_us(sum(self.cpu_s[name] for name in self.servers)),
            "client_cpu_share": self.client_cpu_share,
        }
        if len(self.cpu_s) > 1:
            result["cpu_us"] = {name: each_us(cpu_s) for name, cpu_s in self.cpu_s.items()}
        if self.processes:
            result["others_cpu_share"] = self.others_cpu_share
        return result


def _cpu_of(pid: int) -> float:
    """Seconds of a process, its children, and those of its children that ended."""
    process = psutil.Process(pid)
    family = [process, *process.children(recursive=True)]
    return sum(sum(one.cpu_times()[:4]) for one in family)


def _busy_s() -> float:
    """Seconds of all CPUs together, since the machine started."""
    times = psutil.cpu_times()
    return sum(float(getattr(times, name, 0.0)) for name in ("user", "nice", "system", "irq", "softirq"))
