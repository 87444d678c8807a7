"""Promise: missed event, overflow, dead watcher.

Watching files has nine ways to go deaf without a word; in each of them the photo is in the diary within one interval, because the
regular look at everything is the truth and events only save the wait.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.inbox.conftest import Room, darkroom, room  # noqa: F401
from tests.promises.inboxes import begin, config, living, note, rows, until, until_in
from tests.promises.many_at_once import many_at_once, overflow
from tests.promises.mounts import own_mounts
from tests.promises.switch import Switch
from tests.support.daemon import Diary
from tests.support.dots import drop, photo
from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from photodiary.inbox.inbox import Nudge
from photodiary.inbox.watcher import Watcher

EVERY_S = 2.0  # between looks, of the daemon that is made deaf
WITHIN_S = 30.0  # an interval, and time for a slow machine
NEVER_S = 600.0  # an interval in which only an event can bring a photo in

SWITCHES = (
    Switch(
        "the regular look at everything",
        "test_without_a_watcher_a_photo_is_in_within_one_interval",
        "run/turns.py",
        "if wanted or fresh or house.inbox.scan_due(clock):",
        "if wanted or fresh or house.inbox.scanned_at < 0:",
    ),
    Switch(
        "the handler that survives an error",
        "test_1_a_handler_that_raises",
        "inbox/watcher.py",
        "except Exception as error:  # noqa",
        "except ZeroDivisionError as error:  # noqa",
    ),
    Switch(
        "watching the folder that is there now",
        "test_4_after_a_mount_over_events_come_from_what_is_there_now",
        "inbox/watcher.py",
        "here == self._armed_for and ",
        "",
    ),
    Switch(
        "following a linked inbox",
        "test_7_and_9_a_linked_inbox_and_files_that_are_renamed_or_linked_in",
        "inbox/watcher.py",
        "os.path.realpath(self.root)",
        "os.fspath(self.root)",
    ),
    Switch(
        "created and moved files as news",
        "test_7_and_9_a_linked_inbox_and_files_that_are_renamed_or_linked_in",
        "inbox/watcher.py",
        "frozenset({EVENT_TYPE_CREATED, EVENT_TYPE_MOVED, EVENT_TYPE_CLOSED})",
        "frozenset({EVENT_TYPE_CLOSED})",
    ),
)


@pytest.fixture(scope="module")
def mine() -> None:
    """Mounts of our own, which end with us."""
    why_not = own_mounts()
    if why_not is not None:
        pytest.skip(why_not)


@pytest.fixture(scope="module")
def deaf(mine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Diary]:
    """A daemon that looks every other second, to be made deaf in turn; as long as it hears, first of all by too many events."""
    with living(tmp_path_factory.mktemp("deaf") / "me", config(EVERY_S)) as diary:
        yield diary


@pytest.fixture(scope="module")
def hearing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Diary]:
    """A daemon that looks at everything once, at its start, and whose inbox is a link."""
    folder = tmp_path_factory.mktemp("hearing")
    (folder / "real").mkdir()
    diary = Diary(folder / "me", config=config(NEVER_S))
    diary.inbox.rmdir()
    diary.inbox.symlink_to(folder / "real")
    begin(diary)
    until(lambda: note(diary, "last_scan"), diary, "the first look")
    yield diary
    diary.close()


def is_in_within_an_interval(diary: Diary, name: str, number: int) -> None:
    drop(diary.inbox, name, photo(number))
    until_in(diary, photo(number), seconds=WITHIN_S)


def test_1_a_handler_that_raises(room: Room) -> None:  # noqa: F811
    """The photo over which it raises is in at the next look, and the one after it by its event alone."""
    failing = [True]

    def told(nudge: Nudge) -> None:
        if failing and nudge.path == b"1.jpg":
            failing.clear()
            raise RuntimeError("a bug in the handler")
        room.inbox.notice(nudge)

    watcher = Watcher(room.root, told)
    assert watcher.check()
    room.scan()
    drop(room.root, "1.jpg", photo(1))
    drop(room.root, "2.jpg", photo(2))
    end = time.monotonic() + WITHIN_S
    while not room.rows() and time.monotonic() < end:
        room.work()
        time.sleep(0.05)
    watcher.stop()
    assert [names for _, names in room.rows()] == [[b"2.jpg"]]
    assert not failing
    room.pass_time(60)
    room.settle()
    assert sorted(names[0] for _, names in room.rows()) == [b"1.jpg", b"2.jpg"]


def test_5_the_queue_of_events_overflows(deaf: Diary) -> None:
    """A photo whose event was lost because too many came while the daemon could not listen is in."""
    told = deaf.told().count("overflow")
    os.kill(deaf.pid, signal.SIGSTOP)
    try:
        overflow(deaf.inbox)
        drop(deaf.inbox, "lost.jpg", photo(5))
    finally:
        os.kill(deaf.pid, signal.SIGCONT)
    until_in(deaf, photo(5), seconds=WITHIN_S)
    until(lambda: deaf.told().count("overflow") > told, deaf, "the queue did overflow")
    assert [names for _, names in rows(deaf).values() if b"lost.jpg" in names] == [[b"lost.jpg"]], "once"


def test_2_the_root_is_deleted_and_made_anew(deaf: Diary) -> None:
    """A photo in the new folder of that name is in."""
    for file in deaf.inbox.iterdir():
        file.unlink()
    deaf.inbox.rmdir()
    time.sleep(0.2)
    deaf.inbox.mkdir()
    before = set(rows(deaf))
    is_in_within_an_interval(deaf, "deleted.jpg", 2)
    assert before < set(rows(deaf)), "nothing is taken for deleted"


def test_3_the_root_is_swapped_by_rename(deaf: Diary) -> None:
    """A photo in the folder that took the place of the old one is in, and one written into the old one is not ours."""
    other = deaf.folder / "other"
    other.mkdir()
    deaf.inbox.rename(deaf.folder / "old")
    other.rename(deaf.inbox)
    drop(deaf.folder / "old", "old.jpg", photo(30))
    is_in_within_an_interval(deaf, "swapped.jpg", 3)
    assert not any(names == [b"old.jpg"] for _, names in rows(deaf).values())


def test_4_mounted_over_unmounted_mounted_again(deaf: Diary) -> None:
    """A photo is in from a disk that is mounted over the folder, from the folder beneath it, and from the disk when it is back."""
    for number in (40, 41):
        subprocess.run(["mount", "-t", "tmpfs", "none", str(deaf.inbox)], check=True)
        (deaf.inbox / "over.jpg").write_bytes(photo(number))
        until_in(deaf, photo(number), seconds=WITHIN_S)
        subprocess.run(["umount", "-l", str(deaf.inbox)], check=True)
        is_in_within_an_interval(deaf, f"beneath{number}.jpg", number + 2)


def test_4_after_a_mount_over_events_come_from_what_is_there_now(mine: None, room: Room) -> None:  # noqa: F811
    """At the next look the watcher turns to the disk that was mounted: a photo there is in by its event alone."""
    watcher = Watcher(room.root, room.inbox.notice)
    assert watcher.check()
    subprocess.run(["mount", "-t", "tmpfs", "none", str(room.root)], check=True)
    try:
        room.scan()
        assert watcher.check()
        (room.root / "4.jpg").write_bytes(photo(4))
        end = time.monotonic() + 10
        while not room.rows() and time.monotonic() < end:
            room.work()
            time.sleep(0.05)
        assert [names for _, names in room.rows()] == [[b"4.jpg"]]
    finally:
        watcher.stop()
        subprocess.run(["umount", "-l", str(room.root)], check=True)


# In namespaces of its own the daemon may hold few watches or none at all, and being root opens nothing to it.
LIMITED = ("unshare", "--user", "--map-root-user", "sh", "-c")
FEW = 'echo 2 > /proc/sys/user/max_inotify_watches; exec setpriv --bounding-set=-dac_override,-dac_read_search --inh-caps=-all -- "$@"'
NONE = 'echo 0 > /proc/sys/user/max_inotify_instances; exec "$@"'


def test_6_no_more_watches_and_a_root_without_permission(tmp_path: Path) -> None:
    """Photos in folders beyond the limit of watches are in, and those in an inbox that may be entered only later."""
    diary = Diary(tmp_path / "me", config=config(EVERY_S))
    for number in range(6):
        (diary.inbox / f"deep/{number}").mkdir(parents=True)
    diary.inbox.chmod(0)
    try:
        begin(diary, *LIMITED, FEW, "sh")
        until(lambda: "Permission denied" in str(note(diary, "inbox_problem")), diary, "an inbox that may not be read is told")
        diary.inbox.chmod(0o755)
        for number in range(6):
            drop(diary.inbox, f"deep/{number}/{number}.jpg", photo(number))
        drop(diary.inbox, "6.jpg", photo(6))
        until_in(diary, *map(photo, range(7)), seconds=WITHIN_S)
        assert note(diary, "inbox_problem") is None
    finally:
        diary.inbox.chmod(0o755)
        diary.close()


def test_without_a_watcher_a_photo_is_in_within_one_interval(tmp_path: Path) -> None:
    """Where nothing can be watched at all, it is told once, and photos come in all the same."""
    with living(tmp_path / "me", config(EVERY_S), *LIMITED, NONE, "sh") as diary:
        assert "cannot be watched" in diary.told()
        until(lambda: note(diary, "last_scan"), diary, "the first look")
        is_in_within_an_interval(diary, "1.jpg", 1)
        is_in_within_an_interval(diary, "2.jpg", 2)


def test_7_and_9_a_linked_inbox_and_files_that_are_renamed_or_linked_in(hearing: Diary) -> None:
    """In an inbox that is a link, files that were written, renamed or hard-linked in are in by their events alone."""
    drop(hearing.inbox, "renamed.jpg", photo(90))
    beside = hearing.folder / "beside.jpg"
    beside.write_bytes(photo(91))
    os.link(beside, hearing.inbox / "linked.jpg")
    (hearing.inbox / "written.jpg").write_bytes(photo(92))
    until_in(hearing, photo(90), photo(91), photo(92), seconds=WITHIN_S)
    (hearing.folder / "trip").mkdir()
    (hearing.folder / "trip/moved.jpg").write_bytes(photo(93))
    (hearing.folder / "trip").rename(hearing.inbox / "trip")
    until_in(hearing, photo(93), seconds=WITHIN_S)
    came = [names for _, names in rows(hearing).values() if names[0] in (b"renamed.jpg", b"linked.jpg", b"written.jpg", b"trip/moved.jpg")]
    assert sorted(came) == [[b"linked.jpg"], [b"renamed.jpg"], [b"trip/moved.jpg"], [b"written.jpg"]], "once each"


class Opened(FileSystemEventHandler):
    def __init__(self) -> None:
        self.paths: list[str] = []

    def on_opened(self, event: FileSystemEvent) -> None:
        self.paths.append(os.path.basename(os.fsdecode(event.src_path)))


def test_8_reading_makes_no_feedback_loop(hearing: Diary) -> None:
    """However often somebody reads photos or folders in the inbox, an idle daemon opens nothing there and does not look again."""
    drop(hearing.inbox, "8.jpg", photo(8))
    until_in(hearing, photo(8), seconds=WITHIN_S)
    looked = note(hearing, "last_scan")
    (hearing.inbox / "sub").mkdir()
    until(lambda: note(hearing, "last_scan") != looked, hearing, "the look that a new folder asks for")
    opened, observer = Opened(), Observer()
    observer.schedule(opened, os.path.realpath(hearing.inbox), recursive=True)
    observer.start()
    looked = note(hearing, "last_scan")
    for _ in range(20):
        (hearing.inbox / "8.jpg").read_bytes()
    os.listdir(hearing.inbox / "sub")
    time.sleep(4)  # a look soon after an event comes after two seconds
    (hearing.inbox / ".end").touch()
    until(lambda: ".end" in opened.paths, hearing, "every event was heard")
    observer.stop()
    observer.join()
    assert opened.paths.count("8.jpg") == 20
    assert note(hearing, "last_scan") == looked


def test_many_at_once_while_the_queue_is_limited(tmp_path: Path) -> None:
    """Hundreds of photos that are renamed in while the queue holds 64 events are each a row exactly once."""
    done = many_at_once(tmp_path / "me", 400, 64, frames=False)
    assert done.rows == done.photos == 400 and done.overflowed
