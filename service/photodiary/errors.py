"""The family of errors.  Every one is Transient (try again later) or Permanent (a person or a fix is needed).

PhotodiaryError
├── Transient
│   ├── Held            a photo that is still arriving, empty or cut short: more bytes may come
│   │   └── NoReader    the library that reads this format is missing: waits, however long, until it is installed
│   ├── Busy            somebody else holds the right to do this (exit 75)
│   ├── WorkerLost      a darkroom worker died or took too long over a photo
│   ├── NoWorker        no darkroom worker comes up: this machine's fault, no photo's
│   ├── StorageTrouble  the disk is full, gone or refuses
│   ├── FrameBroken     a frame in the archive is missing or damaged; it can be made again
│   ├── BrokenFilm      a freshly made film does not hold what it should
│   ├── RenderFailed    the rendering process died or gave up
│   └── RenderStopped   rendering was asked to stop
└── Permanent
    ├── Unreadable      a file that is no photo, or damaged for good (quarantine)
    ├── IllegalMove     a photo was asked to make a move its stage does not allow
    ├── LedgerTrouble   the diary database is of a newer version, damaged, or on a network file system
    ├── DeviceLost      the graphics card broke down: this process cannot go on, the next start may
    ├── BadConfig       the configuration is wrong (exit 78)
    ├── BadUsage        a verb was called wrongly (exit 64)
    ├── BadLabels       a label file is wrong
    ├── BadModel        a model file is missing, torn or of another kind
    └── NoRival         another locator, for comparing, is not installed or does not work
"""

from __future__ import annotations


def require(*conditions: tuple[bool, str]) -> None:
    """For values that check themselves: raises ValueError with the sentence of every condition that does not hold, a line each."""
    broken = [sentence for holds, sentence in conditions if not holds]
    if broken:
        raise ValueError("\n".join(broken))


class PhotodiaryError(Exception):
    """Its text is a sentence for the user: what happened, to which file, what to do."""


class Transient(PhotodiaryError):
    """Trying again later may help."""


class Permanent(PhotodiaryError):
    """Trying again will not help."""


class Held(Transient):
    pass


class NoReader(Held):
    pass


class Busy(Transient):
    pass


class WorkerLost(Transient):
    pass


class NoWorker(Transient):
    pass


class StorageTrouble(Transient):
    pass


class FrameBroken(Transient):
    """`frame`: its path below the archive."""

    def __init__(self, sentence: str, frame: str | None = None) -> None:
        super().__init__(sentence)
        self.frame = frame


class BrokenFilm(Transient):
    pass


class RenderFailed(Transient):
    pass


class RenderStopped(Transient):
    pass


class Unreadable(Permanent):
    """`code` is the short reason kept in the ledger; the text is the sentence a person reads."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class IllegalMove(Permanent):
    pass


class LedgerTrouble(Permanent):
    pass


class DeviceLost(Permanent):
    pass


class BadConfig(Permanent):
    pass


class BadUsage(Permanent):
    pass


class BadLabels(Permanent):
    pass


class BadModel(Permanent):
    pass


class NoRival(Permanent):
    pass
