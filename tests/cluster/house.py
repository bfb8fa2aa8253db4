"""The images built and loaded, the manifests applied, everything ready; and all of it gone again."""

from __future__ import annotations

import base64
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from common.ids import server_id_of
from server.offline import certificate
from server.settings import Settings
from tests.cluster.kube import NAMESPACE, PATIENCE_S, Cluster, ClusterError, Document
from tests.cluster.shakes import ROLES, SERVICES
from tests.cluster.volumes import close, open_volumes
from tests.support.kafka_jars import kafka_jars
from tests.support.tree import ROOT

K8S: Final = ROOT / "packaging" / "k8s"
IMAGES: Final = ("server", "postgres", "redis", "kafka")
ONLY_REHEARSED: Final = {
    "NetworkPolicy": "not every network enforces it",
    "Ingress": "it needs a controller",
}
COMPONENTS: Final = ((), ("load-balancer", "scale-on-load"), ("pass-through",))
_BUILD_S: Final = 1_800.0
_OFF: Final = ("MESSAGES_PER_SECOND", "REQUESTS_PER_SECOND", "REGISTRATIONS_PER_HOUR", "ROOMS_PER_HOUR")
_TOKEN_MS: Final = 4 * 3_600 * 1_000

Say = Callable[[str], None]


def build(cluster: Cluster, folder: Path, say: Say) -> None:
    """The four images, by packaging/docker/build.py with the settings of its own, into the cluster."""
    try:
        jars = kafka_jars()
    except (RuntimeError, OSError, subprocess.SubprocessError) as problem:
        raise ClusterError(f"the image of Kafka can't be built: {problem}") from problem
    script = [sys.executable, "packaging/docker/build.py", *IMAGES]
    command = [*script, "--kafka-jars", str(jars), "--archives", str(folder)]
    if subprocess.run(command, cwd=ROOT, stdout=sys.stderr, check=False, timeout=_BUILD_S).returncode != 0:
        raise ClusterError("the images can't be built; see above")
    for name in IMAGES:
        cluster.load(folder / f"{name}.tar")
        say(f"loaded the image of {name}")


def rehearse(cluster: Cluster, say: Say) -> None:
    """What operators apply, checked by the server and not done: the example, plain and with components."""
    cluster.apply(_of_kind(cluster.rendered(K8S / "overlays" / "trial"), {"Namespace"}))
    for components in COMPONENTS:
        with tempfile.TemporaryDirectory(dir=K8S / "overlays", prefix="rehearsal-") as folder:
            _copy_example(Path(folder), components)
            done = cluster.apply(cluster.rendered(Path(folder)), dry_run=True)
        named = f"the example with {' and '.join(components)}" if components else "the example"
        say(f"{named}: {len(done)} objects pass strict validation by the server, dry run")
    for kind, reason in ONLY_REHEARSED.items():
        say(f"NOT TESTED beyond that dry run: {kind}, for {reason}")
    say("NOT TESTED beyond that dry run: autoscaling on connections and lag, for it needs custom metrics")


def apply(cluster: Cluster, say: Say) -> str:
    """The trial, step by step; returns the id of the server that it is."""
    server_id, made = _secrets()
    documents = cluster.rendered(K8S / "overlays" / "trial")
    cluster.apply(made)
    parts = {part.workload.partition("/")[2] for part in SERVICES}
    services = [each for each in documents if each["metadata"]["name"] in parts]
    cluster.apply(_without(services))
    open_volumes(cluster, claims=sum("volumeClaimTemplates" in each["spec"] for each in services))
    for part in SERVICES:
        cluster.until_ready(part.selector, part.count)
    say("PostgreSQL, Redis and Kafka are ready")
    cluster.apply(_of_kind(documents, {"Namespace", "ServiceAccount", "ConfigMap", "Job"}))
    cluster.inside(
        "wait",
        "job/parley-migrate",
        "--for=condition=complete",
        f"--timeout={PATIENCE_S:.0f}s",
        timeout_s=PATIENCE_S + 10,
    )
    say("migrated")
    done = cluster.apply(_without(documents))
    say(f"applied {len(done)} objects")
    return server_id


def open_house(cluster: Cluster) -> str:
    """Two gateways and two cores ready, brought up to that number by their autoscalers; the address."""
    for part in ROLES:
        cluster.until_ready(part.selector, part.count)
    address = cluster.inside("get", "service/parley-gateway", "-o", "jsonpath={.spec.clusterIP}")
    return f"https://{address}:443"


def clean(cluster: Cluster) -> None:
    """The namespace and all in it."""
    close(cluster)
    cluster.kubectl(
        "delete",
        "namespace",
        NAMESPACE,
        "--ignore-not-found",
        f"--timeout={PATIENCE_S:.0f}s",
        timeout_s=PATIENCE_S + 10,
    )


def _copy_example(folder: Path, components: Iterable[str]) -> None:
    """With secrets that open nothing."""
    example = K8S / "overlays" / "example"
    text = (example / "kustomization.yaml").read_text(encoding="utf-8")
    # A dry run, too, needs a namespace that is there.
    text = text.replace("namespace: parley\n", f"namespace: {NAMESPACE}\n")
    lines = "".join(f"  - ../../components/{name}\n" for name in components)
    text += f"components:\n{lines}" if lines else ""
    (folder / "kustomization.yaml").write_text(text, encoding="utf-8")
    shutil.copy(example / "services.env.example", folder / "services.env")
    identity = folder / "identity.pem"
    identity.write_bytes(_pem(Ed25519PrivateKey.generate()))
    shown = certificate(Settings(data=folder, identity_file=identity), ["chat.example.com"])
    for name, pem in zip(("tls.crt", "tls.key"), shown, strict=True):
        (folder / name).write_bytes(pem)


def _secrets() -> tuple[str, list[Document]]:
    """The server's id, and what an operator makes by hand; limits off, as in any load test."""
    key = Ed25519PrivateKey.generate()
    postgres, redis = secrets.token_urlsafe(18), secrets.token_urlsafe(18)
    services = {
        "PARLEY_DATABASE_URL": f"postgresql://parley:{postgres}@parley-postgres:5432/parley",
        "PARLEY_REDIS_URL": f"redis://:{redis}@parley-redis:6379/0",
        "PARLEY_METRICS_TOKEN": secrets.token_urlsafe(18),
        # People of the test sign in once.
        "PARLEY_LIMITS__ACCESS_TOKEN_MS": str(_TOKEN_MS),
        **{f"PARLEY_LIMITS__{name}": "0" for name in _OFF},
    }
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return server_id_of(public), [
        _secret("parley-services", services),
        _secret("parley-identity", {"identity.pem": _pem(key).decode()}),
        _secret("parley-trial", {"postgres": postgres, "redis": redis}),
    ]


def _secret(name: str, values: dict[str, str]) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in values.items()},
    }


def _pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _of_kind(documents: Iterable[Document], kinds: set[str]) -> list[Document]:
    return [each for each in documents if each["kind"] in kinds]


def _without(documents: Iterable[Document]) -> list[Document]:
    return [each for each in documents if each["kind"] not in ONLY_REHEARSED]
