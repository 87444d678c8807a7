"""What may befall the process that makes a film, put around it from outside: it is slow, its encoder gives rubbish, another film takes its film's place."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from tests.promises.killer import children
from tests.support.daemon import Diary

# The rendering child imports the daemon's program again.  What happens to it is written in a file, and happens to one film.
PROGRAM = """
if __name__ == "__mp_main__":
    import os, shutil, time
    import av
    from photodiary.render import making, segment

    order = Path(__file__).with_name("sabotage")
    what = order.read_text() if order.exists() else ""
    order.unlink(missing_ok=True)
    if what == "slow":
        os.sched_getaffinity = lambda pid: {0}
        read = making.FrameReader.read
        making.FrameReader.read = lambda self, name: time.sleep(0.1) or read(self, name)
    elif what == "rubbish":
        making_bytes = bytes
        segment.bytes = lambda of: b"\\0\\0\\0\\1" if isinstance(of, av.Packet) and not of.is_keyframe else making_bytes(of)
    elif what == "another film":
        compose = making.compose

        def composed(plan, heads, load, target):
            compose(plan, heads, load, target)
            shutil.copyfile(order.with_name("another.mp4"), target)

        making.compose = composed
"""


def prepare(diary: Diary) -> None:
    """From its next start on the diary's films may be sabotaged."""
    program = diary.folder / "photodiary-with-dots.py"
    program.write_text(program.read_text() + PROGRAM)


def sabotage(diary: Diary, what: str, another: Path | None = None) -> None:
    """The next film that is begun meets this.  another: the film that takes its place."""
    if another is not None:
        shutil.copyfile(another, diary.folder / "another.mp4")
    beside = diary.folder / "sabotage.new"
    beside.write_text(what)
    beside.rename(diary.folder / "sabotage")


def segments(diary: Diary) -> dict[str, int]:
    """Which segments there are, by name, and the file of each."""
    return {path.name: path.stat().st_ino for path in (diary.archive / "segments").glob("*.segment")}


def between_segments(diary: Diary, before: dict[str, int], seconds: float = 60) -> int:
    """The child that makes a film, met when it has finished a segment and not the film."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = [pid for pid, what in children(diary.pid).items() if what == "render"]
        if found and segments(diary).keys() - before.keys():
            return found[0]
        time.sleep(0.01)
    raise AssertionError(f"no segment was made within {seconds:g} s\n{diary.told()[-2000:]}")


def left(diary: Diary) -> list[str]:
    """What lies in films/, segments/ and work/ beside the newest film, segments and tags."""
    return sorted(
        f"{folder}/{name}"
        for folder in ("films", "segments", "work")
        for name in os.listdir(diary.archive / folder)
        if name not in ("latest.mp4", "CACHEDIR.TAG") and not name.endswith(".segment")
    )
