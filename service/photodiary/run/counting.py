"""What `status` would count anew is counted while nothing else is to do, so that it answers at once also about a hundred thousand photos."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field

from photodiary.errors import StorageTrouble
from photodiary.ledger import tally, wishes
from photodiary.run.house import House

QUIET_S = 20.0  # without a change: while photos come in, every moment makes another number


@dataclass
class Counting:
    """Of all diaries."""

    _seen: dict[str, tuple[int | None, float]] = field(default_factory=dict)  # the diary's changes, and when they were first so many, monotonic

    def step(self, house: House) -> bool:
        """Count when it has been quiet for a while.  Returns False: nobody has anything to do because of it."""
        changes, clock = house.ledger.changes(), time.monotonic()
        before, since = self._seen.get(house.name, (None, 0.0))
        if changes != before:
            self._seen[house.name] = changes, clock
        elif changes is not None and clock - since >= QUIET_S:
            notes = wishes.notes(house.ledger)
            counted, key = tally.tally(house.ledger, notes.get("kin") or "", (notes.get("model") or {}).get("name") or "")
            if key is not None:
                with suppress(StorageTrouble):  # on a full disk they are counted by who asks
                    tally.keep(house.ledger, counted, key)
            self._seen[house.name] = changes, float("inf")
        return False
