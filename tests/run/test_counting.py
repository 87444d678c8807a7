"""What `status` tells is counted while nothing else is to do, and not while photos come in."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from photodiary.ledger import tally, wishes
from photodiary.ledger.store import Ledger
from photodiary.run import counting
from photodiary.run.counting import Counting
from photodiary.run.house import House


def test_counted_once_when_it_has_been_quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not before it has been quiet, then once; who asks then finds it counted; something new begins the wait anew."""
    clock = [1000.0]
    monkeypatch.setattr(counting, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    ledger = Ledger(tmp_path)
    try:
        wishes.note(ledger, kin="kin", model={"name": "model"})
        house, step = cast(House, SimpleNamespace(name="me", ledger=ledger)), Counting().step

        def kept() -> Any:
            return wishes.notes(ledger).get(tally.NOTE)

        for passed, there in ((0.0, False), (10.0, False), (11.0, True)):
            clock[0] += passed
            assert step(house) is False and (kept() is not None) is there
        assert tally.tally(ledger, "kin", "model")[1] is None
        before = kept()
        wishes.make(ledger, "render", {}, 1.0)
        clock[0] += 100
        assert step(house) is False and kept() == before and tally.tally(ledger, "kin", "model")[1] is not None
        clock[0] += 21
        step(house)
        assert tally.tally(ledger, "kin", "model")[1] is None
    finally:
        ledger.close()
