"""What steers the metrics."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from photodiary.errors import require

ENDING = ".prom"


@dataclass(frozen=True)
class MetricsConfig:
    """textfile: a file for node_exporter's textfile collector, written every quarter of a minute; empty: none.  listen: "ADDRESS:PORT" of this machine
    alone where /metrics and /health are answered; empty: nowhere, and there is no socket.
    """

    textfile: str = ""
    listen: str = ""

    def __post_init__(self) -> None:
        require(
            (not self.textfile or self.textfile.endswith(ENDING), "textfile must be empty or a path that ends in .prom: node_exporter reads no others"),
            (
                not self.listen or _address(self.listen) is not None,
                'listen must be empty or a loopback address with a port, such as "127.0.0.1:9464" or "[::1]:9464": metrics are for this machine alone',
            ),
        )

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port of `listen`; None where nothing listens."""
        return _address(self.listen) if self.listen else None


def _address(text: str) -> tuple[str, int] | None:
    """127.0.0.0/8 or [::1] with a port from 1 to 65535."""
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not colon or not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65_535) or bracketed != (":" in host):
        return None
    host = host[1:-1] if bracketed else host
    return (host, int(port)) if is_loopback(host) else None


def is_loopback(host: str) -> bool:
    """Whether these digits are an address that only this machine has."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
