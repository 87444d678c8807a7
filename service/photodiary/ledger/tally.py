"""All that `status` counts, kept in the diary as long as it is true: of a hundred thousand photos that takes seconds, and is asked often."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from photodiary.ledger import gallery, judging, reviewing, summary, takes, wishes
from photodiary.ledger.store import Ledger

NOTE: Final = wishes.TALLY
FORM: Final = 1  # of what is kept: another one is counted anew


@dataclass(frozen=True)
class Tally:
    """counts: as `summary.counts`; trusted: frames that faces are compared with; unjudged: photos that only other models have judged."""

    counts: dict[str, Any]
    labels: dict[str, int]
    asked: int
    film_missing: list[dict[str, str]]
    not_in_film: list[dict[str, Any]]
    disk: dict[str, int]
    trusted: int
    unjudged: int


Key = list[Any]


def tally(ledger: Ledger, kin: str, model: str) -> tuple[Tally, Key | None]:
    """As it is kept, where nothing has changed since; else counted, with the key under which to keep it.  kin, model: of the model that is in force."""
    changes, kept = ledger.changes(), wishes.notes(ledger).get(NOTE)
    if changes is None:
        return _count(ledger, kin, model), None
    key: Key = [FORM, changes, kin, model]  # as of before it is counted: what comes meanwhile has it counted again
    if kept is not None and kept["key"] == key:
        return Tally(**kept["tally"]), None
    return _count(ledger, kin, model), key


def keep(ledger: Ledger, counted: Tally, key: Key) -> None:
    """For whoever asks next.  Raises StorageTrouble."""
    wishes.note(ledger, **{NOTE: {"key": key, "tally": asdict(counted)}})


def _count(ledger: Ledger, kin: str, model: str) -> Tally:
    with takes.found_once(ledger):
        return Tally(
            counts=asdict(summary.counts(ledger)),
            labels=summary.labels(ledger),
            asked=len(reviewing.questions(ledger)),
            film_missing=summary.film_missing(ledger),
            not_in_film=[{"reason": reason, "photos": number} for reason, number in summary.not_in_film(ledger)],
            disk=summary.disk(ledger),
            trusted=gallery.trusted(ledger, kin),
            unjudged=judging.unjudged(ledger, model),
        )
