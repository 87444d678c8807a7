"""Charts as inline SVG: text in, text out; what colours and strokes look like stands in report.css."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise

Place = tuple[float, float]
MOST_DOTS = 1500  # more only make the page heavy


@dataclass(frozen=True)
class Axis:
    """From `low` to `high` with `ticks`, linear or logarithmic; label: what is measured, with its unit."""

    low: float
    high: float
    ticks: tuple[float, ...]
    label: str
    log: bool = False
    unit: str = ""

    def share(self, value: float) -> float:
        """Where a value lies, 0 at the low end to 1 at the high end; beyond them, at them."""
        value = min(max(value, self.low), self.high)
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def linear(low: float, high: float, label: str, *, about: int = 5, unit: str = "") -> Axis:
    """A linear axis that holds low to high, its ends and ticks on round numbers."""
    if high <= low:
        low, high = low - 1, high + 1
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * nice for nice in (1, 2, 2.5, 5, 10) if power * nice >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return Axis(first * step, last * step, tuple(round(step * n, 10) for n in range(first, last + 1)), label, unit=unit)


def logarithmic(low: float, high: float, label: str, *, unit: str = "") -> Axis:
    """A logarithmic axis from a 1, 2 or 5 (finer where it is short) at or below `low` to one at or above `high`; both over 0."""
    mantissas = (1, 2, 5) if high > 4 * low else (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)
    marks = [mantissa * 10.0**power for power in range(-3, 5) for mantissa in mantissas]
    first = max(n for n, mark in enumerate(marks) if mark <= max(low, marks[0]) * 1.001)
    last = min(n for n, mark in enumerate(marks) if mark >= min(high, marks[-1]) * 0.999)
    first, last = (first, last) if last > first else (max(0, first - 1), min(len(marks) - 1, first + 1))
    return Axis(marks[first], marks[last], tuple(marks[first : last + 1]), label, log=True, unit=unit)


@dataclass
class Plot:
    """A picture with axes that things are drawn into, the later above the earlier.  In SVG units, which are CSS pixels at full width."""

    x: Axis
    y: Axis
    width: int
    height: int
    body: list[str] = field(default_factory=list)
    left, right, top, bottom = 46, 14, 14, 44

    def place(self, x: float, y: float) -> Place:
        across, up = self.width - self.left - self.right, self.height - self.top - self.bottom
        return round(self.left + across * self.x.share(x), 1), round(self.top + up * (1 - self.y.share(y)), 1)

    def line(self, points: Iterable[Place], css: str) -> None:
        """A line through values (x, y)."""
        path = " ".join(f"{px:g},{py:g}" for px, py in (self.place(*point) for point in points))
        self.body.append(f'<polyline class="{css}" points="{path}"/>')

    def dots(self, points: Sequence[Place], css: str, radius: float = 3.2) -> None:
        """Dots at values (x, y), thinned evenly when there are very many; one above the axis is a small triangle at its upper end."""
        for x, y in points[:: math.ceil(len(points) / MOST_DOTS) or 1]:
            px, py = self.place(x, y)
            if y > self.y.high:
                self.body.append(f'<path class="{css}" d="M{px - 4:g} {py + 7:g}h8l-4 -7z"/>')
            else:
                self.body.append(f'<circle class="{css}" cx="{px:g}" cy="{py:g}" r="{radius:g}"/>')

    def squares(self, points: Iterable[Place], css: str, half: float = 4) -> None:
        for px, py in (self.place(*point) for point in points):
            self.body.append(f'<rect class="{css}" x="{px - half:g}" y="{py - half:g}" width="{2 * half:g}" height="{2 * half:g}"/>')

    def diamonds(self, points: Iterable[Place], css: str, half: float = 5.5) -> None:
        for px, py in (self.place(*point) for point in points):
            self.body.append(f'<path class="{css}" d="M{px - half:g} {py:g}l{half:g} -{half:g}l{half:g} {half:g}l-{half:g} {half:g}z"/>')

    def badge(self, x: float, y: float, letter: str) -> None:
        """A letter in a circle."""
        px, py = self.place(x, y)
        self.body.append(f'<circle class="badge" cx="{px:g}" cy="{py:g}" r="7.5"/><text class="letter" x="{px:g}" y="{py + 3.8:g}">{escape(letter)}</text>')

    def words(self, x: float, y: float, text: str, css: str) -> None:
        """Words that begin at values (x, y), on its height."""
        px, py = self.place(x, y)
        self.body.append(f'<text class="{css}" x="{px:g}" y="{py + 4:g}">{escape(text)}</text>')

    def svg(self, title: str) -> str:
        """The finished picture; `title` says in a sentence what it shows, for those who cannot see it."""
        parts = [f'<svg class="chart" viewBox="0 0 {self.width} {self.height}" role="img" aria-label="{escape(title)}">']
        floor, ceiling = self.height - self.bottom, self.top
        for tick in self.y.ticks:
            _, py = self.place(self.x.low, tick)
            parts.append(f'<path class="grid" d="M{self.left} {py:g}H{self.width - self.right}"/>')
            parts.append(f'<text class="tick end" x="{self.left - 7}" y="{py + 4:g}">{tick:g}{self.y.unit}</text>')
        for tick in self.x.ticks:
            px, _ = self.place(tick, self.y.low)
            parts.append(f'<path class="grid" d="M{px:g} {ceiling}V{floor}"/>')
            parts.append(f'<text class="tick middle" x="{px:g}" y="{floor + 17}">{tick:g}{self.x.unit}</text>')
        parts.append(f'<path class="floor" d="M{self.left} {floor}H{self.width - self.right}"/>')
        parts.append(f'<text class="axis middle" x="{(self.left + self.width - self.right) / 2:g}" y="{self.height - 7}">{escape(self.x.label)}</text>')
        return "".join([*parts, *self.body, "</svg>"])


_ALONE = (
    "svg{background:#fff;--soft:#6a635a;--hair:#e5e0d8;--ours:#b4431f;--rival:#8b8378;--card:#fff}"
    "@media(prefers-color-scheme:dark){svg{background:#1f1c19;--soft:#a69d91;--hair:#37322c;--ours:#ff8a5c;--rival:#8f8678;--card:#1f1c19}}"
    "text{font:12px sans-serif;fill:var(--soft)}.end{text-anchor:end}.middle{text-anchor:middle}.grid{stroke:var(--hair);fill:none}"
    ".floor{stroke:var(--soft);fill:none}"
)


def alone(drawn: str, style: str) -> str:
    """A finished picture as a file of its own, on its own ground, light or dark as its reader likes it.

    style: CSS for what was drawn into it, with the colours --soft, --hair, --ours, --rival and --card.
    """
    return drawn.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1).replace(">", f"><style>{_ALONE}{style}</style>", 1) + "\n"


def steps(values: Sequence[float], most: int = 600) -> list[Place]:
    """The cumulative curve of values: (value, % of all at or below it), a step each, thinned evenly when there are more than `most`."""
    ordered = sorted(values)
    ranks = range(len(ordered)) if len(ordered) <= most else [round(n * (len(ordered) - 1) / (most - 1)) for n in range(most)]
    points, before = [(0.0, 0.0)], 0.0
    for rank in ranks:
        share = 100 * (rank + 1) / len(ordered)
        points += [(ordered[rank], before), (ordered[rank], share)]
        before = share
    return points


def bins(values: Sequence[float], most: int = 6, least: int = 5) -> list[list[int]]:
    """Indices of the values, sorted into at most `most` groups of equal size, `least` or more in each where there are so many."""
    order = sorted(range(len(values)), key=lambda n: values[n])
    count = max(1, min(most, len(order) // least))
    cuts = [round(len(order) * n / count) for n in range(count + 1)]
    return [order[start:end] for start, end in pairwise(cuts) if end > start]
