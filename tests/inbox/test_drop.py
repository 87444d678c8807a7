from __future__ import annotations

import os

import pytest
from tests.inbox.conftest import Room
from tests.support.dots import photo

from photodiary.archive import drop as shelf
from photodiary.archive import layout
from photodiary.archive.drop import Dropping, lying
from photodiary.diary.photo import Stage, digest_of
from photodiary.errors import StorageTrouble, WorkerLost
from photodiary.inbox.drop import Drop
from photodiary.inbox.intake import Intake
from photodiary.ledger import forgetting, photos, quarantine

GOOD = photo(0)


@pytest.fixture
def drop(room: Room) -> Drop:
    return Drop(room.archive, room.intake)


def send(room: Room, data: bytes, name: str = "IMG_1.jpg") -> None:
    dropping = Dropping(room.archive, name)
    dropping.write(data)
    dropping.keep()
    dropping.discard()


def work(drop: Drop, now: float) -> int:
    steps = 0
    while drop.step(now):
        steps += 1
        assert steps < 100
    return steps


def lie(room: Room) -> int:
    return len(list(lying(room.archive)))


def test_what_came_in_is_taken_in_and_gone(room: Room, drop: Drop) -> None:
    """A photo in the drop folder is taken in at once, under the name it was sent with, and its file goes when its copy is in the archive."""
    send(room, GOOD)
    assert not drop.quiet(room.now) and work(drop, room.now) == 1
    ((row, names),) = room.rows()
    assert names == [b"IMG_1.jpg"] and row.stage is Stage.RECEIVED and row.taken is not None and row.taken.source == "exif"
    assert row.original is not None and room.archive.read(row.original) == GOOD
    assert lie(room) == 0 and drop.quiet(room.now) and not drop.step(room.now)


def test_what_is_known_already_is_gone_too(room: Room, drop: Drop) -> None:
    """The same photo sent twice is one photo."""
    send(room, GOOD)
    send(room, GOOD, "again.jpg")
    work(drop, room.now)
    assert [names for _, names in room.rows()] == [[b"IMG_1.jpg", b"again.jpg"]] and lie(room) == 0


@pytest.mark.parametrize("moment", ["before the copy", "before the row", "before the file goes"])
def test_a_crash_at_any_moment_loses_nothing(room: Room, drop: Drop, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    """Whenever it breaks off, the next start finds the photo again and takes it in once."""

    class Crash(BaseException):
        pass

    def crash(*_: object, **__: object) -> None:
        raise Crash

    send(room, GOOD)
    with monkeypatch.context() as broken:
        if moment == "before the copy":
            broken.setattr("photodiary.archive.store.Archive.publish", crash)
        elif moment == "before the row":
            broken.setattr(photos, "insert_or_name", crash)
        else:
            broken.setattr(shelf, "taken_in", crash)
        with pytest.raises(Crash):
            drop.step(room.now)
    assert lie(room) == 1
    assert work(Drop(room.archive, room.intake), room.now) == 1
    ((row, _),) = room.rows()
    assert row.original is not None and room.archive.read(row.original) == GOOD and lie(room) == 0


def test_a_full_disk_leaves_it_where_it_is(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without room for its copy a photo waits in the drop folder."""

    def full(size: int) -> None:
        raise StorageTrouble("the disk is full")

    send(room, GOOD)
    intake = Intake(**{**{name: getattr(room.intake, name) for name in Intake.__dataclass_fields__}, "room_for": full})
    with pytest.raises(StorageTrouble):
        Drop(room.archive, intake).step(room.now)
    assert lie(room) == 1 and room.rows() == []


def test_no_file_goes_whose_copy_is_not_there(room: Room, drop: Drop) -> None:
    """Though the ledger knows a photo, its file stays while the archive's copy is missing."""
    send(room, GOOD)
    work(drop, room.now)
    ((row, _),) = room.rows()
    assert row.original is not None
    (room.archive.root / row.original).unlink()
    send(room, GOOD)
    assert work(drop, room.now) == 1 and lie(room) == 1
    assert 0 < drop.wait_s(room.now) <= 10 and drop.quiet(room.now)


def test_what_cannot_be_read_stays_and_can_be_tried_again(room: Room, drop: Drop) -> None:
    """A file that is no photo is quarantined with its reason and stays; wished for, it is tried again, and a restart tries it once more too."""
    send(room, b"no photo at all " * 20, "letter.jpg")
    assert work(drop, room.now) == 1
    ((row, names),) = room.rows()
    assert row.stage is Stage.QUARANTINED and row.reason == "not_a_photo" and names == [b"letter.jpg"] and lie(room) == 1 and drop.quiet(room.now)
    quarantine.wish(room.ledger, [row.sha256], room.now)
    assert quarantine.release(room.ledger, room.now) == []
    drop.read_anew()
    assert work(drop, room.now) == 1 and lie(room) == 1
    assert work(Drop(room.archive, room.intake), room.now) == 1 and len(room.rows()) == 1


def test_what_kills_its_reader_twice_is_left_alone(room: Room, drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A photo over which two readers died is quarantined; those behind it are taken in meanwhile."""
    bad = digest_of(photo(1))
    inspect = room.intake.darkroom.inspect

    def deadly(digest: str, data: bytes) -> object:
        if digest == bad:
            raise WorkerLost("the worker that reads photos died over this one")
        return inspect(digest, data)  # type: ignore[arg-type]

    monkeypatch.setattr(room.intake.darkroom, "inspect", deadly)
    send(room, photo(1), "bad.jpg")
    send(room, GOOD)
    assert work(drop, room.now) == 2 and lie(room) == 1
    assert drop.wait_s(room.now) == 10
    room.pass_time(11)
    assert work(drop, room.now) == 1
    found = {names[0]: row for row, names in room.rows()}
    assert found[b"bad.jpg"].reason == "crashed_reader" and found[b"IMG_1.jpg"].stage is Stage.RECEIVED


def test_a_truncated_one_is_quarantined_after_a_day(room: Room, drop: Drop) -> None:
    """Nothing more of a photo that was sent cut short will come: it waits no longer than one in an inbox does."""
    send(room, GOOD[: len(GOOD) // 2])
    assert work(drop, room.now) == 1 and room.rows() == []
    for _ in range(30):
        room.pass_time(6 * 3600)
        work(drop, room.now)
    ((row, _),) = room.rows()
    assert row.stage is Stage.QUARANTINED and row.reason == "truncated" and lie(room) == 1


def test_a_forgotten_one_does_not_come_back(room: Room, drop: Drop) -> None:
    """A photo that was forgotten is not taken in, and not kept in the drop folder either."""
    forgetting.wish(room.ledger, [digest_of(GOOD)], room.now)
    send(room, GOOD)
    assert work(drop, room.now) == 1 and room.rows() == [] and os.listdir(room.archive.root / layout.DROP) == []


def test_a_surprise_over_one_does_not_stop_the_others(room: Room, drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unexpected error over one file is waited out; the next one is taken in."""
    bad = digest_of(photo(1))
    inspect = room.intake.darkroom.inspect
    monkeypatch.setattr(
        room.intake.darkroom, "inspect", lambda digest, data: 1 / 0 if digest == bad else inspect(digest, data)
    )  # fmt: skip
    send(room, photo(1))
    send(room, GOOD)
    assert work(drop, room.now) == 2 and len(room.rows()) == 1 and lie(room) == 1
