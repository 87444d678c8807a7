"""Many photos at once while the queue of inotify's events is limited: all of them end as rows, each exactly once.

python tests/promises/many_at_once.py [--photos 3000] [--queue 64]
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path[:0] = [path for path in (str(ROOT), str(ROOT / "service")) if path not in sys.path]

from tests.promises.inboxes import config, living, rows, until  # noqa: E402
from tests.support.dots import eyes_of, jpeg, picture  # noqa: E402

from photodiary.diary.photo import Stage, digest_of  # noqa: E402

QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")
SIZE = (160, 120)
WAITING = (Stage.RECEIVED, Stage.LOCATED)


@dataclass(frozen=True)
class Done:
    """What became of them; seconds until all had a row, and until all had a frame."""

    photos: int
    rows: int
    overflowed: bool
    rows_s: float
    frames_s: float


def tiny(number: int) -> bytes:
    """Photo `number`, three hours after the one before."""
    at = np.datetime64("2023-03-01T08:30:00") + np.timedelta64(3 * number, "h")
    return jpeg(picture(eyes_of(number, SIZE), SIZE, seed=number), str(at).replace("-", ":").replace("T", " "))


def overflow(inbox: Path) -> None:
    """More events than the queue of anybody who watches `inbox` and does not listen can hold, from a file that is no photo."""
    names = [inbox / ".one", inbox / ".two"]
    names[0].touch()
    for number in range(int(QUEUE.read_text()) // 2 + 100):  # each is two events
        names[number % 2].rename(names[1 - number % 2])


@contextmanager
def limited_to(events: int) -> Iterator[None]:
    """Who begins to watch within this has a short queue."""
    before = QUEUE.read_text()
    QUEUE.write_text(str(events))
    try:
        yield
    finally:
        QUEUE.write_text(before)


def many_at_once(folder: Path, photos: int, queue: int, *, frames: bool = True) -> Done:
    """Drop them by rename while the daemon stands still, so that all but the first few events are lost.  Raises AssertionError when one is missing.

    frames: wait until each has a frame, too.
    """
    beside = folder.parent / "phone"
    beside.mkdir()
    data = {digest_of(made): made for made in map(tiny, range(photos))}
    for number, made in enumerate(data.values()):
        (beside / f"{number}.jpg").write_bytes(made)
    with _begun(folder, queue) as diary:
        os.kill(diary.pid, signal.SIGSTOP)
        for file in beside.iterdir():
            file.rename(diary.inbox / file.name)
        os.kill(diary.pid, signal.SIGCONT)
        started = time.monotonic()
        until(lambda: len(rows(diary)) >= len(data), diary, "every photo has a row", seconds=60 + photos)
        rows_s = time.monotonic() - started
        until(lambda: not frames or not any(row.stage in WAITING for row, _ in rows(diary).values()), diary, "every photo has a frame", seconds=60 + photos)
        found = rows(diary)
        assert set(found) == set(data)
        assert all(len(names) == 1 and row.stage in (Stage.ALIGNED, *(() if frames else WAITING)) for row, names in found.values())
        return Done(photos, len(found), "overflow" in diary.told(), rows_s, time.monotonic() - started)


@contextmanager
def _begun(folder: Path, queue: int) -> Iterator[object]:
    with limited_to(queue):
        watching = living(folder, config(5))
        diary = watching.__enter__()
    try:
        yield diary
    finally:
        watching.__exit__(None, None, None)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--photos", type=int, default=3000)
    parser.add_argument("--queue", type=int, default=64)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="photodiary-many-") as folder:
        done = many_at_once(Path(folder) / "me", options.photos, options.queue)
    print(f"{done.rows:,} of {done.photos:,} photos are rows after {done.rows_s:.1f} s ({1000 * done.rows_s / done.photos:.1f} ms a photo), framed after "
          f"{done.frames_s:.1f} s ({1000 * done.frames_s / done.photos:.1f} ms a photo); events were lost: {done.overflowed}")  # fmt: skip


if __name__ == "__main__":
    main()
