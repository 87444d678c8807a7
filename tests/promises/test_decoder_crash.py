"""Promise: decoder crash or exploit: the worker dies alone, a second death on the same photo quarantines it, and what a worker may do is filtered.

The hole stands in for one in a real decoder: `simplejpeg` is wrapped so that certain bytes crash it, hang it, or run an intruder's code.
"""

from __future__ import annotations

import platform
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.promises.corpus import segment
from tests.promises.switch import Switch
from tests.support.daemon import QUICK, ROOT, Diary
from tests.support.dots import photo

DEATHS, INTRUDER = "test_a_second_death_sets_the_photo_aside_and_the_others_go_on", "test_an_intruder_in_a_worker_gets_nowhere"
SWITCHES = (
    Switch("quarantine after the second death", DEATHS, "inbox/inbox.py", "(died and deaths > 1)", "(False)"),
    Switch("not after the first", DEATHS, "inbox/inbox.py", "(died and deaths > 1)", "died"),
    Switch("the wall-clock limit", DEATHS, "darkroom/line.py", "self._end.settimeout(left)", "self._end.settimeout(None)"),
    Switch("the filter of system calls", INTRUDER, "darkroom/worker.py", "return seccomp.install()", "return True"),
)

HOLE = """
import sys
here = sys.path.pop(sys.path.index({here!r}))
del sys.modules["simplejpeg"]
import simplejpeg
sys.path.insert(0, here)
real = simplejpeg.decode_jpeg

def intruder():
    import os, socket, subprocess
    ways = {{
        "socket": lambda: socket.socket().connect(("127.0.0.1", 9)),
        "exec": lambda: os.execv("/bin/sh", ["sh", "-c", "echo > {here}/was-here"]),
        "fork": os.fork,
        "read": lambda: open("{here}/secret").read(),
        "write": lambda: open("{here}/was-here", "w").write("x"),
        "signal": lambda: os.kill(1, 0),
    }}
    told = []
    for name, way in ways.items():
        try:
            way()
            told.append(name + " WORKED")
        except PermissionError:
            told.append(name + " no")
        except OSError as error:
            told.append(name + " " + type(error).__name__)
    return " ".join(told)

def decode_jpeg(data, *arguments, **options):
    if b"CRASH" in data:
        import ctypes
        ctypes.string_at(0)
    if b"HANG" in data:
        while True:
            pass
    if b"INTRUDER" in data:
        raise ValueError(intruder())
    return real(data, *arguments, **options)

simplejpeg.decode_jpeg = decode_jpeg
"""


@pytest.fixture
def diary(tmp_path: Path) -> Iterator[Diary]:
    """A daemon whose decoder has a hole."""
    diary = Diary(tmp_path / "me", config=QUICK.replace("workers = 1", "workers = 1\nseconds = 3"))
    hole = tmp_path / "hole"
    hole.mkdir()
    (hole / "simplejpeg.py").write_text(HOLE.format(here=str(hole)))
    (hole / "secret").write_text("the user's photos")
    diary.environment["PYTHONPATH"] = f"{hole}:{ROOT / 'service'}"
    yield diary
    diary.close()


def hostile(number: int, what: bytes) -> bytes:
    data = photo(number)
    return data[:2] + segment(0xFE, what) + data[2:]


def deaths(diary: Diary) -> dict[str, int]:
    with sqlite3.connect(f"file:{diary.archive}/ledger.sqlite3?mode=ro", uri=True) as db:
        found = {path.decode(): count for path, count in db.execute("SELECT path, deaths FROM arrivals")}
    db.close()
    return found


@pytest.mark.timeout(200)
def test_a_second_death_sets_the_photo_aside_and_the_others_go_on(diary: Diary) -> None:
    """A photo that crashes its worker and one that hangs it are tried once more and then set aside; photos before and behind them are in the film."""
    for name, data in {"1.jpg": photo(1), "2-crash.jpg": hostile(2, b"CRASH"), "3.jpg": photo(3), "4-hang.jpg": hostile(4, b"HANG"), "5.jpg": photo(5)}.items():
        (diary.inbox / name).write_bytes(data)
    diary.start()
    diary.until(lambda s: s["photos"]["held"] == 2, "both wait for a second try", 40)
    assert deaths(diary) == {"2-crash.jpg": 1, "4-hang.jpg": 1}
    diary.until_film_of(3, seconds=40)
    diary.until(lambda s: s["photos"]["quarantined"] == 2 and s["photos"]["held"] == 0, "both set aside", 60)
    assert diary.told().count("reading it failed twice") + diary.call("quarantine", "list").stdout.count("reading it failed twice") >= 2
    assert "exit -11" in diary.told() and "longer than 3 s" in diary.told()
    (diary.inbox / "6.jpg").write_bytes(photo(6))
    diary.until_film_of(4)
    assert diary.stop() == 0


@pytest.mark.skipif(platform.machine() not in ("x86_64", "aarch64"), reason="no list of system calls for this processor")
def test_an_intruder_in_a_worker_gets_nowhere(diary: Diary, tmp_path: Path) -> None:
    """Code that a photo brings into its worker opens no socket or file, starts no program, signals nobody; the photo is damaged, the next one read."""
    (diary.inbox / "bad.jpg").write_bytes(hostile(1, b"INTRUDER"))
    (diary.inbox / "good.jpg").write_bytes(photo(2))
    diary.start()
    diary.until_film_of(1)
    diary.until(lambda s: s["photos"]["quarantined"] + s["photos"]["held"] == 1, "the bad one set aside")
    assert "socket no exec no fork no read no write no signal no" in diary.told(), diary.told()
    assert not (tmp_path / "hole" / "was-here").exists()
