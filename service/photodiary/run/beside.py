"""A wish is carried out by whoever holds `daemon.lock`: the running daemon, or, without one, this process."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from photodiary.errors import Busy, Transient
from photodiary.ledger import wishes
from photodiary.ledger.store import Ledger
from photodiary.run.lock import DaemonLock, holder, nudge
from photodiary.run.once import ANSWER_WITHIN_S, GONE_S, POLL_S, Progress

NUDGE_EVERY_S = 5.0


def carry_out(ledger: Ledger, archive: Path, number: int, act: Callable[[], None], show: Callable[[dict[str, Any]], str]) -> bool:
    """Wait until wish `number` is fulfilled, by the daemon or, as soon as none runs, by `act`, called while holding the lock.

    Returns whether this process did it.  Raises what `act` raises, Transient with what went wrong elsewhere, Busy when nobody begins.
    """
    progress, asked, nudged = Progress(), time.monotonic(), float("-inf")
    acted, may_act_at = False, float("-inf")
    while True:
        wish = wishes.get(ledger, number)
        if wish.outcome is not None:
            progress.done()
            if "error" in wish.outcome:
                raise Transient(str(wish.outcome["error"]))
            return acted
        if acted or (wish.progress is None and time.monotonic() - asked > ANSWER_WITHIN_S):
            raise Busy("nobody has begun with this yet; it is noted, and the next photodiary that runs will do it, nothing more is to be done")
        if holder(archive) is not None:
            may_act_at = time.monotonic() + GONE_S  # a daemon that reads its configuration again lets go for a moment
        elif time.monotonic() >= may_act_at and (lock := _taken(archive)) is not None:
            try:
                act()
            finally:
                lock.release()
            acted = True
            continue
        if time.monotonic() - nudged > NUDGE_EVERY_S:
            nudged = time.monotonic()
            nudge(archive)
        if wish.progress is not None:
            progress.show(show(wish.progress))
        time.sleep(POLL_S)


def _taken(archive: Path) -> DaemonLock | None:
    try:
        return DaemonLock(archive)
    except Busy:  # somebody began at this very moment, and will see the wish
        return None
