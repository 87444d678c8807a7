"""One photo stands for each day: the one that a person chose, else the best, whatever came first; everybody who can tell agrees, and nothing is deleted."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from photodiary.diary.canvas import Canvas, similarity
from photodiary.diary.eyes import EyePair, Point, Sighting
from photodiary.diary.photo import Digest, Stage
from photodiary.diary.picking import EYES, Looks, Marks
from photodiary.errors import BadUsage
from photodiary.ledger import choices, deciding, forgetting, looks, photos, picks, reels, retracting, reviewing, summary, takes, verdicts
from photodiary.ledger.photos import PhotoRow
from photodiary.ledger.store import Ledger

from .conftest import TakeIn

BERLIN = ZoneInfo("Europe/Berlin")
SEEN = EyePair(Point(100.0, 150.0), Point(200.0, 150.0))
CANVAS = Canvas(320, 320, Point(110.0, 140.0), Point(210.0, 140.0))
PLAIN = Marks(sharp=0.45, light=0.5, dark=0.0, bright=0.0, open=1.0, turned=0.1)
MORNING = datetime(2024, 5, 15, 9)  # a Wednesday


def like(**marks: float) -> Looks:
    return Looks((0.5, 0.1), Marks(**{**vars(PLAIN), **marks}), bytes(EYES))


class Diary:
    """Photos with frames, as they come."""

    def __init__(self, ledger: Ledger, take_in: TakeIn) -> None:
        self.ledger, self._take_in, self._count = ledger, take_in, 0
        reels.adopt_canvas(ledger, CANVAS, frozen=True, source="auto", words="words", now=0.0)

    def add(self, wall: datetime, seen: Looks | None = None, *, doubtful: bool = False, now: float = 1.0) -> Digest:
        self._count += 1
        row = self._take_in(self._count, wall=wall)
        sighting = Sighting("net-1", SEEN, 1.0)
        photos.append_sighting(self.ledger, row, sighting, Stage.LOCATED, doubtful=doubtful, reason="unsure" if doubtful else None, now=1.0)
        frame = f"frames/{row.sha256[:16]}.jpg"
        reels.publish_frame(self.ledger, self.row(row.sha256), frame, 50, similarity(SEEN, CANVAS), 1, lambda: now, seen)
        return row.sha256

    def row(self, sha256: Digest) -> PhotoRow:
        found = photos.find(self.ledger, sha256)
        assert found is not None
        return found

    def shown(self) -> set[Digest]:
        """What shows, agreed by all who can tell."""
        rows = [row for row, _ in photos.everything(self.ledger)]
        found = {row.sha256 for row in rows if row.in_film}
        assert {row.sha256 for row in rows if self.row(row.sha256).in_film} == found, "one photo alone and all together"
        assert [photo.sha256 for photo in reels.film_photos(self.ledger, 1)] == [row.sha256 for row in rows if row.in_film]
        assert [shown.frame for shown in reels.film_photos(self.ledger, 1)] == [row.frame for row in rows if row.in_film]
        assert reels.film_news(self.ledger).frames == summary.counts(self.ledger).in_film == len(found)
        assert [reels.film_position(self.ledger, row) for row in rows if row.in_film] == list(range(1, len(found) + 1))
        assert not any(row.in_film and row.other_take for row in rows)
        return found

    def say(self, act: object, *digests: Digest, at: float = 5.0) -> None:
        assert callable(act)
        act(self.ledger, [self.row(digest) for digest in digests], at)
        while deciding.heed(self.ledger, BERLIN, at):
            pass


@pytest.fixture
def diary(ledger: Ledger, take_in: TakeIn) -> Diary:
    return Diary(ledger, take_in)


def test_a_day_ends_at_four_a_week_on_sunday(diary: Diary) -> None:
    """Two in the morning belongs to the day before; weeks begin on Monday, also where a year begins within one; without a setting all show."""
    late, early = diary.add(MORNING, like(sharp=0.5)), diary.add(MORNING + timedelta(hours=17), like())  # the next morning at two
    after = diary.add(MORNING + timedelta(hours=19), like(sharp=0.35))
    sunday, monday = diary.add(datetime(2024, 5, 20, 3, 59), like(sharp=0.4)), diary.add(datetime(2024, 5, 20, 4), like(sharp=0.4))
    june = diary.add(datetime(2024, 6, 1, 3), like(sharp=0.55))
    year = [diary.add(datetime(2024, 12, 31, 12), like()), diary.add(datetime(2025, 1, 5, 12), like(sharp=0.5)), diary.add(datetime(2025, 1, 6, 12), like())]
    everything = {late, early, after, sunday, monday, june, *year}
    assert diary.shown() == everything
    picks.adopt(diary.ledger, "day")
    assert diary.shown() == everything - {early}
    assert (diary.row(early).in_film, diary.row(early).other_take) == (False, True)
    picks.adopt(diary.ledger, "week")
    assert diary.shown() == {late, monday, june, year[1], year[2]}
    picks.adopt(diary.ledger, "month")
    assert diary.shown() == {june, year[0], year[1]}
    assert reels.film_photos(diary.ledger, 1, "all") and len(reels.film_photos(diary.ledger, 1, "all")) == 9, "another film may have another pick"
    counts = summary.counts(diary.ledger)
    assert (counts.days, counts.other_takes, counts.total) == (3, 6, 9)
    picks.adopt(diary.ledger, "all")
    assert diary.shown() == everything, "nothing is deleted"


def test_the_order_of_arrival_plays_no_part(diary: Diary) -> None:
    """The best one shows: sure before doubtful, measured before unmeasured, and of equal ones always the same."""
    picks.adopt(diary.ledger, "day")
    first = diary.add(MORNING, None)
    assert diary.shown() == {first}
    unsure = diary.add(MORNING, like(sharp=0.55), doubtful=True)
    assert diary.shown() == {first}, "a person is asked about the other one first"
    closed = diary.add(MORNING, like(open=0.0))
    assert diary.shown() == {closed}
    twins = [diary.add(MORNING + timedelta(minutes=number), like()) for number in range(3)]
    assert diary.shown() == {min(twins)}
    best = diary.add(MORNING, like(sharp=0.5))
    assert diary.shown() == {best}
    assert [row.sha256 for row, _ in photos.everything(diary.ledger) if row.other_take] != []
    assert {row.sha256 for row, _ in photos.everything(diary.ledger) if row.other_take} == {first, unsure, closed, *twins}
    assert reviewing.questions(diary.ledger) == [], "nobody is asked about what is kept aside"
    picks.adopt(diary.ledger, "all")
    assert len(reviewing.questions(diary.ledger)) == 1


def test_a_persons_choice_shows_until_it_is_taken_back(diary: Diary) -> None:
    """The newest choice of a day counts; taken back on the page or by the verb, the one before does, and in the end the best."""
    picks.adopt(diary.ledger, "day")
    best, second, third = diary.add(MORNING, like(sharp=0.5)), diary.add(MORNING, like()), diary.add(MORNING, like(open=0.0))
    diary.say(choices.pick, third, at=5.0)
    assert diary.shown() == {third}
    diary.say(choices.pick, second, at=6.0)
    assert diary.shown() == {second}
    assert [verdict.kind for verdict in _history(diary, second)] == [verdicts.PICKED]
    retracting.take_back(diary.ledger, 6.0, 7.0)
    while deciding.heed(diary.ledger, BERLIN, 7.0):
        pass
    assert diary.shown() == {third} and diary.row(second).stage is Stage.ALIGNED
    diary.say(choices.unpick, third, at=8.0)
    assert diary.shown() == {best}
    with pytest.raises(BadUsage, match="was not chosen"):
        diary.say(choices.unpick, third, at=9.0)
    diary.say(choices.pick, third, at=10.0)
    deciding.decide(diary.ledger, [diary.row(third)], verdicts.EXCLUDED, None, 11.0)
    deciding.heed(diary.ledger, BERLIN, 11.0)
    assert diary.shown() == {best}, "what is left out shows for nothing"
    with pytest.raises(BadUsage, match="cannot show"):
        diary.say(choices.pick, third, at=12.0)


def _history(diary: Diary, sha256: Digest) -> list[verdicts.Verdict]:
    with diary.ledger.read() as db:
        return verdicts.history(db, diary.row(sha256).id)


def test_a_choice_counts_within_a_moment_too(diary: Diary) -> None:
    """Of takes of one moment the chosen one shows, where all show and where one stands for the day."""
    large, small = diary.add(MORNING, like()), diary.add(MORNING, like(sharp=0.3))
    with diary.ledger.write() as db:
        for digest in (large, small):
            takes.note(db, diary.row(digest).id, "e" * 64, None)
    shown = diary.shown()
    assert len(shown) == 1
    (other,) = {large, small} - shown
    for pick in ("all", "day"):
        picks.adopt(diary.ledger, pick)
        diary.say(choices.pick, other, at=5.0)
        assert diary.shown() == {other}
        diary.say(choices.unpick, other, at=6.0)
        assert diary.shown() == shown


def test_reasons_are_told(diary: Diary) -> None:
    """Why it shows, what speaks against another one, and that a person chose; in words of a sentence."""
    picks.adopt(diary.ledger, "day")
    alone = diary.add(MORNING - timedelta(days=1), like())
    best, shut = diary.add(MORNING, like()), diary.add(MORNING, like(open=0.0))
    unsure = diary.add(MORNING, like(), doubtful=True)

    def told(digest: Digest) -> str:
        choice = choices.of(diary.ledger, diary.row(digest))
        assert choice is not None
        return choice.in_words(digest)

    assert told(alone) == "the only one of this day"
    assert told(best) == "shown rather than 2 others of this day: eyes open"
    assert told(shut) == f"another photo of this day shows, {best[:12]}; this one: eyes closed"
    assert told(unsure) == f"another photo of this day shows, {best[:12]}; this one: to be checked first"
    diary.say(choices.pick, shut)
    assert told(shut) == "you chose it rather than 2 others of this day"
    assert told(best) == f"another photo of this day shows, {shut[:12]}, which you chose"
    picks.adopt(diary.ledger, "all")
    assert choices.of(diary.ledger, diary.row(best)) is None


def test_a_photo_that_is_not_picked_makes_no_film_due(diary: Diary) -> None:
    """A film is due for what it will show: neither a worse photo of a day that has one, nor for ever."""
    picks.adopt(diary.ledger, "day")
    diary.add(MORNING, like(), now=10.0)
    reels.publish_reel(diary.ledger, reels.ReelRow("films/latest.mp4", 1, 0.1, "f" * 64, 10, 20.0))
    worse = diary.add(MORNING, like(sharp=0.3), now=30.0)
    assert reels.film_news(diary.ledger) == reels.FilmNews(1, 0, None, None)
    state = reels.film_state(diary.ledger)
    diary.say(choices.pick, worse)
    assert reels.film_state(diary.ledger) != state, "the film is planned anew"
    better = diary.add(MORNING + timedelta(days=1), like(), now=40.0)
    assert reels.film_news(diary.ledger).newest_new == 40.0 and better in diary.shown()


def test_any_mixture_shows_what_one_would_pick_by_hand(diary: Diary) -> None:
    """Against a slow and simple choice: photos of many days and moments, measured or not, doubtful, chosen, taken back, in any order of arrival."""
    chance = random.Random(6)
    made: list[Digest] = []
    for _ in range(60):
        wall = MORNING + timedelta(days=chance.randrange(9), hours=chance.randrange(24), minutes=chance.randrange(60))
        seen = like(sharp=chance.choice((0.3, 0.4, 0.5)), open=chance.choice((0.0, 1.0))) if chance.random() < 0.8 else None
        made.append(diary.add(wall, seen, doubtful=chance.random() < 0.3))
    with diary.ledger.write() as db:
        for number, digest in enumerate(made):
            if chance.random() < 0.3:  # moments, as large as nobody else is, so that it is plain which stands for one
                db.execute("UPDATE photos SET take = ?, width = ? WHERE sha256 = ?", (chance.randrange(8), 1000 + number, digest))
    chosen: dict[Digest, int] = {}
    for number in range(20):
        digest = chance.choice(made)
        if digest in chosen and chance.random() < 0.5:
            diary.say(choices.unpick, digest, at=100.0 + number)
            del chosen[digest]
        else:
            diary.say(choices.pick, digest, at=100.0 + number)
            chosen[digest] = number
    with diary.ledger.read() as db:
        scored = dict(db.execute("SELECT p.sha256, l.score FROM photos p LEFT JOIN looks l ON l.photo_id = p.id").fetchall())
        moment = dict(db.execute("SELECT sha256, take FROM photos").fetchall())
    rows = {digest: diary.row(digest) for digest in made}

    def first(group: list[Digest]) -> Digest:
        return max(group, key=lambda digest: (chosen.get(digest, -1), rows[digest].width))

    moments: dict[object, list[Digest]] = {}
    for digest in made:
        moments.setdefault(moment[digest] if moment[digest] is not None else digest, []).append(digest)
    standing = [first(group) for group in moments.values()]
    for pick in ("day", "week", "month"):
        picks.adopt(diary.ledger, pick)
        periods: dict[object, list[Digest]] = {}
        for digest in standing:
            taken = rows[digest].taken
            assert taken is not None
            day = (taken.wall - timedelta(hours=4)).date()
            periods.setdefault({"day": day, "week": day.isocalendar()[:2], "month": (day.year, day.month)}[pick], []).append(digest)
        wanted = {
            min(group, key=lambda d: (-chosen.get(d, -1), rows[d].doubtful, -(scored[d] if scored[d] is not None else -1.0), d)) for group in periods.values()
        }
        assert diary.shown() == wanted
    assert len(chosen) >= 5 and len(standing) < 60


def test_what_a_frame_looks_like_goes_with_it(diary: Diary) -> None:
    """Frames without looks are found and measured once; what was measured of a frame that is no longer there is not kept; forgetting leaves nothing."""
    seen, plain, gone = diary.add(MORNING, like()), diary.add(MORNING, None), diary.add(MORNING, None)
    assert [one.sha256 for one in looks.lacking(diary.ledger, 10)] == [plain, gone] and looks.waiting(diary.ledger) == 2
    first, second = looks.lacking(diary.ledger, 10)
    assert (first.frame, first.canvas, first.expected_error) == (diary.row(plain).frame, CANVAS, 1.0)
    assert looks.lacking(diary.ledger, 10, first.number) == [second] and looks.lacking(diary.ledger, 1) == [first]
    with diary.ledger.write() as db:
        db.execute("UPDATE photos SET frame = 'frames/another.jpg' WHERE sha256 = ?", (gone,))
    looks.keep_all(diary.ledger, [(first, like(open=0.0)), (second, like())])
    assert [one.sha256 for one in looks.lacking(diary.ledger, 10)] == [gone]
    toned = {photo.sha256: photo.tone for photo in reels.film_photos(diary.ledger, 1)}
    assert toned == {seen: (0.5, 0.1), plain: (0.5, 0.1), gone: None}
    forgetting.wish(diary.ledger, [seen], 3.0)
    forgetting.take_out(diary.ledger, seen)
    forgetting.erased(diary.ledger, seen, 4.0)
    forgetting.wipe(diary.ledger, [seen], 5.0)
    with diary.ledger.read() as db:
        assert db.execute("SELECT count(*) FROM looks").fetchone()[0] == 1
