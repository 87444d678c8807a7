"""What was measured, in words, as a table and as a plot."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[2] / "service")]

from photodiary.retrain import charts  # noqa: E402

WIDTH = 760
STYLE = (
    ".ours{fill:none;stroke:var(--ours);stroke-width:2}.theirs{fill:none;stroke:var(--rival);stroke-width:2}.mine{fill:var(--ours)}.other{fill:var(--rival)}"
    ".limit{stroke:var(--soft);stroke-dasharray:4 3;fill:none}.title{font-size:14px}"
)


@dataclass(frozen=True)
class Number:
    """at_most, at_least: the budget, where there is one."""

    part: str
    what: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None
    note: str = ""

    @property
    def kept(self) -> bool | None:
        """None without a budget."""
        if self.at_most is not None:
            return self.value <= self.at_most
        return None if self.at_least is None else self.value >= self.at_least

    @property
    def used(self) -> float | None:
        """Share of the budget that is used up: over 1 where it is missed."""
        if self.at_most is not None:
            return self.value / self.at_most
        return None if self.at_least is None else self.at_least / max(self.value, 1e-9)

    def cells(self) -> tuple[str, str, str, str, str]:
        budget = f"at most {self.at_most:g}" if self.at_most is not None else f"at least {self.at_least:g}" if self.at_least is not None else ""
        verdict = {True: "kept", False: "**missed**", None: ""}[self.kept]
        return self.what, f"{shown(self.value)} {self.unit}", budget, verdict, self.note


def shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


@dataclass
class Results:
    date: str
    machine: str
    numbers: list[Number] = field(default_factory=list)
    series: dict[str, Any] = field(default_factory=dict)

    def add(self, part: str, what: str, value: float, unit: str, *, at_most: float | None = None, at_least: float | None = None, note: str = "") -> None:
        self.numbers.append(Number(part, what, value, unit, at_most, at_least, note))
        told = self.numbers[-1].cells()
        print("  ".join(cell for cell in (f"{told[0]:58}", f"{told[1]:22}", f"{told[2]:14}", f"{told[3]:10}", told[4])).rstrip(), flush=True)

    def keep(self, name: str, values: Any) -> None:
        self.series[name] = values

    def kept_all(self) -> bool:
        return all(number.kept is not False for number in self.numbers)

    def verdict(self) -> str:
        with_budget = [number for number in self.numbers if number.kept is not None]
        missed = [number for number in with_budget if not number.kept]
        lines = [f"{len(with_budget) - len(missed)} of {len(with_budget)} budgets kept"]
        return "\n".join(lines + [f"  missed: {n.what}: {shown(n.value)} {n.unit}, {n.cells()[2]}" for n in missed])

    def write(self, folder: Path) -> None:
        rows = ["| what | measured | budget | | how |", "|---|---|---|---|---|", *(f"| {' | '.join(number.cells())} |" for number in self.numbers)]
        text = f"# Measured by `tests/benchmarks/budgets.py`\n\n{self.date}. {self.machine}.\n\n![{ALT}]({PLOT})\n\n"
        (folder / "numbers.md").write_text(text + "\n".join(rows) + "\n")
        (folder / PLOT).write_text(self.plot())

    def plot(self) -> str:
        drawn = [self._latency()] if "latency" in self.series else []
        budgets = [(n.what, 100 * n.used, f"{shown(n.value)} {n.unit}", n.kept is not False) for n in self.numbers if n.used is not None]
        drawn += [bars("how much of each budget is used; dashed: all of it, grey: missed", budgets, limit=100.0)] if budgets else []
        rivals = [(what, value, f"{shown(value)} ms", ours) for what, value, ours in self.series.get("rivals", [])]
        drawn += [bars("a photo of 8 megapixels, the film included", rivals)] if rivals else []
        height, parts = 0, []
        for title, body, tall in drawn:
            parts.append(f'<text class="title" x="14" y="{height + 22}">{escape(title)}</text>')
            parts.append(body.replace("<svg ", f'<svg x="0" y="{height + 30}" width="{WIDTH}" height="{tall}" ', 1))
            height += tall + 44
        size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
        whole = f'<svg {size} role="img" aria-label="{ALT}, {escape(self.date)}">{"".join(parts)}</svg>'
        return charts.alone(whole, STYLE)

    def _latency(self) -> tuple[str, str, int]:
        """From the rename to the durable frame: share of the photos that are through."""
        values: dict[str, list[float]] = self.series["latency"]
        most = max(600.0, *(max(each) for each in values.values() if each))
        plot = charts.Plot(charts.linear(0, most, "milliseconds from the rename to the durable frame"), charts.linear(0, 100, "%", unit=" %"), WIDTH, 240)
        for limit in (250, 500):
            plot.line([(limit, 0), (limit, 100)], "limit")
        for name, css in (("rendering", "theirs"), ("quiet", "ours")):
            if values.get(name):
                plot.line(charts.steps(values[name]), css)
        return "photos whose frame is there: alone (coloured), while a film is made (grey); dashed: 250 and 500 ms", plot.svg("latency"), 240


LONGEST = 1.5  # times the budget; a bar that should be longer is cut
PLOT, ALT = "numbers.svg", "how long photos take, and how much of each budget is used"


def bars(title: str, rows: Sequence[tuple[str, float, str, bool]], limit: float | None = None) -> tuple[str, str, int]:
    """A bar a row: words, length, what stands at its end, whether it is drawn in our colour."""
    left, end, step = 340, WIDTH - 120, 24
    most = max(*(value for _, value, _, _ in rows), 1e-9) if limit is None else LONGEST * limit
    parts, height = [], len(rows) * step + 8
    for number, (what, value, text, good) in enumerate(rows):
        y, long = number * step + 6, max(1.0, (end - left) * min(1.0, value / most))
        parts.append(f'<text class="end" x="{left - 8}" y="{y + 12}">{escape(what.replace("`", ""))}</text>')
        parts.append(f'<rect class="{"mine" if good else "other"}" x="{left}" y="{y}" width="{long:.1f}" height="16" rx="2"/>')
        parts.append(f'<text class="end" x="{WIDTH - 14}" y="{y + 12}">{escape(text)}</text>')
    if limit is not None:
        x = left + (end - left) * limit / most
        parts.append(f'<path class="limit" d="M{x:.1f} 0V{height}"/>')
    return title, f'<svg viewBox="0 0 {WIDTH} {height}">{"".join(parts)}</svg>', height
