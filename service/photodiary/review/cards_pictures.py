"""Pictures for placing eyes: the whole photo, a sharp part of it, how the frame would look, and frames at the size of a preview."""

from __future__ import annotations

import math

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from photodiary.diary.canvas import Canvas, Matrix
from photodiary.diary.eyes import EyePair, Point
from photodiary.diary.facing import Facing, onto
from photodiary.diary.photo import digest_of
from photodiary.diary.said import impossible
from photodiary.errors import Held, NoWorker, StorageTrouble, Unreadable, WorkerLost
from photodiary.ledger import reels
from photodiary.ledger.photos import PhotoRow
from photodiary.review import cards_card
from photodiary.review.pictures import Kept, is_version, picture
from photodiary.review.site import Diary, Site, digest

WHOLE = 1600  # pixels of the longer side
SHARP = 1024  # of a side of the close picture at most
LOOK = 360  # pixels of width of a previewed frame: two for each of a phone's screen
QUALITY = 85
# Shown in place of a photo that cannot be; scripts know it by its size of 4 x 3.
PLACEHOLDER = """<svg xmlns="http://www.w3.org/2000/svg" width="4" height="3" viewBox="0 0 400 300"><rect width="400" height="300" fill="#8a8f8c"/>
<path d="M160 118h22l10-14h36l10 14h22a8 8 0 0 1 8 8v58a8 8 0 0 1-8 8H160a8 8 0 0 1-8-8v-58a8 8 0 0 1 8-8z" fill="none" stroke="#fff" stroke-width="5"/>
<path d="M146 206 262 92" stroke="#fff" stroke-width="5"/>
<text x="200" y="244" fill="#fff" font-family="system-ui,sans-serif" font-size="17" text-anchor="middle">This photo cannot be shown just now.</text></svg>"""


def routes(site: Site) -> list[Route]:
    kept = Kept(16_000_000)

    def whole(request: Request) -> Response:
        diary, photo = _found(site, request)
        width, height = _size(photo)
        matrix, size = fitted((width, height), WHOLE)
        return _made(site, diary, photo, matrix, size)

    def close(request: Request) -> Response:
        diary, photo = _found(site, request)
        width, height = _size(photo)
        x, y, side = _numbers(request, "x", "y", "side")
        if not (16 <= side <= 4 * max(width, height) and -side <= x <= width and -side <= y <= height):
            raise HTTPException(400, "That part is not in the photo.")
        out = max(64, min(SHARP, round(side)))
        scale = out / side
        matrix = (scale, 0.0, scale * (0.5 - x) - 0.5), (0.0, scale, scale * (0.5 - y) - 0.5)
        return _made(site, diary, photo, matrix, (out, out))

    def aligned(request: Request) -> Response:
        diary, photo = _found(site, request)
        eyes = eyes_of(request.query_params.get("eyes", "").split(","))
        why = impossible(eyes, _size(photo))
        if why is not None:
            raise HTTPException(400, f"These cannot be the eyes: {why}.")
        with diary.reading() as ledger:
            canvas = next((row.canvas for row in reels.all_canvases(ledger) if str(row.id) == request.query_params.get("canvas")), None)
        if canvas is None:
            raise HTTPException(404, "There is no such picture format.")
        small = shrunk(canvas, LOOK)
        facing = Facing(request.query_params.get("mirrored") == "1", photo.facing.turned)
        return _made(site, diary, photo, onto(eyes, facing, small), (small.width, small.height), bordered=True)

    def look(request: Request) -> Response:
        diary, photo = _found(site, request)
        if photo.frame is None or photo.canvas_id is None:
            raise HTTPException(404, "This photo has no frame.")
        key = (diary.name, photo.frame)
        made = kept.get(key)
        if made is None:
            frame = photo.frame
            with diary.reading() as ledger:
                canvas = next(row.canvas for row in reels.all_canvases(ledger) if row.id == photo.canvas_id)
            matrix, size = fitted((canvas.width, canvas.height), LOOK * max(canvas.width, canvas.height) / canvas.width)
            try:
                made = site.darkroom.picture(digest_of(frame.encode()), lambda: diary.archive.read(frame), matrix, size, QUALITY)
            except (Held, Unreadable, WorkerLost, NoWorker, StorageTrouble):
                return placeholder()
            kept.put(key, made)
        return picture(made, versioned=is_version(request, photo))

    return [
        Route("/diary/{diary}/picture/{sha256}/whole", whole), Route("/diary/{diary}/picture/{sha256}/close", close),
        Route("/diary/{diary}/picture/{sha256}/aligned", aligned), Route("/diary/{diary}/picture/{sha256}/look", look),
    ]  # fmt: skip


def _found(site: Site, request: Request) -> tuple[Diary, PhotoRow]:
    diary, sha256 = site.diary(request), digest(request)
    with diary.reading() as ledger:
        return diary, cards_card.find(ledger, sha256)


def _size(photo: PhotoRow) -> tuple[int, int]:
    if photo.width is None or photo.height is None or photo.original is None:
        raise HTTPException(404, "There is no picture of this photo.")
    return photo.width, photo.height


def _made(site: Site, diary: Diary, photo: PhotoRow, matrix: Matrix, size: tuple[int, int], *, bordered: bool = False) -> Response:
    """A picture of the photo, or a calm placeholder where it cannot be made.  bordered: what the photo does not cover is filled as in a frame."""
    original = photo.original
    assert original is not None
    try:
        if bordered:
            canvas = Canvas(*size, Point(0.0, 0.0), Point(1.0, 0.0))
            return picture(site.darkroom.frame(photo.sha256, lambda: diary.archive.read(original), matrix, canvas), versioned=True)
        return picture(site.darkroom.picture(photo.sha256, lambda: diary.archive.read(original), matrix, size, QUALITY), versioned=True)
    except (Held, Unreadable, WorkerLost, NoWorker, StorageTrouble):
        return placeholder()


def placeholder() -> Response:
    """Where a picture cannot be made: it may be, a moment later."""
    return Response(PLACEHOLDER, media_type="image/svg+xml", headers={"Cache-Control": "no-store"})


def fitted(size: tuple[int, int], longest: float) -> tuple[Matrix, tuple[int, int]]:
    """How a picture of `size` (w, h) is shown whole with `longest` pixels on its longer side, never enlarged: the matrix and (w, h)."""
    shrink = min(1.0, longest / max(size))
    small = max(1, round(size[0] * shrink)), max(1, round(size[1] * shrink))
    fx, fy = small[0] / size[0], small[1] / size[1]
    return ((fx, 0.0, 0.5 * fx - 0.5), (0.0, fy, 0.5 * fy - 0.5)), small


def shrunk(canvas: Canvas, width: int) -> Canvas:
    """The same picture format with `width` pixels of width, where it has more."""
    scale = min(1.0, width / canvas.width)
    wide, high = max(16, 2 * round(canvas.width * scale / 2)), max(16, 2 * round(canvas.height * scale / 2))
    left, right = (Point((point.x + 0.5) * wide / canvas.width - 0.5, (point.y + 0.5) * high / canvas.height - 0.5) for point in (canvas.left, canvas.right))
    return Canvas(wide, high, left, right)


def _numbers(request: Request, *keys: str) -> list[float]:
    return [_number(request.query_params.get(key, "")) for key in keys]


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise HTTPException(400, "That is no number.")
    return number


def eyes_of(texts: list[str]) -> EyePair:
    """Left x, left y, right x, right y, in pixels of the upright photo.  Raises HTTPException 400."""
    if len(texts) != 4:
        raise HTTPException(400, "Two eyes have four numbers.")
    lx, ly, rx, ry = (_number(text) for text in texts)
    return EyePair(Point(lx, ly), Point(rx, ry))
