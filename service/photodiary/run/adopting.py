"""`init --adopt`: takes over a diary whose archive was copied from elsewhere, such as another server."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from photodiary.archive import layout
from photodiary.archive.store import Archive
from photodiary.errors import BadUsage, Busy, LedgerTrouble
from photodiary.ledger import adopting, health
from photodiary.ledger.adopting import Facts
from photodiary.ledger.store import FILE, Ledger
from photodiary.run import init, lock
from photodiary.run.backup import ABOUT

MOST_TOLD = 5


def adopt(folder: Path, given: Path) -> str:
    """Write DIR/config.toml for the diary in an archive, and DIR/inbox.  Returns in words what was taken over, and the next step.

    Nothing of the archive changes but that the database lets go of the old inbox.  Raises BadUsage, Busy, LedgerTrouble, StorageTrouble.
    """
    root = Path(os.path.abspath(given))
    if (folder / init.CONFIG).exists():
        raise BadUsage(f"{folder / init.CONFIG}: is there already; nothing was changed")
    _is_diary(root)
    pid = lock.holder(root)
    if pid is not None:
        raise Busy(f"{root}: another photodiary (process {pid}) is at work on this diary; stop it, and call this again")
    held = lock.DaemonLock(root)
    try:
        known, wrong = _examined(Archive(root))
        zone, told = _zone(known)
        words = init.write(folder, _config(folder, root, known, zone))
        ledger = Ledger(root)  # brings an older one up to date, after a copy
        try:
            adopting.leave_inbox(ledger)
        finally:
            ledger.close()
    finally:
        held.release()
    inbox = folder / "inbox"
    return "\n".join(
        [
            f"took over the diary in {root}: {len(known.originals):,} photos", *wrong, f"wrote {words}", told,
            "what else the old configuration said is not in an archive: bring those settings along by hand, and the old state folder's models/, if it learnt",
            f"new photos go into {inbox}; those that are in the diary already may lie there too",
            f"next: photodiary run --config {words}",
        ]
    )  # fmt: skip


def _is_diary(root: Path) -> None:
    """Raises BadUsage with what to do instead."""
    if not root.is_dir():
        raise BadUsage(f"there is no folder {root}")
    if (root / FILE).is_file() and not (root / ABOUT).exists():
        return
    if (root / ABOUT).exists():
        raise BadUsage(f"{root}: is a backup, which stays as it is; `photodiary init DIR`, and then `photodiary restore {root}` brings it into a new archive")
    originals = sum(1 for _ in Archive(root).originals())
    if originals:
        raise BadUsage(
            f"{root}: has {originals:,} original{'s' if originals > 1 else ''} and no diary database ({FILE}); with a backup, `photodiary init DIR` and "
            f"`photodiary restore BACKUP` bring all back; without one, `photodiary init DIR` and `photodiary import {root / layout.ORIGINALS}` begin anew"
        )
    raise BadUsage(f"{root}: is no archive of a diary: it has no {FILE}")


def _examined(archive: Archive) -> tuple[Facts, list[str]]:
    """What the database knows, and what is wrong in words.  Raises LedgerTrouble for one that is newer or not sound, BadUsage for half a copy."""
    ledger = Ledger(archive.root, writable=False)
    try:
        told = health.problems(ledger)
        if told:
            raise LedgerTrouble(f"{ledger.path}: the diary database is damaged: {told[0]}; copy it again with the service stopped, or restore a backup")
        known = adopting.facts(ledger)
    finally:
        ledger.close()
    lost = [file for file, size in known.originals if _size(archive.root / file) != size]
    if 2 * len(lost) > len(known.originals):
        raise BadUsage(
            f"{archive.root}: {len(lost):,} of {len(known.originals):,} originals are missing or cut short; copy the whole archive, with the service stopped"
        )
    frames = [file for file in known.frames if not _size(archive.root / file)]
    wrong = [f"{len(lost):,} originals are missing or cut short: {', '.join(lost[:MOST_TOLD])}{' and others' if len(lost) > MOST_TOLD else ''}"] if lost else []
    wrong += [f"{len(frames):,} frames are missing"] if frames else []
    return known, [*wrong, "`photodiary doctor` says more, and `photodiary doctor --fix` mends what can be made again"] if wrong else []


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _zone(known: Facts) -> tuple[str, str]:
    """The time zone to keep the diary in, and where that is from, in words."""
    if known.zone is not None and _fits(known.zone, ()):
        return known.zone, f"its time zone is {known.zone}, as before"
    here = init.local_zone()
    if _fits(here, known.clocks):
        return here, f"its time zone is taken to be this machine's, {here}"
    fitting = next((zone for zone in sorted(available_timezones()) if "/" in zone and not zone.startswith("Etc/") and _fits(zone, known.clocks)), None)
    if fitting is None:
        return here, f"its time zone is not known; this machine's, {here}, stands in the configuration: change it there if that is wrong"
    return fitting, f"its photos were dated in a time zone such as {fitting}, which stands in the configuration now: change it there to another of that clock"


def _fits(zone: str, clocks: tuple[tuple[datetime, timedelta], ...]) -> bool:
    """Whether there is such a zone, and its clock was the one that photos were dated by."""
    try:
        there = ZoneInfo(zone)
    except (ValueError, OSError):
        return False
    return all(wall.replace(tzinfo=there, fold=0).utcoffset() == offset for wall, offset in clocks)


def _config(folder: Path, root: Path, known: Facts, zone: str) -> str:
    """Where an archive lies inside DIR it is named from there."""
    home = Path(os.path.abspath(folder))
    archive = str(root.relative_to(home)) if root.is_relative_to(home) and root != home else str(root)
    more = "" if known.canvas == "auto" else f"canvas = {json.dumps(known.canvas)}\n"
    more += 'on_delete = "exclude"\n' if known.excluding else ""
    return init.TEMPLATE.format(zone=zone, archive=json.dumps(archive, ensure_ascii=False)) + more
