"""The JSON files beside the photos of a Google Takeout: what they say, and which belongs to which photo; pure.

Google names them by rules that nobody wrote down.  Those here were learnt from exports that others had to read: `IMG_1.jpg.json`, since 2024
`IMG_1.jpg.supplemental-metadata.json`, either cut to 46 UTF-16 units before `.json`, wherever that falls; the number of a second photo of that name
stands behind it, `IMG_1(1).jpg` and `IMG_1.jpg(1).json`; what was edited, `IMG_1-edited.jpg` and in other languages `IMG_1-bearbeitet.jpg`, has none
of its own.  (github.com/simulot/immich-go, adapters/googlePhotos; github.com/ente/ente/pull/4956; TheLastGimbus/GooglePhotosTakeoutHelper/pull/449)
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

LARGEST = 1_000_000  # bytes; they have two thousand
SUFFIX = ".supplemental-metadata"
CUT = (46, 45)  # UTF-16 units that are left of a name
_NUMBERED = re.compile(r"(?P<base>.*)\((?P<number>[0-9]{1,6})\)", re.DOTALL)
_LATEST_S = 1 << 40


@dataclass(frozen=True)
class Sidecar:
    """What one says of its photo.  taken_s: seconds since 1970, None when it does not say; trashed: it lies in the bin."""

    taken_s: int | None
    trashed: bool


def read(data: bytes) -> Sidecar | None:
    """What a JSON file says; None for one that is not about a photo, or no JSON at all: a stranger wrote it, and no text, however strange, raises."""
    if len(data) > LARGEST:
        return None
    try:
        said: Any = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if isinstance(said, dict) and isinstance(inner := said.get("albumdata"), dict):
        said = inner
    if not isinstance(said, dict) or not ("photoTakenTime" in said or isinstance(said.get("url"), str)):
        return None
    taken = said.get("photoTakenTime")
    return Sidecar(_seconds(taken.get("timestamp")) if isinstance(taken, dict) else None, said.get("trashed") is True)


def _seconds(value: Any) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,15}", value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 < abs(value) < _LATEST_S else None  # 0: nobody knows


class Pairing:
    """Which sidecar belongs to which photo, of all parts of an export together: a photo and its sidecar may lie in two of them."""

    def __init__(self) -> None:
        self._sidecars: dict[str, dict[tuple[str, str], Sidecar]] = defaultdict(dict)  # by album: (name without number and .json, number)
        self._photos: dict[str, dict[tuple[str, str], set[str]]] = defaultdict(dict)  # by album: (name without end and number, number) -> names

    def add_sidecar(self, path: str, sidecar: Sidecar) -> None:
        album, name = _split(path)
        self._sidecars[album].setdefault(_numbered(name.rpartition(".")[0]), sidecar)

    def add_photo(self, path: str) -> None:
        album, name = _split(path)
        self._photos[album].setdefault(_numbered(name.rpartition(".")[0] or name), set()).add(name)

    def find(self, path: str) -> Sidecar | None:
        """A photo's sidecar, or that of the photo it was edited from; asked when all are added."""
        album, name = _split(path)
        return self._own(album, name) or self._of_original(album, name) or self._of_first(album, name)

    def _own(self, album: str, name: str) -> Sidecar | None:
        sidecars = self._sidecars.get(album, {})
        return next((found for key in _keys(name) if (found := sidecars.get(key)) is not None), None)

    def _of_original(self, album: str, name: str) -> Sidecar | None:
        """An edited photo has none: it is named as its original, and a word behind a hyphen, in any language and perhaps cut."""
        base, number = _numbered(name.rpartition(".")[0] or name)
        end = base.rfind("-")
        while end > 0:
            if any(not (c.isalpha() or c == " " or unicodedata.category(c).startswith("M")) for c in base[end + 1 :]):
                return None
            for original in sorted(self._photos.get(album, {}).get((base[:end], number), ())):
                if (found := self._own(album, original)) is not None:
                    return found
            end = base.rfind("-", 0, end)
        return None

    def _of_first(self, album: str, name: str) -> Sidecar | None:
        """Of two photos whose long names were cut to the same one, only the first has a sidecar."""
        base, end = (name.rpartition(".")[0], name.rpartition(".")[2]) if "." in name else (name, "")
        stem, number = _numbered(base)
        if not number or _units(stem) < CUT[1] - 1:
            return None
        return self._own(album, f"{stem}.{end}" if end else stem)


def _keys(name: str) -> Iterator[tuple[str, str]]:
    """How a photo's own sidecar may be called, the surest first: its name without number and .json, and the number."""
    base, dot, end = name.rpartition(".")
    stem, number = _numbered(base if dot else name)
    for whole, which in dict.fromkeys(((stem + dot + end if dot else stem, number), (name, ""), (name, number))):
        yield whole, which
        for length in range(len(SUFFIX), 0, -1):
            yield whole + SUFFIX[:length], which
        for units in CUT:
            if _units(whole) > units:
                yield _cut(whole, units), which


def _split(path: str) -> tuple[str, str]:
    """Album and name: an album is one folder, whatever it lies in, since each part of an export brings its own."""
    folder, _, name = unicodedata.normalize("NFC", path).rpartition("/")
    return folder.rpartition("/")[2].casefold(), name


def _numbered(stem: str) -> tuple[str, str]:
    found = _NUMBERED.fullmatch(stem)
    return (stem, "") if found is None else (found["base"], found["number"])


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _cut(text: str, units: int) -> str:
    return text.encode("utf-16-le", "surrogatepass")[: 2 * units].decode("utf-16-le", "ignore")
