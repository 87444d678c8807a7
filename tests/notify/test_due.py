"""What is due: tables for each kind, and whole weeks of looks in many time zones."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photodiary.diary.hours import between, day_of
from photodiary.ledger.news import Asked, Latest
from photodiary.ledger.reels import ReelRow
from photodiary.notify.config import KINDS, NotifyConfig
from photodiary.notify.due import Due, look
from photodiary.notify.facts import Facts, Learnt
from photodiary.notify.memory import WAITS, Memory, from_text, to_text

BERLIN, NEW_YORK, AUCKLAND = (ZoneInfo(name) for name in ("Europe/Berlin", "America/New_York", "Pacific/Auckland"))
CONFIG = NotifyConfig(exec=("true",), remind_at="20:00")
TARGETS = ("one", "two")
PAGE = "https://diary.example.org"
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


def at(text: str, zone: ZoneInfo = BERLIN) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


def doubt(number: int, reason: str = "unsure", day: date | None = date(2024, 5, 15)) -> Asked:
    return Asked(f"{number:064x}"[::-1], reason, day)


def film(number: int, made_at: float, frames: int = 412) -> ReelRow:
    return ReelRow("/archive/films/latest.mp4", frames, 34.3, f"film {number}", 1000, made_at)


class Life:
    """Looks one after the other; what is due goes to both targets unless they are in `down`."""

    def __init__(self, config: NotifyConfig = CONFIG) -> None:
        self.config, self.memory, self.down = config, Memory(), set[str]()
        self.sent: list[tuple[float, str, str, str]] = []  # when, target, kind, text

    def look(self, facts: Facts, now: float) -> list[Due]:
        self.memory, due = look(facts, self.memory, now, self.config)
        for one in due:
            to = TARGETS if one.to is None else one.to
            kind = one.message.kind
            self.memory = self.memory.begun(kind, one.message.what, to, day_of(now, facts.zone).isoformat(), now)
            for target in to:
                if target not in self.down:
                    self.memory = self.memory.delivered(kind, target)
                    self.sent.append((now, target, kind, one.message.text))
        self.memory = from_text(to_text({facts.diary: self.memory}))[facts.diary]  # a restart between any two looks
        return due

    def kinds(self, facts: Facts, now: float) -> list[str]:
        return [one.message.kind for one in self.look(facts, now)]


def test_a_doubt_is_told_once_and_opens_its_photo() -> None:
    """The reason in words, how many wait, the link of the newest one that is news; the same doubts are not told again, a new one is, the next day."""
    life, noon = Life(), at("2024-05-15T12:00")
    facts = Facts("me", BERLIN, doubts=(doubt(2, "covered"), doubt(1)), link=PAGE)
    (due,) = life.look(facts, noon)
    assert due.message.title == "photodiary: 2 photos need two taps"
    assert due.message.text == "2 photos wait for you. The photo of Wednesday, 15 May 2024: the eyes may be covered."
    assert due.message.link == f"{PAGE}/diary/me/photo/{doubt(2).sha256}" and due.message.data["waiting"] == 2
    assert life.kinds(facts, noon + MINUTE) == life.kinds(facts, noon + 3 * DAY) == []
    more = replace(facts, doubts=(doubt(2, "covered"), doubt(1), doubt(0, "several_faces", None)))
    (due,) = life.look(more, noon + 4 * DAY)
    assert due.message.link.endswith(doubt(0).sha256) and due.message.text.endswith("The photo: several faces, unsure which is yours.")
    assert life.kinds(replace(more, doubts=(*more.doubts, doubt(7))), noon + 4 * DAY + HOUR) == [], "one a day"
    assert life.kinds(replace(more, doubts=(*more.doubts, doubt(7))), noon + 5 * DAY) == ["needs_two_taps"], "and it is not lost"


def test_a_doubt_that_comes_back_is_news() -> None:
    """What was answered and is asked again is told again."""
    life, noon = Life(), at("2024-05-15T12:00")
    facts = Facts("me", BERLIN, doubts=(doubt(1),))
    assert life.kinds(facts, noon) == ["needs_two_taps"] and life.kinds(replace(facts, doubts=()), noon + DAY) == []
    (due,) = life.look(facts, noon + 2 * DAY)
    assert due.message.title == "photodiary: a photo needs two taps" and due.message.link == "", "nobody said how the page is reached"


def test_a_film_is_told_with_its_length_and_a_second_one_of_the_day_is_passed_over() -> None:
    """A new film: photos and seconds.  The evening's film is not told the next morning in place of that day's."""
    life, noon = Life(), at("2024-05-15T12:00")
    (due,) = life.look(Facts("anna", BERLIN, several=True, film=film(1, noon), link=PAGE), noon)
    assert (due.message.title, due.message.text) == ("photodiary (anna): your new film is ready", "412 photos, 34 s.")
    assert due.message.link == f"{PAGE}/diary/anna/film" and due.message.data == {"photos": 412, "seconds": 34.3, "path": "/archive/films/latest.mp4"}
    evening = Facts("anna", BERLIN, film=film(2, noon + 6 * HOUR))
    assert life.kinds(evening, noon + 6 * HOUR) == life.kinds(evening, noon + 20 * HOUR) == []
    assert life.kinds(Facts("anna", BERLIN, film=film(3, noon + 21 * HOUR)), noon + 21 * HOUR) == ["film_ready"]
    assert life.kinds(Facts("anna", BERLIN, film=film(4, noon)), noon + 5 * DAY) == [], "an old film is no news"


@pytest.mark.parametrize(
    ("frames", "seconds", "words"), [(1, 0.08, "1 photo, 0.1 s."), (60, 5.0, "60 photos, 5.0 s."), (5000, 416.7, "5,000 photos, 6 min 57 s.")]
)
def test_lengths_of_films_are_for_people(frames: int, seconds: float, words: str) -> None:
    """Short films to a tenth of a second, long ones in minutes."""
    noon = at("2024-05-15T12:00")
    (due,) = Life().look(Facts("me", BERLIN, film=ReelRow("f", frames, seconds, "x", 1, noon)), noon)
    assert due.message.text == words


def test_a_better_model_is_told_in_words() -> None:
    """How far off the eyes of a typical photo were and are; without numbers only that it learnt; what is a week old is no news."""
    life, noon = Life(), at("2024-05-15T12:00")
    facts = Facts("", BERLIN, learnt=Learnt(noon, 50, 1.32, 0.684), link=PAGE)
    (due,) = life.look(facts, noon)
    assert due.message.text == (
        "It learnt from 50 corrections of yours. In a typical photo it was 1.3 % of the distance between the eyes off; now it is 0.68 %."
    )
    assert due.message.link == f"{PAGE}/learning" and life.kinds(facts, noon + DAY) == []
    (due,) = life.look(Facts("", BERLIN, learnt=Learnt(noon + DAY, 51, None, None)), noon + DAY)
    assert due.message.text == "It learnt from 51 corrections of yours."
    assert Life().kinds(facts, noon + 8 * DAY) == []


def test_trouble_is_told_when_it_lasts() -> None:
    """After a quarter of an hour without a break, with the same trouble known by other numbers; again after a week, or when it comes back."""
    life, start = Life(), at("2024-05-15T09:00")

    def trouble(megabytes: int) -> Facts:
        return Facts("me", BERLIN, troubles=(f"the disk is nearly full: {megabytes:,} MB free",))

    assert [life.kinds(trouble(300 - n), start + n * MINUTE) for n in range(0, 15, 5)] == [[], [], []]
    (due,) = life.look(trouble(1280), start + 15 * MINUTE)
    assert due.message.title == "photodiary: not everything works" and due.message.text == "The disk is nearly full: 1,280 MB free."
    assert [life.kinds(trouble(5), start + n * DAY) for n in (1, 2, 6)] == [[], [], []]
    assert life.kinds(trouble(5), start + 8 * DAY) == ["degraded"], "it still lasts"
    assert life.kinds(Facts("me", BERLIN), start + 9 * DAY) == []
    assert life.kinds(trouble(5), start + 10 * DAY) == [] and life.kinds(trouble(5), start + 10 * DAY + 20 * MINUTE) == ["degraded"]


def test_trouble_that_passes_is_not_told() -> None:
    """Ten minutes, well again, ten minutes: nothing lasted."""
    life, start = Life(), at("2024-05-15T09:00")
    bad, well = Facts("me", BERLIN, troubles=("the inbox is gone",)), Facts("me", BERLIN)
    assert [life.kinds(facts, start + n * 10 * MINUTE) for n, facts in enumerate((bad, bad, well, bad, bad, well))] == [[]] * 6


def test_many_troubles_are_one_message() -> None:
    """Five of them, and how many more."""
    life, start = Life(replace(CONFIG, degraded_after_s=0)), at("2024-05-15T09:00")
    (due,) = life.look(Facts("me", BERLIN, troubles=tuple(f"{word} is gone" for word in "abcdefg")), start)
    assert due.message.text.splitlines() == ["A is gone.", "B is gone.", "C is gone.", "D is gone.", "E is gone.", "and 2 more"]


# -- no photo today --------------------------------------------------------------------------------------------------------------

YESTERDAY, TODAY = date(2024, 5, 14), date(2024, 5, 15)
KNOWN = Facts("me", BERLIN, watched=True, latest=Latest(newest=YESTERDAY), link=PAGE)


@pytest.mark.parametrize(
    ("facts", "now", "told"),
    [
        (KNOWN, "2024-05-15T20:00", True),
        (KNOWN, "2024-05-15T19:59:59", False),
        (KNOWN, "2024-05-15T10:00", False),  # the day is young
        (KNOWN, "2024-05-15T03:59", False),  # it is still the 14th
        (replace(KNOWN, latest=Latest(newest=TODAY)), "2024-05-15T20:00", False),
        (replace(KNOWN, latest=Latest(newest=TODAY + timedelta(days=1))), "2024-05-15T20:00", False),  # travelling east
        (replace(KNOWN, watched=False), "2024-05-15T20:00", False),  # nobody looked: we do not know
        (replace(KNOWN, troubles=("the inbox is gone",)), "2024-05-15T20:00", False),
        (replace(KNOWN, arriving=1), "2024-05-15T20:00", False),
        (replace(KNOWN, latest=Latest(newest=YESTERDAY, unplaced_at=at("2024-05-15T09:00"))), "2024-05-15T20:00", False),  # may be of today
        (replace(KNOWN, latest=Latest(newest=YESTERDAY, unplaced_at=at("2024-05-15T03:00"))), "2024-05-15T20:00", True),
        (replace(KNOWN, latest=Latest()), "2024-05-15T20:00", False),  # no diary yet
        (replace(KNOWN, latest=Latest(newest=date(2024, 5, 1))), "2024-05-15T20:00", True),
        (replace(KNOWN, latest=Latest(newest=date(2024, 4, 30))), "2024-05-15T20:00", False),  # somebody who stopped is left alone
    ],
)
def test_no_photo_today_is_said_only_when_it_is_known(facts: Facts, now: str, told: bool) -> None:
    """Told from the time on that a person chose, when somebody looks, all is well, and nothing that came may be of today."""
    assert Life().kinds(facts, at(now)) == (["no_photo_today"] if told else [])


def test_the_reminder_is_gentle_and_says_what_came() -> None:
    """Once a day; other words when photos without a face came."""
    life, evening = Life(), at("2024-05-15T20:00")
    (due,) = life.look(KNOWN, evening)
    assert (due.message.title, due.message.text, due.message.link) == ("photodiary: no photo today yet", "There is still time for one.", "")
    assert life.kinds(KNOWN, evening + HOUR) == [] and life.kinds(KNOWN, evening + DAY) == ["no_photo_today"]
    (due,) = Life().look(replace(KNOWN, latest=Latest(YESTERDAY, frozenset({TODAY}))), evening)
    assert due.message.text == "None with a face in it has come yet; other photos have."
    assert Life(replace(CONFIG, remind_at="")).kinds(KNOWN, evening) == []


def test_a_reminder_that_falls_into_quiet_hours_is_not_sent_when_its_day_is_over() -> None:
    """Due at eleven at night with quiet hours until eight: in the morning it is another day, and not true any more."""
    life = Life(replace(CONFIG, remind_at="23:00"))
    for hours in range(11):
        assert life.kinds(KNOWN, at("2024-05-15T22:30") + hours * HOUR) == []
    assert Life(replace(CONFIG, remind_at="02:00", quiet_from="", quiet_until="")).kinds(KNOWN, at("2024-05-16T02:00")) == ["no_photo_today"]


@pytest.mark.parametrize(
    ("zone", "day", "hours_of_day"),
    [(BERLIN, date(2024, 3, 31), 23), (BERLIN, date(2024, 10, 27), 25), (NEW_YORK, date(2024, 11, 3), 25), (AUCKLAND, TODAY, 24)],
)
def test_the_reminder_keeps_its_hour_where_the_clock_changes(zone: ZoneInfo, day: date, hours_of_day: int) -> None:
    """Looking each minute through the two days around a change, it comes at 20:00 by the diary's own clock, once each day."""
    life, start = Life(), datetime(day.year, day.month, day.day, 0, 0, tzinfo=zone).timestamp()
    assert datetime.fromtimestamp(start + hours_of_day * HOUR, zone).hour == 0
    told = []
    for minute in range(0, 48 * 60, 5):
        now = start + minute * MINUTE
        facts = replace(KNOWN, zone=zone, latest=Latest(newest=day - timedelta(days=2)))
        told += [datetime.fromtimestamp(now, zone).isoformat()[:16] for _ in life.kinds(facts, now)]
    assert told == [f"{day}T20:00", f"{day + timedelta(days=1)}T20:00"]


def test_the_same_moment_is_evening_in_one_place_only() -> None:
    """At eight in the evening in Berlin it is two in the afternoon in New York: nobody is reminded there."""
    now = at("2024-05-15T20:00")
    assert Life().kinds(KNOWN, now) == ["no_photo_today"] and Life().kinds(replace(KNOWN, zone=NEW_YORK), now) == []
    assert Life().kinds(replace(KNOWN, zone=NEW_YORK), at("2024-05-15T20:00", NEW_YORK)) == ["no_photo_today"]


# -- quiet hours, retries --------------------------------------------------------------------------------------------------------


def test_what_comes_up_at_night_is_told_in_the_morning_if_it_is_still_true() -> None:
    """At eight the doubt that stayed is told, the one that was answered meanwhile is not, and the film is the newest one."""
    life, night = Life(), at("2024-05-15T23:00")
    assert life.kinds(Facts("me", BERLIN, doubts=(doubt(1), doubt(2)), film=film(1, night)), night) == []
    morning = Facts("me", BERLIN, doubts=(doubt(2),), film=film(2, night + HOUR, frames=413))
    assert life.kinds(morning, at("2024-05-16T07:59:59")) == []
    taps, reel = life.look(morning, at("2024-05-16T08:00"))
    assert taps.message.title == "photodiary: a photo needs two taps" and reel.message.text.startswith("413 photos")


def test_a_delivery_that_failed_is_tried_again_ever_less_often_and_then_given_up() -> None:
    """Only who does not have it is tried again, with the words that are true by then; waits grow; after the last try nobody is bothered again."""
    life, noon = Life(replace(CONFIG, quiet_from="", quiet_until="")), at("2024-05-15T12:00")
    life.down = {"two"}
    facts = Facts("me", BERLIN, doubts=(doubt(1),))
    life.look(facts, noon)
    tries = [now for minute in range(1, 36 * 60) for now in [noon + minute * MINUTE] for due in life.look(facts, now) if due.to == ("two",)]
    assert [round(b - a) for a, b in pairwise([noon, *tries])] == [round(wait) for wait in WAITS]
    assert [target for _, target, _, _ in life.sent] == ["one"] and life.memory.told["needs_two_taps"].left == ()
    again = Life()
    again.down = {"one", "two"}
    again.look(facts, noon)
    again.down = {"one"}
    (due,) = again.look(replace(facts, doubts=(doubt(1), doubt(2))), noon + 2 * MINUTE)
    assert due.to == TARGETS and due.message.title == "photodiary: 2 photos need two taps"
    assert again.look(replace(facts, doubts=()), noon + HOUR) == [] and again.memory.told["needs_two_taps"].left == (), "not true any more"


def test_kinds_that_nobody_wants_are_not_told() -> None:
    """`events` chooses."""
    noon = at("2024-05-15T12:00")
    facts = Facts("me", BERLIN, doubts=(doubt(1),), film=film(1, noon))
    assert Life(replace(CONFIG, events=("film_ready",))).kinds(facts, noon) == ["film_ready"]
    assert Life(replace(CONFIG, events=())).kinds(facts, noon) == []


STATES = st.builds(
    Facts,
    diary=st.just("me"),
    zone=st.shared(st.sampled_from([BERLIN, NEW_YORK, AUCKLAND, ZoneInfo("Pacific/Chatham")]), key="zone"),
    doubts=st.lists(st.integers(0, 3).map(doubt), max_size=3, unique=True).map(tuple),
    film=st.one_of(st.none(), st.builds(film, st.integers(0, 3), st.just(at("2024-10-26T12:00")))),
    learnt=st.one_of(st.none(), st.builds(Learnt, st.just(at("2024-10-26T12:00")), st.just(8), st.just(1.0), st.just(0.5))),
    troubles=st.sampled_from([(), ("a is gone",), ("a is gone", "b is gone")]),
    watched=st.booleans(),
    latest=st.sampled_from([Latest(), Latest(date(2024, 10, 25)), Latest(date(2024, 10, 27))]),
)
STEPS = st.sampled_from([MINUTE, 5 * MINUTE, 20 * MINUTE, HOUR, 5 * HOUR, 11 * HOUR])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(STEPS, STATES, st.sets(st.sampled_from(TARGETS))), min_size=1, max_size=25))
def test_nobody_hears_a_kind_twice_a_day_or_anything_in_quiet_hours(steps: list[tuple[float, Facts, set[str]]]) -> None:
    """Whatever happens, in any order, with targets that fail and restarts at any time, over a change of the clock: each target gets each kind at
    most once a day of the diary, never between quiet_from and quiet_until, and only what is true at that moment."""
    life, now = Life(), at("2024-10-26T12:00")
    for wait, facts, down in steps:
        now += wait
        life.down = down
        for due in life.look(facts, now):
            assert not between("22:00", "08:00", facts.zone, now)
            truth = {"needs_two_taps": facts.doubts, "film_ready": facts.film, "model_improved": facts.learnt, "degraded": facts.troubles,
                     "no_photo_today": facts.watched and not facts.troubles}  # fmt: skip
            assert truth[due.message.kind]
        zone = facts.zone
    heard = Counter((day_of(when, zone), target, kind) for when, target, kind, _ in life.sent)
    assert not heard or max(heard.values()) == 1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(STEPS, STATES), min_size=1, max_size=20))
def test_what_is_told_and_stays_the_same_is_never_told_again(steps: list[tuple[float, Facts]]) -> None:
    """After a state was told, looking at the same state again says nothing, except a day's reminder on another day and trouble after a week."""
    life, now = Life(), at("2024-10-26T12:00")
    for wait, facts in steps:
        now += wait
        life.look(facts, now)
    last = steps[-1][1]
    for _ in range(24):  # two days of looks, for what waited because of the night or of the message before
        now += 2 * HOUR
        life.look(last, now)
    assert {one.message.kind for hours in range(2 * 24) for one in life.look(last, now + hours * HOUR)} <= {"no_photo_today"}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 2, "diaries": {}}', '{"version": 1, "diaries": {"me": {}}}',
                                  '{"version": 1, "diaries": {"me": {"told": {}, "since": {"a": NaN}}}}', "{" * 100_000])  # fmt: skip
def test_a_memory_that_is_none_is_refused(text: str) -> None:
    """A torn file, one of a newer program and numbers that are none are ValueError."""
    with pytest.raises(ValueError, match="not what was told before"):
        from_text(text)


def test_every_kind_has_its_words() -> None:
    """The kinds in the settings are those that can be told."""
    from photodiary.notify.due import MAKERS

    assert tuple(MAKERS) == KINDS
