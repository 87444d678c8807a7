"""In which order the files are run when several processes share them: the longest first, so that none is left to one process at the end.

And what a verb does to the process that calls it, which a test may be, does not reach the next test."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

USUAL = 0o022

# Files of a minute each, then other whole daemons and their waits, then rooms that compute, then the many that take a moment each.
ORDER = (
    "tests/promises/test_torture.py",
    "tests/journeys/test_retrain.py",
    "tests/promises/test_fault_injection.py",
    "tests/promises/test_hostile_bytes.py",
    "tests/promises/test_film_breaks.py",
    "tests/promises/test_gpu_lost.py",
    "tests/journeys/test_decisions.py",
    "tests/journeys/test_review_page.py",
    "tests/promises/test_missed_events.py",
    "tests/promises",
    "tests/journeys",
    "tests/systemd",
    "tests/render",
    "tests/darkroom",
    "tests/retrain",
    "tests/run",
    "tests/review",
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):  # a process of pytest-xdist, which the Makefile tells to keep this order
        items.sort(key=lambda item: next((place for place, where in enumerate(ORDER) if item.nodeid.startswith(where)), len(ORDER)))


@pytest.fixture(autouse=True)
def files_as_before() -> Iterator[None]:
    """Verbs make this process write files for its user only; folders that a later test makes for others have to be as open as ever."""
    os.umask(USUAL)
    yield
    os.umask(USUAL)
