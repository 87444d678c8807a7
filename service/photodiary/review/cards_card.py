"""A card: one photo with the eyes that are proposed, why a person is asked, and the frames beside it."""

from __future__ import annotations

import math
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request

from photodiary.diary.canvas import Canvas
from photodiary.diary.eyes import REASONS, EyePair, Sighting
from photodiary.diary.photo import Digest, Stage
from photodiary.ledger import photos, reels, reviewing
from photodiary.ledger.photos import PhotoRow
from photodiary.ledger.store import Ledger
from photodiary.review import paths
from photodiary.review.site import Diary

CLOSE = 4.0  # distances between the eyes that the close picture is wide: forehead to chin
WIDE = 5.2  # for "ten photos": wide enough not to give away where the eyes are thought to be
QUESTIONS = {
    "several_faces": "Which face is yours?",
    "not_this_person": "Is this you?",
    "no_face": "Where are your eyes?",
    "label_differs": "Which is right?",
}
YES = {"not_this_person": "Yes, that is me", "several_faces": "This one is me"}


def find(ledger: Ledger, sha256: Digest) -> PhotoRow:
    """Raises HTTPException 404."""
    photo = photos.find(ledger, sha256)
    if photo is None or photo.reason == "forgotten":
        raise HTTPException(404, "There is no such photo; it may have been deleted for good.")
    return photo


def make(diary: Diary, ledger: Ledger, photo: PhotoRow, *, hidden: bool = False) -> dict[str, Any]:
    """Everything that a script or a template needs to show a photo and ask about it; points are in pixels of the upright photo.

    hidden: without saying where the eyes are thought to be.
    """
    name, sha256, sighting = diary.name, photo.sha256, photo.sighting
    eyes = None if sighting is None else sighting.eyes
    canvas = reels.current_canvas(ledger)
    reason = photo.reason if photo.doubtful or photo.reason == "no_face" else None
    beside = reviewing.beside(ledger, photo)
    model = reviewing.by_a_model(ledger, photo)
    turn = _turn(photo, eyes)
    return {
        "sha256": sha256, "page": paths.photo(name, sha256), "say": paths.say(name, sha256), "state": paths.state(name, sha256),
        "card": paths.card(name, sha256),
        "day": day(photo), "short": "no date" if photo.taken is None else f"{photo.taken.wall:%-d %b %Y}",
        "size": [photo.width or 4, photo.height or 3], "readable": photo.original is not None and photo.stage is not Stage.QUARANTINED,
        "eyes": None if eyes is None or hidden else numbers(eyes), "sighting": photo.sighting_id, "human": sighting is not None and sighting.human,
        "reason": reason, "words": "" if reason is None else REASONS.get(reason, reason),
        "px": _pixels(model, reason, canvas.canvas if canvas else None),
        "question": QUESTIONS.get(reason or "", "Are these your eyes?"), "yes": YES.get(reason or "", "Yes, these are my eyes"),
        "faces": 0 if sighting is None else sighting.faces, "others": [] if hidden else [numbers(other) for other in reviewing.other_faces(ledger, photo)],
        "model": numbers(model.eyes) if reason == "label_differs" and model is not None and model.eyes is not None else None,
        "turn": turn, "facing": {"mirrored": photo.facing.mirrored, "turned": photo.facing.turned},
        "canvas": None if canvas is None else _canvas(canvas.canvas, canvas.id),
        "whole": paths.whole(name, sha256), "close": paths.close(name, sha256), "view": _view(photo, eyes, hidden=hidden),
        "before": _beside(name, beside.before), "after": _beside(name, beside.after),
        "frame": None if hidden else _beside(name, photo if photo.frame else None),
    }  # fmt: skip


def numbers(eyes: EyePair) -> list[float]:
    return [round(number, 2) for point in eyes for number in point]


def day(photo: PhotoRow) -> str:
    return "without a date" if photo.taken is None else f"{photo.taken.wall:%-d %b %Y, %H:%M}"


def _pixels(model: Sighting | None, reason: str | None, canvas: Canvas | None) -> str:
    """How much it matters, in the film's pixels, by what a model said last."""
    error = None if model is None else model.expected_error
    if error is None or canvas is None or reason in (None, "label_differs", "no_face"):
        return ""
    return f"perhaps {max(1, round(error / 100 * canvas.iod))} px off in the film"


def _canvas(canvas: Canvas, number: int) -> dict[str, Any]:
    return {"id": number, "width": canvas.width, "height": canvas.height, "left": list(canvas.left), "right": list(canvas.right)}


def _turn(photo: PhotoRow, eyes: EyePair | None) -> int:
    """By how many degrees clockwise the photo is shown turned, so that the head stands upright."""
    if photo.facing.turned is not None:
        return photo.facing.turned
    return 0 if eyes is None else -round(math.degrees(eyes.tilt) / 90) * 90 % 360


def _view(photo: PhotoRow, eyes: EyePair | None, *, hidden: bool) -> dict[str, float] | None:
    """The square that is looked at first; None for the whole photo.

    hidden: its middle is moved away from the eyes, by the photo's digest, so that it does not give them away.
    """
    if eyes is None or (photo.doubtful and photo.reason in ("several_faces", "not_this_person")):
        return None
    x, y, side = eyes.middle.x, eyes.middle.y + 0.25 * eyes.iod, CLOSE * eyes.iod
    if hidden:
        x += (int(photo.sha256[:4], 16) / 65_535 - 0.5) * 2.4 * eyes.iod
        y += (int(photo.sha256[4:8], 16) / 65_535 - 0.5) * 2.0 * eyes.iod
        side = WIDE * eyes.iod
    return {"x": round(x - side / 2), "y": round(y - side / 2), "side": max(32, round(side))}


def _beside(name: str, photo: PhotoRow | None) -> dict[str, str] | None:
    if photo is None:
        return None
    return {
        "look": paths.look(name, photo.sha256, version(photo)), "page": paths.photo(name, photo.sha256),
        "day": "" if photo.taken is None else f"{photo.taken.wall:%-d %b %Y}",
    }  # fmt: skip


def version(photo: PhotoRow) -> str:
    """Changes with the frame."""
    return (photo.frame or "photo").rpartition("_")[2].removesuffix(".jpg")


def said(request: Request) -> dict[str, str]:
    """What a form or a script sent, as text; what is no text, number or truth is left out."""
    fields = request.state.json if request.state.json else request.state.form
    return {str(key): str(value) for key, value in fields.items() if isinstance(value, str | int | float)}


def by_script(request: Request) -> bool:
    return "json" in request.headers.get("accept", "")
