"""Diaries of many years without the years: the rows of a small diary that the program itself has made, over and over, each photo with its own digest,
date, name and file in the inbox.  What the rows hold is so what the program writes, whatever columns they have.

The frames are hard links of the small diary's, the film's order and the pairs between its photos are noted as after a render, so that a daemon that is started
on it has nothing to do.  Every file in the inbox is a real one, small, and known by its stamp.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from photodiary.archive import layout
from photodiary.archive.store import Archive
from photodiary.ledger import reels
from photodiary.ledger.store import Ledger
from photodiary.run.films import rendering_of
from photodiary.settings import load

FIRST = datetime(1930, 1, 1, 8)
CHUNK = 5000
MOST_LINKS = 60_000
A_FILE = b"\xff\xd8\xff\xd9 not looked at: its stamp is known"
EVERY_PLACED = 120  # one photo of so many has a person's eyes
EVERY_TWICE = 50  # one photo of so many came under a second name
EVERY_DOUBTFUL, EVERY_EXCLUDED = 90, 150
OWN_DAY = 0.97  # of the photos are the only ones of their day; three of a hundred share it with the one before

KEPT = ("canvases", "notes", "changes")  # tables that say nothing of single photos

Row = dict[str, Any]


@dataclass(frozen=True)
class Seed:
    """What the small diary has of one photo."""

    photo: Row
    sightings: list[Row]
    likenesses: list[Row]
    looks: list[Row]


def fill(folder: Path, seed: Path, photos: int, *, inbox: bool = True, frames: bool = True) -> None:
    """A diary of so many photos in `folder`, which holds its config.toml.  seed: the archive of a small one, whole and with a film.

    inbox, frames: whether the files of the inbox and of the frames are there too, and not only their rows.
    """
    archive = folder / "archive"
    Archive(archive).prepare()
    (folder / "inbox").mkdir(parents=True, exist_ok=True)
    _copy(seed / "ledger.sqlite3", archive / "ledger.sqlite3")
    with sqlite3.connect(archive / "ledger.sqlite3", isolation_level=None) as db:
        db.row_factory = sqlite3.Row
        db.execute("PRAGMA synchronous=OFF")
        seeds = _seeds(db)
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")]
        triggers = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
        for trigger in triggers:
            db.execute(f"DROP TRIGGER {trigger}")
        db.execute("PRAGMA foreign_keys=OFF")
        for table in tables:
            if table not in KEPT:
                db.execute(f"DELETE FROM {table}")
        _rows(db, seeds, photos, folder / "inbox" if inbox else None, (seed, archive) if frames else None)
    db.close()
    with sqlite3.connect(archive / "ledger.sqlite3") as db, sqlite3.connect(seed / "ledger.sqlite3") as whole:
        for (text,) in whole.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger'"):
            db.execute(text)
    db.close()
    whole.close()
    _film(folder, seed)


def _copy(source: Path, target: Path) -> None:
    with sqlite3.connect(f"file:{source}?mode=ro", uri=True) as old, sqlite3.connect(target) as new:
        old.backup(new)
    old.close()
    new.close()


def _seeds(db: sqlite3.Connection) -> list[Seed]:
    """The photos of the small diary that have a frame, a likeness and looks, without the takes of other moments."""
    found = []
    for photo in db.execute("SELECT * FROM photos WHERE stage = 'aligned' AND frame IS NOT NULL AND doubtful = 0 ORDER BY id").fetchall():
        of = {
            table: [dict(row) for row in db.execute(f"SELECT * FROM {table} WHERE photo_id = ? ORDER BY 1", (photo["id"],))]
            for table in ("sightings", "likenesses", "looks")
        }
        if all(of.values()) and of["likenesses"][-1]["log_odds"] is not None:
            found.append(Seed(dict(photo), of["sightings"][-1:], of["likenesses"][-1:], of["looks"]))
    return found


def _rows(db: sqlite3.Connection, seeds: list[Seed], photos: int, inbox: Path | None, frames: tuple[Path, Path] | None) -> None:
    held: dict[str, list[Row]] = {}
    links: dict[str, tuple[Path, int]] = {}
    wall = FIRST
    for number in range(1, photos + 1):
        seed = seeds[number % len(seeds)]
        digest = hashlib.sha256(f"filled {number}".encode()).hexdigest()
        wall = wall + timedelta(hours=1) if number % 100 >= 100 * OWN_DAY else wall.replace(hour=8) + timedelta(days=1)
        frame = f"{layout.FRAMES}/{wall:%Y/%Y-%m-%d_%H-%M-%S}_{digest[: layout.DIGITS]}_{re.sub('.*_', '', seed.photo['frame'])}"
        photo = seed.photo | {
            "id": number, "sha256": digest, "sighting_id": number, "taken_wall": wall.isoformat(), "taken_utc": wall.timestamp(),
            "frame": frame, "original": f"{layout.ORIGINALS}/{wall:%Y/%Y-%m-%d_%H-%M-%S}_{digest[: layout.DIGITS]}.jpg",
            "picture": digest, "take": None,
        }  # fmt: skip
        sightings = [seed.sightings[0] | {"id": number, "photo_id": number}]
        if number % EVERY_PLACED == 0:
            sightings.append(sightings[0] | {"id": photos + number, "by": "placed", "expected_error": None})
            photo["sighting_id"] = photos + number
        elif number % EVERY_DOUBTFUL == 0:
            photo |= {"stage": "doubtful", "doubtful": 1, "reason": "unsure"}
        elif number % EVERY_EXCLUDED == 0:
            photo |= {"stage": "excluded", "reason": "no_face", "frame": None, "matrix": None, "frame_bytes": None}
        name = f"{wall:%Y}/IMG_{wall:%Y%m%d_%H%M%S}.jpg".encode()
        if inbox is not None:
            held.setdefault("files", []).append({"path": name, **_stamp(inbox, name), "photo_id": number, "gone_since": None})
        if frames is not None and photo["frame"] is not None:
            _link(frames[0] / seed.photo["frame"], frames[1] / frame, links)
        names = [name, b"WhatsApp/" + name] if number % EVERY_TWICE == 0 else [name]
        held.setdefault("names", []).extend({"photo_id": number, "name": one, "first_seen": photo["received_at"]} for one in names)
        held.setdefault("photos", []).append(photo)
        held.setdefault("sightings", []).extend(sightings)
        held.setdefault("likenesses", []).append(seed.likenesses[0] | {"sighting_id": number, "photo_id": number})
        if photo["frame"] is not None:
            held.setdefault("looks", []).append(seed.looks[0] | {"photo_id": number, "frame": frame})
        if number % CHUNK == 0 or number == photos:
            db.execute("BEGIN")
            for table, rows in held.items():
                columns = list(rows[0])
                marks = ", ".join("?" * len(columns))
                db.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", [[row[column] for column in columns] for row in rows])
            db.execute("COMMIT")
            held = {}


def _stamp(inbox: Path, name: bytes) -> Row:
    path = os.path.join(os.fsencode(inbox), name)
    try:
        handle = os.open(path, os.O_CREAT | os.O_WRONLY)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path))
        handle = os.open(path, os.O_CREAT | os.O_WRONLY)
    os.write(handle, A_FILE)
    status = os.fstat(handle)
    os.close(handle)
    return {"size": status.st_size, "mtime_ns": status.st_mtime_ns, "inode": status.st_ino}


def _link(source: Path, target: Path, links: dict[str, tuple[Path, int]]) -> None:
    """A hard link, of a fresh copy now and then: a file may have 65,000 names."""
    first, count = links.get(str(source), (source, MOST_LINKS))
    target.parent.mkdir(parents=True, exist_ok=True)
    if count >= MOST_LINKS:
        shutil.copyfile(source, target)
        first, count = target, 0
    else:
        os.link(first, target)
    links[str(source)] = first, count + 1


def _film(folder: Path, seed: Path) -> None:
    """Note the film that the program would make of it as made, with what happens between its photos; the file is the small diary's."""
    settings, archive = load(folder / "config.toml"), Archive(folder / "archive")
    ledger, small = Ledger(archive.root), Ledger(seed, writable=False)
    try:
        plan = rendering_of(settings, "me", ledger, archive).plan()
        assert plan is not None
        shutil.copyfile(seed / layout.LATEST, archive.root / layout.LATEST)
        newest = reels.newest_reel(small)
        assert newest is not None
        with small.read() as db:
            measured = [row[0] for row in db.execute("SELECT measured FROM transitions WHERE before <> after")]
            floors = [row[0] for row in db.execute("SELECT measured FROM transitions WHERE before = after")]
            quality = db.execute("SELECT quality FROM reels ORDER BY id DESC LIMIT 1").fetchone()[0]
        with ledger.read() as db:
            now = float(db.execute("SELECT max(framed_at) FROM photos").fetchone()[0]) + 1
            twice = [row[0] for row in db.execute("SELECT frame FROM photos WHERE frame IS NOT NULL ORDER BY sha256 LIMIT 40")]
        reel = reels.ReelRow(layout.LATEST, len(plan.frames), float(plan.seconds), plan.fingerprint, newest.bytes, now, newest.sha256,
                             None if plan.pace is None else float(plan.pace))  # fmt: skip
        reels.publish_reel(ledger, reel, plan.frames, [segment.fingerprint for segment in plan.segments], ())
        pairs = [(*pair, measured[number % len(measured)]) for number, pair in enumerate(pairwise(plan.frames))]
        pairs += [(frame, frame, floors[number % len(floors)]) for number, frame in enumerate(twice)]
        with ledger.write() as db:
            db.executemany("INSERT OR REPLACE INTO transitions (before, after, measured) VALUES (?, ?, ?)", pairs)
            db.execute("UPDATE reels SET quality = ?", (quality,))
            db.execute("ANALYZE") if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'").fetchone() else None
    finally:
        ledger.close()
        small.close()
