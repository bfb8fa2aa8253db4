"""The manifests of packaging/k8s/ and the compose file: their schema, and what Parley asks besides."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import kubernetes_validate
import pytest
import yaml

from common.limits import Limits
from server.settings import Settings
from tests.support.tree import ROOT

K8S: Final = ROOT / "packaging" / "k8s"
COMPOSE: Final = ROOT / "packaging" / "docker" / "compose.yaml"
VERSIONS: Final = ("1.30", "1.34")
KUSTOMIZE: Final = "kustomization.yaml"
PREFIX: Final = "PARLEY_"
WORKLOADS: Final = ("Deployment", "StatefulSet", "Job")

Document = dict[str, Any]


@cache
def files() -> dict[str, list[Document]]:
    """Every manifest by the file it stands in."""
    return {
        path.relative_to(K8S).as_posix(): list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
        for path in sorted(K8S.rglob("*.yaml"))
        if path.name != KUSTOMIZE
    }


def pods() -> dict[str, Document]:
    """The specification of every pod by file and name."""
    return {
        f"{file}:{each['metadata']['name']}": each["spec"]["template"]["spec"]
        for file, documents in files().items()
        for each in documents
        if each["kind"] in WORKLOADS
    }


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("file", files())
def test_the_schema_knows_every_field(file: str, version: str) -> None:
    for document in files()[file]:
        kubernetes_validate.validate(document, version, strict=True)


def test_the_schema_would_find_a_wrong_field() -> None:
    document = copy.deepcopy(files()["base/core.yaml"][0])
    document["spec"]["replicsa"] = 2

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(document, VERSIONS[0], strict=True)


def test_every_file_belongs_to_its_kustomization() -> None:
    for kustomization in K8S.rglob(KUSTOMIZE):
        content = yaml.safe_load(kustomization.read_text(encoding="utf-8"))
        named = {*content.get("resources", [])}
        named |= {patch["path"] for patch in content.get("patches", []) if "path" in patch}
        named |= set(content.get("components", []))
        here = {path.name for path in kustomization.parent.glob("*.yaml")} - {KUSTOMIZE}

        assert here <= named, kustomization
        assert all((kustomization.parent / name).exists() for name in named), kustomization


# ---- pods


def unpinned_images(pod: Document) -> Iterator[str]:
    """No tag, or one that means another image tomorrow; or no word on when to pull."""
    for container in pod["containers"]:
        _, _, tag = container["image"].rpartition("/")[2].partition(":")
        if tag in {"", "latest"}:
            yield f"{container['image']} has no version"
        if container.get("imagePullPolicy") != "IfNotPresent":
            yield f"{container['image']} has no policy"


def unbounded(pod: Document) -> Iterator[str]:
    """A container without requests, or whose memory has no end."""
    for container in pod["containers"]:
        resources = container.get("resources", {})
        if not {"cpu", "memory"} <= resources.get("requests", {}).keys():
            yield f"{container['name']} asks for nothing"
        if "memory" not in resources.get("limits", {}):
            yield f"{container['name']} has no limit of memory"


def loose(pod: Document) -> Iterator[str]:
    """What Pod Security "restricted" refuses; and what it lets pass: a writable root, a token of the API."""
    context = pod.get("securityContext", {})
    if context.get("runAsNonRoot") is not True or not context.get("runAsUser"):
        yield "it may be root"
    if context.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield "it has no seccomp profile"
    if pod.get("automountServiceAccountToken") is not False:
        yield "it gets a token of the API"
    if pod.get("hostNetwork") or pod.get("hostPID") or pod.get("hostIPC"):
        yield "it shares something with its node"
    wanted = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    for container in pod["containers"]:
        if container.get("securityContext") != wanted:
            yield f"{container['name']} is not restricted"


def misled(pod: Document) -> Iterator[str]:
    """A Service named parley-x would set PARLEY_X_PORT and the like, one named parley PARLEY_PORT."""
    if pod.get("enableServiceLinks") is not False:
        yield "the names of Services become settings"


def kept_on_disk(pod: Document) -> Iterator[str]:
    """What a server writes for a moment, its TLS key among it, is for memory, with an end."""
    if not any(container["image"].startswith("parley-server") for container in pod["containers"]):
        return
    for volume in pod["volumes"]:
        folder = volume.get("emptyDir")
        if folder is not None and (folder.get("medium") != "Memory" or "sizeLimit" not in folder):
            yield f"{volume['name']} is on the node's disk, or has no end"


RULES: Final[dict[str, Callable[[Document], Iterator[str]]]] = {
    rule.__name__: rule for rule in (unpinned_images, unbounded, loose, misled, kept_on_disk)
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("pod", pods())
def test_pods_keep_the_rules(pod: str, rule: str) -> None:
    assert list(RULES[rule](pods()[pod])) == []


def _change(pod: Document, path: str, value: Any) -> None:
    *above, last = path.split(".")
    place: Any = pod
    for name in above:
        place = place[int(name)] if name.isdigit() else place[name]
    place[last] = value


@pytest.mark.parametrize(
    ("rule", "path", "value"),
    [
        ("unpinned_images", "containers.0.image", "parley-server"),
        ("unpinned_images", "containers.0.image", "example.com:5000/parley-server:latest"),
        ("unpinned_images", "containers.0.imagePullPolicy", "Always"),
        ("unbounded", "containers.0.resources", {}),
        ("unbounded", "containers.0.resources.limits", {"cpu": 1}),
        ("loose", "securityContext.runAsNonRoot", False),
        ("loose", "securityContext.runAsUser", 0),
        ("loose", "securityContext.seccompProfile", {"type": "Unconfined"}),
        ("loose", "automountServiceAccountToken", True),
        ("loose", "hostNetwork", True),
        ("loose", "containers.0.securityContext.readOnlyRootFilesystem", False),
        ("loose", "containers.0.securityContext.capabilities", {"drop": []}),
        ("misled", "enableServiceLinks", True),
        ("kept_on_disk", "volumes.2.emptyDir", {"sizeLimit": "64Mi"}),
        ("kept_on_disk", "volumes.2.emptyDir", {"medium": "Memory"}),
    ],
)
def test_the_rules_find_what_breaks_them(rule: str, path: str, value: Any) -> None:
    pod = copy.deepcopy(pods()["base/core.yaml:parley-core"])
    _change(pod, path, value)

    assert list(RULES[rule](pod)) != []


# ---- settings


def known_settings() -> set[str]:
    """Every name that the server reads from its environment."""
    return {f"{PREFIX}{field.name.upper()}" for field in dataclasses.fields(Settings)} | {
        f"{PREFIX}LIMITS__{name.upper()}" for name in Limits.__struct_fields__
    }


def settings_of(path: Path) -> set[str]:
    """The names of an env file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return {line.partition("=")[0] for line in lines if line and not line.startswith("#")}


def used_settings() -> dict[str, set[str]]:
    found = {path.name: settings_of(path) for path in K8S.rglob("*.env*")}
    for name, pod in pods().items():
        variables = [each["name"] for container in pod["containers"] for each in container.get("env", [])]
        found[name] = {variable for variable in variables if variable.startswith(PREFIX)}
    for kustomization in K8S.rglob(KUSTOMIZE):
        content = yaml.safe_load(kustomization.read_text(encoding="utf-8"))
        found[str(kustomization.relative_to(K8S))] = {
            literal.partition("=")[0]
            for generator in content.get("configMapGenerator", [])
            for literal in generator.get("literals", [])
        }
    composed = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"].values()
    found["compose"] = {
        name for service in composed for name in service.get("environment", {}) if name.startswith(PREFIX)
    }
    return found


def test_the_settings_exist_in_the_server() -> None:
    unknown = {place: names - known_settings() for place, names in used_settings().items()}

    assert {place: names for place, names in unknown.items() if names} == {}
    assert sum(len(names) for names in used_settings().values()) > len(dataclasses.fields(Settings))


# ---- both roles


def test_gateways_know_their_ordinal() -> None:
    pod = pods()["base/gateway.yaml:parley-gateway"]
    variables = {each["name"]: each for each in pod["containers"][0]["env"]}

    assert variables["PARLEY_ORDINAL"]["valueFrom"]["fieldRef"]["fieldPath"] == (
        "metadata.labels['apps.kubernetes.io/pod-index']"
    )


@pytest.mark.parametrize("role", ["gateway", "core"])
def test_a_pod_has_the_time_that_its_end_takes(role: str) -> None:
    pod = pods()[f"base/{role}.yaml:parley-{role}"]
    settings = (K8S / "base" / "settings.env").read_text(encoding="utf-8")
    drain_s = next(int(line.partition("=")[2]) for line in settings.splitlines() if "PARLEY_DRAIN_S" in line)
    wait = pod["containers"][0].get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    stop_s = 15

    assert pod["terminationGracePeriodSeconds"] > wait + drain_s + stop_s


@pytest.mark.parametrize("role", ["gateway", "core"])
def test_autoscaler_and_budget_are_of_the_workload(role: str) -> None:
    workload = files()[f"base/{role}.yaml"][0]
    scalers = [each["spec"]["scaleTargetRef"] for each in files()["base/autoscale.yaml"]]
    budgets = [each["spec"]["selector"] for each in files()["base/disruption.yaml"]]

    assert {key: workload[key] for key in ("apiVersion", "kind")} | {
        "name": workload["metadata"]["name"]
    } in scalers
    assert workload["spec"]["selector"] in budgets
    assert "replicas" not in workload["spec"]


# ---- compose


def test_compose_has_two_of_each_role_and_tight_containers() -> None:
    services = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
    ours = {name: each for name, each in services.items() if "parley-server" in each["image"]}
    roles = [each["environment"].get("PARLEY_ROLE") for each in ours.values()]
    ordinals = {each["environment"].get("PARLEY_ORDINAL") for each in ours.values()} - {None}

    assert (roles.count("gateway"), roles.count("core"), ordinals) == (2, 2, {"0", "1"})
    for each in ours.values():
        assert each["read_only"] is True
        assert each["cap_drop"] == ["ALL"]
