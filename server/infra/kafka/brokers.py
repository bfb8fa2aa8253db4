"""Where the brokers are and how a client speaks to them: what every client of aiokafka is given."""

from __future__ import annotations

import ipaddress
import re
import ssl
from pathlib import Path
from typing import Any, Final

from aiokafka.conn import collect_hosts

_PORTS: Final = range(1, 65_536)
_NAME: Final = re.compile(r"[\w.-]+").fullmatch
_SASL: Final = "SASL_"
_TLS: Final = "SSL"


class Brokers:
    """``servers`` as ``host:port,...``; the rest as Kafka and aiokafka name it.

    Raises:
        ValueError: they do not go together, or can't be read. Says which, and nothing of a secret.
    """

    def __init__(
        self,
        servers: str,
        *,
        protocol: str = "PLAINTEXT",
        ca_file: Path | None = None,
        mechanism: str = "PLAIN",
        username: str = "",
        password: str = "",
    ) -> None:
        _check_servers(servers)
        self.servers = servers
        self.options: dict[str, Any] = {"bootstrap_servers": servers, "security_protocol": protocol}
        if protocol.endswith(_TLS):
            self.options["ssl_context"] = _context(ca_file)
        elif ca_file is not None:
            raise ValueError(f"kafka_ca_file is for SSL and SASL_SSL, not for {protocol}")
        if protocol.startswith(_SASL):
            if not username or not password:
                raise ValueError(f"{protocol} needs kafka_username and kafka_password")
            self.options |= {
                "sasl_mechanism": mechanism,
                "sasl_plain_username": username,
                "sasl_plain_password": password,
            }
        elif username or password:
            raise ValueError(f"kafka_username and kafka_password are for SASL, not for {protocol}")


def _check_servers(servers: str) -> None:
    try:
        good = all(port in _PORTS and _is_host(host) for host, port, _ in collect_hosts(servers))
    except ValueError:
        good = False
    if not good:
        # Not quoted: somebody may have put a password into it.
        raise ValueError("kafka_servers can't be read: host:port, several with commas between them")


def _is_host(text: str) -> bool:
    try:
        return _NAME(text) is not None or ipaddress.ip_address(text).version == 6  # noqa: PLR2004 - the name of the protocol
    except ValueError:
        return False


def _context(ca_file: Path | None) -> ssl.SSLContext:
    """Certificates and names of brokers are checked; ``ca_file`` in place of the system's authorities."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as problem:
        raise ValueError(f"kafka_ca_file {ca_file} can't be used: {problem}") from problem
