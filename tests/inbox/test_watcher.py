from __future__ import annotations

import queue
from collections.abc import Iterator
from pathlib import Path

import pytest

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
