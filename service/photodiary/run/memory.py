"""Memory that is free goes back to the system: glibc's allocator keeps what many threads once needed, for each of them."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from typing import Final

M_ARENA_MAX: Final = -8  # malloc.h
ARENAS: Final = 2


def _libc(name: str) -> Callable[..., int] | None:
    """None where another C library has no such function."""
    if not sys.platform.startswith("linux"):
        return None
    found: Callable[..., int] | None = getattr(ctypes.CDLL(None), name, None)
    return found


def be_modest() -> None:
    """Before the first thread: a few heaps for all of them instead of one for each."""
    limit = _libc("mallopt")
    if limit is not None:
        limit(M_ARENA_MAX, ARENAS)


def give_back() -> None:
    """Of what a backlog of photos took, some hundred megabytes would stay for ever; costs milliseconds."""
    trim = _libc("malloc_trim")
    if trim is not None:
        trim(0)
