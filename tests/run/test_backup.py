"""A backup holds what nothing else could bring back, may be refreshed, forgets what was forgotten, and becomes the same diary again."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from tests.support.daemon import Diary
from tests.support.dots import DotLocator, drop, photo

from photodiary.archive import copying as shelf
from photodiary.archive.store import Archive
from photodiary.diary.photo import Digest, Stage
from photodiary.errors import BadUsage, Busy, LedgerTrouble
from photodiary.ledger import deciding, forgetting, photos, reels, verdicts
from photodiary.ledger.store import FILE, Ledger
from photodiary.run import backup, once
from photodiary.settings import load

PHOTOS = 4


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A diary of four photos with their film."""
    diary = Diary(tmp_path_factory.mktemp("backup") / "me")
    for number in range(PHOTOS):
        drop(diary.inbox, f"IMG_{number}.jpg", photo(number))
    once.with_engine(load(diary.config), lambda config: DotLocator(), lambda engine: None, scan=True)
    return diary.folder


@pytest.fixture
def archive(healthy: Path, tmp_path: Path) -> Archive:
    shutil.copytree(healthy / "archive", tmp_path / "archive")
    return Archive(tmp_path / "archive")


@pytest.fixture
def empty(tmp_path: Path) -> Archive:
    made = Archive(tmp_path / "new")
    made.prepare()
    return made


def back_up(archive: Archive, folder: Path) -> backup.Copied:
    return backup.back_up(archive, folder, "me", lambda text: None)


def restore(archive: Archive, folder: Path, forgotten: set[Digest] | None = None) -> backup.Copied:
    return backup.restore(archive, folder, forgotten or set(), lambda text: None)


def tree(root: Path) -> dict[str, str]:
    """Every file with its SHA-256, without what SQLite keeps beside a database that was looked into."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.name.endswith(("-wal", "-shm"))
    }


def rows(archive: Archive | Path) -> list[photos.PhotoRow]:
    ledger = Ledger(archive if isinstance(archive, Path) else archive.root, writable=False)
    try:
        return [row for row, _ in photos.everything(ledger)]
    finally:
        ledger.close()


def forget(archive: Archive, number: int, *, erase: bool = True) -> photos.PhotoRow:
    """Wished for, and with `erase` its file is gone too."""
    row = rows(archive)[number]
    ledger = Ledger(archive.root)
    forgetting.wish(ledger, [row.sha256], time.time())
    ledger.close()
    if erase:
        archive.erase(row.sha256)
    return row


def test_a_backup_holds_originals_and_database_and_nothing_else(archive: Archive, tmp_path: Path) -> None:
    """Every original lies in it byte for byte beside a database in one file; frames and films do not; the archive is as it was."""
    before = tree(archive.root)
    made = back_up(archive, tmp_path / "b")
    assert tree(archive.root) == before and (made.photos, made.new, made.lost) == (PHOTOS, PHOTOS, [])
    found = tree(tmp_path / "b")
    assert set(found) == {FILE, "about.json"} | {str(row.original) for row in rows(archive)}
    assert all(found[str(row.original)] == row.sha256 for row in rows(archive))
    assert rows(tmp_path / "b") == rows(archive)
    assert {path.name for path in (tmp_path / "b").iterdir()} == {FILE, "originals", "about.json"}  # also after somebody looked into it


def test_a_second_backup_brings_only_what_is_new(archive: Archive, tmp_path: Path) -> None:
    """What is there already is not written again."""
    back_up(archive, tmp_path / "b")
    lost = next((tmp_path / "b/originals").rglob("*.jpg"))
    others = {path: path.stat().st_ino for path in (tmp_path / "b/originals").rglob("*.jpg") if path != lost}
    lost.unlink()
    assert back_up(archive, tmp_path / "b").new == 1 and lost.exists()
    assert {path: path.stat().st_ino for path in others} == others


def test_what_was_forgotten_leaves_an_earlier_backup(archive: Archive, tmp_path: Path) -> None:
    """A refreshed backup holds no file and no row of a photo that was forgotten since, also while it is still being erased."""
    back_up(archive, tmp_path / "b")
    gone, going = forget(archive, 1), forget(archive, 2, erase=False)
    made = back_up(archive, tmp_path / "b")
    assert (made.photos, made.forgotten, made.lost) == (PHOTOS - 2, 2, [])
    assert {str(row.original) for row in (gone, going)}.isdisjoint(tree(tmp_path / "b"))
    data = (tmp_path / "b" / FILE).read_bytes()
    assert b"IMG_1.jpg" not in data and b"IMG_0.jpg" in data and gone.sha256.encode() in data


def test_a_photo_forgotten_while_it_is_backed_up_is_not_in_the_backup(archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is forgotten between the copy of the database and that of the photos is in neither."""
    real = shelf.Copying.finish
    todo = [lambda: forget(archive, 0)]

    def finish(self: shelf.Copying) -> None:
        real(self)
        if todo:
            todo.pop()()

    monkeypatch.setattr(shelf.Copying, "finish", finish)
    first = rows(archive)[0]
    made = back_up(archive, tmp_path / "b")
    assert made.photos == PHOTOS - 1 and str(first.original) not in tree(tmp_path / "b")


def test_a_good_copy_outlives_a_damaged_original(archive: Archive, tmp_path: Path) -> None:
    """An original that got lost or cut short is named, and the copy of it in an earlier backup stays."""
    back_up(archive, tmp_path / "b")
    before = tree(tmp_path / "b")
    for number, path in enumerate(archive.originals()):
        data = archive.read(path)
        (archive.root / path).unlink()  # the backup may share its bytes
        if number:
            (archive.root / path).write_bytes(data[:-1])
    assert back_up(archive, tmp_path / "b").lost == []
    assert {name: what for name, what in tree(tmp_path / "b").items() if name.startswith("originals")} == {
        name: what for name, what in before.items() if name.startswith("originals")
    }
    assert sorted(how for _, how in back_up(archive, tmp_path / "other").lost) == ["damaged"] * (PHOTOS - 1) + ["missing"]


@pytest.mark.parametrize("sharing", [True, False])
def test_originals_are_shared_or_copied(archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sharing: bool) -> None:
    """Where the disk knows neither clones nor links, or is another one, bytes are copied, and never damaged ones."""
    if not sharing:
        monkeypatch.setattr(shelf, "_cloned", lambda source, target: False)
        monkeypatch.setattr(shelf, "_linked", lambda source, target: False)
    first = rows(archive)[0]
    path = archive.root / str(first.original)
    if not sharing:
        path.write_bytes(bytes(len(path.read_bytes())))
    made = back_up(archive, tmp_path / "b")
    assert made.lost == ([] if sharing else [(first.original, "damaged")])
    assert all(found == row.sha256 for row in rows(archive) for name, found in tree(tmp_path / "b").items() if name == row.original)
    assert not list((tmp_path / "b").rglob(".tmp-*"))


def test_a_damaged_database_never_replaces_a_good_backup(archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backup of a damaged database is refused, and the earlier one stays."""
    back_up(archive, tmp_path / "b")
    before = tree(tmp_path / "b")
    monkeypatch.setattr(backup.health, "problems", lambda ledger: ["row 1 missing from index"])
    with pytest.raises(LedgerTrouble, match="row 1 missing"):
        back_up(archive, tmp_path / "b")
    assert tree(tmp_path / "b") == before


def test_a_backup_goes_only_where_nothing_else_is(archive: Archive, tmp_path: Path) -> None:
    """A folder with other things, another diary's backup, or one that is being written is refused, and stays as it is."""
    folder = tmp_path / "b"
    back_up(archive, folder)
    with pytest.raises(BadUsage, match="the backup of the diary me"):
        backup.back_up(archive, folder, "anna", lambda text: None)
    with backup._held(folder, "me"), pytest.raises(Busy, match="going on"):
        back_up(archive, folder)
    (folder / "thesis.doc").write_text("x")
    with pytest.raises(BadUsage, match="thesis.doc"):
        back_up(archive, folder)


def test_a_restored_diary_is_the_same_but_for_its_frames(archive: Archive, empty: Archive, tmp_path: Path) -> None:
    """Photos, eyes, dates, decisions and the picture format come back; frames and film are to be made, and nothing else is."""
    ledger = Ledger(archive.root)
    deciding.decide(ledger, [rows(archive)[3]], verdicts.EXCLUDED, None, time.time())
    assert deciding.heed(ledger, ZoneInfo("Europe/Berlin"), time.time())
    canvas = reels.current_canvas(ledger)
    ledger.close()
    back_up(archive, tmp_path / "b")
    made = restore(empty, tmp_path / "b")
    assert (made.photos, made.decisions, made.lost) == (PHOTOS, 1, [])
    assert tree(empty.root / "originals") == tree(archive.root / "originals")
    for old, new in zip(rows(archive), rows(empty), strict=True):
        assert (new.sha256, new.sighting, new.taken, new.original, new.reason) == (old.sha256, old.sighting, old.taken, old.original, old.reason)
        assert new.frame is None and new.stage is (Stage.EXCLUDED if old.stage is Stage.EXCLUDED else Stage.LOCATED)
    ledger = Ledger(empty.root)
    assert reels.current_canvas(ledger) == canvas and reels.newest_reel(ledger) is None
    ledger.close()
    assert [path.name for path in (empty.root / "work").iterdir()] == ["CACHEDIR.TAG"]


def test_what_was_forgotten_after_the_backup_stays_forgotten(archive: Archive, empty: Archive, tmp_path: Path) -> None:
    """Restoring an older backup brings back nothing that the present archive, another one or a list calls forgotten."""
    back_up(archive, tmp_path / "b")
    first, second, third = rows(archive)[:3]
    ledger = Ledger(empty.root)  # a diary that holds nothing any more
    forgetting.wish(ledger, [first.sha256], time.time())
    ledger.close()
    forget(archive, 1)
    (tmp_path / "list").write_text(f"{third.sha256}\n")
    told = backup.forgotten_by(archive.root) | backup.forgotten_by(tmp_path / "list")
    assert told == {second.sha256, third.sha256} and backup.forgotten_by(archive.root / FILE) == {second.sha256}
    assert restore(empty, tmp_path / "b", told).photos == 1
    assert [row.sha256 for row in rows(empty)] == [rows(tmp_path / "b")[3].sha256]
    assert set(tree(empty.root / "originals").values()) == {rows(empty)[0].sha256}
    ledger = Ledger(empty.root)
    assert all(forgetting.is_forgotten(ledger, row.sha256) for row in (first, second, third)) and forgetting.to_wipe(ledger) == []
    ledger.close()


def test_a_list_that_is_none_is_refused(tmp_path: Path) -> None:
    """A word that is no SHA-256, or a file that cannot be read, is named."""
    (tmp_path / "list").write_text("abc\n")
    with pytest.raises(BadUsage, match="'abc' is no SHA-256"):
        backup.forgotten_by(tmp_path / "list")
    with pytest.raises(BadUsage, match="cannot be read"):
        backup.forgotten_by(tmp_path / "nothing")


@pytest.mark.parametrize("what", ["originals/2024/x.jpg", "frames/2024/x.jpg", "films/latest.mp4", "photos"])
def test_only_an_empty_archive_is_restored_into(archive: Archive, empty: Archive, tmp_path: Path, what: str) -> None:
    """An archive that holds anything is refused, with the way to keep it, and not a byte of it changes."""
    back_up(archive, tmp_path / "b")
    target = archive if what == "photos" else empty
    if what == "photos":
        for folder in ("frames", "films"):
            shutil.rmtree(target.root / folder)
    else:
        (target.root / what).parent.mkdir(exist_ok=True)
        (target.root / what).write_bytes(b"mine")
    before = tree(target.root)
    with pytest.raises(BadUsage, match="not empty.*--forgotten"):
        restore(target, tmp_path / "b")
    assert tree(target.root) == before


def test_an_interrupted_restore_goes_on(archive: Archive, empty: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Originals come before the database, so that a restore that was cut off is no diary yet, and the next one finishes it."""
    back_up(archive, tmp_path / "b")
    with monkeypatch.context() as cut:
        cut.setattr(backup.copying, "replace", _power_cut)
        with pytest.raises(KeyboardInterrupt):
            restore(empty, tmp_path / "b")
    assert not (empty.root / FILE).exists()
    assert restore(empty, tmp_path / "b").new == 0 and len(rows(empty)) == PHOTOS


def _power_cut(*arguments: object) -> None:
    raise KeyboardInterrupt


def test_what_is_damaged_in_a_backup_is_named(archive: Archive, empty: Archive, tmp_path: Path) -> None:
    """Every original is read while it is restored; one that is not what it was is named and not brought."""
    back_up(archive, tmp_path / "b")
    first = str(rows(archive)[0].original)
    data = (tmp_path / "b" / first).read_bytes()
    (tmp_path / "b" / first).unlink()
    (tmp_path / "b" / first).write_bytes(data[:-1] + b"x")
    assert restore(empty, tmp_path / "b").lost == [(first, "damaged")] and not (empty.root / first).exists()


def spoil(folder: Path, statement: str) -> None:
    ledger = Ledger(folder)
    with ledger.write() as db:
        db.execute(statement)
    ledger.close()


@pytest.mark.parametrize(
    ("ruin", "error", "match"),
    [
        (lambda folder: (folder / FILE).unlink(), BadUsage, "is no backup"),
        (lambda folder: (folder / FILE).write_bytes(b"x" * 5000), LedgerTrouble, "database"),
        (lambda folder: spoil(folder, "PRAGMA user_version=999"), LedgerTrouble, "newer photodiary"),
        (lambda folder: spoil(folder, "UPDATE photos SET original = 'originals/../../x.jpg'"), LedgerTrouble, "outside originals"),
    ],
)
def test_what_is_no_good_backup_is_refused(
    archive: Archive, empty: Archive, tmp_path: Path, ruin: Callable[[Path], object], error: type[Exception], match: str
) -> None:
    """A folder without a database, with a damaged or newer one, or with one that names files elsewhere leaves the archive empty."""
    back_up(archive, tmp_path / "b")
    ruin(tmp_path / "b")
    with pytest.raises(error, match=match):
        restore(empty, tmp_path / "b")
    assert list(empty.originals()) == [] and not (empty.root / FILE).exists() and os.listdir(empty.root / "work") == ["CACHEDIR.TAG"]
