"""Taking over a diary that was copied from elsewhere: the film stays as it is, and what is no diary is refused with what to do instead."""

from __future__ import annotations

import os
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.support.daemon import Diary
from tests.support.dots import drop, photo

from photodiary.errors import BadUsage, Busy, LedgerTrouble
from photodiary.ledger.store import Ledger
from photodiary.run import init
from photodiary.run.adopting import adopt
from photodiary.run.lock import DaemonLock
from photodiary.settings import load


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of a diary of three photos, with a film; its zone is Berlin's, its canvas was written in its configuration."""
    diary = Diary(tmp_path_factory.mktemp("old") / "server")
    for number in range(3):
        drop(diary.inbox, f"{number}.jpg", photo(number))
    assert diary.call("scan", "--once").returncode == 0
    return diary.archive


@pytest.fixture
def archive(old: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(old, tmp_path / "copied"))


def everything(folder: Path) -> dict[str, tuple[int, int]]:
    """Frames, originals and the film, with their inodes and times: what is made again has others."""
    paths = [path for name in ("originals", "frames", "films") for path in (folder / name).rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): (path.stat().st_ino, path.stat().st_mtime_ns) for path in paths}


def test_a_diary_moves_to_a_new_server(archive: Path, tmp_path: Path) -> None:
    """The film and every frame stay the files they are, a photo that lies in the new inbox too adds nothing, a new one comes in, none counts as deleted."""
    there = tmp_path / "new"
    said = adopt(there, archive)
    assert "3 photos" in said and "Europe/Berlin, as before" in said and said.endswith(f"next: photodiary run --config {there}/config.toml")
    settings = load(there / "config.toml")
    assert settings.timezone == "Europe/Berlin" and settings.diary["me"].archive == archive
    assert settings.align_of("me").canvas == "320x320 eyes 30% apart at 44%"
    before = everything(archive)
    diary = Diary.__new__(Diary)
    made = there.rename(tmp_path / "aside")
    diary.__init__(there, config=(made / "config.toml").read_text() + '\n[film]\npreset = "ultrafast"\npick = "all"\n[darkroom]\nworkers = 1\n')  # type: ignore[misc]
    diary.archive = archive
    try:
        drop(diary.inbox, "again.jpg", photo(1))
        assert diary.call("scan", "--once").returncode == 0
        assert everything(archive) == before
        assert diary.me()["reel"]["frames"] == 3 and diary.me()["photos"]["total"] == 3
        drop(diary.inbox, "3.jpg", photo(3))
        assert diary.call("scan", "--once").returncode == 0
        after = everything(archive)
        assert {file for file in before if after.get(file) != before[file]} == {"films/latest.mp4"}
        assert diary.me()["reel"]["frames"] == 4 and diary.me()["last_error"] is None
        with Ledger(archive).read() as db:
            assert db.execute("SELECT count(*) FROM files WHERE gone_since IS NOT NULL").fetchone()[0] == 0
    finally:
        diary.close()


def test_what_the_old_configuration_said_of_the_diary_is_kept(archive: Path, tmp_path: Path) -> None:
    """Without a note of the zone the photos' clocks tell it; photos deleted from the inbox stay out of the film; an archive inside DIR is named from there."""
    ledger = Ledger(archive)
    with ledger.write() as db:
        db.execute("DELETE FROM notes WHERE key = 'timezone'")
        db.execute("UPDATE photos SET taken_utc = taken_utc - 3600 * 8")  # Berlin's clock in March, and eight hours further east
        db.execute("UPDATE files SET gone_since = 5")
    ledger.close()
    moved = archive.rename(tmp_path / "mine")
    said = adopt(tmp_path, moved)
    assert "dated in a time zone such as " in said
    text = (tmp_path / "config.toml").read_text()
    assert 'archive = "mine"' in text and 'on_delete = "exclude"' in text
    settings = load(tmp_path / "config.toml")
    assert datetime(2024, 3, 5, tzinfo=settings.zone("me")).utcoffset() == timedelta(hours=9)


def test_a_damaged_copy_is_told_of(archive: Path, tmp_path: Path) -> None:
    """One original short: taken over, and said; most of them: refused, for the copy is not whole; nothing is written then."""
    originals = sorted((archive / "originals").rglob("*.jpg"))
    originals[0].write_bytes(b"cut")
    frame = sorted((archive / "frames").rglob("*.jpg"))[1]
    frame.unlink()
    said = adopt(tmp_path / "a", archive)
    assert "1 originals are missing or cut short: originals/2024/2024-03-01" in said and "1 frames are missing" in said and "doctor --fix" in said
    originals[1].unlink()
    with pytest.raises(BadUsage, match=r"2 of 3 originals are missing or cut short; copy the whole archive"):
        adopt(tmp_path / "b", archive)
    assert not (tmp_path / "b").exists()


def test_what_is_no_diary_is_refused(archive: Path, tmp_path: Path) -> None:
    """A folder without a database, one with originals only, a backup, a database that is newer or torn, one that somebody works on, a second adoption."""

    def refused(sentence: str, kind: type[Exception] = BadUsage, where: Path = archive) -> None:
        with pytest.raises(kind, match=sentence):
            adopt(tmp_path / "new", where)
        assert not (tmp_path / "new" / init.CONFIG).exists()

    refused("there is no folder", where=tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    refused("is no archive of a diary", where=tmp_path / "empty")
    lock = DaemonLock(archive)
    refused(f"process {os.getpid()}", Busy)
    lock.release()
    (archive / "about.json").write_text("{}")
    refused("is a backup, which stays as it is")
    (archive / "about.json").unlink()
    ledger = Ledger(archive)
    with ledger.write() as db:
        db.execute("PRAGMA user_version = 99")
    ledger.close()
    refused("made by a newer photodiary", LedgerTrouble)
    whole = (archive / "ledger.sqlite3").read_bytes()
    (archive / "ledger.sqlite3").write_bytes(whole[:8192] + b"\xff" * 4096 + whole[12288:])
    refused("newer|damaged|cannot be opened", LedgerTrouble)
    (archive / "ledger.sqlite3").unlink()
    refused(r"has 3 originals and no diary database.*photodiary restore BACKUP.*photodiary import .*originals")


def test_a_configuration_is_never_overwritten(archive: Path, tmp_path: Path) -> None:
    adopt(tmp_path / "new", archive)
    before = (tmp_path / "new/config.toml").read_bytes()
    for again in (lambda: adopt(tmp_path / "new", archive), lambda: init.init(tmp_path / "new")):
        with pytest.raises(BadUsage, match="is there already"):
            again()
    assert (tmp_path / "new/config.toml").read_bytes() == before
