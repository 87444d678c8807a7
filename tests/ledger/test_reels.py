"""Formats, frames and films in the ledger: the film's order, what it shows while frames are made again, and when it is due."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from photodiary.diary.canvas import Canvas, similarity
from photodiary.diary.eyes import EyePair, Point, Sighting
from photodiary.diary.photo import Stage, digest_of
from photodiary.errors import IllegalMove
from photodiary.ledger import photos, picks, queue, reels, summary
from photodiary.ledger.photos import PhotoRow
from photodiary.ledger.store import Ledger

from .conftest import NOON, TakeIn

TALL = Canvas(1080, 1350, Point(400.0, 580.0), Point(680.0, 580.0))
SQUARE = Canvas(1080, 1080, Point(400.0, 480.0), Point(680.0, 480.0))
EYES = EyePair(Point(1200.0, 1500.0), Point(1800.0, 1500.0))


def adopt(ledger: Ledger, canvas: Canvas, *, frozen: bool = True) -> int:
    return reels.adopt_canvas(ledger, canvas, frozen=frozen, source="auto", words="in words", now=0.0)


def in_force(ledger: Ledger) -> reels.CanvasRow:
    row = reels.current_canvas(ledger)
    assert row is not None
    return row


def again(ledger: Ledger, photo: PhotoRow) -> PhotoRow:
    row = photos.find(ledger, photo.sha256)
    assert row is not None
    return row


def locate(ledger: Ledger, photo: PhotoRow, *, doubtful: bool = False) -> PhotoRow:
    reason = "unsure" if doubtful else None
    photos.append_sighting(ledger, photo, Sighting("net-1", EYES, 1.0), Stage.LOCATED, doubtful=doubtful, reason=reason, now=0.0)
    return again(ledger, photo)


def publish(ledger: Ledger, photo: PhotoRow, *, now: float = 0.0) -> PhotoRow:
    row = in_force(ledger)
    frame = f"frames/{photo.id}_{row.id}.jpg"
    reels.publish_frame(ledger, photo, frame, 5000, similarity(EYES, row.canvas), row.id, lambda: now)
    return again(ledger, photo)


def film(ledger: Ledger) -> list[str]:
    return [shown.frame for shown in reels.film_photos(ledger, in_force(ledger).id)]


# -- frames ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("doubtful", [False, True])
def test_a_published_frame_is_in_the_film(ledger: Ledger, take_in: TakeIn, doubtful: bool) -> None:
    """With its frame a photo is in the film, also when a person is still asked; the row tells frame, matrix and format."""
    adopt(ledger, TALL)
    framed = publish(ledger, locate(ledger, take_in(1), doubtful=doubtful))
    assert framed.stage is (Stage.DOUBTFUL if doubtful else Stage.ALIGNED)
    assert framed.in_film
    assert (framed.matrix, framed.canvas_id) == (similarity(EYES, TALL), in_force(ledger).id)
    assert film(ledger) == [framed.frame]
    assert reels.frame_paths(ledger) == {framed.frame}
    assert summary.counts(ledger).in_film == 1


def test_a_frame_for_a_photo_that_moved_is_refused(ledger: Ledger, take_in: TakeIn) -> None:
    """When somebody moved the photo while its frame was made, the frame is not committed."""
    adopt(ledger, TALL)
    located = locate(ledger, take_in(1))
    with ledger.write() as db:
        photos.move(db, located, Stage.EXCLUDED, reason="excluded")
    with pytest.raises(IllegalMove):
        publish(ledger, located)
    assert again(ledger, located).frame is None


def test_a_photo_without_a_frame_is_not_in_the_film(ledger: Ledger, take_in: TakeIn) -> None:
    """A doubtful photo that was left out has no frame and is not shown; an excluded one is not shown though its frame is there."""
    adopt(ledger, TALL)
    left_out = take_in(1)
    photos.append_sighting(ledger, left_out, Sighting("net-1", EYES, 40.0), Stage.DOUBTFUL, doubtful=True, reason="unsure", now=0.0)
    excluded = publish(ledger, locate(ledger, take_in(2)))
    with ledger.write() as db:
        photos.move(db, excluded, Stage.EXCLUDED, reason="excluded")
    assert film(ledger) == []
    assert not again(ledger, left_out).in_film and not again(ledger, excluded).in_film
    assert summary.counts(ledger).in_film == 0


# -- order -------------------------------------------------------------------------------------------------------------------------


def test_a_photo_that_is_looked_at_again_stays_in_the_film(ledger: Ledger, take_in: TakeIn) -> None:
    """While a photo with a frame is sent round once more its old frame is shown; if that is lost meanwhile, it is made again afterwards."""
    adopt(ledger, TALL)
    framed = publish(ledger, locate(ledger, take_in(1)))
    with ledger.write() as db:
        photos.move(db, framed, Stage.RECEIVED)
    sent = again(ledger, framed)
    assert (sent.stage, sent.in_film, film(ledger), summary.counts(ledger).in_film) == (Stage.RECEIVED, True, [framed.frame], 1)
    assert summary.film_missing(ledger) == []
    reels.frame_lost(ledger, str(framed.frame))
    lost = again(ledger, framed)
    assert (lost.stage, lost.frame, lost.in_film, film(ledger)) == (Stage.RECEIVED, None, False, [])
    assert publish(ledger, locate(ledger, lost)).in_film


def test_the_film_follows_the_wall_clock(ledger: Ledger, take_in: TakeIn) -> None:
    """The film is in wall-clock order, wherever the photos were taken and in whatever order they came; UTC only breaks ties."""
    adopt(ledger, TALL)
    hour = timedelta(hours=1)
    # Noon in Auckland was earlier than 11:00 in Honolulu, but the film goes by the clock on the wall.
    moments = {
        "tie, later": take_in(1, wall=NOON, offset=-10 * hour, utc=22.0),
        "evening": take_in(2, wall=NOON + 8 * hour, utc=1.0),
        "tie, earlier": take_in(3, wall=NOON, offset=12 * hour, utc=0.0),
        "honolulu": take_in(4, wall=NOON - hour, offset=-10 * hour, utc=21.0),
        "half a second after noon": take_in(5, wall=NOON + timedelta(milliseconds=500), utc=0.0),
    }
    framed = {name: publish(ledger, locate(ledger, photo)) for name, photo in moments.items()}
    wanted = ["honolulu", "tie, earlier", "tie, later", "half a second after noon", "evening"]
    assert film(ledger) == [framed[name].frame for name in wanted]
    assert [reels.film_position(ledger, framed[name]) for name in wanted] == [1, 2, 3, 4, 5]
    assert [row.sha256 for row, _ in photos.everything(ledger)] == [framed[name].sha256 for name in wanted]


def test_utc_breaks_ties_of_the_wall_clock(ledger: Ledger, take_in: TakeIn) -> None:
    """Photos with the same clock stand in the order of their UTC moments, whatever their digests are."""
    adopt(ledger, TALL)
    by_digest = sorted(range(6), key=lambda number: digest_of(b"%d" % number))
    rows = {number: publish(ledger, locate(ledger, take_in(number, utc=-float(by_digest.index(number))))) for number in range(6)}
    assert film(ledger) == [rows[number].frame for number in reversed(by_digest)]


def test_photos_of_one_instant_have_a_fixed_order(ledger: Ledger, take_in: TakeIn) -> None:
    """Photos with the same clock and UTC stand in the order of their digests, never in that of their arrival."""
    adopt(ledger, TALL)
    rows = [publish(ledger, locate(ledger, take_in(number))) for number in range(6)]
    assert film(ledger) == [row.frame for row in sorted(rows, key=lambda row: row.sha256)]


def test_undated_photos_come_last_in_lists(ledger: Ledger, take_in: TakeIn) -> None:
    """What has no date is listed after everything that has one."""
    undated, dated = take_in(1, Stage.UNDATED, wall=None), take_in(2, wall=datetime(2031, 1, 1))
    assert [row.sha256 for row, _ in photos.everything(ledger)] == [dated.sha256, undated.sha256]


# -- formats -----------------------------------------------------------------------------------------------------------------------


def test_a_new_format_sends_frames_back_and_keeps_the_old_ones(ledger: Ledger, take_in: TakeIn) -> None:
    """After a change of format every framed photo waits for its new frame; until then the old one stays and the photo counts as in the film."""
    adopt(ledger, TALL)
    tall = in_force(ledger)
    first, second = publish(ledger, locate(ledger, take_in(1))), publish(ledger, locate(ledger, take_in(2), doubtful=True))
    waiting = take_in(3)
    assert adopt(ledger, SQUARE) == 2
    for old in (first, second):
        row = again(ledger, old)
        assert (row.stage, row.frame, row.canvas_id, row.in_film) == (Stage.LOCATED, old.frame, tall.id, True)
        assert row.doubtful is old.doubtful
    assert again(ledger, waiting).stage is Stage.RECEIVED
    assert reels.frame_paths(ledger) == {first.frame, second.frame}
    assert {shown.frame for shown in reels.film_photos(ledger, tall.id)} == {first.frame, second.frame}
    assert summary.counts(ledger).in_film == 2

    claimed = queue.claim(ledger, Stage.LOCATED, 0.0)
    assert claimed is not None and claimed.sha256 == first.sha256
    remade = publish(ledger, claimed)
    assert remade.frame != first.frame
    assert film(ledger) == [remade.frame]
    assert [shown.frame for shown in reels.film_photos(ledger, tall.id)] == [second.frame]
    redone = publish(ledger, again(ledger, second))
    assert redone.stage is Stage.DOUBTFUL
    assert set(film(ledger)) == {remade.frame, redone.frame}
    assert [shown.frame for shown in reels.film_photos(ledger, tall.id)] == []


def test_the_same_format_again_changes_no_frame(ledger: Ledger, take_in: TakeIn) -> None:
    """A choice that comes out as before is only marked as made for good."""
    adopt(ledger, TALL, frozen=False)
    framed = publish(ledger, locate(ledger, take_in(1)))
    before = in_force(ledger)
    assert (before.frozen, before.canvas) == (False, TALL)
    assert adopt(ledger, TALL, frozen=True) == 0
    assert (in_force(ledger).id, in_force(ledger).frozen) == (before.id, True)
    assert again(ledger, framed) == framed
    assert len(reels.all_canvases(ledger)) == 1


def test_a_photo_left_out_stays_out_when_the_format_changes(ledger: Ledger, take_in: TakeIn) -> None:
    """A change of format brings no excluded and no left-out photo into the film."""
    adopt(ledger, TALL)
    excluded = publish(ledger, locate(ledger, take_in(1)))
    left_out = take_in(2)
    with ledger.write() as db:
        photos.move(db, excluded, Stage.EXCLUDED, reason="excluded")
        photos.move(db, left_out, Stage.DOUBTFUL, doubtful=1, reason="unsure")
    assert adopt(ledger, SQUARE) == 0
    assert again(ledger, excluded).stage is Stage.EXCLUDED
    assert again(ledger, left_out).stage is Stage.DOUBTFUL


def test_no_format_before_the_first_choice(ledger: Ledger) -> None:
    """A fresh diary has no format yet."""
    assert reels.current_canvas(ledger) is None
    assert reels.all_canvases(ledger) == []


def test_formats_are_chosen_from_sure_photos_first(ledger: Ledger, take_in: TakeIn) -> None:
    """The choice sees located photos by digest, those in doubt only after all others, and none without eyes."""
    rows = {number: locate(ledger, take_in(number), doubtful=number == 3) for number in (1, 2, 3)}
    take_in(4)
    faceless = take_in(5)
    photos.append_sighting(ledger, faceless, Sighting("net-1", None, None, "no_face", 0), Stage.EXCLUDED, doubtful=False, reason="no_face", now=0.0)
    assert len(reels.framings(ledger, 10)) == 3
    with ledger.write() as db:  # widths tell the photos apart
        db.executemany("UPDATE photos SET width = ? WHERE id = ?", [(100 + number, row.id) for number, row in rows.items()])
    sure = sorted((1, 2), key=lambda number: rows[number].sha256)
    assert [framed.width for framed in reels.framings(ledger, 10)] == [100 + number for number in (*sure, 3)]
    assert [framed.eyes for framed in reels.framings(ledger, 1)] == [EYES]


# -- films -------------------------------------------------------------------------------------------------------------------------


def reel(frames: int, rendered_at: float) -> reels.ReelRow:
    return reels.ReelRow("films/latest.mp4", frames, frames / 12, "f" * 64, 1000 * frames, rendered_at)


def test_the_news_tell_what_no_film_shows_yet(ledger: Ledger, take_in: TakeIn) -> None:
    """The news count the film's frames, those made since the newest film began, when the first and last of them came, and who still waits."""
    assert reels.film_news(ledger) == reels.FilmNews(0, 0, None, None)
    adopt(ledger, TALL)
    for number, now in ((1, 10.0), (2, 20.0), (3, 30.0)):
        publish(ledger, locate(ledger, take_in(number)), now=now)
    take_in(4)
    locate(ledger, take_in(5))
    assert reels.film_news(ledger) == reels.FilmNews(frames=3, new=3, oldest_new=10.0, newest_new=30.0)
    reels.publish_reel(ledger, reel(1, 15.0))
    assert reels.film_news(ledger) == reels.FilmNews(frames=3, new=2, oldest_new=20.0, newest_new=30.0)
    reels.publish_reel(ledger, reel(3, 30.0))
    assert reels.film_news(ledger) == reels.FilmNews(frames=3, new=0, oldest_new=None, newest_new=None)


def test_the_newest_film_is_the_last_published(ledger: Ledger) -> None:
    """What was published last is the newest film, with every number as it was noted; before the first there is none."""
    assert reels.newest_reel(ledger) is None
    reels.publish_reel(ledger, reel(5, 50.0))
    reels.publish_reel(ledger, reel(6, 40.0))  # a clock that was set back
    assert reels.newest_reel(ledger) == reel(6, 40.0)


def test_each_film_has_its_own_newest_one(ledger: Ledger) -> None:
    """Films are kept apart by their paths, with pace and all; one that nobody asks for any more is forgotten with what it showed."""
    month = reels.ReelRow("films/month.mp4", 3, 0.5, "a" * 64, 500, 70.0, "b" * 64, 6.0)
    reels.publish_reel(ledger, reel(5, 50.0), ["frames/1.jpg"], ["c" * 64])
    reels.publish_reel(ledger, replace(month, fingerprint="d" * 64))
    reels.publish_reel(ledger, month, ["frames/2.jpg", "frames/3.jpg"], ["e" * 64, "f" * 64], [0.0, 0.25])
    assert reels.newest_reels(ledger) == {"films/latest.mp4": reel(5, 50.0), "films/month.mp4": month}
    assert reels.newest_reel(ledger, "films/month.mp4") == month and reels.newest_reel(ledger) == reel(5, 50.0)
    assert reels.shown_by_newest(ledger, "films/month.mp4") == ["frames/2.jpg", "frames/3.jpg"]
    assert (reels.segments_of_newest(ledger, "films/month.mp4"), reels.starts_of_newest(ledger, "films/month.mp4")) == (["e" * 64, "f" * 64], [0.0, 0.25])
    assert (reels.segments_of_newest(ledger), reels.starts_of_newest(ledger)) == (["c" * 64], [])
    reels.film_gone(ledger, "films/month.mp4")
    assert reels.newest_reels(ledger) == {"films/latest.mp4": reel(5, 50.0)} and reels.shown_by_newest(ledger, "films/month.mp4") == []
    assert reels.shown_by_newest(ledger) == ["frames/1.jpg"]


def test_what_older_films_showed_is_not_kept(ledger: Ledger) -> None:
    """Order, segments and times are known of the newest film of a path only: none of a photo that is forgotten."""
    for number in range(3):
        reels.publish_reel(ledger, reel(number + 1, float(number)), [f"frames/{number}.jpg"], [f"{number}" * 64], [0.0])
    with ledger.read() as db:
        kept = [tuple(row) for row in db.execute("SELECT shows, segments, starts FROM reels ORDER BY id")]
    assert kept[:2] == [(None, None, None)] * 2 and all(kept[2])
    reels.publish_reel(ledger, reel(1, 9.0))
    assert (reels.shown_by_newest(ledger), reels.segments_of_newest(ledger)) == ([], [])


def measure(ledger: Ledger, photo: PhotoRow, tone: str) -> None:
    with ledger.write() as db:
        db.execute("INSERT INTO looks (photo_id, frame, tone, marks, eyes, score) VALUES (?, ?, ?, '{}', x'', 0.5)", (photo.id, photo.frame, tone))


def test_the_film_s_photos_are_told_with_what_a_plan_needs(ledger: Ledger, take_in: TakeIn) -> None:
    """In the film's order: digest, frame, wall clock, where the photo lies on its frame, and the looks of that frame, where they were measured."""
    adopt(ledger, TALL)
    late, early = (publish(ledger, locate(ledger, take_in(number, wall=NOON - timedelta(days=number)))) for number in (1, 2))
    framed = str(late.frame)
    measure(ledger, late, "[0.5, -0.25, 0.125]")
    told = reels.film_photos(ledger, in_force(ledger).id)
    assert [photo.frame for photo in told] == film(ledger) == [early.frame, late.frame]
    assert told[1] == reels.FilmPhoto(late.sha256, framed, NOON - timedelta(days=1), (0.5, -0.25, 0.125), similarity(EYES, TALL), 3000, 4000)
    assert told[0].tone is None
    assert reels.film_photos(ledger, 99) == []


def test_whatever_changes_a_film_changes_its_state(ledger: Ledger, take_in: TakeIn) -> None:
    """A new frame, one made again, a photo left out, a decision, another format, measured looks and a new film are each noticed without planning it."""
    seen = [reels.film_state(ledger)]

    def noticed() -> None:
        seen.append(reels.film_state(ledger))
        assert seen[-1] != seen[-2] and seen[-1] == reels.film_state(ledger)

    adopt(ledger, TALL)
    noticed()
    first = publish(ledger, locate(ledger, take_in(1)), now=10.0)
    noticed()
    second = publish(ledger, locate(ledger, take_in(2)), now=20.0)
    noticed()
    reels.frame_lost(ledger, str(second.frame))
    noticed()
    publish(ledger, again(ledger, second), now=30.0)
    noticed()
    with ledger.write() as db:
        db.execute("INSERT INTO verdicts (photo_id, kind, made_at) VALUES (?, 'redated', 1.0)", (first.id,))
    noticed()
    measure(ledger, first, "[0, 0, 0]")
    noticed()
    reels.publish_reel(ledger, reel(2, 40.0))
    noticed()
    reels.still_shows(ledger, "films/latest.mp4", 50.0)
    noticed()
    assert reels.newest_reel(ledger) == reel(2, 50.0)
    picks.adopt(ledger, "day")
    noticed()
    aside = again(ledger, second if again(ledger, first).in_film else first)
    assert not aside.in_film and aside.frame is not None
    photos.append_sighting(ledger, aside, Sighting("placed", EYES, None), Stage.LOCATED, doubtful=False, reason=None, now=0.0)
    publish(ledger, again(ledger, aside), now=60.0)  # another film may show every photo
    noticed()
    with ledger.write() as db:
        photos.move(db, again(ledger, first), Stage.EXCLUDED, reason="excluded")
    noticed()
    adopt(ledger, SQUARE)
    noticed()


def test_days_without_a_photo_in_the_film_are_told(ledger: Ledger, take_in: TakeIn) -> None:
    """A day is missing only when none of its photos is shown, with a reason in words; before 04:00 it is still the day before."""
    adopt(ledger, TALL)
    publish(ledger, locate(ledger, take_in(1, wall=datetime(2024, 5, 15, 12))))
    take_in(2, wall=datetime(2024, 5, 16, 3, 59))  # the night of the 15th, which has a photo
    faceless = take_in(3, wall=datetime(2024, 5, 17, 9))
    photos.append_sighting(ledger, faceless, Sighting("net-1", None, None, "no_face", 0), Stage.EXCLUDED, doubtful=False, reason="no_face", now=0.0)
    take_in(4, wall=datetime(2024, 5, 18, 9))
    assert summary.film_missing(ledger) == [
        {"day": "2024-05-17", "reason": "no face found"},
        {"day": "2024-05-18", "reason": "not yet through (received)"},
    ]
