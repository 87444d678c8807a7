"""What deploy/guide/ says of metrics and log events, read from its tables."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

GUIDE = Path(__file__).parents[2] / "deploy/guide"


def rows(page: str, columns: int) -> list[list[str]]:
    """The rows of all tables of a page that have so many columns and begin with a name in code."""
    lines = (GUIDE / page).read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip().strip("|").split(" | ")] for line in lines if line.startswith("| `")]
    assert all(len(row) == columns for row in cells), [row for row in cells if len(row) != columns]
    return cells


def coded(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def documented_metrics() -> dict[str, tuple[str, set[str]]]:
    """Type and labels by name.  No family is told twice."""
    told = rows("metrics.md", 4)
    named = {coded(name)[0]: (kind, set(coded(labels))) for name, kind, labels, _ in told}
    assert len(named) == len(told)
    return named


@dataclass(frozen=True)
class Event:
    levels: frozenset[str]
    fields: frozenset[str]
    words: str
    advice: str


def documented_events() -> dict[str, Event]:
    """Log events by code.  None is told twice."""
    told = rows("events.md", 5)
    named = {coded(code)[0]: Event(frozenset(coded(levels)), frozenset(coded(fields)), words, advice) for code, levels, words, fields, advice in told}
    assert len(named) == len(told)
    return named
