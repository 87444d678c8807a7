from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from photodiary.errors import Busy, IllegalMove, StorageTrouble
from photodiary.run import lock, loop
from photodiary.run.loop import Loop


class Work:
    """A step with so many pieces of work, and errors to raise on the way."""

    def __init__(self, *outcomes: bool | Exception) -> None:
        self.outcomes = list(outcomes)
        self.done = threading.Event()
        self.steps = 0

    def step(self) -> bool:
        self.steps += 1
        if not self.outcomes:
            self.done.set()
            return False
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def until(true: Callable[[], bool]) -> bool:
    """Whether it becomes true within ten seconds."""
    end = time.monotonic() + 10
    while not true() and time.monotonic() < end:
        time.sleep(0.005)
    return true()


def running(work: Work, sleep: float = 60.0) -> Loop:
    made = Loop("test", work.step, lambda: sleep, lambda: None)
    made.start()
    return made


def test_a_loop_works_until_there_is_nothing_and_then_sleeps_until_it_is_nudged() -> None:
    """Work is done one piece after the other; a nudge during the sleep is acted on at once."""
    work = Work(True, True, True)
    made = running(work)
    assert work.done.wait(10)
    assert work.steps == 4
    time.sleep(0.1)
    assert work.steps == 4
    made.nudge()
    assert until(lambda: work.steps == 5)
    made.stop()
    assert made.join(10)


def test_transient_trouble_is_named_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk degrades the loop by name, and it goes on by itself."""
    monkeypatch.setattr(loop, "TROUBLE_SLEEP_S", 0.5)
    work = Work(StorageTrouble("the disk is full"), IllegalMove("moved by somebody else"), True)
    made = running(work)
    assert until(lambda: made.trouble == "the disk is full")
    assert work.done.wait(10)
    assert until(lambda: made.trouble is None)
    made.stop()
    assert made.join(10)


def test_an_error_that_nobody_foresaw_ends_the_loop_only_when_it_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few surprises are survived; the same surprise again and again is a broken invariant, and the daemon is told."""
    monkeypatch.setattr(loop, "TROUBLE_SLEEP_S", 0.001)
    work = Work(*[ValueError("?")] * (loop.MOST_FAILURES - 1), True)
    made = running(work)
    assert work.done.wait(10)
    assert not made.gave_up
    made.stop()
    broken = running(Work(*[ValueError("?")] * loop.MOST_FAILURES))
    assert broken.join(10)
    assert broken.gave_up


def test_the_lock_has_one_holder_names_it_and_ends_with_it(tmp_path: Path) -> None:
    """A second one is told which process holds the diary; kill -9 of the holder frees it."""
    program = f"import sys, time; sys.path.insert(0, {str(Path(lock.__file__).parents[2])!r})\n"
    program += "from pathlib import Path; from photodiary.run.lock import DaemonLock\n"
    program += f"held = DaemonLock(Path({str(tmp_path)!r})); print('held', flush=True); time.sleep(60)"
    assert lock.holder(tmp_path) is None
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        assert lock.holder(tmp_path) == other.pid
        with pytest.raises(Busy, match=str(other.pid)):
            lock.DaemonLock(tmp_path)
        assert lock.nudge(tmp_path)
        time.sleep(0.2)
        assert other.poll() is None, "a nudge must not end whoever holds the lock"
        other.kill()
    before = signal.getsignal(signal.SIGUSR1)
    try:
        mine = lock.DaemonLock(tmp_path)
        assert lock.holder(tmp_path) == os.getpid()
        mine.release()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert lock.holder(tmp_path) is None
    assert not lock.nudge(tmp_path)


def test_a_nudge_reaches_nobody_whose_number_only_looks_like_the_holders(tmp_path: Path) -> None:
    """In another container the holder's number may be anybody's: who holds no lock as far as the kernel says is left alone."""
    before = signal.getsignal(signal.SIGUSR1)
    with subprocess.Popen([sys.executable, "-c", "print('up', flush=True); input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as stranger:
        try:
            assert stranger.stdout is not None and stranger.stdout.readline() == "up\n"
            mine = lock.DaemonLock(tmp_path)
            (tmp_path / lock.FILE).write_text(f"{stranger.pid}\n")
            assert lock.nudge(tmp_path)
            assert stranger.communicate("go on\n", 20) and stranger.returncode == 0
            mine.release()
        finally:
            signal.signal(signal.SIGUSR1, before)
