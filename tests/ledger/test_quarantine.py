"""What could not be read: listed, and tried again after a fix."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from photodiary.diary.photo import Digest, Stage
from photodiary.ledger import arrivals, deciding, photos, quarantine, verdicts
from photodiary.ledger.arrivals import Stamp
from photodiary.ledger.photos import NewPhoto, PhotoRow
from photodiary.ledger.store import Ledger

from .conftest import NOON, TakeIn


def again(ledger: Ledger, photo: PhotoRow) -> PhotoRow:
    row = photos.find(ledger, photo.sha256)
    assert row is not None
    return row


def retry(ledger: Ledger, *chosen: PhotoRow) -> list[bytes] | None:
    quarantine.wish(ledger, [photo.sha256 for photo in chosen], 1.0)
    return quarantine.release(ledger, 2.0)


@pytest.mark.parametrize(("dated", "excluded", "stage"), [(True, False, Stage.RECEIVED), (False, False, Stage.UNDATED), (True, True, Stage.EXCLUDED)])
def test_what_lies_in_the_archive_goes_its_way_again(ledger: Ledger, take_in: TakeIn, dated: bool, excluded: bool, stage: Stage) -> None:
    """A retried photo is looked at again, waits for a date if it has none, and stays out if a person left it out; its deaths are forgiven."""
    photo = take_in(1, wall=NOON if dated else None)
    photos.count_death(ledger, photo)
    photos.quarantine(ledger, photo, "crashed_reader")
    photo = again(ledger, photo)
    if excluded:
        deciding.decide(ledger, [photo], verdicts.EXCLUDED, None, 0.0)
        deciding.heed(ledger, ZoneInfo("UTC"), 0.0)
    assert [row.id for row, _ in quarantine.listing(ledger)] == [photo.id]
    assert retry(ledger, photo) == []
    row = again(ledger, photo)
    assert (row.stage, row.deaths, row.tries) == (stage, 0, 0)
    assert quarantine.listing(ledger) == []


def test_what_was_never_copied_is_read_anew(ledger: Ledger, tmp_path: Path) -> None:
    """Of a file that could not be read at all the inbox's memory goes, so that it is read again; the row stays until then."""
    bad = NewPhoto(Digest("ab" * 32), 5, None, None, None, None, None, None, Stage.QUARANTINED, "not_a_photo")
    photos.insert_or_name(ledger, bad, b"Camera/bad.heic", 0.0)
    arrivals.remember(ledger, b"Camera/bad.heic", Stamp(5, 6, 7), bad.sha256)
    row = photos.find(ledger, bad.sha256)
    assert row is not None
    assert retry(ledger, row) == [b"Camera/bad.heic"]
    assert arrivals.known_files(ledger) == {}
    assert again(ledger, row).stage is Stage.QUARANTINED


def test_only_what_was_wished_and_could_not_be_read_is_retried(ledger: Ledger, take_in: TakeIn) -> None:
    """Others in quarantine stay there, a photo that is fine is not moved, and without a wish nothing happens."""
    fine, first, second = take_in(1), take_in(2), take_in(3)
    for photo in (first, second):
        photos.quarantine(ledger, photo, "damaged")
    assert quarantine.release(ledger, 1.0) is None
    assert retry(ledger, fine, first) == []
    assert [again(ledger, photo).stage for photo in (fine, first, second)] == [Stage.RECEIVED, Stage.RECEIVED, Stage.QUARANTINED]
    assert again(ledger, fine) == fine


def test_a_file_that_still_cannot_be_read_keeps_its_row_with_the_new_reason(ledger: Ledger) -> None:
    """Trying again in vain leaves one row, with the reason of now."""
    bad = NewPhoto(Digest("ab" * 32), 5, None, None, None, None, None, None, Stage.QUARANTINED, "not_a_photo")
    photos.insert_or_name(ledger, bad, b"a", 0.0)
    assert not photos.insert_or_name(ledger, replace(bad, reason="damaged"), b"a", 1.0)
    assert [(row.reason, names) for row, names in quarantine.listing(ledger)] == [("damaged", [b"a"])]
