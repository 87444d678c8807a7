"""What promise tests about the inbox share: what of it is in the diary, read from the ledger itself, so that looking costs no process."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.support.daemon import QUICK, Diary

from photodiary.diary.photo import Digest, Stage, digest_of
from photodiary.errors import PhotodiaryError
from photodiary.ledger import photos, wishes
from photodiary.ledger.photos import PhotoRow
from photodiary.ledger.store import FILE, Ledger

Rows = dict[Digest, tuple[PhotoRow, list[bytes]]]


def config(scan_every: float, settle: float = 0.5, film_after: float = 3600.0) -> str:
    """The quick configuration with other seconds; films are made late unless told otherwise, they are another row's."""
    return (
        QUICK.replace("scan_every = 5.0", f"scan_every = {scan_every}")
        .replace("wait_until_unchanged = 0.5", f"wait_until_unchanged = {settle}")
        .replace("after_quiet_s = 0.5", f"after_quiet_s = {film_after}")
        .replace("at_latest_s = 5.0", f"at_latest_s = {max(film_after, 5.0)}")
    )


@contextlib.contextmanager
def living(folder: Path, text: str, *prefix: str) -> Iterator[Diary]:
    """A diary whose daemon has begun to watch, started by the command `prefix` if there is one."""
    diary = Diary(folder, config=text)
    try:
        begin(diary, *prefix)
        yield diary
    finally:
        diary.close()


def begin(diary: Diary, *prefix: str) -> None:
    """Start the daemon and wait until it watches."""
    told, command = diary.told().count("watches"), diary.command
    diary.command = [*prefix, *command]
    diary.start()
    diary.command = command
    until(lambda: diary.told().count("watches") > told or not diary.alive, diary, "it watches")
    assert diary.alive, diary.told()[-3000:]


@contextlib.contextmanager
def ledger(diary: Diary) -> Iterator[Ledger]:
    opened = Ledger(diary.archive, writable=False)
    try:
        yield opened
    finally:
        opened.close()


def rows(diary: Diary) -> Rows:
    """Every row of the diary by its SHA-256, with its names."""
    if not (diary.archive / FILE).exists():
        return {}
    with ledger(diary) as opened:
        found = list(photos.everything(opened))
    assert len({row.sha256 for row, _ in found}) == len(found)
    return {row.sha256: (row, names) for row, names in found}


def note(diary: Diary, key: str) -> object:
    """One note of the daemon, as `status` reads it; None while the diary is being made."""
    try:
        with ledger(diary) as opened:
            return wishes.notes(opened).get(key)
    except PhotodiaryError:
        return None


def until(true: Callable[[], object], diary: Diary, what: str, seconds: float = 60) -> None:
    """Wait for it; fails with what the daemon said."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}\n{diary.told()[-3000:]}"
        time.sleep(0.05)


def is_in(diary: Diary, data: bytes) -> bool:
    """Whether exactly this photo has a row of its own and a copy in the archive."""
    found = rows(diary).get(digest_of(data))
    if found is None or found[0].original is None:
        return False
    return found[0].stage is not Stage.QUARANTINED and (diary.archive / found[0].original).read_bytes() == data


def until_in(diary: Diary, *photos_: bytes, seconds: float = 60) -> None:
    """Wait until these photos are in the diary."""
    for data in photos_:
        until(lambda data=data: is_in(diary, data), diary, "the photo is in the diary", seconds)  # type: ignore[misc]


def until_scanned(diary: Diary, seconds: float = 60) -> None:
    """Wait until two scans have begun and ended after this moment; for a daemon that scans each second."""
    for _ in range(2):
        before = note(diary, "last_scan")
        until(lambda before=before: note(diary, "last_scan") != before, diary, "a scan", seconds)  # type: ignore[misc]
