"""The stage's own arithmetic, in a real browser: turned photos stand upright, and left stays left."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.browser import started

from photodiary.diary.facing import TURNS, turning
from photodiary.review.site import STATIC

pytestmark = pytest.mark.slow
STAGE = """<div class="stage" style="width: 400px; height: 300px; position: relative"><canvas class="stage-picture"></canvas><div class="stage-others"></div>
<button class="eye" data-eye="left"><span></span></button><button class="eye" data-eye="right"><span></span></button>
<div class="loupe" hidden><canvas></canvas></div></div>"""


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    """An empty page with the stage's scripts and nothing behind it."""
    with started() as browser:
        made = browser.new_page()
        made.set_content(f"<!doctype html><html><body>{STAGE}</body></html>")
        made.evaluate("() => { window.photodiary = {}; }")
        for script in ("geometry", "pictures", "fingers", "stage"):
            made.add_script_tag(path=Path(STATIC) / f"{script}.js")
        yield made


@pytest.mark.parametrize("turned", TURNS)
def test_a_turned_photo_is_shown_turned(page: Any, turned: int) -> None:
    """On the stage a photo stands as it was said to be turned; there and back a point stays where it is, whatever the zoom."""
    card = {
        "sha256": "0" * 64, "size": [1600, 1200], "eyes": [700, 500, 900, 510], "turn": turned, "view": {"x": 500, "y": 300, "side": 600}, "others": [],
        "model": None, "facing": {"mirrored": False, "turned": turned}, "canvas": None, "whole": "data:,", "close": "data:,?",
    }  # fmt: skip
    got = page.evaluate(
        """(card) => {
          const stage = new photodiary.Stage(document.querySelector(".stage"), { change() {} });
          stage.show(card);
          stage.zoom(1.7);
          const there = (x, y) => stage.toStage({ x, y });
          const back = stage.toPhoto(there(321.5, 654.25));
          return { back, origin: there(800, 600), right: there(900, 600), down: there(800, 700), scale: stage.scale };
        }""",
        card,
    )
    assert math.dist((got["back"]["x"], got["back"]["y"]), (321.5, 654.25)) < 1e-6
    (a, b, _), (c, d, _) = turning(turned, (1600, 1200))
    for there, step in ((got["right"], (a, c)), (got["down"], (b, d))):
        moved = (there["x"] - got["origin"]["x"]) / got["scale"] / 100, (there["y"] - got["origin"]["y"]) / got["scale"] / 100
        assert math.dist(moved, step) < 1e-6


def test_swapped_eyes_are_put_right(page: Any) -> None:
    """An eye that is dragged past the other one changes its name with it; a photo that hangs upside down keeps what was proposed."""
    card = {
        "sha256": "0" * 64, "size": [1600, 1200], "eyes": [700, 500, 900, 510], "turn": 0, "view": None, "others": [], "model": None,
        "facing": {"mirrored": False, "turned": None}, "canvas": None, "whole": "data:,", "close": "data:,?",
    }  # fmt: skip
    swap = """([card, moved]) => {
      const stage = new photodiary.Stage(document.querySelector(".stage"), { change() {} });
      stage.show(card);
      stage.eyes.left = moved;
      stage.untwist();
      return [stage.eyes.left.x, stage.eyes.right.x];
    }"""
    assert page.evaluate(swap, [card, {"x": 1100, "y": 505}]) == [900, 1100]
    assert page.evaluate(swap, [card, {"x": 720, "y": 505}]) == [720, 900]
    hanging = {**card, "eyes": [900, 510, 700, 500], "turn": 180}
    assert page.evaluate(swap, [hanging, {"x": 910, "y": 505}]) == [910, 700]
