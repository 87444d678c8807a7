"""The newest film: it plays, and says which photo is on the screen."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route

from photodiary.archive import layout
from photodiary.ledger import days, reels, transitions
from photodiary.ledger.days import DayPhoto
from photodiary.ledger.reels import ReelRow
from photodiary.ledger.store import Ledger
from photodiary.review import copies, paths, steadiness
from photodiary.review.pictures import FOR_GOOD
from photodiary.review.site import Diary, Site, data

FEWEST_RANGES = 1


def routes(site: Site) -> list[Route]:
    def any_film(request: Request) -> Response:
        return RedirectResponse(paths.film(next(iter(site.diaries))) if len(site.diaries) == 1 else paths.HOME, 303)

    def film(request: Request) -> Response:
        diary = site.diary(request)
        reel, poster, steady, all_films = None, list[DayPhoto](), None, list[ReelRow]()
        if diary.begun:
            with diary.reading() as ledger:
                reel, all_films = asked(ledger, request), copies.there(ledger, diary)
                if reel is not None and reel.path == layout.LATEST:  # which a further film may not show
                    poster = days.newest_frames(ledger, 1)
                steady = steadiness.of_newest(ledger) if reel is not None and reel.path == layout.LATEST else None
        return site.page(
            request, "film.html", name=diary.name, reel=reel if reel in all_films else None, version="" if reel is None else version_of(reel),
            poster=poster[0] if poster else None, steady=steady, further="" if reel is None else further(reel), films=all_films, title_of=copies.title_of,
            name_of=further, sharing=site.sharing(diary.name), copy=copies.lying(diary),
        )  # fmt: skip

    def file(request: Request) -> Response:
        """The film's bytes, also by ranges.  The file is opened by its name in the ledger, not the one that is asked for; a newer film has another address."""
        diary = site.diary(request)
        with diary.reading() as ledger:
            reel = asked(ledger, request)
        path = diary.archive.root / (layout.LATEST if reel is None else reel.path)
        if path.is_symlink() or not path.is_file():
            raise HTTPException(404, "There is no film yet.")
        if request.headers.get("range", "").count(",") >= FEWEST_RANGES:
            raise HTTPException(400, "One part of the film at a time, please.")
        wanted = request.query_params.get("v")
        if wanted is not None and (reel is None or wanted != version_of(reel)):  # parts of two films make none
            raise HTTPException(404, "There is a newer film; load the page again.")
        caching = FOR_GOOD if wanted is not None else "private, no-cache"
        named = diary.name if reel is None or not further(reel) else f"{diary.name}-{further(reel)}"
        return FileResponse(
            path, media_type="video/mp4", headers={"Cache-Control": caching, "Content-Disposition": f"inline; filename*=UTF-8''{quote(named)}.mp4"}
        )

    def index(request: Request) -> Response:
        diary = site.diary(request)
        with diary.reading() as ledger:
            reel = asked(ledger, request)
            if reel is None:
                raise HTTPException(404, "There is no film yet.")
            starts, photos = reels.starts_of_newest(ledger, reel.path), shown(ledger, diary, reel)
            return data({"version": version_of(reel), "frames": reel.frames, "seconds": reel.seconds, "starts": starts, "photos": photos})

    return [
        Route("/film", any_film), Route("/diary/{diary}/film", film), Route("/diary/{diary}/film.mp4", file), Route("/diary/{diary}/film.json", index),
    ]  # fmt: skip


def asked(ledger: Ledger, request: Request) -> ReelRow | None:
    """The newest film of the name that is asked for, the main one where none is; None while that is not there.  Raises HTTPException 404."""
    name, there = request.query_params.get("name"), reels.newest_reels(ledger)
    if name is None:
        return there.get(layout.LATEST)
    found = next((reel for reel in there.values() if PurePosixPath(reel.path).stem == name), None)
    if found is None:
        raise HTTPException(404, "There is no such film.")
    return found


def further(reel: ReelRow) -> str:
    """How a further film is asked for: its file's name without .mp4; empty for the main one."""
    return "" if reel.path == layout.LATEST else PurePosixPath(reel.path).stem


def version_of(reel: ReelRow) -> str:
    """What changes with a film's bytes."""
    return (reel.sha256 or reel.fingerprint)[:12]


def shown(ledger: Ledger, diary: Diary, reel: ReelRow) -> list[dict[str, Any] | None]:
    """The photo at each position of a film, None for one that is gone since; empty where the film's order is not known."""
    frames = reels.shown_by_newest(ledger, reel.path)
    starts = [found.group(1) if (found := transitions.DIGITS_IN.search(PurePosixPath(frame).name)) else "" for frame in frames]
    known = days.dates_of(ledger, [start for start in starts if start])
    answer: list[dict[str, Any] | None] = []
    for start in starts:
        if start not in known:
            answer.append(None)
            continue
        sha256, wall = known[start]
        answer.append({"sha256": sha256, "words": "undated" if wall is None else f"{wall:%-d %B %Y, %H:%M}", "page": paths.photo(diary.name, sha256)})
    return answer
