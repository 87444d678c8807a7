"""What a person is asked, in which order, and what the page shows around it."""

from __future__ import annotations

from datetime import UTC, timedelta
from pathlib import Path

import pytest

from photodiary.diary.canvas import Canvas, similarity
from photodiary.diary.eyes import EyePair, Point, Sighting
from photodiary.diary.photo import Stage, digest_of
from photodiary.ledger import deciding, labels, photos, reels, retracting, reviewing, takes, timeline, verdicts
from photodiary.ledger.labels import Label
from photodiary.ledger.photos import PhotoRow
from photodiary.ledger.reels import ReelRow
from photodiary.ledger.store import Ledger

from .conftest import NOON, TakeIn

EYES = EyePair(Point(1000.0, 1500.0), Point(1600.0, 1500.0))
FAR = EyePair(Point(2000.0, 1500.0), Point(2500.0, 1500.0))
CANVAS = Canvas(1080, 1350, Point(400.0, 580.0), Point(680.0, 580.0))


def again(ledger: Ledger, photo: PhotoRow) -> PhotoRow:
    row = photos.find(ledger, photo.sha256)
    assert row is not None
    return row


def seen(ledger: Ledger, photo: PhotoRow, reason: str | None = None, *, eyes: EyePair | None = EYES, error: float = 1.0, framed: bool = True) -> PhotoRow:
    """What a model says of it, and its frame."""
    stage = Stage.EXCLUDED if eyes is None else Stage.LOCATED
    said = Sighting("net-1", eyes, None if eyes is None else error, reason, 0 if eyes is None else 1)
    photos.append_sighting(ledger, photo, said, stage, doubtful=eyes is not None and reason is not None, reason=reason, now=1.0)
    if eyes is not None and framed:
        if reels.current_canvas(ledger) is None:
            reels.adopt_canvas(ledger, CANVAS, frozen=True, source="auto", words="", now=0.0)
        reels.publish_frame(ledger, again(ledger, photo), f"frames/x_{photo.sha256[:16]}_{photo.id:08}.jpg", 1, similarity(eyes, CANVAS), 1, lambda: 2.0)
    return again(ledger, photo)


@pytest.fixture
def days(ledger: Ledger, take_in: TakeIn) -> list[PhotoRow]:
    """Seven photos, one a day: sure, unsure, covered, no face, sure, unsure, sure."""
    reasons = [None, "unsure", "covered", "no_face", None, "unsure", None]
    return [
        seen(ledger, take_in(n, wall=NOON + timedelta(days=n), utc=float(n)), reason, eyes=None if reason == "no_face" else EYES)
        for n, reason in enumerate(reasons)
    ]


def asked(ledger: Ledger, reason: str | None = None) -> list[str]:
    return [question.sha256 for question in reviewing.questions(ledger, reason)]


def test_doubts_and_photos_without_a_face_are_asked_newest_first(ledger: Ledger, days: list[PhotoRow]) -> None:
    """What is in doubt and what shows no face is asked about, the newest first, and counted by reason."""
    assert asked(ledger) == [days[n].sha256 for n in (5, 3, 2, 1)]
    assert asked(ledger, "unsure") == [days[n].sha256 for n in (5, 1)] and asked(ledger, "cut_by_edge") == []
    assert reviewing.by_reason(reviewing.questions(ledger)) == [("unsure", 2), ("no_face", 1), ("covered", 1)]


def test_what_was_answered_is_not_asked_again(ledger: Ledger, days: list[PhotoRow]) -> None:
    """From the moment of the answer on, before anybody acted on it as after; taken back, it is asked about as before."""
    labels.place(ledger, [Label(days[5], EYES, "confirmed")], 5.0)
    deciding.decide(ledger, [days[3]], verdicts.NO_FACE, None, 6.0)
    for _ in range(2):
        assert asked(ledger) == [days[n].sha256 for n in (2, 1)]
        while deciding.heed(ledger, UTC, 7.0):
            pass
    retracting.take_back(ledger, 6.0, 8.0)
    while deciding.heed(ledger, UTC, 9.0):
        pass
    assert again(ledger, days[3]).stage is Stage.RECEIVED
    seen(ledger, again(ledger, days[3]), "no_face", eyes=None)
    assert asked(ledger) == [days[n].sha256 for n in (3, 2, 1)]


def test_the_place_in_the_queue_is_kept(ledger: Ledger, days: list[PhotoRow]) -> None:
    """What comes behind a photo is the same whether it is still asked about, was answered, or is gone."""
    everything = reviewing.questions(ledger)
    behind = [question.sha256 for question in reviewing.after(everything, ledger, days[3].sha256)]
    assert behind == [days[2].sha256, days[1].sha256]
    deciding.decide(ledger, [days[3]], verdicts.EXCLUDED, None, 6.0)
    assert [q.sha256 for q in reviewing.after(reviewing.questions(ledger), ledger, days[3].sha256)] == behind
    assert reviewing.after(everything, ledger, None) == everything
    assert reviewing.after(everything, ledger, digest_of(b"never there")) == everything


def test_a_moment_that_shows_with_another_take_is_not_asked_about(ledger: Ledger, days: list[PhotoRow]) -> None:
    """Nobody is bothered with the second photo of a burst while the first shows; when that goes, the question comes."""
    with ledger.write() as db:
        db.execute("UPDATE photos SET take = 1 WHERE id IN (?, ?)", (days[3].id, days[4].id))
    assert takes.of(ledger, days[3].sha256).shown == days[4].sha256
    assert days[3].sha256 not in asked(ledger)
    with ledger.write() as db:
        photos.move(db, again(ledger, days[4]), Stage.EXCLUDED, reason="excluded")
    assert days[3].sha256 in asked(ledger)


def test_the_neighbours_are_sure_frames_of_the_film(ledger: Ledger, days: list[PhotoRow]) -> None:
    """Beside a photo stand the nearest frames in time that show and are not in doubt themselves."""
    found = reviewing.beside(ledger, days[2])
    assert found.before is not None and found.after is not None
    assert (found.before.sha256, found.after.sha256) == (days[0].sha256, days[4].sha256)
    assert reviewing.beside(ledger, days[0]).before is None and reviewing.beside(ledger, days[6]).after is None


def test_an_undated_photo_has_no_neighbours(ledger: Ledger, take_in: TakeIn) -> None:
    """It has no place in time."""
    assert reviewing.beside(ledger, take_in(1, Stage.UNDATED, wall=None)) == reviewing.Beside(None, None)
    assert reviewing.span(ledger, take_in(2, Stage.UNDATED, wall=None)) is None


def test_other_faces_are_those_somebody_saw_elsewhere(ledger: Ledger, days: list[PhotoRow]) -> None:
    """What earlier sightings saw far from the current eyes is offered, each face once; what lies close by is the same face."""
    labels.place(ledger, [Label(days[1], FAR, "placed")], 5.0)
    while deciding.heed(ledger, UTC, 6.0):
        pass
    row = again(ledger, days[1])
    assert row.sighting is not None and row.sighting.eyes == FAR
    assert reviewing.other_faces(ledger, row) == [EYES]
    assert reviewing.other_faces(ledger, days[0]) == []
    model = reviewing.by_a_model(ledger, row)
    assert model is not None and (model.by, model.eyes) == ("net-1", EYES)
    assert reviewing.by_a_model(ledger, days[3]) == Sighting("net-1", None, None, "no_face", 0)


def test_a_phones_time_ends_where_its_photos_end(ledger: Ledger, take_in: TakeIn) -> None:
    """Photos of one size without two months' pause are one phone's time; other sizes in between do not end it, and lying or upright is the same."""
    rows = [take_in(n, wall=NOON + timedelta(days=day)) for n, day in enumerate((0, 30, 31, 40, 140, 150))]
    with ledger.write() as db:
        db.execute("UPDATE photos SET width = 4000, height = 3000 WHERE id = ?", (rows[1].id,))
        db.execute("UPDATE photos SET width = 900, height = 1600 WHERE id = ?", (rows[2].id,))
    assert reviewing.span(ledger, rows[3]) == reviewing.Span(NOON, NOON + timedelta(days=40), 3)
    assert reviewing.span(ledger, rows[4]) == reviewing.Span(NOON + timedelta(days=140), NOON + timedelta(days=150), 2)


def test_ten_photos_are_spread_over_phones_and_years(ledger: Ledger, take_in: TakeIn) -> None:
    """Every phone and year gets its turn before one gets a second, unsure and ordinary in turn; labelled ones are not asked for again."""
    for n in range(12):
        row = take_in(n, wall=NOON.replace(year=2021 + n // 4) + timedelta(days=n), utc=float(n))
        with ledger.write() as db:
            db.execute("UPDATE photos SET width = ? WHERE id = ?", (3000 if n % 2 else 1200, row.id))
        seen(ledger, again(ledger, row), error=1.0 + n % 4 / 2)
    first = reviewing.ten(ledger, 6)
    assert len({(row.width, row.taken.wall.year) for row in first if row.taken is not None}) == 6
    assert [row.sha256 for row in reviewing.ten(ledger, 3)] == [row.sha256 for row in first[:3]]
    errors = [row.sighting.expected_error for row in first if row.sighting is not None]
    assert errors[0] == 2.5, "the least sure of all comes first"
    labels.place(ledger, [Label(first[0], EYES, "placed")], 5.0)
    assert [row.sha256 for row in reviewing.ten(ledger, 5)] == [row.sha256 for row in first[1:]]
    assert first[1].sha256 not in [row.sha256 for row in reviewing.ten(ledger, 20, {first[1].sha256})]
    assert len(reviewing.ten(ledger, 20)) == 11


def test_whether_the_film_shows_it_already(ledger: Ledger, days: list[PhotoRow]) -> None:
    """A film that was begun after the frame and the last decision shows the photo as it stands; an older one, or none, does not."""
    assert not reviewing.shown_since(ledger, days[0])
    reels.publish_reel(ledger, ReelRow("films/latest.mp4", 7, 1.0, "f", 1, 3.0))
    assert reviewing.shown_since(ledger, days[0])
    deciding.decide(ledger, [days[0]], verdicts.EXCLUDED, None, 5.0)
    assert not reviewing.shown_since(ledger, days[0])


# -- the timeline ----------------------------------------------------------------------------------------------------------------


def test_every_photo_has_a_tile_that_says_what_it_is(ledger: Ledger, days: list[PhotoRow], take_in: TakeIn) -> None:
    """All photos stand in the timeline, newest first and undated ones before, each with what it is; the numbers add up."""
    take_in(20, Stage.UNDATED, wall=None)
    take_in(21, Stage.QUARANTINED, wall=NOON - timedelta(days=40))
    take_in(22, wall=NOON - timedelta(days=41))
    tiles = timeline.tiles(ledger)
    assert [set(tile.kinds) for tile in tiles] == [
        {"undated"}, {"film"}, {"film", "check"}, {"film"}, {"check", "out"}, {"film", "check"}, {"film", "check"}, {"film"}, {"unread"}, {"coming"},
    ]  # fmt: skip
    assert timeline.counted(tiles) == {"film": 6, "check": 4, "out": 1, "unread": 1, "undated": 1, "takes": 0, "coming": 1}
    assert [tile.version for tile in tiles][1] == f"{days[6].id:08}"


def test_pages_are_whole_months(ledger: Ledger, take_in: TakeIn) -> None:
    """A page has whole months until there are enough photos; the next begins where it ended; a month that is not there begins at the start."""
    for n in range(10):
        take_in(n, wall=NOON + timedelta(days=20 * n))
    by_month = timeline.months(timeline.tiles(ledger))
    assert list(by_month) == ["2024-11", "2024-10", "2024-09", "2024-08", "2024-07", "2024-06", "2024-05"]
    assert timeline.page(by_month, None, 3) == (["2024-11", "2024-10"], "2024-09")
    assert timeline.page(by_month, "2024-06", 99) == (["2024-06", "2024-05"], None)
    assert timeline.page(by_month, "1999-01", 1)[0] == ["2024-11"]
    assert timeline.page({}, None, 5) == ([], None)


def test_readers_meet_older_diaries(tmp_path: Path) -> None:
    """A diary that no program since has opened for writing has no takes; everything here can be read of it."""
    made = Ledger(tmp_path)
    with made.write() as db:
        db.execute("PRAGMA user_version = 3")
    made.close()
    reader = Ledger(tmp_path, writable=False)
    assert reviewing.questions(reader) == [] and reviewing.ten(reader, 3) == [] and timeline.tiles(reader) == []
    reader.close()
