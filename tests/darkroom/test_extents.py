"""How long a file says it is: told from its own lengths, never guessed, and never led astray by hostile ones."""

from __future__ import annotations

import contextlib
import struct
import time
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support import phones
from tests.support.phones import encoded, heic

from photodiary.darkroom import boxes, extents
from photodiary.darkroom.decode import decode
from photodiary.darkroom.extents import whole
from photodiary.errors import Held, Unreadable


def files(studio) -> dict[str, bytes]:
    picture = studio.smooth(96, 72)
    main, gain, film = encoded("jpeg", picture), encoded("jpeg", studio.asymmetric()), np.random.default_rng(1).bytes(1500)
    box = struct.pack(">I", 8 + len(film)) + b"mpvd" + film
    return {
        "jpeg": main,
        "progressive": encoded("jpeg", picture, progressive=True),
        "png": encoded("png", picture),
        "webp": encoded("webp", picture),
        "avif": encoded("avif", picture),
        "heic": heic(picture, icc=phones.profile()),
        "heic in tiles": heic(picture, tile_size=64),
        "heic with a film": heic(picture, xmp=b'<x GCamera:MotionPhoto="1"/>') + box,
        "ultra hdr": phones.ultra_hdr(main, gain),
        "ultra hdr with a film": phones.ultra_hdr(main, gain, film),
        "motion photo": phones.motion_photo(main, film),
        "micro video": phones.micro_video(main, film),
    }


KINDS = (
    "jpeg", "progressive", "png", "webp", "avif", "heic", "heic in tiles", "heic with a film",
    "ultra hdr", "ultra hdr with a film", "motion photo", "micro video",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_whole_file_is_whole(studio, kind: str) -> None:
    """Every format shows by its own lengths that it is complete, and no shorter or longer file does."""
    data = files(studio)[kind]
    assert whole(data)
    assert [cut for cut in range(len(data)) if whole(data[:cut])] == []
    assert not whole(data + b"\0")


def test_what_is_declared_without_a_length_is_waited_for(studio) -> None:
    """A JPEG that says there is more, but not how much, does not show that it is whole."""
    main = encoded("jpeg", studio.smooth(96, 72))
    for inside in (
        b"MotionPhoto_Data",
        b"http://ns.adobe.com/xap/1.0/\0<x GCamera:MotionPhoto='1'/>",
        b"http://x/\0 hdrgm:Version='1.0'",
        b"MPF\0junk",
        b"MPF\0",
    ):
        assert not whole(main[:2] + b"\xff\xe1" + struct.pack(">H", len(inside) + 2) + inside + main[2:])
    assert not whole(b"text") and not whole(b"")


def test_items_may_be_written_as_elements_too(studio) -> None:
    """The lengths behind a motion photo are found as attributes and as elements; an item without one makes it unclear."""
    main, film = encoded("jpeg", studio.smooth(96, 72)), bytes(range(200))

    def with_items(second: str) -> bytes:
        items = f"<C:Item><Item:Semantic>Primary</Item:Semantic><Item:Padding>8</Item:Padding></C:Item><C:Item>{second}</C:Item>"
        inside = f"http://ns.adobe.com/xap/1.0/\0<x MotionPhoto='1'>{items}</x>".encode()
        return main[:2] + b"\xff\xe1" + struct.pack(">H", len(inside) + 2) + inside + main[2:] + bytes(8) + film

    assert whole(with_items("<Item:Length>200</Item:Length>"))
    assert not whole(with_items("<Item:Length>201</Item:Length>"))
    assert not whole(with_items("<Item:Mime>video/mp4</Item:Mime>"))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_hostile_lengths_never_fail_nor_take_long(data: st.DataObject) -> None:
    """Whatever numbers stand in a file, the answer is yes or no, a refusal or a size, within moments."""
    head = data.draw(
        st.sampled_from([b"\xff\xd8\xff\xe2\0\x60MPF\0MM\0*", b"RIFF\xff\0\0\0WEBPVP8X", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic\0\0\1\0meta\0\0\0\0"])
    )
    inner = data.draw(
        st.sampled_from([b"", b"\0\0\0\x80iloc\2\0\0\0", b"\0\0\0\x40iinf\0\0\0\0\0\2\0\0\0\x16infe\2", b"\0\0\0\x40iprp\0\0\0\x38ipco\0\0\0\x14ispe"])
    )
    torn = head + inner + data.draw(st.binary(max_size=300))
    started = time.process_time()
    assert whole(torn) in (True, False)
    for check in (boxes.check, extents.check_webp, extents.webp_size, extents.jpeg_image_end):
        with contextlib.suppress(Held, Unreadable):
            check(torn)
    assert time.process_time() - started < 0.5


def test_an_empty_entry_is_no_trouble() -> None:
    """Boxes that end where their content should begin are an answer too, wherever they stand."""
    for inner in (b"infe", b"ispe", b"colr", b"iloc", b"iinf", b"iprp", b"ipco", b"meta"):
        for outer in ((b"iinf", bytes(6)), (b"iprp", b""), (b"iprp", struct.pack(">I", 16) + b"ipco"), (b"iloc", b"")):
            body = outer[1] + struct.pack(">I", 8) + inner
            box = struct.pack(">I", 8 + len(body)) + outer[0] + body
            data = struct.pack(">I", 16) + b"ftypheic" + bytes(4) + struct.pack(">I", 12 + len(box)) + b"meta" + bytes(4) + box
            assert not whole(data)
            with contextlib.suppress(Held):
                boxes.check(data)


def test_a_table_that_claims_billions_of_items_costs_nothing() -> None:
    """Counts are never believed beyond the bytes that are there, also where an entry takes no bytes."""
    for sizes in (b"\0\0", b"\x44\x40", b"\0\x0f"):
        table = b"\2\0\0\0" + sizes + b"\xff" * 60_000
        iloc = struct.pack(">I", 8 + len(table)) + b"iloc" + table
        meta = struct.pack(">I", 12 + len(iloc)) + b"meta" + bytes(4) + iloc
        started = time.process_time()
        assert not whole(struct.pack(">I", 16) + b"ftypheic" + bytes(4) + meta)
        assert time.process_time() - started < 1
    names = b"http://ns.adobe.com/xap/1.0/\0MotionPhoto" + b"<x:Item " * 8000
    data = b"\xff\xd8\xff\xe1" + struct.pack(">H", len(names) + 2) + names + b"\xff\xd9"
    started = time.process_time()
    assert not whole(data)
    assert time.process_time() - started < 1


def test_telling_costs_little(studio) -> None:
    """The lengths of a photo of some megabytes are found in a fraction of the time that decoding takes."""
    noise = np.random.default_rng(0).integers(0, 256, (1500, 2000, 3), np.uint8)
    data = encoded("jpeg", noise)
    assert len(data) > 1_000_000
    started = time.process_time()
    assert whole(data)
    assert time.process_time() - started < 0.1


def test_a_photo_of_many_parts_is_still_a_photo(studio) -> None:
    """Hundreds of segments (a depth map lies in XMP), tens of thousands of PNG chunks (one for every 8 kB) and hundreds of tiles are within the limits."""
    picture = studio.smooth(96, 72)
    jpeg = encoded("jpeg", picture)
    segments = jpeg[:2] + (b"\xff\xe1" + struct.pack(">H", 2002) + bytes(2000)) * 800 + jpeg[2:]
    assert whole(segments)
    assert decode(segments, 1.0).pixels.shape == (72, 96, 3)
    png = encoded("png", picture)
    at = png.index(b"IDAT") - 4
    content = png[at + 8 : at + 8 + struct.unpack(">I", png[at : at + 4])[0]]
    empty = struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    chunks = png[:at] + empty * 30_000 + struct.pack(">I", len(content)) + b"IDAT" + content + struct.pack(">I", zlib.crc32(b"IDAT" + content)) + png[-12:]
    assert whole(chunks)
    assert decode(chunks, 1.0).pixels.shape == (72, 96, 3)
    tiles = heic(studio.smooth(1300, 1300), tile_size=64)  # 441 of them
    assert whole(tiles)
    assert decode(tiles, 2.0).pixels.shape == (1300, 1300, 3)
