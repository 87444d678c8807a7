"""From photos to the plan of a film; pure but for the languages of stamps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import pairwise

from photodiary.diary import reel
from photodiary.diary.canvas import Canvas
from photodiary.diary.pace import AUTO, TICKS, Pace, pace_of
from photodiary.diary.reel import Cell, Chapter, Coding, ReelPlan, chain, shares
from photodiary.diary.reel_style import ReelStyle
from photodiary.diary.shape import film_size
from photodiary.diary.tone import grades
from photodiary.ledger.reels import FilmPhoto

SMOOTH_FPS = 24
"""Pictures a second, at least, of a film in which something moves between two photos."""


@dataclass(frozen=True)
class Given:
    """What a plan depends on beside the photos.  before: the pace of the film that is there, photos a second; born: whose age is stamped."""

    canvas: Canvas
    style: ReelStyle
    before: Fraction | None = None
    born: date | None = None


def plan_of(photos: Sequence[FilmPhoto], given: Given) -> ReelPlan:
    """The plan of a film of these photos, in this order, at least one."""
    style = given.style
    pace = _pace(photos, given)
    fps = _fps(style, pace)
    codings = _coding(given, pace, fps)
    counts, timescale, ticks = _clock(pace, style, fps, codings.codec)
    toned = grades([photo.tone for photo in photos]) if style.even_out else [()] * len(photos)
    stamps = _stamps(photos, given)
    titled = _titled(pace) if style.title else 0
    cells = [
        Cell(photo.frame, grade, stamp, style.title if place < titled else "", _outline(photo, style), coded)
        for place, (photo, grade, stamp, (coded, _)) in enumerate(zip(photos, toned, stamps, counts, strict=True))
    ]
    segments = chain(cells, [photo.sha256 for photo in photos], codings)
    shown = tuple(count for _, count in counts)
    return ReelPlan(segments, timescale, ticks, shown, pace.per_second, style.title, _chapters(photos, given))


def _pace(photos: Sequence[FilmPhoto], given: Given) -> Pace:
    return pace_of(given.style.speed, [photo.wall for photo in photos], given.before)


def _fps(style: ReelStyle, pace: Pace) -> Fraction | None:
    """Pictures a second of a steady film; None for one picture a photo."""
    if style.fps:
        return Fraction(style.fps)
    if style.crossfade == 0:
        return None
    if pace.per_second is None or pace.per_second not in AUTO:
        return Fraction(reel.QUICK if (pace.per_second or 0) > reel.CALM else reel.CALM)
    return pace.per_second * -(-SMOOTH_FPS // pace.per_second)


def _coding(given: Given, pace: Pace, fps: Fraction | None) -> Coding:
    canvas, style = given.canvas, given.style
    eyes = (*canvas.left, *canvas.right) if style.shape else ()
    width, height = film_size(canvas.width, canvas.height, style.shape, style.size, eyes)
    quick = max(fps or 0, pace.per_second or 0) > reel.CALM
    stamped = bool(style.stamp)
    return Coding(
        width, height, canvas.width, canvas.height, style.codec, style.crf, style.preset, reel.QUICK if quick else reel.CALM,
        steady=fps is not None, crossfade=style.crossfade, border=style.border,
        stamp_position=style.stamp_position if stamped else "", stamp_size=style.stamp_size if stamped or style.title else 0.0, eyes=eyes,
    )  # fmt: skip


def _clock(pace: Pace, style: ReelStyle, fps: Fraction | None, codec: str) -> tuple[list[tuple[int, int]], int, tuple[int, ...]]:
    """For each photo how many pictures are encoded and shown of it; units of the clock in a second; how many of them a picture of each is shown."""
    seconds = {ticks: Fraction(ticks, pace.timescale) for ticks in set(pace.ticks)}  # of a photo, mostly of thousands the same
    spans = [seconds[ticks] for ticks in pace.ticks]
    spans[0] += Fraction(str(style.hold_first))
    spans[-1] += Fraction(str(style.hold_last))
    if fps is None:
        shown = list(pace.ticks)
        shown[0], shown[-1] = (round(span * pace.timescale) for span in (spans[0], spans[-1]))
        return [(1, 1)] * len(spans), pace.timescale, tuple(shown)
    counts = list(shares([max(Fraction(1), span * fps) for span in spans]))
    if codec != "h264":  # whose decoders miss a repetition that was left out
        counts = [(shown, shown) for _, shown in counts]
    return counts, fps.numerator * TICKS, (fps.denominator * TICKS,) * len(spans)


def _titled(pace: Pace) -> int:
    """Over how many photos the title is written: about three seconds."""
    return max(1, round(3 * pace.per_second)) if pace.per_second is not None else 12


def _outline(photo: FilmPhoto, style: ReelStyle) -> tuple[float, ...]:
    """The photo's corners on the canvas, where its frame has a border that is to look otherwise."""
    if style.border == "blur" or photo.matrix is None or photo.width is None or photo.height is None:
        return ()
    (a, b, c), (d, e, f) = photo.matrix
    right, bottom = photo.width - 0.5, photo.height - 0.5
    corners = ((-0.5, -0.5), (right, -0.5), (right, bottom), (-0.5, bottom))
    return tuple(round(value, 1) for x, y in corners for value in (a * x + b * y + c, d * x + e * y + f))


def _stamps(photos: Sequence[FilmPhoto], given: Given) -> list[str]:
    if not given.style.stamp:
        return [""] * len(photos)
    from photodiary.render.stamps import stamp_text

    return [stamp_text(given.style, photo.wall, given.born) for photo in photos]


def _chapters(photos: Sequence[FilmPhoto], given: Given) -> tuple[Chapter, ...]:
    if not given.style.chapters:
        return ()
    from photodiary.render.stamps import chapter_name

    names = [chapter_name(given.style, photo.wall) for photo in photos]
    first = Chapter(0, names[0])
    return (first, *(Chapter(place + 1, after) for place, (name, after) in enumerate(pairwise(names)) if after != name))
