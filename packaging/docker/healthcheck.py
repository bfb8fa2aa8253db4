"""HEALTHCHECK of the image: exit code 0 when the server beside it answers ``/healthz``.

It knows the port from the environment, as the image sets it: where a flag or a file gives the server another,
``PARLEY_PORT`` has to say so too.
"""

from __future__ import annotations

import http.client
import os
import ssl
import sys
from typing import Final

_TIMEOUT_S: Final = 4.0
_OK: Final = 200


def main() -> int:
    """Speaks TLS first, as any server does that others reach; then plain, as one on loopback may."""
    port = int(os.environ.get("PARLEY_PORT", "8470"))
    # The server on this machine, whose identity nothing here has to know.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        secure = http.client.HTTPSConnection("127.0.0.1", port, timeout=_TIMEOUT_S, context=context)
        return _ask(secure)
    except ssl.SSLError:
        pass
    except (OSError, http.client.HTTPException) as problem:
        return _sick(problem)
    try:
        return _ask(http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S))
    except (OSError, http.client.HTTPException) as problem:
        return _sick(problem)


def _ask(connection: http.client.HTTPConnection) -> int:
    connection.request("GET", "/healthz")
    status = connection.getresponse().status
    return 0 if status == _OK else _sick(f"status {status}")


def _sick(reason: object) -> int:
    print(f"not healthy: {reason}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
