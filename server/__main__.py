"""``parley-server``: the server as a program of its own."""

from __future__ import annotations

import sys

from server import logs

# A module brings its commands by being imported.
from server.cli import accounts, data, doctor, serve  # noqa: F401 - see above
from server.cli.app import app


def main() -> None:
    """The entry point. What a command answers goes to standard output, what is logged does not."""
    logs.configure()
    sys.exit(app())


if __name__ == "__main__":
    main()
