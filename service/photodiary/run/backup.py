"""`backup` and `restore`: a diary's originals and database in a folder elsewhere, and back.  Frames and film are made again from them.

A backup is `ledger.sqlite3`, `originals/` as in the archive, and `about.json`.  The originals come first and the database last, so that
every database that is ever there, also after a power cut, finds its originals beside it.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from photodiary.archive import copying as shelf
from photodiary.archive import layout
from photodiary.archive.store import TEMPORARY, Archive, sync_folder
from photodiary.diary.photo import Digest
from photodiary.errors import BadUsage, Busy, LedgerTrouble, StorageTrouble
from photodiary.ledger import copying, health
from photodiary.ledger.store import FILE, Ledger

ABOUT = "about.json"
OWN = {FILE, f"{FILE}-wal", f"{FILE}-shm", layout.ORIGINALS, ABOUT, "lost+found"}


@dataclass
class Copied:
    """What came of it.  lost: originals that are missing or damaged where they come from, and are not in the copy."""

    photos: int = 0
    corrections: int = 0
    decisions: int = 0
    new: int = 0
    bytes: int = 0
    forgotten: int = 0
    same_disk: bool = False
    lost: list[tuple[str, str]] = field(default_factory=list)


def back_up(archive: Archive, folder: Path, diary: str, show: Callable[[str], None]) -> Copied:
    """Bring the backup in `folder` up to date, beside whoever works on the diary.  Raises BadUsage, Busy, LedgerTrouble, StorageTrouble."""
    ledger = Ledger(archive.root, writable=False)
    try:
        with _held(folder, diary), archive.room() as room:
            while True:
                copying.take(ledger, room)
                copy = Ledger(room)
                try:
                    told = health.problems(copy)
                    if told:
                        raise LedgerTrouble(f"{ledger.path}: the diary database is damaged: {told[0]}; {folder} stays as it was, see `photodiary doctor`")
                    copying.strike_forgotten(copy, (), time.time())
                    gone = set(health.forgotten(copy))
                    made = _bring(copy, shelf.Copying(archive.root, folder, sure=False), show)
                    copying.one_file(copy)
                finally:
                    copy.close()
                if set(health.forgotten(ledger)) <= gone:  # else a photo was forgotten meanwhile: once more, without it
                    break
            copying.drop_log(folder)
            shelf.put(room / FILE, folder / FILE)
            about = {"diary": diary, "archive": str(archive.root), "made_at": datetime.now(UTC).isoformat(timespec="seconds"), "photos": made.photos}
            (room / ABOUT).write_text(json.dumps(about) + "\n", encoding="utf-8")
            shelf.put(room / ABOUT, folder / ABOUT)
            made.forgotten = _drop(folder, gone)
    finally:
        ledger.close()
    made.same_disk = os.stat(folder).st_dev == os.stat(archive.root).st_dev
    return made


def restore(archive: Archive, folder: Path, forgotten: set[Digest], show: Callable[[str], None]) -> Copied:
    """Bring a backup into an empty archive whose daemon.lock is held.

    forgotten: photos that are to stay forgotten, beside those that the backup and the archive know of.
    Interrupted, it goes on when it is called again.  Raises BadUsage, LedgerTrouble, StorageTrouble.
    """
    if not (folder / FILE).is_file():
        raise BadUsage(f"{folder}: is no backup, there is no {FILE} in it")
    forgotten = forgotten | _empty(archive)
    with archive.room() as room:
        shelf.put(folder / FILE, room / FILE)
        copy = Ledger(room)
        try:
            told = health.problems(copy)
            if told:
                raise LedgerTrouble(f"{folder / FILE}: the diary database of this backup is damaged: {told[0]}; nothing was restored, use another backup")
            copying.strike_forgotten(copy, forgotten, time.time())
            copying.without_frames(copy)
            named = {kept.path for kept in copying.originals(copy)}
            if any(not path.startswith(f"{layout.ORIGINALS}/") or ".." in Path(path).parts for path in named):
                raise LedgerTrouble(f"{folder / FILE}: names files outside {layout.ORIGINALS}/; nothing was restored, use another backup")
            strange = [path for path in archive.originals() if path not in named and TEMPORARY not in path]
            if strange:
                raise _not_empty(archive, strange[0])
            made = _bring(copy, shelf.Copying(folder, archive.root, sure=True), show)
        finally:
            copy.close()
        copying.replace(room / FILE, archive.root)
    return made


def _bring(copy: Ledger, by: shelf.Copying, show: Callable[[str], None]) -> Copied:
    """Every original that the database names."""
    told = copying.said(copy)
    made = Copied(told["photos"], told["corrections"], told["decisions"])
    wanted = copying.originals(copy)
    for number, kept in enumerate(wanted):
        show(f"{number:,} of {len(wanted):,} photos")
        how = by.bring(kept.path, kept.sha256, kept.bytes)
        if how in (shelf.MISSING, shelf.DAMAGED):
            made.lost.append((kept.path, how))
        else:
            made.bytes += kept.bytes
            made.new += how != shelf.THERE
    by.finish()
    return made


def _empty(archive: Archive) -> set[Digest]:
    """Photos that an archive without photos remembers as forgotten.  Raises BadUsage when it is not empty."""
    for name in (layout.FRAMES, layout.FILMS):
        for path in (archive.root / name).rglob("*"):
            if path.is_file() and not path.name.startswith(TEMPORARY):
                raise _not_empty(archive, str(path.relative_to(archive.root)))
    if not (archive.root / FILE).exists():
        return set()
    ledger = Ledger(archive.root)
    try:
        if copying.said(ledger)["photos"]:
            raise _not_empty(archive, FILE)
        return set(health.forgotten(ledger))
    finally:
        ledger.close()


def _not_empty(archive: Archive, what: str) -> BadUsage:
    aside = f"{archive.root}.old"
    return BadUsage(
        f"{archive.root}: is not empty ({what}); nothing was changed. Move it aside (mv '{archive.root}' '{aside}') and call again, "
        f"with --forgotten '{aside}' so that what was forgotten stays so"
    )


def forgotten_by(path: Path) -> set[Digest]:
    """What is to stay forgotten, told by a list with one SHA-256 a line, or by another archive or backup.  Raises BadUsage, LedgerTrouble."""
    if path.is_dir() or path.name == FILE:
        ledger = Ledger(path if path.is_dir() else path.parent, writable=False)
        try:
            return set(health.forgotten(ledger))
        finally:
            ledger.close()
    try:
        lines = path.read_text(encoding="ascii").split()
    except (OSError, ValueError) as error:
        raise BadUsage(f"{path}: cannot be read as a list of forgotten photos, one SHA-256 a line") from error
    for line in lines:
        if not re.fullmatch(r"[0-9a-f]{64}", line):
            raise BadUsage(f"{path}: {line[:80]!r} is no SHA-256; write one a line")
    return {Digest(line) for line in lines}


def _drop(folder: Path, forgotten: set[Digest]) -> int:
    """Remove from an earlier backup what was forgotten since.  Returns how many files."""
    digits, dropped = [digest[: layout.DIGITS] for digest in forgotten], 0
    try:
        for path in list((folder / layout.ORIGINALS).rglob("*")):
            if path.is_file() and any(start in path.name for start in digits):
                path.unlink()
                sync_folder(path.parent)
                dropped += 1
            elif path.is_file() and path.name.startswith(TEMPORARY):
                path.unlink()
    except OSError as error:
        raise StorageTrouble(f"{folder}: a forgotten photo cannot be removed: {error.strerror}") from error
    return dropped


@contextmanager
def _held(folder: Path, diary: str) -> Iterator[None]:
    """The right to write into a backup's folder, which is made when it is not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        strange = sorted(path.name for path in folder.iterdir() if path.name not in OWN and not path.name.startswith(TEMPORARY))
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise StorageTrouble(f"{folder}: cannot be used: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Busy(f"{folder}: another backup into it is going on") from error
        if strange:
            raise BadUsage(f"{folder}: holds something else ({strange[0]}); choose an empty folder, or one that holds an earlier backup")
        _same_diary(folder, diary)
        yield
    finally:
        os.close(descriptor)


def _same_diary(folder: Path, diary: str) -> None:
    try:
        told = json.loads((folder / ABOUT).read_text(encoding="utf-8"))["diary"]
    except (OSError, ValueError, KeyError, TypeError):
        return  # a first backup, perhaps interrupted
    if told != diary:
        raise BadUsage(f"{folder}: is the backup of the diary {told}; choose another folder for {diary}")
