"""Letters: those of every European language are there, they fit where they are put, and figures stand still."""

from __future__ import annotations

import numpy as np
import pytest

from photodiary.darkroom.lettering import draw, fitted, missing, width


def test_letters_of_european_languages_and_vietnamese_are_there() -> None:
    """The font that comes with photodiary draws accents, Cyrillic and Greek; what it lacks is told, each sign once."""
    assert missing("août Größe žluťoučký kůň Şubat сентября 2024 г. Σεπτεμβρίου thứ bảy – “…” 0123456789") == ""
    assert missing("ab\U00012000c\U00012000") == "\U00012000"


def test_figures_are_all_of_one_width() -> None:
    """A date does not move while its figures change."""
    assert len({width(figure, 47) for figure in "0123456789"}) == 1


@pytest.mark.parametrize("text", ["Thirty days", "One photo a day " * 12, "W" * 200, "Donaudampfschifffahrtsgesellschaft ahoi", "   "])
def test_a_title_fits(text: str) -> None:
    """However long, with or without spaces, it takes three lines at most, none too wide, and loses no letter; a short one keeps its size."""
    lines, size = fitted(text, 92, 900, 3)
    assert len(lines) <= 3 and all(width(line, size) <= 900 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert size == 92 or len(text) > 30


def test_lines_of_a_title_are_about_as_wide() -> None:
    """No word is left alone in the last line."""
    lines, size = fitted("a day and a day and a day and a day and a day and a day", 92, 900, 3)
    widths = [width(line, size) for line in lines]
    assert len(lines) == 3 and min(widths) > 0.6 * max(widths)


@pytest.mark.parametrize("size", [13, 47, 94])
@pytest.mark.parametrize(("align", "share"), [("left", 0.0), ("centre", 0.5), ("right", 1.0)])
def test_letters_lie_beside_their_anchor(size: int, align: str, share: float) -> None:
    """The anchor is on the first line of letters, at the left, in the middle or at the right of them all; the shadow ends within the mask."""
    drawn = draw(["H", "HHHH"], size, align)
    columns, rows = np.flatnonzero(drawn.letters.max(0) > 128), np.flatnonzero(drawn.letters.max(1) > 128)
    wide = width("HHHH", size)
    assert abs(columns[0] - (drawn.x - share * wide)) <= 0.12 * size + 1
    assert abs(columns[-1] + 1 - (drawn.x + (1 - share) * wide)) <= 0.12 * size + 1
    first = np.flatnonzero(drawn.letters[: drawn.y + size // 4].max(1) > 128)
    assert abs(first[-1] + 1 - drawn.y) <= 1 and abs(len(first) - 0.711 * size) <= 1.5
    assert abs(rows[-1] + 1 - (drawn.y + round(1.25 * size))) <= 1
    edge = np.concatenate([drawn.shadow[0], drawn.shadow[-1], drawn.shadow[:, 0], drawn.shadow[:, -1]])
    assert edge.max() <= 2 and drawn.shadow.max() > 150
