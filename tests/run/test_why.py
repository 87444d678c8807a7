"""A photo's life in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from photodiary.diary.calendar import Taken
from photodiary.diary.canvas import Canvas, similarity
from photodiary.diary.eyes import REASONS, EyePair, Point, Sighting
from photodiary.diary.photo import Digest, Stage
from photodiary.diary.said import wall_clock
from photodiary.errors import BadUsage, LedgerTrouble
from photodiary.ledger import deciding, photos, reels, verdicts
from photodiary.ledger.photos import NewPhoto, PhotoRow
from photodiary.ledger.store import Ledger
from photodiary.ledger.telling import SOURCES
from photodiary.run.why import why
from photodiary.settings import Settings, load

EYES = EyePair(Point(1000.0, 1500.0), Point(1600.0, 1500.0))
CANVAS = Canvas(1080, 1350, Point(400.0, 580.0), Point(680.0, 580.0))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "config.toml").write_text('timezone = "Europe/Berlin"\n[diary.me]\ninbox = "inbox"\narchive = "archive"\n')
    return load(tmp_path / "config.toml")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(tmp_path / "archive")
    reels.adopt_canvas(made, CANVAS, frozen=True, source="auto", words="", now=0.0)
    yield made
    made.close()


def put(ledger: Ledger, number: int, taken: Taken | None, stage: Stage = Stage.RECEIVED, reason: str | None = None) -> PhotoRow:
    utc = None if taken is None else taken.utc(ZoneInfo("UTC")).timestamp()
    new = NewPhoto(Digest(f"{number:064x}"), 3_400_000, "jpeg", 3000, 4000, taken, utc, f"originals/{number}.jpg", stage, reason)
    photos.insert_or_name(ledger, new, b"Camera/IMG_%d.jpg" % number, 1.7e9)
    return again(ledger, number)


def again(ledger: Ledger, number: int) -> PhotoRow:
    row = photos.find(ledger, Digest(f"{number:064x}"))
    assert row is not None
    return row


def film(ledger: Ledger, number: int, sighting: Sighting, *, odds: float | None = None, reason: str | None = None, likeness: bool = True) -> None:
    look = (b"look", odds) if likeness else None
    photos.append_sighting(ledger, again(ledger, number), sighting, Stage.LOCATED, doubtful=reason is not None, reason=reason, now=1.7e9, likeness=look)
    reels.publish_frame(ledger, again(ledger, number), f"frames/{number}.jpg", 1, similarity(EYES, CANVAS), 1, lambda: 1.7e9)


MAY = Taken(datetime(2024, 5, 15, 8, 30), timedelta(hours=2), "exif")


def test_a_life_is_told_in_about_ten_lines(ledger: Ledger, settings: Settings) -> None:
    """Names, date and its source, eyes and who said so, how far off, other faces, likeness, decisions, film and frame are all there."""
    put(ledger, 1, Taken(datetime(2024, 5, 14, 8), None, "name"))
    film(ledger, 1, Sighting("net-1", EYES, 1.0))
    put(ledger, 2, MAY)
    film(ledger, 2, Sighting("net-1", EYES, 2.5, "several_faces", 3), odds=3.0, reason="several_faces")
    told = why(settings, "me", "0000"[:4] + f"{2:060x}")
    lines = dict(line.split(None, 1) for line in told.replace("off by", "off-by").splitlines())
    assert 9 <= len(told.splitlines()) <= 12
    assert lines["names"] == "Camera/IMG_2.jpg"
    assert lines["taken"] == "15 May 2024 08:30:00 (+02:00 from UTC), as the camera wrote it"
    assert "left 1000.0, 1500.0, right 1600.0, 1500.0; placed by the model net-1 on 14 November 2023 23:13" in lines["eyes"]
    assert lines["off-by"] == "2.5 % of the distance between the eyes, about 7 px in the film (expected)"
    assert lines["others"] == "3 faces in the photo"
    assert lines["likeness"] == "95.3 % sure that it is you (log odds +3.0)"
    assert lines["decided"] == "nothing by you"
    assert lines["film"] == f"shown in the next film as photo 2 of 2, 0.2 s from the start; to check: {REASONS['several_faces']}"
    assert lines["frame"] == "frames/2.jpg"


def test_eyes_that_a_person_placed_are_told_so(ledger: Ledger, settings: Settings) -> None:
    """What a person said needs no expected error, and the model's statement before is counted."""
    put(ledger, 1, MAY)
    film(ledger, 1, Sighting("net-1", EYES, 2.5), likeness=False)
    with ledger.write() as db:
        photos.move(db, again(ledger, 1), Stage.RECEIVED)
    film(ledger, 1, Sighting("placed", EYES), likeness=False)
    told = why(settings, "me", "IMG_1.jpg")
    assert "placed by you" in told and "2 statements in all" in told and "as you said" in told and "likeness not known" in told


@pytest.mark.parametrize(
    ("stage", "reason", "sentence"),
    [
        (Stage.RECEIVED, None, "not yet: waits for its eyes to be found"),
        (Stage.UNDATED, "undated", "not shown: no date found in it"),
        (Stage.EXCLUDED, "no_face", "not shown: no face found"),
        (Stage.QUARANTINED, "truncated", "not shown: cut short"),
    ],
)
def test_why_a_photo_is_not_shown_is_a_sentence(ledger: Ledger, settings: Settings, stage: Stage, reason: str | None, sentence: str) -> None:
    """Whatever keeps a photo out of the film is said in words."""
    put(ledger, 1, None if stage is Stage.UNDATED else MAY, stage, reason)
    told = why(settings, "me", "IMG_1.jpg")
    assert sentence in told and "not looked for yet" in told


def test_decisions_are_told_with_their_day(ledger: Ledger, settings: Settings) -> None:
    """What a person decided stands there in order, and the date says that a person set it."""
    photo = put(ledger, 1, None, Stage.UNDATED, "undated")
    deciding.decide(ledger, [photo], verdicts.EXCLUDED, None, 1.7e9)
    deciding.decide(ledger, [photo], verdicts.REDATED, datetime(2024, 5, 15, 8, 30), 1.7e9)
    while deciding.heed(ledger, ZoneInfo("UTC"), 1.7e9):
        pass
    told = why(settings, "me", "IMG_1.jpg")
    assert "left out by you on 14 November 2023 23:13; dated 2024-05-15 08:30:00 by you on 14 November 2023 23:13" in told
    assert "15 May 2024 08:30:00, set by you" in told and "not shown: left out by you" in told


def test_a_day_tells_all_its_photos(ledger: Ledger, settings: Settings) -> None:
    """A date lists every photo of that day; a day without one is an error that says so."""
    for number, hour in ((1, 8), (2, 20)):
        put(ledger, number, Taken(datetime(2024, 5, 15, hour), None, "mtime"))
    put(ledger, 3, Taken(datetime(2024, 5, 16, 12), None, "exif"))
    told = why(settings, "me", "2024-05-15")
    assert "IMG_1.jpg" in told and "IMG_2.jpg" in told and "IMG_3.jpg" not in told
    with pytest.raises(BadUsage, match="no photo of 2024-05-17"):
        why(settings, "me", "2024-05-17")


def test_every_source_of_a_date_has_words() -> None:
    """No source is shown as a code."""
    assert set(SOURCES) == {"exif", "digitized", "takeout", "immich", "name", "mtime", "person"}


def test_without_a_diary_it_is_said(settings: Settings) -> None:
    """Asking why before there is a diary says how to begin."""
    with pytest.raises(LedgerTrouble, match="photodiary run"):
        why(settings, "me", "IMG_1.jpg")


NOW = datetime(2026, 11, 24, 12)


@pytest.mark.parametrize(
    ("text", "wall"),
    [
        ("2024-05-15 08:30", datetime(2024, 5, 15, 8, 30)),
        ("2024-05-15T08:30:05", datetime(2024, 5, 15, 8, 30, 5)),
        (" 2024-05-15 ", datetime(2024, 5, 15, 12)),
        ("1955-01-01 00:00", datetime(1955, 1, 1)),
        ("2024-03-31 02:30", datetime(2024, 3, 31, 2, 30)),
    ],
)
def test_a_date_is_read_as_the_clock_showed_it(text: str, wall: datetime) -> None:
    """Day and time, with or without seconds, also one that the diary's zone skips; the day alone is its noon."""
    assert wall_clock(text, NOW) == wall


@pytest.mark.parametrize(
    "text", ["", "yesterday", "15.05.2024", "2024-13-01", "2024-05-15 25:00", "2024-05-15 08:30+02:00", "1700-01-01", "2027-01-01", "0001-01-01"]
)
def test_what_is_no_date_of_a_photo_is_refused(text: str) -> None:
    """What cannot be read, has a time zone, or lies before photography or in the future is a usage error with an example."""
    with pytest.raises(BadUsage, match='write .*like "2024-05-15 08:30"'):
        wall_clock(text, NOW)
