"""What `status` counts is kept as long as it is true, and not a moment longer, whoever changed something."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from photodiary.diary.photo import Stage
from photodiary.ledger import gallery, photos, reels, store, tally, wishes
from photodiary.ledger.schema import COUNTED
from photodiary.ledger.store import Ledger


def test_a_tally_is_kept_until_something_changes(ledger, take_in) -> None:
    """Counted once, it is read from then on; a new photo, seen by another connection too, has it counted again."""
    take_in(1)
    counted, key = tally.tally(ledger, "kin", "model")
    assert counted.counts["total"] == 1 and key is not None
    tally.keep(ledger, counted, key)
    reader = Ledger(ledger.path.parent, writable=False)
    try:
        assert tally.tally(reader, "kin", "model") == (counted, None)
        assert tally.tally(reader, "kin", "another")[1] is not None, "of another model other photos are unjudged"
        wishes.note(ledger, held=3)
        assert tally.tally(reader, "kin", "model")[1] is None, "a note about the inbox changes nothing that is counted"
        take_in(2)
        again, key = tally.tally(reader, "kin", "model")
        assert again.counts["total"] == 2 and key is not None
    finally:
        reader.close()


def test_what_a_film_shows_counts_as_a_change(ledger) -> None:
    """Another choice of which photos show is a change, also with all photos as they were."""
    before = ledger.changes()
    wishes.note(ledger, pick="week")
    assert ledger.changes() != before


@pytest.mark.parametrize("table", sorted(COUNTED))
def test_every_write_to_what_is_told_counts(ledger, table: str) -> None:
    """Each table from which something is told has a counter for what is added, changed and taken away."""
    with ledger.read() as db:
        found = {row[0] for row in db.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ? AND name LIKE '%_counts'", (table,))}
    assert len(found) == 3 and all("UPDATE changes SET n = n + 1" in sql for sql in found)


def test_an_answer_is_remembered_until_something_changes(ledger, take_in) -> None:
    """Questions about all photos are not asked again while nothing is new."""
    asked = []

    def ask() -> int:
        asked.append(1)
        return len(asked)

    assert [ledger.remembered("it", ask), ledger.remembered("it", ask), ledger.remembered("other", ask)] == [1, 1, 2]
    take_in(1)
    assert ledger.remembered("it", ask) == 3


def test_remembering_hides_nothing(ledger, take_in) -> None:
    """Film news and trusted frames are as new as the ledger, through a connection that has asked before."""
    assert reels.film_news(ledger).frames == 0 and gallery.trusted(ledger, "kin") == 0
    photo = take_in(1)
    with ledger.write() as db:
        photos.move(db, photo, Stage.LOCATED, frame="frames/2024/a.jpg")
    assert reels.film_news(ledger).frames == 1


def test_what_is_undone_is_not_remembered(ledger, take_in) -> None:
    """An answer from the middle of a transaction that fails is no answer, though the next one makes as many changes."""
    insert = "INSERT INTO reels (path, frames, seconds, fingerprint, bytes, rendered_at) VALUES (?, 1, 1, 'x', 1, 1)"

    def asked_and_undone() -> None:
        with ledger.write() as db:
            db.execute(insert, ("films/a.mp4",))
            assert set(reels.newest_reels(ledger)) == {"films/a.mp4"}
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asked_and_undone()
    with ledger.write() as db:
        db.execute(insert, ("films/b.mp4",))
    assert set(reels.newest_reels(ledger)) == {"films/b.mp4"}


def test_an_answer_that_takes_long_rests(ledger, take_in, monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes long to find out is not asked after every photo, only so often that it takes a share of the time; whoever needs it new says so."""
    clock = [100.0]
    monkeypatch.setattr(store, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    asked = []

    def ask() -> int:
        clock[0] += 0.1
        asked.append(1)
        return len(asked)

    assert ledger.remembered("it", ask, rest=20) == 1
    take_in(1)
    clock[0] += 1.9
    assert ledger.remembered("it", ask, rest=20) == 1
    clock[0] += 0.2
    assert ledger.remembered("it", ask, rest=20) == 2
    take_in(3)
    assert ledger.remembered("it", ask) == 3, "another one may need it new"
    take_in(2)
    ledger.ask_anew("it")
    assert ledger.remembered("it", ask, rest=20) == 4
