"""How many threads training takes: as many as nobody else wants."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import torch

from photodiary.retrain.threads import LONG_ENOUGH, ConsiderateThreads


@pytest.fixture(autouse=True)
def threads_as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def watched(monkeypatch: pytest.MonkeyPatch, most: int, *readings: tuple[float, float]) -> ConsiderateThreads:
    """One that reads these: (seconds of work of everybody, of ourselves)."""
    told = iter(readings)
    monkeypatch.setattr(ConsiderateThreads, "_read", staticmethod(lambda: next(told)))
    return ConsiderateThreads(most)


def test_threads_are_shared_with_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """While somebody else computes there is one thread; alone it takes what it may, and torch is told so."""
    threads = watched(monkeypatch, 2, (0.0, 0.0), (10.0, 10.0), (30.0, 20.0), (40.0, 30.0))
    for expected in (2, 1, 2):
        assert threads.adjust(10, 0.35) == expected == torch.get_num_threads()


def test_our_own_helpers_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to `others` cores may be busy with helpers of our own, more is somebody else."""
    for busy, others, expected in ((5.0, 0.6, 2), (7.0, 0.6, 1), (5.0, 0.35, 1)):
        threads = watched(monkeypatch, 2, (0.0, 0.0), (10.0 + busy, 10.0))
        assert threads.adjust(10, others) == expected


def test_short_moments_are_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is decided before enough was watched: the kernel counts in hundredths of a second."""
    torch.set_num_threads(1)
    moment = LONG_ENOUGH / 4
    threads = watched(monkeypatch, 2, *[(n * moment, n * moment) for n in range(6)])
    assert [threads.adjust(moment) for _ in range(5)] == [1, 1, 1, 2, 2]


def test_one_thread_is_all_there_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one core there is one thread, alone or not."""
    threads = watched(monkeypatch, 1, (0.0, 0.0), (1.0, 1.0), (9.0, 2.0))
    assert [threads.adjust(1.0), threads.adjust(1.0)] == [1, 1]


def test_the_machine_tells_what_it_did() -> None:
    """The real readings grow with our own work, and everybody's work holds ours, to the kernel's hundredths."""
    before, until = ConsiderateThreads._read(), time.process_time() + 0.4
    while time.process_time() < until:
        sum(range(1000))
    after = ConsiderateThreads._read()
    own, everybody = after[1] - before[1], after[0] - before[0]
    assert 0.35 <= own < 5
    assert everybody > own - 0.1
