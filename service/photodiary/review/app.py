"""Puts the page together: routes, the door before them, and plain pages for what goes wrong."""

from __future__ import annotations

import re

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from photodiary.errors import PhotodiaryError, Transient
from photodiary.review import cards, copies, days, entering, films, learning, pictures, sending
from photodiary.review.guard import Guard
from photodiary.review.rates import Rate
from photodiary.review.site import STATIC, Site, data, static

TITLES = {400: "Not understood", 401: "Not let in yet", 403: "Not allowed", 404: "Not found", 405: "Not understood", 409: "Not now", 413: "Too large"}
STATIC_NAME = re.compile(r"[a-z0-9-]+\.(css|js|svg|png|webmanifest)")


def make_app(site: Site, names: frozenset[str] = frozenset()) -> ASGIApp:
    """names: host names that are ours besides addresses, localhost and `url`."""
    guesses = Rate(at_once=10, per_second=1 / 30)  # wrong links and tokens, by address

    async def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return said(site, request, error.status_code, error.detail if error.detail.endswith(".") else "There is nothing here.")

    async def own_error(request: Request, error: Exception) -> Response:
        return said(site, request, 503 if isinstance(error, Transient) else 409, str(error))

    async def mistake(request: Request, error: Exception) -> Response:
        return site.bare("refused.html", code=500, title="That went wrong", sentence="Something went wrong inside photodiary; its log says what.")

    async def refuse(scope: Scope, receive: Receive, send: Send, status: int, sentence: str) -> None:
        await said(site, Request(scope, receive), status, sentence)(scope, receive, send)

    rooms = (
        entering.routes(site, guesses), days.routes(site), films.routes(site), copies.routes(site), pictures.routes(site), learning.routes(site),
        sending.routes(site, guesses),
    )  # fmt: skip
    app = Starlette(
        routes=[Route("/static/{name}", _static), *(route for room in rooms for route in room), *cards.routes(site)],
        exception_handlers={HTTPException: http_error, PhotodiaryError: own_error, Exception: mistake},
    )
    return Guard(app, site.keys, site.config, names | frozenset(name.lower() for name in site.config.hosts), int(site.limits.max_megabytes * 1e6), refuse)


def said(site: Site, request: Request, status: int, sentence: str) -> Response:
    """A plain page, or JSON for scripts, that says what is the matter, and nothing of how we are made."""
    if "json" in request.headers.get("accept", "") or "json" in request.headers.get("content-type", "") or request.url.path.startswith("/upload/"):
        return data({"error": sentence}, status)
    visit = getattr(request.state, "visit", None)
    title = TITLES.get(status, "That did not work")
    if visit is None or not visit.let_in:
        return site.bare("refused.html", code=status, title=title, sentence=sentence)
    return site.page(request, "trouble.html", code=status, title=title, sentence=sentence)


def _static(request: Request) -> Response:
    """Our own scripts, styles and pictures, by name out of one folder."""
    name = request.path_params["name"]
    if not STATIC_NAME.fullmatch(name) or not (STATIC / name).is_file():
        raise HTTPException(404)
    fresh = request.query_params.get("v") == static(name).rpartition("=")[2]
    return FileResponse(STATIC / name, headers={"Cache-Control": "public, max-age=31536000, immutable" if fresh else "no-cache"})
