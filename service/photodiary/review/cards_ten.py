"""Ten photos, one minute: a person places eyes without seeing where they are thought to be, so that the labels judge fairly."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from photodiary.diary.photo import Digest
from photodiary.ledger import labels, photos, reviewing
from photodiary.ledger.placed import newest
from photodiary.ledger.store import Ledger
from photodiary.review import cards_card
from photodiary.review.site import SHA256, Site, data

TEN = 10
NEEDED = 8  # placed labels: below, nothing is judged and no new model is taken
AHEAD = 3


def routes(site: Site) -> list[Route]:
    def ten(request: Request) -> Response:
        diary = site.diary(request)
        done = _done(request)
        if not diary.begun:
            return site.page(request, "ten.html", card=None, done=0, of=TEN, placed=0, needed=NEEDED, result=None)
        with diary.reading() as ledger:
            chosen = [] if done >= TEN else reviewing.ten(ledger, 1, _skipped(request))
            card = cards_card.make(diary, ledger, chosen[0], hidden=True) if chosen else None
            placed = labels.placed(ledger)
            result = _result(ledger, request.query_params.get("placed", ""))
        return site.page(request, "ten.html", card=card, done=done, of=TEN, placed=placed, needed=max(0, NEEDED - placed), result=result)

    def cards(request: Request) -> Response:
        diary = site.diary(request)
        with diary.reading() as ledger:
            chosen = reviewing.ten(ledger, AHEAD, _skipped(request))
            placed = labels.placed(ledger)
            return data({
                "cards": [cards_card.make(diary, ledger, photo, hidden=True) for photo in chosen], "placed": placed, "needed": max(0, NEEDED - placed),
            })  # fmt: skip

    return [Route("/diary/{diary}/ten", ten), Route("/diary/{diary}/ten/cards", cards)]


def _done(request: Request) -> int:
    text = request.query_params.get("done", "0")
    return min(int(text), TEN) if text.isdecimal() and len(text) < 4 else 0


def _skipped(request: Request) -> set[str]:
    """Photos that are not to come (again) in this round."""
    return {sha256 for sha256 in request.query_params.get("without", "").split(",")[:60] if SHA256.fullmatch(sha256)}


def _result(ledger: Ledger, sha256: str) -> dict[str, object] | None:
    """After a form: how far the model was off on the photo whose eyes were just placed; None without one."""
    if not SHA256.fullmatch(sha256):
        return None
    photo = photos.find(ledger, Digest(sha256))
    if photo is None:
        return None
    with ledger.read() as db:
        label = newest(db, photo.id)
    model = reviewing.by_a_model(ledger, photo)
    if label is None or label.eyes is None or model is None or model.eyes is None:
        return None
    return {"off": round(100 * model.eyes.distance(label.eyes) / label.eyes.iod, 1)}
