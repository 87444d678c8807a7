from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from photodiary.errors import Held, Unreadable
from photodiary.inbox.files import digest, read, walk


def test_a_walk_sees_regular_files_everywhere_and_follows_nothing(tmp_path: Path) -> None:
    """Files in folders count, links to files and to folders, FIFOs and sockets are counted as ignored, system folders are not entered."""
    (tmp_path / "2024/05").mkdir(parents=True)
    (tmp_path / "2024/05/a.jpg").write_bytes(b"a")
    (tmp_path / "b.jpg").write_bytes(b"bb")
    (tmp_path / "@eaDir").mkdir()
    (tmp_path / "@eaDir/c.jpg").write_bytes(b"c")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "b.jpg")
    (tmp_path / "elsewhere").symlink_to("/etc")
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / os.fsdecode(b"\xff.jpg")).write_bytes(b"d")
    listing = walk(tmp_path, ())
    assert set(listing.files) == {b"2024/05/a.jpg", b"b.jpg", b"\xff.jpg"}
    assert listing.files[b"b.jpg"].size == 2
    assert listing.ignored == {b"link.jpg": "a link", b"elsewhere": "a link", b"pipe.jpg": "a pipe"}


def test_folders_within_folders_however_deep(tmp_path: Path) -> None:
    """Nobody has two thousand, but whoever does must not stop the service with them; what lies too deep for a path is told as refused."""
    try:
        folder = os.open(tmp_path, os.O_RDONLY)
        for _ in range(2100):
            os.mkdir("a", dir_fd=folder)
            above, folder = folder, os.open("a", os.O_RDONLY, dir_fd=folder)
            os.close(above)
        os.close(folder)
        (tmp_path / "a/a/b.jpg").write_bytes(b"b")
        listing = walk(tmp_path, ())
        assert (list(listing.files), len(listing.refused)) == ([b"a/a/b.jpg"], 1)
    finally:
        subprocess.run(["rm", "-rf", tmp_path / "a"], check=True)  # pytest's own way is not made for it


def test_a_missing_inbox_is_an_error_not_an_empty_one(tmp_path: Path) -> None:
    """An inbox that cannot be listed must not look like one without photos."""
    with pytest.raises(OSError):  # noqa: PT011 - any of them
        walk(tmp_path / "gone", ())


def test_reading_refuses_links_pipes_empty_and_huge_files(tmp_path: Path) -> None:
    """Opening follows no link, never blocks on a pipe, and reads no more than the limit."""
    (tmp_path / "a").write_bytes(b"x" * 2000)
    (tmp_path / "link").symlink_to(tmp_path / "a")
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "pipe")
    for name, why in (("link", "cannot be opened"), ("pipe", "no regular file"), ("empty", "empty"), ("missing", "cannot be opened")):
        with pytest.raises(Held, match=why):
            read(os.fsencode(tmp_path / name), 1)
    with pytest.raises(Unreadable, match="more than"):
        read(os.fsencode(tmp_path / "a"), 0.001)
    data, stamp, mtime = read(os.fsencode(tmp_path / "a"), 1)
    status = (tmp_path / "a").stat()
    assert data == b"x" * 2000
    assert (stamp.size, stamp.inode, mtime) == (2000, status.st_ino, status.st_mtime)


def test_digest_of_a_link_is_none(tmp_path: Path) -> None:
    """Also the hash for the quarantine follows no link."""
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    found = digest(os.fsencode(tmp_path / "a"))
    assert found is not None
    assert found[0].startswith("2d711642b726b044")
    assert digest(os.fsencode(tmp_path / "link")) is None
