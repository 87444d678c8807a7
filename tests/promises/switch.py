"""What a promise's test file says about the mechanism behind it: see switches.py."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Switch:
    """One mechanism, and how to turn it off.

    what: the mechanism in words.  test: the function, in the same file, that must fail without it (one or several, with blanks between).
    file: below service/photodiary.  old, new: the text there that makes the mechanism work, found exactly once, and what stands there instead.
    """

    what: str
    test: str
    file: str
    old: str
    new: str
