from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from watchdog.observers.inotify_c import InotifyFD

from photodiary.inbox import watcher as watching
from photodiary.inbox.inbox import Nudge
from photodiary.inbox.watcher import Watcher


class Told:
    """Collects nudges; may be told to fail."""

    def __init__(self) -> None:
        self.nudges: queue.Queue[Nudge] = queue.Queue()
        self.fail = False

    def __call__(self, nudge: Nudge) -> None:
        self.nudges.put(nudge)
        if self.fail:
            raise RuntimeError("a bug in the handler")

    def wait(self, path: bytes) -> Nudge:
        while True:
            nudge = self.nudges.get(timeout=10)
            if nudge.path == path:
                return nudge


def until(true: Callable[[], bool]) -> bool:
    """Whether it becomes true within ten seconds."""
    end = time.monotonic() + 10
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    return true()


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def watcher(tmp_path: Path, told: Told) -> Iterator[Watcher]:
    (tmp_path / "inbox").mkdir()
    made = Watcher(tmp_path / "inbox", told)
    assert made.check()
    yield made
    made.stop()


def test_written_renamed_and_linked_files_nudge_also_in_new_folders(tmp_path: Path, watcher: Watcher, told: Told) -> None:
    """Created, moved and closed are all treated as news; a rename within is known as one."""
    inbox = tmp_path / "inbox"
    (inbox / "a.jpg").write_bytes(b"a")
    told.wait(b"a.jpg")
    (inbox / ".tmp").write_bytes(b"b")
    (inbox / ".tmp").rename(inbox / "b.jpg")
    assert told.wait(b"b.jpg").renamed
    (inbox / "c.jpg").hardlink_to(inbox / "a.jpg")
    told.wait(b"c.jpg")


def test_a_folder_that_is_moved_in_is_news(tmp_path: Path, watcher: Watcher, told: Told) -> None:
    """Its files came without events of their own; the folder's own event asks for a scan."""
    (tmp_path / "trip").mkdir()
    (tmp_path / "trip/a.jpg").write_bytes(b"a")
    (tmp_path / "trip").rename(tmp_path / "inbox/trip")
    assert told.wait(b"trip") == Nudge(b"trip", renamed=False)


def test_reading_a_file_is_no_news(tmp_path: Path, watcher: Watcher, told: Told) -> None:
    """Our own reading must not wake us again."""
    file = tmp_path / "inbox/a.jpg"
    file.write_bytes(b"a")
    (tmp_path / "inbox/begin.jpg").write_bytes(b"b")
    told.wait(b"begin.jpg")  # events come in order: all of a.jpg's writing have been told
    for _ in range(5):
        file.read_bytes()
    (tmp_path / "inbox/end.jpg").write_bytes(b"e")
    seen = []
    while (nudge := told.nudges.get(timeout=10)).path != b"end.jpg":
        seen.append(nudge)
    assert [nudge for nudge in seen if nudge.path == b"a.jpg"] == []


def test_a_handler_that_raises_does_not_make_the_watcher_deaf(tmp_path: Path, watcher: Watcher, told: Told) -> None:
    """One bad event costs a log line, not the thread."""
    told.fail = True
    (tmp_path / "inbox/a.jpg").write_bytes(b"a")
    told.wait(b"a.jpg")
    told.fail = False
    (tmp_path / "inbox/b.jpg").write_bytes(b"b")
    told.wait(b"b.jpg")


@pytest.mark.parametrize("how", ["deleted", "renamed"])
def test_an_inbox_that_was_replaced_is_watched_again_at_the_next_check(tmp_path: Path, watcher: Watcher, told: Told, how: str) -> None:
    """Deleted or renamed and made anew: after one check, events of the new folder arrive under their right names."""
    inbox = tmp_path / "inbox"
    if how == "deleted":
        inbox.rmdir()
        assert not watcher.check()
    else:
        inbox.rename(tmp_path / "old")
    inbox.mkdir()
    assert watcher.check()
    (inbox / "new.jpg").write_bytes(b"n")
    told.wait(b"new.jpg")


def test_an_inbox_that_is_a_link_is_watched_where_it_leads(tmp_path: Path, told: Told) -> None:
    """inotify says nothing about a link itself."""
    (tmp_path / "real").mkdir()
    (tmp_path / "inbox").symlink_to("real")
    watcher = Watcher(tmp_path / "inbox", told)
    assert watcher.check()
    (tmp_path / "real/a.jpg").write_bytes(b"a")
    told.wait(b"a.jpg")
    watcher.stop()


def test_it_shows_that_it_hears_without_anything_being_written(tmp_path: Path, told: Told) -> None:
    """Asked, it answers within a moment, also where the inbox is a link; that is no news, and nothing in the inbox has changed."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    before = (tmp_path / "real").stat()
    made = Watcher(tmp_path / "link", told, patience_s=0.0)
    assert made.check()
    for _ in range(3):
        made.ask()
        assert until(lambda: made._asked_at is None)
        assert not made.late
    assert told.nudges.empty()
    after = (tmp_path / "real").stat()
    assert (before.st_mtime_ns, before.st_ctime_ns) == (after.st_mtime_ns, after.st_ctime_ns)
    made.stop()
    made.ask()
    assert not made.late, "nobody is owed an answer by one that is stopped"


@pytest.mark.parametrize("where", ["handle_event", "build_and_queue_event", "on_any_event"])
def test_one_that_is_stuck_is_late_and_holds_nobody_up(
    tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:  # fmt: skip
    """Whichever of its threads is stuck, it owes an answer; it is stopped all the same, and the next check has another one that hears."""
    owner: Any = {"handle_event": InotifyFD, "build_and_queue_event": watching._Emitter, "on_any_event": watching._Handler}[where]
    stuck, on = threading.Event(), threading.Event()
    real = getattr(owner, where)

    def stall(*given: Any, **named: Any) -> Any:
        if stuck.is_set():
            on.wait(30)
        return real(*given, **named)

    monkeypatch.setattr(owner, where, stall)
    monkeypatch.setattr(watching, "STOP_S", 0.2)
    made = Watcher(tmp_path, told, patience_s=0.3)
    assert made.check()
    made.ask()
    assert until(lambda: made._asked_at is None)
    stuck.set()
    made.ask()
    assert not made.late and until(lambda: made.late)
    assert made.check(), "its threads are there"
    began = time.monotonic()
    made.stop()
    assert time.monotonic() - began < 5
    stuck.clear()
    assert made.check()
    made.ask()
    assert until(lambda: made._asked_at is None)
    on.set()
    made.stop()


def test_one_that_never_answered_is_not_waited_for(tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a file system tells nothing, the scan finds the photos, and there is no reason to restart anything."""
    monkeypatch.setattr(watching._Emitter, "build_and_queue_event", lambda *given, **named: None)
    made = Watcher(tmp_path, told, patience_s=0.0)
    assert made.check()
    made.ask()
    time.sleep(0.3)
    assert made._asked_at is not None and not made.late
    made.stop()


def test_threads_that_could_not_begin_are_not_left_behind(tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no more folders may be watched, each try at a scan ends its thread and its descriptors again."""

    def refused(*given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(InotifyFD, "add_callback", refused)
    made = Watcher(tmp_path, told)
    threads, descriptors = threading.active_count(), len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        assert not made.check()
    assert until(lambda: threading.active_count() <= threads and len(os.listdir("/proc/self/fd")) <= descriptors)


def test_a_folder_that_was_removed_under_a_mount_of_its_own_is_seen(tmp_path: Path, told: Told) -> None:
    """A sandbox goes on showing the folder that was there when it was built: that it is no more can be seen, and a restart builds another one."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    kept = os.open(inbox, os.O_RDONLY)  # as a mount keeps it
    made = Watcher(Path(f"/proc/self/fd/{kept}"), told)
    assert made.check() and not made.removed
    inbox.rmdir()
    made.check()
    assert made.removed
    made.stop()
    os.close(kept)
    gone = Watcher(inbox, told)
    assert not gone.check() and not gone.removed, "one that is just not there may come back"
