"""Promise: inbox deleted, unmounted, replaced.

Degraded by name when it is missing, unreadable, or empty though it held photos; nothing is taken for deleted, new photos are taken in all the
same; another device or inode with the known files is simply watched again.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.promises.inboxes import Rows, begin, config, is_in, note, rows, until, until_in, until_scanned
from tests.promises.mounts import own_mounts
from tests.promises.switch import Switch
from tests.support.daemon import Diary
from tests.support.dots import drop, photo

WITHOUT_POWERS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all", "--")
HELD = [photo(number) for number in range(3)]

SWITCHES = (
    Switch(
        "seeing that the inbox is empty",
        "test_missing_empty_or_unreadable_it_is_told_and_nothing_is_lost",
        "inbox/inbox.py",
        "if not listing.files and self._known and not any(self.root.iterdir()):",
        "if False:",
    ),
    Switch(
        "a missing inbox is trouble, not an empty one",
        "test_missing_empty_or_unreadable_it_is_told_and_nothing_is_lost",
        "inbox/inbox.py",
        'problem = f"the inbox {self.root} cannot be read: {error.strerror}"',
        "problem = None",
    ),
    Switch(
        "a person reads of it",
        "test_missing_empty_or_unreadable_it_is_told_and_nothing_is_lost",
        "run/engine.py",
        "reasons = (house.inbox.problem, disk,",
        "reasons = (None, disk,",
    ),
)


@pytest.fixture
def diary(tmp_path: Path) -> Iterator[Diary]:
    """A daemon, to which permissions apply, whose inbox holds three photos; it leaves out what is deleted."""
    diary = Diary(tmp_path / "me", config=config(1.0, film_after=1.0).replace("[inbox]", 'on_delete = "exclude"\n[inbox]', 1))
    begin(diary, *WITHOUT_POWERS)
    for number, data in enumerate(HELD):
        drop(diary.inbox, f"{number}.jpg", data)
    diary.until_film_of(3)
    yield diary
    diary.inbox.chmod(0o755) if diary.inbox.exists() else None
    diary.close()


def told(diary: Diary) -> str:
    """What `status` says for a person; the daemon is nudged, so that it notes for `status` now what its looks found."""
    os.kill(diary.pid, signal.SIGUSR1)
    done = diary.call("status")
    assert done.returncode == 0
    return done.stdout


def stages(found: Rows) -> set[str]:
    return {str(row.stage) for row, _ in found.values()}


def test_missing_empty_or_unreadable_it_is_told_and_nothing_is_lost(diary: Diary) -> None:
    """Each state is named in `status`, every photo stays in the film, a new one in the empty folder is in, and when all is back it is told once more."""
    aside = diary.folder / "aside"
    diary.inbox.rename(aside)
    until(lambda: "cannot be read: No such file" in told(diary), diary, "a missing inbox is told")
    diary.inbox.mkdir()
    until(lambda: "is empty though it held photos; is it mounted?" in told(diary), diary, "an empty inbox is told")
    diary.inbox.chmod(0)
    until(lambda: "cannot be read: Permission denied" in told(diary), diary, "an unreadable inbox is told")
    diary.inbox.chmod(0o755)
    drop(diary.inbox, "new.jpg", photo(3))
    until_in(diary, photo(3))
    state = diary.until_film_of(4)
    assert state["photos"]["excluded"] == 0
    assert all(is_in(diary, data) for data in HELD)
    (diary.inbox / "new.jpg").rename(aside / "new.jpg")
    diary.inbox.rmdir()
    aside.rename(diary.inbox)
    until_scanned(diary)
    until(lambda: "\ntrouble: " not in told(diary), diary, "all is well again")
    assert len(rows(diary)) == 4 and stages(rows(diary)) == {"aligned"}
    assert not [row for row, names in rows(diary).values() if len(names) != 1]


def test_on_another_disk_it_is_watched_again_and_nothing_is_taken_in_twice(diary: Diary) -> None:
    """Moved to another disk while it runs and while it does not, the known files are known, new ones come in, and nothing is degraded."""
    why_not = own_mounts()
    if why_not is not None:
        pytest.skip(why_not)
    assert diary.stop() == 0
    begin(diary, *WITHOUT_POWERS)  # in which mounts of ours are seen
    for number, running in ((3, True), (4, False)):
        if not running:
            assert diary.stop() == 0
        copy = diary.folder / f"disk{number}"
        shutil.copytree(diary.inbox, copy)
        subprocess.run(["mount", "-t", "tmpfs", "none", str(diary.inbox)], check=True)
        shutil.copytree(copy, diary.inbox, dirs_exist_ok=True)
        if not running:
            begin(diary, *WITHOUT_POWERS)
        drop_across(diary, f"{number}.jpg", photo(number))
        until_in(diary, photo(number))
        until_scanned(diary)
        assert note(diary, "inbox_problem") is None
        found = rows(diary)
        assert len(found) == number + 1
        assert sorted(len(names) for _, names in found.values()) == [1] * (number + 1)
    with_files = subprocess.run(["umount", "-l", str(diary.inbox)], check=False)
    assert with_files.returncode == 0
    until_scanned(diary)
    assert len(rows(diary)) == 5
    subprocess.run(["umount", "-l", str(diary.inbox)], check=True)


def drop_across(diary: Diary, name: str, data: bytes) -> None:
    """By rename on the disk that the inbox is on."""
    (diary.inbox / f".{name}.tmp").write_bytes(data)
    (diary.inbox / f".{name}.tmp").rename(diary.inbox / name)
