"""The queue: what is to check, one card after the other, the next ones ready before they are needed."""

from __future__ import annotations

import time
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from photodiary.diary.eyes import REASONS
from photodiary.diary.photo import Digest
from photodiary.ledger import deciding, photos, reviewing, verdicts
from photodiary.ledger.reviewing import Question
from photodiary.ledger.store import Ledger
from photodiary.review import cards_card, paths
from photodiary.review.site import SHA256, Diary, Site, back, data

AHEAD = 3  # cards that a script gets at once
SHOWN = 12  # thumbnails of those that a decision about many is about


def routes(site: Site) -> list[Route]:
    def check(request: Request) -> Response:
        diary = site.diary(request)
        if not diary.begun:
            return site.page(request, "queue.html", card=None, reasons=[], total=0, left=0, alike=[], reason=None, skipped=0, undo=None)
        with diary.reading() as ledger:
            reason, last = _asked_for(request)
            everything = reviewing.questions(ledger)
            asked = [question for question in everything if reason is None or question.reason == reason]
            coming = reviewing.after(asked, ledger, last)
            card = _card(diary, ledger, coming)
        alike = [] if card is None else [question.sha256 for question in everything if question.reason == card["reason"]]
        return site.page(
            request, "queue.html", card=card, reasons=[(code, REASONS.get(code, code), number) for code, number in reviewing.by_reason(everything)],
            total=len(everything), left=len(asked), alike=alike[:SHOWN], alike_number=len(alike), reason=reason, skipped=len(asked) - len(coming),
            undo=request.query_params.get("undo"),
        )  # fmt: skip

    def cards(request: Request) -> Response:
        diary = site.diary(request)
        with diary.reading() as ledger:
            reason, last = _asked_for(request)
            asked = reviewing.questions(ledger, reason)
            coming = reviewing.after(asked, ledger, last)
            made = [card for question in coming[:AHEAD] if (card := _card(diary, ledger, [question])) is not None]
        return data({"cards": made, "left": len(asked), "more": len(coming) > len(made)})

    def all_alike(request: Request) -> Response:
        diary, fields = site.diary(request), cards_card.said(request)
        reason, at = fields.get("reason", ""), time.time()
        with diary.writing() as ledger:
            asked = reviewing.questions(ledger, reason)
            if not asked or str(len(asked)) != fields.get("number"):
                raise HTTPException(409, f"There are now {len(asked):,} photos like this; look again before deciding about them.")
            rows = [row for question in asked if (row := photos.find(ledger, question.sha256)) is not None]
            deciding.decide(ledger, rows, verdicts.EXCLUDED, None, at)
        words = f"{len(rows):,} photo{'s' if len(rows) != 1 else ''} left out."
        if cards_card.by_script(request):
            return data({"words": words, "at": repr(at), "number": len(rows), "running": diary.nudge()})
        site.say(request, words)
        return back(f"{paths.check(diary.name)}?undo={at!r}")

    return [
        Route("/diary/{diary}/check", check), Route("/diary/{diary}/check/cards", cards),
        Route("/diary/{diary}/check/all", all_alike, methods=["POST"]),
    ]  # fmt: skip


def _asked_for(request: Request) -> tuple[str | None, Digest | None]:
    """The reason that is asked for, and the photo behind which to go on; what is neither counts as not given."""
    reason, last = request.query_params.get("reason"), request.query_params.get("after", "")
    return reason if reason in REASONS else None, Digest(last) if SHA256.fullmatch(last) else None


def _card(diary: Diary, ledger: Ledger, coming: list[Question]) -> dict[str, Any] | None:
    """The first of them that is still there."""
    for question in coming:
        row = photos.find(ledger, question.sha256)
        if row is not None:
            return cards_card.make(diary, ledger, row)
    return None
