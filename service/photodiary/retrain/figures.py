"""The report's figures: which charts tell what about judged photos.  Pure; how a chart is drawn stands in charts.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from photodiary.retrain.charts import Axis, Plot, bins, linear, logarithmic, steps
from photodiary.retrain.evaluate import NOT_FOUND, Judged
from photodiary.retrain.page import counted, percent, swatch

WIDEST_ERROR = 6.0  # % of IOD: where the cumulative curve ends
# Measured on 74 hand-labelled photos of one diary: median and 90 % point of the error in % of IOD.
ANCHORS = (
    ("Hand labels against themselves", "about 0.5", "about 1"),
    ("MediaPipe, its bias removed", "0.63", "1.25"),
    ("MediaPipe, 640 px", "1.08", "1.7"),
    ("Haar cascades", "2.2", "3.0"),
    ("dlib, 68 points", "3.1", "4.3"),
)
FAR = 100.0  # % of IOD from which on the eyes of a diary's photo count as not found
ENOUGH = 9  # photos from which thirds and lines say something


# -- how many photos are how far off -------------------------------------------------------------------------------------------------


def cumulative(judged: Sequence[Judged], result: Mapping[str, Any]) -> str:
    """The curve of all errors beside what other tools reach, and the table that says the same."""
    errors = [one.error for one in judged]
    beyond = sum(error > WIDEST_ERROR for error in errors)
    wide, narrow = _curve(errors, 640, 400), _curve(errors, 380, 330)
    label = "Share of photos with at most a given error; half lie within " + ("no bound" if result["median"] >= NOT_FOUND else percent(result["median"]))
    ours = ["no face" if result[key] >= NOT_FOUND else f"{result[key]:.2f}" for key in ("median", "p90")]
    what = "this photo" if len(judged) == 1 else "these photos"
    rows = [f'<tr class="ours"><td><span class="mark">✓</span>This model, {what}</td><td>{ours[0]}</td><td>{ours[1]}</td></tr>']
    for letter, (name, median, p90) in zip("ABCDE", ANCHORS, strict=True):
        rows.append(f'<tr><td><span class="mark">{letter}</span>{name}</td><td>{median}</td><td>{p90}</td></tr>')
    note = f" {counted(beyond)} of {len(errors):,} {'lies' if beyond == 1 else 'lie'} beyond {percent(WIDEST_ERROR, 0)}." if beyond else ""
    return (
        f'<div class="panel beside"><figure><h3>Photos within an error, % of all</h3><div class="wide">{wide.svg(label)}</div>'
        f'<div class="narrow">{narrow.svg(label)}</div></figure><figure><table><tr><th>Error in % of the distance between the eyes</th>'
        f"<th>half within</th><th>90 % within</th></tr>{''.join(rows)}</table>"
        f"<figcaption>A to E were measured on 74 photos of one diary, not on these photos: each dotted line joins the two numbers.{note}"
        "</figcaption></figure></div>"
    )


def _curve(errors: Sequence[float], width: int, height: int) -> Plot:
    x = Axis(0, WIDEST_ERROR, (0, 1, 2, 3, 4, 5, 6), "error, % of the distance between the eyes")
    plot = Plot(x, Axis(0, 100, (0, 25, 50, 75, 90, 100), "", unit="%"), width, height)
    anchors = [[(float(number.removeprefix("about ")), share) for number, share in ((median, 50.0), (p90, 90.0))] for _, median, p90 in ANCHORS]
    for ends in anchors:
        plot.line(ends, "rival")
        plot.dots(ends, "rival-dot", 3)
    curve = steps(errors)
    plot.line([*(point for point in curve if point[0] <= WIDEST_ERROR), (WIDEST_ERROR, 100 * sum(e <= WIDEST_ERROR for e in errors) / len(errors))], "curve")
    for letter, (_, end) in zip("ABCDE", anchors, strict=True):
        plot.badge(*end, letter)
    return plot


# -- does it know --------------------------------------------------------------------------------------------------------------------


def reliability(found: Sequence[Judged]) -> str:
    """Expected against measured errors, by groups of equal size."""
    known = [(one.expected_error, one.error) for one in found if one.expected_error is not None]
    if not known:
        return "<p>Nothing to draw: there is no photo with an expected error.</p>"
    expected, errors = np.array(known).T
    groups = [np.array(group) for group in bins(expected.tolist(), most=8, least=8)]
    x, y = (logarithmic(max(0.1, float(values.min())), float(values.max()), label) for values, label in ((expected, "expected error, %"), (errors, "")))
    plot = Plot(x, y, 390, 340)
    low, high = max(x.low, y.low), min(x.high, y.high)
    if low < high:
        plot.line([(low, low), (high, high)], "ideal")
    plot.dots([(float(e), float(m)) for e, m in zip(expected, errors, strict=True)], "faint", 2.4)
    rows = []
    for group in groups:
        at, off = float(expected[group].mean()), errors[group]
        median, mean, p90 = float(np.median(off)), float(off.mean()), float(np.percentile(off, 90))
        plot.line([(at, median), (at, p90)], "bins")
        plot.squares([(at, p90)], "p90")
        plot.diamonds([(at, mean)], "mean")
        plot.dots([(at, median)], "p50", 4.5)
        span = f"{expected[group].min():.2f} to {expected[group].max():.2f}"
        rows.append(f"<tr><td>{span}</td><td>{len(group):,}</td><td>{median:.2f}</td><td>{mean:.2f}</td><td>{p90:.2f}</td></tr>")
    said = f"On average it expects {percent(expected.mean())} and is {percent(errors.mean())} off."
    return (
        f"<p>{said} On the dashed line expected and measured are the same: below it the model is too careful, above it too sure.</p>"
        f'<div class="panel beside even"><figure><h3>Measured error, %</h3><ul class="key">{_KEY}</ul>{plot.svg(said)}</figure>'
        f"<figure><table><tr><th>Expected, %</th><th>photos</th><th>median</th><th>mean</th><th>p90</th></tr>{''.join(rows)}</table>"
        f"<figcaption>Measured errors in %, by groups of about equally many photos.</figcaption></figure></div>"
    )


_KEY = (
    swatch('<circle class="p50" cx="9" cy="9" r="4.5"/>', "median")
    + swatch('<path class="mean" d="M3 9l6 -6l6 6l-6 6z"/>', "mean")
    + swatch('<rect class="p90" x="5" y="5" width="8" height="8"/>', "90 % point")
    + swatch('<circle class="faint" cx="9" cy="9" r="2.8"/>', "a photo")
)


# -- what makes it harder ------------------------------------------------------------------------------------------------------------


def influences(found: Sequence[Judged]) -> str:
    """Error against face size, tilt and brightness."""
    if not found:
        return "<p>Nothing to draw: no face was found.</p>"
    lit = [one for one in found if one.brightness is not None]
    return (
        '<div class="three">'
        + _influence(found, "Size of the face", "distance between the eyes, % of the width", lambda one: one.face_size, ("smallest", "largest"))
        + _influence(found, "Tilt of the head", "degrees, clockwise", lambda one: one.tilt, ("least tilted", "most tilted"), of=abs)
        + _influence(lit, "Brightness of the face", "mean luma, 0 black to 255 white", lambda one: one.brightness or 0.0, ("darkest", "brightest"))
        + "</div>"
    )


def _influence(
    photos: Sequence[Judged], title: str, label: str, measure: Callable[[Judged], float], ends: tuple[str, str], of: Callable[[float], float] = float
) -> str:
    """One scatter plot with a median line, and in words the medians of the two outer thirds, ranked by `of` what is measured."""
    if not photos:
        return ""
    values, errors = [measure(one) for one in photos], np.array([one.error for one in photos])
    most, usual = float(errors.max()), float(np.percentile(errors, 97))
    top = max(2.0, most if most < 2 * usual else 1.15 * usual)  # a photo far beyond the others would press them to the floor
    plot = Plot(linear(min(values), max(values), label, about=4), linear(0, top, "", about=4), 340, 280)
    plot.dots(list(zip(values, errors.tolist(), strict=True)), "dot")
    said = f"{counted(len(photos))}."
    if len(photos) >= ENOUGH:
        groups = bins(values)
        plot.line([(float(np.median([values[n] for n in group])), float(np.median(errors[group]))) for group in groups], "median")
        order = sorted(range(len(photos)), key=lambda n: of(values[n]))
        third = len(order) // 3
        low, high = (percent(float(np.median(errors[part]))) for part in (order[:third], order[-third:]))
        said = f"Median of the {ends[0]} third {low}, of the {ends[1]} third {high}."
    if (beyond := sum(error > plot.y.high for error in errors)) > 0:
        said += f" \N{BLACK UP-POINTING TRIANGLE} {counted(beyond)} above the scale, up to {percent(most, 0)}."
    return f'<figure class="panel"><h3>{title}</h3>{plot.svg(f"Error in % against {label}")}<figcaption>{said}</figcaption></figure>'


# -- before and after learning ---------------------------------------------------------------------------------------------------------


def before_after(before: Sequence[float], after: Sequence[float], table: str) -> str:
    """The cumulative curves of the errors of the same photos, in %, before and after; `table` says the same in numbers."""
    errors = [error for error in (*before, *after) if error < FAR]
    top = linear(0, min(max(np.percentile(errors, 97) * 1.25, 1.0), 30.0) if errors else 1.0, _ERROR).high
    half = " and ".join("no bound" if (median := float(np.median(some))) >= FAR else percent(median) for some in (before, after))
    label = f"Share of photos with at most a given error, before and after; half lie within {half}"
    wide, narrow = (_both(before, after, linear(0, top, _ERROR, about=about), *size) for about, size in ((6, (640, 400)), (4, (380, 330))))
    beyond = [sum(error > top for error in some) for some in (before, after)]
    note = f"<figcaption>Beyond {percent(top, 0)} lie {counted(beyond[0])} before and {counted(beyond[1])} after.</figcaption>" if any(beyond) else ""
    return (
        f'<div class="panel beside"><figure><h3>Photos within an error, % of all</h3><ul class="key">{_TWO}</ul><div class="wide">{wide.svg(label)}</div>'
        f'<div class="narrow">{narrow.svg(label)}</div>{note}</figure><figure>{table}</figure></div>'
    )


_ERROR = "error, % of the distance between the eyes"
_TWO = swatch('<path class="older" d="M1 12H17"/>', "before") + swatch('<path class="curve" d="M1 9H17"/>', "after")


def _both(before: Sequence[float], after: Sequence[float], x: Axis, width: int, height: int) -> Plot:
    plot = Plot(x, Axis(0, 100, (0, 25, 50, 75, 90, 100), "", unit="%"), width, height)
    for errors, css in ((before, "older"), (after, "curve")):
        share = 100 * sum(error <= x.high for error in errors) / len(errors)
        plot.line([*(point for point in steps(errors) if point[0] <= x.high), (x.high, share)], css)
    return plot


def each_photo(before: Sequence[float], after: Sequence[float]) -> str:
    """A dot for each photo, its error before against the one after, in %."""
    pairs = [(b, a) for b, a in zip(before, after, strict=True) if b < FAR and a < FAR]
    if not pairs:
        return ""
    values = [max(0.05, value) for pair in pairs for value in pair]  # a logarithm needs more than nothing
    x, y = (logarithmic(min(values), max(values), label) for label in ("error before, %", ""))
    plot = Plot(x, y, 390, 340)
    plot.line([(x.low, x.low), (x.high, x.high)], "ideal")
    for css, closer in (("farther", False), ("closer", True)):
        plot.dots([(max(b, x.low), max(a, y.low)) for b, a in pairs if (a < b) == closer], css, 3.6)
    left_out = len(before) - len(pairs)
    missing = f" {counted(left_out)} whose eyes were not found cannot be drawn." if left_out else ""
    return (
        f'<figure class="panel"><h3>Each photo: error after, %</h3>{plot.svg("Error after against error before, a dot for each photo")}'
        f"<figcaption>Below the dashed line a photo got better.{missing}</figcaption></figure>"
    )


def lessons(curve: Sequence[Mapping[str, float]]) -> str:
    """How the error on photos kept aside, and the loss, went while it learnt; nothing where there are not two points of either."""
    panels = ""
    for key, title, css in (("median", "Median error on photos kept aside, %", "curve"), ("loss", "Loss in training", "second")):
        points = [(float(point["samples"]) / 1000, float(point[key])) for point in curve if point.get(key) is not None]
        if len(points) < 2:
            continue
        low, high = min(value for _, value in points), max(value for _, value in points)
        plot = Plot(linear(0, points[-1][0], "pictures looked at, thousands", about=4), linear(min(low, 0.8 * high), high, "", about=4), 390, 260)
        plot.line(points, css)
        said = f"From {points[0][1]:.3g} to {points[-1][1]:.3g}."
        panels += f'<figure class="panel"><h3>{title}</h3>{plot.svg(f"{title}: {said}")}<figcaption>{said}</figcaption></figure>'
    return panels
