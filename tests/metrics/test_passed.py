"""Sockets that systemd opened are taken when they are for this process and for this machine alone."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.metrics.sources import SERVICE
from tests.metrics.test_server import call

from photodiary.metrics import passed as module
from photodiary.metrics.passed import passed


@pytest.fixture
def first(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Five descriptors in a row, at a place that is free in this process."""
    first = 700
    monkeypatch.setattr(module, "FIRST", first)
    yield first
    for descriptor in range(first, first + 5):
        with contextlib.suppress(OSError):
            os.close(descriptor)


def test_only_listening_sockets_of_this_machine_are_taken(first: int, tmp_path: Path) -> None:
    """A loopback and a unix socket are taken; one open to other machines, a mere file and one that does not listen are not.  The originals stay open."""
    here, everywhere, deaf = socket.create_server(("127.0.0.1", 0)), socket.create_server(("0.0.0.0", 0)), socket.socket()
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(str(tmp_path / "s"))
    unix.listen()
    with here, everywhere, deaf, unix, (tmp_path / "file").open("w") as file:
        for place, of in enumerate((here, everywhere, file, deaf, unix)):
            os.dup2(of.fileno(), first + place)
        environment = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "5"}
        for _ in range(2):  # and again after a reload
            found = passed(environment)
            assert [sock.getsockname() for sock in found] == [here.getsockname(), unix.getsockname()]
            for sock in found:
                sock.close()
        assert not any(os.get_inheritable(first + place) for place in range(5))
        assert passed({**environment, "LISTEN_PID": str(os.getpid() + 1)}) == [], "they are somebody else's"
        assert passed({}) == [] and passed({**environment, "LISTEN_FDS": "x"}) == []


WITHOUT_NETWORK = """
import os, sys
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
from http import HTTPStatus
from photodiary.metrics.passed import passed
from photodiary.metrics.server import Answer, Server
(sock,) = passed(os.environ)
interfaces = open("/proc/self/net/dev").read().count(":")
server = Server([sock], {"/health": lambda: Answer(HTTPStatus.OK, "text/plain", f"{interfaces} interface".encode())}, lambda: float("inf"))
server.start()
sys.stdin.read()
server.close()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="to take the network away from a process takes root")
def test_it_answers_where_the_service_has_no_network() -> None:
    """A socket that was opened outside answers from a process whose own network has no interface that is up, as under PrivateNetwork=yes."""
    with socket.create_server(("127.0.0.1", 0)) as outside:
        outside.set_inheritable(True)
        command = ["bash", "-c", f'exec 3<&{outside.fileno()}; exec unshare -n "$@"', "bash", sys.executable, "-c", WITHOUT_NETWORK]
        environment = {**os.environ, "PYTHONPATH": str(SERVICE.parent)}
        with subprocess.Popen(command, pass_fds=(outside.fileno(),), stdin=subprocess.PIPE, env=environment) as inside:
            assert call(outside.getsockname()[1], b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").endswith(b"1 interface")
            assert inside.stdin is not None
            inside.stdin.close()
            assert inside.wait(10) == 0
