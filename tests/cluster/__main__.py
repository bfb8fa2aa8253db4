"""``python -m tests.cluster``: the images as pods of a real Kubernetes, shaken while people talk inside it.

Needs ``KUBECTL``, ``LOAD_IMAGE``, ``RUN_INSIDE`` and, to restart the container runtime, ``RESTART_RUNTIME``:
docs/operating/kubernetes.md, "Test it". Prints a JSON object a shake: how long it took, and how long after it
everybody had one message acknowledged and one received. Then it compares what people were told and
received with what is stored, and returns 1 where a message is lost, doubled or out of its place, or where a
process of the server ended by itself.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from tests.cluster.house import apply, build, clean, open_house, rehearse
from tests.cluster.kube import Cluster, ClusterError, Commands, Inside
from tests.cluster.shakes import CORE, GATEWAY, SHAKES

_BACK_S: Final = 90.0
_END_S: Final = 180.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 1 when a promise is broken or the cluster does not come to be as it has to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("shakes", nargs="*", help="these only; see --list")
    parser.add_argument("--list", action="store_true", help="the names of the shakes")
    parser.add_argument("--no-build", action="store_true", help="the cluster has the images")
    parser.add_argument(
        "--keep", action="store_true", help="leave the pods; after a failure they stay anyway"
    )
    parser.add_argument("--people", type=int, default=40)
    options = parser.parse_args(arguments)
    if options.list:
        print("\n".join(SHAKES))
        return 0
    if unknown := set(options.shakes) - SHAKES.keys():
        parser.error(f"no such shake: {', '.join(sorted(unknown))}")
    try:
        cluster = Cluster(Commands.of(os.environ))
        _story(
            cluster, options.shakes or list(SHAKES), build_first=not options.no_build, people=options.people
        )
        if not options.keep:
            clean(cluster)
    except ClusterError as problem:
        print(f"test-k8s: FAILED: {problem}", file=sys.stderr)
        return 1
    print("test-k8s: nothing is lost, doubled or out of its place")
    return 0


def _story(cluster: Cluster, shakes: Iterable[str], *, build_first: bool, people: int) -> None:
    _say(cluster.kubectl("version").replace("\n", "; "))
    clean(cluster)
    if build_first:
        with tempfile.TemporaryDirectory(prefix="parley-images-") as folder:
            build(cluster, Path(folder), _say)
    rehearse(cluster, _say)
    server_id = apply(cluster, _say)
    url = open_house(cluster)
    with Inside(cluster, "tests.cluster.people", "--url", url, "--people", str(people)) as inside:
        found = inside.answer(timeout_s=_BACK_S)["server_id"]
        if found != server_id:
            raise ClusterError(f"the server is {found}, not the one of the secret, {server_id}")
        _back(inside, "start", 0.0)
        for name in shakes:
            if (
                SHAKES[name] is SHAKES["restart the container runtime"]
                and not cluster.commands.restart_runtime
            ):
                _say(f"SKIPPED, for RESTART_RUNTIME is not set: {name}")
                continue
            began = time.monotonic()
            SHAKES[name](cluster)
            _back(inside, name, time.monotonic() - began)
        inside.tell("end")
        print(json.dumps(inside.answer(timeout_s=_END_S)), flush=True)
    _none_ended(cluster)


def _back(inside: Inside, name: str, took_s: float) -> None:
    inside.tell("back")
    answer = inside.answer(timeout_s=_BACK_S)
    print(json.dumps({"shake": name, "took_s": round(took_s, 1), **answer}), flush=True)


def _none_ended(cluster: Cluster) -> None:
    """A server whose services are away waits for them; nothing has to start it again."""
    ended = [pod.name for part in (GATEWAY, CORE) for pod in cluster.pods(part.selector) if pod.restarts]
    if ended:
        raise ClusterError(f"processes ended by themselves in {', '.join(ended)}")


def _say(text: str) -> None:
    print(f"# {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
