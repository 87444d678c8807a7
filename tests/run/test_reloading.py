"""A configuration with more diaries: they are served beside the others, which go on as if nothing had happened; the page shows them too."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.daemon import QUICK
from tests.support.dots import DotLocator, photo
from tests.support.visitor import Visitor

from photodiary.diary.photo import Stage
from photodiary.ledger import photos, wishes
from photodiary.review.keys import Keys
from photodiary.run import reloading
from photodiary.run.engine import Engine
from photodiary.run.house import House
from photodiary.run.lock import DaemonLock, holder
from photodiary.run.noticing import Noticing
from photodiary.run.review import Handed
from photodiary.settings import load

MORE = '[diary.anna]\ninbox = "in-anna"\narchive = "anna"\n[diary.ben]\ninbox = "in-ben"\narchive = "ben"\n'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    for name in ("inbox", "in-anna", "in-ben"):
        (tmp_path / name).mkdir()
    (tmp_path / "config.toml").write_text(QUICK)
    return tmp_path / "config.toml"


@pytest.fixture
def engine(config: Path) -> Iterator[Engine]:
    made = Engine(load(config), lambda settings: DotLocator())
    yield made
    made.close()


def test_more_diaries_are_told_from_other_changes(config: Path) -> None:
    """Only where nothing but diaries came need nobody be disturbed: another setting, another inbox or one that left take a new life."""
    before = load(config)
    config.write_text(QUICK + MORE)
    after = load(config)
    assert reloading.added(before, after) == ["anna", "ben"]
    assert reloading.added(before, before) == [] and reloading.added(after, before) == []
    config.write_text(QUICK.replace('preset = "ultrafast"', 'preset = "veryfast"') + MORE)
    assert reloading.added(before, load(config)) == []
    config.write_text(QUICK.replace('inbox = "inbox"', 'inbox = "other"') + MORE)
    assert reloading.added(before, load(config)) == []


def test_one_that_cannot_be_served_stays_out_and_the_others_go_on(config: Path, engine: Engine) -> None:
    """The diary that somebody else holds is told and left alone, the one beside it is served; who was there is the same as before, model included."""
    before, mine, resident = load(config), engine.houses[0], engine.following
    config.write_text(QUICK + MORE)
    (config.parent / "ben").mkdir()
    elsewhere, grown = DaemonLock(config.parent / "ben"), list[House]()
    (config.parent / "in-anna/a.jpg").write_bytes(photo(1))
    settings, refused = reloading.welcome(engine, before, load(config), ["ben", "anna"], grown.append)
    assert list(settings.diary) == ["me", "anna"] == list(engine.settings.diary) == [house.name for house in engine.houses]
    assert refused is not None and "is at work on this diary" in refused and [house.name for house in grown] == ["anna"]
    assert engine.houses[0] is mine and engine.following is resident and engine.houses[1].locating.locator is resident.locator
    assert holder(config.parent / "anna") == os.getpid()
    end = time.monotonic() + 20
    while photos.waiting(engine.houses[1].ledger, Stage.RECEIVED) == 0:
        engine.turns.intake()
        assert time.monotonic() < end
    elsewhere.release()
    settings, refused = reloading.welcome(engine, settings, load(config), reloading.added(settings, load(config)), grown.append)
    assert refused is None and [house.name for house in engine.houses] == ["me", "anna", "ben"], "once it is free the next reading takes it over"


def test_who_wished_for_it_is_answered_once(engine: Engine) -> None:
    """A wish is begun once, and answered with who is served, or with why all is as before."""
    (house,) = engine.houses
    assert not reloading.wished(engine.houses)
    first = wishes.make(house.ledger, reloading.KIND, {}, 1.0)
    assert reloading.wished(engine.houses) and not reloading.wished(engine.houses)
    reloading.answer(engine.houses, None)
    assert wishes.get(house.ledger, first).outcome == {"diaries": ["me"]}
    second = wishes.make(house.ledger, reloading.KIND, {}, 2.0)
    reloading.answer(engine.houses, None)
    assert wishes.get(house.ledger, second).outcome is None, "nobody has read anything for it yet"
    assert reloading.wished(engine.houses)
    reloading.answer(engine.houses, "it is wrong")
    assert wishes.get(house.ledger, second).outcome == {"error": "it is wrong"}


def test_the_page_shows_them_without_being_started_again(config: Path) -> None:
    """A change of the file is noticed once, also where an editor renames it into place; then every page knows the diary, and who has left is gone."""
    noticing = Noticing(config)
    settings = load(config)
    handed = Handed(settings, Keys(Path(settings.state) / "review", remember_days=1))
    try:
        visitor = Visitor(handed.site)
        assert visitor.get("/diary/anna").status_code == 404 and not noticing.changed()
        beside = config.with_suffix(".new")
        beside.write_text(QUICK + MORE)
        beside.rename(config)
        assert noticing.changed() and not noticing.changed()
        handed.renew(load(config))
        assert visitor.get("/diary/anna").status_code == 200
        assert "all diaries" in visitor.get("/diary/anna").text and "ben" in visitor.get("/").text
        config.unlink()
        assert not noticing.changed(), "away for a moment"
        config.write_text(QUICK)
        assert noticing.changed()
        handed.renew(load(config))
        assert visitor.get("/diary/anna").status_code == 404
    finally:
        handed.site.darkroom.close()
