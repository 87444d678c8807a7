"""A hostile inbox, made anew each time and always the same: nothing here shows a person, every base picture is drawn by tests/support/dots.py.

`files` are quick to refuse; `slow` are those whose weapon is time; `swollen` are lies in a few hundred bytes that would cost gigabytes or hours
where lengths are believed.
"""

from __future__ import annotations

import io
import random
import re
import struct
import zlib
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from PIL import Image
from tests.support import phones
from tests.support.dots import eyes_of, picture

SIZE = (96, 72)
KINDS = ("jpeg", "png", "webp", "avif", "heic")
EXIF = b"\xff\xe1"


@cache
def base(kind: str, size: tuple[int, int] = SIZE) -> bytes:
    """A good photo of each format, with a date."""
    return phones.encoded(kind, picture(eyes_of(3, size), size, seed=3))


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def still(size: tuple[int, int] = SIZE, seed: int = 3) -> Image.Image:
    return Image.fromarray(picture(eyes_of(seed, size), size, seed=seed))


def files() -> dict[str, bytes]:
    """Names and bytes of the whole inbox."""
    made: dict[str, bytes] = {}
    for source in (_cut, _flipped, _lengths, _no_photos, _bombs, _exif, _profiles, _odd_pictures, _chunks, _boxes, _scans):
        for name, data in source():
            assert name not in made
            made[name] = data
    return made


def mutated(data: bytes, seed: int) -> bytes:
    """A few random changes: bits, runs, removals, repetitions and swaps."""
    rng, out = random.Random(seed), bytearray(data)
    for _ in range(rng.randint(1, 6)):
        at, length = rng.randrange(len(out)), rng.choice((1, 1, 2, 4, 16, 200))
        how = rng.randrange(5)
        if how == 0:
            out[at] ^= 1 << rng.randrange(8)
        elif how == 1:
            out[at : at + length] = bytes([rng.choice((0, 0xFF, 0x7F, 0x80, rng.randrange(256)))]) * length
        elif how == 2:
            del out[at : at + length]
        elif how == 3:
            out[at:at] = out[max(0, at - length) : at] * rng.choice((1, 3))
        else:
            other = rng.randrange(len(out))
            out[at : at + length], out[other : other + length] = out[other : other + length], out[at : at + length]
        if not out:
            break
    return bytes(out)


# -- what happens by accident ------------------------------------------------------------------------------------------------------


def _cut() -> Iterator[tuple[str, bytes]]:
    for kind in KINDS:
        data = base(kind)
        for at in sorted({*range(1024, len(data), 1024), 1, 3, 8, 11, 12, 13, 20, 29, 30, len(data) // 2, len(data) - 1, len(data) - 2, len(data) - 20}):
            if at < len(data):
                yield f"cut-{kind}-{at}.jpg", data[:at]
        yield f"zeros-{kind}.jpg", data[: len(data) // 2] + bytes(len(data) - len(data) // 2)
        yield f"behind-{kind}.jpg", data + b"behind the picture" * 40
        yield f"twice-{kind}.jpg", data + data
    progressive = saved(still((200, 150)), "JPEG", progressive=True, quality=90)
    for share in (0.3, 0.6, 0.9):
        yield f"cut-progressive-{share}.jpg", progressive[: int(len(progressive) * share)]
    yield "empty.jpg", b""
    yield "zeros.jpg", bytes(5000)


def _flipped() -> Iterator[tuple[str, bytes]]:
    for kind in KINDS:
        data = base(kind)
        for number in range(12):
            rng = random.Random(f"{kind}{number}")
            at = rng.randrange(min(len(data), 600) if number % 2 else len(data))
            yield f"flip-{kind}-{at}.{kind}", data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
        for seed in range(12):
            yield f"mutated-{kind}-{seed}.{kind}", mutated(data, seed)


def _no_photos() -> Iterator[tuple[str, bytes]]:
    image = still()
    for kind in ("TIFF", "GIF", "BMP", "PPM", "ICO", "JPEG2000"):
        yield f"really-{kind}.jpg", saved(image, kind)
    yield "really-pdf.jpg", saved(image, "PDF")
    yield (
        "svg.jpg",
        b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa">]><svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    )
    yield "html.png", b"<!DOCTYPE html><html><body>404</body></html>"
    yield "script.jpg", b"#!/bin/sh\ntouch /tmp/was-run\n"
    yield "polyglot-zip.jpg", base("jpeg") + b"PK\3\4" + bytes(26) + b"PK\5\6" + bytes(18)
    yield "polyglot-html.jpg", b"\xff\xd8\xff\xfe\x00\x20<script>alert(1)</script>/*      " + base("jpeg")[2:]
    yield "polyglot-gif.jpg", b"GIF89a/*" + base("jpeg")
    yield "polyglot-pdf.png", base("png")[:33] + _chunk(b"tEXt", b"Comment\0%PDF-1.4 1 0 obj<<>>endobj") + base("png")[33:]
    yield "mp4.heic", b"\0\0\0\x18ftypisom\0\0\2\0isomiso2" + b"\0\0\0\x08mdat"
    for magic in (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\xff\xff\xff\xffWEBP", b"RIFF\0\0\0\0WEBP", b"\0\0\0\x18ftypavif", b"\0\0\0\0ftypheic"):
        yield f"magic-{magic.hex()}.jpg", magic
        yield f"magic-noise-{magic.hex()}.jpg", magic + random.Random(magic).randbytes(3000)


# -- pictures that are larger than they look ------------------------------------------------------------------------------------------


def _bombs() -> Iterator[tuple[str, bytes]]:
    for width, height in ((30_000, 30_000), (2**31 - 1, 2**31 - 1), (60_000, 1), (9_900, 9_900)):
        yield f"bomb-{width}x{height}.png", png(width, height, zlib.compress(bytes(100_000), 9))
    yield "bomb-real.png", png(20_000, 20_000, zlib.compress(bytes(2_000_000), 9))
    yield "bomb-16bit.png", png(9_000, 9_000, zlib.compress(bytes(1_000_000), 9), depth=16, colour=6)
    for kind in ("jpeg", "webp", "avif", "heic"):
        for width, height in ((16_000, 16_000), (9_000, 9_000), (30_000, 1)):
            yield f"lie-{kind}-{width}x{height}.jpg", lie(kind, width, height)
    for size in ((1, 1), (30_000, 1), (1, 30_000), (15, 15)):
        for kind in ("PNG", "JPEG"):
            yield f"thin-{size[0]}x{size[1]}.{kind.lower()}", saved(Image.new("RGB", size), kind)
    yield "thin-30000x16.jpg", saved(Image.new("RGB", (30_000, 16)), "JPEG")
    yield "zero-by-zero.png", png(0, 0, b"")


def png(width: int, height: int, idat: bytes, *, depth: int = 8, colour: int = 2, interlaced: int = 0, more: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + more + _chunk(b"IDAT", idat) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def lie(kind: str, width: int, height: int) -> bytes:
    """A good photo whose header says another size."""
    data = bytearray(base(kind))
    if kind == "jpeg":
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = struct.pack(">HH", height, width)
    elif kind == "webp":
        at = data.index(b"\x9d\x01\x2a") + 3
        data[at : at + 4] = struct.pack("<HH", width & 0x3FFF, height & 0x3FFF)
        at = data.find(b"VP8X")
        if at >= 0:
            data[at + 12 : at + 18] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    else:
        at = data.index(b"ispe") + 8
        data[at : at + 8] = struct.pack(">II", width, height)
    return bytes(data)


def full_bomb(kind: str, side: int = 9_900) -> bytes:
    """A real picture just within the limits whose every pixel is there: little to send, hundreds of megabytes to hold."""
    if kind == "webp":
        return saved(Image.new("RGB", (side, side), (40, 90, 60)), "WEBP", lossless=True, method=0, quality=0)
    quickly: dict[str, dict[str, Any]] = {"PNG": {"compress_level": 1}, "AVIF": {"speed": 10}}
    return saved(Image.new("RGB", (side, side), (40, 90, 60)), kind, **quickly.get(kind, {}))


# -- what stands beside the picture ----------------------------------------------------------------------------------------------------


def segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content


def _in_jpeg(*contents: tuple[int, bytes]) -> bytes:
    data = base("jpeg")
    return data[:2] + b"".join(segment(*one) for one in contents) + data[2:]


def _exif() -> Iterator[tuple[str, bytes]]:
    def of(body: bytes) -> bytes:
        return saved(still(), "JPEG")[:2] + segment(0xE1, b"Exif\0\0" + body) + saved(still(), "JPEG")[2:]

    entry = struct.Struct("<HHII")
    head = b"II*\0\x08\0\0\0"
    yield "exif-loop.jpg", of(head + b"\1\0" + entry.pack(0x8769, 4, 1, 8) + b"\x08\0\0\0")  # its Exif part and its next part are itself
    yield "exif-many-ifds.jpg", of(head + b"".join(b"\0\0" + struct.pack("<I", 8 + 6 * (n + 1)) for n in range(10_000)))
    yield "exif-many-entries.jpg", of(head + b"\xff\xff" + entry.pack(0x9003, 2, 20, 8) * 5_000)
    yield "exif-lengths.jpg", of(head + b"\2\0" + entry.pack(0x010F, 2, 0xFFFFFFFF, 26) + entry.pack(0x0112, 3, 1, 6) + bytes(4))
    yield "exif-offsets.jpg", of(head + b"\1\0" + entry.pack(0x8769, 4, 1, 0xFFFFFFF0) + bytes(4))
    yield "exif-huge.jpg", _in_jpeg(*[(0xE1, b"Exif\0\0" + bytes([n]) * 65_000) for n in range(40)])
    thumbnail = png(30_000, 30_000, zlib.compress(bytes(30_000)))
    yield (
        "exif-thumbnail-bomb.jpg",
        of(head + b"\0\0" + b"\x0e\0\0\0" + b"\2\0" + entry.pack(0x0201, 4, 1, 44) + entry.pack(0x0202, 4, 1, len(thumbnail)) + bytes(4) + thumbnail),
    )
    for number, date in enumerate(
        ("0000:00:00 00:00:00", "2024:13:45 27:61:99", "9999:99:99 99:99:99", "\x1b[2J\x07", "٢٠٢٤:٠٥:١٥ ١٤:٣٩:٠٠", "2024" * 2000, "")
    ):
        image, exif = still(), Image.Exif()
        exif.get_ifd(0x8769).update({0x9003: date, 0x9011: date, 0x9291: date})
        yield f"date-{number}.jpg", saved(image, "JPEG", exif=exif)
    for orientation in (0, 9, 65_535):
        exif = Image.Exif()
        exif[0x0112] = orientation
        yield f"orientation-{orientation}.jpg", saved(still(), "JPEG", exif=exif)
    for kind in ("webp", "avif", "png", "heic"):
        yield f"exif-garbage.{kind}", base(kind).replace(b"2024:05:15 14:39:00", b"\xff" * 19).replace(b"II*\0", b"II\xff\xff")
    yield "xmp-many-items.jpg", _in_jpeg(*[(0xE1, b"http://ns.adobe.com/xap/1.0/\0GContainer" + b'<a:Item Item:Length="999999999999"' * 1900)] * 20)
    yield "mpf-lies.jpg", _in_jpeg((0xE2, b"MPF\0II*\0\x08\0\0\0\xff\xff" + entry.pack(0xB002, 7, 0xFFFFFFFF, 0) * 3000))


def _profiles() -> Iterator[tuple[str, bytes]]:
    good = phones.profile()
    for name, profile in {
        "noise": random.Random(1).randbytes(4000),
        "cut": good[: len(good) // 2],
        "many-tags": good[:128] + struct.pack(">I", 0xFFFFFFFF) + good[132:],
        "far": good[:132] + good[132:].replace(struct.pack(">I", 20), b"\xff\xff\xff\xf0"),
        "empty": b"",
        "huge": good + bytes(1_000_000),
        "wrong-length": b"\xff\xff\xff\xff" + good[4:],
    }.items():
        yield f"icc-{name}.jpg", saved(still(), "JPEG", icc_profile=profile)
        yield f"icc-{name}.png", saved(still(), "PNG", icc_profile=profile)
    for number in range(8):
        yield f"icc-mutated-{number}.jpg", saved(still(), "JPEG", icc_profile=mutated(good, number))
    yield "icc-parts.jpg", _in_jpeg(*[(0xE2, b"ICC_PROFILE\0" + bytes((n % 256, 255)) + bytes(100)) for n in range(600)])


def _odd_pictures() -> Iterator[tuple[str, bytes]]:
    image = still()
    others = [still(seed=n) for n in range(4, 8)]
    yield "animated.png", saved(image, "PNG", save_all=True, append_images=others)
    yield "animated.webp", saved(image, "WEBP", save_all=True, append_images=others)
    yield "animated.avif", saved(image, "AVIF", save_all=True, append_images=others)
    yield "mpo.jpg", saved(image, "MPO", save_all=True, append_images=others)
    yield "cmyk.jpg", saved(image.convert("CMYK"), "JPEG")
    yield "grey.jpg", saved(image.convert("L"), "JPEG")
    yield "16bit.png", saved(Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257), "PNG")
    yield "one-bit.png", saved(image.convert("1"), "PNG")
    yield "palette.png", saved(image.convert("P"), "PNG", transparency=0)
    yield "palette-missing.png", png(32, 32, zlib.compress(bytes(33 * 32)), colour=3)
    yield "grey-alpha.png", saved(image.convert("LA"), "PNG")
    yield "alpha.webp", saved(image.convert("RGBA"), "WEBP", lossless=True)
    yield "restarts.jpg", saved(image, "JPEG", restart_marker_blocks=1)
    yield "arithmetic.jpg", base("jpeg").replace(b"\xff\xc0", b"\xff\xc9", 1)
    yield "lossless.jpg", base("jpeg").replace(b"\xff\xc0", b"\xff\xc3", 1)
    yield "12bit.jpg", base("jpeg").replace(b"\xff\xc0\x00\x11\x08", b"\xff\xc0\x00\x11\x0c", 1)
    yield "no-tables.jpg", base("jpeg").replace(b"\xff\xdb", b"\xff\xe5")
    yield "ultra-hdr-cut.jpg", phones.ultra_hdr(base("jpeg"), base("jpeg"))[:-300]


def _chunks() -> Iterator[tuple[str, bytes]]:
    swollen = zlib.compress(bytes(60_000_000), 9)  # 58 kB
    yield "ztxt-bomb.png", _with_chunk(b"zTXt", b"Comment\0\0" + swollen)
    yield "itxt-bomb.png", _with_chunk(b"iTXt", b"Comment\0\1\0\0\0" + swollen)
    yield "iccp-bomb.png", _with_chunk(b"iCCP", b"icc\0\0" + swollen)
    yield "ztxt-many.png", _with_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(900_000), 9), 200)
    yield "many-chunks.png", _with_chunk(b"abCd", b"", 30_000)
    yield "idat-more.png", png(64, 64, zlib.compress(bytes(50_000_000), 9))
    yield "idat-less.png", png(64, 64, zlib.compress(bytes(500), 9))
    yield "actl-many.png", _with_chunk(b"acTL", struct.pack(">II", 0xFFFFFFFF, 0))
    yield "webp-many-chunks.webp", _riff(b"VP8X\x0a\0\0\0\x04\0\0\0\x5f\0\0\x47\0\0" + b"EXIF\0\0\0\0" * 30_000 + base("webp")[12:])
    yield "webp-chunk-lies.webp", _riff(base("webp")[12:16] + b"\xff\xff\xff\xff" + base("webp")[20:])


def _with_chunk(kind: bytes, content: bytes, times: int = 1) -> bytes:
    return base("png")[:33] + _chunk(kind, content) * times + base("png")[33:]


def _riff(content: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 4 + len(content)) + b"WEBP" + content


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def _boxes() -> Iterator[tuple[str, bytes]]:
    for kind in ("avif", "heic"):
        data = base(kind)
        for name, field in (("iloc", b"iloc"), ("iinf", b"iinf"), ("ipma", b"ipma"), ("ispe", b"ispe"), ("pitm", b"pitm"), ("mdat", b"mdat")):
            at = data.index(field)
            yield f"huge-{name}.{kind}", data[: at - 4] + b"\x7f\xff\xff\xff" + data[at:]
            yield f"tiny-{name}.{kind}", data[: at - 4] + b"\0\0\0\x08" + data[at:]
            for step in (4, 8, 10, 12, 16):
                yield f"{name}-{step}.{kind}", data[: at + step] + b"\xff\xff" + data[at + step + 2 :]
        head = data[: struct.unpack(">I", data[:4])[0]]
        yield f"deep.{kind}", head + nested(2000)
        yield f"many-extents.{kind}", head + box(b"meta", bytes(4) + box(b"iloc", b"\0\0\0\0\x44\0\xff\xff" + bytes(60_000)))
        yield f"many-boxes.{kind}", head + box(b"free", b"") * 40_000 + data[len(head) :]
        grid = struct.pack(">BBBBII", 0, 1, 255, 255, 0xFFFFFFFF, 0xFFFFFFFF)
        items = box(b"iinf", bytes(4) + b"\0\1" + box(b"infe", b"\2\0\0\0\0\1\0\0grid\0"))
        place = box(b"iloc", b"\1\0\0\0\x44\0\0\1\0\1\0\1\0\0\0\1" + struct.pack(">II", 0, len(grid)))
        sizes = box(b"iprp", box(b"ipco", box(b"ispe", bytes(4) + struct.pack(">II", 8000, 8000))) + box(b"ipma", bytes(4) + b"\0\0\0\1\0\1\1\x81"))
        handler, first = box(b"hdlr", bytes(8) + b"pict" + bytes(13)), box(b"pitm", bytes(4) + b"\0\1")
        yield f"absurd-grid.{kind}", head + box(b"meta", bytes(4) + handler + first + items + place + sizes + box(b"idat", grid))


def nested(depth: int) -> bytes:
    inside = b""
    for _ in range(depth):
        inside = box(b"meta", bytes(4) + inside)
    return inside


def _scans() -> Iterator[tuple[str, bytes]]:
    yield "many-scans.jpg", scan_bomb((200, 152), 5000)
    yield "many-paddings.jpg", padded(300)
    yield "many-markers.jpg", b"\xff\xd8" + b"\xff\xe1\0\2" * 60_000 + base("jpeg")[2:]


def scan_bomb(size: tuple[int, int], scans: int) -> bytes:
    """A progressive JPEG whose first scan, of the whole picture's means, is its only one and is there thousands of times."""
    data = saved(Image.new("RGB", size, (90, 120, 60)), "JPEG", progressive=True)
    first = data.index(b"\xff\xda")
    scan = bytearray(data[first : re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]").search(data, first + 2).start()])  # type: ignore[union-attr]
    scan[13] = 0  # at full precision
    return data[:first] + bytes(scan) * scans + b"\xff\xd9"


def padded(times: int) -> bytes:
    """Zeros between two segments, again and again, so that a decoder that may look over one of them is asked so often."""
    data = base("jpeg")
    at = data.index(b"\xff\xdb")
    pads = b"".join(segment(0xE5, b"x") + bytes(1 + n % 7) for n in range(times))
    return data[:at] + pads + data[at:]


def _lengths() -> Iterator[tuple[str, bytes]]:
    for kind, start in (("jpeg", 2), ("png", 8), ("webp", 4), ("avif", 24), ("heic", 24)):
        data = base(kind)
        for value in (0, 1, 0x7FFFFFFF, 0xFFFFFFFF):
            yield f"length-{kind}-{value:x}.{kind}", data[:start] + struct.pack(">I", value) + data[start + 4 :]


def swollen() -> dict[str, bytes]:
    """Millions of tiny parts, which cost memory and time where each is noted: tens of megabytes that look harmless."""
    head = base("heic")[: struct.unpack(">I", base("heic")[:4])[0]]
    many = 5_000_000
    return {
        "segments.jpg": b"\xff\xd8" + b"\xff\xe1\0\2" * many + base("jpeg")[2:],
        "stuffing.jpg": b"\xff\xd8" + b"\xff\x01" * (2 * many) + base("jpeg")[2:],
        "extents.heic": head + box(b"meta", bytes(4) + box(b"iloc", b"\2\0\0\0\0\0" + struct.pack(">I", many) + bytes(4 * many))),
        "boxes.heic": head + box(b"free", b"") * many + base("heic")[len(head) :],
        "properties.heic": head + box(b"meta", bytes(4) + box(b"iprp", box(b"ipco", box(b"ispe", b"") * many))),
        "chunks.webp": _riff(b"VP8X\x0a\0\0\0\x04\0\0\0\x5f\0\0\x47\0\0" + b"EXIF\0\0\0\0" * many),
        "chunks.png": base("png")[:33] + _chunk(b"abCd", b"") * (many // 2) + base("png")[33:],
        "nul.jpg": b"\xff\xd8\xff\xe0" + bytes(4 * many),
    }


def slow() -> dict[str, bytes]:
    """Pictures that keep a decoder busy."""
    return {
        "scans.jpg": scan_bomb((6000, 6000), 90),
        "interlaced.png": png(9_900, 9_900, zlib.compress(bytes(9_900 * 3 * 9_950 + 9_900 * 16), 1), interlaced=1),
        "inflates.png": png(64, 64, zlib.compress(bytes(800_000_000), 9)),
        "paddings.jpg": padded(4000),
    }
