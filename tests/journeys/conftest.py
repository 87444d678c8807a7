from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.daemon import Diary


@pytest.fixture
def diary(tmp_path: Path) -> Iterator[Diary]:
    """An empty diary; its daemon is gone after the test."""
    made = Diary(tmp_path / "me")
    yield made
    made.close()
