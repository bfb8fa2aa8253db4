"""Builds the images with docker or podman, and packs them for a cluster that pulls from nowhere.

`python packaging/docker/build.py [server postgres redis kafka] [--archives FOLDER]` makes
`localhost/parley-NAME:TAG`. The last three are for trials where no registry is at hand; the jars of
Kafka come from `--kafka-jars`.

Settings, from the environment:
  CONTAINER_TOOL  docker or podman; whichever is there
  BASE_IMAGE      what all of them build on: Python 3.11 to 3.13, or any Debian or Ubuntu
  BUILD_ARGS      more flags for each build, e.g. --network host
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).resolve().parent
ROOT: Final = FOLDER.parents[1]
IMAGES: Final = ("server", "postgres", "redis", "kafka")
_BUILD_TIMEOUT_S: Final = 1_800.0


class BuildError(Exception):
    """One line for whoever builds."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 1 when something can't be built."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", nargs="*", help="the server alone, unless others are named")
    parser.add_argument("--tag", default="dev")
    parser.add_argument("--archives", type=Path, metavar="FOLDER", help="also FOLDER/NAME.tar of each")
    parser.add_argument(
        "--kafka-jars", type=Path, metavar="FOLDER", help="jars of Kafka and an slf4j binding"
    )
    options = parser.parse_args(arguments)
    names = options.images or ["server"]
    try:
        if unknown := set(names) - set(IMAGES):
            raise BuildError(f"there is no image {', '.join(sorted(unknown))}; there are {', '.join(IMAGES)}")
        for name in names:
            image = build(name, tag=options.tag, kafka_jars=options.kafka_jars)
            if options.archives is not None:
                archive(image, options.archives / f"{name}.tar")
            print(image, flush=True)
    except BuildError as problem:
        print(f"build: {problem}", file=sys.stderr)
        return 1
    return 0


def build(name: str, *, tag: str = "dev", kafka_jars: Path | None = None) -> str:
    """The image's name.

    Raises:
        BuildError: no tool, no jars, or the tool failed.
    """
    image = f"localhost/parley-{name}:{tag}"
    if name == "kafka":
        with tempfile.TemporaryDirectory(prefix="parley-image-") as folder:
            context = Path(folder)
            _lay_out_kafka(context, kafka_jars)
            _build(image, context / "Dockerfile", context)
    else:
        place = FOLDER if name == "server" else FOLDER / "services" / name
        _build(image, place / "Dockerfile", ROOT)
    return image


def archive(image: str, file: Path) -> None:
    """The image as a tar that `ctr images import`, `kind load image-archive` and others take."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    kind = ["--format", "docker-archive"] if _tool().endswith("podman") else []
    _run([_tool(), "save", *kind, "-o", str(file), image])


def _lay_out_kafka(context: Path, jars: Path | None) -> None:
    if jars is None or not any(jars.glob("kafka_*.jar")):
        raise BuildError("the image of Kafka is made of its jars: name their folder with --kafka-jars")
    for file in ("Dockerfile", "start"):
        shutil.copy(FOLDER / "services" / "kafka" / file, context)
    shutil.copytree(jars, context / "libs")


def _build(image: str, dockerfile: Path, context: Path) -> None:
    tool = _tool()
    # The format of OCI has no HEALTHCHECK, and podman would leave it out.
    kind = ["--format", "docker"] if tool.endswith("podman") else []
    base = os.environ.get("BASE_IMAGE")
    wanted = ["--build-arg", f"BASE_IMAGE={base}"] if base else []
    more = shlex.split(os.environ.get("BUILD_ARGS", ""))
    _run([tool, "build", *kind, *wanted, *more, "-f", str(dockerfile), "-t", image, str(context)])


def _tool() -> str:
    named = os.environ.get("CONTAINER_TOOL")
    for name in [named] if named else ["docker", "podman"]:
        if (found := shutil.which(name)) is not None:
            return found
    raise BuildError(f"{named or 'docker or podman'} is not installed")


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(command, stdout=sys.stderr, check=False, timeout=_BUILD_TIMEOUT_S)
    except subprocess.TimeoutExpired as problem:
        raise BuildError(f"no end after {problem.timeout:.0f} s: {shlex.join(command)}") from problem
    if done.returncode != 0:
        raise BuildError(f"this failed: {shlex.join(command)}")


if __name__ == "__main__":
    sys.exit(main())
