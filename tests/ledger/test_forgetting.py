"""Forgetting: after it no byte of the photo is in the database file, its log or its copies, and the photo does not come back."""

from __future__ import annotations

import sqlite3
import struct
import threading
import time
from datetime import datetime
from pathlib import Path

import pytest

from photodiary.diary.calendar import Taken
from photodiary.diary.eyes import EyePair, Point, Sighting
from photodiary.diary.photo import Digest, Stage, digest_of
from photodiary.errors import IllegalMove, StorageTrouble
from photodiary.ledger import arrivals, brought, deciding, forgetting, photos, tally, verdicts, wishes
from photodiary.ledger.arrivals import Stamp, Waiting
from photodiary.ledger.photos import NewPhoto, PhotoRow
from photodiary.ledger.store import FILE, Ledger

from .conftest import TakeIn

EYES = EyePair(Point(1234.5678, 1500.0), Point(1876.5432, 1500.0))
SECRET = b"Camera/secret_\xc3\xb6rtchen_%d.jpg"
WALL = datetime(2031, 7, 9, 8, 30, 17)
LOOK = b"the look of a face, 64 numbers".ljust(64, b"!")


def put(ledger: Ledger, number: int) -> PhotoRow:
    """A photo with everything that a diary can know of one."""
    digest = digest_of(b"secret %d" % number)
    name = SECRET % number
    new = NewPhoto(digest, 99, "jpeg", 3000, 4000, Taken(WALL, None, "exif"), WALL.timestamp(), f"originals/2031/x_{digest[:16]}.jpg", Stage.RECEIVED)
    photos.insert_or_name(ledger, new, name, 1.0)
    photos.insert_or_name(ledger, new, name + b" (copy)", 2.0)
    arrivals.remember(ledger, name, Stamp(1, 2, 3), digest)
    arrivals.hold(ledger, name, Waiting(Stamp(1, 2, 3), "it is cut short", 1.0, 1, 2.0))
    photo = photos.find(ledger, digest)
    assert photo is not None
    photos.append_sighting(ledger, photo, Sighting("net-1", EYES, 1.0), Stage.LOCATED, doubtful=False, reason=None, now=3.0, likeness=(LOOK, 4.0))
    photo = photos.find(ledger, digest)
    assert photo is not None
    deciding.decide(ledger, [photo], verdicts.REDATED, WALL, 4.0)
    deciding.heed(ledger, WALL.astimezone().tzinfo, 5.0)  # type: ignore[arg-type]
    brought.remember(ledger, digest, brought.Item("/home/me", name.decode(), "99:5"), Taken(WALL.replace(year=2029), None, "takeout"), 6.0)
    deciding.heed(ledger, WALL.astimezone().tzinfo, 6.0)  # type: ignore[arg-type]
    done = wishes.make(ledger, "import", {"paths": ["/home/me/" + name.decode()]}, 6.0)
    wishes.fulfil(ledger, done, {"new": 1, "unreadable": [{"file": "/home/me/" + name.decode(), "why": "once"}, {"file": "/other.jpg", "why": "x"}]}, 7.0)
    counted, key = tally.tally(ledger, "", "")  # with the days that lack a photo
    tally.keep(ledger, counted, key or [])
    wishes.note(ledger, last_error=f"/archive/frames/2031/2031-07-09_{digest[:16]}.jpg: cannot be read", kept=1)
    row = photos.find(ledger, digest)
    assert row is not None
    return row


def traces(folder: Path) -> set[str]:
    """What of the secret photos is in any file of the folder.  (SQLite keeps whole numbers as integers, in REAL columns too.)"""
    marks = {
        "name": b"secret_", "escaped name": "örtchen".encode("unicode-escape"), "date": b"2031-07-09", "look": LOOK[:20],
        "left eye": struct.pack(">d", EYES.left.x), "right eye": struct.pack(">d", EYES.right.x), "moment": struct.pack(">i", int(WALL.timestamp())),
    }  # fmt: skip
    everything = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    return {what for what, mark in marks.items() if mark in everything}


def forget(ledger: Ledger, *digests: Digest) -> int:
    number = forgetting.wish(ledger, digests, 10.0)
    while (digest := forgetting.to_erase(ledger)) is not None:
        forgetting.take_out(ledger, digest)
        forgetting.erased(ledger, digest, 11.0)
    forgetting.wipe(ledger, forgetting.to_wipe(ledger), 12.0)
    return number


def test_no_byte_of_a_forgotten_photo_is_left_in_the_database(ledger: Ledger, take_in: TakeIn, tmp_path: Path) -> None:
    """Names, dates, eyes, looks, decisions and what was said about its files are gone from every file; other photos stay as they were."""
    others = [take_in(number) for number in range(300)]  # so that pages were split and cells moved about
    secret = [put(ledger, number) for number in range(40)]
    others += [take_in(number) for number in range(300, 500)]
    assert traces(tmp_path) >= {"name", "date", "look", "left eye", "right eye", "moment"}
    number = forget(ledger, *(photo.sha256 for photo in secret))
    assert traces(tmp_path) == set()
    assert (tmp_path / f"{FILE}-wal").stat().st_size < 100_000
    assert wishes.get(ledger, number).outcome == {"photos": 40}
    assert sorted((photo for photo, _ in photos.everything(ledger)), key=lambda photo: photo.id) == others
    assert wishes.notes(ledger) == {"kept": 1}
    assert not forgetting.to_wipe(ledger) and forgetting.to_erase(ledger) is None
    with ledger.read() as db:
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []


def test_what_was_imported_beside_it_is_still_told(ledger: Ledger) -> None:
    """Of an import's report only the forgotten photo's lines go."""
    photo = put(ledger, 1)
    forget(ledger, photo.sha256)
    with ledger.read() as db:
        outcome = db.execute("SELECT outcome FROM wishes WHERE kind = 'import'").fetchone()[0]
    assert "/other.jpg" in outcome and "secret" not in outcome


def test_what_an_earlier_program_deleted_carelessly_goes_too(tmp_path: Path) -> None:
    """The name of a file that was held once, deleted without being overwritten, is gone after the next forgetting; from now on deleting overwrites."""
    Ledger(tmp_path).close()
    careless = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    careless.execute("PRAGMA secure_delete=OFF")
    careless.execute("INSERT INTO arrivals VALUES (?, 1, 2, 3, 'it is empty', 1.0, 1, 2.0, 0)", (SECRET % 1,))
    careless.execute("DELETE FROM arrivals")
    careless.close()
    assert traces(tmp_path) == {"name"}
    ledger = Ledger(tmp_path)
    with ledger.read() as db:
        assert db.execute("PRAGMA secure_delete").fetchone()[0] == 1
    forget(ledger, put(ledger, 1).sha256)
    assert traces(tmp_path) == set()
    ledger.close()


def test_copies_from_before_a_migration_go_too(ledger: Ledger, tmp_path: Path) -> None:
    """The database that was kept before an upgrade holds the photo as well, and is removed."""
    photo = put(ledger, 1)
    copy = sqlite3.connect(tmp_path / "ledger-before-3.sqlite3")
    with ledger.read() as db:
        db.backup(copy)
    copy.close()
    forget(ledger, photo.sha256)
    assert traces(tmp_path) == set()
    assert not list(tmp_path.glob("ledger-before-*"))


def test_a_forgotten_photo_does_not_come_back(ledger: Ledger) -> None:
    """Neither as a photo nor as a name, from the moment it was wished."""
    photo = put(ledger, 1)
    forgetting.wish(ledger, [photo.sha256], 9.0)
    again = NewPhoto(photo.sha256, 99, "jpeg", 3, 4, None, None, "originals/x.jpg", Stage.UNDATED)
    assert not photos.insert_or_name(ledger, again, b"new name.jpg", 10.0)
    assert b"new name.jpg" not in photos.names_of(ledger, photo)
    forget(ledger, photo.sha256)
    assert not photos.insert_or_name(ledger, again, b"new name.jpg", 13.0)
    assert photos.total(ledger) == 0 and forgetting.is_forgotten(ledger, photo.sha256)


def test_who_works_on_a_photo_that_is_forgotten_finds_it_moved(ledger: Ledger, take_in: TakeIn) -> None:
    """A prediction, a death and a quarantine of a photo that went meanwhile touch nothing, not even the photo that got its number."""
    held = take_in(1)
    forget(ledger, held.sha256)
    new = take_in(2)
    assert new.id == held.id, "SQLite gives the number out again"
    for late in (
        lambda: photos.append_sighting(ledger, held, Sighting("net-1", EYES, 1.0), Stage.LOCATED, doubtful=False, reason=None, now=1.0),
        lambda: photos.count_death(ledger, held),
        lambda: photos.quarantine(ledger, held, "damaged"),
    ):
        with pytest.raises(IllegalMove):
            late()
    assert photos.find(ledger, new.sha256) == new


@pytest.mark.parametrize("crash_at", ["take_out", "erased", "shred"])
def test_forgetting_is_taken_up_again_after_a_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crash_at: str) -> None:
    """Wherever it was interrupted, forgetting goes on at the next start and ends the same."""
    ledger = Ledger(tmp_path)
    photo = put(ledger, 1)

    def crash(*_: object) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as broken:
        broken.setattr(*((Ledger, "shred") if crash_at == "shred" else (forgetting, crash_at)), crash)
        with pytest.raises(RuntimeError):
            forget(ledger, photo.sha256)
    ledger.close()
    again = Ledger(tmp_path)
    while (digest := forgetting.to_erase(again)) is not None:
        forgetting.take_out(again, digest)
        forgetting.erased(again, digest, 11.0)
    assert forgetting.to_wipe(again) == [photo.sha256]
    forgetting.wipe(again, forgetting.to_wipe(again), 12.0)
    with again.read() as db:
        assert db.execute("SELECT count(*) FROM wishes WHERE done_at IS NULL").fetchone()[0] == 0
    again.close()
    assert traces(tmp_path) == set()


def test_it_is_not_done_while_the_log_cannot_be_emptied(ledger: Ledger, tmp_path: Path) -> None:
    """While somebody reads an old state of the database the log keeps it: forgetting says so, and is done once they have gone."""
    photo = put(ledger, 1)
    with ledger.read() as db:
        db.execute("PRAGMA busy_timeout=300")
    reader = sqlite3.connect(tmp_path / FILE, isolation_level=None, check_same_thread=False)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM photos").fetchone()
    with pytest.raises(StorageTrouble, match="keeps reading|locked"):
        forget(ledger, photo.sha256)
    assert forgetting.to_wipe(ledger) == [photo.sha256]
    with ledger.read() as db:
        db.execute("PRAGMA busy_timeout=20000")

    def leave() -> None:
        time.sleep(0.5)
        reader.close()

    thread = threading.Thread(target=leave)
    thread.start()
    forgetting.wipe(ledger, forgetting.to_wipe(ledger), 12.0)
    thread.join()
    assert not forgetting.to_wipe(ledger)
    assert traces(tmp_path) == set()


def test_forgetting_what_is_not_there_is_done_at_once(ledger: Ledger) -> None:
    """A photo that is gone already, or was never there, leaves its digest only."""
    number = forget(ledger, Digest("ab" * 32))
    assert wishes.get(ledger, number).outcome == {"photos": 1}
    assert forgetting.is_forgotten(ledger, Digest("ab" * 32))
