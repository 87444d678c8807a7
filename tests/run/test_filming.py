"""A film that failed is tried again soon, then later and later, until one succeeds."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from photodiary.archive.reserve import FILM
from photodiary.diary.reel import MAIN_FILM
from photodiary.errors import RenderFailed
from photodiary.ledger import reels, wishes
from photodiary.ledger.store import Ledger
from photodiary.render.schedule import RenderConfig
from photodiary.run.filming import AFTER_TROUBLE_S, Filming


class Projector:
    """Renders as it is told: fails, or makes nothing.  asked: how often it had to plan its films."""

    def __init__(self) -> None:
        self.fails, self.is_stale, self.asked = True, False, 0

    def stale(self) -> bool:
        self.asked += 1
        return self.is_stale

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


def test_films_are_planned_only_when_something_has_changed(tmp_path: Path) -> None:
    """Whether the style or the photos make another film is asked once, and again when the ledger says otherwise; a new film's time is the same each time."""
    ledger, projector = Ledger(tmp_path), Projector()
    house: Any = SimpleNamespace(name="me", ledger=ledger, zone=ZoneInfo("UTC"), rendering=projector)
    filming = Filming(RenderConfig(after_quiet_s=7), lambda: None)
    reels.publish_reel(ledger, reels.ReelRow(MAIN_FILM, 3, 0.25, "f" * 64, 1000, 100.0))
    assert [filming.due(house) for _ in range(5)] == [None] * 5 and projector.asked == 1
    projector.is_stale = True
    reels.publish_reel(ledger, reels.ReelRow(MAIN_FILM, 3, 0.25, "e" * 64, 1000, 200.0))
    assert [filming.due(house) for _ in range(5)] == [207.0] * 5 and projector.asked == 2
    ledger.close()


def test_while_older_frames_are_measured_films_are_planned_rarely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each few of them change the light of those beside them: nothing is planned before another film would be made, however often that is asked."""
    ledger, projector, now = Ledger(tmp_path), Projector(), time.time()
    house: Any = SimpleNamespace(name="me", ledger=ledger, zone=ZoneInfo("UTC"), rendering=projector)
    filming = Filming(RenderConfig(at_latest_s=600), lambda: None)
    monkeypatch.setattr("photodiary.run.filming.looks.waiting", lambda _: 1000)
    reels.publish_reel(ledger, reels.ReelRow(MAIN_FILM, 3, 0.25, "f" * 64, 1000, now))
    assert filming.due(house) == now + 600 and projector.asked == 0
    reels.publish_reel(ledger, reels.ReelRow(MAIN_FILM, 3, 0.25, "f" * 64, 1000, now - 601))
    assert filming.due(house) is None and projector.asked == 1
    projector.is_stale = True
    reels.publish_reel(ledger, reels.ReelRow(MAIN_FILM, 3, 0.25, "f" * 64, 1000, now - 602))
    assert filming.due(house) == now - 2 and projector.asked == 2
    ledger.close()
