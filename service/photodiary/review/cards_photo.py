"""A photo's own page: its eyes, its life, and everything a person may decide about it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from photodiary.diary.calendar import diary_day
from photodiary.diary.eyes import REASONS
from photodiary.diary.facing import TURNS
from photodiary.diary.hours import DAY_STARTS
from photodiary.diary.photo import Digest, Stage, shown_name
from photodiary.diary.said import wall_clock
from photodiary.errors import BadUsage
from photodiary.eyenet import learnt
from photodiary.ledger import choices, deciding, facings, forgetting, lives, moved, photos, quarantine, reels, reviewing, takes, telling, verdicts
from photodiary.ledger.photos import PhotoRow
from photodiary.ledger.store import Ledger
from photodiary.review import cards_card, paths
from photodiary.review.site import Diary, Site, back, data, digest

LETTERS = 8  # of a SHA-256, typed before a photo is deleted for good
SOMEBODY_ELSE = ("not_this_person", "not_me")  # then the other diaries are offered
WAYS = {"as it is": None, "upright": 0, "a quarter to the right": 90, "upside down": 180, "a quarter to the left": 270}


def routes(site: Site) -> list[Route]:
    def page(request: Request) -> Response:
        diary = site.diary(request)
        running = diary.nudge()
        with diary.reading() as ledger:
            photo = cards_card.find(ledger, digest(request))
            card = cards_card.make(diary, ledger, photo)
            now = standing(ledger, photo, running=running)
            canvas = next((row for row in reels.all_canvases(ledger) if row.id == photo.canvas_id), None)
            moment, told, choice = takes.of(ledger, photo.sha256), lives.of(ledger, photo), choices.of(ledger, photo)
            life = telling.life(told, moment, now["words"], canvas, diary.zone)
            others = _rows(ledger, moment.others)
            rivals = _rows(ledger, [] if choice is None else [choice.shown, *choice.others], but=photo)
            span = reviewing.span(ledger, photo)
            with ledger.read() as db:
                decided = verdicts.in_force(db, photo.id)
        return site.page(
            request, "photo.html", card=card, photo=photo, standing=now, life=life, decided=decided, span=span, letters=LETTERS, ways=WAYS,
            names=[shown_name(name) for name in told.names], others=_links(diary, others), choice=choice, rivals=_links(diary, rivals),
            instead=photo.other_take and any(other not in (None, photo.sha256) for other in (moment.shown, choice and choice.shown)),
            wall="" if photo.taken is None else photo.taken.wall.isoformat(timespec="seconds"), unread=photo.stage is Stage.QUARANTINED,
            out=decided.out or (photo.stage is Stage.EXCLUDED and decided.excluded is None), undo=request.query_params.get("undo"),
            was=request.query_params.get("was"), inbox=str(diary.inbox), elsewhere=[name for name in site.diaries if name != diary.name],
            somebody_else=photo.reason in SOMEBODY_ELSE, alike=site.alike(diary.name, photo) if photo.reason in SOMEBODY_ELSE else None,
        )  # fmt: skip

    def state(request: Request) -> Response:
        diary = site.diary(request)
        running = diary.nudge()
        with diary.reading() as ledger:
            photo = cards_card.find(ledger, digest(request))
            return data(
                {**standing(ledger, photo, running=running), "look": paths.look(diary.name, photo.sha256, cards_card.version(photo)) if photo.frame else None}
            )

    def redate(request: Request) -> Response:
        diary, fields = site.diary(request), cards_card.said(request)
        wall = wall_clock(fields.get("wall", ""), datetime.now(diary.zone).replace(tzinfo=None))
        with diary.writing() as ledger:
            photo = cards_card.find(ledger, digest(request))
            deciding.decide(ledger, [photo], verdicts.REDATED, wall, time.time())
        site.say(request, f"Noted: taken on {wall:%-d %B %Y at %H:%M}.")
        was = "" if photo.taken is None else f"?was={photo.taken.wall.isoformat(timespec='seconds')}"
        return back(paths.photo(diary.name, photo.sha256) + was)

    def facing(request: Request) -> Response:
        diary, fields, at = site.diary(request), cards_card.said(request), time.time()
        with diary.writing() as ledger:
            photo = cards_card.find(ledger, digest(request))
            facings.say(ledger, [photo], fields.get("mirrored") == "1", _turn(fields), facings.BY, at)
        site.say(request, "Noted: its frame is made this way round.")
        return back(f"{paths.photo(diary.name, photo.sha256)}?undo={at!r}")

    def period(request: Request) -> Response:
        diary, fields, at = site.diary(request), cards_card.said(request), time.time()
        first, last = _date(fields.get("first", "")), _date(fields.get("last", ""))
        with diary.writing() as ledger:
            photo = cards_card.find(ledger, digest(request))
            chosen = [row for row in reviewing.of_size(ledger, photo) if row.taken is not None and first <= diary_day(row.taken.wall) <= last]
            if not chosen:
                raise HTTPException(400, "No photo of this size was taken between these days.")
            if fields.get("way") in ("mirrored", "unmirrored"):
                facings.mirror(ledger, chosen, fields["way"] == "mirrored", facings.BY, at)
            else:
                facings.turn(ledger, chosen, _turn(fields), facings.BY, at)
        site.say(
            request, f"Noted for {len(chosen):,} photo{'s' if len(chosen) != 1 else ''}, {first:%-d %B %Y} to {last:%-d %B %Y}; their frames are made anew."
        )
        return back(f"{paths.photo(diary.name, photo.sha256)}?undo={at!r}")

    def pick(request: Request) -> Response:
        diary, fields, at = site.diary(request), cards_card.said(request), time.time()
        with diary.writing() as ledger:
            photo = cards_card.find(ledger, digest(request))
            try:
                choices.pick(ledger, [photo], at)
            except BadUsage:
                raise HTTPException(409, "This photo cannot show, whatever else does: look again.") from None
        site.say(request, "Noted: this one shows.")
        if fields.get("back") == "day" and photo.taken is not None:
            return back(f"{paths.day(diary.name, diary_day(photo.taken.wall, DAY_STARTS))}?undo={at!r}")
        return back(f"{paths.photo(diary.name, photo.sha256)}?undo={at!r}")

    def forget(request: Request) -> Response:
        diary, fields, sha256 = site.diary(request), cards_card.said(request), digest(request)
        with diary.writing() as ledger:
            photo = cards_card.find(ledger, sha256)
            if fields.get("typed", "").strip().lower() != sha256[:LETTERS]:
                raise HTTPException(400, f"To delete it, type the first {LETTERS} letters of its SHA-256, {sha256[:LETTERS]}; nothing was deleted.")
            forgetting.wish(ledger, [photo.sha256], time.time())
        learnt.forget(site.state, [photo.sha256])
        running = diary.nudge()
        site.say(request, "It is being deleted for good, with its frame, and the film is made without it." if running else
                 "It will be deleted for good as soon as photodiary runs.")  # fmt: skip
        site.say(
            request,
            f"Out of reach: a copy on the phone or in {diary.inbox} (it is ignored from now on), backups, copies of the film, models trained with it,"
            " and what browsers have kept of the page.",
        )
        answer = back(paths.days(diary.name))
        answer.headers["Clear-Site-Data"] = '"cache"'  # what this browser kept of it
        return answer

    def move(request: Request) -> Response:
        diary, fields, sha256 = site.diary(request), cards_card.said(request), digest(request)
        to = site.diaries.get(fields.get("to", ""))
        if to is None or to.name == diary.name:
            raise HTTPException(400, "It is not clear which diary it belongs to.")
        with diary.writing() as ledger:
            photo = cards_card.find(ledger, sha256)
            why = _refusal(photo, to)
            if why is not None:
                raise HTTPException(409, f"It {why}.")
            moved.wish(ledger, [photo], to.name, time.time())
        site.say(request, f"Noted: it is moved to {to.name}." if diary.nudge() else f"Noted: it is moved to {to.name} as soon as photodiary runs.")
        return back(paths.photo(diary.name, photo.sha256))

    def retry(request: Request) -> Response:
        diary = site.diary(request)
        with diary.writing() as ledger:
            photo = cards_card.find(ledger, digest(request))
            if photo.stage is not Stage.QUARANTINED:
                raise HTTPException(409, "It could be read meanwhile.")
            quarantine.wish(ledger, [photo.sha256], time.time())
        site.say(request, "Noted: it is tried again.")
        return back(paths.photo(diary.name, photo.sha256))

    here = "/diary/{diary}/photo/{sha256}"
    forms = {"date": redate, "round": facing, "period": period, "forget": forget, "retry": retry, "pick": pick, "move": move}
    return [Route(here, page), Route(f"{here}/state", state), *(Route(f"{here}/{what}", act, methods=["POST"]) for what, act in forms.items())]


def _refusal(photo: PhotoRow, to: Diary) -> str | None:
    """Why a photo cannot be moved there, in a sentence."""
    if not to.begun:
        return moved.refusal(photo, to.name, None)
    with to.reading() as there:
        return moved.refusal(photo, to.name, there)


def _rows(ledger: Ledger, digests: Sequence[Digest], but: PhotoRow | None = None) -> list[PhotoRow]:
    return [row for sha256 in digests if (but is None or sha256 != but.sha256) and (row := photos.find(ledger, sha256)) is not None]


def _links(diary: Diary, rows: Sequence[PhotoRow]) -> list[tuple[str, str, bool]]:
    """Pages of photos, when they were taken, and which of them show."""
    return [(paths.photo(diary.name, row.sha256), cards_card.day(row), row.in_film) for row in rows]


def standing(ledger: Ledger, photo: PhotoRow, *, running: bool) -> dict[str, Any]:
    """How a photo stands, in a sentence.  acted: what was said is in force; settled: the film shows it too, or nobody is there to make one.

    running: whether the service is there to act.
    """
    reason = REASONS.get(photo.reason or "", photo.reason or "")
    if reviewing.pending(ledger, photo.sha256):
        words = "Noted; the service is acting on it." if running else NOT_RUNNING
        return {"words": words, "settled": False, "acted": False, "running": running}
    if photo.stage in (Stage.RECEIVED, Stage.LOCATED):
        doing = (
            ("Its eyes are being looked for", "Its eyes are looked for") if photo.stage is Stage.RECEIVED else ("Its frame is being made", "Its frame is made")
        )
        words = f"{doing[0]}." if running else f"{doing[1]} once the service runs (`photodiary run`)."
        return {"words": words, "settled": False, "acted": False, "running": running}
    if photo.stage is Stage.QUARANTINED:
        words = f"Could not be read: {reason}."
    elif photo.stage is Stage.UNDATED:
        words = "Waits for a date: neither the photo nor its name says when it was taken."
    elif photo.stage is Stage.EXCLUDED:
        words = f"{reason.capitalize()}." if reason.startswith("left out") else f"Left out: {reason}."
    elif photo.other_take:
        moment, choice = takes.of(ledger, photo.sha256), choices.of(ledger, photo)
        if moment.shown not in (None, photo.sha256):
            words = "Kept aside: another take of the same moment shows."
        elif choice is None or choice.shown == photo.sha256:
            words = "Kept aside: you had the same picture left out."
        else:
            because = f" This one: {', '.join(choice.reasons)}." if choice.reasons else ""
            instead = f"you chose another photo of this {choice.period}" if choice.chosen else f"another photo of this {choice.period} shows"
            words = f"Kept aside: {instead}.{because}"
    elif not photo.in_film:
        words = f"Left out until you check it: {reason}."
    else:
        place, count, choice = reels.film_position(ledger, photo), reels.film_news(ledger).frames, choices.of(ledger, photo)
        words = f"In the film, photo {place or 0:,} of {count:,}" + (f"; to check: {reason}." if photo.doubtful and reason else ".")
        if choice is not None and choice.others:
            told = choice.in_words(photo.sha256)
            words += f" {told[0].upper()}{told[1:]}."
    fresh = reviewing.shown_since(ledger, photo)
    if not fresh and (photo.in_film or photo.stage is Stage.EXCLUDED):
        words += " The film is made anew by itself." if running else " The film is made anew once the service runs."
    return {"words": words, "settled": fresh or not running, "acted": True, "running": running}


NOT_RUNNING = "Noted. The service is not running: it acts on this when it starts (`photodiary run`), and nothing is lost until then."


def _turn(fields: dict[str, str]) -> int | None:
    """Raises HTTPException 400 for a turn that there is not."""
    text = fields.get("turned", "")
    if text in ("", "None"):
        return None
    if text not in map(str, TURNS):
        raise HTTPException(400, "A photo is turned by quarters.")
    return int(text)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise HTTPException(400, f'"{text[:40]}" is no day; write one like 2024-05-15.') from None
