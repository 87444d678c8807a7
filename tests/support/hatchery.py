"""Verbs in processes of their own that need not load the program first: each is forked from one that has loaded it, and has no threads.

    with Hatchery() as hatchery: hatchery.run(["status", "--json"], environment, 60, dots=False)

Such a process has its own environment, arguments, output and exit status, and ends as any Python does.  What it does not show is what a verb loads and
how a program starts: tests about that start one.  This file is also the program: it serves at a socket until its standard input ends.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).parents[2]
LOADED_BY = ("PYTHON", "LD_")  # what these say counts when a program is loaded: with other values it must be loaded anew
LONGEST = 200_000  # bytes of a request


class Hatchery:
    """A context manager, and a process; several threads may ask it at once."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._folder = tempfile.mkdtemp(prefix="hatchery-")
        self._place, self._loaded = os.path.join(self._folder, "s"), _deciding(environment)
        self._process = subprocess.Popen([sys.executable, __file__, self._place], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(environment))
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n", "the process that verbs are forked from did not come up"

    def suits(self, environment: Mapping[str, str]) -> bool:
        """Whether a program in this environment would load what was loaded here."""
        return self._loaded == _deciding(environment)

    def start(self, arguments: Sequence[str], environment: Mapping[str, str], outputs: Sequence[int], *, dots: bool) -> Hatched:
        """`photodiary` with these arguments, that writes to these two descriptors; dots: with the locator of dots."""
        asked = json.dumps({"arguments": list(arguments), "environment": dict(environment), "dots": dots, "folder": os.getcwd()}).encode()
        line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        line.connect(self._place)
        socket.send_fds(line, [asked], list(outputs))
        return Hatched(line, int(line.recv(100)), arguments)

    def run(self, arguments: Sequence[str], environment: Mapping[str, str], timeout: float, *, dots: bool) -> subprocess.CompletedProcess[str]:
        """The same to its end, like subprocess.run.  Raises subprocess.TimeoutExpired."""
        outputs = [os.memfd_create(name) for name in ("stdout", "stderr")]
        process = self.start(arguments, environment, outputs, dots=dots)
        try:
            return subprocess.CompletedProcess(list(arguments), process.wait(timeout), *map(_read, outputs))
        except subprocess.TimeoutExpired:
            process.kill()
            raise subprocess.TimeoutExpired(list(arguments), timeout, *map(_read, outputs)) from None
        finally:
            process.close()
            for output in outputs:
                os.close(output)

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Hatchery:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class Hatched:
    """A process of the hatchery, to be used like a subprocess.Popen."""

    def __init__(self, line: socket.socket, pid: int, arguments: Sequence[str]) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._line, self._arguments = line, list(arguments)

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            self._line.settimeout(timeout)
            try:
                self.returncode = int(self._line.recv(100))
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(self._arguments, timeout or 0.0) from None
            self.close()
        return self.returncode

    def poll(self) -> int | None:
        try:
            return self.wait(0.0)
        except subprocess.TimeoutExpired:
            return None

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def close(self) -> None:
        self._line.close()


def _deciding(environment: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in environment.items() if key.startswith(LOADED_BY)}


def _read(output: int) -> str:
    return os.pread(output, os.fstat(output).st_size, 0).decode()


_ours: list[Hatchery] = []


def ours(environment: Mapping[str, str]) -> Hatchery:
    """This process's, made when it is asked for first."""
    if not _ours:
        _ours.append(Hatchery(environment))
        atexit.register(_ours[0].close)
    return _ours[0]


# -- the process that verbs are forked from ---------------------------------------------------------------------------------------


def serve(place: str) -> dict[str, Any]:
    """Wait for requests; returns in each process that is to become a verb, with what was asked for."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever waits for a verb goes by itself
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(place)
        listener.listen(50)
        print("ready", flush=True)
        while True:
            ready, _, _ = select.select([listener, sys.stdin], [], [])
            if sys.stdin in ready:
                os._exit(0)
            line, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                return _hatch(line)
            line.close()


def _hatch(line: socket.socket) -> dict[str, Any]:
    """One process that waits, tells how the verb ended and goes, and one that becomes the verb and returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    data, outputs, _, _ = socket.recv_fds(line, LONGEST, 2)
    asked: dict[str, Any] = json.loads(data)
    pid = os.fork()
    if pid:
        line.send(str(pid).encode())
        _, status = os.waitpid(pid, 0)
        line.send(str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    line.close()
    with open(os.devnull, "rb") as nothing:
        for given, standard in ((nothing.fileno(), 0), (outputs[0], 1), (outputs[1], 2)):
            os.dup2(given, standard)
    for output in outputs:
        os.close(output)
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    time.tzset()
    return asked


def main() -> int:
    sys.path[:0] = [str(ROOT), str(ROOT / "service")]
    from photodiary import cli
    from photodiary.run import backup, beside, deciding, doctor, keeping, labels, mending, models, once, status, verbs, why  # noqa: F401 - loaded for all
    from tests.support.dots import DotLocator

    gc.collect()
    gc.freeze()  # what is shared stays shared
    asked = serve(sys.argv[1])
    if asked["dots"]:
        models.resident = lambda config, state="": DotLocator.in_force(state)  # type: ignore[assignment,return-value]
    sys.argv = ["photodiary", *asked["arguments"]]
    return cli.main(asked["arguments"])


def _ended(status: int) -> None:
    """As Python ends, without tearing down what is loaded."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":  # the rendering child imports this file again, and needs none of it
    try:
        _ended(main())
    except SystemExit as error:
        _ended(error.code if isinstance(error.code, int) else 1)
