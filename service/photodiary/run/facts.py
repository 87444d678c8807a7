"""What a message may be about, gathered from diary databases and the state folder; reads only, and loads nothing heavy."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from photodiary.diary.photo import Stage
from photodiary.errors import PhotodiaryError
from photodiary.ledger import news, queue, reels, wishes
from photodiary.ledger.store import FILE, Ledger
from photodiary.notify.facts import Facts, Learnt
from photodiary.run.status import gather as status_of
from photodiary.settings import Settings

log = structlog.get_logger()

OUTCOME = "retrain/outcome.json"  # below the state folder: the newest finished retraining
SILENT_S = 900.0  # so long after the last look at its inbox a service that is not running is missed
MISSED_SCANS, LEAST_S = 3.0, 300.0  # a look at the inbox is recent for so many intervals, and for so many seconds at least


def gather(settings: Settings, now: float) -> list[Facts]:
    """Every diary, and last what belongs to none.  A trouble that several diaries share stands with the first of them."""
    page = settings.review.url.rstrip("/")
    told: set[str] = set()
    all_: list[Facts] = []
    for name in settings.diary:
        facts = replace(_of(name, settings, now), several=len(settings.diary) > 1, link=page)
        all_.append(replace(facts, troubles=tuple(sentence for sentence in facts.troubles if sentence not in told)))
        told |= set(facts.troubles)
    return [*all_, Facts("", ZoneInfo(settings.timezone), learnt=learnt(Path(settings.state) / OUTCOME), link=page)]


def _of(name: str, settings: Settings, now: float) -> Facts:
    diary, zone = settings.diary[name], settings.zone(name)
    status = status_of(settings.model_copy(update={"diary": {name: diary}}))
    (mine,) = status["diaries"]
    troubles = list(status["degraded"])
    if not (diary.archive / FILE).exists():
        return Facts(name, zone, troubles=tuple(troubles))
    try:
        ledger = Ledger(diary.archive, writable=False)
    except PhotodiaryError:  # told by `status`
        return Facts(name, zone, troubles=tuple(troubles))
    try:
        if ledger.is_new:
            return Facts(name, zone, troubles=tuple(troubles))
        notes = wishes.notes(ledger)
        looked = float(notes.get("last_scan", -math.inf))
        # "degraded" is noted by a service that keeps running, never by a scan from a timer.
        if not mine["running"] and "degraded" in notes and now - looked > SILENT_S:
            troubles.append("the service is not running, so new photos are not taken in")
        recent = now - looked <= max(LEAST_S, MISSED_SCANS * settings.inbox.scan_every)
        film, fresh = reels.newest_reel(ledger), reels.film_news(ledger)
        flowing = any(queue.flowing(ledger, stage, now) for stage in (Stage.RECEIVED, Stage.LOCATED))
        return Facts(
            name, zone, doubts=tuple(news.asked(ledger)), troubles=tuple(troubles),
            film=None if film is None else replace(film, path=str(diary.archive / film.path)),
            watched=mine["running"] and notes.get("inbox_problem") is None and recent,
            busy=mine["running"] and flowing, behind=bool(fresh.new or fresh.remaking), latest=news.latest(ledger), arriving=mine["photos"]["held"],
        )  # fmt: skip
    finally:
        ledger.close()


def learnt(path: Path) -> Learnt | None:
    """The newest retraining, if it promoted a model; None also for a file that says nothing of the kind."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        if said["promoted"] is not True:
            return None
        return Learnt(float(said["finished_at"]), int(said["placed"]), *_medians(said))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        log.warning(f"{path}: cannot be understood ({type(error).__name__}); no message about the model", code="notify.outcome")
        return None


def _medians(said: dict[str, Any]) -> Iterator[float | None]:
    for key in ("before", "after"):
        yield None if said.get(key) is None else float(said[key]["median"])
