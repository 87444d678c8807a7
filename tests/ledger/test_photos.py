"""Photos in the ledger: one row a picture, legal moves only, no crash loops, statements that stay."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from photodiary.diary.calendar import Taken
from photodiary.diary.eyes import EyePair, Point, Sighting
from photodiary.diary.photo import LEGAL_MOVES, Digest, Stage, digest_of, is_legal
from photodiary.errors import IllegalMove
from photodiary.ledger import labels, photos, queue, summary
from photodiary.ledger.photos import NewPhoto, PhotoRow
from photodiary.ledger.store import Ledger

EYES = EyePair(Point(1000.25, 1500.5), Point(1600.125, 1490.75))
SURE = Sighting("net-1", EYES, 1.5)
WALL = datetime(2024, 5, 15, 12, 30, 0, 250_000)


def fresh(number: int, **changes: object) -> NewPhoto:
    known: dict[str, object] = {
        "sha256": digest_of(b"%d" % number), "bytes": 7, "format": "jpeg", "width": 30, "height": 40, "taken": None, "taken_utc": None,
        "original": f"originals/{number}.jpg", "stage": Stage.RECEIVED,
    }  # fmt: skip
    return NewPhoto(**(known | changes))  # type: ignore[arg-type]


def found(ledger: Ledger, digest: Digest) -> PhotoRow:
    row = photos.find(ledger, digest)
    assert row is not None
    return row


def locate(ledger: Ledger, photo: PhotoRow, sighting: Sighting = SURE, stage: Stage = Stage.LOCATED) -> None:
    photos.append_sighting(ledger, photo, sighting, stage, doubtful=False, reason=sighting.reason, now=0.0)


def sightings(ledger: Ledger) -> int:
    with ledger.read() as db:
        return int(db.execute("SELECT count(*) FROM sightings").fetchone()[0])


# -- coming in ---------------------------------------------------------------------------------------------------------------------


def test_a_photo_is_known_by_its_bytes(ledger: Ledger) -> None:
    """The same picture taken in again under any name is one row; its further names are counted as copies, the same name only once."""
    assert photos.insert_or_name(ledger, fresh(1), b"a.jpg", 1.0)
    before = found(ledger, digest_of(b"1"))
    assert not photos.insert_or_name(ledger, fresh(1), b"a.jpg", 2.0)
    assert not photos.insert_or_name(ledger, fresh(1, stage=Stage.QUARANTINED, width=99), b"a (1).jpg", 3.0)
    assert found(ledger, digest_of(b"1")) == before
    assert photos.names_of(ledger, before) == [b"a.jpg", b"a (1).jpg"]
    counts = summary.counts(ledger)
    assert (counts.total, counts.duplicates) == (1, 1)


@pytest.mark.parametrize("name", [b"IMG_\xff\xfe\x80.jpg", "größe 😀.jpg".encode(), b"a\nb\r\x1b[2J.jpg", b"'; DROP TABLE photos; --", b"\x01" * 255])
def test_a_name_comes_back_byte_for_byte(ledger: Ledger, name: bytes) -> None:
    """Names that are no text, or hostile, are kept exactly."""
    photos.insert_or_name(ledger, fresh(1), name, 1.0)
    assert photos.names_of(ledger, found(ledger, digest_of(b"1"))) == [name]
    assert [names for _, names in photos.everything(ledger)] == [[name]]


@pytest.mark.parametrize(
    "taken",
    [
        None,
        Taken(WALL, None, "name"),
        Taken(WALL, timedelta(hours=-9, minutes=-30), "exif"),
        Taken(datetime(1999, 12, 31, 23, 59, 59), timedelta(0), "digitized"),
    ],
)
def test_what_intake_knew_comes_back(ledger: Ledger, taken: Taken | None) -> None:
    """A row tells what was put in: size, date with or without an offset and its source, original, stage and reason."""
    photos.insert_or_name(ledger, fresh(1, taken=taken, taken_utc=1.5, stage=Stage.UNDATED, reason="undated"), b"a.jpg", 8.0)
    row = found(ledger, digest_of(b"1"))
    assert (row.taken, row.stage, row.reason, row.received_at) == (taken, Stage.UNDATED, "undated", 8.0)
    assert (row.bytes, row.format, row.width, row.height, row.original) == (7, "jpeg", 30, 40, "originals/1.jpg")
    assert (row.sighting, row.frame, row.matrix, row.tries, row.deaths, row.doubtful, row.in_film) == (None, None, None, 0, 0, False, False)


def test_an_unknown_photo_is_not_found(ledger: Ledger) -> None:
    """Asking for a photo that was never seen says so."""
    assert photos.find(ledger, digest_of(b"never")) is None


# -- legal moves -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("old", "new"), list(product(Stage, Stage)))
def test_only_legal_moves_succeed(ledger: Ledger, old: Stage, new: Stage) -> None:
    """A photo moves along the drawn ways and resets its tries; any other way raises IllegalMove and it stays where it was."""
    photos.insert_or_name(ledger, fresh(1, stage=old), b"a.jpg", 0.0)
    row = queue.claim(ledger, old, 0.0)
    assert row is not None
    if is_legal(old, new):
        with ledger.write() as db:
            photos.move(db, row, new, reason="because")
        moved = found(ledger, row.sha256)
        assert (moved.stage, moved.reason, moved.tries) == (new, "because", 0)
        assert queue.next_due(ledger, new) == 0.0
    else:
        with pytest.raises(IllegalMove, match=f"cannot go from {old} to {new}"), ledger.write() as db:
            photos.move(db, row, new, reason="because")
        stayed = found(ledger, row.sha256)
        assert (stayed.stage, stayed.reason, stayed.tries) == (old, None, 1)


def test_the_drawn_ways_lead_everywhere(ledger: Ledger) -> None:
    """No stage is a dead end, none stands still, and every photo that a person can see may be looked at anew."""
    assert set(LEGAL_MOVES) == set(Stage)
    assert all(ways and old not in ways for old, ways in LEGAL_MOVES.items())
    assert all(is_legal(old, Stage.RECEIVED) for old in Stage if old is not Stage.RECEIVED)


def test_whoever_comes_second_is_refused(ledger: Ledger) -> None:
    """Of two who read the same row only the first moves it; the second raises IllegalMove and leaves nothing, also no statement."""
    photos.insert_or_name(ledger, fresh(1), b"a.jpg", 0.0)
    first, second = found(ledger, digest_of(b"1")), found(ledger, digest_of(b"1"))
    locate(ledger, first)
    with pytest.raises(IllegalMove, match="moved from received by somebody else"):
        locate(ledger, second, Sighting("net-2", EYES, 99.0))
    assert sightings(ledger) == 1
    assert found(ledger, first.sha256).sighting == SURE
    with pytest.raises(IllegalMove, match="somebody else"):
        photos.quarantine(ledger, second, "damaged")
    assert found(ledger, first.sha256).stage is Stage.LOCATED


def test_whoever_looked_at_older_eyes_is_refused(ledger: Ledger) -> None:
    """A photo that was sent round and located anew meanwhile is not moved by who read it before, though it stands where it stood."""
    photos.insert_or_name(ledger, fresh(1), b"a.jpg", 0.0)
    locate(ledger, found(ledger, digest_of(b"1")))
    before = found(ledger, digest_of(b"1"))
    with ledger.write() as db:
        photos.move(db, before, Stage.RECEIVED)
    locate(ledger, found(ledger, digest_of(b"1")), Sighting("net-1", EYES, 2.5))
    assert found(ledger, before.sha256).stage is before.stage is Stage.LOCATED
    with pytest.raises(IllegalMove, match="somebody else"), ledger.write() as db:
        photos.move(db, before, Stage.ALIGNED, frame="frames/older.jpg")
    assert found(ledger, before.sha256).frame is None


class TwoHands(RuleBasedStateMachine):
    """Photos moved by rows that may be stale, against a dictionary that says where each photo must be."""

    NUMBERS = st.integers(0, 2)

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.ledger = Ledger(self.folder)

    @initialize()
    def take_in(self) -> None:
        for number in range(3):
            photos.insert_or_name(self.ledger, fresh(number), b"%d.jpg" % number, 0.0)
        self.truth = dict.fromkeys(range(3), Stage.RECEIVED)
        self.eyes: dict[int, int | None] = dict.fromkeys(range(3))
        self.rows = {number: found(self.ledger, digest_of(b"%d" % number)) for number in range(3)}

    def current(self, row: PhotoRow, number: int) -> bool:
        return (self.truth[number], self.eyes[number]) == (row.stage, row.sighting_id)

    @rule(number=NUMBERS)
    def look(self, number: int) -> None:
        self.rows[number] = found(self.ledger, digest_of(b"%d" % number))

    @rule(number=NUMBERS, new=st.sampled_from(Stage))
    def move(self, number: int, new: Stage) -> None:
        row = self.rows[number]
        if is_legal(row.stage, new) and self.current(row, number):
            with self.ledger.write() as db:
                photos.move(db, row, new)
            self.truth[number] = new
        else:
            with pytest.raises(IllegalMove), self.ledger.write() as db:
                photos.move(db, row, new)

    @rule(number=NUMBERS, new=st.sampled_from([Stage.LOCATED, Stage.DOUBTFUL, Stage.EXCLUDED]))
    def see(self, number: int, new: Stage) -> None:
        row, before = self.rows[number], sightings(self.ledger)
        if is_legal(row.stage, new) and self.current(row, number):
            locate(self.ledger, row, stage=new)
            self.truth[number], self.eyes[number] = new, found(self.ledger, row.sha256).sighting_id
            assert sightings(self.ledger) == before + 1
        else:
            with pytest.raises(IllegalMove):
                locate(self.ledger, row, stage=new)
            assert sightings(self.ledger) == before

    @invariant()
    def every_photo_is_where_it_must_be(self) -> None:
        if hasattr(self, "truth"):
            assert {number: found(self.ledger, digest_of(b"%d" % number)).stage for number in self.truth} == self.truth
            assert summary.counts(self.ledger).total == 3

    def teardown(self) -> None:
        self.ledger.close()
        shutil.rmtree(self.folder)


TestTwoHands = TwoHands.TestCase
TestTwoHands.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)


# -- claims ------------------------------------------------------------------------------------------------------------------------


def test_a_claim_pushes_the_next_try_forward_first(ledger: Ledger) -> None:
    """Whoever claims a photo and dies has already put its next try off, so nobody gets it again at once."""
    photos.insert_or_name(ledger, fresh(1), b"a.jpg", 0.0)
    claimed = queue.claim(ledger, Stage.RECEIVED, 100.0)
    assert claimed is not None and claimed.tries == 0
    assert queue.claim(ledger, Stage.RECEIVED, 100.0) is None
    assert queue.claim(ledger, Stage.RECEIVED, 109.9) is None
    assert queue.next_due(ledger, Stage.RECEIVED) == 110.0
    again = queue.claim(ledger, Stage.RECEIVED, 110.0)
    assert again is not None and again.tries == 1


def test_waits_grow_up_to_six_hours(ledger: Ledger) -> None:
    """A photo that fails again and again is tried ever more rarely: 10 s, then twice as long each time, at most 6 hours, never given up."""
    photos.insert_or_name(ledger, fresh(1), b"a.jpg", 0.0)
    waits, now = [], 0.0
    for _ in range(30):
        assert queue.claim(ledger, Stage.RECEIVED, now) is not None
        due = queue.next_due(ledger, Stage.RECEIVED)
        assert due is not None
        waits.append(due - now)
        now = due
    assert waits[:4] == [10.0, 20.0, 40.0, 80.0]
    assert waits == sorted(waits) and waits[-1] == 6 * 3600


def test_claims_go_by_age_and_stage(ledger: Ledger) -> None:
    """The oldest photo of the stage comes first; one that waits does not keep the others back."""
    for number, stage in enumerate([Stage.LOCATED, Stage.RECEIVED, Stage.RECEIVED]):
        photos.insert_or_name(ledger, fresh(number, stage=stage), b"a.jpg", 0.0)
    claimed = [queue.claim(ledger, Stage.RECEIVED, 0.0) for _ in range(3)]
    assert [None if row is None else row.sha256 for row in claimed] == [digest_of(b"1"), digest_of(b"2"), None]


def test_what_arrives_now_goes_before_a_backlog(ledger: Ledger) -> None:
    """First what arrives now, then what gets another frame, for which a film waits, then the backlog; each by age.  One may ask for the first only."""
    kinds = [(1, True), (2, True), (3, False), (4, True), (5, False), (6, False)]
    for number, backlog in kinds:
        photos.insert_or_name(ledger, fresh(number, backlog=backlog), b"a.jpg", 0.0)
    with ledger.write() as db:
        db.execute("UPDATE photos SET frame = 'frames/' || sha256 WHERE sha256 IN (?, ?)", (digest_of(b"2"), digest_of(b"6")))
    assert found(ledger, digest_of(b"1")).backlog and not found(ledger, digest_of(b"3")).backlog
    assert queue.arriving(ledger, Stage.RECEIVED, 0.0) and not queue.arriving(ledger, Stage.LOCATED, 0.0)
    first = [queue.claim(ledger, Stage.RECEIVED, 0.0, hurried=True) for _ in range(3)]
    assert [row and row.sha256 for row in first] == [digest_of(b"3"), digest_of(b"5"), None]
    assert not queue.arriving(ledger, Stage.RECEIVED, 0.0)
    rest = [queue.claim(ledger, Stage.RECEIVED, 0.0) for _ in range(5)]
    assert [row and row.sha256 for row in rest] == [digest_of(number) for number in (b"2", b"6", b"1", b"4")] + [None]


def test_of_a_backlog_the_newest_may_be_asked_for(ledger: Ledger) -> None:
    """Readers may still have it decoded; what arrives now, and what gets another frame, goes before it and by age as ever."""
    for number, backlog in [(1, True), (2, True), (3, False), (4, False), (5, True), (6, True)]:
        photos.insert_or_name(ledger, fresh(number, backlog=backlog), b"a.jpg", 0.0)
    with ledger.write() as db:
        db.execute("UPDATE photos SET frame = 'frames/' || sha256 WHERE sha256 IN (?, ?)", (digest_of(b"1"), digest_of(b"5")))
        db.execute("UPDATE photos SET next_try = 10 WHERE sha256 = ?", (digest_of(b"6"),))
    claimed = [queue.claim(ledger, Stage.RECEIVED, 0.0, fresh=True) for _ in range(6)]
    assert [row and row.sha256 for row in claimed] == [digest_of(number) for number in (b"3", b"4", b"1", b"5", b"2")] + [None]


def test_the_next_is_found_without_looking_at_each(ledger: Ledger) -> None:
    """However many wait, the database goes straight to the first: the order has an index of its own."""
    for query, values in ((queue._DUE, ("received", 0.0)), (queue._NEWEST, ("located", queue.BACKLOG, 0.0))):
        with ledger.read() as db:
            plan = " ".join(str(row[3]) for row in db.execute(f"EXPLAIN QUERY PLAN {query}", values))
        assert "USING INDEX photos_next" in plan and "TEMP B-TREE" not in plan, plan


def test_what_was_interrupted_once_is_tried_at_once(ledger: Ledger) -> None:
    """At a start a photo that was claimed once is due; one that failed before keeps its wait."""
    for number in (1, 2):
        photos.insert_or_name(ledger, fresh(number), b"a.jpg", 0.0)
    queue.claim(ledger, Stage.RECEIVED, 0.0)
    queue.claim(ledger, Stage.RECEIVED, 0.0)
    again = queue.claim(ledger, Stage.RECEIVED, 10.0)
    assert again is not None
    queue.forgive_first_tries(ledger)
    due = queue.claim(ledger, Stage.RECEIVED, 10.0)
    assert due is not None and due.sha256 != again.sha256
    assert queue.claim(ledger, Stage.RECEIVED, 10.0) is None


def test_what_flows_is_told_from_what_waits(ledger: Ledger) -> None:
    """A photo flows while it may be tried or is tried for the first time; one that failed and waits does not hold others up."""
    assert not queue.flowing(ledger, Stage.RECEIVED, 0.0)
    photos.insert_or_name(ledger, fresh(1), b"a.jpg", 0.0)
    assert queue.flowing(ledger, Stage.RECEIVED, 0.0)
    queue.claim(ledger, Stage.RECEIVED, 0.0)
    assert queue.flowing(ledger, Stage.RECEIVED, 0.0)
    queue.claim(ledger, Stage.RECEIVED, 10.0)
    assert not queue.flowing(ledger, Stage.RECEIVED, 11.0)
    assert queue.flowing(ledger, Stage.RECEIVED, 30.0)
    assert (photos.waiting(ledger, Stage.RECEIVED), photos.waiting(ledger, Stage.LOCATED), photos.total(ledger)) == (1, 0, 1)


def test_deaths_are_counted_beside_tries(ledger: Ledger) -> None:
    """Each worker that a photo kills is remembered, also when it moves on and is tried anew."""
    photos.insert_or_name(ledger, fresh(1), b"a.jpg", 0.0)
    row = found(ledger, digest_of(b"1"))
    assert photos.count_death(ledger, row) == 1
    locate(ledger, row)
    assert photos.count_death(ledger, row) == 2
    assert found(ledger, row.sha256).deaths == 2


# -- statements --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sighting",
    [SURE, Sighting("placed", EYES), Sighting("net-1", None, None, "no_face", 0), Sighting("net-1", EYES, 7.5, "several_faces", 3)],
    ids=["sure", "placed", "no face", "several faces"],
)
def test_what_was_said_comes_back(ledger: Ledger, sighting: Sighting) -> None:
    """The current sighting of a row is the one that was appended, to the last digit."""
    photos.insert_or_name(ledger, fresh(1), b"a.jpg", 0.0)
    locate(ledger, found(ledger, digest_of(b"1")), sighting)
    assert found(ledger, digest_of(b"1")).sighting == sighting


def test_statements_cannot_be_changed(ledger: Ledger) -> None:
    """Sightings and verdicts are append-only: the database itself refuses to change one."""
    photos.insert_or_name(ledger, fresh(1), b"a.jpg", 0.0)
    row = found(ledger, digest_of(b"1"))
    locate(ledger, row)
    with ledger.write() as db:
        db.execute("INSERT INTO verdicts (photo_id, kind, made_at) VALUES (?, 'excluded', 0)", (row.id,))
    for table, change in (("sightings", "left_x = 0"), ("sightings", "by = 'placed'"), ("verdicts", "kind = 'restored'")):
        with pytest.raises(sqlite3.IntegrityError, match=f"{table} are append-only"), ledger.write() as db:
            db.execute(f"UPDATE {table} SET {change}")
    assert found(ledger, row.sha256).sighting == SURE


def test_a_statement_is_about_a_photo(ledger: Ledger) -> None:
    """A sighting of a photo that is not there is refused."""
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"), ledger.write() as db:
        db.execute("INSERT INTO sightings (photo_id, by, faces, made_at) VALUES (1234, 'net-1', 1, 0)")


def test_labels_are_counted_by_photo(ledger: Ledger) -> None:
    """Labels are a person's statements only, and a photo corrected twice is one label."""
    for number, whose in ((1, ["net-1", "placed", "placed"]), (2, ["net-1", "confirmed"]), (3, ["net-1"])):
        photos.insert_or_name(ledger, fresh(number), b"a.jpg", 0.0)
        for by in whose:
            row = found(ledger, digest_of(b"%d" % number))
            if by == "net-1":
                locate(ledger, row, Sighting(by, EYES, 1.0), Stage.LOCATED)
            else:
                eyes = EyePair(EYES.left, Point(EYES.right.x + number, EYES.right.y))
                labels.place(ledger, [labels.Label(row, eyes, by)], 0.0)
    assert summary.labels(ledger) == {"placed": 1, "confirmed": 1}
