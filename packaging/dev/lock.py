"""`make lock`: requirements/*.lock from pyproject.toml, for every platform, with hashes, no addresses.

It needs uv (on the path, or `pip install uv`); nothing else in the project does. What is pinned stays pinned
unless pyproject.toml asks for more, or `--upgrade` is given.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

from place import ROOT, say

OPTIONS: Final = (
    "--universal",
    "--generate-hashes",
    "--python-version=3.11",
    "--no-header",
    "--no-annotate",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--quiet",
)
# The first holds the others: they are constrained by it, so that one version is tested and shipped.
LOCKS: Final = ("dev", "desktop", "server", "standalone")


def main(arguments: Sequence[str]) -> int:
    """Returns 1 when uv is missing or cannot resolve."""
    uv = shutil.which("uv")
    if uv is None:
        say("make lock needs uv: pip install uv")
        return 1
    for name in LOCKS:
        output = f"requirements/{name}.lock"
        constraint = [] if name == LOCKS[0] else ["--constraint", f"requirements/{LOCKS[0]}.lock"]
        command = [uv, "pip", "compile", "pyproject.toml", f"--extra={name}", *OPTIONS]
        command += [*constraint, *arguments, f"--output-file={output}"]
        if subprocess.run(command, cwd=ROOT, check=False, timeout=1800).returncode != 0:
            return 1
        say(output)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
