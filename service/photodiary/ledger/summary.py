"""What the ledger can tell about a diary as a whole; everything here only reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from photodiary.diary.eyes import REASONS
from photodiary.diary.photo import Stage
from photodiary.ledger import picks, reels, takes
from photodiary.ledger.photos import COULD_SHOW
from photodiary.ledger.placed import PLACED
from photodiary.ledger.store import Ledger


@dataclass(frozen=True)
class Counts:
    """stages: photos by stage, every stage present; duplicates: further names of known photos; other_takes: could show, another of the moment or day does.

    days: how many days the film shows.
    """

    total: int
    stages: dict[str, int]
    in_film: int
    duplicates: int
    other_takes: int = 0
    days: int = 0


def counts(ledger: Ledger) -> Counts:
    with ledger.read() as db:
        stages = dict.fromkeys((str(stage) for stage in Stage), 0)
        stages.update({row[0]: row[1] for row in db.execute("SELECT stage, count(*) FROM photos GROUP BY stage")})
        # A photo that is in doubt and in the film counts as doubtful also while its frame is being made again.
        names, named = db.execute("SELECT count(*), count(DISTINCT photo_id) FROM names").fetchone()
        could = db.execute(f"SELECT count(*) FROM photos WHERE {COULD_SHOW}").fetchone()[0]
        in_film, days = db.execute(f"SELECT count(*), count(DISTINCT {picks.DAY.format('photos')}) FROM photos WHERE {takes.shows(db)}").fetchone()
    return Counts(sum(stages.values()), stages, in_film, names - named, could - in_film, days)


def unknown(ledger: Ledger, starts: Sequence[str]) -> int:
    """How many of these are of no photo in the ledger, each the beginning of a SHA-256."""
    with ledger.read() as db:
        known = {start for start in starts if start and db.execute("SELECT 1 FROM photos WHERE substr(sha256, 1, ?) = ?", (len(start), start)).fetchone()}
    return sum(1 for start in starts if start not in known)


def labels(ledger: Ledger) -> dict[str, int]:
    """Photos with a human's eyes that were not taken back, by how: placed or confirmed."""
    with ledger.read() as db:
        found = dict(db.execute(f"SELECT by, count(DISTINCT photo_id) FROM sightings WHERE {PLACED} GROUP BY by").fetchall())
    return {"placed": found.get("placed", 0), "confirmed": found.get("confirmed", 0)}


def film_missing(ledger: Ledger) -> list[dict[str, str]]:
    """Days that have photos but none in the film, each with the reason of its first photo."""
    with ledger.read() as db:
        apart = picks.in_force(db) in ("week", "month")  # days that another day stands for miss nothing
        shown = f"({takes.shows(db)} OR {COULD_SHOW})" if apart else takes.shows(db)
        rows = db.execute(
            f"SELECT {picks.DAY.format('photos')} AS day, min(taken_wall), reason, stage, {COULD_SHOW} AS could"  # of the day's first, because of min()
            f" FROM photos WHERE taken_wall IS NOT NULL GROUP BY day HAVING max({shown}) = 0 ORDER BY day"
        ).fetchall()
    missing = []
    for row in rows:
        reason = "another take of the same moment shows" if row["could"] else REASONS.get(row["reason"] or "", row["reason"])
        missing.append({"day": row["day"], "reason": reason or f"not yet through ({row['stage']})"})
    return missing


def disk(ledger: Ledger) -> dict[str, int]:
    """Bytes of originals and frames, as the ledger knows them."""
    with ledger.read() as db:
        originals, frames = db.execute(
            "SELECT coalesce(sum(bytes) FILTER (WHERE original IS NOT NULL), 0), coalesce(sum(frame_bytes), 0) FROM photos"
        ).fetchone()
    return {"originals": originals, "frames": frames}


def not_in_film(ledger: Ledger) -> list[tuple[str, int]]:
    """Why photos are left out, could not be read or wait for a date: sentences and how many."""
    with ledger.read() as db:
        rows = db.execute(
            f"SELECT coalesce(reason, stage), count(*) FROM photos WHERE NOT ({COULD_SHOW}) AND stage NOT IN ('received', 'located') GROUP BY 1 ORDER BY 2 DESC"
        ).fetchall()
    return [(REASONS.get(row[0], row[0]), row[1]) for row in rows]


def last_day(ledger: Ledger, until: float) -> str:
    """The daily summary, in words."""
    with ledger.read() as db:
        new = db.execute("SELECT count(*) FROM photos WHERE received_at > ? AND received_at <= ?", (until - 86_400, until)).fetchone()[0]
    now = counts(ledger)
    reel = reels.newest_reel(ledger)
    film = "no film yet" if reel is None else f"film of {reel.frames:,} photos"
    check = now.stages[Stage.DOUBTFUL]
    unread = now.stages[Stage.QUARANTINED]
    return (
        f"the last day: {new:,} new photo{'s' if new != 1 else ''}; {now.in_film:,} of {now.total:,} in the film, {check:,} to check, "
        f"{unread:,} could not be read; {film}"
    )
