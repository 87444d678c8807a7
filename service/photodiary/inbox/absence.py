"""What it means that files which were in the inbox are there no longer.  The diary keeps its own copies; only the film may change."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

import structlog

from photodiary.ledger import absence, wishes
from photodiary.ledger.absence import LOST
from photodiary.ledger.store import Ledger

log = structlog.get_logger()

A_DAY = 86_400.0
GRACE_S = 7 * A_DAY


class Absence:
    """Told at each scan what is known and what is there.  excluding: leave a photo out of the film when all its files have been gone for a week.

    Only time in which the inbox was healthy counts, and between two scans no more than a day: neither an unmounted inbox nor a service
    that was off nor a clock that jumps is taken for a week in which a person could have brought the photo back.
    """

    def __init__(self, ledger: Ledger, root: Path, *, excluding: bool, diary: str) -> None:
        self._ledger = ledger
        self._root = os.fsencode(root)
        self._excluding = excluding
        self._diary = diary
        self._gone = absence.gone_files(ledger)
        self._looked_at: float | None = wishes.notes(ledger).get("last_scan")
        self._kept = False

    def look(self, known: Collection[bytes], there: Collection[bytes], *, healthy: bool, now: float) -> None:
        """A scan found the files `there`; `known` are those that were taken in before it.  now: seconds since the epoch."""
        if not self._excluding:
            self._keep(now)
            return
        self._count_time(now)
        present = [path for path in known if path in there]
        if not healthy or (known and not present):  # an empty folder, or a strange one: where are we?
            self._mark({path: LOST for path in known if self._gone.get(path) != LOST})
            return
        again: dict[bytes, float | None] = {path: None for path in present if path in self._gone}
        found_again = any(self._gone[path] == LOST for path in again)  # the folder itself is back, so what is still missing was deleted
        unmarked = (None, LOST) if found_again else (None,)
        anew: dict[bytes, float | None] = {
            path: now for path in known if path not in there and self._gone.get(path) in unmarked and self._is_missing(path)
        }  # fmt: skip
        self._mark(again | anew)
        back = absence.bring_back(self._ledger, now, all_of_them=False)
        if back:
            log.info(f"{_photos(back)} back in the inbox, and in the film", code="photo.returned", diary=self._diary, photos=back)
        self._leave_out(now)

    def _keep(self, now: float) -> None:
        """`on_delete` is not (any longer) to exclude: nobody is gone, and who was left out for it comes back."""
        if self._kept:
            return
        self._mark(dict.fromkeys(self._gone))
        absence.bring_back(self._ledger, now, all_of_them=True)
        self._kept = True

    def _count_time(self, now: float) -> None:
        passed = 0.0 if self._looked_at is None else now - self._looked_at
        self._looked_at = now
        too_much = passed - min(max(passed, 0.0), A_DAY)
        if too_much and any(since != LOST for since in self._gone.values()):
            absence.extend(self._ledger, too_much)
            self._gone = absence.gone_files(self._ledger)

    def _mark(self, changes: dict[bytes, float | None]) -> None:
        if not changes:
            return
        absence.mark(self._ledger, changes)
        for path, since in changes.items():
            if since is None:
                self._gone.pop(path, None)
            else:
                self._gone[path] = since

    def _leave_out(self, now: float) -> None:
        if all(since == LOST or since > now - GRACE_S for since in self._gone.values()):
            return
        due = absence.due(self._ledger, now - GRACE_S)
        sure = [photo for photo in due if all(self._is_missing(path) for path in photo.paths)]
        if sure:
            absence.leave_out(self._ledger, sure, now)
            log.info(
                f"{_photos(len(sure))} deleted from the inbox a week ago and left out of the film; the diary keeps its own copy, "
                "`photodiary photos restore` puts it back",
                code="photo.deleted", diary=self._diary, photos=len(sure),
            )  # fmt: skip

    def _is_missing(self, path: bytes) -> bool:
        """Whether nothing has that name; what may not be looked at, or is only ignored now, is not missing."""
        try:
            os.lstat(os.path.join(self._root, path))
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            return False
        return False


def _photos(number: int) -> str:
    return f"{number:,} photo{' was' if number == 1 else 's were'}"
