"""Films in `films/`: the newest one, and a few of those that it replaced."""

from __future__ import annotations

import errno
import os
import re
import secrets
from contextlib import suppress
from datetime import date
from pathlib import Path

import structlog

from photodiary.archive import layout
from photodiary.archive.store import TEMPORARY, sync_folder, trouble

log = structlog.get_logger()

NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
OF_A_DAY = re.compile(r"\d{4}-\d\d-\d\d\.mp4")


def old(root: Path) -> list[Path]:
    """Films that were replaced by a newer one, the oldest first."""
    try:
        names = sorted(name for name in os.listdir(root / layout.FILMS) if OF_A_DAY.fullmatch(name))
    except OSError:
        return []
    return [root / layout.FILMS / name for name in names]


def keep(root: Path, day: date) -> None:
    """Give the newest film a second name, that of its day, so that it stays when it is replaced; on a disk without hard links it does not stay.

    It has its old name all the while.  An older film of that day goes.  Raises StorageTrouble.
    """
    beside = root / layout.WORK / f"{TEMPORARY}{secrets.token_hex(8)}.mp4"
    target = root / layout.old_film(day)
    try:
        try:
            os.link(root / layout.LATEST, beside)
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            log.info(f"{root}: this disk cannot keep an older film beside the newest", code="film.not_kept")
            return
        beside.rename(target)
        sync_folder(target.parent)
    except OSError as error:
        raise trouble(target, error) from error
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)  # also when both names were the same file already: such a rename does nothing


def thin_out(root: Path, most: int) -> None:
    """Only the newest `most` old films stay.  Raises StorageTrouble."""
    films = old(root)
    try:
        for path in films[: max(0, len(films) - most)]:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise trouble(root / layout.FILMS, error) from error


def size(root: Path) -> int:
    """Bytes of all films, the newest included."""
    total = 0
    with suppress(OSError), os.scandir(root / layout.FILMS) as entries:
        for entry in entries:
            with suppress(OSError):
                total += entry.stat().st_size
    return total
