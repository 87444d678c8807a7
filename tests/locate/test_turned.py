"""A photo that a person said how to turn is looked at that way, and what is seen is said in pixels of the photo as it is."""

from __future__ import annotations

import numpy as np
import pytest

from photodiary.diary.canvas import similarity
from photodiary.diary.eyes import EyePair, Point, Sighting
from photodiary.diary.facing import Facing
from photodiary.eyenet import registry
from photodiary.eyenet.framing import FramingConfig, look_canvas
from photodiary.locate.config import LocateConfig
from photodiary.locate.locator import EyeLocator
from photodiary.locate.turned import TurnedView, as_told, back_from

QUARTERS = {90: 1, 180: 2, 270: 3}


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_what_is_looked_at_is_the_turned_photo(astronaut, turned: int) -> None:
    """Size, whole picture and crops are those of the photo turned clockwise; no worker has to know of it."""
    lying = astronaut.view(np.ascontiguousarray(astronaut.pixels[:400, :500]))
    view = TurnedView(lying, turned)
    upright = astronaut.view(np.ascontiguousarray(np.rot90(lying.pixels, -QUARTERS[turned])))
    assert view.size == upright.size
    assert np.abs(view.thumbnail(128).astype(int) - upright.thumbnail(128)).mean() < 0.5
    framing = FramingConfig()
    canvas = look_canvas(framing, framing.approach)
    matrices = [similarity(EyePair(Point(200.0, 110.0), Point(245.0, 100.0)), canvas)]
    seen, wanted = (v.crops(matrices, (128, 128))[0].astype(int) for v in (view, upright))
    assert np.abs(seen - wanted).mean() < 1.0


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_the_eyes_of_a_photo_that_lies_are_found_where_they_are(astronaut, turned: int) -> None:
    """Turned as a person said, the shipped model finds in a lying portrait the same eyes as in the upright one, left the one left on an upright head."""
    entry = registry.current()
    locator = EyeLocator(entry.path, LocateConfig(device="cpu", threads=1), sha256=entry.sha256)
    lying = astronaut.view(np.ascontiguousarray(np.rot90(astronaut.pixels, QUARTERS[turned])))
    seen = back_from(locator.locate(as_told(lying, Facing(turned=turned))).sighting, Facing(turned=turned), lying.size)
    upright = locator.locate(astronaut.view(astronaut.pixels)).sighting
    assert seen.eyes is not None and upright.eyes is not None
    back = {90: lambda p: Point(p.y, 511 - p.x), 180: lambda p: Point(511 - p.x, 511 - p.y), 270: lambda p: Point(511 - p.y, p.x)}[turned]
    assert seen.eyes.distance(EyePair(back(upright.eyes.left), back(upright.eyes.right))) < 0.02 * upright.eyes.iod
    assert (seen.faces, seen.reason) == (upright.faces, upright.reason)


def test_a_persons_word_about_which_way_is_up_goes_before_the_models() -> None:
    """Eyes that a model saw in a head upside down are put in the order of the photo as a person said it stands; nothing else changes."""
    upside_down = Sighting("net-1", EyePair(Point(60.0, 40.0), Point(30.0, 42.0)), 2.0, "unsure", 2)
    for turned, order in ((None, (60.0, 30.0)), (0, (30.0, 60.0))):
        said = back_from(upside_down, Facing(turned=turned), (96, 72))
        assert said.eyes is not None and (said.eyes.left.x, said.eyes.right.x) == order
        assert (said.by, said.expected_error, said.reason, said.faces) == ("net-1", 2.0, "unsure", 2)


def test_where_nobody_said_anything_the_photo_is_looked_at_as_it_is(astronaut) -> None:
    """No turn, no other view; no face, no eyes to turn back."""
    view = astronaut.view(astronaut.pixels)
    for facing in (Facing(), Facing(True), Facing(True, 0)):
        assert as_told(view, facing) is view
    nobody = Sighting("net-1", None, None, "no_face", 0)
    assert back_from(nobody, Facing(turned=90), (96, 72)) == nobody
