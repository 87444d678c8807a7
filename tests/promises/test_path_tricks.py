"""Promise: symlink, FIFO, device, path tricks, non-UTF-8 and hostile names.

Regular files only, opened without following, also when one was swapped for a link since it was seen; names in the archive are made from date
and hash; the log and the screen escape names.
"""

from __future__ import annotations

import os
import re
import socket
import stat
import threading
import time
from pathlib import Path

import pytest
from tests.inbox.conftest import Room, darkroom, room  # noqa: F401
from tests.promises.inboxes import config, living, note, rows, until, until_in, until_scanned
from tests.promises.switch import Switch
from tests.support.dots import photo

from photodiary.diary.photo import digest_of
from photodiary.errors import Held

SWITCHES = (
    Switch(
        "opening without following",
        "test_a_link_that_takes_a_files_place_after_it_was_seen_is_not_followed",
        "inbox/files.py",
        "flags | os.O_NOFOLLOW | os.O_NONBLOCK",
        "flags | os.O_NONBLOCK",
    ),
    Switch(
        "asking what was opened",
        "test_what_is_no_file_after_all_is_not_read",
        "inbox/files.py",
        'if not stat.S_ISREG(before.st_mode):\n            raise Held("it is no regular file")',
        "",
    ),
    Switch(
        "regular files only",
        "test_nothing_but_regular_files_is_taken_in_whatever_they_are_called",
        "inbox/files.py",
        "status = entry.stat(follow_symlinks=False)",
        "status = entry.stat()",
    ),
    Switch(
        "escaping names",
        "test_nothing_but_regular_files_is_taken_in_whatever_they_are_called",
        "diary/photo.py",
        "c if c.isprintable() else",
        "c if c else",
    ),
    Switch(
        "names in the archive from date and hash",
        "test_nothing_but_regular_files_is_taken_in_whatever_they_are_called",
        "inbox/intake.py",
        "original = layout.original(digest, None if taken is None else taken.wall, seen.format)",
        'original = "originals/" + os.fsdecode(os.path.basename(name))',
    ),
)

HOSTILE = (
    b"line\nbreak.jpg", b"\x1b[2J\x1b]0;owned\x07.jpg", "\u202egpj.exe".encode(), "zero\u200bwidth \u2066left.jpg".encode(),
    b"\xff\xfe not utf-8.jpg", b"\xed\xa0\x80.jpg", b"%2e%2e%2f..%2fetc%2fpasswd.jpg", b"C:\\..\\..\\windows.jpg", b"a...jpg", b"-rf.jpg",
    b"$(touch pwned).jpg", b"`touch pwned`;touch pwned.jpg", b"%s%n%x{0}{self}.jpg", b"'; DROP TABLE photos; --.jpg",
    b"<script>alert(1)<&script>.jpg", b"C:.jpg", b" ", b"\t.jpg", "e\u0301.jpg".encode(), "\u00e9.jpg".encode(), b"a" * 251 + b".jpg", b"nul",
)  # fmt: skip
UNPRINTABLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069]")
ARCHIVED = re.compile(r"originals/\d{4}/\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_[0-9a-f]{16}\.jpg")


def test_nothing_but_regular_files_is_taken_in_whatever_they_are_called(tmp_path: Path) -> None:
    """Links, pipes, sockets, devices and folders called x.jpg become nothing, hard links one row; photos of whatever name are in, unharmed and harmless."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.jpg").write_bytes(photo(90))
    with living(tmp_path / "me", config(1.0)) as diary:
        inbox = os.fsencode(diary.inbox)
        for number, name in enumerate(HOSTILE):
            with open(os.path.join(inbox, name), "wb") as file:
                file.write(photo(number))
        (diary.inbox / "link.jpg").symlink_to(outside / "secret.jpg")
        (diary.inbox / "loop.jpg").symlink_to("loop.jpg")
        (diary.inbox / "up").symlink_to("..")
        (diary.inbox / "elsewhere.jpg").symlink_to(outside)
        os.mkfifo(os.path.join(inbox, b"pipe\x1b[31m\nred.jpg"))
        with socket.socket(socket.AF_UNIX) as listening:
            here = os.getcwd()
            os.chdir(diary.inbox)  # names of sockets are short
            listening.bind("socket.jpg")
            os.chdir(here)
        special = 6
        if os.geteuid() == 0:
            os.mknod(diary.inbox / "device.jpg", 0o600 | stat.S_IFCHR, os.makedev(1, 5))  # endless zeros
            special += 1
        (diary.inbox / "folder.jpg").mkdir()
        (diary.inbox / "twice.jpg").write_bytes(photo(50))
        os.link(diary.inbox / "twice.jpg", diary.inbox / "again.jpg")
        wanted = [*map(photo, range(len(HOSTILE))), photo(50)]
        until_in(diary, *wanted)
        until_scanned(diary)
        until(lambda: note(diary, "ignored") == special, diary, "everything else is counted as ignored")
        found = rows(diary)
        assert set(found) == set(map(digest_of, wanted))
        assert {name for _, names in found.values() for name in names} == {*HOSTILE, b"twice.jpg", b"again.jpg"}
        assert sorted(found[digest_of(photo(50))][1]) == [b"again.jpg", b"twice.jpg"]
        kept = {path.relative_to(diary.archive).as_posix() for path in (diary.archive / "originals").rglob("*") if path.is_file()}
        assert kept == {row.original for row, _ in found.values()}
        assert all(ARCHIVED.fullmatch(path) for path in kept)
        for words in (
            diary.told(),
            diary.call("photos", "list").stdout,
            diary.call("photos", "list", "--json").stdout,
            diary.call("photos", "why", digest_of(photo(1))).stdout,
        ):
            assert UNPRINTABLE.search(words) is None
        assert "a pipe, no regular file" in diary.told()
        assert len(diary.call("photos", "list").stdout.splitlines()) == len(found), "a line each: no name breaks one"
        assert not list(tmp_path.rglob("pwned*"))
        assert diary.stop() == 0


def test_a_link_that_takes_a_files_place_after_it_was_seen_is_not_followed(room: Room) -> None:  # noqa: F811
    """Swapped at the last moment, the photo that the link leads to is not read: it is held, and nothing of it is in the diary."""
    outside = room.root.with_name("secret.jpg")
    outside.write_bytes(photo(1))
    (room.root / "1.jpg").symlink_to(outside)
    with pytest.raises(Held, match="cannot be opened"):
        room.intake.take(os.fsencode(room.root / "1.jpg"), b"1.jpg", now=room.now, live=True, trusting=True)
    assert room.rows() == []


def test_what_is_no_file_after_all_is_not_read(room: Room) -> None:  # noqa: F811
    """A pipe or a device in the place of the file is not waited for and not read."""
    os.mkfifo(room.root / "pipe.jpg")
    for path in (room.root / "pipe.jpg", Path("/dev/null"), room.root):
        with pytest.raises(Held, match="no regular file|Is a directory"):
            room.intake.take(os.fsencode(path), b"1.jpg", now=room.now, live=True, trusting=True)
    assert room.rows() == []


def test_while_somebody_swaps_files_and_links_no_stranger_gets_in(tmp_path: Path) -> None:
    """A program that puts a photo and a link in each other's place as fast as it can gets only the photo into a running daemon."""
    (tmp_path / "secret.jpg").write_bytes(photo(1))
    with living(tmp_path / "me", config(1.0)) as diary:
        ours = diary.folder / "ours.jpg"
        ours.write_bytes(photo(2))
        stop = threading.Event()

        def swap() -> None:
            link, target = diary.folder / "link", diary.inbox / "1.jpg"
            while not stop.is_set():
                link.symlink_to(tmp_path / "secret.jpg")
                link.rename(target)
                os.link(ours, link)
                link.rename(target)
                target.unlink()

        thread = threading.Thread(target=swap)
        thread.start()
        time.sleep(3)
        stop.set()
        thread.join()
        os.link(ours, diary.inbox / "2.jpg")
        until_in(diary, photo(2))
        until_scanned(diary)
        assert set(rows(diary)) == {digest_of(photo(2))}
