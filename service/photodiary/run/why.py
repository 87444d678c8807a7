"""`photos why`: a photo's life in about ten lines of plain words; reads the ledger only."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, tzinfo

from photodiary.archive.store import Archive
from photodiary.diary.eyes import REASONS
from photodiary.diary.photo import Stage, shown_name
from photodiary.diary.reel import ReelPlan
from photodiary.errors import BadUsage
from photodiary.ledger import finding, lives, reels, takes, verdicts
from photodiary.ledger.lives import Life
from photodiary.ledger.photos import PhotoRow
from photodiary.ledger.reels import CanvasRow, ReelRow
from photodiary.ledger.store import Ledger
from photodiary.ledger.takes import Moment
from photodiary.render.rendering import Rendering, clock
from photodiary.settings import Settings

SOURCES = {
    "exif": "as the camera wrote it",
    "digitized": "from the digitised date in it",
    "name": "from its file name",
    "mtime": "from the file's time when it arrived",
    "person": "set by you",
}
WAITING = {Stage.RECEIVED: "waits for its eyes to be found", Stage.LOCATED: "waits for its frame"}
DECIDED = {verdicts.EXCLUDED: "left out", verdicts.RESTORED: "put back", verdicts.REDATED: "dated"}


def why(settings: Settings, name: str, text: str) -> str:
    """The life of the photo, or of all photos of the day, that `text` means.  Raises BadUsage, LedgerTrouble."""
    diary = settings.diary[name]
    ledger = Ledger(diary.archive, writable=False)
    try:
        day = _day(text)
        chosen = [finding.find(ledger, text)] if day is None else finding.of_day(ledger, day)
        if not chosen:
            raise BadUsage(f"there is no photo of {text}")
        plan = Rendering(name, ledger, Archive(diary.archive), settings.film).plan()
        canvases = {row.id: row for row in reels.all_canvases(ledger)}
        reel, zone = reels.newest_reel(ledger), settings.zone(name)
        return "\n\n".join(_life(lives.of(ledger, photo), takes.of(ledger, photo.sha256), plan, reel, canvases, zone) for photo in chosen)
    finally:
        ledger.close()


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None


def _life(life: Life, moment: Moment, plan: ReelPlan | None, reel: ReelRow | None, canvases: dict[int, CanvasRow], zone: tzinfo) -> str:
    photo = life.photo
    size = "" if photo.width is None else f", {photo.width} x {photo.height} pixels"
    canvas = canvases.get(photo.canvas_id) if photo.canvas_id is not None else None
    lines = [
        ("photo", photo.sha256),
        ("names", ", ".join(shown_name(name) for name in life.names)),
        ("taken", _taken(photo)),
        ("arrived", f"{_moment(photo.received_at, zone)}; {photo.bytes / 1e6:.1f} MB{size}, kept as {photo.original or 'nothing: its file stays where it is'}"),
        *_eyes(life, canvas, zone),
        ("decided", "; ".join(_decision(decision, zone) for decision in life.decisions) or "nothing by you"),
        ("film", shown(photo, plan, reel, moment)),
        *([("takes", f"others of this moment: {', '.join(digest[:12] for digest in moment.others)}")] if moment.others else []),
        ("frame", photo.frame or "none"),
    ]
    return "\n".join(f"{key:9}{value}" for key, value in lines)


def _taken(photo: PhotoRow) -> str:
    if photo.taken is None:
        return "nobody knows when: neither the photo nor its name says so; `photodiary photos redate` sets it"
    offset = "" if photo.taken.offset is None else f" ({photo.taken.isoformat()[19:]} from UTC)"
    return f"{photo.taken.wall:%-d %B %Y %H:%M:%S}{offset}, {SOURCES.get(photo.taken.source, photo.taken.source)}"


def _eyes(life: Life, canvas: CanvasRow | None, zone: tzinfo) -> list[tuple[str, str]]:
    """Where the eyes are, who said so, how sure that is, whose else they could be."""
    sighting = life.photo.sighting
    if sighting is None:
        return [("eyes", "not looked for yet")]
    who = {"placed": "placed by you", "confirmed": "confirmed by you"}.get(sighting.by, f"found by the model {sighting.by}")
    when = "" if life.seen_at is None else f" on {_moment(life.seen_at, zone)}"
    again = f"; {life.said} statements in all" if life.said > 1 else ""
    faces = f"{sighting.faces} faces in the photo" if sighting.faces > 1 else "no other face"
    if sighting.eyes is None:
        return [("eyes", f"none {who}{when}{again}")]
    (lx, ly), (rx, ry) = sighting.eyes
    if sighting.expected_error is None:
        sure = "as you said"
    else:
        pixels = "" if canvas is None else f", about {sighting.expected_error / 100 * canvas.canvas.iod:.0f} px in the film"
        sure = f"{sighting.expected_error:.1f} % of the distance between the eyes{pixels}"
    if not life.compared:
        like = "not known"
    elif life.log_odds is None:
        like = "not compared: there were too few trusted frames then"
    else:
        like = f"{100 / (1 + math.exp(-max(-50.0, min(50.0, life.log_odds)))):.1f} % sure that it is you (log odds {life.log_odds:+.1f})"
    return [
        ("eyes", f"left {lx:.1f}, {ly:.1f}, right {rx:.1f}, {ry:.1f}; {who}{when}{again}"),
        ("off by", f"{sure} (expected)" if sighting.expected_error is not None else sure),
        ("others", faces),
        ("likeness", like),
    ]


def _decision(decision: verdicts.Verdict, zone: tzinfo) -> str:
    if decision.kind == verdicts.DELETED and decision.value is not None:
        gone = _moment(datetime.fromisoformat(decision.value).timestamp(), zone)
        return f"left out because it was deleted from the inbox on {gone} and stayed away; so decided on {_moment(decision.made_at, zone)}"
    if decision.kind == verdicts.RETURNED:
        why = "it is in the inbox again" if decision.value is None else "photos that were deleted from the inbox are kept now"
        return f"put back because {why}, on {_moment(decision.made_at, zone)}"
    to = "" if decision.value is None else f" {decision.value.replace('T', ' ')}"
    return f"{DECIDED.get(decision.kind, decision.kind)}{to} by you on {_moment(decision.made_at, zone)}"


def shown(photo: PhotoRow, plan: ReelPlan | None, reel: ReelRow | None, moment: Moment) -> str:
    """Whether a photo is in the film, where, and if not, why."""
    reason = REASONS.get(photo.reason or "", photo.reason)
    check = f"; to check: {reason}" if photo.doubtful and reason else ""
    if photo.in_film and plan is not None and photo.frame in plan.frames:
        place = plan.frames.index(photo.frame)
        where = f"photo {place + 1:,} of {len(plan.frames):,}, {clock(place / plan.style.photos_per_second)} from the start"
        if reel is not None and reel.fingerprint == plan.fingerprint:
            return f"shown in {reel.path} as {where}{check}"
        return f"shown in the next film as {where}{check}"
    instead = "" if moment.shown in (None, photo.sha256) else f"another take of the same moment shows, {moment.shown[:12]}"
    if photo.other_take:
        return f"kept aside: {instead or 'you had the same picture left out'}{check}"
    if photo.stage in WAITING:
        return f"not yet: {WAITING[photo.stage]}{check}"
    return f"not shown: {reason or photo.stage}{instead and '; ' + instead}"


def _moment(at: float, zone: tzinfo) -> str:
    return f"{datetime.fromtimestamp(at, UTC).astimezone(zone):%-d %B %Y %H:%M}"
