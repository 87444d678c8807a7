"""Which files of an inbox are photos, and when one has arrived whole; pure."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass, replace
from functools import lru_cache

from photodiary.darkroom import extents
from photodiary.errors import require
from photodiary.ledger.arrivals import Stamp

IGNORED_FILES = (
    ".*", "*~syncthing~*", "*.part", "*.filepart", "*.partial", "*.crdownload", "*.download", "*.tmp", "*~", "~$*", "*.!sync", "*.swp",
    "thumbs.db", "desktop.ini", "icon\r", "*.xmp", "*.aae", "*.thm", "*.json", "*.mp4", "*.mov", "*.3gp",
)  # fmt: skip
IGNORED_FOLDERS = (
    ".*", "@eadir", "#recycle", "#snapshot", "__macosx", "lost+found", "$recycle.bin", "system volume information", "*.photoslibrary",
)  # fmt: skip


TIME_SET_S = 1.0  # after its name, of a file that is brought whole


@dataclass(frozen=True)
class InboxConfig:
    """wait_until_unchanged: seconds a file must keep size, time and inode; scan_every: seconds between scans; ignore: further globs."""

    wait_until_unchanged: float = 5.0
    scan_every: float = 60.0
    ignore: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require(
            (0.5 <= self.wait_until_unchanged <= 600, "wait_until_unchanged must be 0.5 to 600 seconds"),
            (1 <= self.scan_every <= 3600, "scan_every must be 1 to 3600 seconds"),
        )


@lru_cache(maxsize=8)
def _matcher(globs: tuple[str, ...]) -> re.Pattern[str]:
    """One expression for all of them: a scan asks about every file."""
    return re.compile("|".join(fnmatch.translate(glob.lower()) for glob in globs))


def _matches(name: bytes, globs: tuple[str, ...]) -> bool:
    return _matcher(globs).match(name.decode("utf-8", "surrogateescape").lower()) is not None


def ignored_file(name: bytes, globs: tuple[str, ...] = ()) -> bool:
    """Temporary and system files of sync tools, browsers, NAS boxes and operating systems, sidecars and videos; case does not matter."""
    return _matches(name, IGNORED_FILES + globs)


def ignored_folder(name: bytes, globs: tuple[str, ...] = ()) -> bool:
    return _matches(name, IGNORED_FOLDERS + globs)


def whole_by_itself(data: bytes) -> bool:
    """Whether the bytes end exactly where the file itself says that it ends: its picture, and the gain map, motion photo or boxes behind it.

    Such a file, if it also decodes strictly, has arrived whole; any other is waited for.
    """
    return extents.whole(data)


@dataclass(frozen=True, slots=True)
class Pending:
    """A file that is not known yet: its stamp and since when (monotonic seconds) it has had it.

    early: an event told of it, so it may be tried once before it has settled; renamed: it got its name by a rename, whole.
    backlog: it lay there when the inbox was first looked at, and no event has told of it since: what arrives now goes first.
    """

    stamp: Stamp
    since: float
    early: bool = False
    renamed: bool = False
    backlog: bool = False


def observe(old: Pending | None, stamp: Stamp, now: float, *, early: bool = False, renamed: bool = False, backlog: bool = False) -> Pending:
    """What is known after seeing the file once more: an unchanged file keeps its `since`, a changed one starts anew.  backlog: seen by a first look.

    A file that got its name by a rename and only its time right after, as Syncthing does it, is still the one that came whole, and is tried at once.
    """
    if old is None or old.stamp != stamp:
        if old is not None and old.renamed and now - old.since < TIME_SET_S and (old.stamp.size, old.stamp.inode) == (stamp.size, stamp.inode):
            return replace(old, stamp=stamp, early=True)
        return Pending(stamp, now, early, renamed, backlog and not early)
    return Pending(stamp, old.since, old.early or early, old.renamed or renamed, old.backlog and not early)


def settled(pending: Pending, now: float, wait: float) -> bool:
    """Unchanged for long enough by the monotonic clock; file times are never compared with the clock, sync tools keep old ones."""
    return now - pending.since >= wait
