"""The database says by itself whether it is sound, and what is lost outside it is sent back."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from photodiary.diary.photo import Stage
from photodiary.ledger import health, photos
from photodiary.ledger.store import Ledger

from .conftest import TakeIn


def test_a_sound_database_has_no_problems(ledger: Ledger, take_in: TakeIn) -> None:
    """Nothing is found in a database that nobody damaged."""
    take_in(1)
    assert health.problems(ledger) == []


def test_a_row_that_refers_to_nothing_is_told(ledger: Ledger, take_in: TakeIn) -> None:
    """A reference that points nowhere is a problem, in words."""
    take_in(1)
    with closing(sqlite3.connect(ledger.path)) as raw:
        raw.execute("INSERT INTO names VALUES (99, x'61', 0)")
        raw.commit()
    assert health.problems(ledger) == ["a row of names refers to a row of photos that is not there"]


def test_a_diary_of_an_older_program_has_nothing_forgotten(ledger: Ledger) -> None:
    """A reader that meets a database without the table of the forgotten does not stumble."""
    with ledger.write() as db:
        db.execute("DROP TABLE forgotten")
    assert health.forgotten(ledger) == {}


def test_a_lost_frame_is_sent_back(ledger: Ledger, take_in: TakeIn) -> None:
    """In the film it is made again; of a photo that is left out it is only no longer named."""
    shown, left_out = take_in(1, Stage.ALIGNED), take_in(2, Stage.EXCLUDED)
    with ledger.write() as db:
        db.execute("UPDATE photos SET frame = 'frames/' || id || '.jpg'")
    for row in (shown, left_out):
        health.send_back(ledger, f"frames/{row.id}.jpg")
    assert {(row.stage, row.frame) for row, _ in photos.everything(ledger)} == {(Stage.LOCATED, None), (Stage.EXCLUDED, None)}
