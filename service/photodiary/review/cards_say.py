"""What a person says about a photo on its card: facts with their wishes, and taking them back."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from photodiary.diary.eyes import REASONS, EyePair
from photodiary.diary.said import impossible
from photodiary.ledger import deciding, labels, retracting, reviewing, verdicts
from photodiary.ledger.labels import Label
from photodiary.ledger.photos import PhotoRow
from photodiary.ledger.store import Ledger
from photodiary.review import cards_card, paths
from photodiary.review.cards_pictures import eyes_of
from photodiary.review.site import Diary, Site, back, data, digest

SAID = {
    "confirm": "Noted: these are your eyes.",
    "place": "Noted: your eyes are where you put them.",
    "mine": "Noted: your eyes were right.",
    "model": "Noted: the model was right.",
    verdicts.EXCLUDED: "Noted: left out.",
    verdicts.RESTORED: "Noted: back into the film.",
    verdicts.NOT_ME: "Noted: somebody else, left out.",
    verdicts.NO_FACE: "Noted: no face here, left out.",
}
NUMBERS = ("left_x", "left_y", "right_x", "right_y")
SAME = 0.5  # pixels: a model that looked once more says the same
MOVED = "These eyes have changed since the page was loaded; look again."


def routes(site: Site) -> list[Route]:
    def say(request: Request) -> Response:
        diary, sha256, fields = site.diary(request), digest(request), cards_card.said(request)
        act, at = fields.get("act", ""), time.time()
        with diary.writing() as ledger:
            photo = cards_card.find(ledger, sha256)
            model = reviewing.by_a_model(ledger, photo)
            speak(ledger, photo, act, fields, at)
        told: dict[str, Any] = {"words": SAID[act], "at": repr(at), "running": diary.nudge()}
        if cards_card.by_script(request):
            if act == "place" and model is not None and model.eyes is not None:
                off = model.eyes.distance(_eyes(fields))
                told["model"] = {"eyes": cards_card.numbers(model.eyes), "off": round(100 * off / _eyes(fields).iod, 1)}
            with diary.reading() as ledger:
                told["left"] = len(reviewing.questions(ledger, fields.get("reason") or None))
            return data(told)
        site.say(request, SAID[act])
        return back(_next(diary, sha256, fields, repr(at)))

    def undo(request: Request) -> Response:
        diary, fields = site.diary(request), cards_card.said(request)
        try:
            moment = float(fields.get("at", ""))
        except ValueError:
            raise HTTPException(400, "It is not clear what to take back.") from None
        with diary.writing() as ledger:
            _, digests = retracting.take_back(ledger, moment, time.time())
        if cards_card.by_script(request):
            return data({"words": "Taken back.", "photos": digests, "running": diary.nudge()})
        site.say(request, "Taken back." if len(digests) == 1 else f"Taken back, of {len(digests):,} photos.")
        return back(paths.photo(diary.name, digests[0]) if len(digests) == 1 else paths.check(diary.name))

    def card(request: Request) -> Response:
        diary = site.diary(request)
        with diary.reading() as ledger:
            return data(cards_card.make(diary, ledger, cards_card.find(ledger, digest(request))))

    return [
        Route("/diary/{diary}/photo/{sha256}/say", say, methods=["POST"]), Route("/diary/{diary}/undo", undo, methods=["POST"]),
        Route("/diary/{diary}/photo/{sha256}/card", card),
    ]  # fmt: skip


def speak(ledger: Ledger, photo: PhotoRow, act: str, fields: dict[str, str], at: float) -> None:
    """Append what `act` says about a photo, with the wish to act on it, in one transaction.  at: the moment, by which it is taken back.

    Raises HTTPException: 400 for what cannot be, 409 where the photo is no longer as the person saw it.
    """
    ways: dict[str, Callable[[], None]] = {
        "confirm": lambda: _confirm(ledger, photo, fields, at),
        "place": lambda: _place(ledger, photo, _eyes(fields), "placed", at),
        "mine": lambda: _mine(ledger, photo, at),
        "model": lambda: _model(ledger, photo, at),
    }
    if act in ways:
        ways[act]()
    elif act in verdicts.IN_OR_OUT and act in SAID:
        deciding.decide(ledger, [photo], act, None, at)
    else:
        raise HTTPException(400, "It is not clear what was meant.")


def _eyes(fields: dict[str, str]) -> EyePair:
    return eyes_of([fields.get(key, "") for key in NUMBERS])


def _place(ledger: Ledger, photo: PhotoRow, eyes: EyePair, by: str, at: float, *, asked: bool = False) -> None:
    why = impossible(eyes, (photo.width, photo.height))
    if why is not None:
        raise HTTPException(400, f"These cannot be the eyes: {why}.")
    labels.place(ledger, [Label(photo, eyes, by)], at, asked=asked)


def _confirm(ledger: Ledger, photo: PhotoRow, fields: dict[str, str], at: float) -> None:
    """One tap: the eyes that were shown are right.  What a person placed is said again in that person's way.

    Without scripts, Enter in a number's field presses the first button, which is this one: numbers that were typed are placed, not lost.
    """
    sighting = photo.sighting
    if sighting is None or sighting.eyes is None:
        raise HTTPException(400, "There are no eyes yet to confirm; put them where they are.")
    if fields.get("sighting") == str(photo.sighting_id) and all(fields.get(key) for key in NUMBERS) and sighting.eyes.distance(_eyes(fields)) > SAME:
        _place(ledger, photo, _eyes(fields), "placed", at)
        return
    if fields.get("sighting") != str(photo.sighting_id) and not ("left_x" in fields and sighting.eyes.distance(_eyes(fields)) <= SAME):
        raise HTTPException(409, MOVED)
    _place(ledger, photo, sighting.eyes, sighting.by if sighting.human else "confirmed", at, asked=True)


def _mine(ledger: Ledger, photo: PhotoRow, at: float) -> None:
    if photo.sighting is None or not photo.sighting.human or photo.sighting.eyes is None:
        raise HTTPException(409, MOVED)
    _place(ledger, photo, photo.sighting.eyes, photo.sighting.by, at, asked=True)


def _model(ledger: Ledger, photo: PhotoRow, at: float) -> None:
    model = reviewing.by_a_model(ledger, photo)
    if model is None or model.eyes is None:
        raise HTTPException(409, MOVED)
    _place(ledger, photo, model.eyes, "confirmed", at)


def _next(diary: Diary, sha256: str, fields: dict[str, str], at: str) -> str:
    """The page after a form."""
    if fields.get("then") == "check":
        only = f"&reason={fields['reason']}" if fields.get("reason") in REASONS else ""
        return f"{paths.check(diary.name)}?after={sha256}&undo={at}{only}"
    if fields.get("then") == "ten":
        done = fields.get("done", "0")
        return f"{paths.ten(diary.name)}?placed={sha256}&done={int(done) + 1 if done.isdecimal() and len(done) < 3 else 1}"
    return f"{paths.photo(diary.name, sha256)}?undo={at}"
