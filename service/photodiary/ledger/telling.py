"""A photo's life in plain words: when it was taken, who said where the eyes are, what was decided about it."""

from __future__ import annotations

import math
from datetime import UTC, datetime, tzinfo

from photodiary.diary.facing import Facing
from photodiary.diary.photo import shown_name
from photodiary.ledger import verdicts
from photodiary.ledger.lives import Life
from photodiary.ledger.photos import PhotoRow
from photodiary.ledger.reels import CanvasRow
from photodiary.ledger.takes import Moment
from photodiary.ledger.verdicts import Verdict

SOURCES = {
    "exif": "as the camera wrote it",
    "digitized": "from the digitised date in it",
    "takeout": "as Google Photos knew it (from the Takeout export)",
    "immich": "as Immich knew it",
    "name": "from its file name",
    "mtime": "from the file's time when it arrived",
    "person": "set by you",
}
DECIDED = {
    verdicts.EXCLUDED: "left out",
    verdicts.RESTORED: "put back",
    verdicts.REDATED: "dated",
    verdicts.NOT_ME: "called somebody else",
    verdicts.NO_FACE: "called a photo without a face",
    verdicts.PICKED: "chosen to show",
    verdicts.MOVED: "moved to",
}


def life(told: Life, moment: Moment, film: str, canvas: CanvasRow | None, zone: tzinfo) -> list[tuple[str, str]]:
    """About ten lines, each a word and what there is to say.  film: whether and where it shows, in words; canvas: of its frame."""
    photo = told.photo
    size = "" if photo.width is None else f", {photo.width} x {photo.height} pixels"
    return [
        ("photo", photo.sha256),
        ("names", ", ".join(shown_name(name) for name in told.names)),
        ("taken", _taken(photo)),
        ("arrived", f"{at(photo.received_at, zone)}; {photo.bytes / 1e6:.1f} MB{size}, kept as {photo.original or 'nothing: its file stays where it is'}"),
        *_eyes(told, canvas, zone),
        *([("round", photo.facing.in_words())] if photo.facing != Facing() else []),
        ("decided", "; ".join(_decided(told, zone)) or "nothing by you"),
        ("film", film),
        *([("takes", f"others of this moment: {', '.join(digest[:12] for digest in moment.others)}")] if moment.others else []),
        ("frame", photo.frame or "none"),
    ]


def at(when: float, zone: tzinfo) -> str:
    """A moment (seconds since the epoch) as people in the diary's time zone write it."""
    return f"{datetime.fromtimestamp(when, UTC).astimezone(zone):%-d %B %Y %H:%M}"


def _taken(photo: PhotoRow) -> str:
    if photo.taken is None:
        return "nobody knows when: neither the photo nor its name says so; `photodiary photos redate` sets it"
    offset = "" if photo.taken.offset is None else f" ({photo.taken.isoformat()[19:]} from UTC)"
    return f"{photo.taken.wall:%-d %B %Y %H:%M:%S}{offset}, {SOURCES.get(photo.taken.source, photo.taken.source)}"


def _eyes(told: Life, canvas: CanvasRow | None, zone: tzinfo) -> list[tuple[str, str]]:
    """Where the eyes are, who said so, how sure that is, whose else they could be."""
    sighting = told.photo.sighting
    if sighting is None:
        return [("eyes", "not looked for yet")]
    who = {"placed": "placed by you", "confirmed": "confirmed by you"}.get(sighting.by, f"placed by the model {sighting.by}")
    when = "" if told.seen_at is None else f" on {at(told.seen_at, zone)}"
    again = f"; {told.said} statements in all" if told.said > 1 else ""
    if told.since is not None and sighting.eyes is not None:
        by, eyes = told.since
        seen = "sees no face" if eyes is None else f"sees them {100 * sighting.eyes.distance(eyes) / sighting.eyes.iod:.1f} % of their distance away"
        again += f"; the model {by} {seen}, they stay"
    faces = f"{sighting.faces} faces in the photo" if sighting.faces > 1 else "no other face"
    if sighting.eyes is None:
        return [("eyes", f"none {who}{when}{again}")]
    (lx, ly), (rx, ry) = sighting.eyes
    if sighting.expected_error is None:
        sure = "as you said"
    else:
        pixels = "" if canvas is None else f", about {sighting.expected_error / 100 * canvas.canvas.iod:.0f} px in the film"
        sure = f"{sighting.expected_error:.1f} % of the distance between the eyes{pixels}"
    if not told.compared:
        like = "not known"
    elif told.log_odds is None:
        like = "not compared: there were too few trusted frames then"
    else:
        like = f"{100 / (1 + math.exp(-max(-50.0, min(50.0, told.log_odds)))):.1f} % sure that it is you (log odds {told.log_odds:+.1f})"
    return [
        ("eyes", f"left {lx:.1f}, {ly:.1f}, right {rx:.1f}, {ry:.1f}; {who}{when}{again}"),
        ("off by", f"{sure} (expected)" if sighting.expected_error is not None else sure),
        ("others", faces),
        ("likeness", like),
    ]


def _decided(told: Life, zone: tzinfo) -> list[str]:
    """Decisions and what was said about which way round it is, the oldest first."""
    words = [(decision.made_at, _decision(decision, zone)) for decision in told.decisions]
    words += [(said.made_at, f"said to be {said.facing.in_words()} by you on {at(said.made_at, zone)}") for said in told.faced]
    return [sentence for _, sentence in sorted(words, key=lambda entry: entry[0])]


def _decision(decision: Verdict, zone: tzinfo) -> str:
    made = at(decision.made_at, zone)
    if decision.kind == verdicts.DELETED and decision.value is not None:
        gone = at(datetime.fromisoformat(decision.value).timestamp(), zone)
        return f"left out because it was deleted from the inbox on {gone} and stayed away; so decided on {made}"
    if decision.kind == verdicts.RETURNED:
        why = "it is in the inbox again" if decision.value is None else "photos that were deleted from the inbox are kept now"
        return f"put back because {why}, on {made}"
    if decision.kind == verdicts.RETRACTED:
        what = "the eyes you had said" if (decision.value or "").startswith("sighting") else "a decision"
        return f"{what} taken back by you on {made}"
    to = "" if decision.value is None else f" {decision.value if decision.kind == verdicts.MOVED else decision.value.replace('T', ' ')}"
    return f"{DECIDED.get(decision.kind, decision.kind)}{to} by you on {made}{'' if decision.standing else ' (taken back)'}"
