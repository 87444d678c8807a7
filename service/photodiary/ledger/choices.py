"""Why a photo stands for its day, week or month, or why another one does; and what a person says about that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from photodiary.diary.photo import Digest
from photodiary.diary.picking import better, worse
from photodiary.errors import BadUsage
from photodiary.ledger import labels, looks, picks, takes, verdicts, wishes
from photodiary.ledger.photos import PhotoRow, find_within
from photodiary.ledger.store import Connection, Ledger, Row

SURE, ASKED = "the other ones are to be checked first", "to be checked first"


@dataclass(frozen=True)
class Choice:
    """What shows of a period.  period: "day", "week" or "month"; shown: the photo that does; others: those that it stands for, the best first.

    chosen: a person chose what shows; reasons: why the photo that was asked about shows, or what speaks against it; empty where a person chose, or where
    its frame is not measured yet.
    """

    period: str
    shown: Digest
    others: list[Digest]
    chosen: bool
    reasons: list[str]

    def in_words(self, sha256: Digest) -> str:
        """Why the photo that was asked about shows, or why another does, as the rest of a sentence about it."""
        because = f": {', '.join(self.reasons)}" if self.reasons else ""
        if sha256 == self.shown:
            if not self.others:
                return f"you chose it for this {self.period}" if self.chosen else f"the only one of this {self.period}"
            rest = "the other one" if len(self.others) == 1 else f"{len(self.others):,} others"
            return f"you chose it rather than {rest} of this {self.period}" if self.chosen else f"shown rather than {rest} of this {self.period}{because}"
        against = f"; this one: {', '.join(self.reasons)}" if self.reasons else ""
        return f"another photo of this {self.period} shows, {self.shown[:12]}{', which you chose' if self.chosen else against}"


def of(ledger: Ledger, photo: PhotoRow) -> Choice | None:
    """None where all photos show, where none of its period does, and for a photo that could not show whatever the others were."""
    if photo.taken is None or not (photo.in_film or photo.other_take):
        return None
    with ledger.read() as db:
        pick = picks.in_force(db)
        if pick == picks.ALL:
            return None
        rows = db.execute(takes.ranking(db, photo.taken.wall)).fetchall()
        if not rows:
            return None
        first, me = rows[0], next((row for row in rows if row["sha256"] == photo.sha256), None)
        others = [Digest(row["sha256"]) for row in rows[1:]]
        chosen = first["chosen"] is not None
        against = None if chosen or me is None else rows[1] if me is first and len(rows) > 1 else first
        reasons = [] if me is None or against is None or against is me else _reasons(db, me, against)
    return Choice(pick, Digest(first["sha256"]), others, chosen, reasons)


def _reasons(db: Connection, me: Row, against: Row) -> list[str]:
    """Why `me` shows and not `against`, or the other way round."""
    shows = me["place"] == 1
    if me["doubtful"] != against["doubtful"]:
        return [SURE if shows else ASKED]
    found = looks.scores(db, [me["id"], against["id"]])
    if len(found) < 2:
        return []
    return (better if shows else worse)(found[me["id"]], found[against["id"]])


def pick(ledger: Ledger, chosen: Sequence[PhotoRow], now: float) -> int:
    """Have photos show, each rather than the others of its moment and its day, week or month.  Returns the number of the wish to act on it.

    now: seconds since the epoch, the moment by which it is taken back.  Raises BadUsage for a photo that cannot show.
    """
    unfit = [photo for photo in chosen if not (photo.in_film or photo.other_take)]
    if unfit:
        raise BadUsage(f"{', '.join(photo.sha256[:12] for photo in unfit)}: cannot show, whatever else does; `photodiary photos why` says why")
    with ledger.write() as db:
        for photo in chosen:
            if find_within(db, photo.sha256) is not None:  # not forgotten since it was looked up
                verdicts.append(db, photo.id, verdicts.PICKED, None, now)
        return _wish(db, chosen, now)


def unpick(ledger: Ledger, chosen: Sequence[PhotoRow], now: float) -> int:
    """Take back that a person chose these photos: the best of the others may show again.  Raises BadUsage when nobody chose one of them."""
    with ledger.write() as db:
        for photo in chosen:
            rows = db.execute(
                f"SELECT id FROM verdicts WHERE photo_id = ? AND kind = ? AND {verdicts.standing('verdicts', 'verdict')}", (photo.id, verdicts.PICKED)
            ).fetchall()
            if not rows:
                raise BadUsage(f"{photo.sha256[:12]}: was not chosen, so that there is nothing to take back")
            for row in rows:
                verdicts.append(db, photo.id, verdicts.RETRACTED, f"verdict:{row['id']}", now)
        return _wish(db, chosen, now)


def _wish(db: Connection, chosen: Sequence[PhotoRow], now: float) -> int:
    return wishes.make_within(db, labels.KIND, {"kind": verdicts.PICKED, "value": None, "sha256": [photo.sha256 for photo in chosen]}, now)
