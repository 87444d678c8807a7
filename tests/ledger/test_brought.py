"""What was brought from elsewhere: remembered with its photo, and the pace that a forecast counts with."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from photodiary.diary.calendar import Taken
from photodiary.diary.eyes import Sighting
from photodiary.diary.photo import Digest, Stage
from photodiary.ledger import adopting, brought, deciding, forgetting, photos, sightings, verdicts
from photodiary.ledger.brought import Item
from photodiary.ledger.store import Ledger

from .conftest import NOON, TakeIn

BERLIN = NOON.astimezone().tzinfo
TOLD = Taken(datetime(2021, 1, 1, 8), timedelta(hours=1), "immich")


def test_items_are_known_by_source(ledger: Ledger, take_in: TakeIn) -> None:
    """With the stamp they had last; nothing is noted of a photo that is not there or is forgotten."""
    photo = take_in(1)
    for stamp in ("1", "2"):
        brought.remember(ledger, photo.sha256, Item("x", "a", stamp), None, 1.0)
    brought.remember(ledger, Digest("f" * 64), Item("x", "b", "1"), None, 1.0)
    assert brought.known(ledger, "x") == {"a": ("2", photo.sha256)} and brought.known(ledger, "y") == {}
    forgetting.wish(ledger, [photo.sha256], 2.0)
    brought.remember(ledger, photo.sha256, Item("x", "c", "1"), TOLD, 3.0)
    assert brought.known(ledger, "x").keys() == {"a"}


def test_a_told_date_moves_a_photo_in_the_film(ledger: Ledger, take_in: TakeIn) -> None:
    """A frame is made again under the new date, an undated photo goes on to its eyes; what a person decided meanwhile stays."""
    framed, undated, decided = take_in(1, wall=NOON - timedelta(days=900)), take_in(2, Stage.UNDATED, wall=None), take_in(3, Stage.UNDATED, wall=None)
    with ledger.write() as db:
        db.execute("UPDATE photos SET taken_from = 'mtime', stage = 'aligned', frame = 'frames/x.jpg' WHERE id = ?", (framed.id,))
    deciding.decide(ledger, [decided], verdicts.REDATED, NOON, 1.0)
    for photo in (framed, undated, decided):
        brought.remember(ledger, photo.sha256, None, TOLD, 2.0)
    while deciding.heed(ledger, BERLIN, 3.0):  # type: ignore[arg-type]
        pass
    rows = [photos.find(ledger, photo.sha256) for photo in (framed, undated, decided)]
    assert [(row.stage, row.taken) for row in rows if row is not None] == [
        (Stage.LOCATED, TOLD), (Stage.RECEIVED, TOLD), (Stage.RECEIVED, Taken(NOON, None, "person")),
    ]  # fmt: skip


@pytest.mark.parametrize("said", [{"taken": 5}, {"taken": "x"}, {"taken": "2024-01-01T00:00:00+01:00"}, {"taken": "2024-01-01", "offset_s": "3600"}])
def test_no_date_is_made_of_what_is_none(said: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        brought.as_told({"taken_from": "takeout", **said})


def test_the_pace_leaves_pauses_out(ledger: Ledger, take_in: TakeIn) -> None:
    """Eight photos a second with a night between is eight a second; of a few looks nothing is said."""
    photo = take_in(1)

    def look(times: list[float]) -> None:
        with ledger.write() as db:
            for at in times:
                sightings.add(db, photo.id, Sighting("net-1", None, None, "no_face", 0), None, None, at)

    look([number / 8 for number in range(40)])
    assert sightings.pace(ledger) is None
    look([80_000 + number / 8 for number in range(40)])
    assert sightings.pace(ledger) == pytest.approx(8)


def test_a_diary_tells_the_clock_it_was_kept_in(ledger: Ledger, take_in: TakeIn) -> None:
    """Of photos whose place is not known; those with an offset of their own say nothing about the diary."""
    take_in(1, wall=datetime(2024, 1, 1, 12), utc=datetime(2024, 1, 1, 11).timestamp() - datetime(1970, 1, 1).timestamp())
    take_in(2, wall=datetime(2024, 1, 1, 12), utc=5.0, offset=timedelta(hours=3))
    known = adopting.facts(ledger)
    assert known.clocks == ((datetime(2024, 1, 1, 12), timedelta(hours=1)),) and (known.zone, known.canvas, known.excluding) == (None, "auto", False)
    assert known.originals == (("originals/1.jpg", 1001), ("originals/2.jpg", 1002))
