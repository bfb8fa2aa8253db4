"""Volumes that are folders of the node belong to root, whatever ``fsGroup`` says: they are opened here.

Storage that follows ``fsGroup``, as that of a provider does, is left alone.
"""

from __future__ import annotations

import json
from typing import Final

from tests.cluster.kube import NAMESPACE, Cluster, Document

_HELPER: Final = "parley-volumes"
_IMAGE: Final = "localhost/parley-redis:dev"


def open_volumes(cluster: Cluster, *, claims: int) -> None:
    """Wait until as many claims have a volume; those on the node become anybody's to write."""
    found: list[Document] = []

    def bound() -> bool:
        volumes = json.loads(cluster.kubectl("get", "persistentvolumes", "-o", "json"))["items"]
        found[:] = [each for each in volumes if _is_ours(each)]
        return len(found) >= claims

    cluster.until(f"{claims} volumes", bound)
    folders = [each["spec"]["hostPath"]["path"] for each in found if "hostPath" in each["spec"]]
    if not folders:
        return
    cluster.apply([_namespace(), _pod(folders)])
    words = ["-n", _HELPER, "wait", f"pod/{_HELPER}", "--for=jsonpath={.status.phase}=Succeeded"]
    cluster.kubectl(*words, "--timeout=60s")
    close(cluster)


def close(cluster: Cluster) -> None:
    """The helper's namespace."""
    cluster.kubectl("delete", "namespace", _HELPER, "--ignore-not-found", "--timeout=60s")


def _is_ours(volume: Document) -> bool:
    claim = volume["spec"].get("claimRef", {})
    return bool(claim.get("namespace") == NAMESPACE and volume["status"]["phase"] == "Bound")


def _namespace() -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": _HELPER, "labels": {"pod-security.kubernetes.io/enforce": "privileged"}},
    }


def _pod(folders: list[str]) -> Document:
    mounts = [(f"volume-{number}", folder) for number, folder in enumerate(folders)]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": _HELPER, "namespace": _HELPER},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": {"runAsUser": 0},
            "containers": [
                {
                    "name": "chmod",
                    "image": _IMAGE,
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["chmod", "0777", *(f"/volumes/{name}" for name, _ in mounts)],
                    "volumeMounts": [{"name": name, "mountPath": f"/volumes/{name}"} for name, _ in mounts],
                }
            ],
            "volumes": [{"name": name, "hostPath": {"path": folder}} for name, folder in mounts],
        },
    }
