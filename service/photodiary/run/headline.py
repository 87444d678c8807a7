"""How it goes in one short line, as `systemctl status` shows it: "1,204 frames, 2 to check, film 03:00"."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from photodiary.errors import StorageTrouble
from photodiary.ledger import glance
from photodiary.ledger.glance import Glance
from photodiary.ledger.store import Ledger

LONGEST: Final = 120
"""Characters of a reason: the line stands among others on a narrow screen."""


def line(diaries: Sequence[tuple[Glance, ZoneInfo]], reasons: Sequence[str], now: datetime) -> str:
    """Of all diaries; what does not work comes first.  reasons: why, the first counts.  now: any aware moment; a film of another day is told with its day."""
    if reasons and not diaries:
        return _short(reasons[0])
    frames, check, waiting = (sum(numbers) for numbers in zip((0, 0, 0), *((seen.frames, seen.to_check, seen.waiting) for seen, _ in diaries), strict=True))
    said = [f"{frames:,} frame{'' if frames == 1 else 's'}", f"{check:,} to check"]
    if waiting:
        said.append(f"{waiting:,} waiting")
    films = [datetime.fromtimestamp(seen.film_at, zone) for seen, zone in diaries if seen.film_at is not None]
    said.append(_film(max(films), now) if films else "no film yet")
    words = ", ".join(said)
    return f"{_short(reasons[0])}; {words}" if reasons else words


def _film(made: datetime, now: datetime) -> str:
    return f"film {made:%H:%M}" if made.date() == now.astimezone(made.tzinfo).date() else f"film {made:%-d %b %Y %H:%M}"


def _short(reason: str) -> str:
    return reason if len(reason) <= LONGEST else f"{reason[: LONGEST - 1].rstrip()}…"


class Glances:
    """Of all diaries, as they were when they could be read last."""

    def __init__(self) -> None:
        self._known: dict[str, Glance] = {}

    def of(self, name: str, ledger: Ledger) -> Glance:
        """Raises StorageTrouble where it never could be read."""
        try:
            self._known[name] = glance.glance(ledger)
        except StorageTrouble:
            if name not in self._known:
                raise
        return self._known[name]
