"""Who does what a verb asks for: the verb's own process, or the one that holds the diary."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from photodiary.errors import Busy
from photodiary.run.lock import DaemonLock, alone_or_beside


def never(pid: int) -> str:
    raise AssertionError(f"nobody is there, said to be {pid}")


def test_alone_where_nobody_is_there(tmp_path: Path) -> None:
    """Without a holder the verb does it by itself."""
    assert alone_or_beside(tmp_path, lambda: "done", never) == "done"


def test_beside_whoever_is_there(tmp_path: Path) -> None:
    """With a holder nothing is tried alone."""
    lock = DaemonLock(tmp_path)
    tried: list[str] = []
    assert alone_or_beside(tmp_path, lambda: tried.append("alone"), lambda pid: tried.append(f"beside {pid}")) is None
    assert tried == [f"beside {os.getpid()}"]
    lock.release()


def test_a_daemon_that_starts_at_this_very_moment_is_asked_instead(tmp_path: Path) -> None:
    """Somebody takes the lock after the verb has seen that it is free: the verb does not give up, it asks whoever was quicker."""
    daemons: list[DaemonLock] = []

    def alone() -> str:
        daemons.append(DaemonLock(tmp_path))
        DaemonLock(tmp_path)
        return "done"

    assert alone_or_beside(tmp_path, alone, lambda pid: f"asked {pid}") == f"asked {os.getpid()}"
    daemons[0].release()


def test_busy_for_another_reason_is_told(tmp_path: Path) -> None:
    """Busy while nobody holds this diary, such as a family's other one, is not taken for a daemon of this diary."""

    def alone() -> str:
        raise Busy("anna's archive: another photodiary is at work on this diary")

    with pytest.raises(Busy, match="anna"):
        alone_or_beside(tmp_path, alone, never)
