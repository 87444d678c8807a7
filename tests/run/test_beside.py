"""A wish is carried out exactly once: by whoever holds the lock, or by the verb that made it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from photodiary.errors import Busy, StorageTrouble, Transient
from photodiary.ledger import wishes
from photodiary.ledger.store import Ledger
from photodiary.run import beside
from photodiary.run.lock import DaemonLock, holder


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(tmp_path)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "POLL_S", 0.02)
    monkeypatch.setattr(beside, "GONE_S", 0.3)


def never() -> None:
    raise AssertionError("somebody else holds the lock")


def carry_out(ledger: Ledger, number: int, act) -> bool:
    return beside.carry_out(ledger, ledger.path.parent, number, act, str)


def test_without_a_daemon_the_verb_does_it_while_holding_the_lock(ledger: Ledger, tmp_path: Path) -> None:
    """Nobody else can begin meanwhile, and the lock is free afterwards."""
    number = wishes.make(ledger, "decide", {}, 1.0)
    held = []

    def act() -> None:
        held.append(holder(tmp_path) is not None)
        wishes.fulfil(ledger, number, {}, 2.0)

    assert carry_out(ledger, number, act)
    assert held == [True] and holder(tmp_path) is None


def test_the_holder_of_the_lock_does_it(ledger: Ledger, tmp_path: Path) -> None:
    """Beside a daemon the verb only waits until it is done."""
    number = wishes.make(ledger, "decide", {}, 1.0)
    lock = DaemonLock(tmp_path)
    daemon = threading.Timer(0.3, lambda: wishes.fulfil(ledger, number, {}, 2.0))
    daemon.start()
    assert not carry_out(ledger, number, never)
    daemon.join()
    lock.release()


def test_a_daemon_that_only_lets_go_for_a_moment_is_waited_for(ledger: Ledger, tmp_path: Path) -> None:
    """A daemon that reads its configuration again gets its lock back and does it."""
    number = wishes.make(ledger, "decide", {}, 1.0)
    lock = [DaemonLock(tmp_path)]

    def reload() -> None:
        time.sleep(0.1)
        lock.pop().release()
        time.sleep(0.1)
        lock.append(DaemonLock(tmp_path))
        wishes.fulfil(ledger, number, {}, 2.0)

    daemon = threading.Thread(target=reload)
    daemon.start()
    assert not carry_out(ledger, number, never)
    daemon.join()
    lock.pop().release()


def test_a_daemon_that_stopped_leaves_it_to_the_verb(ledger: Ledger, tmp_path: Path) -> None:
    """When the daemon goes without having done it, the verb does it."""
    number = wishes.make(ledger, "decide", {}, 1.0)
    lock = DaemonLock(tmp_path)
    threading.Timer(0.2, lock.release).start()
    assert carry_out(ledger, number, lambda: wishes.fulfil(ledger, number, {}, 2.0))


def test_trouble_is_told_and_the_lock_let_go(ledger: Ledger, tmp_path: Path) -> None:
    """What goes wrong here or there is raised; what nobody did is Busy, with the word that it is noted."""
    number = wishes.make(ledger, "decide", {}, 1.0)

    def full() -> None:
        raise StorageTrouble("the disk is full")

    with pytest.raises(StorageTrouble, match="full"):
        carry_out(ledger, number, full)
    assert holder(tmp_path) is None
    with pytest.raises(Busy, match="it is noted"):
        carry_out(ledger, number, lambda: None)
    wishes.fulfil(ledger, number, {"error": "it broke"}, 2.0)
    with pytest.raises(Transient, match="it broke"):
        carry_out(ledger, number, never)
