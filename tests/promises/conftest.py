"""As root no promise test is skipped unless skips.py lists it."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest
from tests.promises.skips import ALLOWED, MOST


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    name = f"{item.path.name}::{getattr(item, 'originalname', item.name)}"
    if report.skipped and os.geteuid() == 0 and name not in ALLOWED:
        report.outcome = "failed"
        report.longrepr = f"{name} was skipped, and skips.py does not list it: {report.longrepr}"
    return report


def pytest_sessionstart() -> None:
    assert len(ALLOWED) <= MOST
