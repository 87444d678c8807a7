"""Promise: upgrade, downgrade.  The ledger is copied before a migration, a newer one is refused in clear words, canvas and style stay, and so does a
model that was put in force: a new shipped one is then a candidate like any other."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.promises.switch import Switch
from tests.support.daemon import AUTO, ROOT, Diary
from tests.support.dots import photo
from tests.support.models import tiny

from photodiary.eyenet import registry
from photodiary.eyenet.registry import Registry
from photodiary.ledger.schema import MIGRATIONS
from photodiary.ledger.store import FILE

SHIPPED_NAME = registry.current().name
SWITCHES = (
    Switch(
        "copying before a migration",
        "test_an_older_diary_is_copied_brought_up_and_looks_the_same",
        "ledger/store.py",
        "self._db.backup(copy)",
        "pass",
    ),
    Switch(
        "refusing a newer database", "test_a_newer_diary_is_refused_and_left_as_it_is", "ledger/store.py", "if version > len(MIGRATIONS):", "if False:"
    ),
    Switch(
        "keeping the shipped model that one may want to go back to",
        "test_a_new_shipped_model_is_a_candidate_like_any_other",
        "eyenet/registry.py",
        "self._keep(base)",
        "pass",
    ),
)  # fmt: skip


@pytest.fixture
def diary(tmp_path: Path) -> Iterator[Diary]:
    diary = Diary(tmp_path / "me", config=AUTO)
    yield diary
    diary.close()


def rows(path: Path, columns: dict[str, list[str]]) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of these columns of these tables; what the daemon notes of its own day is left out."""
    with closing(sqlite3.connect(path)) as db:
        return {
            table: sorted(db.execute(f"SELECT {', '.join(names)} FROM {table}").fetchall(), key=repr)
            for table, names in columns.items() if table not in ("notes", "wishes")
        }  # fmt: skip


def columns_of(path: Path) -> dict[str, list[str]]:
    with closing(sqlite3.connect(path)) as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {table: [row[1] for row in db.execute(f"PRAGMA table_info({table})")] for table in tables}


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def take_back(archive: Path, to: int) -> None:
    """Make the ledger one of an older version: the first so many steps, filled with what that version knew."""
    older = archive / "older.sqlite3"
    with closing(sqlite3.connect(older, isolation_level=None)) as db:
        for step in MIGRATIONS[:to]:
            step(db)
        db.execute(f"PRAGMA user_version={to}")
        db.execute("ATTACH ? AS new", (str(archive / FILE),))
        for table, names in columns_of(older).items():
            listed = ", ".join(names)
            db.execute(f"INSERT INTO {table} ({listed}) SELECT {listed} FROM new.{table}")
    for end in ("", "-wal", "-shm"):
        (archive / f"{FILE}{end}").unlink(missing_ok=True)
    older.rename(archive / FILE)


def seen(diary: Diary) -> tuple[Any, ...]:
    """What a person sees: the format, the film byte for byte, each photo's picture."""
    state = diary.me()
    film = hashlib.sha256((diary.archive / "films/latest.mp4").read_bytes()).hexdigest()
    return state["canvas"], state["reel"]["fingerprint"], film, [(row["sha256"], row["frame"], row["matrix"]) for row in diary.photos()]


@pytest.mark.parametrize("older", [1, 4])
def test_an_older_diary_is_copied_brought_up_and_looks_the_same(diary: Diary, older: int) -> None:
    """A diary of an earlier version is copied before it is changed, every row stays, format and film stay as they were, and it is used on."""
    for number in range(4):
        (diary.inbox / f"{number}.jpg").write_bytes(photo(number))
    assert diary.call("scan", "--once").returncode == 0
    before = seen(diary)
    take_back(diary.archive, older)
    database = diary.archive / FILE
    columns = columns_of(database)
    kept = rows(database, columns)
    assert diary.call("status").returncode == 0 and version(database) == older, "who only reads changes nothing"
    diary.start()
    diary.until_told("watches")
    diary.until(lambda s: s["running"] and s["last_scan"] is not None, "looked at the inbox")
    assert version(database) == len(MIGRATIONS)
    copy = diary.archive / f"ledger-before-{older + 1}.sqlite3"
    assert version(copy) == older and rows(copy, columns) == kept
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert seen(diary) == before
    (diary.inbox / "5.jpg").write_bytes(photo(5))
    diary.until_film_of(5)
    assert diary.me()["canvas"] == before[0]
    assert diary.stop() == 0


def test_a_diary_of_the_first_release_is_taken_on(diary: Diary) -> None:
    """A database just as the first version left it, without any of its files, is brought up by a daemon and keeps its format."""
    diary.archive.mkdir(mode=0o700)
    with closing(sqlite3.connect(diary.archive / FILE)) as db:
        db.executescript((ROOT / "tests/ledger/version-1.sql").read_text(encoding="utf-8"))
        words = db.execute("SELECT words FROM canvases ORDER BY id DESC LIMIT 1").fetchone()[0]
    diary.start()
    diary.until_told("watches")
    assert version(diary.archive / FILE) == len(MIGRATIONS)
    assert version(diary.archive / "ledger-before-2.sqlite3") == 1
    assert diary.me()["canvas"] == words and diary.me()["photos"]["total"] == 6
    assert diary.stop() == 0


def test_a_newer_diary_is_refused_and_left_as_it_is(diary: Diary) -> None:
    """After a downgrade every verb says that the diary is of a newer photodiary and what to do, and changes no byte of it."""
    (diary.inbox / "1.jpg").write_bytes(photo(1))
    assert diary.call("scan", "--once").returncode == 0
    with closing(sqlite3.connect(diary.archive / FILE, isolation_level=None)) as db:
        db.execute(f"PRAGMA user_version={len(MIGRATIONS) + 1}")
    before = (diary.archive / FILE).read_bytes()
    shutil.rmtree(diary.archive / "work")
    for verb in (["run"], ["scan", "--once"], ["photos", "list"], ["status"], ["photos", "exclude", "1.jpg"]):
        done = diary.call(*verb, timeout=60)
        assert (done.returncode, "Traceback" in done.stderr) == (1, False), (verb, done.stderr)
        assert "made by a newer photodiary" in done.stderr and "install that again" in done.stderr
    assert (diary.archive / FILE).read_bytes() == before
    assert (diary.archive / "films/latest.mp4").exists() and not list(diary.archive.glob("ledger-before-*"))


def test_a_new_shipped_model_is_a_candidate_like_any_other(diary: Diary) -> None:
    """After an upgrade that comes with a newer model, the one that was put in force stays and so do the frames; the newer one is there to be put in
    force, and a rollback leads to the older shipped one, which the package has no more."""
    for number in range(3):
        (diary.inbox / f"{number}.jpg").write_bytes(photo(number))
    assert diary.call("scan", "--once").returncode == 0
    first, models = diary.photos(), Registry(diary.folder / "state")
    models.publish(tiny(diary.folder / "mine", "mine-1"), {"name": "mine-1", "shift": 2.0})
    models.promote("mine-1")
    assert diary.call("scan", "--once").returncode == 0
    mine = diary.photos()
    assert {row["by"] for row in mine} == {"mine-1"}

    newer = tiny(diary.folder / "newer", "base-newer")
    card = newer.with_suffix(".json")
    card.write_text(json.dumps({"name": "base-newer", "sha256": hashlib.sha256(newer.read_bytes()).hexdigest()}))
    program = Path(diary.command[1])
    upgraded = f"    from photodiary.eyenet import registry; registry.SHIPPED, registry.CARD = Path({str(newer)!r}), Path({str(card)!r})\n"
    program.write_text(program.read_text().replace("    models.resident", f"{upgraded}    models.resident"))
    assert diary.call("scan", "--once").returncode == 0
    assert diary.photos() == mine and diary.status()["model"]["name"] == "mine-1" and diary.status()["degraded"] == []
    listed = [json.loads(line) for line in diary.call("models", "list", "--json").stdout.splitlines()]
    assert [row["name"] for row in listed if row["in_force"]] == ["mine-1"] and listed[0]["name"] == "base-newer"
    done = diary.call("models", "rollback")
    assert done.returncode == 0 and done.stdout.startswith(f"{SHIPPED_NAME} is in force again"), (done.stdout, done.stderr)
    assert diary.call("scan", "--once").returncode == 0
    assert [(row["left"], row["right"], row["by"]) for row in diary.photos()] == [(row["left"], row["right"], SHIPPED_NAME) for row in first]
