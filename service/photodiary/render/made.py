"""What is known of a film that was made; told between processes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Made:
    """A film that was made.  encoded: how many of its photos had to be."""

    bytes: int
    sha256: str
    encoded: int
