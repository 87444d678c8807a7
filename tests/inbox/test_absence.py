"""Photos that are deleted from the inbox: kept, or out of the film after a week in which the inbox was there."""

from __future__ import annotations

import os
import shutil
from zoneinfo import ZoneInfo

import pytest
from tests.inbox.conftest import Room
from tests.support.dots import drop, photo

from photodiary.diary.photo import Stage, digest_of
from photodiary.inbox.inbox import Inbox
from photodiary.inbox.settle import InboxConfig
from photodiary.ledger import absence, deciding, lives, photos, verdicts
from photodiary.ledger.photos import PhotoRow

BERLIN = ZoneInfo("Europe/Berlin")
HOUR, DAY = 3600.0, 86_400.0


@pytest.fixture
def full(room: Room) -> Room:
    """Three photos in an inbox whose diary leaves out what is deleted."""
    room.excluding = True
    room.reopened()
    for number in (1, 2, 3):
        drop(room.root, f"{number}.jpg", photo(number))
    room.settle()
    return room


def scan_for(room: Room, days: float, every: float = HOUR) -> None:
    """Scans as time passes, and what the daemon does about what they find."""
    end = room.now + days * DAY
    while room.now < end:
        room.pass_time(min(every, end - room.now))
        look(room)


def look(room: Room) -> None:
    room.scan()
    while deciding.heed(room.ledger, BERLIN, room.now):
        pass


def row(room: Room, number: int) -> PhotoRow:
    found = photos.find(room.ledger, digest_of(photo(number)))
    assert found is not None
    return found


def out(room: Room) -> list[int]:
    return [number for number in (1, 2, 3) if row(room, number).reason == "deleted"]


def test_a_deleted_photo_is_out_after_a_week_and_back_when_its_file_is(full: Room) -> None:
    """Six days are too short, after seven it is left out with its reason, its copy stays; the file's return brings it back, and the week begins anew."""
    before = row(full, 1)
    (full.root / "1.jpg").unlink()
    look(full)
    scan_for(full, 6.9)
    assert out(full) == []
    scan_for(full, 0.2)
    assert out(full) == [1]
    left = row(full, 1)
    assert (left.stage, left.original) == (Stage.EXCLUDED, before.original)
    assert left.original is not None and full.archive.read(left.original) == photo(1)
    scan_for(full, 1)
    assert [v.kind for v in lives.of(full.ledger, left).decisions] == [verdicts.DELETED], "said once"
    drop(full.root, "1.jpg", photo(1))
    full.settle()
    look(full)
    assert (row(full, 1).stage, row(full, 1).reason) == (Stage.RECEIVED, None)
    assert [v.kind for v in lives.of(full.ledger, left).decisions] == [verdicts.DELETED, verdicts.RETURNED]
    (full.root / "1.jpg").unlink()
    look(full)
    scan_for(full, 6.9)
    assert out(full) == []
    scan_for(full, 0.2)
    assert out(full) == [1]


def test_by_default_nothing_becomes_of_it(full: Room) -> None:
    """`keep` leaves every photo where it is; a diary that is set back to it gets back what was left out."""
    (full.root / "1.jpg").unlink()
    scan_for(full, 8)
    assert out(full) == [1]
    full.excluding = False
    full.reopened()
    look(full)
    assert (row(full, 1).stage, absence.gone_files(full.ledger)) == (Stage.RECEIVED, {})
    (full.root / "2.jpg").unlink()
    scan_for(full, 30)
    assert out(full) == []


def test_moved_renamed_and_doubled_files_are_not_gone(full: Room) -> None:
    """A photo is gone only when none of its names is left."""
    (full.root / "2024").mkdir()
    (full.root / "1.jpg").rename(full.root / "2024/new name.jpg")
    os.link(full.root / "2.jpg", full.root / "copy.jpg")
    full.settle()
    (full.root / "2.jpg").unlink()
    scan_for(full, 10)
    assert out(full) == []
    (full.root / "2024/new name.jpg").unlink()
    scan_for(full, 8)
    assert out(full) == [1]


def test_all_of_them_moved_at_once_and_one_deleted_later(full: Room) -> None:
    """When every file changes its place nothing is gone, and what is deleted from the new place is."""
    (full.root / "2024").mkdir()
    for number in (1, 2, 3):
        (full.root / f"{number}.jpg").rename(full.root / f"2024/{number}.jpg")
    full.settle()
    scan_for(full, 8)
    assert out(full) == []
    (full.root / "2024/1.jpg").unlink()
    scan_for(full, 8)
    assert out(full) == [1]


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("stranger", [False, True])
def test_an_inbox_that_is_away_counts_for_nothing(full: Room, stranger: bool, restarted: bool) -> None:
    """Weeks without the inbox, even with a new photo lying in the empty folder, leave nothing out; back, the week of what is missing begins."""
    (full.root / "1.jpg").unlink()
    scan_for(full, 5)
    aside = full.root.with_name("aside")
    full.root.rename(aside)
    full.root.mkdir()
    look(full)
    if stranger:
        drop(full.root, "4.jpg", photo(4))
        full.settle()
    if restarted:
        full.reopened()
    scan_for(full, 20)
    assert out(full) == []
    shutil.rmtree(full.root)
    aside.rename(full.root)
    look(full)
    scan_for(full, 6.9)
    assert out(full) == []
    scan_for(full, 0.2)
    assert out(full) == [1]
    assert photos.total(full.ledger) == 3 + stranger


def test_neither_a_clock_that_jumps_nor_a_service_that_was_off_makes_a_week(full: Room) -> None:
    """A year ahead and back, and a month without any scan, count as a day each at most."""
    (full.root / "1.jpg").unlink()
    look(full)
    full.now += 365 * DAY
    look(full)
    assert out(full) == []
    full.now -= 365 * DAY
    look(full)
    full.now += 30 * DAY
    full.reopened()
    look(full)
    scan_for(full, 4.5)
    assert out(full) == []
    scan_for(full, 3)
    assert out(full) == [1]


def test_what_is_only_ignored_or_refused_is_not_gone(full: Room) -> None:
    """A new glob in the configuration deletes nothing."""
    full.inbox = Inbox(full.root, InboxConfig(ignore=("1.*",)), full.intake, excluding=True)
    scan_for(full, 10)
    assert out(full) == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_person_who_put_it_back_has_the_last_word(full: Room, when: str) -> None:
    """Restored, before or after it was left out, it stays in the film however long its file is gone; excluded, no return brings it back."""
    (full.root / "1.jpg").unlink()
    (full.root / "2.jpg").unlink()
    if when == "after":
        scan_for(full, 8)
        assert out(full) == [1, 2]
    deciding.decide(full.ledger, [row(full, 1)], verdicts.RESTORED, None, full.now)
    deciding.decide(full.ledger, [row(full, 2)], verdicts.EXCLUDED, None, full.now)
    scan_for(full, 10)
    assert (row(full, 1).stage, row(full, 2).reason) == (Stage.RECEIVED, "excluded")
    drop(full.root, "2.jpg", photo(2))
    full.settle()
    look(full)
    assert (row(full, 2).stage, row(full, 2).reason) == (Stage.EXCLUDED, "excluded")


def test_imported_photos_have_nothing_to_be_deleted_from(full: Room) -> None:
    """A photo that never was in the inbox stays."""
    beside = full.root.with_name("old.jpg")
    beside.write_bytes(photo(9))
    full.intake.take(os.fsencode(beside), b"old.jpg", now=full.now, live=False, trusting=True)
    beside.unlink()
    scan_for(full, 10)
    assert row(full, 9).stage is Stage.RECEIVED


def test_what_comes_back_while_it_is_being_left_out_stays(full: Room) -> None:
    """The wish to leave out is acted on as things stand then."""
    (full.root / "1.jpg").unlink()
    end = full.now + 8 * DAY
    while full.now < end:
        full.pass_time(HOUR)
        full.scan()  # nobody acts on it
    drop(full.root, "1.jpg", photo(1))
    full.settle()
    look(full)
    assert row(full, 1).stage is Stage.RECEIVED
