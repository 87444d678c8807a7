"""The model card's picture of what few labels do: fair draws, and exactly the numbers that were measured."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "deploy"))
few_labels = pytest.importorskip("few_labels")

DAYS = [f"2024-01-{1 + number // 2:02}" for number in range(50)]  # two photos a day


@pytest.mark.parametrize("draw", range(4))
def test_no_day_teaches_and_judges(draw: int) -> None:
    """Each draw uses every photo once, keeps ten aside at least, tears no day apart, and comes out the same the next time."""
    aside, teaching = few_labels.drawn(DAYS, draw)
    assert sorted([*aside, *teaching]) == list(range(50)) and len(aside) == few_labels.ASIDE
    assert not {DAYS[n] for n in aside} & {DAYS[n] for n in teaching}
    assert few_labels.drawn(DAYS, draw) == (aside, teaching) != few_labels.drawn(DAYS, draw + 1)


def test_picture_and_table_say_what_was_measured(tmp_path: Path) -> None:
    """From the file of measurements come median and p90 of each number of labels, in words, table and picture, and the shipped model's beside them."""
    measured = [
        few_labels.Measured(draw, labels, str(n), base * (n + 1) / 5) for draw in (0, 1) for labels, base in ((0, 1.0), (5, 0.8), (40, 0.6)) for n in range(9)
    ]
    few_labels.write(tmp_path / "m.csv", measured)
    read = few_labels.read(tmp_path / "m.csv")
    assert read == [few_labels.Measured(one.draw, one.labels, one.file, round(one.error, 4)) for one in measured]
    drawn = few_labels.diagram(read)
    root = ET.fromstring(drawn)
    assert "As shipped: 1.00 %, 1.66 %. 5 labels: median 0.80 %, p90 1.33 %; 40 labels: median 0.60 %, p90 1.00 %." in root.attrib["aria-label"]
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|nan|script", drawn)
    assert "| 40 | 0.60 % | 1.00 % | 1.08 % | 0.60 to 0.60 % |" in few_labels.table(read)
    assert "2 draws, 18 judgements" in few_labels.table(read)
