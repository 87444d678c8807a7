"""Verbs in processes of their own that need not load the program first: each is forked from one that has loaded it, and has no threads.

    with Hatchery(environment) as hatchery: hatchery.run(None, ["status", "--json"], environment, 60)

Such a process has its own environment, arguments, output and exit status, and ends as any Python does.  What it does not show is what a verb loads and
how a program starts: tests about that start one.  This file is also the program: it serves at a socket until its standard input ends.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import os
import runpy
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
    """A context manager, and a process; several threads may ask it at once.  network: it has loaded torch too, which takes seconds."""

    def __init__(self, environment: Mapping[str, str], *, network: bool = False) -> None:
        self._folder = tempfile.mkdtemp(prefix="hatchery-")
        self._place, self._loaded = os.path.join(self._folder, "s"), _deciding(environment)
        self._process = subprocess.Popen(
            [sys.executable, __file__, self._place, "network" if network else "light"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(environment)
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n", "the process that verbs are forked from did not come up"

    def suits(self, environment: Mapping[str, str]) -> bool:
        """Whether a program in this environment would load what was loaded here."""
        return self._loaded == _deciding(environment)

    @property
    def command(self) -> list[str]:
        """`photodiary` as a program that a shell can start; what it writes and how it ends is the verb's."""
        return [sys.executable, __file__, self._place, "ask"]

    def start(self, program: str | None, arguments: Sequence[str], environment: Mapping[str, str], outputs: Sequence[int]) -> Hatched:
        """A process that writes to these two descriptors: a Python program with these arguments, None for `photodiary` itself."""
        return _asked(self._place, program, arguments, environment, outputs)

    def run(self, program: str | None, arguments: Sequence[str], environment: Mapping[str, str], timeout: float) -> subprocess.CompletedProcess[str]:
        """The same to its end, like subprocess.run.  Raises subprocess.TimeoutExpired."""
        outputs = [os.memfd_create(name) for name in ("stdout", "stderr")]
        process = self.start(program, arguments, environment, outputs)
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


def _asked(place: str, program: str | None, arguments: Sequence[str], environment: Mapping[str, str], outputs: Sequence[int]) -> Hatched:
    asked = json.dumps({"program": program, "arguments": list(arguments), "environment": dict(environment), "folder": os.getcwd()}).encode()
    line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    line.connect(place)
    socket.send_fds(line, [asked], list(outputs))
    return Hatched(line, int(line.recv(100)), arguments)


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


_ours: dict[tuple[bool, str], Hatchery] = {}


def ours(environment: Mapping[str, str], *, network: bool = False) -> Hatchery:
    """This process's, made when it is asked for first; anew where this process has got mounts of its own since, which the other one does not see."""
    key = network, os.readlink("/proc/self/ns/mnt")
    if key not in _ours:
        _ours[key] = Hatchery(environment, network=network)
        atexit.register(_ours[key].close)
    return _ours[key]


# -- the process that verbs are forked from ---------------------------------------------------------------------------------------


def _reap(*_: object) -> None:
    """Whoever waited for a verb is gone."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def serve(place: str) -> dict[str, Any]:
    """Wait for requests; returns in each process that is to become a verb, with what was asked for."""
    signal.signal(signal.SIGCHLD, _reap)
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
        with contextlib.suppress(BrokenPipeError):  # who asked does not wait any more
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
    if sys.argv[2] == "ask":
        return _asked(sys.argv[1], None, sys.argv[3:], os.environ, (1, 2)).wait()
    sys.path[:0] = [str(ROOT), str(ROOT / "service")]
    from photodiary.run import once

    once.POLL_S = 0.05  # for whoever watches until all is through; taken over by what is loaded next
    from photodiary import cli
    from photodiary.run import backup, beside, daemon, decisions, doctor, facing, importing, keeping, labels, models, status, verbs, why  # noqa: F401
    from tests.support import dots  # noqa: F401

    if sys.argv[2] == "network":
        from photodiary.locate import locator  # noqa: F401
        from photodiary.run import collecting, learning, predict, retrain, versions  # noqa: F401

    gc.collect()
    gc.freeze()  # what is shared stays shared
    asked = serve(sys.argv[1])
    sys.argv = [asked["program"] or "photodiary", *asked["arguments"]]
    if asked["program"] is None:
        return cli.main(asked["arguments"])
    runpy.run_path(asked["program"], run_name="__main__")
    return 0


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
        _ended(error.code if isinstance(error.code, int) else int(error.code is not None))
