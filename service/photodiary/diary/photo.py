"""A photo, the stages it passes and the moves that are legal between them."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import NewType

Digest = NewType("Digest", str)  # SHA-256 of a file's bytes, 64 hexadecimal digits


def digest_of(data: bytes) -> Digest:
    """The name of a photo: the SHA-256 of its bytes."""
    return Digest(hashlib.sha256(data).hexdigest())


class Stage(StrEnum):
    """Where a photo stands.  `doubtful` is in the film exactly when it has a frame."""

    RECEIVED = "received"  # its copy is in the archive; waits for the locator
    UNDATED = "undated"  # no source says when it was taken; waits for a date
    LOCATED = "located"  # eyes known; waits for its frame
    ALIGNED = "aligned"  # its frame is published
    DOUBTFUL = "doubtful"  # a person is asked
    EXCLUDED = "excluded"  # left out, by a person or for want of a face
    QUARANTINED = "quarantined"  # could not be read


LEGAL_MOVES: dict[Stage, frozenset[Stage]] = {
    Stage.RECEIVED: frozenset({Stage.LOCATED, Stage.DOUBTFUL, Stage.EXCLUDED, Stage.QUARANTINED}),
    Stage.UNDATED: frozenset({Stage.RECEIVED, Stage.EXCLUDED, Stage.QUARANTINED}),
    Stage.LOCATED: frozenset({Stage.ALIGNED, Stage.DOUBTFUL, Stage.EXCLUDED, Stage.QUARANTINED, Stage.RECEIVED}),
    Stage.ALIGNED: frozenset({Stage.LOCATED, Stage.DOUBTFUL, Stage.EXCLUDED, Stage.RECEIVED}),
    Stage.DOUBTFUL: frozenset({Stage.LOCATED, Stage.ALIGNED, Stage.EXCLUDED, Stage.RECEIVED}),
    Stage.EXCLUDED: frozenset({Stage.RECEIVED, Stage.LOCATED, Stage.UNDATED, Stage.DOUBTFUL}),
    Stage.QUARANTINED: frozenset({Stage.RECEIVED, Stage.UNDATED, Stage.EXCLUDED}),
}


def is_legal(old: Stage, new: Stage) -> bool:
    """Whether a photo may go from `old` to `new`."""
    return new in LEGAL_MOVES[old]


def retry_wait(tries: int) -> float:
    """Seconds until try number `tries` + 1 of something that failed: 10 s, then twice as long each time, at most 6 hours."""
    return float(min(10 * 2 ** max(0, min(tries, 20) - 1), 6 * 3600))


def shown_name(name: bytes) -> str:
    """A file's name for people and logs: what is no text, or would move the cursor, is escaped."""
    text = name.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" if ord(c) < 256 else f"\\u{ord(c):04x}" for c in text)
