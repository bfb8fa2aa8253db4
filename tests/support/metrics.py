"""A server's ``/metrics``, read."""

from __future__ import annotations

import httpx2
from prometheus_client.parser import text_string_to_metric_families

PATIENCE_S = 10.0


async def metrics_of(url: str) -> dict[tuple[str, frozenset[str]], float]:
    """Values by name and the values of the labels."""
    async with httpx2.AsyncClient(trust_env=False, timeout=PATIENCE_S) as http:
        answer = await http.get(f"{url}/metrics")
    answer.raise_for_status()
    return {
        (sample.name, frozenset(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
