"""Promise: half-written file.

A file is taken in once, whole: at once when it arrived by a rename or shows by its own lengths that nothing is missing, and otherwise when it
has been the same for a while by a clock that nobody can set.
"""

from __future__ import annotations

import io
import os
import struct
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PIL import Image
from tests.inbox.conftest import Room, darkroom, room  # noqa: F401
from tests.promises.inboxes import begin, config, is_in, living, note, rows, until, until_in
from tests.promises.switch import Switch
from tests.support import phones
from tests.support.daemon import Diary
from tests.support.dots import drop, eyes_of, photo, picture

from photodiary.diary.photo import digest_of

NEVER_S = 600.0  # nothing counts as unchanged for long enough while a test of a daemon runs
FILM = np.random.default_rng(1).bytes(3000)

SWITCHES = (
    Switch(
        "waiting until a file is unchanged",
        "test_a_file_that_grows_slowly_is_taken_in_once_and_whole",
        "inbox/settle.py",
        "return now - pending.since >= wait",
        "return True",
    ),
    Switch(
        "the file's own word that more follows",
        "test_a_file_that_declares_more_waits_for_it_however_often_it_is_closed",
        "inbox/intake.py",
        "if not whole and not whole_by_itself(data):",
        "if False:",
    ),
    Switch(
        "a rename as proof that a file is whole",
        "test_what_arrives_by_rename_or_shows_that_it_is_whole_needs_no_wait",
        "inbox/inbox.py",
        "whole=calm or pending.renamed",
        "whole=calm",
    ),
    Switch(
        "the lengths of boxes",
        "test_a_file_that_declares_more_waits_for_it_however_often_it_is_closed",
        "darkroom/extents.py",
        "return boxes.whole(data)",
        "return True",
    ),
    Switch(
        "starting anew when a file has changed",
        "test_a_file_that_grows_slowly_is_taken_in_once_and_whole",
        "inbox/settle.py",
        "if old is None or old.stamp != stamp:",
        "if old is None:",
    ),
)


def pixels(number: int) -> np.ndarray:
    return picture(eyes_of(number), seed=number)


def in_parts(number: int, kind: str) -> tuple[bytes, bytes]:
    """A photo of which the first part alone could pass for a whole one, or nearly, and its rest."""
    main = photo(number)
    if kind == "motion photo":
        whole = phones.motion_photo(main, FILM)
        return whole[: -len(FILM)], FILM
    if kind == "micro video":
        whole = phones.micro_video(main, FILM)
        return whole[: -len(FILM)], FILM
    if kind == "multi-picture":
        gain = phones.encoded("jpeg", pixels(number)[::4, ::4])
        whole = phones.ultra_hdr(main, gain)
        return whole[: -len(gain)], gain
    if kind == "heic with a film":
        box = struct.pack(">I", 8 + len(FILM)) + b"mpvd" + FILM
        whole = phones.heic(pixels(number), taken="2024:05:15 14:39:00", xmp=b'<x GCamera:MotionPhoto="1"/>') + box
        return whole[: -len(box)], box
    assert kind == "webp"  # a chunk behind the picture, which the length in its head counts
    out = io.BytesIO()
    Image.fromarray(pixels(number)).save(out, "webp", quality=90, exif=phones.exif().tobytes())
    more = b"XMP " + struct.pack("<I", len(FILM)) + FILM
    data = out.getvalue()
    return data[:4] + struct.pack("<I", len(data) + len(more) - 8) + data[8:], more


KINDS = ("motion photo", "micro video", "multi-picture", "heic with a film", "webp")


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Diary]:
    """A daemon for which a file must be unchanged for ten minutes: what is in earlier is in for another reason."""
    with living(tmp_path_factory.mktemp("patient") / "me", config(1.0, settle=NEVER_S)) as diary:
        until(lambda: note(diary, "last_scan"), diary, "the first look")
        yield diary


def test_what_arrives_by_rename_or_shows_that_it_is_whole_needs_no_wait(patient: Diary) -> None:
    """Renamed in from a hidden name beside it: in at once, also with bytes behind the picture that nothing declares; closed after writing: in when whole."""
    renamed, odd, written = photo(1), photo(2) + b"a maker's notes", photo(3)
    for name, data in (("1.jpg", renamed), ("2.jpg", odd)):
        (patient.inbox / f".syncthing.{name}.tmp").write_bytes(data)
        (patient.inbox / f".syncthing.{name}.tmp").rename(patient.inbox / name)
    (patient.inbox / "3.jpg").write_bytes(written)
    until_in(patient, renamed, odd, written, seconds=30)
    assert {name for _, names in rows(patient).values() for name in names} == {b"1.jpg", b"2.jpg", b"3.jpg"}, "once each, under their own names"


def test_ten_slow_chunks_in_place_are_one_photo(patient: Diary) -> None:
    """Written bit by bit with pauses, in one opening or in ten, with the clock of the file set back each time: one row each, of the whole."""
    one, ten = photo(10), photo(11)
    size = max(len(one), len(ten)) // 10 + 1
    with (patient.inbox / "one.jpg").open("wb", buffering=0) as file:
        for number in range(10):
            file.write(one[number * size : (number + 1) * size])
            with (patient.inbox / "ten.jpg").open("ab", buffering=0) as other:
                other.write(ten[number * size : (number + 1) * size])
                os.utime(other.fileno(), (1e9, 1e9))  # as sync tools keep it
            time.sleep(0.15)
    until_in(patient, one, ten, seconds=30)
    assert not {name for _, names in rows(patient).values() for name in names} - {b"1.jpg", b"2.jpg", b"3.jpg", b"one.jpg", b"ten.jpg"}


def test_a_file_that_declares_more_waits_for_it_however_often_it_is_closed(patient: Diary) -> None:
    """A picture whose index, boxes or lengths name a part that is not there yet is no photo until it is, though it could be shown: then it is one row."""
    parts = {kind: in_parts(20 + number, kind) for number, kind in enumerate(KINDS)}
    for kind, (first, _) in parts.items():
        path = patient.inbox / f"{kind}.jpg"
        path.write_bytes(first)
        os.utime(path, (1e9, 1e9))  # long ago: no reason to trust it
        path.open("ab").close()
    later = photo(30)
    drop(patient.inbox, "later.jpg", later)
    until_in(patient, later, seconds=30)
    time.sleep(1.5)  # and at the next look
    assert [kind for kind, (first, _) in parts.items() if digest_of(first) in rows(patient)] == []
    for kind, (_, rest) in parts.items():
        with (patient.inbox / f"{kind}.jpg").open("ab") as file:
            file.write(rest)
    until_in(patient, *(first + rest for first, rest in parts.values()), seconds=30)
    found = rows(patient)
    assert [kind for kind, (first, _) in parts.items() if digest_of(first) in found] == []
    for kind in parts:
        assert sum(names == [f"{kind}.jpg".encode()] for _, names in found.values()) == 1


def test_what_is_unclear_is_in_once_it_is_unchanged_also_after_a_restart(patient: Diary) -> None:
    """A file that cannot show that it is whole waits; with a daemon that waits a second it is in, whole, as one row."""
    unclear = photo(40) + b"nothing declares this"
    (patient.inbox / "unclear.jpg").write_bytes(unclear)
    later = photo(41)
    drop(patient.inbox, "later41.jpg", later)
    until_in(patient, later, seconds=30)
    assert not is_in(patient, unclear)
    assert patient.stop() == 0
    patient.config.write_text(config(1.0, settle=1.0))
    begin(patient)
    until_in(patient, unclear, seconds=30)


Look = Callable[[], None]


def test_a_file_that_grows_slowly_is_taken_in_once_and_whole(room: Room) -> None:  # noqa: F811
    """Ten pieces with pauses just short of the wait, each of which could be shown: nothing is taken in until the last has lain for the whole wait."""
    data = photo(1)
    path = room.root / "1.jpg"
    for _ in range(10):
        data += b"one more piece"
        path.write_bytes(data)
        os.utime(path, (1e9, 1e9))  # an old time, and always the same: the size tells
        room.scan()
        room.work()
        room.pass_time(4.9)
        room.work()
    assert room.rows() == []
    room.pass_time(0.2)
    room.work()
    assert [row.sha256 for row, _ in room.rows()] == [digest_of(data)]


@pytest.mark.parametrize("jump", [365 * 86_400.0, -365 * 86_400.0])
@pytest.mark.parametrize("mtime", [0.0, 1e9, 4e9])
def test_no_clock_hurries_or_delays_it(room: Room, jump: float, mtime: float) -> None:  # noqa: F811
    """The wall clock jumps by a year, the file's time lies decades off: it is in after the wait by the monotonic clock, not before and not later."""
    data = photo(1) + b"nothing declares this"
    (room.root / "1.jpg").write_bytes(data)
    os.utime(room.root / "1.jpg", (mtime, mtime))
    room.scan()
    room.now += jump
    room.clock += 1
    room.scan()
    room.work()
    assert room.rows() == []
    room.clock += 4.1
    room.work()
    assert [row.sha256 for row, _ in room.rows()] == [digest_of(data)]
