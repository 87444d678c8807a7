"""Pictures for the page, made by the darkroom from the archive's files; a photo is asked for by its SHA-256 and in no other way."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from photodiary.diary.canvas import Canvas, Matrix
from photodiary.diary.eyes import Point
from photodiary.diary.photo import Digest, digest_of
from photodiary.errors import StorageTrouble
from photodiary.ledger import photos, reels
from photodiary.ledger.photos import PhotoRow
from photodiary.review.site import Diary, Site, digest

THUMB = 160  # pixels of the shorter side: two for each of a phone's screen
KEPT_BYTES = 32_000_000
FOR_GOOD = "private, max-age=31536000, immutable"


class Kept:
    """The last pictures that were made, so that a calendar is not drawn anew each time.  In memory only: a forgotten photo leaves nothing behind."""

    def __init__(self, most: int = KEPT_BYTES) -> None:
        self._most, self._size = most, 0
        self._pictures: OrderedDict[tuple[str, ...], bytes] = OrderedDict()
        self._turn = threading.Lock()

    def get(self, key: tuple[str, ...]) -> bytes | None:
        with self._turn:
            if key not in self._pictures:
                return None
            self._pictures.move_to_end(key)
            return self._pictures[key]

    def put(self, key: tuple[str, ...], picture: bytes) -> None:
        with self._turn:
            self._size += len(picture) - len(self._pictures.pop(key, b""))
            self._pictures[key] = picture
            while self._size > self._most:
                self._size -= len(self._pictures.popitem(last=False)[1])


def routes(site: Site) -> list[Route]:
    kept = Kept()

    def thumb(request: Request) -> Response:
        diary, sha256 = site.diary(request), digest(request)
        photo, size, data = _looked_up(diary, sha256, lambda frame: kept.get((diary.name, sha256, frame)) is None)
        key = (diary.name, sha256, photo.frame or "")
        made = kept.get(key)
        if made is None:
            made = shrunk(site, data, size, THUMB) if data is not None and size is not None else scaled(site, diary, photo, 2 * THUMB)
            kept.put(key, made)
        return picture(made, versioned=is_version(request, photo))

    def frame(request: Request) -> Response:
        diary, sha256 = site.diary(request), digest(request)
        photo, _, data = _looked_up(diary, sha256, lambda frame: True)
        if data is None:
            raise HTTPException(404, "This photo has no frame.")
        return picture(data, versioned=is_version(request, photo))

    return [Route("/diary/{diary}/thumb/{sha256}", thumb), Route("/diary/{diary}/frame/{sha256}", frame)]


def is_version(request: Request, photo: PhotoRow) -> bool:
    """Whether the version that was asked for is the one that is there; another one must not be kept under its name, for it may come back."""
    return request.query_params.get("v") == ("photo" if photo.frame is None else photo.frame[-12:-4])


def _looked_up(diary: Diary, sha256: Digest, wanted: Callable[[str], bool]) -> tuple[PhotoRow, tuple[int, int] | None, bytes | None]:
    """A photo, the size of its frame, and the frame itself where there is one and it is wanted.  Raises HTTPException 404, StorageTrouble.

    A frame that was replaced between its row and its file is looked up once more.
    """
    for last in (False, True):
        with diary.reading() as ledger:
            photo = photos.find(ledger, sha256)
            canvases = {row.id: row.canvas for row in reels.all_canvases(ledger)}
        if photo is None or photo.reason == "forgotten":  # its picture may still be kept
            raise HTTPException(404, "There is no such photo.")
        canvas = canvases.get(photo.canvas_id) if photo.canvas_id is not None else None
        size = None if canvas is None else (canvas.width, canvas.height)
        try:
            return photo, size, diary.archive.read(photo.frame) if photo.frame is not None and wanted(photo.frame) else None
        except StorageTrouble:
            if last:
                raise
    raise AssertionError("unreachable")


def picture(data: bytes, *, versioned: bool) -> Response:
    """versioned: its address changes when it does, so that browsers may keep it; nobody between us and the browser may."""
    return Response(data, media_type="image/jpeg", headers={"Cache-Control": FOR_GOOD if versioned else "private, no-cache"})


def scaled(site: Site, diary: Diary, photo: PhotoRow, longest: int) -> bytes:
    """The upright photo as JPEG, at most `longest` pixels on its longer side.  Raises HTTPException 404 where it could not be read."""
    if photo.original is None or photo.width is None or photo.height is None:
        raise HTTPException(404, "There is no picture of this photo.")
    original = photo.original
    matrix, canvas = _fitted(photo.width, photo.height, longest / max(photo.width, photo.height))
    return site.darkroom.frame(photo.sha256, lambda: diary.archive.read(original), matrix, canvas)


def shrunk(site: Site, data: bytes, size: tuple[int, int], shorter: int) -> bytes:
    """A frame as JPEG with `shorter` pixels on its shorter side."""
    matrix, canvas = _fitted(*size, shorter / min(size))
    return site.darkroom.frame(digest_of(data), lambda: data, matrix, canvas)


def _fitted(width: int, height: int, scale: float) -> tuple[Matrix, Canvas]:
    """How a picture of this size is shown whole at about `scale`, which never enlarges it; sides are even."""
    scale = min(1.0, scale)
    small = max(16, round(width * scale / 2) * 2), max(16, round(height * scale / 2) * 2)
    fx, fy = small[0] / width, small[1] / height
    return ((fx, 0.0, 0.5 * fx - 0.5), (0.0, fy, 0.5 * fy - 0.5)), Canvas(*small, Point(0.0, 0.0), Point(1.0, 0.0))
