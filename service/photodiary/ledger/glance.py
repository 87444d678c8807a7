"""How a diary stands, at a glance: what is asked again and again while the service runs, and counted anew only when something was written."""

from __future__ import annotations

from dataclasses import dataclass

from photodiary.diary.photo import Stage
from photodiary.ledger import reels, wishes
from photodiary.ledger.photos import COULD_SHOW
from photodiary.ledger.store import Ledger


@dataclass(frozen=True)
class Glance:
    """frames: that a film may show; to_check: photos that a person is asked about; waiting: photos and files on their way; film_at: when the newest film was
    made, seconds since the epoch, None without one."""

    frames: int = 0
    to_check: int = 0
    waiting: int = 0
    film_at: float | None = None


def written(ledger: Ledger) -> tuple[int, int]:
    """Numbers that change when anybody writes to the diary: other connections, and this one."""
    with ledger.read() as db:
        return int(db.execute("PRAGMA data_version").fetchone()[0]), db.total_changes


def glance(ledger: Ledger) -> Glance:
    """With 100,000 photos tens of milliseconds."""
    with ledger.read() as db:
        stages = {row[0]: row[1] for row in db.execute("SELECT stage, count(*) FROM photos GROUP BY stage")}
        frames = db.execute(f"SELECT count(*) FROM photos WHERE {COULD_SHOW}").fetchone()[0]
    reel, held = reels.newest_reel(ledger), wishes.notes(ledger).get("held", 0)
    waiting = stages.get(Stage.RECEIVED, 0) + stages.get(Stage.LOCATED, 0) + int(held)
    return Glance(frames, stages.get(Stage.DOUBTFUL, 0), waiting, None if reel is None else reel.rendered_at)
