"""How a diary stands, at a glance: what is asked again and again while the service runs, and counted anew only when something has changed."""

from __future__ import annotations

from dataclasses import dataclass, replace

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


def glance(ledger: Ledger) -> Glance:
    """Raises StorageTrouble."""
    counted = ledger.remembered("glance", lambda: _counted(ledger))
    return replace(counted, waiting=counted.waiting + int(wishes.notes(ledger).get("held", 0)))


def _counted(ledger: Ledger) -> Glance:
    """Without files on their way, of which no row tells.  With 100,000 photos tens of milliseconds."""
    with ledger.read() as db:
        stages = {row[0]: row[1] for row in db.execute("SELECT stage, count(*) FROM photos GROUP BY stage")}
        frames = db.execute(f"SELECT count(*) FROM photos WHERE {COULD_SHOW}").fetchone()[0]
    reel, waiting = reels.newest_reel(ledger), stages.get(Stage.RECEIVED, 0) + stages.get(Stage.LOCATED, 0)
    return Glance(frames, stages.get(Stage.DOUBTFUL, 0), waiting, None if reel is None else reel.rendered_at)
