"""What goes into the image of the server."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

from tests.support.tree import ROOT

DOCKER: Final = ROOT / "packaging" / "docker"


def copied() -> list[str]:
    """What the Dockerfile takes of the checkout."""
    lines = (DOCKER / "Dockerfile").read_text(encoding="utf-8").splitlines()
    found = [line.split()[1:-1] for line in lines if line.startswith("COPY") and "--from" not in line]
    return [word for words in found for word in words if not word.startswith("--")]


def test_what_is_copied_is_there_and_is_sent_to_the_builder() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8")
    sent = re.findall(r"^!(.+)$", ignored, re.MULTILINE)
    assert copied()
    for name in copied():
        assert (ROOT / name).exists(), name
        assert any(name == one or name.startswith(f"{one}/") for one in sent), name


def test_the_image_knows_its_version(tmp_path: Path) -> None:
    command = [sys.executable, str(DOCKER / "metadata.py"), str(ROOT / "pyproject.toml"), str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    (found,) = distributions(path=[str(tmp_path)])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (found.name, found.version) == ("parley", project["version"])
    assert {"packaging/docker/metadata.py", "pyproject.toml"} <= set(copied())
