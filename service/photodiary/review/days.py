"""The way in: a calendar of days, what one day holds, and what waits for a word; before the first photo, what to do."""

from __future__ import annotations

import calendar
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from photodiary.diary.calendar import diary_day
from photodiary.diary.eyes import REASONS
from photodiary.diary.hours import DAY_STARTS
from photodiary.diary.photo import Stage, shown_name
from photodiary.errors import PhotodiaryError
from photodiary.ledger import choices, photos, quarantine
from photodiary.ledger import days as ledger_days
from photodiary.ledger.choices import Choice
from photodiary.ledger.days import DayPhoto, Span
from photodiary.review import paths
from photodiary.review.site import Diary, Site, back

NEWEST_MONTHS = 4
LONG_AGO = timedelta(62)  # a diary that rests begins with its last photos, not with empty months
MOST_RETRIED = 10_000
MOST_COMPARED = 40  # photos of a day that are told why they show, or why not


@dataclass(frozen=True)
class Cell:
    """A day of the calendar.  state: film, check, out (photos, but none shows), missing, or empty: before the first photo or not yet.

    show: whose frame stands for the day.
    """

    day: date
    state: str
    show: DayPhoto | None
    words: str


@dataclass(frozen=True)
class Month:
    name: str
    weeks: list[list[Cell | None]]  # None: a day of another month
    shown: int


def routes(site: Site) -> list[Route]:
    def home(request: Request) -> Response:
        if len(site.diaries) == 1:
            return _days(site, request, next(iter(site.diaries.values())), None)
        return site.page(request, "diaries.html", all=[_summary(diary) for diary in site.diaries.values()])

    def of_diary(request: Request) -> Response:
        year = request.path_params.get("year")
        return _days(site, request, site.diary(request), None if year is None else int(year))

    def day(request: Request) -> Response:
        return _day(site, request, site.diary(request))

    def unread(request: Request) -> Response:
        return _unread(site, request, site.diary(request))

    def retry(request: Request) -> Response:
        diary = site.diary(request)
        with diary.writing() as ledger:
            digests = [photo.sha256 for photo, _ in quarantine.listing(ledger)][:MOST_RETRIED]
            if digests:
                quarantine.wish(ledger, digests, time.time())
        site.say(request, f"{len(digests):,} file{'s are' if len(digests) != 1 else ' is'} tried again.")
        return back(paths.unread(diary.name))

    return [
        Route("/", home), Route("/diary/{diary}", of_diary), Route("/diary/{diary}/{year:int}", of_diary), Route("/diary/{diary}/day/{day}", day),
        Route("/diary/{diary}/unread", unread), Route("/diary/{diary}/unread", retry, methods=["POST"]),
    ]  # fmt: skip


def _summary(diary: Diary) -> dict[str, Any]:
    """A diary that cannot be read is no reason not to show the others."""
    told: dict[str, Any] = {"name": diary.name, "span": None, "newest": None, "trouble": ""}
    try:
        if diary.begun:
            with diary.reading() as ledger:
                newest = ledger_days.newest_frames(ledger, 1)
                told.update(span=ledger_days.span(ledger), newest=newest[0] if newest else None)
    except PhotodiaryError as error:
        told["trouble"] = str(error)
    return told


def _days(site: Site, request: Request, diary: Diary, year: int | None) -> Response:
    span, found, undated = None, dict[date, list[DayPhoto]](), 0
    today = diary_day(datetime.now(diary.zone).replace(tzinfo=None), DAY_STARTS)
    first, last = today, today
    if diary.begun:
        with diary.reading() as ledger:
            total, undated = photos.total(ledger), photos.waiting(ledger, Stage.UNDATED)
            span = ledger_days.span(ledger)
            if span is not None:
                first, last = _range(span, today, year)
                found = ledger_days.between(ledger, first, last)
        if total == 0:
            span = None
        elif span is None and undated == 0:
            return site.page(request, "unread_only.html", name=diary.name)
    if span is None and undated == 0:
        return site.page(request, "first_run.html", inbox=diary.inbox, inbox_there=diary.inbox.is_dir(), name=diary.name)
    months = list(_months(first, last, found, span, today)) if span is not None else []
    shown = sum(span.shown.values()) if span is not None else 0
    years = [] if span is None else [(each, span.shown.get(each, 0)) for each in range(max(span.last.year, today.year), span.first.year - 1, -1)]
    return site.page(request, "days.html", name=diary.name, months=months, span=span, shown=shown, years=years, year=year, undated=undated)


def _range(span: Span, today: date, year: int | None) -> tuple[date, date]:
    """Which days the calendar shows: one year's, or those of the newest months.  Raises HTTPException 404 for a year without any."""
    last = max(span.last, today)
    if year is not None:
        if not span.first.year <= year <= last.year:
            raise HTTPException(404, "There is no photo of that year.")
        return date(year, 1, 1), date(year, 12, 31)
    if today - span.last > LONG_AGO:
        last = span.last
    month = last.year * 12 + last.month - 1 - (NEWEST_MONTHS - 1)
    return max(date(month // 12, month % 12 + 1, 1), span.first.replace(day=1)), last


def _months(first: date, last: date, found: dict[date, list[DayPhoto]], span: Span, today: date) -> Iterator[Month]:
    """The newest month first, in weeks from Monday on; months without anything to show are left out."""
    weeks = calendar.Calendar(calendar.MONDAY)
    number, end = last.year * 12 + last.month - 1, first.year * 12 + first.month - 1
    while number >= end:
        year, month = divmod(number, 12)
        number -= 1
        if (year, month + 1) > max((today.year, today.month), (span.last.year, span.last.month)) or (year, month + 1) < (span.first.year, span.first.month):
            continue
        cells = [
            [_cell(day, found.get(day, []), span, today) if day.month == month + 1 else None for day in week]
            for week in weeks.monthdatescalendar(year, month + 1)
        ]
        shown = sum(1 for week in cells for cell in week if cell is not None and any(photo.in_film for photo in found.get(cell.day, [])))
        yield Month(f"{calendar.month_name[month + 1]} {year}", cells, shown)


def _cell(day: date, held: list[DayPhoto], span: Span, today: date) -> Cell:
    show = next((photo for photo in held if photo.in_film), None)
    if any(photo.to_check for photo in held):
        state, words = "check", "to check"
        show = next(photo for photo in held if photo.to_check) if show is None else show
    elif show is not None:
        state, words = "film", "in the film"
    elif held:
        state, words, show = "out", "not in the film", held[0]
    elif span.first <= day < today:
        state, words = "missing", "no photo"
    else:
        state, words = "empty", "no photo yet" if day == today else ""
    return Cell(day, state, show, words)


def _day(site: Site, request: Request, diary: Diary) -> Response:
    try:
        day = date.fromisoformat(request.path_params["day"])
    except ValueError:
        raise HTTPException(404, "That is no day.") from None
    if day.year == date.max.year:  # no day comes after its last one
        raise HTTPException(404, "That is no day.")
    with diary.reading() as ledger:
        held = ledger_days.between(ledger, day, day).get(day, [])
        span = ledger_days.span(ledger)
        rows = [row for photo in held[:MOST_COMPARED] if photo.in_film or photo.other_take if (row := photos.find(ledger, photo.sha256)) is not None]
        told = {row.sha256: choice for row in rows if (choice := choices.of(ledger, row)) is not None}
    return site.page(
        request, "day.html", name=diary.name, day=day, undo=request.query_params.get("undo"),
        photos=[{"photo": photo, "words": _words(photo, told.get(photo.sha256)), "rival": photo.other_take and photo.sha256 in told} for photo in held],
        before=day - timedelta(1) if span is not None and day > span.first else None,
        after=day + timedelta(1) if span is not None and day < span.last else None,
    )  # fmt: skip


def _words(photo: DayPhoto, choice: Choice | None) -> tuple[str, str, str]:
    """How a photo stands, for people: a kind for its colour, a few words, and why it shows or another photo of the day does."""
    if choice is None or not (choice.others or choice.chosen):
        return *_standing(photo), ""
    why = "your choice" if choice.chosen and photo.in_film else ", ".join(choice.reasons)
    return *_standing(photo), f"shows: {why}" if why and photo.in_film else why


def _standing(photo: DayPhoto) -> tuple[str, str]:
    reason = REASONS.get(photo.reason or "", photo.reason or "")
    if photo.to_check:
        return "check", "to check" + (f": {reason}" if reason else "")
    if photo.in_film:
        return "good", "in the film"
    if photo.other_take:
        return "", "kept aside"
    if photo.stage in (Stage.RECEIVED, Stage.LOCATED):
        return "", "on its way into the film"
    return "out", {Stage.EXCLUDED: "left out", Stage.QUARANTINED: "could not be read"}.get(photo.stage, str(photo.stage)) + (f": {reason}" if reason else "")


def _unread(site: Site, request: Request, diary: Diary) -> Response:
    broken, undated = list[dict[str, Any]](), list[dict[str, Any]]()
    if diary.begun:
        with diary.reading() as ledger:
            for photo, names in photos.everything(ledger):
                if photo.stage in (Stage.QUARANTINED, Stage.UNDATED):
                    reason = REASONS.get(photo.reason or "", photo.reason or "")
                    entry = {"sha256": photo.sha256, "names": [shown_name(name) for name in names], "reason": reason, "sighting": photo.sighting_id}
                    (broken if photo.stage is Stage.QUARANTINED else undated).append(entry)
    return site.page(request, "unread.html", name=diary.name, broken=broken, undated=undated)
