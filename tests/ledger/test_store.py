"""What the diary database promises as a file: whole after any crash, one writer at a time, old copies before changes."""

from __future__ import annotations

import fcntl
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from photodiary.diary.eyes import EyePair, Point, Sighting
from photodiary.diary.photo import Stage, digest_of
from photodiary.errors import LedgerTrouble, StorageTrouble
from photodiary.ledger import gallery, photos, queue, schema, store, wishes
from photodiary.ledger.store import FILE, LOCK, Ledger

WRITER = """
import sys
from pathlib import Path
from photodiary.ledger import wishes
from photodiary.ledger.store import Ledger

folder, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
ledger = Ledger(folder)
for number in range(count):
    wishes.make(ledger, name, {"number": number, "filler": "x" * 3000}, 0.0)
    if number % 20 == 19:
        ledger.close()
        ledger = Ledger(folder)
ledger.close()
"""

STORM = """
import fcntl, sqlite3, sys
from pathlib import Path
from photodiary.ledger.store import FILE, LOCK, Ledger

folder, enough = Path(sys.argv[1]), Path(sys.argv[2])
with open(folder / LOCK, "rb+") as lock:
    while not enough.exists():
        fcntl.flock(lock, fcntl.LOCK_EX)
        db = sqlite3.connect(folder / FILE, isolation_level=None)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        db.close()
        fcntl.flock(lock, fcntl.LOCK_UN)
        Ledger(folder).close()
        Ledger(folder, writable=False).close()
"""

HALF_WAY = """
import sys, time
from pathlib import Path
from photodiary.ledger.store import Ledger

ledger = Ledger(Path(sys.argv[1]))
with ledger.write() as db:
    for number in range(6):  # more than SQLite's page cache, so that unfinished pages reach the disk
        db.execute("INSERT INTO notes VALUES (?, ?)", (f"half {number}", '"' + "x" * 1_000_000 + '"'))
    print("half way", flush=True)
    time.sleep(60)
"""


SERVICE = Path(__file__).parents[2] / "service"


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(SERVICE)}
    return subprocess.Popen([sys.executable, "-c", script, *map(str, arguments)], env=environment, stdout=subprocess.PIPE, text=True)


def wait(process: subprocess.Popen[str]) -> int:
    process.communicate(timeout=90)
    return process.returncode


def half_way(folder: Path) -> subprocess.Popen[str]:
    """A process that stands in the middle of a large write transaction."""
    writer = start(HALF_WAY, folder)
    assert writer.stdout is not None and writer.stdout.readline() == "half way\n"
    return writer


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=10)


def integrity(folder: Path) -> str:
    db = sqlite3.connect(folder / FILE)
    answer = str(db.execute("PRAGMA integrity_check").fetchone()[0])
    db.close()
    return answer


def mark(ledger: Ledger, **notes: object) -> None:
    wishes.note(ledger, **notes)


# -- durable -----------------------------------------------------------------------------------------------------------------------


def test_commits_are_logged_ahead_and_synced(ledger: Ledger) -> None:
    """The database is in WAL mode, each commit is fsynced (synchronous=FULL), and rows cannot refer to rows that are not there."""
    with ledger.read() as db:
        assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert db.execute("PRAGMA synchronous").fetchone()[0] == 2
        assert db.execute("PRAGMA foreign_keys").fetchone()[0] == 1


def test_writing_processes_and_a_checkpoint_storm_lose_nothing(tmp_path: Path) -> None:
    """Two writing processes, and a third that opens, checkpoints and closes all the time, leave every row and a sound file."""
    Ledger(tmp_path).close()
    count, enough = 250, tmp_path / "enough"
    processes = [start(WRITER, tmp_path, "a", count), start(WRITER, tmp_path, "b", count), start(STORM, tmp_path, enough)]
    try:
        codes = [wait(process) for process in processes[:2]]
    finally:
        enough.touch()
        codes.append(wait(processes[2]))
    assert codes == [0, 0, 0]
    ledger = Ledger(tmp_path, writable=False)
    with ledger.read() as db:
        rows = db.execute("SELECT kind, json_extract(details, '$.number') FROM wishes ORDER BY kind, id").fetchall()
    ledger.close()
    assert [tuple(row) for row in rows] == [(kind, number) for kind in "ab" for number in range(count)]
    assert integrity(tmp_path) == "ok"


def test_a_transaction_that_raises_leaves_nothing(ledger: Ledger) -> None:
    """What a write block did before it raised is undone, and the next write works."""

    def half(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO notes VALUES ('a', '1')")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), ledger.write() as db:
        half(db)
    assert wishes.notes(ledger) == {}
    mark(ledger, c=1)
    assert wishes.notes(ledger) == {"c": 1}


def test_a_full_disk_is_storage_trouble_and_leaves_nothing(ledger: Ledger) -> None:
    """A write for which there is no room raises StorageTrouble, leaves what was there, and works again when there is room."""
    mark(ledger, kept=1)
    with ledger.read() as db:
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StorageTrouble, match="cannot be written: .*full"):
        mark(ledger, small=2, large="x" * 1_000_000)
    assert wishes.notes(ledger) == {"kept": 1}
    with ledger.read() as db:
        db.execute("PRAGMA max_page_count=1000000")
    mark(ledger, large="x" * 1_000_000)
    assert set(wishes.notes(ledger)) == {"kept", "large"}


# -- one writer at a time ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deed", ["write", "open", "close"])
def test_writing_opening_and_closing_wait_for_the_lock(tmp_path: Path, deed: str) -> None:
    """While somebody holds `ledger.lock`, a write, an opening and a closing of a writing connection wait, then go through."""
    ledger = Ledger(tmp_path)
    opened: list[Ledger] = []
    deeds = {"write": lambda: mark(ledger, a=1), "open": lambda: opened.append(Ledger(tmp_path)), "close": ledger.close}
    with (tmp_path / LOCK).open("rb+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        thread = threading.Thread(target=deeds[deed])
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        fcntl.flock(lock, fcntl.LOCK_UN)
        thread.join(10)
        assert not thread.is_alive()
    for open_ledger in opened + ([ledger] if deed != "close" else []):
        open_ledger.close()


def test_threads_take_turns_on_one_ledger(ledger: Ledger) -> None:
    """Threads that share a ledger read a number and write the next without losing any."""

    def count() -> None:
        for _ in range(20):
            with ledger.write() as db:
                number = db.execute("SELECT count(*) FROM notes").fetchone()[0]
                time.sleep(0.0005)
                db.execute("INSERT INTO notes VALUES (?, '0')", (f"{number}",))

    threads = [threading.Thread(target=count) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(wishes.notes(ledger)) == 60


# -- readers -----------------------------------------------------------------------------------------------------------------------


def test_a_reader_cannot_write(ledger: Ledger, tmp_path: Path) -> None:
    """A read-only ledger refuses every change."""
    mark(ledger, kept=1)
    reader = Ledger(tmp_path, writable=False)
    with pytest.raises(StorageTrouble, match="readonly"), reader.read() as db:
        db.execute("DELETE FROM notes")
    assert wishes.notes(reader) == {"kept": 1}
    reader.close()


def test_a_reader_makes_no_diary(tmp_path: Path) -> None:
    """Reading where there is no diary yet says how to begin, and leaves the folder as it was."""
    with pytest.raises(LedgerTrouble, match="photodiary run"):
        Ledger(tmp_path, writable=False)
    assert list(tmp_path.iterdir()) == []


def test_readers_see_nothing_half_and_do_not_wait(tmp_path: Path) -> None:
    """While a writer is in the middle of a transaction, and after it is killed there, readers see what was committed, all at once."""
    ledger = Ledger(tmp_path)
    mark(ledger, kept=1)
    ledger.close()
    writer = half_way(tmp_path)
    try:
        assert (tmp_path / f"{FILE}-wal").stat().st_size > 2_000_000  # unfinished pages are on the disk
        during = Ledger(tmp_path, writable=False)
        began = time.monotonic()
        assert wishes.notes(during) == {"kept": 1}
        assert time.monotonic() - began < 1
    finally:
        kill(writer)
    assert wishes.notes(during) == {"kept": 1}
    during.close()
    after = Ledger(tmp_path, writable=False)
    assert wishes.notes(after) == {"kept": 1}
    after.close()


def test_a_killed_writer_is_recovered_from(tmp_path: Path) -> None:
    """After kill -9 in the middle of a transaction the next writer is not kept waiting, finds what was committed, and goes on."""
    ledger = Ledger(tmp_path)
    mark(ledger, kept=1)
    ledger.close()
    kill(half_way(tmp_path))
    ledger = Ledger(tmp_path)
    mark(ledger, later=2)
    assert wishes.notes(ledger) == {"kept": 1, "later": 2}
    ledger.close()
    assert integrity(tmp_path) == "ok"


def test_a_reader_that_goes_last_does_not_checkpoint(tmp_path: Path) -> None:
    """Closing a reader moves nothing from the log into the database: only holders of `ledger.lock` may."""
    ledger = Ledger(tmp_path)
    mark(ledger, kept=1)
    ledger.close()
    kill(half_way(tmp_path))
    before = (tmp_path / FILE).read_bytes(), (tmp_path / f"{FILE}-wal").read_bytes()
    reader = Ledger(tmp_path, writable=False)
    assert wishes.notes(reader) == {"kept": 1}
    reader.close()
    assert ((tmp_path / FILE).read_bytes(), (tmp_path / f"{FILE}-wal").read_bytes()) == before


# -- versions ----------------------------------------------------------------------------------------------------------------------


def next_step(db: sqlite3.Connection) -> None:
    db.execute("CREATE TABLE next (a INTEGER) STRICT")
    db.execute("INSERT INTO next SELECT count(*) FROM notes")


def broken_step(db: sqlite3.Connection) -> None:
    next_step(db)
    db.execute("DELETE FROM notes")
    raise RuntimeError("power cut")


def version(path: Path) -> int:
    db = sqlite3.connect(path)
    number = int(db.execute("PRAGMA user_version").fetchone()[0])
    db.close()
    return number


@pytest.mark.parametrize("writable", [True, False])
def test_a_newer_diary_is_refused_in_clear_words(tmp_path: Path, writable: bool) -> None:
    """A database of a newer version is not touched, and the message says what to do."""
    Ledger(tmp_path).close()
    db = sqlite3.connect(tmp_path / FILE)
    db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(LedgerTrouble, match=rf"ledger\.sqlite3: made by a newer photodiary \(version 99, this one knows {len(schema.MIGRATIONS)}\)"):
        Ledger(tmp_path, writable=writable)
    assert version(tmp_path / FILE) == 99


@pytest.mark.parametrize("writable", [True, False])
def test_a_file_that_is_no_database_is_refused_in_clear_words(tmp_path: Path, writable: bool) -> None:
    """A damaged file raises LedgerTrouble with its path, and is left for the user to look at."""
    (tmp_path / FILE).write_bytes(b"no database" * 1000)
    with pytest.raises(LedgerTrouble, match=r"ledger\.sqlite3: .*cannot be opened"):
        Ledger(tmp_path, writable=writable)
    assert (tmp_path / FILE).read_bytes() == b"no database" * 1000


def test_a_fresh_diary_needs_no_copy(tmp_path: Path) -> None:
    """Making a database, or opening a current one, leaves no copies behind."""
    Ledger(tmp_path).close()
    Ledger(tmp_path).close()
    assert {path.name for path in tmp_path.iterdir()} == {FILE, LOCK}
    assert version(tmp_path / FILE) == len(schema.MIGRATIONS)


def test_an_older_diary_is_copied_then_brought_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first change the older database is copied whole, at its own version; then the step and its number are there."""
    ledger = Ledger(tmp_path)
    mark(ledger, kept=1)
    ledger.close()
    monkeypatch.setattr(store, "MIGRATIONS", (*schema.MIGRATIONS, next_step))
    ledger = Ledger(tmp_path)
    with ledger.read() as db:
        assert db.execute("SELECT a FROM next").fetchone()[0] == 1
    assert wishes.notes(ledger) == {"kept": 1}
    ledger.close()
    now = len(schema.MIGRATIONS) + 1
    assert version(tmp_path / FILE) == now
    copy = tmp_path / f"ledger-before-{now}.sqlite3"
    assert version(copy) == now - 1
    db = sqlite3.connect(copy)
    assert db.execute("SELECT key, value FROM notes").fetchall() == [("kept", "1")]
    assert db.execute("SELECT 1 FROM sqlite_master WHERE name = 'next'").fetchone() is None
    db.close()


def test_a_step_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration that is interrupted leaves the older version as it was, and can be done again."""
    ledger = Ledger(tmp_path)
    mark(ledger, kept=1)
    ledger.close()
    monkeypatch.setattr(store, "MIGRATIONS", (*schema.MIGRATIONS, broken_step))
    with pytest.raises(RuntimeError, match="power cut"):
        Ledger(tmp_path)
    assert version(tmp_path / FILE) == len(schema.MIGRATIONS)
    monkeypatch.setattr(store, "MIGRATIONS", (*schema.MIGRATIONS, next_step))
    ledger = Ledger(tmp_path)
    assert wishes.notes(ledger) == {"kept": 1}
    with ledger.read() as db:
        assert db.execute("SELECT a FROM next").fetchone()[0] == 1
    ledger.close()


@pytest.fixture
def first_version(tmp_path: Path) -> Path:
    """The folder of a diary that photodiary of 24 November 2026 left: six photos in all stages, two frames, a correction, a film."""
    db = sqlite3.connect(tmp_path / FILE)
    db.executescript((Path(__file__).parent / "version-1.sql").read_text(encoding="utf-8"))
    db.close()
    assert version(tmp_path / FILE) == 1
    return tmp_path


def contents(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    db = sqlite3.connect(path)
    tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    found = {table: sorted(db.execute(f"SELECT * FROM {table}").fetchall(), key=repr) for table in tables}
    db.close()
    return found


def test_a_diary_of_the_first_version_is_brought_up(first_version: Path) -> None:
    """A diary from before likenesses keeps every row of every table and is used on; beside it lies the copy as it was."""
    before = contents(first_version / FILE)
    assert {len(before[table]) for table in ("photos", "sightings", "wishes")} == {6, 4, 2}
    ledger = Ledger(first_version)
    assert gallery.trusted(ledger, "base-2026-11-24") == 0
    assert not gallery.waiting(ledger, "base-2026-11-24"), "what an older program judged is not sent round again"
    assert [photo.stage for photo, _ in photos.everything(ledger)] == ["aligned", "located", "excluded", "received", "quarantined", "undated"]
    corrected = photos.find(ledger, digest_of(b"2"))
    assert corrected is not None and corrected.sighting is not None and corrected.sighting.human
    waits = queue.claim(ledger, Stage.RECEIVED, 2e9)
    assert waits is not None
    said = Sighting("new-1", EyePair(Point(1, 2), Point(31, 2)), 1.0)
    photos.append_sighting(ledger, waits, said, Stage.LOCATED, doubtful=False, reason=None, now=2e9, likeness=(b"\0\1" * 4, None))
    ledger.close()
    after = contents(first_version / FILE)
    assert set(after) >= {*before, "likenesses"}
    for table in set(before) - {"photos", "sightings"}:
        assert [row[: len(was)] for row, was in zip(after[table], before[table], strict=True)] == before[table], table  # later versions add columns at the end
    assert set(before["sightings"]) < set(after["sightings"])
    assert [row[: len(before["photos"][0])] for row in after["photos"] if row[0] != waits.id] == [row for row in before["photos"] if row[0] != waits.id]
    assert after["likenesses"] == [(5, waits.id, "new-1", b"\0\1" * 4, None)]
    assert integrity(first_version) == "ok"
    copy = first_version / "ledger-before-2.sqlite3"
    assert version(copy) == 1
    assert contents(copy) == before


def test_a_diary_that_was_brought_up_is_as_a_new_one(first_version: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tables, indexes and triggers of a diary that was migrated are those of one made today."""
    fresh = tmp_path_factory.mktemp("fresh")
    plans = []
    for folder in (first_version, fresh):
        Ledger(folder).close()
        db = sqlite3.connect(folder / FILE)
        plans.append({(row[0], " ".join(row[1].split())) for row in db.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")})
        db.close()
    assert {name for name, _ in plans[0]} >= {"likenesses", "likenesses_model"}
    assert plans[0] == plans[1]


def test_a_reader_leaves_an_older_diary_alone(first_version: Path) -> None:
    """A verb that only reads neither migrates nor copies a diary of the first version, and reads its photos."""
    before = (first_version / FILE).read_bytes()
    reader = Ledger(first_version, writable=False)
    assert photos.total(reader) == 6
    assert gallery.trusted(reader, "base-2026-11-24") == 0, "status asks that"
    reader.close()
    assert (first_version / FILE).read_bytes() == before
    assert not list(first_version.glob("ledger-before-*"))


# -- where it lies -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["with space", "50% off?", "#1&mode=ro", "größer", "a%20b"])
def test_the_diary_lies_where_it_was_told_to(tmp_path: Path, name: str) -> None:
    """A folder's name may hold anything; the database is in it, for writers and readers."""
    ledger = Ledger(tmp_path / name)
    mark(ledger, kept=1)
    reader = Ledger(tmp_path / name, writable=False)
    assert wishes.notes(reader) == {"kept": 1}
    reader.close()
    ledger.close()
    assert (tmp_path / name / FILE).is_file()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_folder_that_cannot_be_is_storage_trouble(tmp_path: Path) -> None:
    """Where a file stands in the way of the folder, StorageTrouble names it."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageTrouble, match="cannot be used"):
        Ledger(tmp_path / "file" / "archive")


def test_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder on a kind of file system whose locks are not to be trusted is refused by name, and stays empty."""
    mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    monkeypatch.setattr(store, "NETWORK_FILE_SYSTEMS", frozenset(line.split(" ")[2] for line in mounts))  # as if all were
    with pytest.raises(LedgerTrouble, match="network file system"):
        Ledger(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_refused_diary_is_closed_under_the_lock(tmp_path: Path) -> None:
    """An opening that fails leaves no file open: a connection that is closed later, by chance, would be closed outside the lock."""
    Ledger(tmp_path).close()
    db = sqlite3.connect(tmp_path / FILE)
    db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(LedgerTrouble) as refused:
        Ledger(tmp_path)
    descriptors = [os.path.realpath(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")]
    assert [path for path in descriptors if path.startswith(str(tmp_path))] == [], refused
