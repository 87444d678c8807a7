"""The photos of a retraining's page: which of them it shows, the pictures that it wants of these, and the cards with your eyes and both models'."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from typing import Any

from photodiary.diary.canvas import Canvas, Matrix, apply, similarity
from photodiary.diary.eyes import EyePair, Point
from photodiary.retrain.figures import FAR
from photodiary.retrain.page import cross, percent, plus, ring, section, swatch

MOST_BETTER, MOST_WORSE = 6, 4  # photos that are shown
ALIKE = 0.05  # % of IOD: a photo whose error changed by less stayed as it was; a tenth of what a hand is good for
WIDE, HIGH, APART = 1120, 448, 640.0  # pixels of a strip with both eyes, and between its eyes at most
ROOM = 36  # pixels of a strip from its edge to the outermost eye
EYE = 256  # units of one eye enlarged
CLOSEST, FARTHEST = 0.24, 0.66  # IOD that it shows

Outcome = Mapping[str, Any]
Photo = Mapping[str, Any]


@dataclass(frozen=True)
class Strip:
    """The picture that the page wants of a photo: the part around both eyes, upright, `matrix` from the upright original to `canvas`."""

    diary: str
    sha256: str
    matrix: Matrix
    canvas: Canvas


def strips(outcome: Outcome) -> list[Strip]:
    """The pictures that the page shows, each photo once, whichever diaries it is in."""
    asked: dict[str, Strip] = {}
    for photo in (photo for some in chosen(outcome) for photo in some):
        asked.setdefault(photo["sha256"], _strip(photo))
    return list(asked.values())


def chosen(outcome: Outcome) -> tuple[list[Photo], list[Photo]]:
    """The photos that got better and those that got worse and are shown, the most changed first."""
    order = sorted(outcome["photos"], key=lambda photo: photo["after"] - photo["before"])
    better = [photo for photo in order if photo["before"] - photo["after"] >= ALIKE][:MOST_BETTER]
    worse = [photo for photo in reversed(order) if photo["after"] - photo["before"] >= ALIKE][:MOST_WORSE]
    return better, worse


def _pair(numbers: Sequence[float] | None) -> EyePair | None:
    if numbers is None:
        return None
    left_x, left_y, right_x, right_y = numbers
    return EyePair(Point(left_x, left_y), Point(right_x, right_y))


def _label(photo: Photo) -> EyePair:
    label = _pair(photo["eyes"])
    assert label is not None
    return label


def _strip(photo: Photo) -> Strip:
    """Your eyes level and in the middle; smaller where eyes seen far off would not be in it."""
    label, unit = _label(photo), Canvas(WIDE, HIGH, Point(0.0, 0.0), Point(1.0, 0.0))
    apart = APART
    for eye in [eye for key in ("eyes_before", "eyes_after") for eye in _pair(photo[key]) or ()]:
        x, y = apply(similarity(label, unit), eye)  # in IOD from the left eye
        apart = min(apart, (WIDE / 2 - ROOM) / max(abs(x - 0.5), 1e-9), (HIGH / 2 - ROOM) / max(abs(y), 1e-9))
    x, y = (WIDE - 1) / 2, (HIGH - 1) / 2
    canvas = Canvas(WIDE, HIGH, Point(x - apart / 2, y), Point(x + apart / 2, y))
    return Strip(photo["diary"], photo["sha256"], similarity(label, canvas), canvas)


def day_in_words(text: str | None) -> str:
    """Of YYYY-MM-DD, with spaces that do not break."""
    return "without a date" if text is None else f"{date.fromisoformat(text):%-d %B %Y}".replace(" ", "\N{NO-BREAK SPACE}")


def off(value: float) -> str:
    """An error in % of IOD, as a person reads it."""
    return "not found" if value >= FAR else percent(value)


_LEGEND = '<ul class="key">' + swatch(ring(9, 9, 6), "your eyes") + swatch(plus(9, 9, 6), "before") + swatch(cross(9, 9, 5), "after") + "</ul>"


def albums(outcome: Outcome, pictures: Mapping[str, bytes]) -> list[str]:
    """Those that got better and those that got worse, a section each, none where there are no such photos.  pictures: JPEG by SHA-256."""
    better, worse = chosen(outcome)
    several, asked, sections = len(outcome["diaries"]) > 1, {strip.sha256: strip for strip in strips(outcome)}, []
    carried: set[str] = set()
    worsened = sum(photo["after"] - photo["before"] >= ALIKE for photo in outcome["photos"])
    few = f"{len(worse)} of {worsened}, the most changed first. " if worsened > len(worse) else ""
    for title, soft, some in (
        ("Photos that got better", "Both eyes, and each enlarged.", better),
        ("Photos that got worse", f"{few}They count in the numbers above like all others.", worse),
    ):
        cards = ""
        for photo in some:
            digest = photo["sha256"]
            cards += _card(photo, asked[digest], None if digest in carried else pictures.get(digest), photo["diary"] if several else None)
            carried.add(digest)
        if cards:
            sections.append(section(title, soft, f'{_LEGEND}<div class="worst pairs">{cards}</div>'))
    return sections


def _card(photo: Photo, strip: Strip, picture: bytes | None, diary: str | None) -> str:
    """One photo: both eyes, each enlarged, and how far off they were and are.  A picture that stands on the page already is not carried twice."""
    day, name = day_in_words(photo["day"]), f"p{strip.sha256}"
    places = {key: [apply(strip.matrix, eye) for eye in pair] for key in ("eyes", "eyes_before", "eyes_after") if (pair := _pair(photo[key])) is not None}
    image = f'<image id="{name}" href="data:image/jpeg;base64,{b64encode(picture).decode()}" width="{WIDE}" height="{HIGH}"/>' if picture else ""
    image = image or f'<use href="#{name}"/>'
    marks = "".join(_mark(key, Point(x + 0.5, y + 0.5), 20) for key, pair in places.items() for x, y in pair)
    looks = f'<svg class="face bold" viewBox="0 0 {WIDE} {HIGH}" role="img" aria-label="both eyes, {day}">{image}{marks}</svg>'
    for side, words in enumerate(("left", "right")):
        looks += _enlarged(name, {key: pair[side] for key, pair in places.items()}, strip.canvas.iod, f"{words} eye, {day}, enlarged")
    whose = f"<bdi>{escape(diary)}</bdi>, " if diary is not None else ""
    said = f"{_told(photo['before'])} before, {_told(photo['after'])} after"
    return f'<article><div class="looks">{looks}</div><div class="told"><h3>{whose}{day}</h3><p>{said}</p></div></article>'


def _told(error: float) -> str:
    return "<b>not found</b>" if error >= FAR else f"<b>{percent(error)}</b> off"


def _enlarged(name: str, places: Mapping[str, Point], iod: float, words: str) -> str:
    """A square around your eye, as wide as it takes to show the other marks."""
    middle = places["eyes"]
    reach = iod * min(max(CLOSEST, *(2.6 * math.dist(middle, place) / iod for place in places.values())), FARTHEST)
    scale = EYE / reach
    x, y = (EYE / 2 - scale * (of + 0.5) for of in middle)  # pixel centres lie at integers for us, and half a pixel farther in SVG
    picture = f'<g transform="translate({x:.2f} {y:.2f}) scale({scale:.4f})"><use href="#{name}"/></g>'
    moved = {key: Point(EYE / 2 + scale * (x - middle.x), EYE / 2 + scale * (y - middle.y)) for key, (x, y) in places.items()}
    marks = "".join(_mark(key, place, 8) for key, place in moved.items())
    return f'<svg class="eye" viewBox="0 0 {EYE} {EYE}" role="img" aria-label="{words}">{picture}{marks}</svg>'


def _mark(key: str, place: Point, size: float) -> str:
    x, y = round(place.x, 2), round(place.y, 2)
    return ring(x, y, size) if key == "eyes" else plus(x, y, size) if key == "eyes_before" else cross(x, y, 0.75 * size)
