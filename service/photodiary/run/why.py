"""`photos why`: a photo's life in about ten lines of plain words; reads the ledger only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, tzinfo

from photodiary.archive.store import Archive
from photodiary.diary.eyes import REASONS
from photodiary.diary.photo import Stage
from photodiary.diary.reel import ReelPlan
from photodiary.errors import BadUsage
from photodiary.ledger import choices, finding, lives, reels, takes, telling
from photodiary.ledger.choices import Choice
from photodiary.ledger.lives import Life
from photodiary.ledger.photos import PhotoRow
from photodiary.ledger.reels import CanvasRow, ReelRow
from photodiary.ledger.store import Ledger
from photodiary.ledger.takes import Moment
from photodiary.render.rendering import clock
from photodiary.run.films import rendering_of
from photodiary.settings import Settings

WAITING = {Stage.RECEIVED: "waits for its eyes to be found", Stage.LOCATED: "waits for its frame"}


def why(settings: Settings, name: str, text: str) -> str:
    """The life of the photo, or of all photos of the day, that `text` means.  Raises BadUsage, LedgerTrouble."""
    diary = settings.diary[name]
    ledger = Ledger(diary.archive, writable=False)
    try:
        day = _day(text)
        chosen = [finding.find(ledger, text)] if day is None else finding.of_day(ledger, day)
        if not chosen:
            raise BadUsage(f"there is no photo of {text}")
        plan = rendering_of(settings, name, ledger, Archive(diary.archive)).plan()
        canvases = {row.id: row for row in reels.all_canvases(ledger)}
        reel, zone = reels.newest_reel(ledger), settings.zone(name)
        return "\n\n".join(_life(lives.of(ledger, photo), standing(ledger, photo), plan, reel, canvases, zone) for photo in chosen)
    finally:
        ledger.close()


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None


@dataclass(frozen=True)
class Standing:
    """Among which others a photo is: of its moment, and of its day, week or month where one photo stands for that."""

    moment: Moment
    choice: Choice | None


def standing(ledger: Ledger, photo: PhotoRow) -> Standing:
    return Standing(takes.of(ledger, photo.sha256), choices.of(ledger, photo))


def _life(told: Life, among: Standing, plan: ReelPlan | None, reel: ReelRow | None, canvases: dict[int, CanvasRow], zone: tzinfo) -> str:
    photo = told.photo
    canvas = canvases.get(photo.canvas_id) if photo.canvas_id is not None else None
    return "\n".join(f"{key:9}{value}" for key, value in telling.life(told, among.moment, shown(photo, plan, reel, among), canvas, zone))


def shown(photo: PhotoRow, plan: ReelPlan | None, reel: ReelRow | None, among: Standing) -> str:
    """Whether a photo is in the film, where, and if not, why."""
    moment, choice = among.moment, among.choice
    reason = REASONS.get(photo.reason or "", photo.reason)
    check = f"; to check: {reason}" if photo.doubtful and reason else ""
    if photo.in_film and plan is not None and photo.frame in plan.frames:
        place = plan.frames.index(photo.frame)
        where = f"photo {place + 1:,} of {len(plan.frames):,}, {clock(plan.begins[place] / plan.timescale)} from the start"
        because = f"; {choice.in_words(photo.sha256)}" if choice is not None and (choice.others or choice.chosen) else ""
        if reel is not None and reel.fingerprint == plan.fingerprint:
            return f"shown in {reel.path} as {where}{because}{check}"
        return f"shown in the next film as {where}{because}{check}"
    instead = "" if moment.shown in (None, photo.sha256) else f"another take of the same moment shows, {moment.shown[:12]}"
    if photo.other_take:
        return f"kept aside: {instead or aside(photo, choice)}{check}"
    if photo.stage in WAITING:
        return f"not yet: {WAITING[photo.stage]}{check}"
    return f"not shown: {reason or photo.stage}{instead and '; ' + instead}"


def aside(photo: PhotoRow, choice: Choice | None) -> str:
    """Why a photo is kept aside that no other of its moment shows for."""
    return "you had the same picture left out" if choice is None or choice.shown == photo.sha256 else choice.in_words(photo.sha256)
