"""The films of a diary are measured while nothing else is to do; the page and `status` say how steady they are, and lead to the worst places."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.dots import DotLocator
from tests.support.visitor import Visitor

from photodiary.archive.store import Archive
from photodiary.darkroom.darkroom import Darkroom
from photodiary.diary.eyes import Point
from photodiary.diary.photo import Stage
from photodiary.diary.quality import Measured
from photodiary.ledger import reels, transitions
from photodiary.ledger.store import Ledger
from photodiary.review.site import Site
from photodiary.run import quality
from photodiary.run.films import rendering_of
from photodiary.run.quality import Assessing
from photodiary.run.status import gather, in_words
from photodiary.settings import load


@pytest.fixture
def house(folder: Path, site: Site) -> Iterator[Any]:
    """What the step needs of a diary: its ledger, archive, films and darkroom."""
    settings = load(folder / "config.toml")
    ledger, archive = Ledger(folder / "archive"), Archive(folder / "archive")
    made = SimpleNamespace(
        name="me", ledger=ledger, archive=archive, locating=SimpleNamespace(darkroom=site.darkroom), rendering=rendering_of(settings, "me", ledger, archive)
    )
    yield made
    ledger.close()


class Counting:
    """The darkroom, noting which frames it was asked about."""

    def __init__(self, darkroom: Darkroom) -> None:
        self._darkroom, self.asked = darkroom, list[bytes]()

    def motion(self, before: bytes, after: bytes, left: Point, right: Point) -> Measured:
        self.asked.append(before)
        return self._darkroom.motion(before, after, left, right)


def settle(house: Any, assessing: Assessing) -> int:
    """All steps there are; how many."""
    steps = 0
    while assessing.step(house):
        steps += 1
        assert steps < 50
    return steps


def test_a_film_is_measured_pair_by_pair_and_told(house: Any, folder: Path, visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A little in each step; then page and `status` tell it in sentences, and every pair that is named links to both photos' pages."""
    config = folder / "config.toml"
    with house.ledger.write() as db:  # as if it had not been measured when it was made
        db.execute("DELETE FROM transitions")
        db.execute("UPDATE reels SET quality = NULL")
    assert gather(load(config))["diaries"][0]["reel"]["quality"] is None and "How steady" not in visitor.get("/diary/me/film").text
    monkeypatch.setattr(quality, "BUDGET_S", 0.0)
    assessing = Assessing()
    assert assessing.behind(house)
    assert settle(house, assessing) == 7 + 1, "one step for each pair of eight photos, and one to tell"
    assert not assessing.behind(house) and settle(house, Assessing()) == 1, "nothing is measured again after a start"
    status = gather(load(config))
    told = status["diaries"][0]["reel"]["quality"]
    assert told["jitter"]["pairs"] + told["jitter"]["unmeasured"] == 7 and told["jitter"]["floor"] is None
    assert 0 < told["jitter"]["mean"] <= told["jitter"]["p95"] <= told["worst"][0]["jitter"] + 0.01
    assert all(sentence in in_words(status, config) for sentence in told["words"])
    page = unescape(visitor.get("/diary/me/film").text)
    assert all(sentence in page for sentence in told["words"])
    named = [photo for leap in [*told["worst"], *told["unlike"]] for photo in (leap["before"], leap["after"])]
    assert len(named) >= 2 and re.findall(r'href="/diary/me/photo/([0-9a-f]{64})"', page) == named
    assert all(visitor.get(address).status_code == 200 for address in re.findall(r'src="(/diary/me/thumb/[^"]+)"', page))


def test_a_change_costs_its_pairs_only(house: Any) -> None:
    """Without one of its photos, a film has one new pair; the two that are no pairs any more are forgotten; a frame that cannot be read holds nothing up."""
    settle(house, assessing := Assessing())
    frames, known = reels.shown_by_newest(house.ledger), transitions.known(house.ledger)
    reel = reels.newest_reel(house.ledger)
    assert reel is not None
    counting = house.locating.darkroom = Counting(house.locating.darkroom)
    shorter = [*frames[:3], *frames[4:]]
    reels.publish_reel(house.ledger, replace(reel, fingerprint="shorter", rendered_at=reel.rendered_at + 1), shorter)
    settle(house, assessing)
    assert counting.asked == [house.archive.read(frames[2])]
    assert set(transitions.known(house.ledger)) == {*known} - {(frames[2], frames[3]), (frames[3], frames[4])} | {(frames[2], frames[4])}
    house.archive.remove(frames[5])
    reels.publish_reel(house.ledger, replace(reel, fingerprint="other", rendered_at=reel.rendered_at + 2), [frames[0], frames[5], frames[7]])
    assert settle(house, assessing) <= 3
    told = transitions.newest(house.ledger)
    assert told is not None and told.jitter is None and transitions.known(house.ledger) == {}


def test_nothing_is_measured_while_a_photo_is_on_its_way(house: Any) -> None:
    """Photos come first: neither pairs are measured nor photos looked at twice until they are through."""
    with house.ledger.write() as db:
        db.execute("UPDATE photos SET stage = ?, next_try = 0 WHERE id = 1", (Stage.RECEIVED,))
    assert not Assessing().step(house) and not Assessing().look_again(house, DotLocator())


def test_the_floor_comes_from_photos_looked_at_twice(house: Any) -> None:
    """The photos of the film, each once; then the report is written anew and has the floor."""
    assessing, locator = Assessing(), DotLocator()
    settle(house, assessing)
    looked = 0
    while assessing.look_again(house, locator):
        looked += 1
    assert looked == len(transitions.floors(house.ledger)) == 8
    assert settle(house, assessing) == 1
    told = transitions.newest(house.ledger)
    assert told is not None and told.jitter is not None and told.jitter.floor is not None and told.jitter.floor < 1.0
    assert not assessing.look_again(house, locator) and not Assessing().look_again(house, locator)
