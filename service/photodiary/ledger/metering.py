"""What is counted about a diary again and again: cheap questions, and dear ones that are to be asked seldom.  Everything here only reads.

With 100,000 photos `quick` takes 5 ms of a core and `slow` 60.
"""

from __future__ import annotations

from dataclasses import dataclass

from photodiary.diary.photo import Stage
from photodiary.ledger import reels, reviewing, summary, wishes
from photodiary.ledger.reels import ReelRow
from photodiary.ledger.store import Ledger


@dataclass(frozen=True)
class Quick:
    """stages: photos by stage, every stage present; pending_since: when the oldest photo came in that is on its way to its first frame, among those that
    arrived live and those of a backlog, seconds since the epoch; arriving: files that wait for more bytes; film: the newest main one."""

    stages: dict[str, int]
    pending_since: dict[str, float | None]
    arriving: int
    last_scan: float | None
    film: ReelRow | None


@dataclass(frozen=True)
class Slow:
    """to_check: photos that the page asks about; labels: placed and confirmed; originals, frames: bytes of them."""

    to_check: int
    labels: dict[str, int]
    originals: int
    frames: int


def version(ledger: Ledger) -> int:
    """Another number when somebody else, in this process or another one, has written since."""
    with ledger.read() as db:
        return int(db.execute("PRAGMA data_version").fetchone()[0])


def quick(ledger: Ledger) -> Quick:
    with ledger.read() as db:
        stages = dict.fromkeys((str(stage) for stage in Stage), 0)
        stages.update({row[0]: row[1] for row in db.execute("SELECT stage, count(*) FROM photos GROUP BY stage")})
        rows = db.execute(
            "SELECT backlog, min(received_at) FROM photos WHERE stage IN (?, ?) AND frame IS NULL GROUP BY backlog", (Stage.RECEIVED, Stage.LOCATED)
        ).fetchall()
    oldest = {"backlog" if row[0] else "live": row[1] for row in rows}
    notes = wishes.notes(ledger)
    since = {queue: oldest.get(queue) for queue in ("live", "backlog")}
    return Quick(stages, since, int(notes.get("held", 0)), notes.get("last_scan"), reels.newest_reel(ledger))


def slow(ledger: Ledger) -> Slow:
    disk = summary.disk(ledger)
    return Slow(len(reviewing.questions(ledger)), summary.labels(ledger), disk["originals"], disk["frames"])
