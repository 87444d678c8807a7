"""In which order the files are run when several processes share them: the longest first, so that none is left to one process at the end."""

from __future__ import annotations

import pytest

# One test of a minute, then whole daemons and their waits, then the many that take a moment each.
ORDER = ("tests/promises/test_torture.py", "tests/promises", "tests/journeys", "tests/review", "tests/run", "tests/retrain")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):  # a process of pytest-xdist, which the Makefile tells to keep this order
        items.sort(key=lambda item: next((place for place, where in enumerate(ORDER) if item.nodeid.startswith(where)), len(ORDER)))
