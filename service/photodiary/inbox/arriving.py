"""The files of an inbox that are not known yet, and which of them is next: what arrives now goes before what lay there when it was first looked at."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from photodiary.inbox.settle import Pending


class Arriving:
    """By path below the inbox.  Owned by one thread."""

    def __init__(self) -> None:
        self._files: tuple[dict[bytes, Pending], dict[bytes, Pending]] = {}, {}  # those that arrive now, and the backlog
        self._due: tuple[deque[bytes], deque[bytes]] = deque(), deque()

    def __len__(self) -> int:
        return sum(map(len, self._files))

    def __iter__(self) -> Iterator[bytes]:
        return iter([*self._files[False], *self._files[True]])

    def get(self, path: bytes) -> Pending | None:
        return self._files[False].get(path) or self._files[True].get(path)

    def items(self) -> Iterator[tuple[bytes, Pending]]:
        """Those that arrive now first; a copy, so that another thread may ask too."""
        now, backlog = self._files
        return iter([*now.items(), *backlog.items()])

    def put(self, path: bytes, pending: Pending) -> None:
        self._files[pending.backlog][path] = pending
        self._files[not pending.backlog].pop(path, None)  # second: who counts meanwhile finds it

    def drop(self, path: bytes) -> None:
        for files in self._files:
            files.pop(path, None)

    def only(self, pending: dict[bytes, Pending]) -> None:
        """These, in this order, and no others."""
        self._files = (
            {path: each for path, each in pending.items() if not each.backlog},
            {path: each for path, each in pending.items() if each.backlog},
        )

    def next(self, is_due: Callable[[bytes, Pending], bool], *, hurried: bool = False) -> bytes | None:
        """A file whose time has come.  hurried: only one that arrives now.

        One look at all that wait finds all that are due: a look for each would cost the square of their number.
        """
        for backlog in (False,) if hurried else (False, True):
            files, due = self._files[backlog], self._due[backlog]
            for look in (False, True):
                if look:
                    due.extend(path for path, pending in files.items() if is_due(path, pending))
                while due:
                    path = due.popleft()
                    pending = files.get(path)
                    if pending is not None and is_due(path, pending):
                        return path
        return None
