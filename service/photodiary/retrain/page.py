"""What the pages for people share: their frame and style, the pictures that they ask for, the marks that are drawn over these, numbers in words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files

from photodiary.diary.canvas import Canvas, Matrix

STYLE = "report.css"


@dataclass(frozen=True)
class Picture:
    """A picture that a page shows: of which photo (its number in the list), where it goes, and the matrix and canvas that make it."""

    photo: int
    path: str
    matrix: Matrix
    canvas: Canvas


def document(title: str, body: str, *, linked: bool) -> str:
    """A whole page.  title: text; body: HTML; linked: with the style in a file beside it (a strict CSP allows that), else inside the page."""
    style = f'<link rel="stylesheet" href="{STYLE}">' if linked else f"<style>\n{stylesheet()}</style>"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<title>{escape(title)}</title>
{style}
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def section(title: str, soft: str, body: str) -> str:
    """A part of a page with its heading; soft: a quieter line below it, HTML, none when empty; body: HTML."""
    return f'<section>\n<h2>{title}</h2>\n{f"""<p class="soft">{soft}</p>""" if soft else ""}{body}\n</section>'


@cache
def stylesheet() -> str:
    return (files("photodiary.retrain") / STYLE).read_text(encoding="utf-8")


def percent(value: float, digits: int = 2) -> str:
    """With its sign, and a space that does not break."""
    return f"{value:.{digits}f}\N{NO-BREAK SPACE}%"


def counted(count: int) -> str:
    return "1 photo" if count == 1 else f"{count:,} photos"


# -- marks -------------------------------------------------------------------------------------------------------------------------


def ring(x: float, y: float, radius: float) -> str:
    """Where a person put an eye."""
    return "".join(f'<circle class="{css}" cx="{x:g}" cy="{y:g}" r="{radius:g}"/>' for css in ("halo", "label"))


def cross(x: float, y: float, reach: float) -> str:
    """Where a model sees an eye."""
    return _stroked(f"M{x - reach:g} {y - reach:g}l{2 * reach:g} {2 * reach:g}m0 -{2 * reach:g}l-{2 * reach:g} {2 * reach:g}", "cross")


def plus(x: float, y: float, reach: float) -> str:
    """Where an earlier model saw an eye."""
    return _stroked(f"M{x - reach:g} {y:g}h{2 * reach:g}M{x:g} {y - reach:g}v{2 * reach:g}", "plus")


def _stroked(path: str, css: str) -> str:
    return "".join(f'<path class="{name}" d="{path}"/>' for name in ("halo", css))


def swatch(mark: str, words: str) -> str:
    """An entry of a list of class `key`: a mark in 18 x 18 units, and what it stands for."""
    return f'<li><svg viewBox="0 0 18 18" aria-hidden="true">{mark}</svg>{words}</li>'
