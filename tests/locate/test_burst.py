"""Nearly identical photos lie still in the film: the bar is 0.6 % of the distance between the eyes from frame to frame."""

from __future__ import annotations

import math

import numpy as np

from photodiary.darkroom import warp
from photodiary.darkroom.motion import motion
from photodiary.diary.canvas import Canvas, apply, similarity
from photodiary.diary.eyes import EyePair, Point
from photodiary.eyenet import registry
from photodiary.locate.config import LocateConfig
from photodiary.locate.locator import EyeLocator

CANVAS = Canvas(360, 450, Point(111.0, 194.0), Point(249.0, 194.0))
BURST = ((0.0, 1.6, 0.0), (2.5, 1.66, 0.2), (-3.0, 1.54, -0.2), (1.0, 1.58, 0.25))  # degrees, scale, stops


def test_a_burst_lies_still(astronaut) -> None:
    """Turned, scaled, in other light and with noise: the eyes truly move by less than half the bar, and the frames themselves say the same."""
    entry = registry.current()
    locator = EyeLocator(entry.path, LocateConfig(device="cpu", threads=1), sha256=entry.sha256)
    rng, places, frames = np.random.default_rng(6), list[EyePair](), list[bytes]()
    for degrees, scale, stops in BURST:
        view, truth = astronaut.turned(degrees, scale)
        noisy = np.clip(view.pixels * 2.0 ** (stops / 2.2) + rng.normal(0, 3, view.pixels.shape), 0, 255).astype(np.uint8)
        eyes = locator.locate(astronaut.view(noisy)).sighting.eyes
        assert eyes is not None
        matrix = similarity(eyes, CANVAS)
        places.append(EyePair(*(apply(matrix, eye) for eye in truth)))
        frames.append(warp.encode(warp.frame(noisy, np.array(matrix), (CANVAS.width, CANVAS.height))))
    true = [[math.dist(a, b) / CANVAS.iod * 100 for a, b in zip(one, two, strict=True)] for one, two in zip(places, places[1:], strict=False)]
    measured = [motion(one, two, CANVAS.left, CANVAS.right).jitter for one, two in zip(frames, frames[1:], strict=False)]
    assert np.mean(true) < 0.3 and np.max(true) < 0.6
    assert None not in measured and np.mean(measured) < 0.3
