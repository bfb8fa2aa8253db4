"""Tells an environment which Parley was copied into it: ``python metadata.py PYPROJECT SITE_PACKAGES``.

The image takes folders and builds no wheel, which would need more than the lock file names. What a program
asks of its package is its version: in backups, and for Prometheus.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path


def write(pyproject: Path, site_packages: Path) -> Path:
    """The folder that an installer would have made, with as much as ``importlib.metadata`` asks for."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    folder = site_packages / f"{project['name']}-{project['version']}.dist-info"
    folder.mkdir()
    lines = ["Metadata-Version: 2.1", f"Name: {project['name']}", f"Version: {project['version']}"]
    (folder / "METADATA").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "INSTALLER").write_text("packaging/docker\n", encoding="utf-8")
    return folder


if __name__ == "__main__":
    print(write(Path(sys.argv[1]), Path(sys.argv[2])))
