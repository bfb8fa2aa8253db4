"""What is done to the pods while people talk. Each returns once the cluster is whole again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.cluster.kube import NAMESPACE, PATIENCE_S, Cluster, ClusterError, Pod, run

_SERVER: Final = "app.kubernetes.io/name=parley,app.kubernetes.io/component"


@dataclass(frozen=True, slots=True)
class Part:
    """A workload and its pods."""

    name: str
    workload: str
    selector: str
    count: int


GATEWAY: Final = Part("gateway", "statefulset/parley-gateway", f"{_SERVER}=gateway", 2)
CORE: Final = Part("core", "deployment/parley-core", f"{_SERVER}=core", 2)
POSTGRES: Final = Part("postgres", "statefulset/parley-postgres", "app.kubernetes.io/name=parley-postgres", 1)
REDIS: Final = Part("redis", "deployment/parley-redis", "app.kubernetes.io/name=parley-redis", 1)
KAFKA: Final = Part("kafka", "statefulset/parley-kafka", "app.kubernetes.io/name=parley-kafka", 1)
ROLES: Final = (GATEWAY, CORE)
SERVICES: Final = (POSTGRES, REDIS, KAFKA)

Shake = Callable[[Cluster], None]


def roll(part: Part) -> Shake:
    """All pods anew, one after the other, as an upgrade does it."""

    def shake(cluster: Cluster) -> None:
        before = _uids(cluster.pods(part.selector))
        cluster.inside("rollout", "restart", part.workload)
        cluster.inside(
            "rollout",
            "status",
            part.workload,
            f"--timeout={PATIENCE_S:.0f}s",
            timeout_s=PATIENCE_S + 10,
        )
        cluster.until_ready(part.selector, part.count, without=before)

    return shake


def scale(part: Part) -> Shake:
    """One more, and down again, by the autoscaler: its bounds, so that no metrics are needed."""

    def shake(cluster: Cluster) -> None:
        for count in (part.count + 1, part.count):
            bounds = {"spec": {"minReplicas": count, "maxReplicas": count}}
            cluster.inside("patch", f"hpa/parley-{part.name}", "--type=merge", "-p", json.dumps(bounds))
            cluster.until_ready(part.selector, count)

    return shake


def evict(part: Part) -> Shake:
    """One pod, as the drain of a node does it; the budget refuses the other until it is back.

    Raises:
        ClusterError: the budget let the second go as well.
    """

    def shake(cluster: Cluster) -> None:
        first, second = cluster.pods(part.selector)
        _evict(cluster, first)
        try:
            _evict(cluster, second)
        except ClusterError as refusal:
            if "disruption budget" not in str(refusal):
                raise
        else:
            raise ClusterError(f"the budget of {part.name} let both pods go")
        cluster.until_ready(part.selector, part.count, without=[first.uid])

    return shake


def kill(*parts: Part) -> Shake:
    """One pod of each, at once and without notice."""

    def shake(cluster: Cluster) -> None:
        victims = {part: cluster.pods(part.selector)[0] for part in parts}
        names = [victim.name for victim in victims.values()]
        cluster.inside("delete", "pod", *names, "--grace-period=0", "--force", "--wait=false")
        for part, victim in victims.items():
            cluster.until_ready(part.selector, part.count, without=[victim.uid])

    return shake


def restart_runtime(cluster: Cluster) -> None:
    """Pods go on without it, and are its own again once it is back."""
    run(cluster.commands.restart_runtime, timeout_s=PATIENCE_S)
    for part in (*ROLES, *SERVICES):
        cluster.until_ready(part.selector, part.count)


SHAKES: Final[dict[str, Shake]] = {
    "roll the gateways": roll(GATEWAY),
    "roll the cores": roll(CORE),
    "scale the gateways": scale(GATEWAY),
    "scale the cores": scale(CORE),
    "evict a gateway": evict(GATEWAY),
    "evict a core": evict(CORE),
    "kill a gateway": kill(GATEWAY),
    "kill a core": kill(CORE),
    "kill a gateway and a core": kill(GATEWAY, CORE),
    "kill Redis": kill(REDIS),
    "kill Kafka": kill(KAFKA),
    "kill PostgreSQL": kill(POSTGRES),
    "kill Kafka and PostgreSQL": kill(KAFKA, POSTGRES),
    "restart the container runtime": restart_runtime,
}


def _evict(cluster: Cluster, pod: Pod) -> None:
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod.name, "namespace": NAMESPACE},
    }
    address = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod.name}/eviction"
    cluster.kubectl("create", "--raw", address, "-f", "-", stdin=json.dumps(body))


def _uids(pods: list[Pod]) -> list[str]:
    return [pod.uid for pod in pods]
