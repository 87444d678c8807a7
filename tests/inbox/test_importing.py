"""Imports of photos that are named one by one: their names and dates come along, and what was brought is not read again."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.support.dots import eyes_of, jpeg, photo, picture

from photodiary.diary.photo import Stage, digest_of
from photodiary.inbox import files, importing
from photodiary.inbox.importing import Importing
from photodiary.ledger import brought, deciding, photos, verdicts, wishes

from .conftest import Room


def carry_out(room: Room, details: dict[str, Any], *, steps: int = 10_000, made_at: float | None = None) -> dict[str, Any]:
    """The wish's outcome, or what there is of it after so many steps."""
    wish = wishes.make(room.ledger, "import", details, room.now if made_at is None else made_at)
    job = Importing(room.intake, ())
    while steps and job.step(room.now):
        steps -= 1
    while deciding.heed(room.ledger, room.intake.zone, room.now):
        pass
    return wishes.get(room.ledger, wish).outcome or {}


def undated(number: int) -> bytes:
    return jpeg(picture(eyes_of(number), seed=number), None)


def item(path: Path, data: bytes, **said: Any) -> dict[str, Any]:
    path.write_bytes(data)
    return {"path": str(path), "name": f"Album/{path.name}", "taken": None, "offset_s": None, "taken_from": None, "item": path.name, "stamp": "1", **said}


def reads(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Every file that is read from now on."""
    real, read = files.read, list[bytes]()

    def reading(path: bytes, most: float) -> Any:
        read.append(os.path.basename(path))
        return real(path, most)

    monkeypatch.setattr(files, "read", reading)
    return read


def test_names_and_dates_come_along(room: Room, tmp_path: Path) -> None:
    """A photo without a date has the one that is told, with its offset; one with a date keeps it, unless the two are over 26 hours apart."""
    told = {"taken": "2023-03-02T10:00:00", "offset_s": 3600, "taken_from": "takeout"}
    near = {"taken": "2024-03-03T10:00:00", "offset_s": None, "taken_from": "immich"}
    outcome = carry_out(room, {"source": "x", "items": [
        item(tmp_path / "a.jpg", undated(1), **told), item(tmp_path / "b.jpg", photo(2), **told), item(tmp_path / "c.jpg", photo(3), **near),
        item(tmp_path / "IMG_20200101_101010.jpg", undated(4), **told), item(tmp_path / "d.jpg", undated(5)),
        item(tmp_path / "e.jpg", undated(6), taken="no date", taken_from="takeout"),
    ]})  # fmt: skip
    dated = {names[0]: None if row.taken is None else (row.taken.isoformat(), row.taken.source) for row, names in room.rows()}
    told_so = ("2023-03-02T10:00:00+01:00", "takeout")
    assert dated == {
        b"Album/a.jpg": told_so, b"Album/b.jpg": told_so, b"Album/c.jpg": ("2024-03-04T08:30:00", "exif"),
        b"Album/IMG_20200101_101010.jpg": told_so, b"Album/d.jpg": None,
    }  # fmt: skip
    assert (outcome["new"], outcome["undated"], outcome["failed"], outcome["total"]) == (4, 1, 1, 6)
    assert [entry["file"] for entry in outcome["unreadable"]] == ["Album/e.jpg"]


def test_what_was_brought_is_not_read_again(room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second import reads nothing; a changed stamp, and `full`, read again; another source's items are its own."""
    items = [item(tmp_path / f"{number}.jpg", photo(number)) for number in range(3)]
    carry_out(room, {"source": "x", "items": items}, made_at=room.now - 1)
    read = reads(monkeypatch)
    outcome = carry_out(room, {"source": "x", "items": items}, made_at=room.now + 1)
    assert (read, outcome["known"], outcome["new"], len(outcome["sha256"])) == ([], 3, 0, 3)
    items[1]["stamp"] = "2"
    carry_out(room, {"source": "x", "items": items})
    assert read == [b"1.jpg"]
    carry_out(room, {"source": "x", "items": items, "full": True})
    assert read == [b"1.jpg", b"0.jpg", b"1.jpg", b"2.jpg"]
    carry_out(room, {"source": "y", "items": items[:1]})
    assert len(read) == 5


def test_a_restart_in_the_middle_goes_on(room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Begun again, the wish reads only what it had not brought, and its report counts each photo as what it was: new, though one came twice."""
    items = [item(tmp_path / f"{number}.jpg", photo(number)) for number in range(4)]
    items.append(item(tmp_path / "again.jpg", photo(0)))
    wish = wishes.make(room.ledger, "import", {"source": "x", "items": items}, room.now)
    first = Importing(room.intake, ())
    first.step(room.now)
    first.step(room.now)
    (tmp_path / "0.jpg").unlink()
    read = reads(monkeypatch)
    again = Importing(room.intake, ())
    while again.step(room.now):
        pass
    outcome = wishes.get(room.ledger, wish).outcome
    assert outcome is not None
    assert (outcome["new"], outcome["known"], outcome["failed"], read) == (4, 1, 0, [b"2.jpg", b"3.jpg", b"again.jpg"])


def test_a_folder_is_not_read_a_second_time(room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders are known by size and time of their files: only what changed there is read again."""
    folder = tmp_path / "old"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.jpg").write_bytes(photo(number))
    carry_out(room, {"paths": [str(folder)]})
    read = reads(monkeypatch)
    os.utime(folder / "1.jpg", ns=(1, 1))
    (folder / "3.jpg").write_bytes(photo(3))
    outcome = carry_out(room, {"paths": [str(folder)]}, made_at=room.now + 1)
    assert (read, outcome["known"]) == ([b"1.jpg", b"3.jpg"], 3)


def test_a_date_told_later_reaches_a_photo_that_is_there(room: Room, tmp_path: Path) -> None:
    """An undated photo is dated and goes on; one dated by its name follows what is told; a camera's date and a person's word stay."""
    wall = datetime(2021, 2, 3, 4, 5)
    for name, data in (("a.jpg", undated(1)), ("2020-01-01.jpg", undated(2)), ("b.jpg", photo(3)), ("c.jpg", undated(4))):
        (room.root / name).write_bytes(data)
    room.settle()
    person = photos.find(room.ledger, digest_of(undated(4)))
    assert person is not None
    deciding.decide(room.ledger, [person], verdicts.REDATED, wall, room.now)
    told = {"taken": "2023-03-02T10:00:00", "offset_s": None, "taken_from": "takeout"}
    close = {**told, "taken": "2024-03-04T23:00:00"}
    room.pass_time(60)
    carry_out(room, {"source": "x", "items": [
        item(tmp_path / "1", undated(1), **told), item(tmp_path / "2", undated(2), **told), item(tmp_path / "3", photo(3), **close),
        item(tmp_path / "4", undated(4), **told),
    ]})  # fmt: skip
    dated = {names[0]: (row.stage, row.taken and (row.taken.wall, row.taken.source)) for row, names in room.rows()}
    assert dated == {
        b"a.jpg": (Stage.RECEIVED, (datetime(2023, 3, 2, 10), "takeout")), b"2020-01-01.jpg": (Stage.RECEIVED, (datetime(2023, 3, 2, 10), "takeout")),
        b"b.jpg": (Stage.RECEIVED, (datetime(2024, 3, 4, 8, 30), "exif")), b"c.jpg": (Stage.RECEIVED, (wall, "person")),
    }  # fmt: skip


def test_what_could_not_be_read_is_tried_again(room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that was no photo is no item that was brought."""
    items = [item(tmp_path / "a.jpg", b"no photo " * 99)]
    assert carry_out(room, {"source": "x", "items": items})["quarantined"] == 1
    read = reads(monkeypatch)
    carry_out(room, {"source": "x", "items": items})
    assert read == [b"a.jpg"] and brought.known(room.ledger, "x") == {}


def test_an_import_of_which_more_follows_stays_open_until_it_does(room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that nothing is decided between two parts of one import; who promises more and does not come is not waited for long."""
    job = Importing(room.intake, ())
    first = wishes.make(room.ledger, "import", {"source": "x", "items": [item(tmp_path / "a.jpg", photo(1))], "more": True}, room.now)
    assert job.step(room.now)
    assert not job.step(room.now) and wishes.get(room.ledger, first).outcome is None
    assert wishes.get(room.ledger, first).progress == {"done": 1, "total": 1}
    second = wishes.make(room.ledger, "import", {"source": "x", "items": [item(tmp_path / "b.jpg", photo(2))], "more": True}, room.now)
    while job.step(room.now):
        pass
    assert (wishes.get(room.ledger, first).outcome or {})["new"] == 1 and wishes.get(room.ledger, second).outcome is None
    monkeypatch.setattr(importing, "MORE_WITHIN_S", 0.0)
    assert job.step(room.now) and (wishes.get(room.ledger, second).outcome or {})["new"] == 1


def test_a_name_that_is_no_text_is_brought_once(room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Old photos have names of other alphabets: such a one is taken in, known under its bytes, and not read again."""
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / os.fsdecode(b"caf\xe9.jpg")).write_bytes(photo(1))
    assert carry_out(room, {"paths": [str(tmp_path / "old")]}, made_at=room.now - 1)["new"] == 1
    assert [names for _, names in room.rows()] == [[b"caf\xe9.jpg"]]
    read = reads(monkeypatch)
    assert (carry_out(room, {"paths": [str(tmp_path / "old")]}, made_at=room.now + 1)["known"], read) == (1, [])


@pytest.mark.parametrize("told", ["0001-01-01T00:00:00", "1970-01-02T00:00:00", "9999-12-31T23:59:59"])
def test_a_date_that_no_photo_has_is_not_believed(room: Room, tmp_path: Path, told: str) -> None:
    """Neither for a photo that comes in, nor for one that is known already; and no date, however far away, stops what acts on it."""
    says = {"taken": told, "offset_s": None, "taken_from": "immich"}
    carry_out(room, {"source": "x", "items": [item(tmp_path / "a.jpg", undated(1), **says), item(tmp_path / "b.jpg", photo(2), **says)]})
    carry_out(room, {"source": "y", "items": [item(tmp_path / "c.jpg", undated(1), **says), item(tmp_path / "d.jpg", photo(2), **says)]})
    dates = {names[0]: (row.stage, row.taken and row.taken.source) for row, names in room.rows()}
    assert dates == {b"Album/a.jpg": (Stage.UNDATED, None), b"Album/b.jpg": (Stage.RECEIVED, "exif")}


def test_what_nobody_foresaw_costs_one_photo(room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The import goes on to its end, and says which one it was: a wish that stops whoever carries it out would stop it at every start."""
    real = type(room.archive).publish

    def publish(archive: object, path: str, data: bytes) -> None:
        if data == photo(1):
            raise RuntimeError("nobody foresaw this")
        real(room.archive, path, data)

    monkeypatch.setattr(type(room.archive), "publish", publish)
    outcome = carry_out(room, {"source": "x", "items": [item(tmp_path / f"{number}.jpg", photo(number)) for number in range(3)]})
    assert (outcome["new"], outcome["failed"], [entry["file"] for entry in outcome["unreadable"]]) == (2, 1, ["Album/1.jpg"])
