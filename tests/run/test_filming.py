"""A film that failed is tried again soon, then later and later, until one succeeds."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from photodiary.archive.reserve import FILM
from photodiary.errors import RenderFailed
from photodiary.ledger import wishes
from photodiary.ledger.store import Ledger
from photodiary.render.schedule import RenderConfig
from photodiary.run.filming import AFTER_TROUBLE_S, Filming


class Projector:
    """Renders as it is told: fails, or makes nothing."""

    def __init__(self) -> None:
        self.fails = True

    def plan(self) -> None:
        return None

    def render(self, now: float, **_: object) -> None:
        if self.fails:
            raise RenderFailed("the child died")


def test_the_wait_grows_and_success_resets_it(tmp_path: Path) -> None:
    """2, 10, then 60 seconds each time; after a film was made it is 2 again.  A wish for a film hears of each failure."""
    ledger, projector = Ledger(tmp_path), Projector()
    reserve = SimpleNamespace(troubles={})
    house: Any = SimpleNamespace(name="me", ledger=ledger, archive=None, zone=ZoneInfo("UTC"), rendering=projector, reserve=reserve)
    filming = Filming(RenderConfig(), lambda: None)

    def failed_wait() -> float:
        wish = wishes.make(ledger, "render", {}, time.time())
        before = time.time()
        with pytest.raises(RenderFailed):
            filming.step(house)
        assert wishes.get(ledger, wish).outcome == {"frames": 0, "error": "the child died"}
        return filming._not_before["me"] - before

    for wanted in (*AFTER_TROUBLE_S, AFTER_TROUBLE_S[-1]):
        assert wanted <= failed_wait() < wanted + 2
    reserve.troubles[FILM[0]] = "no room"
    assert failed_wait() < AFTER_TROUBLE_S[0] + 2, "a film for which there is no room was not even begun"
    reserve.troubles.clear()
    projector.fails = False
    wishes.make(ledger, "render", {}, time.time())
    assert filming.step(house) == (True, False)
    projector.fails = True
    assert failed_wait() < AFTER_TROUBLE_S[0] + 2
    ledger.close()
