"""Tables, and the named steps that brought them about.  A step and its record share one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable


def first_light(db: sqlite3.Connection) -> None:
    """Photos, what was said about them, formats, films, wishes, and what the inbox looked like."""
    for statement in FIRST_LIGHT.split(";\n\n"):
        db.execute(statement)


FIRST_LIGHT = """
CREATE TABLE photos (
    id INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL UNIQUE CHECK (length(sha256) = 64),
    bytes INTEGER NOT NULL,
    format TEXT,                 -- jpeg, png; NULL when it could not be read
    width INTEGER, height INTEGER,   -- upright, pixels
    taken_wall TEXT,             -- wall clock, ISO, no offset
    taken_offset_s INTEGER,      -- UTC offset, NULL when unknown
    taken_utc REAL,              -- breaks ties only
    taken_from TEXT,
    received_at REAL NOT NULL,
    original TEXT,               -- below the archive; NULL when quarantined before it was copied
    stage TEXT NOT NULL,
    doubtful INTEGER NOT NULL DEFAULT 0,
    reason TEXT,
    sighting_id INTEGER REFERENCES sightings(id),   -- the current one
    frame TEXT,                  -- below the archive
    matrix TEXT,                 -- JSON, upright photo to canvas
    canvas_id INTEGER REFERENCES canvases(id),
    framed_at REAL,
    frame_bytes INTEGER,
    tries INTEGER NOT NULL DEFAULT 0,
    deaths INTEGER NOT NULL DEFAULT 0,
    next_try REAL NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX photos_work ON photos (stage, next_try, id);

CREATE INDEX photos_order ON photos (taken_wall, taken_utc, sha256);

CREATE TABLE names (
    photo_id INTEGER NOT NULL REFERENCES photos(id),
    name BLOB NOT NULL,          -- bytes as the file system has them
    first_seen REAL NOT NULL,
    PRIMARY KEY (photo_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE sightings (
    id INTEGER PRIMARY KEY,
    photo_id INTEGER NOT NULL REFERENCES photos(id),
    by TEXT NOT NULL,
    left_x REAL, left_y REAL, right_x REAL, right_y REAL,
    expected_error REAL,
    reason TEXT,
    faces INTEGER NOT NULL,
    made_at REAL NOT NULL
) STRICT;

CREATE INDEX sightings_photo ON sightings (photo_id, id);

CREATE TABLE verdicts (
    id INTEGER PRIMARY KEY,
    photo_id INTEGER NOT NULL REFERENCES photos(id),
    kind TEXT NOT NULL,
    value TEXT,
    made_at REAL NOT NULL
) STRICT;

CREATE TRIGGER sightings_stay BEFORE UPDATE ON sightings BEGIN SELECT RAISE(ABORT, 'sightings are append-only'); END;

CREATE TRIGGER verdicts_stay BEFORE UPDATE ON verdicts BEGIN SELECT RAISE(ABORT, 'verdicts are append-only'); END;

CREATE TABLE canvases (
    id INTEGER PRIMARY KEY,
    width INTEGER NOT NULL, height INTEGER NOT NULL,
    left_x REAL NOT NULL, left_y REAL NOT NULL, right_x REAL NOT NULL, right_y REAL NOT NULL,
    frozen INTEGER NOT NULL,     -- 0: from the first few photos, may still be chosen again
    source TEXT NOT NULL,        -- auto, or as written in the configuration
    words TEXT NOT NULL,
    made_at REAL NOT NULL
) STRICT;

CREATE TABLE wishes (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    details TEXT NOT NULL,       -- JSON
    made_at REAL NOT NULL,
    progress TEXT,               -- JSON, written while it is being fulfilled
    done_at REAL,
    outcome TEXT                 -- JSON
) STRICT;

CREATE TABLE reels (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL,
    frames INTEGER NOT NULL,
    seconds REAL NOT NULL,
    fingerprint TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    rendered_at REAL NOT NULL
) STRICT;

CREATE TABLE files (
    path BLOB PRIMARY KEY,       -- below the inbox
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, inode INTEGER NOT NULL,
    photo_id INTEGER NOT NULL REFERENCES photos(id)
) STRICT, WITHOUT ROWID;

CREATE TABLE arrivals (
    path BLOB PRIMARY KEY,
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, inode INTEGER NOT NULL,
    reason TEXT NOT NULL,
    since REAL NOT NULL,
    tries INTEGER NOT NULL,
    next_try REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE notes (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL          -- JSON
) STRICT, WITHOUT ROWID"""


def likenesses(db: sqlite3.Connection) -> None:
    """What the chosen face of a photo looks like to a model, and how sure it was that it is the diary's person."""
    db.execute(
        """CREATE TABLE likenesses (
    sighting_id INTEGER PRIMARY KEY REFERENCES sightings(id),
    photo_id INTEGER NOT NULL REFERENCES photos(id),
    model TEXT NOT NULL,
    vector BLOB NOT NULL,
    log_odds REAL                -- NULL when there were too few trusted frames to compare with
) STRICT"""
    )
    db.execute("CREATE INDEX likenesses_model ON likenesses (model, photo_id)")


def decisions(db: sqlite3.Connection) -> None:
    """Photos that a person had forgotten: only their SHA-256 stays, so that they do not come back; and quick reading of verdicts."""
    db.execute(
        """CREATE TABLE forgotten (
    sha256 TEXT PRIMARY KEY CHECK (length(sha256) = 64),
    made_at REAL NOT NULL,
    erased_at REAL,              -- its files are gone
    done_at REAL                 -- no film shows it, no row and no page of this file holds it
) STRICT, WITHOUT ROWID"""
    )
    db.execute("CREATE INDEX verdicts_photo ON verdicts (photo_id, id)")


def takes(db: sqlite3.Connection) -> None:
    """Photos of one moment; how often a file killed its reader; since when a file is gone from the inbox; what a film's bytes were."""
    for column in (
        "photos ADD COLUMN picture TEXT",  # SHA-256 of the decoded pixels: equal for photos that differ in metadata only
        "photos ADD COLUMN signature BLOB",  # the picture very small and grey, to tell another encoding of it
        "photos ADD COLUMN take INTEGER",  # photos of one moment share a number; NULL: the only one
        "photos ADD COLUMN superseded INTEGER NOT NULL DEFAULT 0",  # a newer version came under the same name and time
        "arrivals ADD COLUMN deaths INTEGER NOT NULL DEFAULT 0",
        "files ADD COLUMN gone_since REAL",  # not in an inbox that was otherwise healthy
        "reels ADD COLUMN sha256 TEXT",
    ):
        db.execute(f"ALTER TABLE {column}")
    db.execute("CREATE INDEX photos_picture ON photos (picture)")
    db.execute("CREATE INDEX photos_take ON photos (take)")


def facings(db: sqlite3.Connection) -> None:
    """What a person said about which way round a photo is: mirrored or not, and how it has to be turned to stand upright."""
    db.execute(
        """CREATE TABLE facings (
    id INTEGER PRIMARY KEY,
    photo_id INTEGER NOT NULL REFERENCES photos(id),
    mirrored INTEGER NOT NULL CHECK (mirrored IN (0, 1)),
    turned INTEGER CHECK (turned IN (0, 90, 180, 270)),   -- degrees clockwise; NULL: the eyes say which way is up
    by TEXT NOT NULL,
    made_at REAL NOT NULL
) STRICT"""
    )
    db.execute("CREATE INDEX facings_photo ON facings (photo_id, id)")
    db.execute("CREATE TRIGGER facings_stay BEFORE UPDATE ON facings BEGIN SELECT RAISE(ABORT, 'facings are append-only'); END")


def film_order(db: sqlite3.Connection) -> None:
    """Which photos the newest film shows, in its order: a person who stops it wants to know which one that is."""
    db.execute("ALTER TABLE reels ADD COLUMN shows TEXT")  # JSON: the frames' paths; NULL for older films


def films(db: sqlite3.Connection) -> None:
    """What frames look like, what happens between two of them, and of films: their segments, pace and quality."""
    db.execute(
        """CREATE TABLE looks (
    photo_id INTEGER PRIMARY KEY REFERENCES photos(id),
    frame TEXT NOT NULL,         -- the frame that was measured; another one is measured anew
    tone TEXT NOT NULL,          -- JSON, numbers of diary/tone.py
    marks TEXT NOT NULL,         -- JSON, numbers of diary/picking.py
    eyes BLOB,                   -- small grey pictures of both eyes
    score REAL                   -- the higher, the rather it is picked; NULL: not known yet
) STRICT"""
    )
    db.execute("CREATE INDEX looks_score ON looks (photo_id, score)")  # all scores without reading the pictures beside them
    db.execute(
        """CREATE TABLE transitions (
    before TEXT NOT NULL, after TEXT NOT NULL,   -- frames that follow one another in a film
    measured TEXT NOT NULL,      -- JSON
    PRIMARY KEY (before, after)
) STRICT, WITHOUT ROWID"""
    )
    # Of the newest film of a path only, JSON: fingerprints; when each photo is first seen, NULL where each is shown equally long.  Photos a second.  JSON.
    for column in ("segments TEXT", "starts TEXT", "pace REAL", "quality TEXT"):
        db.execute(f"ALTER TABLE reels ADD COLUMN {column}")


RANK = "CASE WHEN frame IS NOT NULL THEN 1 WHEN backlog THEN 2 ELSE 0 END"  # of a photo among those of its stage: the lowest is next, see queue.py


def moving_in(db: sqlite3.Connection) -> None:
    """Which photos are of a backlog, so that those that arrive now go first, and what was brought from elsewhere already."""
    db.execute("ALTER TABLE photos ADD COLUMN backlog INTEGER NOT NULL DEFAULT 0")
    db.execute(f"CREATE INDEX photos_next ON photos (stage, {RANK}, id, next_try)")  # the next of tens of thousands without looking at each
    db.execute(
        """CREATE TABLE brought (
    source TEXT NOT NULL,        -- where from: a folder's or an export's path, a server's address
    item TEXT NOT NULL,          -- what that calls it: a path below, a number
    stamp TEXT NOT NULL,         -- of what it was then; another one is looked at again
    sha256 TEXT NOT NULL,        -- of the photo that it is
    PRIMARY KEY (source, item)
) STRICT, WITHOUT ROWID"""
    )
    db.execute("CREATE INDEX brought_photo ON brought (sha256)")  # forgetting a photo forgets where it came from
    db.execute("CREATE INDEX wishes_open ON wishes (kind, id) WHERE done_at IS NULL")  # each step asks for them, and all that ever were stay
    _count_changes(db)


# What is told of a diary depends on these and on which photos of a day show; when each is tried next does not matter.
COUNTED = {
    "photos": "UPDATE OF sha256, bytes, width, height, taken_wall, taken_utc, taken_from, original, stage, doubtful, reason, sighting_id, frame, matrix,"
    " canvas_id, framed_at, frame_bytes, tries, picture, take, superseded",
    "wishes": "UPDATE OF done_at",
    **dict.fromkeys(("names", "sightings", "verdicts", "facings", "likenesses", "looks", "canvases", "reels", "transitions", "forgotten"), "UPDATE"),
}


def _count_changes(db: sqlite3.Connection) -> None:
    """A number that moves with whatever is told of a diary, so that who asks again knows in no time that nothing is new, whoever wrote."""
    db.execute("CREATE TABLE changes (n INTEGER NOT NULL) STRICT")
    db.execute("INSERT INTO changes VALUES (0)")
    count = "BEGIN UPDATE changes SET n = n + 1; END"
    for table, update in COUNTED.items():
        for event in ("INSERT", update, "DELETE"):
            db.execute(f"CREATE TRIGGER {table}_{event.split()[0].lower()}_counts AFTER {event} ON {table} {count}")
    for event, row in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")):
        db.execute(f"CREATE TRIGGER pick_{event.lower()}_counts AFTER {event} ON notes WHEN {row}.key = 'pick' {count}")


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (first_light, likenesses, decisions, takes, facings, film_order, films, moving_in)
