"""Originals that no row names are taken in by themselves, and nothing else in originals/ is touched or told of."""

from __future__ import annotations

from dataclasses import replace

import pytest
from structlog.testing import capture_logs
from tests.support.dots import drop, photo

from photodiary.archive import layout
from photodiary.diary.photo import Stage, digest_of
from photodiary.errors import StorageTrouble, Unreadable
from photodiary.inbox.strays import Strays
from photodiary.ledger import forgetting, photos

from .conftest import Room

LEFT, KNOWN = photo(1), photo(2)
TAKEN = "2024/2024-03-02_08-30-00"


def lay(room: Room, data: bytes, dated: str = TAKEN, digits: str | None = None) -> str:
    """A file in originals/ as intake names it, without a row; its path below the archive."""
    file = f"originals/{dated}_{digits or digest_of(data)[: layout.DIGITS]}.jpg"
    room.archive.publish(file, data)
    return file


def started(room: Room) -> list[str]:
    """What is told when everything is brought in after a start."""
    strays = Strays(room.intake)
    assert strays.waiting
    with capture_logs() as told:
        for _ in range(10):
            if not strays.step(room.now):
                break
    assert not strays.waiting and not strays.step(room.now)
    return [line["event"] for line in told]


def test_a_copy_without_a_row_is_taken_in_as_its_photo(room: Room) -> None:
    """It gets its row with the date that the photo tells, its file stays where it is, and the next start has nothing to do or say."""
    file = lay(room, LEFT)
    (told,) = started(room)
    assert file in told and "it is in the diary now" in told
    ((row, _),) = room.rows()
    assert (row.sha256, row.original, row.stage) == (digest_of(LEFT), file, Stage.RECEIVED)
    assert row.taken is not None and row.taken.source == "exif" and room.archive.read(file) == LEFT
    assert started(room) == []


def test_the_second_copy_goes_only_where_the_first_is_whole(room: Room) -> None:
    """The same bytes under another date are removed once both were read; while the first is damaged the second stays."""
    drop(room.root, "a.jpg", KNOWN)
    room.settle()
    original = str(room.rows()[0][0].original)
    twin = lay(room, KNOWN, "undated/undated")
    (room.archive.root / original).write_bytes(b"damaged")
    assert started(room) == [] and room.archive.read(twin) == KNOWN
    (room.archive.root / original).write_bytes(KNOWN)
    (told,) = started(room)
    assert original in told and sorted(room.archive.originals()) == [original]
    assert [names for _, names in room.rows()] == [[b"a.jpg"]]


def test_what_is_not_ours_or_not_to_be_read_is_left_alone_in_silence(room: Room) -> None:
    """A note, a photo that a person laid there, a damaged copy and one of a photo that was set aside stay as they are, untold, start after start."""
    note, laid = "originals/notes.txt", "originals/2024/found.jpg"
    room.archive.publish(note, b"dear diary")
    room.archive.publish(laid, LEFT)
    damaged = lay(room, LEFT[:-500], digits=digest_of(LEFT)[: layout.DIGITS])
    room.intake.quarantine(digest_of(KNOWN), len(KNOWN), b"a.jpg", "crashed_reader", "two readers died over it", room.now)
    deadly = lay(room, KNOWN)
    for _ in range(2):
        assert started(room) == []
        assert sorted(room.archive.originals()) == sorted([note, laid, damaged, deadly])
        assert [(row.sha256, row.stage) for row, _ in room.rows()] == [(digest_of(KNOWN), Stage.QUARANTINED)]


def test_a_forgotten_photo_does_not_come_back(room: Room) -> None:
    """A copy of a photo that a person had forgotten goes; no row comes of it."""
    forgetting.wish(room.ledger, [digest_of(LEFT)], room.now)
    lay(room, LEFT)
    assert started(room) == []
    assert room.rows() == [] and list(room.archive.originals()) == []


def test_trouble_with_the_disk_tries_it_again_and_with_the_photo_goes_on(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the row cannot be written the same file has its turn again; where the photo cannot be read it is told once and the others come in."""
    first, second = lay(room, LEFT), lay(room, KNOWN, "2024/2024-03-03_08-30-00")
    strays = Strays(room.intake)
    with monkeypatch.context() as full:

        def refuse(*arguments: object) -> bool:
            raise StorageTrouble("the disk is full")

        full.setattr(photos, "insert_or_name", refuse)
        for _ in range(2):
            with pytest.raises(StorageTrouble):
                strays.step(room.now)
    assert strays.waiting and room.rows() == []

    def inspect(digest: str, data: bytes) -> object:
        if data == LEFT:
            raise Unreadable("damaged", "no reader understands it")
        return room.intake.darkroom.inspect(digest_of(data), data)

    odd = Strays(replace(room.intake, darkroom=type("Odd", (), {"inspect": staticmethod(inspect)})()))
    with capture_logs() as told:
        while odd.step(room.now):
            pass
    assert sorted(line["event"].split(" ")[0] for line in told) == sorted([first, second]) and any("no reader understands it" in line["event"] for line in told)
    assert [row.original for row, _ in room.rows()] == [second] and room.archive.read(first) == LEFT


def test_names_of_originals_are_told_from_others() -> None:
    """The digits come out of every name that an original can get, and of nothing else."""
    import datetime

    digest = digest_of(LEFT)
    for wall in (None, datetime.datetime(2024, 3, 2, 8, 30)):
        for format in layout.EXTENSIONS:
            assert layout.digits_of(layout.original(digest, wall, format)) == digest[: layout.DIGITS]
    for other in ("originals/2024/found.jpg", f"frames/{TAKEN}_{digest[:16]}.jpg", f"originals/{TAKEN}_{digest[:16]}.jpg.tmp", f"originals/{digest[:16]}.jpg"):
        assert layout.digits_of(other) is None
