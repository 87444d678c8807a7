"""What a person is asked, and what the page shows around a question; everything here only reads."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from photodiary.diary.eyes import EyePair, Sighting
from photodiary.diary.photo import Digest
from photodiary.ledger import photos, takes
from photodiary.ledger.photos import PhotoRow
from photodiary.ledger.placed import PLACED, eyes_in
from photodiary.ledger.store import Connection, Ledger, Row

# In doubt, or without a face that a model sees.  What waits for another look is asked about after it.
ASKED = """((photos.doubtful = 1 AND photos.stage IN ('located', 'aligned', 'doubtful'))
    OR (photos.stage = 'excluded' AND photos.reason = 'no_face')) AND photos.original IS NOT NULL"""
_NEWEST_FIRST = "photos.taken_wall IS NULL, photos.taken_wall DESC, photos.taken_utc DESC, photos.sha256 DESC"
ACTING = ("decide", "forget", "retry", "move")  # wishes about single photos
APART = 0.5  # of the distance between the eyes: farther away it is another face


@dataclass(frozen=True)
class Question:
    """A photo that a person is asked about, why (a code of diary.eyes.REASONS), and when it was taken (wall clock)."""

    sha256: Digest
    reason: str
    wall: datetime | None


def questions(ledger: Ledger, reason: str | None = None) -> list[Question]:
    """Everything to check, the newest photo first; with `reason`, only what is asked for that.

    Without photos whose moment shows with another take, and without those that a person has spoken about while nobody acted on it yet.
    """
    with ledger.read() as db:
        rows = db.execute(
            f"SELECT sha256, coalesce(reason, 'unsure') AS why, taken_wall FROM photos WHERE {ASKED} AND NOT {takes.overshadowed(db)} ORDER BY {_NEWEST_FIRST}"
        ).fetchall()
        spoken = _spoken_about(db)
    return [
        Question(Digest(row["sha256"]), row["why"], None if row["taken_wall"] is None else datetime.fromisoformat(row["taken_wall"]))
        for row in rows
        if row["sha256"] not in spoken and (reason is None or row["why"] == reason)
    ]


def after(asked: list[Question], ledger: Ledger, last: Digest | None) -> list[Question]:
    """What comes behind the photo `last` in the order of `questions`, whether it is still asked about or not."""
    if last is None:
        return asked
    for place, question in enumerate(asked):
        if question.sha256 == last:
            return asked[place + 1 :]
    row = photos.find(ledger, last)
    if row is None:
        return asked
    wall = datetime.min if row.taken is None else row.taken.wall
    return [question for question in asked if ((question.wall or datetime.min), question.sha256) < (wall, last)]


def by_reason(asked: list[Question]) -> list[tuple[str, int]]:
    """Reasons and how many are asked for each, the most frequent first."""
    return Counter(question.reason for question in asked).most_common()


def pending(ledger: Ledger, sha256: Digest) -> bool:
    """Whether somebody wished something about a photo that nobody acted on yet."""
    with ledger.read() as db:
        return sha256 in _spoken_about(db)


def _spoken_about(db: Connection) -> set[str]:
    marks = ",".join("?" * len(ACTING))
    rows = db.execute(f"SELECT details FROM wishes WHERE done_at IS NULL AND kind IN ({marks})", ACTING).fetchall()
    return {sha256 for row in rows for sha256 in json.loads(row["details"]).get("sha256", [])}


def shown_since(ledger: Ledger, photo: PhotoRow) -> bool:
    """Whether the newest film was begun after the last thing that happened to a photo; there being none says the same as an old one."""
    with ledger.read() as db:
        row = db.execute(
            "SELECT max(coalesce((SELECT framed_at FROM photos WHERE id = :me), 0), coalesce((SELECT max(made_at) FROM verdicts WHERE photo_id = :me), 0)),"
            " (SELECT max(rendered_at) FROM reels)",
            {"me": photo.id},
        ).fetchone()
    return row[1] is not None and row[1] >= row[0]


@dataclass(frozen=True)
class Beside:
    """The frames that show before and after a photo in the film; None where there is none."""

    before: PhotoRow | None
    after: PhotoRow | None


def beside(ledger: Ledger, photo: PhotoRow) -> Beside:
    """The nearest frames in the film that nobody is asked about: what a new one is to look like."""
    if photo.taken is None:
        return Beside(None, None)
    found: list[PhotoRow | None] = []
    with ledger.read() as db:
        for sign, order in (("<", "DESC"), (">", "ASC")):
            row = db.execute(
                f"SELECT sha256 FROM photos WHERE {takes.shows(db)} AND doubtful = 0 AND id <> :me AND taken_wall IS NOT NULL"
                f" AND (taken_wall, coalesce(taken_utc, 0), sha256) {sign} (SELECT taken_wall, coalesce(taken_utc, 0), sha256 FROM photos WHERE id = :me)"
                f" ORDER BY taken_wall {order}, taken_utc {order}, sha256 {order} LIMIT 1",
                {"me": photo.id},
            ).fetchone()
            found.append(None if row is None else photos.find_within(db, Digest(row["sha256"])))
    return Beside(*found)


def other_faces(ledger: Ledger, photo: PhotoRow) -> list[EyePair]:
    """Eyes that somebody once saw elsewhere in the photo than where they are now, the newest first, each face once."""
    with ledger.read() as db:
        rows = db.execute("SELECT * FROM sightings WHERE photo_id = ? AND left_x IS NOT NULL ORDER BY id DESC", (photo.id,)).fetchall()
    known = [photo.sighting.eyes] if photo.sighting is not None and photo.sighting.eyes is not None else []
    others: list[EyePair] = []
    for row in rows:
        eyes = eyes_in(row)
        if all(eyes.distance(one) > APART * max(one.iod, eyes.iod) for one in [*known, *others]):
            others.append(eyes)
    return others


def by_a_model(ledger: Ledger, photo: PhotoRow) -> Sighting | None:
    """What a model said about a photo last; None before one looked at it."""
    with ledger.read() as db:
        row = db.execute("SELECT * FROM sightings WHERE photo_id = ? AND by NOT IN ('placed', 'confirmed') ORDER BY id DESC LIMIT 1", (photo.id,)).fetchone()
    if row is None:
        return None
    return Sighting(row["by"], None if row["left_x"] is None else eyes_in(row), row["expected_error"], row["reason"], row["faces"])


@dataclass(frozen=True)
class Span:
    """Photos of one picture size, which one phone took probably: first and last day, and how many."""

    first: datetime
    last: datetime
    photos: int


GAP_DAYS = 60  # without a photo of that size: then another phone was in use


def span(ledger: Ledger, photo: PhotoRow) -> Span | None:
    """The time around a photo through which photos have its picture size, upright or lying; None for one without date or size."""
    if photo.taken is None or photo.width is None or photo.height is None:
        return None
    with ledger.read() as db:
        rows = db.execute(
            "SELECT taken_wall FROM photos WHERE taken_wall IS NOT NULL AND ((width = :w AND height = :h) OR (width = :h AND height = :w)) ORDER BY taken_wall",
            {"w": photo.width, "h": photo.height},
        ).fetchall()
    walls = [datetime.fromisoformat(row["taken_wall"]) for row in rows]
    place = walls.index(photo.taken.wall)
    first = last = place
    while first > 0 and (walls[first] - walls[first - 1]).days < GAP_DAYS:
        first -= 1
    while last < len(walls) - 1 and (walls[last + 1] - walls[last]).days < GAP_DAYS:
        last += 1
    return Span(walls[first], walls[last], last - first + 1)


def of_size(ledger: Ledger, photo: PhotoRow) -> list[PhotoRow]:
    """All dated photos with the picture size of this one, upright or lying, in the film's order."""
    sides = {photo.width, photo.height}
    return [row for row, _ in photos.everything(ledger) if row.taken is not None and {row.width, row.height} == sides]


def ten(ledger: Ledger, most: int, without: Collection[str] = ()) -> list[PhotoRow]:
    """Up to `most` photos whose eyes a person should place next, so that labels are spread over phones and years, unsure and ordinary in turn.

    The picture's size stands for the phone.  The same diary gives the same photos; what a person labelled, or `without` names, is not asked for.
    """
    with ledger.read() as db:
        rows = db.execute(
            "SELECT photos.sha256, width, height, substr(taken_wall, 1, 4) AS year, s.expected_error AS error"
            " FROM photos JOIN sightings s ON s.id = sighting_id WHERE s.left_x IS NOT NULL AND s.expected_error IS NOT NULL"
            f" AND stage IN ('located', 'aligned', 'doubtful') AND {takes.shows(db)}"
            " AND coalesce(photos.reason, '') NOT IN ('not_this_person', 'several_faces')"
            f" AND photos.id NOT IN (SELECT photo_id FROM sightings WHERE {PLACED}) ORDER BY photos.sha256"
        ).fetchall()
        labelled = db.execute(
            f"SELECT width, height, substr(taken_wall, 1, 4) AS year FROM photos WHERE id IN (SELECT photo_id FROM sightings WHERE by = 'placed' AND {PLACED})"
        ).fetchall()
        spoken = _spoken_about(db)
        left = {row["sha256"]: row for row in rows if row["sha256"] not in spoken and row["sha256"] not in without}
        by_phone = Counter(_phone(row) for row in labelled)
        by_year = Counter((_phone(row), row["year"]) for row in labelled)
        chosen: list[PhotoRow] = []
        turn = len(labelled)
        while left and len(chosen) < most:
            sign = -1 if turn % 2 == 0 else 0  # the least sure, then any
            _, sha256 = min(((by_phone[_phone(row)], by_year[_phone(row), row["year"]], sign * row["error"], sha256), sha256) for sha256, row in left.items())
            row = left.pop(sha256)
            by_phone[_phone(row)] += 1
            by_year[_phone(row), row["year"]] += 1
            turn += 1
            found = photos.find_within(db, Digest(sha256))
            if found is not None:
                chosen.append(found)
    return chosen


def _phone(row: Row) -> tuple[int, ...]:
    return tuple(sorted((row["width"], row["height"])))
