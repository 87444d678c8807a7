"""Labels: what people said about eyes.  Anyone appends them as facts; the holder of `daemon.lock` puts them in force."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from photodiary.diary.eyes import EyePair, Sighting
from photodiary.diary.photo import Stage
from photodiary.ledger import verdicts, wishes
from photodiary.ledger.photos import PhotoRow, everything, find_within, move
from photodiary.ledger.placed import PLACED, eyes_in, newest, newest_id, questioned
from photodiary.ledger.store import Connection, Ledger

KIND = "decide"
LABELLED = "labelled"
SAME = 1e-3  # pixels: a label that says nothing new


@dataclass(frozen=True)
class Label:
    """A human's eyes for a photo; by: placed or confirmed."""

    photo: PhotoRow
    eyes: EyePair
    by: str


def place(ledger: Ledger, labels: Sequence[Label], now: float, *, asked: bool = False) -> tuple[int, int]:
    """Append labels and the wish to act on them, in one transaction.  Returns the wish's number and how many said something new.

    What the photo's newest label says already is not said again, unless the person was `asked` whether it is right: that settles it.
    Who places eyes where there was somebody else, or no face, has found them after all: that is taken back.  now: seconds since the epoch.
    """
    new = []
    with ledger.write() as db:
        for label in labels:
            photo = find_within(db, label.photo.sha256)
            if photo is None:  # forgotten since it was looked up
                continue
            before = newest(db, photo.id)
            same = before is not None and before.by == label.by and before.eyes is not None and before.eyes.distance(label.eyes) <= SAME
            if not same or (asked and questioned(db, photo.id)):
                if verdicts.in_force(db, photo.id).faceless:
                    verdicts.append(db, photo.id, verdicts.RESTORED, None, now)
                db.execute(
                    "INSERT INTO sightings (photo_id, by, left_x, left_y, right_x, right_y, faces, made_at) VALUES (?,?,?,?,?,?,1,?)",
                    (photo.id, label.by, *label.eyes.left, *label.eyes.right, now),
                )
                new.append(label.photo.sha256)
        return wishes.make_within(db, KIND, {"kind": LABELLED, "value": None, "sha256": new}, now), len(new)


def heed(db: Connection, photo: PhotoRow) -> None:
    """Put a photo's newest label in force: its frame is made from it, and no model overrides it."""
    counts = newest_id(db, photo.id)
    if counts is None or photo.stage in (Stage.RECEIVED, Stage.UNDATED, Stage.QUARANTINED):
        return  # the locator's step finds the label when the photo gets there
    ask = questioned(db, photo.id)
    columns: dict[str, str | float | None] = {"sighting_id": counts, "doubtful": int(ask), "reason": "label_differs" if ask else None}
    decided = verdicts.in_force(db, photo.id)
    if photo.stage is Stage.EXCLUDED and (decided.excluded or decided.deleted):
        db.execute("UPDATE photos SET sighting_id = ?, doubtful = 0 WHERE id = ?", (counts, photo.id))
    elif photo.stage is Stage.EXCLUDED and photo.taken is None:
        move(db, photo, Stage.UNDATED, sighting_id=counts, doubtful=0, reason="undated")
    elif photo.stage is Stage.LOCATED:
        db.execute("UPDATE photos SET sighting_id = ?, doubtful = ?, reason = ?, tries = 0, next_try = 0 WHERE id = ?", (*columns.values(), photo.id))
    else:
        move(db, photo, Stage.LOCATED, **columns)


def in_force(ledger: Ledger) -> Iterator[tuple[PhotoRow, Sighting]]:
    """Every photo that a person labelled, with its newest label, in the film's order (undated ones last).

    Without those that were taken back, and without photos that a person called somebody else's, or without a face, since.
    """
    found = _by_photo(ledger)
    for photo, _ in everything(ledger):
        if photo.id in found:
            yield photo, found[photo.id]


def placed(ledger: Ledger) -> int:
    """How many photos' newest label was placed: those that a model learns from at full weight, and is judged by."""
    return sum(label.by == "placed" for label in _by_photo(ledger).values())


def _by_photo(ledger: Ledger) -> dict[int, Sighting]:
    """The labels in force by the numbers of their photos' rows."""
    with ledger.read() as db:
        rows = db.execute(f"SELECT * FROM sightings WHERE {PLACED} ORDER BY id").fetchall()
        found = {row["photo_id"]: Sighting(row["by"], eyes_in(row)) for row in rows}
        return {number: label for number, label in found.items() if not verdicts.in_force(db, number).faceless}
