"""A small copy of a film, to be sent, made in a process of its own (`squeeze`), so that who asks need not load PyAV."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from photodiary import errors
from photodiary.errors import BrokenFilm, RenderFailed

MEGABYTE: Final = 1_000_000
MESSENGERS: Final = 16
"""Megabytes that messengers take as a film."""


@dataclass(frozen=True)
class SmallCopy:
    """What a small copy is like.  every: 1, or 3 where only every third picture of the film is shown; as_is: it is the film itself, byte by byte."""

    width: int
    height: int
    pictures: int
    every: int
    seconds: float
    bytes: int
    as_is: bool = False

    def in_words(self) -> str:
        """1 min 12 s at 720 x 900, 15.3 MB"""
        minutes, seconds = divmod(round(self.seconds), 60)
        long = f"{self.seconds:.1f} s" if self.seconds < 10 else f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
        words = f"{long} at {self.width} x {self.height}, {self.bytes / MEGABYTE:.1f} MB"
        if self.as_is:
            return f"{words}: the film itself, which is small enough"
        return words if self.every == 1 else f"{words}; with every picture it would look poor, so it shows {_nth(self.every)}"


def _nth(every: int) -> str:
    return "every other one" if every == 2 else f"every {every}{'rd' if every == 3 else 'th'} one"


def tried(target: Path) -> Path:
    """Where a copy that may still become too large is written."""
    return target.with_name(f"{target.name}.try")


def make(film: Path, target: Path, most: int, progress: Callable[[str], None]) -> SmallCopy:
    """A copy of `film` of at most `most` bytes at `target`, read back from end to end, in a child process at niceness 10.

    Unless this returns, there is no file at `target`.  Raises BrokenFilm, StorageTrouble and RenderFailed, with a sentence.
    """
    try:
        with film.open("rb") as file:
            return _followed(file.fileno(), target, most, progress)
    except OSError as error:
        raise BrokenFilm(f"{film}: cannot be read: {error.strerror}; `photodiary render` makes it again") from error
    except BaseException:
        for left in (target, tried(target)):  # a child that is killed leaves them
            with suppress(OSError):
                left.unlink(missing_ok=True)
        raise


def _followed(descriptor: int, target: Path, most: int, progress: Callable[[str], None]) -> SmallCopy:
    command = [sys.executable, "-m", "photodiary.render.squeeze", str(descriptor), str(target), str(most)]
    last: dict[str, Any] = {}
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, pass_fds=[descriptor]
    ) as child:  # fmt: skip
        assert child.stdout is not None
        try:
            for line in child.stdout:
                last = json.loads(line)
                if "say" in last:
                    progress(last["say"])
        except BaseException:
            child.kill()
            raise
    if "error" in last:
        raise getattr(errors, last["error"])(last["sentence"])
    if "made" not in last:
        raise RenderFailed(f"The process that was making {target} died (exit code {child.returncode}).")
    return SmallCopy(**last["made"])
