"""The real daemon on real photos: start, backlog, arrival to frame, memory, idle CPU.

    python tests/benchmarks/live.py FOLDER_OF_JPEGS

No test: numbers depend on the machine and on who else uses it.  Results are noted in LOG.md beside this file.
"""

from __future__ import annotations

import io
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.support.daemon import Diary

CONFIG = 'timezone = "UTC"\n[diary.me]\ninbox = "inbox"\narchive = "archive"\n'


def memory(pid: int) -> str:
    """Resident and anonymous megabytes of a process."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return " ".join(f"{key} {int(lines[key].split()[0]) // 1024} MB" for key in ("VmRSS", "RssAnon"))


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    photos = sorted(Path(sys.argv[1]).rglob("*.jpg"))
    with tempfile.TemporaryDirectory() as folder:
        diary = Diary(Path(folder) / "me", config=CONFIG, real_model=True)
        try:
            started = time.monotonic()
            diary.start()
            while "watches" not in diary.told():
                time.sleep(0.05)
            print(f"start to watching: {time.monotonic() - started:.1f} s")
            started = time.monotonic()
            for number, photo in enumerate(photos):
                shutil.copy(photo, diary.folder / "x.jpg")
                (diary.folder / "x.jpg").rename(diary.inbox / f"{number}_{photo.name}")
            diary.until(lambda s: s["photos"]["total"] == len(photos) and not s["photos"]["received"] + s["photos"]["located"], "all through", 600)
            seconds = time.monotonic() - started
            print(f"backlog of {len(photos)} photos: {seconds:.1f} s, {len(photos) / seconds:.1f} a second, the wait for the picture format included")
            latencies = [live(diary, photos[0], number) for number in range(15)]
            print(f"arrival by rename to durable frame: median {1000 * statistics.median(latencies):.0f} ms, worst {1000 * max(latencies):.0f} ms")
            workers = subprocess.run(["pgrep", "-P", str(diary.pid)], capture_output=True, text=True, check=False).stdout.split()
            print(f"daemon: {memory(diary.pid)}; children: {', '.join(memory(int(pid)) for pid in workers)}")
            diary.until(lambda s: s["reel"] is not None and s["reel"]["frames"] == s["photos"]["in_film"], "the film", 120)
            time.sleep(10)
            before = cpu_s(diary.pid)
            time.sleep(60)
            print(f"idle: {100 * (cpu_s(diary.pid) - before) / 60:.2f} % of a core; stopped with {diary.stop()}")
        finally:
            diary.close()


def live(diary: Diary, photo: Path, number: int) -> float:
    """Seconds from a photo's rename into the inbox to its frame's file."""
    turned = io.BytesIO()
    Image.open(photo).rotate(0.5 * number).save(turned, "JPEG", quality=90)
    (diary.folder / "x.jpg").write_bytes(turned.getvalue())
    started = time.monotonic()
    (diary.folder / "x.jpg").rename(diary.inbox / f"20250301_1200{number:02}.jpg")
    while not list((diary.archive / "frames").rglob(f"2025-03-01_12-00-{number:02}*.jpg")):
        time.sleep(0.005)
    taken = time.monotonic() - started
    time.sleep(1)
    return taken


if __name__ == "__main__":
    main()
