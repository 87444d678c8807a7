"""What the model learnt from corrections, what is going on just now, and the button that has it learn."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from photodiary.diary.photo import Stage
from photodiary.errors import PhotodiaryError
from photodiary.ledger import reels, summary, wishes
from photodiary.review import paths
from photodiary.review.films import version_of
from photodiary.review.site import Diary, Site, back, data

BLANK: dict[str, Any] = {"seconds": 0, "placed": 0, "promoted": False, "reason": "", "before": None, "after": None, "gates": []}
LARGEST = 2_000_000  # bytes of a file that another process of ours writes for us
STALE_S = 1800.0  # after so long without a word, what was going on has stopped, and its number is another process's
FILM_STALE_S = 20.0
KINDS = {".html": "text/html", ".css": "text/css", ".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp"}
REPORT_CSP = b"default-src 'none'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; sandbox allow-popups"


def routes(site: Site) -> list[Route]:
    folder = site.state / "retrain"

    def page(request: Request) -> Response:
        outcome = told(folder / "outcome.json")
        outcome = {**BLANK, **outcome} if outcome else {}
        finished = outcome.get("finished_at")
        when = datetime.fromtimestamp(finished, UTC).astimezone(next(iter(site.diaries.values())).zone) if isinstance(finished, int | float) else None
        report = os.path.isfile(folder / "report" / "index.html")
        return site.page(request, "learning.html", outcome=outcome, when=when, report=report, going=_learning(folder), labels=_labels(site))

    def learn(request: Request) -> Response:
        site.say(request, site.learn())
        return back(paths.LEARNING)

    def report(request: Request) -> Response:
        """The newest report's files.  What is opened is a name that lies in its folder, not the one that was asked for."""
        name = request.path_params.get("name") or "index.html"
        try:
            with os.scandir(folder / "report") as entries:
                lying = {entry.name: entry.path for entry in entries if entry.is_file(follow_symlinks=False)}
        except OSError:
            lying = {}
        kind = KINDS.get(Path(name).suffix)
        if name not in lying or kind is None:
            raise HTTPException(404, "There is no report yet.")
        answer = FileResponse(lying[name], media_type=kind, headers={"Cache-Control": "private, no-cache"})
        answer.raw_headers.append((b"content-security-policy", REPORT_CSP))
        return answer

    def progress(request: Request) -> Response:
        return data({"learning": _learning(folder), "diaries": [_going_on(diary) for diary in site.diaries.values()]})

    return [
        Route(paths.LEARNING, page), Route(paths.LEARNING, learn, methods=["POST"]), Route(paths.PROGRESS, progress),
        Route(paths.REPORT, report), Route(paths.REPORT + "{name}", report),
    ]  # fmt: skip


def told(path: Path) -> dict[str, Any]:
    """What another process of ours wrote as JSON, whole by rename; empty where there is nothing, or nothing that can be read."""
    try:
        if path.stat().st_size > LARGEST:
            return {}
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _learning(folder: Path) -> dict[str, Any] | None:
    """How far a retraining is that goes on now; None when none does."""
    now = told(folder / "progress.json")
    if not now or now.get("phase") == "done" or not _alive(now.get("pid")):
        return None
    spoken = now.get("updated_at")
    if isinstance(spoken, int | float) and time.time() - spoken > STALE_S:
        return None
    return {"words": str(now.get("words", "")), "done": now.get("done", 0), "of": now.get("of", 0)}


def _alive(pid: object) -> bool:
    if not isinstance(pid, int) or isinstance(pid, bool) or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True  # somebody else's: it is there
    return True


def _going_on(diary: Diary) -> dict[str, Any]:
    answer: dict[str, Any] = {"name": diary.name, "waiting": 0, "to_check": 0, "in_film": 0, "film": None, "version": ""}
    try:
        if not diary.begun:
            return answer
        with diary.reading() as ledger:
            counts, notes, reel = summary.counts(ledger), wishes.notes(ledger), reels.newest_reel(ledger)
    except PhotodiaryError:  # of this diary: the others go on
        return answer
    answer.update(
        waiting=counts.stages[Stage.RECEIVED] + counts.stages[Stage.LOCATED], to_check=counts.stages[Stage.DOUBTFUL], in_film=counts.in_film
    )  # fmt: skip
    answer["version"] = "" if reel is None else version_of(reel)
    rendering = notes.get("rendering")
    if rendering and time.time() - rendering["at"] < FILM_STALE_S:
        answer["film"] = {"done": rendering["done"], "of": counts.in_film}
    return answer


def _labels(site: Site) -> dict[str, int]:
    total = {"placed": 0, "confirmed": 0}
    for diary in site.diaries.values():
        if diary.begun:
            with diary.reading() as ledger:
                for by, number in summary.labels(ledger).items():
                    total[by] += number
    return total
