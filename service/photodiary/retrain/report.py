"""The page of `evaluate --report`: told judged photos, it says which pictures it wants and writes HTML; it reads and writes no file of a photo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from photodiary.diary.canvas import Canvas, Matrix, apply
from photodiary.diary.eyes import REASONS, EyePair, Point
from photodiary.retrain import figures
from photodiary.retrain.evaluate import NOT_FOUND, Judged
from photodiary.retrain.page import Picture, cross, document, percent, ring, swatch

WORST = 12  # photos that are shown
FACE, EYE = 480, 256  # pixels of a picture of the face, and of one eye
FACE_REACH, EYE_REACH = 3.6, 0.6  # IOD of the label that they show
EYES_APART = 63.0  # mm between the pupils of a grown-up, for an idea of what a per cent is


def worst(judged: Sequence[Judged]) -> list[int]:
    """Numbers of the photos with the largest errors, the worst first."""
    return sorted(range(len(judged)), key=lambda n: -judged[n].error)[:WORST]


def pictures(judged: Sequence[Judged]) -> list[Picture]:
    """The face and both eyes of each of the worst photos, file names free of what a photo is called."""
    wanted = []
    for rank, number in enumerate(worst(judged), start=1):
        one = judged[number]
        wanted.append(_picture(number, f"pictures/{rank:02}-face.jpg", FACE, *_around(one)))
        for side, eye in zip(("left", "right"), one.label, strict=True):
            wanted.append(_picture(number, f"pictures/{rank:02}-{side}.jpg", EYE, eye, EYE_REACH * one.label.iod))
    return wanted


def _around(one: Judged) -> tuple[Point, float]:
    """Middle and width, in pixels of the photo, of a square that holds the face and the predicted eyes, wherever they lie."""
    middle, reach = one.label.middle, FACE_REACH * one.label.iod
    x0, x1, y0, y1 = middle.x - reach / 2, middle.x + reach / 2, middle.y - 0.42 * reach, middle.y + 0.58 * reach
    room = max(one.label.iod, one.eyes.iod if one.eyes else 0.0)
    for eye in one.eyes or ():
        x0, x1, y0, y1 = min(x0, eye.x - room), max(x1, eye.x + room), min(y0, eye.y - room), max(y1, eye.y + room)
    return Point((x0 + x1) / 2, (y0 + y1) / 2), max(x1 - x0, y1 - y0)


def _picture(photo: int, path: str, side: int, middle: Point, reach: float) -> Picture:
    scale, half = side / reach, (side - 1) / 2
    matrix = (scale, 0.0, half - scale * middle.x), (0.0, scale, half - scale * middle.y)
    return Picture(photo, path, matrix, Canvas(side, side, Point(0.0, half), Point(side - 1.0, half)))


# -- the page ----------------------------------------------------------------------------------------------------------------------


def page(title: str, judged: Sequence[Judged], result: Mapping[str, Any]) -> str:
    """The whole page.  title: what the labels are called; result: the numbers of `evaluate --json`.  Names are escaped here, and only here."""
    count = len(judged)
    of = f"{count:,} labelled photo{'' if count == 1 else 's'} of {escape(title)}"
    found = [one for one in judged if one.eyes is not None]
    missing = "" if len(found) == count else f" {count - len(found):,} without a found face cannot be drawn here."
    body = f"""<header>
<h1>How well the eyes are found</h1>
<p class="under">{of} · model {escape(str(result["model"]))} · {escape(str(result["device"]))}</p>
</header>
<ul class="tiles">{"".join(f"<li><b>{number}</b>{words}</li>" for number, words in _tiles(count, result))}</ul>
{"".join(f"<p>{sentence}</p>" for sentence in _sentences(judged, result))}
<section>
<h2>How many photos are how far off</h2>
<p class="soft">The farther left and the steeper the line, the better.</p>
{figures.cumulative(judged, result)}
</section>
<section>
<h2>{"The photo" if count == 1 else f"The {min(count, WORST)} worst photos"}</h2>
<p class="soft">The whole face, and each eye enlarged around its label.</p>
{_LEGEND}
<div class="worst">{"".join(_card(rank, judged[number]) for rank, number in enumerate(worst(judged), start=1))}</div>
</section>
<section>
<h2>Does it know how far off it is?</h2>
{figures.reliability(found)}
</section>
<section>
<h2>What makes it harder</h2>
<p class="soft">A dot is a photo, the higher the farther off, in %; the line joins the medians of equally many photos each.{missing}</p>
{figures.influences(found)}
</section>
<footer>
<p>An error is the larger of the two eyes’ distances from their labels, in per cent of the distance between the labelled eyes.
This page and the folder “pictures” beside it show faces: keep them where the photos may be.</p>
</footer>"""
    return document(f"How well the eyes are found: {title}", body, linked=False)


def _tiles(count: int, result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Number and words of each."""
    if count == 1:
        return [(_error(result["median"]), "off: the one photo there is")]
    return [
        (_error(result["median"]), "or less: half of the photos"),
        (_error(result["p90"]), "or less: nine photos in ten"),
        (_error(result["max"]), "the worst photo"),
        (f"{result['over_5']:,} of {count:,}", f"are more than {percent(5, 0)} off"),
    ]


def _error(value: float) -> str:
    return "no face" if value >= NOT_FOUND else percent(value)


def _sentences(judged: Sequence[Judged], result: Mapping[str, Any]) -> list[str]:
    count, found, over = len(judged), result["found"], result["over_5"]
    faces = "A face was found in " + ("every photo" if found == count else f"{found:,} of {count:,} photos") + "."
    if count == 1:
        faces = "A face was found." if found else "No face was found."
    if result["median"] < NOT_FOUND:
        mm = f"{EYES_APART * result['median'] / 100:.1f}"
        faces += f" On a face whose eyes are {EYES_APART:.0f} mm apart, {percent(result['median'])} is {mm}\N{NO-BREAK SPACE}mm."
    doubts = (
        f"It would ask a person about {_of(result['doubtful'], count)} of them"
        if count > 1
        else f"It would {'' if result['doubtful'] else 'not '}ask a person about it"
    )
    if over:
        doubts += f"; of the {over:,} that are more than {percent(5, 0)} off it asks about {_of(result['doubtful_over_5'], over)}"
    doubts += "."
    if result["auroc_5"] is not None:
        hits = f"{100 * result['auroc_5']:.0f}"
        doubts += f" Its expected error tells a photo over {percent(5, 0)} from one below in {hits} of 100 pairs (50 would be guessing)."
    sentences = [faces, doubts]
    if result["bias"] is not None:
        x, y = result["bias"]
        aside, height = "right" if x > 0 else "left", "low" if y > 0 else "high"
        sentences.append(
            f"On the whole it sees eyes {percent(abs(x))} too far {aside} in the picture and {percent(abs(y))} too {height}. "
            f"It takes {result['seconds_per_photo']:.2f} s a photo, decoding left out."
        )
    return sentences


def _of(some: int, count: int) -> str:
    return "none" if not some else "all" if some == count > 1 else f"{some:,}"


# -- the worst photos ----------------------------------------------------------------------------------------------------------------


_LEGEND = (
    '<ul class="key">'
    + swatch(ring(9, 9, 5.5), "label")
    + swatch(cross(9, 9, 4.5), "predicted")
    + swatch('<circle cx="9" cy="9" r="9" fill="#777"/><circle class="five" cx="9" cy="9" r="7"/>', f"{percent(5, 0)} around the label")
    + "</ul>"
)


def _look(path: str, side: int, css: str, words: str, matrix: Matrix, marks: tuple[Sequence[Point], Sequence[Point]], five: float) -> str:
    """A picture with label and predicted eyes drawn over it; `five` is the radius of a further circle around the label, 0 for none."""
    truth, seen = ([apply(matrix, eye) for eye in eyes] for eyes in marks)
    size, reach = (10.0, 7.0) if css == "face" else (7.0, 5.5)
    # Pixel centres lie at integers for us, and half a pixel farther in SVG.
    drawn = [f'<circle class="five" cx="{x + 0.5:.2f}" cy="{y + 0.5:.2f}" r="{five:.1f}"/>' for x, y in truth if five]
    drawn += [ring(round(x + 0.5, 2), round(y + 0.5, 2), size) for x, y in truth] + [cross(round(x + 0.5, 2), round(y + 0.5, 2), reach) for x, y in seen]
    return (
        f'<svg class="{css}" viewBox="0 0 {side} {side}" role="img" aria-label="{escape(words)}">'
        f'<image href="{path}" width="{side}" height="{side}"/>{"".join(drawn)}</svg>'
    )


def _card(rank: int, one: Judged) -> str:
    """One of the worst photos: its face, both eyes, and what was said about it."""
    face, *eyes = pictures([one])
    seen: EyePair | tuple[()] = one.eyes or ()
    looks = [_look(f"pictures/{rank:02}-face.jpg", FACE, "face", f"face in {one.name}", face.matrix, (one.label, seen), 0.0)]
    for number, (side, wanted) in enumerate(zip(("left", "right"), eyes, strict=True)):
        marks = one.label[number : number + 1], seen[number : number + 1]
        looks.append(_look(f"pictures/{rank:02}-{side}.jpg", EYE, "eye", f"{side} eye in {one.name}, enlarged", wanted.matrix, marks, 0.05 * EYE / EYE_REACH))
    said = "<b>no face found</b>" if one.eyes is None else f"<b>{percent(one.error)}</b> off"
    if one.expected_error is not None:
        said += f", {percent(one.expected_error)} expected"
    if one.doubtful or (one.reason and one.eyes is not None):
        words = REASONS[one.reason or "unsure"]
        said += f'</p><p class="soft">{escape(words[0].upper() + words[1:])}.'
    elif one.eyes is not None:
        said += ", not doubted"
    return f'<article><div class="looks">{"".join(looks)}</div><div class="told"><h3>{escape(one.name)}</h3><p>{said}</p></div></article>'
