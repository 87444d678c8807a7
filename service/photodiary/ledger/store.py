"""Opening, locking and migrating the diary database.

Every write, and every opening and closing of a writing connection, happens under `ledger.lock`, so that no two connections
ever write or checkpoint at one instant (SQLite before 3.51.3 can corrupt a WAL when they do).
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from photodiary.errors import LedgerTrouble, StorageTrouble
from photodiary.ledger.schema import MIGRATIONS

FILE = "ledger.sqlite3"
LOCK = "ledger.lock"
NETWORK_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "fuse.sshfs", "fuse.glusterfs", "fuse.rclone"})

COUNTING = 8  # the version of the database that counts its changes
LONG_S = 0.03  # a question about tens of thousands of photos

Connection = sqlite3.Connection
Row = sqlite3.Row
T = TypeVar("T")


@dataclass(frozen=True)
class _Remembered:
    """An answer, as of so many changes; at: when it was there, monotonic; took: seconds, where they were many."""

    changes: int
    at: float
    took: float
    answer: object


class Ledger:
    """One diary's database.  Safe to share between threads; `read` and `write` take turns on one connection."""

    def __init__(self, folder: Path, *, writable: bool = True) -> None:
        """Open, creating and migrating when writable.  Raises LedgerTrouble (newer, damaged, on a network file system) or StorageTrouble."""
        self.path = folder / FILE
        self.writable = writable
        self._turn = threading.RLock()
        self._remembered: dict[Hashable, _Remembered] = {}
        self._lock_fd = -1
        try:
            if writable:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                _refuse_network(folder)
                self._lock_fd = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                with self._locked(), self._opened("rwc"):
                    self._migrate()
            else:
                if not self.path.exists():
                    raise LedgerTrouble(f"{self.path}: there is no diary database yet; start `photodiary run` or `photodiary scan --once` first")
                self._open_to_read()
        except BaseException as error:
            if self._lock_fd >= 0:
                os.close(self._lock_fd)
            if _disk_refuses(error):
                raise StorageTrouble(f"{self.path}: the diary database cannot be opened: {error}") from error
            if isinstance(error, sqlite3.DatabaseError):
                raise LedgerTrouble(f"{self.path}: the diary database cannot be opened: {error}") from error
            if isinstance(error, OSError):
                raise StorageTrouble(f"{folder}: the archive cannot be used: {error.strerror}") from error
            raise

    def _open_to_read(self) -> None:
        """Also readers need a little room beside the database; on a full disk one that nobody has open, and whose log is empty, is read without."""
        try:
            with self._opened("ro"):
                self._check_version()
        except sqlite3.OperationalError as error:
            log = self.path.with_name(f"{FILE}-wal")
            if not _disk_refuses(error) or (log.exists() and log.stat().st_size > 0):
                raise
            with self._opened("ro&immutable=1"):
                self._check_version()

    @contextmanager
    def _opened(self, mode: str) -> Iterator[None]:
        """Connect; what fails in the block closes the connection again, still under the caller's lock."""
        self._db = sqlite3.connect(f"file:{_quote(self.path)}?mode={mode}", uri=True, isolation_level=None, check_same_thread=False, timeout=30)
        try:
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA temp_store=MEMORY")
            if self.writable:
                answer = self._db.execute("PRAGMA journal_mode=WAL").fetchone()[0]
                if answer != "wal":
                    raise LedgerTrouble(f"{self.path}: the file system does not support write-ahead logging (SQLite answered {answer})")
                self._db.execute("PRAGMA synchronous=FULL")
                self._db.execute("PRAGMA foreign_keys=ON")
                self._db.execute("PRAGMA secure_delete=ON")
            yield
        except BaseException:
            self._db.close()
            raise

    def _check_version(self) -> int:
        version = int(self._db.execute("PRAGMA user_version").fetchone()[0])
        if version > len(MIGRATIONS):
            raise LedgerTrouble(f"{self.path}: made by a newer photodiary (version {version}, this one knows {len(MIGRATIONS)}); install that again")
        return version

    @property
    def is_new(self) -> bool:
        """Whether there is nothing in it, not even tables: its making was interrupted."""
        return self._check_version() == 0

    def _migrate(self) -> None:
        version = self._check_version()
        if 0 < version < len(MIGRATIONS):
            with sqlite3.connect(self.path.with_name(f"ledger-before-{version + 1}.sqlite3")) as copy:
                self._db.backup(copy)
            copy.close()
        if version == len(MIGRATIONS):
            return
        self._db.execute("BEGIN IMMEDIATE")  # all steps or none: whoever is interrupted meets the diary as it was
        try:
            for number in range(version, len(MIGRATIONS)):
                MIGRATIONS[number](self._db)
                self._db.execute(f"PRAGMA user_version={number + 1}")
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def _locked(self) -> Iterator[None]:
        fcntl.flock(self._lock_fd, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._lock_fd, fcntl.LOCK_UN)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One write transaction: committed and durable when the block ends, undone when it raises.

        Raises StorageTrouble when the disk is full or refuses.
        """
        with self._turn, self._locked():
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield self._db
                    self._db.execute("COMMIT")
                except BaseException:
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
                    raise
            except sqlite3.DatabaseError as error:
                raise self._translated(error, "written") from error

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A turn on the connection for reading; each statement sees a consistent database."""
        with self._turn:
            try:
                yield self._db
            except sqlite3.DatabaseError as error:
                raise self._translated(error, "read") from error

    def changes(self) -> int | None:
        """A number that moves with whatever is told of the diary, whoever writes it.

        None in one that no program since has opened for writing, and in the middle of writing.
        """
        with self.read() as db:
            if self._check_version() < COUNTING or db.in_transaction:  # what is undone would leave its number to something else
                return None
            return int(db.execute("SELECT n FROM changes").fetchone()[0])

    def remembered(self, question: Hashable, ask: Callable[[], T], *, rest: float = 0.0) -> T:
        """What `ask` answers, asked again only when something has changed: an idle program asks nothing of a hundred thousand photos.

        question: tells this one from others, with all that its answer depends on beside the ledger.  The answer is handed out as it is: never change it.
        rest: so many times as long as it took, an answer that took long is good enough although something has changed since.
        """
        now, clock = self.changes(), time.monotonic()
        known = self._remembered.get(question)
        if known is not None and now is not None and (known.changes == now or clock < known.at + rest * known.took):
            return known.answer  # type: ignore[return-value]
        answer, at = ask(), time.monotonic()
        if now is not None:  # as of before it was asked: what came meanwhile has it asked again
            self._remembered[question] = _Remembered(now, at, at - clock if at - clock > LONG_S else 0.0, answer)
        return answer

    def ask_anew(self, *questions: Hashable) -> None:
        """Forget the answers to these: something has happened that they are about."""
        for question in questions:
            self._remembered.pop(question, None)

    def shred(self) -> None:
        """Write the file anew and empty the log, so that nothing that was deleted is left in either; copies from before migrations go too.

        secure_delete overwrites what is deleted from now on; what earlier programs deleted without it only goes by writing anew.
        Raises StorageTrouble when the disk is full, or somebody read the log for too long.
        """
        with self._turn, self._locked():
            try:
                self._db.execute("VACUUM")
                if self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                    raise StorageTrouble(f"{self.path}: somebody keeps reading the diary database, so that its log cannot be emptied")
                for copy in self.path.parent.glob("ledger-before-*.sqlite3"):
                    copy.unlink()
            except sqlite3.DatabaseError as error:
                raise self._translated(error, "written anew") from error
            except OSError as error:
                raise StorageTrouble(f"{self.path.parent}: an old copy of the diary database cannot be removed: {error.strerror}") from error

    def _translated(self, error: sqlite3.DatabaseError, what: str) -> Exception:
        """Our own mistakes (broken constraints) stay what they are; a full disk passes, a damaged file does not."""
        if isinstance(error, sqlite3.OperationalError):
            return StorageTrouble(f"{self.path}: the diary database cannot be {what}: {error}")
        if type(error) is sqlite3.DatabaseError:
            return LedgerTrouble(f"{self.path}: the diary database is damaged: {error}")
        return error

    def close(self) -> None:
        with self._turn:
            if self.writable:
                with self._locked():
                    self._db.close()
                os.close(self._lock_fd)
            else:
                self._db.close()


def _disk_refuses(error: BaseException) -> bool:
    """Whether it is the disk that is full or refuses, and nothing is said about the database itself."""
    name = getattr(error, "sqlite_errorname", None) or ""
    return isinstance(error, sqlite3.OperationalError) and name.startswith(("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN"))


def _quote(path: Path) -> str:
    return str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _refuse_network(folder: Path) -> None:
    """SQLite's locks are not to be trusted on network file systems."""
    target = os.path.realpath(folder)
    best, kind = "", ""
    with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as mounts:
        for line in mounts:
            _, point, name, *_ = line.split(" ")
            point = point.replace("\\040", " ")
            if (target == point or target.startswith(point.rstrip("/") + "/")) and len(point) >= len(best):
                best, kind = point, name
    if kind in NETWORK_FILE_SYSTEMS:
        raise LedgerTrouble(f"{folder}: the diary database may not lie on a network file system ({kind}); choose a local disk for the archive")
