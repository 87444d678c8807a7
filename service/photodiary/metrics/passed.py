"""Sockets that systemd opened for the service (sd_listen_fds(3)): they work where the service itself has no network."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

from photodiary.metrics.config import is_loopback

FIRST = 3


def passed(environment: Mapping[str, str]) -> list[socket.socket]:
    """Copies of the listening sockets that were handed to this very process; the originals stay open for the service's next life.

    One that others than this machine may reach is left alone, as is what does not listen.
    """
    if environment.get("LISTEN_PID") != str(os.getpid()) or not environment.get("LISTEN_FDS", "").isdigit():
        return []
    found = []
    for descriptor in range(FIRST, FIRST + int(environment["LISTEN_FDS"])):
        try:
            os.set_inheritable(descriptor, False)
            copy = socket.socket(fileno=os.dup(descriptor))
        except OSError:  # closed, or no socket
            continue
        if copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) and _private(copy):
            found.append(copy)
        else:
            copy.close()
    return found


def _private(sock: socket.socket) -> bool:
    return sock.family == socket.AF_UNIX or (sock.family in (socket.AF_INET, socket.AF_INET6) and is_loopback(sock.getsockname()[0]))
