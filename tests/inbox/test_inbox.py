from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from tests.inbox.conftest import Room
from tests.support.dots import jpeg, photo, picture

from photodiary.darkroom.darkroom import Inspection
from photodiary.diary.photo import Digest, Stage
from photodiary.errors import Held, StorageTrouble, WorkerLost
from photodiary.inbox import files, importing
from photodiary.inbox.importing import Importing, candidates
from photodiary.inbox.inbox import Nudge
from photodiary.ledger import wishes
from photodiary.ledger.arrivals import Stamp


def test_a_photo_is_taken_in_after_it_has_settled_and_never_twice(room: Room) -> None:
    """The scan finds it, five unchanged seconds later it is a row with a byte-identical copy, and further scans cost nothing."""
    data = photo(3)
    (room.root / "IMG.jpg").write_bytes(data)
    room.scan()
    assert room.work() == 0
    room.pass_time(4.9)
    assert room.work() == 0
    room.pass_time(0.2)
    assert room.work() == 1
    ((row, names),) = room.rows()
    assert (row.stage, names, row.width, row.height) == (Stage.RECEIVED, [b"IMG.jpg"], 400, 300)
    assert row.taken is not None
    assert row.taken.isoformat() == "2024-03-04T08:30:00"
    assert row.original is not None
    assert room.archive.read(row.original) == data
    room.settle()
    room.reopened()
    room.settle()
    assert len(room.rows()) == 1


def test_an_event_takes_a_whole_photo_at_once_and_leaves_a_growing_one_alone(room: Room) -> None:
    """A nudge may save the wait when the file shows by itself that it is whole; half a file waits, however often it nudges."""
    data = photo(1)
    (room.root / "whole.jpg").write_bytes(data)
    (room.root / "half.jpg").write_bytes(photo(2)[:5000])
    room.scan()
    room.work()
    assert len(room.rows()) == 0  # nothing but a scan saw them: they settle as usual
    for name in (b"whole.jpg", b"half.jpg"):
        room.inbox.notice(Nudge(name, renamed=False))
        room.inbox.notice(Nudge(name, renamed=False))
    room.work()
    assert [names for _, names in room.rows()] == [[b"whole.jpg"]]  # also where a scan saw it first, between the last byte and the event


def test_a_photo_that_syncthing_renames_and_then_dates_is_taken_in_at_once(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the time is set before it is read or while it is, the photo waits for nothing; one that only its time dates waits until that is sure."""

    def arrives(name: str, data: bytes) -> Path:
        file = room.root / name
        (beside := room.root.with_name("incoming")).write_bytes(data)
        beside.rename(file)
        room.inbox.notice(Nudge(name.encode(), renamed=True))
        return file

    hour_ago = (room.now - 3600, room.now - 3600)
    file = arrives("before.jpg", photo(1))
    stamp_of = room.inbox._stamp
    stamps = iter([stamp_of(b"before.jpg")])  # what the event found
    os.utime(file, hour_ago)
    monkeypatch.setattr(room.inbox, "_stamp", lambda path: next(stamps, None) or stamp_of(path))
    assert room.work() == 2
    file, read = arrives("meanwhile.jpg", photo(2)), files.read

    def dated_meanwhile(path: bytes, megabytes: float) -> tuple[bytes, Stamp, float]:
        monkeypatch.setattr(files, "read", read)
        os.utime(file, hour_ago)
        raise Held("it is still being written")

    monkeypatch.setattr(files, "read", dated_meanwhile)
    assert room.work() == 2
    assert sorted(names[0] for _, names in room.rows()) == [b"before.jpg", b"meanwhile.jpg"]
    os.utime(arrives("undated.jpg", jpeg(picture(None, seed=9), taken=None)), hour_ago)
    room.work()
    assert len(room.rows()) == 2
    room.pass_time(5)
    room.work()
    (row,) = [row for row, names in room.rows() if names == [b"undated.jpg"]]
    assert row.taken is not None and row.taken.utc(room.intake.zone).timestamp() == pytest.approx(hour_ago[0], abs=1)


def test_what_is_cut_short_is_held_with_growing_waits_and_quarantined_after_a_day(room: Room) -> None:
    """More bytes may come for a day; each try waits longer; then it is a row that says why, and the file is untouched."""
    cut = photo(1)[:6000]
    (room.root / "cut.jpg").write_bytes(cut)
    room.settle()
    waits, tries = [], 0
    for _ in range(60):
        if room.rows():
            break
        before = room.inbox._held[b"cut.jpg"]
        waits.append(before.next_try - room.now)
        room.pass_time(before.next_try - room.now + 0.01)
        room.scan()
        room.work()
        tries += 1
    assert waits == sorted(waits)
    assert waits[0] < 30
    assert 5 < tries < 20
    ((row, names),) = room.rows()
    assert (row.stage, row.reason, names, row.original) == (Stage.QUARANTINED, "truncated", [b"cut.jpg"], None)
    assert (room.root / "cut.jpg").read_bytes() == cut


def test_a_held_file_that_gets_its_rest_is_taken_in_and_the_wait_survives_a_restart(room: Room) -> None:
    """Held files are remembered across restarts, and a changed stamp tries them again after the usual wait."""
    data = photo(1)
    (room.root / "a.jpg").write_bytes(data[:6000])
    room.settle()
    assert b"a.jpg" in room.reopened()._held
    (room.root / "a.jpg").write_bytes(data)
    room.settle()
    assert [row.stage for row, _ in room.rows()] == [Stage.RECEIVED]
    assert room.reopened()._held == {}


def test_text_named_jpg_is_quarantined_and_a_tiff_too_by_its_content(room: Room) -> None:
    """The extension decides nothing, the first bytes do."""
    (room.root / "text.jpg").write_text("hello")
    (room.root / "tiff.jpg").write_bytes(b"II*\x00" + b"\0" * 500)
    (room.root / "photo.txt").write_bytes(photo(1))
    room.settle()
    assert sorted((names[0], str(row.stage)) for row, names in room.rows()) == [
        (b"photo.txt", "received"), (b"text.jpg", "quarantined"), (b"tiff.jpg", "quarantined"),
    ]  # fmt: skip


def test_a_missing_or_emptied_inbox_is_named_and_nothing_is_taken_for_deleted(room: Room) -> None:
    """An unmounted inbox degrades by name; when it is back, also on another device, known photos are known and new ones come in."""
    (room.root / "a.jpg").write_bytes(photo(1))
    room.settle()
    aside = room.root.with_name("aside")
    room.root.rename(aside)
    room.scan()
    assert room.inbox.problem is not None
    assert "cannot be read" in room.inbox.problem
    room.root.mkdir()
    room.scan()
    assert room.inbox.problem is not None
    assert "is empty though it held photos" in room.inbox.problem
    assert wishes.notes(room.ledger)["inbox_problem"] == room.inbox.problem
    shutil.copytree(aside, room.root, dirs_exist_ok=True)  # other inodes
    (room.root / "b.jpg").write_bytes(photo(2))
    room.settle()
    assert room.inbox.problem is None
    assert [row.stage for row, _ in room.rows()] == [Stage.RECEIVED] * 2


def test_the_files_time_dates_only_a_photo_that_arrived_live_within_two_days_of_it(room: Room, tmp_path: Path) -> None:
    """Without any other date a fresh file's time counts; an old one, or an imported one, is kept undated."""
    for name, age in (("fresh", 3600.0), ("stale", 3 * 86_400.0)):
        file = room.root / f"{name}.jpg"
        file.write_bytes(jpeg(picture(None, seed=ord(name[0])), taken=None))
        os.utime(file, (room.now - age, room.now - age))
    room.settle()
    backlog = tmp_path / "old.jpg"
    backlog.write_bytes(jpeg(picture(None, seed=50), taken=None))
    os.utime(backlog, (room.now - 60, room.now - 60))
    wish = wishes.make(room.ledger, "import", {"paths": [str(backlog)]}, room.now)
    job = Importing(room.intake, ())
    while job.step(room.now):
        pass
    outcome = wishes.get(room.ledger, wish).outcome
    assert outcome is not None
    assert outcome["undated"] == 1
    stages = {names[0]: row.stage for row, names in room.rows()}
    assert stages == {b"fresh.jpg": Stage.RECEIVED, b"stale.jpg": Stage.UNDATED, b"old.jpg": Stage.UNDATED}


def test_an_import_interrupted_half_way_begins_again_and_doubles_nothing(room: Room, tmp_path: Path) -> None:
    """The wish stays open until it is fulfilled; files of the first half are then known already."""
    folder = tmp_path / "old"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.jpg").write_bytes(photo(number))
    wish = wishes.make(room.ledger, "import", {"paths": [str(folder)]}, room.now)
    first = Importing(room.intake, ())
    first.step(room.now)
    first.step(room.now)
    again = Importing(room.intake, ())
    while again.step(room.now):
        pass
    outcome = wishes.get(room.ledger, wish).outcome
    assert outcome is not None
    assert (outcome["known"], outcome["new"], outcome["total"]) == (0, 4, 4), "what it had taken in before the restart is new all the same"
    assert len(room.rows()) == 4
    assert [found.name for found in candidates([str(folder), str(folder / "1.jpg")])] == [b"0.jpg", b"1.jpg", b"2.jpg", b"3.jpg", b"1.jpg"]


def test_the_inbox_is_never_written_to(room: Room) -> None:
    """After taking photos in, holding and quarantining others, names, bytes and times of the inbox are what they were."""
    for name, data in (("a.jpg", photo(1)), ("cut.jpg", photo(2)[:4000]), ("text.jpg", b"text")):
        (room.root / name).write_bytes(data)
    os.chmod(room.root, 0o555)

    def seen() -> list[tuple[str, bytes, int]]:
        return sorted((p.name, p.read_bytes(), p.stat().st_mtime_ns) for p in room.root.iterdir())

    before = seen(), room.root.stat().st_mtime_ns
    room.settle()
    assert (seen(), room.root.stat().st_mtime_ns) == before
    assert len(room.rows()) == 2
    os.chmod(room.root, 0o755)


def test_odd_inodes_and_times_do_not_stop_the_others(room: Room) -> None:
    """Some file systems hand out numbers beyond SQLite's; such a file is a photo like any other."""
    far = room.root / "far.jpg"
    far.write_bytes(photo(1))
    os.utime(far, ns=(13_600_000_000 * 10**9, 13_600_000_000 * 10**9))
    (room.root / "near.jpg").write_bytes(photo(2))
    room.settle()
    assert [row.stage for row, _ in room.rows()] == [Stage.RECEIVED] * 2
    room.reopened()
    room.scan()
    room.pass_time(6)
    assert room.work() == 0


def test_a_file_that_breaks_us_is_held_and_the_others_go_on(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that nobody foresaw costs that file a wait, not the queue behind it."""
    inspect = room.intake.darkroom.inspect

    def surprising(digest: Digest, data: bytes) -> Inspection:
        if data == photo(1):
            raise ZeroDivisionError
        return inspect(digest, data)

    monkeypatch.setattr(room.intake.darkroom, "inspect", surprising)
    for number in (1, 2, 3):
        (room.root / f"{number}.jpg").write_bytes(photo(number))
    room.settle()
    assert sorted(names[0] for _, names in room.rows()) == [b"2.jpg", b"3.jpg"]
    assert list(room.inbox._held) == [b"1.jpg"]


def test_only_a_second_death_sets_a_file_aside(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is set aside after the second worker that dies over it, and not before, whatever else it was held for between the two."""
    other = Held("it cannot be read: Input/output error")
    errors = [other, WorkerLost("died"), other, WorkerLost("took too long")]

    def failing(digest: Digest, data: bytes) -> Inspection:
        raise errors.pop(0)

    monkeypatch.setattr(room.intake.darkroom, "inspect", failing)
    (room.root / "1.jpg").write_bytes(photo(1))
    room.settle()
    for left in (2, 1, 0):
        assert (room.rows(), list(room.inbox._held)) == ([], [b"1.jpg"])
        room.reopened()  # a restart forgets nothing of it
        room.pass_time(3600)
        room.settle()
        assert len(errors) == left
    ((row, names),) = room.rows()
    assert (row.stage, row.reason, names) == (Stage.QUARANTINED, "crashed_reader", [b"1.jpg"])


def test_another_version_of_a_deadly_file_begins_anew(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """A death counts for the bytes that a worker died over, not for what comes under the same name later."""
    monkeypatch.setattr(room.intake.darkroom, "inspect", lambda digest, data: (_ for _ in ()).throw(WorkerLost("died")))
    for number in (1, 2):
        (room.root / "1.jpg").write_bytes(photo(number))
        room.settle()
        assert [held.deaths for held in room.inbox._held.values()] == [1]
        room.pass_time(3600)
    assert room.rows() == []


def test_trouble_with_the_disk_loses_no_file_of_an_import(room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk in the middle of an import: each file is tried again until something becomes of it."""
    folder = tmp_path / "old"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.jpg").write_bytes(photo(number))
    wish = wishes.make(room.ledger, "import", {"paths": [str(folder), str(tmp_path / "refused")]}, room.now)
    (tmp_path / "refused").mkdir()
    real, times = room.archive.publish, []

    def full(relative: str, data: bytes) -> None:
        times.append(relative)
        if len(times) % 2:
            raise StorageTrouble("the disk is full")
        real(relative, data)

    monkeypatch.setattr(room.archive, "publish", full)
    monkeypatch.setattr(importing, "candidates", lambda paths, globs: refusing(paths, globs))
    job, troubles = importing.Importing(room.intake, ()), 0
    while True:
        try:
            if not job.step(room.now):
                break
        except StorageTrouble:
            troubles += 1
    outcome = wishes.get(room.ledger, wish).outcome
    assert outcome is not None
    assert (outcome["new"], outcome["failed"], troubles) == (3, 0, 3)
    assert [entry["why"] for entry in outcome["unreadable"]] == ["the folder cannot be read: Permission denied"]


def refusing(paths: list[str], globs: tuple[str, ...]) -> list[importing.Candidate]:
    if "refused" in paths[0]:
        raise PermissionError(13, "Permission denied", paths[0])
    return candidates(paths, globs)


def test_a_folder_of_photos_that_is_moved_in_is_looked_at_soon(room: Room, tmp_path: Path) -> None:
    """The nudge names the folder only: a scan two seconds later finds what is in it, not the one a minute later."""
    room.scan()
    folder = tmp_path / "trip"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(photo(1))
    folder.rename(room.root / "trip")
    room.pass_time(3)
    assert not room.inbox.scan_due(room.clock)
    room.inbox.notice(Nudge(b"trip", renamed=False))
    room.work()
    assert room.inbox.scan_due(room.clock)
    room.settle()
    assert [names for _, names in room.rows()] == [[b"trip/a.jpg"]]
