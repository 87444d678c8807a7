"""What is counted again and again says the same as what `status` counts, and whether anything is new."""

from __future__ import annotations

import time
from pathlib import Path

from photodiary.diary.photo import Digest, Stage
from photodiary.ledger import metering, summary, wishes
from photodiary.ledger.photos import NewPhoto, insert_or_name
from photodiary.ledger.reels import ReelRow, publish_reel
from photodiary.ledger.store import Ledger


def test_it_counts_what_there_is(tmp_path: Path) -> None:
    """Photos by stage, what is on its way to its first frame and since when, live and of a backlog, what is arriving, and the newest main film."""
    ledger = Ledger(tmp_path)
    reader = Ledger(tmp_path, writable=False)
    try:
        empty = metering.quick(reader)
        assert empty == metering.Quick(dict.fromkeys(map(str, Stage), 0), {"live": None, "backlog": None}, 0, None, None)
        seen = metering.version(reader)
        assert metering.version(reader) == seen, "nobody has written"
        for number, (stage, backlog, at) in enumerate(
            [
                (Stage.RECEIVED, False, 50.0),
                (Stage.LOCATED, False, 40.0),
                (Stage.RECEIVED, True, 30.0),
                (Stage.UNDATED, False, 5.0),
                (Stage.ALIGNED, False, 1.0),
            ]
        ):
            row = NewPhoto(Digest(f"{number:064}"), 100, "jpeg", 4, 3, None, None, f"originals/{number}", stage, backlog=backlog)
            insert_or_name(ledger, row, b"x.jpg", at)
        wishes.note(ledger, held=2, last_scan=77)
        for frames, path in ((3, "films/latest.mp4"), (5, "films/latest.mp4"), (9, "films/month.mp4")):
            publish_reel(ledger, ReelRow(path, frames, 1.0, f"f{frames}", 10, time.time()))
        assert metering.version(reader) != seen
        told = metering.quick(reader)
        assert told.stages == summary.counts(reader).stages and sum(told.stages.values()) == 5
        assert (told.pending_since, told.arriving, told.last_scan) == ({"live": 40.0, "backlog": 30.0}, 2, 77)
        assert told.film is not None and told.film.frames == 5
        assert metering.slow(reader) == metering.Slow(0, {"placed": 0, "confirmed": 0}, 500, 0)
    finally:
        reader.close()
        ledger.close()
