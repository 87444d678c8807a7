from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.dots import photo

from photodiary.inbox.settle import InboxConfig, Pending, ignored_file, ignored_folder, observe, settled, whole_by_itself
from photodiary.ledger.arrivals import Stamp


@given(st.lists(st.tuples(st.floats(0.01, 20), st.integers(0, 3)), min_size=1, max_size=40))
def test_a_file_has_settled_exactly_when_its_stamp_was_the_same_for_the_whole_wait(looks: list[tuple[float, int]]) -> None:
    """However often one looks, a file counts as settled only when every look of the last five seconds saw the same stamp."""
    clock, pending, history = 0.0, None, []
    for pause, size in looks:
        clock += pause
        pending = observe(pending, Stamp(size, 0, 0), clock)
        history.append((clock, size))
        same_since = clock
        for at, seen in reversed(history):
            if seen != size:
                break
            same_since = at
        assert settled(pending, clock, 5.0) == (clock - same_since >= 5.0)


@pytest.mark.parametrize(
    "name",
    [".hidden.jpg", "~syncthing~IMG.jpg.tmp", ".syncthing.IMG.jpg.tmp", "IMG.jpg.part", "IMG.jpg.filepart", "a.crdownload", "a.tmp", "a.jpg~", "~$a.jpg",
     "Thumbs.db", "desktop.ini", "Icon\r", "IMG_1.MOV", "IMG_1.AAE", ".IMG_1.jpg.x7Gh2a"],
)  # fmt: skip
def test_temporary_and_system_files_are_ignored(name: str) -> None:
    """What sync tools, browsers, NAS boxes and systems leave beside photos is no photo."""
    assert ignored_file(name.encode())


@pytest.mark.parametrize("name", ["IMG_1.jpg", "IMG_1.JPG", "a.sync-conflict-20240601-120000-ABCDEFG.jpg", "photo", "a.png", "notes.txt", "tmp.jpg"])
def test_photos_and_conflict_copies_are_not_ignored(name: str) -> None:
    """A conflict copy is a real photo, and an unknown file is looked at rather than overlooked."""
    assert not ignored_file(name.encode())


def test_system_folders_are_ignored_and_own_globs_add_to_them() -> None:
    """The folders of Syncthing, Synology, QNAP and macOS are not walked; a user's globs count for files and folders."""
    for name in (b".stfolder", b".stversions", b"@eaDir", b"#recycle", b"__MACOSX"):
        assert ignored_folder(name)
    assert not ignored_folder(b"Camera")
    assert ignored_file(b"Screenshot_1.png", ("screenshot*",))
    assert ignored_folder(b"Screenshots", ("Screenshot*",))


def test_a_jpeg_shows_by_itself_whether_it_is_whole() -> None:
    """A file that ends at its picture's end and declares nothing behind it needs no waiting; a motion photo or a cut one does."""
    data = photo(0)
    assert whole_by_itself(data)
    assert not whole_by_itself(data[:-1])
    assert not whole_by_itself(data + b"video behind it")
    assert not whole_by_itself(data[:2] + b"\xff\xe1\x00\x0dMotionPhoto" + data[2:])
    assert not whole_by_itself(b"text")


def test_a_renamed_file_keeps_that_while_it_stays_as_it_is() -> None:
    """Later looks at an unchanged file do not forget how it arrived, a changed one starts anew."""
    first = observe(None, Stamp(1, 1, 1), 0, early=True, renamed=True)
    assert observe(first, Stamp(1, 1, 1), 3) == Pending(Stamp(1, 1, 1), 0, early=True, renamed=True)
    assert observe(first, Stamp(2, 1, 1), 3) == Pending(Stamp(2, 1, 1), 3)


def test_a_file_that_only_gets_its_time_after_its_name_is_still_the_one_that_came_whole() -> None:
    """Syncthing renames first and sets the time then: that is no change; another size or inode is, a later time is, and a file that never was renamed waits."""
    renamed = observe(None, Stamp(1, 1, 1), 0, early=True, renamed=True)
    tried = Pending(Stamp(1, 1, 1), 0, early=False, renamed=True)
    for before in (renamed, tried):
        assert observe(before, Stamp(1, 2, 1), 0.9) == Pending(Stamp(1, 2, 1), 0, early=True, renamed=True)
    for changed, at in ((Stamp(2, 2, 1), 0.1), (Stamp(1, 2, 2), 0.1), (Stamp(1, 2, 1), 1.1)):
        assert observe(renamed, changed, at) == Pending(changed, at)
    assert observe(observe(None, Stamp(1, 1, 1), 0, early=True), Stamp(1, 2, 1), 0.1) == Pending(Stamp(1, 2, 1), 0.1)


@pytest.mark.parametrize("wrong", [{"wait_until_unchanged": 0}, {"scan_every": 0}, {"scan_every": 1e9}])
def test_impossible_settings_are_refused(wrong: dict[str, float]) -> None:
    """A wait of nothing or a scan once a year is a mistake."""
    with pytest.raises(ValueError, match="must be"):
        InboxConfig(**wrong)  # type: ignore[arg-type]
