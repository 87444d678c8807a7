"""HEIC and AVIF from outside: are all boxes there, and the bytes they point to?  Standard library only, never decodes.

Sources: ISO/IEC 14496-12 (boxes, iloc, iinf) and 23008-12 (HEIF).  Every loop moves forward by at least a byte of the file, and a file has only
so many parts: `whole` runs in the daemon.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from photodiary.errors import Held, Unreadable

CODED = frozenset({b"hvc1", b"av01", b"avc1", b"vvc1", b"j2k1"})  # items whose bytes are compressed pictures
UNWRITTEN = 256  # zeros in HEVC or AV1 that no encoder writes: place reserved for bytes that did not come yet
MOST_PARTS = 20_000  # boxes and pieces of items of one file; a phone's 48 megapixels in tiles have some hundreds
NEEDED = frozenset({b"ftyp", b"meta", b"mdat", b"moov", b"moof"})  # when one of these is cut, so is the photo; what hangs behind it may be


@dataclass(frozen=True)
class Layout:
    """What the boxes of a file say.

    end: of the last box, -1 when it is left open; usable: of the last box that is complete; cut: a box that the photo needs is not;
    furthest: end of the last byte that an item lies in; coded: where pictures lie; size: the largest declared (w, h);
    primaries: colour primaries by ITU-T H.273 that all pictures share, else None.
    """

    end: int
    usable: int
    cut: bool
    furthest: int
    coded: tuple[tuple[int, int], ...]
    size: tuple[int, int]
    primaries: int | None


def whole(data: bytes) -> bool:
    """Whether the file ends exactly where its last box ends, every item's bytes are in it, and so is the film of a motion photo."""
    try:
        layout = _layout(data)
    except Unreadable:
        return False
    if layout is None or layout.end != len(data) or not 0 < layout.furthest <= len(data):
        return False
    return b"MotionPhoto" not in data or any(kind == b"mpvd" for kind, _, _ in _boxes(data, 0, len(data), _Parts()))


def check(data: bytes) -> Layout:
    """Raises Held when bytes of the photo are missing, or their place is still empty, Unreadable when it has more parts than any photo."""
    layout = _layout(data)
    if layout is None or layout.cut or layout.furthest > len(data):
        raise Held("the photo is cut short")
    looked_at = 0
    for start, end in layout.coded:
        looked_at += end - start
        if looked_at <= 2 * len(data) and bytes(UNWRITTEN) in data[start:end]:  # hostile parts may overlap a thousand times
            raise Held("the photo is cut short")
    return layout


class _Parts:
    """Counts the parts of one file."""

    def __init__(self) -> None:
        self._left = MOST_PARTS

    def one_more(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise Unreadable("damaged", "the picture data is damaged (it has too many parts)")


def _boxes(data: bytes, at: int, end: int, parts: _Parts) -> Iterator[tuple[bytes, int, int]]:
    """(kind, start of the content, end) one after the other; the last may reach beyond `end`; -1 as end: it is left open."""
    while at + 8 <= end:
        parts.one_more()
        size, kind, start = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], at + 8
        if size == 1:
            size, start = int.from_bytes(data[at + 8 : at + 16], "big"), at + 16
        if size == 0 and kind != bytes(4):
            yield kind, start, -1
            return
        if at + size < start or kind == bytes(4):  # nonsense, or a place that was not written yet
            yield kind, start, len(data) + 1
            return
        yield kind, start, at + size
        at += size
    if at != end:
        yield b"", at, len(data) + 1  # not even the head of a box


def _layout(data: bytes) -> Layout | None:
    """None when cut short before anything can be said."""
    end, usable, cut = 0, 0, False
    items: dict[int, list[tuple[int, int]]] = {}
    kinds: dict[int, bytes] = {}
    sizes: list[tuple[int, int]] = []
    primaries: set[int] = set()
    seen: set[bytes] = set()
    parts = _Parts()
    for kind, start, end in _boxes(data, 0, len(data), parts):
        seen.add(kind)
        if end > len(data):
            cut = kind in NEEDED
            break
        usable = end if end >= 0 else len(data)
        for inner, begin, stop in _boxes(data, start + 4, usable, parts) if kind == b"meta" else ():
            if stop > usable or stop < 0:
                break
            if inner == b"iloc":
                items = _locations(data[begin:stop], parts)
            elif inner == b"iinf":
                kinds = _kinds(data[begin:stop], parts)
            elif inner == b"iprp":
                for name, content in _properties(data, begin, stop, parts):
                    if name == b"ispe":
                        sizes.append((int.from_bytes(content[4:8], "big"), int.from_bytes(content[8:12], "big")))
                    elif name == b"colr" and content[:4] == b"nclx":
                        primaries.add(int.from_bytes(content[4:6], "big"))
    if not seen & {b"meta", b"moov"}:
        return None
    places = [(place, kinds.get(item)) for item, extents in items.items() for place in extents]
    furthest = max((stop for (_, stop), _ in places), default=end if b"moov" in seen else 0)
    size = max(sizes, key=lambda one: one[0] * one[1], default=(0, 0))
    shared = next(iter(primaries)) if len(primaries) == 1 else None
    return Layout(end, usable, cut, furthest, tuple(place for place, kind in places if kind in CODED), size, shared)


def _locations(box: bytes, parts: _Parts) -> dict[int, list[tuple[int, int]]]:
    """Where in the file the items lie: start and end of each extent by item; those inside the box itself are left out."""
    version, offset_size, length_size = box[0] if box else 0, *divmod(box[4] if len(box) > 5 else 0, 16)
    base_size, index_size = divmod(box[5] if len(box) > 5 else 0, 16)
    wide = 4 if version >= 2 else 2
    at = 6

    def number(size: int) -> int:
        nonlocal at
        at += size
        return int.from_bytes(box[at - size : at], "big")

    found: dict[int, list[tuple[int, int]]] = {}
    for _ in range(number(wide)):
        if at >= len(box):
            break
        parts.one_more()
        item = number(wide)
        method = number(2) & 15 if version else 0
        number(2)
        base = number(base_size)
        for _ in range(number(2)):
            parts.one_more()
            if version:
                number(index_size)
            start, length = base + number(offset_size), 0
            length = number(length_size)
            if method == 0:
                found.setdefault(item, []).append((start, start + length))
            if at >= len(box) or not offset_size + length_size:
                break
    return found


def _kinds(box: bytes, parts: _Parts) -> dict[int, bytes]:
    """The type of each item, by its number."""
    found = {}
    for kind, start, end in _boxes(box, 6 if box[:1] == b"\0" else 8, len(box), parts):
        if kind == b"infe" and start < end <= len(box) and box[start] >= 2:
            wide = 4 if box[start] >= 3 else 2
            at = start + 4 + wide + 2
            found[int.from_bytes(box[start + 4 : start + 4 + wide], "big")] = box[at : at + 4]
    return found


def _properties(data: bytes, start: int, end: int, parts: _Parts) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of every item property between `start` and `end`."""
    for kind, begin, stop in _boxes(data, start, end, parts):
        for inner, at, until in _boxes(data, begin, min(stop, end), parts) if kind == b"ipco" else ():
            if 0 <= until <= end:
                yield inner, data[at:until]
