"""Promise: decompression bomb: header check (100 megapixels, 200 MB), memory limit and wall-clock limit in the worker; the daemon goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from tests.promises import corpus
from tests.promises.switch import Switch
from tests.support.daemon import QUICK, Diary
from tests.support.dots import photo

BOMBS = "test_bombs_are_refused_and_the_daemon_goes_on"
SWITCHES = (
    Switch("the limit of megapixels", BOMBS, "darkroom/header.py", "if width * height > max_megapixels * 1e6:", "if False:"),
    Switch("the limit of megabytes", BOMBS, "inbox/files.py", "if before.st_size > max_megabytes * 1e6:", "if False:"),
    Switch("the limit of a worker's memory", BOMBS, "darkroom/worker.py", "resource.setrlimit(resource.RLIMIT_AS, (memory_mb << 20, memory_mb << 20))", "pass"),
)


@pytest.fixture
def diary(tmp_path: Path) -> Iterator[Diary]:
    diary = Diary(tmp_path / "me", config=QUICK.replace("workers = 1", "workers = 1\nmax_megabytes = 3"))
    yield diary
    diary.close()


def peak(pid: int) -> int:
    return next(int(line.split()[1]) * 1024 for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))


@pytest.mark.timeout(300)
def test_bombs_are_refused_and_the_daemon_goes_on(diary: Diary) -> None:
    """Too many pixels, too many bytes, pixels within the limit that need too much memory, and lies about both: set aside, without the daemon growing."""
    diary.start()
    diary.until_told("watches")
    (diary.inbox / "before.jpg").write_bytes(photo(1))
    diary.until_film_of(1)
    resting = peak(diary.pid)
    bombs = {
        "pixels.png": corpus.saved(Image.new("RGB", (10_100, 10_100)), "PNG", compress_level=6),
        "bytes.jpg": photo(2) + bytes(4_000_000),
        "memory.webp": corpus.full_bomb("webp"),
        "promises.png": corpus.files()["bomb-30000x30000.png"],
        "promises.avif": corpus.lie("avif", 16_000, 16_000),
        "promises.heic": corpus.lie("heic", 16_000, 16_000),
    }
    assert sum(len(data) for name, data in bombs.items() if name != "bytes.jpg") < 1_000_000
    for name, data in bombs.items():
        (diary.inbox / name).write_bytes(data)
    diary.until(lambda s: s["photos"]["quarantined"] + s["photos"]["held"] + s["photos"]["total"] - 1 >= len(bombs), "all looked at", 90)
    diary.until(lambda s: s["photos"]["quarantined"] == len(bombs), "all set aside", 30)
    lines = diary.call("quarantine", "list").stdout.splitlines()
    assert len(lines) == len(bombs) and all("larger than the limits allow" in line for line in lines), lines
    (diary.inbox / "after.jpg").write_bytes(photo(3))
    diary.until_film_of(2)
    assert peak(diary.pid) - resting < 120_000_000
    assert {name: (diary.inbox / name).read_bytes() for name in bombs} == bombs
    assert diary.stop() == 0
