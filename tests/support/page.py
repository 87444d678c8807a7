"""A real `photodiary review` in a process of its own, and ways to ask it that no browser has."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.support.daemon import ROOT

IN_A_HURRY = """
import sys
sys.path[:0] = [{service!r}]
from photodiary import cli
from photodiary.review import serving
serving.LOOK_S, serving.HEAD_S, serving.BODY_S, serving.READ_S = 0.1, 1.0, 1.0, 1.0
sys.exit(cli.main(sys.argv[1:]))
"""


class Page:
    """The page of a configuration.  hurried: its patience with slow clients is a second instead of ten and more."""

    def __init__(self, config: Path, *, hurried: bool = False) -> None:
        self.config = config
        program = config.with_name("hurried-page.py")
        program.write_text(IN_A_HURRY.format(service=str(ROOT / "service")))
        self.command = [sys.executable, str(program)] if hurried else [sys.executable, "-m", "photodiary"]
        self.environment = {**os.environ, "PYTHONPATH": str(ROOT / "service"), "PYTHONUNBUFFERED": "1"}
        self.log = config.with_name("page.log")
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [*self.command, "review", "--port", "0", "--config", str(config)], env=self.environment, stdout=subprocess.PIPE, stderr=log, text=True
            )
        self.port = self._its_port()

    def _its_port(self) -> int:
        assert self._process.stdout is not None
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if select.select([self._process.stdout], [], [], 1.0)[0]:
                line = self._process.stdout.readline()
                found = re.search(r"the page: http://localhost:(\d+)", line)
                if found:
                    return int(found.group(1))
                assert line, self.log.read_text()
        raise AssertionError("the page did not come up")

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def verb(self, *arguments: str) -> str:
        """Another `photodiary review` that only changes who may come in."""
        done = subprocess.run(
            [*self.command, "review", *arguments, "--config", str(self.config)], env=self.environment, capture_output=True, text=True, timeout=60, check=True
        )
        return done.stdout

    def ask(self, method: str = "GET", path: str = "/", body: bytes | str | None = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """One request on a connection of its own: status, headers, body."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as line:
            told = {key.replace("_", "-"): value for key, value in headers.items()}
            line.putrequest(method, path, skip_host="Host" in told, skip_accept_encoding=True)
            for key, value in told.items():
                line.putheader(key, value)
            data = body.encode() if isinstance(body, str) else body
            if data is not None:
                line.putheader("Content-Length", str(len(data)))
            line.endheaders(data)
            answer = line.getresponse()
            return answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read()

    def socket(self, *, receive: int | None = None) -> socket.socket:
        """A bare connection; receive: bytes that it will take in without being read."""
        line = socket.socket()
        if receive is not None:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        line.settimeout(30)
        line.connect(("127.0.0.1", self.port))
        return line

    def raw(self, text: bytes) -> bytes:
        """What comes back for these bytes until the page closes, at most a megabyte."""
        with contextlib.closing(self.socket()) as line:
            line.sendall(text)
            answer = b""
            with contextlib.suppress(ConnectionResetError):
                while len(answer) < 1_000_000 and (piece := line.recv(65_536)):
                    answer += piece
            return answer

    def session(self, path: str = "/", **headers: str) -> tuple[str, str]:
        """A cookie and the token of its forms, as a browser's first visit gives them."""
        _, told, body = self.ask("GET", path, **headers)
        found = re.search(rb'name="csrf" (?:content|value)="([^"]+)"', body)
        assert found is not None, body[:300]
        return told["set-cookie"].partition(";")[0], found.group(1).decode()

    def memory(self) -> int:
        """Bytes that the process holds."""
        return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text()).group(1)) * 1024  # type: ignore[union-attr]

    def open_files(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def close(self) -> int:
        """SIGTERM, and the exit status."""
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        finally:
            assert self._process.stdout is not None
            self._process.stdout.close()
