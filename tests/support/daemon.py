"""A real daemon in a process of its own, with the dots locator in place of the network unless told otherwise."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from photodiary.run.status import gather, list_photos
from photodiary.settings import load
from tests.support.hatchery import Hatched, Hatchery, ours

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-m", "photodiary"]

QUICK = """
timezone = "Europe/Berlin"
[diary.me]
inbox = "inbox"
archive = "archive"
[inbox]
wait_until_unchanged = 0.5
scan_every = 5.0
[darkroom]
workers = 1
[render]
after_quiet_s = 0.5
at_latest_s = 5.0
[film]
preset = "ultrafast"
pick = "all"
[align]
canvas = "320x320 eyes 30% apart at 44%"
"""
AUTO = QUICK.replace('canvas = "320x320 eyes 30% apart at 44%"', 'canvas = "auto"')

WITH_DOTS = """
import sys
from pathlib import Path
sys.path[:0] = [{root!r}, {service!r}]
if __name__ == "__main__":  # the rendering child imports this file again, and needs none of it
    from photodiary import cli
    from photodiary.run import models
    from tests.support.dots import DotLocator
    models.resident = lambda config, state="": DotLocator.in_force(state)
    sys.exit(cli.main(sys.argv[1:]))
"""


class Diary:
    """A diary in a folder, and the verbs of photodiary to use on it."""

    def __init__(self, folder: Path, *, config: str = QUICK, real_model: bool = False) -> None:
        self.folder = folder
        self.inbox, self.archive = folder / "inbox", folder / "archive"
        folder.mkdir(exist_ok=True)
        self.inbox.mkdir()
        self.config = folder / "config.toml"
        self.config.write_text(config)
        self.log = folder / "daemon.log"
        self._process: subprocess.Popen[bytes] | Hatched | None = None
        self._began = 0  # characters of the log before the newest start
        self._real_model = real_model
        self.loaded_first = False  # what a test has put into the program works on what is loaded already
        self._program, self._text = folder / "photodiary-with-dots.py", WITH_DOTS.format(root=str(ROOT), service=str(ROOT / "service"))
        self._program.write_text(self._text)
        self.command = PROGRAM if real_model else [sys.executable, str(self._program)]
        self.environment = {**os.environ, "PYTHONPATH": str(ROOT / "service"), "CUDA_VISIBLE_DEVICES": "", "PYTHONFAULTHANDLER": "1"}
        self._ordinary = dict(self.environment)

    def call(self, *arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """One verb, to its end; with the dots unless told otherwise, and whatever the test has put into the program."""
        return self._called(self._hatchery(), self.command, arguments, timeout)

    def ask(self, *arguments: str, timeout: float = 120, network: bool = False) -> subprocess.CompletedProcess[str]:
        """A verb that needs no locator, by the program as it is: whatever the daemon was started with is not loaded for it.  network: it needs torch."""
        return self._called(self._suiting(network=network), PROGRAM, arguments, timeout)

    def begin(self, *arguments: str) -> subprocess.Popen[bytes] | Hatched:
        """A verb of the daemon's program, to go on beside the test; what it says goes into the log."""
        arguments = *arguments, "--config", str(self.config)
        with self.log.open("ab") as log:
            if (hatchery := self._hatchery()) is not None:
                return hatchery.start(self._file(self.command), arguments, self.environment, (log.fileno(), log.fileno()))
            return subprocess.Popen([*self.command, *arguments], env=self.environment, stderr=log, stdout=log)

    def _hatchery(self) -> Hatchery | None:
        """Where the daemon's program can be had without loading it; None where a test has put something into it, or before it, that needs to be there first."""
        ordinary = PROGRAM if self._real_model else [sys.executable, str(self._program)]
        as_it_was = self.command == ordinary and self._program.read_text() == self._text
        return self._suiting(network=self._real_model) if as_it_was or self.loaded_first else None

    def _suiting(self, *, network: bool) -> Hatchery | None:
        """None where the test's environment has a say in what is loaded."""
        hatchery = ours(self._ordinary, network=network)
        return hatchery if hatchery.suits(self.environment) else None

    @staticmethod
    def _file(command: list[str]) -> str | None:
        return None if command == PROGRAM else command[1]

    def _called(self, hatchery: Hatchery | None, command: list[str], arguments: Sequence[str], timeout: float) -> subprocess.CompletedProcess[str]:
        arguments = [*arguments, "--config", str(self.config)]
        if hatchery is not None:
            return hatchery.run(self._file(command), arguments, self.environment, timeout)
        return subprocess.run([*command, *arguments], env=self.environment, capture_output=True, text=True, timeout=timeout, check=False)

    def status(self) -> dict[str, Any]:
        done = self.ask("status", "--json")
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def me(self) -> dict[str, Any]:
        """The first diary's part of what `status --json` prints, from the function that the verb prints: to look costs no process."""
        first: dict[str, Any] = json.loads(json.dumps(gather(load(self.config))))["diaries"][0]
        return first

    def photos(self) -> list[dict[str, Any]]:
        """What `photos list --json` prints, from the function that the verb prints."""
        found: list[dict[str, Any]] = json.loads(json.dumps(list_photos(self.archive)))
        return found

    def start(self) -> None:
        self._began = len(self.told())
        self._process = self.begin("run")

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def stop(self) -> int:
        """SIGTERM as soon as it runs its own code, and the exit status."""
        assert self._process is not None
        end = time.monotonic() + 60
        while "configuration: " not in self.told()[self._began :] and self._process.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(40)
        except subprocess.TimeoutExpired:  # where every thread is, into the log
            self._process.send_signal(signal.SIGABRT)
            self._process.wait(20)
            raise AssertionError(f"it did not stop within 40 s\n{self.told()[-6000:]}") from None

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def told(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def until(self, true: Callable[[dict[str, Any]], bool], what: str, seconds: float = 60) -> dict[str, Any]:
        """Wait for a state of the diary; fails with what the daemon said."""
        end = time.monotonic() + seconds
        while True:
            state = self.me() if self.archive.exists() else None
            if state is not None and true(state):
                return state
            if time.monotonic() > end:
                raise AssertionError(f"not within {seconds:g} s: {what}; {state}\n{self.told()[-3000:]}")
            time.sleep(0.1)

    def until_told(self, sentence: str, seconds: float = 60, *, ever: bool = False) -> None:
        """Wait for a line of the daemon's log since its newest start, or since its first one."""
        end = time.monotonic() + seconds
        while sentence not in self.told()[0 if ever else self._began :]:
            assert time.monotonic() < end, f"not told within {seconds:g} s: {sentence}\n{self.told()[-3000:]}"
            time.sleep(0.1)

    def until_film_of(self, frames: int, seconds: float = 60) -> dict[str, Any]:
        return self.until(
            lambda s: s["reel"] is not None and s["reel"]["frames"] == frames and s["photos"]["received"] == s["photos"]["located"] == 0,
            f"a film of {frames} photos", seconds,
        )  # fmt: skip

    def close(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            self._process.wait()
