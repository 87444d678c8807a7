"""The timeline: every photo of the diary by month, a part at a time."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from photodiary.diary.eyes import REASONS
from photodiary.ledger import timeline
from photodiary.ledger.timeline import KINDS, UNDATED, Tile
from photodiary.review import paths
from photodiary.review.site import Diary, Site

ENOUGH = 120  # photos on a page, and what is left of the last month
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")
SHORT = {"check": "to check", "out": "left out", "unread": "could not be read", "takes": "another take shows", "coming": "on its way"}


def routes(site: Site) -> list[Route]:
    def page(request: Request) -> Response:
        diary = site.diary(request)
        kind = request.query_params.get("show", "")
        kind = kind if kind in KINDS else ""
        if not diary.begun:
            return site.page(request, "timeline.html", months=[], counts={}, kinds=KINDS, kind=kind, total=0, jump=[], older=None, newest=True)
        with diary.reading() as ledger:
            everything = timeline.tiles(ledger)
        chosen = [tile for tile in everything if not kind or kind in tile.kinds]
        by_month = timeline.months(chosen)
        start = request.query_params.get("from")
        names, older = timeline.page(by_month, start, ENOUGH)
        return site.page(
            request, "timeline.html", months=[(name, in_words(name), [_shown(diary, tile) for tile in by_month[name]]) for name in names],
            counts=timeline.counted(everything), kinds=KINDS, kind=kind, total=len(everything),
            jump=[(name, in_words(name), len(found)) for name, found in by_month.items()], older=older, newest=not names or names[0] == next(iter(by_month)),
        )  # fmt: skip

    return [Route("/diary/{diary}/timeline", page)]


def in_words(month: str) -> str:
    """May 2024."""
    return "Without a date" if month == UNDATED else f"{MONTHS[int(month[5:]) - 1]} {month[:4]}"


def _shown(diary: Diary, tile: Tile) -> dict[str, Any]:
    state = next((words for kind, words in SHORT.items() if kind in tile.kinds), "")
    reason = REASONS.get(tile.reason or "", "")
    when = "without a date" if tile.wall is None else f"{tile.wall:%-d %B %Y, %H:%M}"
    return {
        "page": paths.photo(diary.name, tile.sha256), "thumb": None if "unread" in tile.kinds else paths.thumb(diary.name, tile.sha256, tile.version),
        "label": ", ".join(part for part in (when, state, reason) if part), "day": "?" if tile.wall is None else str(tile.wall.day),
        "mark": next((kind for kind in SHORT if kind in tile.kinds), ""), "words": state,
    }  # fmt: skip
