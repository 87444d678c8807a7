"""The way in for a device: a link that works once becomes a cookie."""

from __future__ import annotations

import time

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from photodiary.review import guard, paths
from photodiary.review.keys import IN
from photodiary.review.rates import Rate, network_of
from photodiary.review.site import Site

USED = "This link has been used already, or is older than ten minutes. Ask for another one where photodiary runs: `photodiary review --link`."


def routes(site: Site, guesses: Rate) -> list[Route]:
    def ask(request: Request) -> Response:
        """Only asks: what looks at links in passing, as messengers and mail filters do, must not use them up."""
        if request.state.visit.let_in:
            return RedirectResponse(paths.HOME, 303)
        return site.bare("enter.html", token=request.query_params.get("token", "")[:100], csrf=request.state.visit.csrf)

    def enter(request: Request) -> Response:
        visit = request.state.visit
        if not guesses.spend(network_of(visit.caller.address), time.monotonic()):
            raise HTTPException(429, guard.WAIT)
        if not site.keys.use_link(str(request.state.form.get("token", ""))[:100]):
            raise HTTPException(403, USED)
        _, value = site.keys.new_session(IN)
        answer = RedirectResponse(paths.HOME, 303)
        answer.raw_headers.append((b"set-cookie", guard.cookie(visit.caller, value, site.config.remember_days)))
        return answer

    return [Route(paths.ENTER, ask), Route(paths.ENTER, enter, methods=["POST"])]
