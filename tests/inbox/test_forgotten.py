"""What a person decided holds against the inbox: a forgotten photo is ignored, one that could not be read is tried again when asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.dots import drop, photo

from photodiary.diary.photo import Stage, digest_of
from photodiary.errors import Unreadable
from photodiary.inbox.importing import Importing
from photodiary.ledger import forgetting, photos, quarantine, wishes

from .conftest import Room


def forget(room: Room, data: bytes) -> None:
    digest = digest_of(data)
    forgetting.wish(room.ledger, [digest], room.now)
    forgetting.take_out(room.ledger, digest)
    room.archive.erase(digest)
    forgetting.erased(room.ledger, digest, room.now)
    forgetting.wipe(room.ledger, [digest], room.now)


def test_a_forgotten_photo_in_the_inbox_is_ignored_and_counted(room: Room) -> None:
    """After a restart, under another name, and with another file time too, no row, name or file comes of it; status counts it."""
    drop(room.root, "a.jpg", photo(1))
    drop(room.root, "b.jpg", photo(2))
    room.settle()
    forget(room, photo(1))
    room.reopened()
    drop(room.root, "again.jpg", photo(1))
    room.settle()
    room.scan()
    assert [(row.sha256, names) for row, names in room.rows()] == [(digest_of(photo(2)), [b"b.jpg"])]
    assert wishes.notes(room.ledger)["forgotten"] == 2
    assert sorted(room.archive.originals()) == [room.rows()[0][0].original]
    (room.root / "again.jpg").unlink()
    room.scan()
    assert wishes.notes(room.ledger)["forgotten"] == 1


def test_a_forgotten_photo_is_ignored_by_an_import_and_counted(room: Room, tmp_path: Path) -> None:
    """An import says how many of its files were forgotten photos, and takes in the others."""
    drop(room.root, "a.jpg", photo(1))
    room.settle()
    forget(room, photo(1))
    backlog = tmp_path / "old"
    backlog.mkdir()
    for number in (1, 3):
        (backlog / f"{number}.jpg").write_bytes(photo(number))
    wish = wishes.make(room.ledger, "import", {"paths": [str(backlog)]}, room.now)
    importing = Importing(room.intake, ())
    while importing.step(room.now):
        pass
    outcome = wishes.get(room.ledger, wish).outcome
    assert outcome is not None and (outcome["new"], outcome["forgotten"], outcome["known"]) == (1, 1, 0)
    assert [row.sha256 for row, _ in room.rows()] == [digest_of(photo(3))]


def test_what_is_no_photo_stays_forgotten_too(room: Room) -> None:
    """A file that could not be read and was forgotten is not listed again."""
    (room.root / "text.jpg").write_bytes(b"no photo at all " * 50)
    room.settle()
    forget(room, b"no photo at all " * 50)
    room.reopened()
    room.settle()
    assert room.rows() == []


def test_after_a_fix_what_could_not_be_read_is_taken_in(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """A photo of a kind that only a later version reads waits in quarantine and is in once it is retried; without that it is left alone."""

    def not_yet(*_: object) -> None:
        raise Unreadable("damaged", "of an unknown kind")

    drop(room.root, "a.jpg", photo(1))
    with monkeypatch.context() as before:
        before.setattr(type(room.intake.darkroom), "inspect", not_yet)
        room.settle()
    assert [row.stage for row, _ in room.rows()] == [Stage.QUARANTINED]
    room.reopened()
    room.settle()
    assert [row.stage for row, _ in room.rows()] == [Stage.QUARANTINED], "nobody asked"
    quarantine.wish(room.ledger, [digest_of(photo(1))], room.now)
    room.inbox.read_anew(quarantine.release(room.ledger, room.now) or [])
    room.settle()
    ((row, names),) = room.rows()
    assert (row.stage, row.reason, row.width, names) == (Stage.RECEIVED, None, 400, [b"a.jpg"])
    assert row.original is not None and (room.archive.root / row.original).read_bytes() == photo(1)
    assert photos.total(room.ledger) == 1


def test_a_retry_in_vain_changes_nothing(room: Room) -> None:
    """What still cannot be read stays one row in quarantine, and its file is not read again and again."""
    (room.root / "text.jpg").write_bytes(b"no photo at all " * 50)
    room.settle()
    before = room.rows()
    quarantine.wish(room.ledger, [before[0][0].sha256], room.now)
    room.inbox.read_anew(quarantine.release(room.ledger, room.now) or [])
    room.settle()
    assert room.rows() == before
    room.scan()
    assert room.work() == 0
