"""Which way round a photo is: facts that are only added to, and what follows from them for its frame."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from photodiary.diary.canvas import Canvas, similarity
from photodiary.diary.eyes import EyePair, Point, Sighting
from photodiary.diary.facing import Facing
from photodiary.diary.photo import Stage
from photodiary.ledger import copying, deciding, facings, forgetting, labels, lives, photos, reels, schema, verdicts
from photodiary.ledger.labels import Label
from photodiary.ledger.photos import PhotoRow
from photodiary.ledger.store import FILE, Ledger

from .conftest import NOON, TakeIn

BERLIN = ZoneInfo("Europe/Berlin")
EYES = EyePair(Point(1000.0, 1500.0), Point(1600.0, 1500.0))
SWAPPED = EyePair(EYES.right, EYES.left)
CANVAS = Canvas(1080, 1350, Point(400.0, 580.0), Point(680.0, 580.0))


def again(ledger: Ledger, photo: PhotoRow) -> PhotoRow:
    row = photos.find(ledger, photo.sha256)
    assert row is not None
    return row


def say(ledger: Ledger, photo: PhotoRow, mirrored: bool = False, turned: int | None = None) -> PhotoRow:
    """Said, and heeded as a verb without a daemon does."""
    facings.say(ledger, [photo], mirrored, turned, facings.BY, 5.0)
    while deciding.heed(ledger, BERLIN, 6.0):
        pass
    return again(ledger, photo)


def framed(ledger: Ledger, photo: PhotoRow, *, doubtful: bool = False, by: str = "net-1") -> PhotoRow:
    """With eyes and a frame, in the film."""
    if reels.current_canvas(ledger) is None:
        reels.adopt_canvas(ledger, CANVAS, frozen=True, source="auto", words="", now=0.0)
    canvas = reels.current_canvas(ledger)
    assert canvas is not None
    reason = "unsure" if doubtful else None
    photos.append_sighting(ledger, photo, Sighting(by, EYES, 1.0, reason), Stage.LOCATED, doubtful=doubtful, reason=reason, now=0.0)
    reels.publish_frame(ledger, again(ledger, photo), f"frames/{photo.id}.jpg", 1, similarity(EYES, CANVAS), canvas.id, lambda: 0.0)
    return again(ledger, photo)


def test_what_was_said_last_counts(ledger: Ledger, take_in: TakeIn) -> None:
    """Every statement stays with who made it and when; the newest is in force, and what is in force already is not said again."""
    photo = take_in(1)
    assert photo.facing == Facing()
    assert say(ledger, photo, True, 90).facing == Facing(True, 90)
    assert say(ledger, photo, False, 90).facing == Facing(False, 90)
    say(ledger, photo, False, 90)
    assert say(ledger, photo).facing == Facing()
    told = lives.of(ledger, again(ledger, photo)).faced
    assert [said.facing for said in told] == [Facing(True, 90), Facing(False, 90), Facing()]
    assert {(said.by, said.made_at) for said in told} == {("person", 5.0)}
    with ledger.read() as db:
        assert facings.in_force(db, photo.id) == Facing()


def test_statements_are_append_only(ledger: Ledger, take_in: TakeIn) -> None:
    """No statement can be changed afterwards, and none that cannot be is written."""
    photo = take_in(1)
    say(ledger, photo, True)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"), ledger.write() as db:
        db.execute("UPDATE facings SET mirrored = 0")
    with pytest.raises(ValueError, match="degrees"):
        facings.say(ledger, [photo], True, 45, facings.BY, 5.0)
    assert again(ledger, photo).facing == Facing(True)


def test_mirroring_leaves_the_turn_and_turning_the_mirror(ledger: Ledger, take_in: TakeIn) -> None:
    """A whole period is mirrored, or turned, without forgetting what was said about the other, photo by photo."""
    turned, plain = take_in(1), take_in(2, wall=NOON + timedelta(days=1))
    say(ledger, turned, False, 270)
    facings.mirror(ledger, [turned, plain], True, facings.BY, 7.0)
    assert [again(ledger, photo).facing for photo in (turned, plain)] == [Facing(True, 270), Facing(True)]
    facings.turn(ledger, [turned, plain], None, facings.BY, 8.0)
    assert [again(ledger, photo).facing for photo in (turned, plain)] == [Facing(True)] * 2


def test_a_mirrored_photo_gets_its_frame_anew(ledger: Ledger, take_in: TakeIn) -> None:
    """It waits for its frame with the eyes it had, stays in the film with the old one meanwhile, and is still asked about when it was."""
    for number, doubtful in ((1, False), (2, True)):
        before = framed(ledger, take_in(number, wall=NOON + timedelta(days=number)), doubtful=doubtful)
        after = say(ledger, before, True)
        assert (after.stage, after.in_film, after.frame, after.sighting_id) == (Stage.LOCATED, True, before.frame, before.sighting_id)
        assert (after.doubtful, after.reason) == (before.doubtful, before.reason)


def test_a_turned_photo_is_looked_at_again_only_where_that_may_help(ledger: Ledger, take_in: TakeIn) -> None:
    """A model that saw another way up, or was unsure, or saw nobody, looks again; one that saw the same does not; a person's eyes stay."""
    wrong = framed(ledger, take_in(1))
    assert say(ledger, wrong, False, 180).stage is Stage.RECEIVED and again(ledger, wrong).in_film
    right = framed(ledger, take_in(2, wall=NOON + timedelta(days=1)))
    assert say(ledger, right, False, 0).stage is Stage.LOCATED
    unsure = framed(ledger, take_in(3, wall=NOON + timedelta(days=2)), doubtful=True)
    assert say(ledger, unsure, False, 0).stage is Stage.RECEIVED
    nobody = take_in(4, wall=NOON + timedelta(days=3))
    photos.append_sighting(ledger, nobody, Sighting("net-1", None, None, "no_face", 0), Stage.EXCLUDED, doubtful=False, reason="no_face", now=0.0)
    assert say(ledger, nobody, True).stage is Stage.EXCLUDED, "a mirror does not help to find anybody"
    assert say(ledger, nobody, True, 90).stage is Stage.RECEIVED
    placed = framed(ledger, take_in(5, wall=NOON + timedelta(days=4)), by="placed")
    assert say(ledger, placed, False, 180).stage is Stage.LOCATED


def test_when_nobody_says_any_more_which_way_is_up_the_model_is_asked(ledger: Ledger, take_in: TakeIn) -> None:
    """A turn that is taken back leaves no trace in the eyes: they are looked for without it."""
    photo = framed(ledger, take_in(1))
    say(ledger, photo, False, 0)
    assert say(ledger, photo, False, None).stage is Stage.RECEIVED


@pytest.mark.parametrize("stage", [Stage.RECEIVED, Stage.UNDATED, Stage.EXCLUDED, Stage.QUARANTINED])
def test_what_has_no_frame_stays_where_it_is(ledger: Ledger, take_in: TakeIn, stage: Stage) -> None:
    """Left out, undated, unread or not yet looked at: the word is kept for the day it gets a frame."""
    photo = take_in(1, stage, wall=None if stage is Stage.UNDATED else NOON)
    after = say(ledger, photo, True, 180)
    assert (after.stage, after.facing) == (stage, Facing(True, 180))


def test_labels_and_decisions_are_not_touched(ledger: Ledger, take_in: TakeIn) -> None:
    """A correction stays in force in the pixels of the upright original, and so does being left out."""
    photo = framed(ledger, take_in(1))
    labels.place(ledger, [Label(photo, EYES, "placed")], 3.0)
    after = say(ledger, photo, True, 180)
    assert after.sighting is not None and (after.sighting.by, after.sighting.eyes) == ("placed", EYES)
    deciding.decide(ledger, [after], verdicts.EXCLUDED, None, 8.0)
    deciding.heed(ledger, BERLIN, 9.0)
    assert say(ledger, photo, False, 180).stage is Stage.EXCLUDED


def test_the_format_is_chosen_from_photos_as_they_stand(ledger: Ledger, take_in: TakeIn) -> None:
    """A photo that stood on its head counts with its eyes in the order of the turned picture."""
    photo = framed(ledger, take_in(1))
    assert [framing.eyes for framing in reels.framings(ledger, 10)] == [EYES]
    say(ledger, photo, True, 180)
    photos.append_sighting(ledger, again(ledger, photo), Sighting("net-1", EYES, 1.0), Stage.LOCATED, doubtful=False, reason=None, now=0.0)
    assert [framing.eyes for framing in reels.framings(ledger, 10)] == [SWAPPED]


def test_of_a_forgotten_photo_nothing_of_it_is_left(ledger: Ledger, take_in: TakeIn) -> None:
    """Forgetting takes the statements along."""
    photo = take_in(1)
    say(ledger, photo, True, 90)
    forgetting.wish(ledger, [photo.sha256], 7.0)
    forgetting.take_out(ledger, photo.sha256)
    forgetting.erased(ledger, photo.sha256, 8.0)
    forgetting.wipe(ledger, forgetting.to_wipe(ledger), 9.0)
    with ledger.read() as db:
        assert db.execute("SELECT count(*) FROM facings").fetchone()[0] == 0
    facings.say(ledger, [photo], True, 90, facings.BY, 10.0)
    with ledger.read() as db:
        assert db.execute("SELECT count(*) FROM facings").fetchone()[0] == 0, "who looked it up before says nothing about it now"


def test_a_backup_counts_them_and_brings_them_along(ledger: Ledger, take_in: TakeIn, tmp_path: Path) -> None:
    """They are decisions that nothing else could bring back."""
    photo = framed(ledger, take_in(1))
    say(ledger, photo, True)
    (tmp_path / "copy").mkdir()
    copying.take(ledger, tmp_path / "copy")
    copy = Ledger(tmp_path / "copy")
    copying.without_frames(copy)
    assert copying.said(copy) == {"photos": 1, "corrections": 0, "decisions": 1}
    row = again(copy, photo)
    assert (row.facing, row.stage, row.frame) == (Facing(True), Stage.LOCATED, None)
    copy.close()


def test_a_diary_from_before_is_read_as_if_nobody_had_said_anything(tmp_path: Path) -> None:
    """Who only reads a diary of the version before sees photos as they are, and changes nothing; opened for writing it has the table."""
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        for step in schema.MIGRATIONS[:4]:
            step(db)
        db.execute("PRAGMA user_version=4")
        db.execute("INSERT INTO photos (sha256, bytes, received_at, stage) VALUES (?, 1, 0, 'received')", ("0" * 64,))
    reader = Ledger(tmp_path, writable=False)
    ((row, _),) = photos.everything(reader)
    assert row.facing == Facing() and lives.of(reader, row).faced == [] and reels.framings(reader, 5) == []
    reader.close()
    writer = Ledger(tmp_path)
    assert say(writer, row, True).facing == Facing(True)
    assert (tmp_path / "ledger-before-5.sqlite3").exists()
    writer.close()
