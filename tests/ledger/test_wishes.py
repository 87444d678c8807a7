"""Wishes, notes and arrivals: what anyone may append and what the inbox looked like, kept over a restart."""

from __future__ import annotations

from pathlib import Path

import pytest

from photodiary.ledger import arrivals, wishes
from photodiary.ledger.arrivals import Stamp, Waiting
from photodiary.ledger.store import Ledger

from .conftest import TakeIn

STAMP = Stamp(1234, 1_700_000_000_123_456_789, 42)
HELD = Waiting(STAMP, "it is empty", 5.0, 1, 15.0)


def test_open_wishes_are_found_without_those_of_years(ledger: Ledger) -> None:
    """They are asked for at every step, and what was fulfilled stays: an index holds the open ones only."""
    asked = list[str]()
    with ledger.read() as db:
        db.set_trace_callback(asked.append)
        wishes.oldest_open(ledger, "import", "scan")
        db.set_trace_callback(None)
        plan = " ".join(row["detail"] for row in db.execute(f"EXPLAIN QUERY PLAN {asked[0]}"))
    assert "wishes_open" in plan, plan


def test_the_oldest_open_wish_of_a_kind_comes_first(ledger: Ledger) -> None:
    """Wishes are acted on in the order they were made, by kind; a fulfilled one never comes again."""
    first = wishes.make(ledger, "render", {"full": True}, 1.0)
    second = wishes.make(ledger, "import", {"paths": ["/a\udcff"]}, 2.0)
    third = wishes.make(ledger, "render", {}, 3.0)
    open_ = wishes.oldest_open(ledger, "render")
    assert open_ is not None and (open_.id, open_.kind, open_.details, open_.done_at) == (first, "render", {"full": True}, None)
    other = wishes.oldest_open(ledger, "import", "refit")
    assert other is not None and (other.id, other.details) == (second, {"paths": ["/a\udcff"]})
    wishes.fulfil(ledger, first, {"frames": 3}, 4.0)
    open_ = wishes.oldest_open(ledger, "render", "import")
    assert open_ is not None and open_.id == second
    wishes.fulfil(ledger, second, {}, 5.0)
    wishes.fulfil(ledger, third, {}, 6.0)
    assert wishes.oldest_open(ledger, "render", "import", "refit") is None


def test_a_wish_tells_how_far_it_is_and_what_came_of_it(ledger: Ledger, tmp_path: Path) -> None:
    """Whoever made a wish reads its progress and its outcome from another connection."""
    number = wishes.make(ledger, "render", {}, 1.0)
    reader = Ledger(tmp_path, writable=False)
    assert wishes.get(reader, number).progress is None
    wishes.report(ledger, number, {"done": 7})
    assert wishes.get(reader, number).progress == {"done": 7}
    wishes.fulfil(ledger, number, {"frames": 9}, 2.0)
    wish = wishes.get(reader, number)
    assert (wish.done_at, wish.outcome) == (2.0, {"frames": 9})
    reader.close()


def test_a_wish_survives_a_restart(tmp_path: Path) -> None:
    """A wish that nobody has acted on yet is still there when the diary is opened again."""
    ledger = Ledger(tmp_path)
    number = wishes.make(ledger, "refit", {}, 1.0)
    ledger.close()
    ledger = Ledger(tmp_path)
    wish = wishes.oldest_open(ledger, "refit")
    assert wish is not None and wish.id == number
    ledger.close()


@pytest.mark.parametrize("value", [0, None, 1.5, "größe", ["a", {"b": [1]}], {"name": None}])
def test_notes_come_back_and_are_replaced(ledger: Ledger, value: object) -> None:
    """A note holds any JSON value, also none; the newest stands."""
    wishes.note(ledger, key="old", other=1)
    wishes.note(ledger, key=value)
    assert wishes.notes(ledger) == {"key": value, "other": 1}


def test_a_note_that_says_nothing_new_costs_no_write(ledger: Ledger, tmp_path: Path) -> None:
    """Repeating what is known, once a second, does not write to the disk."""
    wishes.note(ledger, held=3, problem=None)
    wal = tmp_path / "ledger.sqlite3-wal"
    before = wal.read_bytes()
    wishes.note(ledger, held=3, problem=None)
    assert wal.read_bytes() == before
    wishes.note(ledger, held=4)
    assert wal.read_bytes() != before


def test_a_known_file_need_not_be_read_again(ledger: Ledger, take_in: TakeIn) -> None:
    """A file that was taken in is known by path and stamp, byte for byte and to the nanosecond; a change of it replaces the stamp."""
    photo = take_in(1)
    arrivals.remember(ledger, b"Camera/\xff.jpg", STAMP, photo.sha256)
    assert arrivals.known_files(ledger) == {b"Camera/\xff.jpg": STAMP}
    changed = Stamp(99, STAMP.mtime_ns + 1, 43)
    arrivals.remember(ledger, b"Camera/\xff.jpg", changed, photo.sha256)
    assert arrivals.known_files(ledger) == {b"Camera/\xff.jpg": changed}


def test_held_files_wait_over_a_restart(tmp_path: Path) -> None:
    """Why a file is held, since when, how often it was tried and when next is known after a restart."""
    ledger = Ledger(tmp_path)
    arrivals.hold(ledger, b"a.jpg", HELD)
    ledger.close()
    ledger = Ledger(tmp_path)
    assert arrivals.held_files(ledger) == {b"a.jpg": HELD}
    later = Waiting(STAMP, "it is cut short", 5.0, 2, 40.0)
    arrivals.hold(ledger, b"a.jpg", later)
    assert arrivals.held_files(ledger) == {b"a.jpg": later}
    ledger.close()


def test_a_held_file_is_let_go_once_known_or_gone(ledger: Ledger, take_in: TakeIn) -> None:
    """Taking a file in, or its disappearance, ends its waiting; others go on waiting."""
    for name in (b"a.jpg", b"b.jpg", b"c.jpg"):
        arrivals.hold(ledger, name, HELD)
    arrivals.remember(ledger, b"a.jpg", STAMP, take_in(1).sha256)
    arrivals.release(ledger, [b"b.jpg"])
    assert set(arrivals.held_files(ledger)) == {b"c.jpg"}
