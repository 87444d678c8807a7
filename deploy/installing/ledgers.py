"""A copy of each diary database from before an upgrade, beside it, and the way back to it.

The names are such that `photodiary photos forget` removes these copies as it does those that the program itself makes before it changes a database.
Everything here runs as the service's user (`accounts.as_account`).
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from places import Trouble

FILE, LOCK, DAEMON = "ledger.sqlite3", "ledger.lock", "daemon.lock"
KEPT = 2
MARGIN = 64 << 20


def at_work(archive: str) -> int | None:
    """The process that works on a diary, None when nobody does."""
    try:
        descriptor = os.open(os.path.join(archive, DAEMON), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        for _ in range(20):  # who asks has it for an instant
            try:
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return None
            except BlockingIOError:
                time.sleep(0.05)
        text = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
        return int(text) if text.isdigit() else 0
    finally:
        os.close(descriptor)


def copy(archive: str, version: str) -> str | None:
    """Copy a database that nobody works on.  Returns the copy's path, None where there is no database yet.  Raises Trouble."""
    folder = Path(archive)
    ledger = folder / FILE
    if not ledger.exists():
        return None
    if shutil.disk_usage(folder).free < ledger.stat().st_size + MARGIN:
        raise Trouble(f"{folder}: there is no room for a copy of the diary database ({ledger.stat().st_size / 1e6:.0f} MB); make some, and call this again", 75)
    moment = datetime.now()
    target = folder / f"ledger-before-{version}-{moment:%Y%m%d-%H%M%S}-{moment.microsecond // 1000:03}.sqlite3"
    beside = target.with_suffix(".new")
    try:
        with _locked(folder), closing(_opened(ledger)) as database, closing(sqlite3.connect(beside)) as made:
            database.backup(made)
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(target)
    except (sqlite3.Error, OSError) as error:
        raise Trouble(f"{ledger}: cannot be copied: {error}; photodiary doctor says what is wrong with it") from error
    finally:
        with suppress(FileNotFoundError):
            beside.unlink()
    for old in sorted(folder.glob("ledger-before-*-*.sqlite3"), key=lambda path: path.stat().st_mtime)[:-KEPT]:
        old.unlink()
    return str(target)


def form(archive: str) -> int | None:
    """The number of a database's form, None where there is none."""
    ledger = Path(archive) / FILE
    if not ledger.exists():
        return None
    try:
        with closing(sqlite3.connect(f"file:{quote(str(ledger))}?mode=ro", uri=True, timeout=30)) as database:
            return int(database.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.Error:
        return None  # the copy will say what is wrong with it


def bring_back(archive: str, copied: str) -> bool:
    """Have the database be as it was, when a newer program has changed its form meanwhile.  Returns whether it had."""
    folder = Path(archive)
    with _locked(folder), closing(_opened(folder / FILE)) as database, closing(_opened(Path(copied))) as before:
        was, is_ = (found.execute("PRAGMA user_version").fetchone()[0] for found in (before, database))
        if was == is_:
            return False
        before.backup(database)
    return True


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=30)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """The diary's own lock, as whoever opens or closes a database for writing takes it."""
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
