"""Promise: kill -9 anywhere.  Killed between a file and its row, for original, frame and film, nothing is lost, doubled or left over.

Here are chosen moments; test_torture.py kills at thirty random ones, with a full disk and a vanishing inbox beside.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.promises.killer import children, is_alive
from tests.promises.switch import Switch
from tests.support.daemon import Diary
from tests.support.dots import drop, photo

from photodiary.diary.photo import digest_of

SWITCHES = (
    Switch(
        "the janitor: frames without a row, stale temporaries",
        "test_killed_between_a_file_and_its_row_nothing_is_lost_doubled_or_left",
        "archive/store.py",
        'if path.name.startswith(TEMPORARY) or (path.suffix == ".jpg" and relative not in known_frames):',
        "if False:",
    ),
    Switch(
        "the file before its row",
        "test_killed_between_a_file_and_its_row_nothing_is_lost_doubled_or_left",
        "inbox/intake.py",
        "        self.archive.publish(original, data)\n        stage = ",
        "        import threading\n        threading.Timer(0.05, self.archive.publish, (original, data)).start()\n        stage = ",
    ),
    Switch(
        "taking in originals without a row",
        "test_killed_between_a_file_and_its_row_nothing_is_lost_doubled_or_left",
        "run/turns.py",
        "return worked or (house.inbox.all_known(time.time(), time.monotonic()) and house.strays.step(time.time()))",
        "return worked",
    ),
    Switch(
        "a step of a migration is one transaction",
        "test_killed_in_the_middle_of_an_upgrade_the_next_start_does_it",
        "ledger/store.py",
        'self._db.execute("BEGIN IMMEDIATE")  # all steps or none',
        'self._db.execute("SELECT 1")  # all steps or none',
    ),
)

# The daemon is killed by itself, with kill -9, at the moment that a line of its own code is reached: after so many times.
KILLED = """
    import os, signal
    def killed_after(owner, name, times, when=lambda *a: True, before=False):
        real, left = getattr(owner, name), [times]
        def call(*arguments, **options):
            answer = None if before else real(*arguments, **options)
            if when(*arguments):
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **options) if before else answer
        setattr(owner, name, call)
    from photodiary.archive.store import Archive
    from photodiary.ledger import photos, reels, store
    from photodiary.ledger.store import Ledger
"""
PUBLISHED = "lambda self, where, *rest: str(where).startswith({!r})"
MOMENTS = {
    "an original is there, its row is not": f"killed_after(Archive, 'publish', 2, {PUBLISHED.format('originals')})",
    "a row of an original was committed": "killed_after(photos, 'insert_or_name', 2)",
    "a sighting was committed": "killed_after(photos, 'append_sighting', 2)",
    "a frame is there, its row is not": f"killed_after(Archive, 'publish', 2, {PUBLISHED.format('frames')})",
    "a film is there, its row is not": "killed_after(Archive, 'adopt', 1, lambda self, path, where, *rest: str(where).startswith('films'))",
    "a temporary is half written": "killed_after(os, 'fsync', 3, before=True)",
}


@pytest.fixture
def diary(tmp_path: Path) -> Iterator[Diary]:
    diary = Diary(tmp_path / "me")
    yield diary
    diary.close()


def killed(diary: Diary, lines: str) -> None:
    """Start a daemon that kills itself there, and wait until it and its children are gone."""
    program = Path(diary.command[1])
    before = program.read_text()
    program.write_text(before.replace("    models.resident", f"{KILLED}    {lines}\n    models.resident"))
    diary.start()
    assert diary._process is not None
    family: set[int] = set()
    end = time.monotonic() + 30
    while diary._process.poll() is None:
        family |= children(diary.pid).keys()
        assert time.monotonic() < end, f"this moment did not come: {lines}\n{diary.told()[-2000:]}"
        time.sleep(0.02)
    assert diary._process.returncode == -signal.SIGKILL, diary.told()[-2000:]
    while any(is_alive(pid) for pid in family) and time.monotonic() < end + 30:
        time.sleep(0.02)
    program.write_text(before)


def replace_the_one_without_a_row(diary: Diary, new: int) -> None:
    """The phone puts another photo in the place of the one whose copy is in the archive and whose row is not."""
    known = {row["original"] for row in diary.photos()}
    (path,) = [path for path in (diary.archive / "originals").rglob("*.jpg") if str(path.relative_to(diary.archive)) not in known]
    (there,) = [file for file in diary.inbox.iterdir() if file.read_bytes() == path.read_bytes()]
    drop(diary.inbox, there.name, photo(new))


def assert_whole(diary: Diary, count: int) -> None:
    """Every photo once, a file for every row and a row for every file, nothing left over."""
    rows = diary.photos()
    assert sorted(row["sha256"] for row in rows) == sorted(digest_of(photo(number)) for number in range(count))
    for kind in ("original", "frame"):
        there = {str(path.relative_to(diary.archive)) for path in (diary.archive / f"{kind}s").rglob("*") if path.is_file()}
        assert there == {row[kind] for row in rows}
    assert not list(diary.archive.rglob(".tmp-*"))
    assert diary.call("doctor").returncode == 0


def test_killed_between_a_file_and_its_row_nothing_is_lost_doubled_or_left(diary: Diary) -> None:
    """Killed at each delicate moment in turn, with new photos each time, the diary ends with every photo once and nothing left over.

    That holds for a photo too that the phone replaced after its copy was made and before it had a row.
    """
    (diary.archive / "frames" / "2024").mkdir(parents=True, mode=0o700)
    for number, (moment, lines) in enumerate(MOMENTS.items()):
        for each in (2 * number, 2 * number + 1):
            drop(diary.inbox, f"{each}.jpg", photo(each))
        killed(diary, lines)
        ledger = diary.archive / "ledger.sqlite3"
        assert all((diary.archive / row["original"]).exists() for row in (diary.photos() if ledger.exists() else []) if row["original"]), moment
        if number == 0:
            replace_the_one_without_a_row(diary, 2 * len(MOMENTS))
    (diary.archive / "frames" / "2024" / "2024-01-01_00-00-00_orphan.jpg").write_bytes(b"a frame without a row")
    (diary.archive / "originals" / ".tmp-0123").write_bytes(b"half an original")
    diary.start()
    diary.until_film_of(2 * len(MOMENTS) + 1)
    assert "tidied up after an interrupted run" in diary.told()
    assert diary.told().count("it is in the diary now") == 1
    assert diary.stop() == 0
    assert_whole(diary, 2 * len(MOMENTS) + 1)


def test_killed_in_the_middle_of_an_upgrade_the_next_start_does_it(diary: Diary) -> None:
    """Killed while the ledger is copied, and within a step of the migration, the next start brings the older diary up with every photo it had."""
    from tests.promises.test_upgrade import take_back, version

    from photodiary.ledger.schema import MIGRATIONS
    from photodiary.ledger.store import FILE

    for number in range(3):
        drop(diary.inbox, f"{number}.jpg", photo(number))
    assert diary.call("scan", "--once").returncode == 0
    take_back(diary.archive, 3)
    killed(diary, "killed_after(store.sqlite3, 'connect', 2)")
    assert version(diary.archive / FILE) == 3
    half = "lambda db: (store_takes(db), os.kill(os.getpid(), signal.SIGKILL))"
    killed(diary, f"store_takes = store.MIGRATIONS[3]; store.MIGRATIONS = (*store.MIGRATIONS[:3], {half})")
    assert version(diary.archive / FILE) == 3
    drop(diary.inbox, "3.jpg", photo(3))
    diary.start()
    diary.until_film_of(4)
    assert version(diary.archive / FILE) == len(MIGRATIONS)
    assert diary.stop() == 0
    assert_whole(diary, 4)
