"""The shipped model on a public portrait: right, honest, the same every time."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from structlog.testing import capture_logs

from photodiary.diary.eyes import DoubtConfig, EyePair, Point, Sighting, triage
from photodiary.diary.photo import Stage
from photodiary.errors import Unreadable
from photodiary.eyenet import registry
from photodiary.eyenet.framing import mirrored
from photodiary.eyenet.likeness import Gallery
from photodiary.locate.config import LocateConfig
from photodiary.locate.locator import STRANGER, EyeLocator

GOOD = 4.0  # % of IOD


@pytest.fixture(scope="module")
def locator() -> EyeLocator:
    entry = registry.current()
    return EyeLocator(entry.path, LocateConfig(device="cpu", threads=1), sha256=entry.sha256)


def error(sighting: Sighting, truth) -> float:
    assert sighting.eyes is not None
    return 100 * sighting.eyes.distance(truth) / truth.iod


@pytest.mark.parametrize(("degrees", "scale"), [(0, 1), (25, 1), (-25, 1), (0, 0.4), (0, 2.5), (10, 0.6)])
def test_eyes_are_found(locator: EyeLocator, astronaut, degrees: float, scale: float) -> None:
    """Upright, tilted, small and large: both pupils within 4 % of their distance, sure of it, in the photo's own pixels."""
    view, truth = astronaut.turned(degrees, scale)
    sighting = locator.locate(view).sighting
    assert error(sighting, truth) < GOOD
    assert sighting.by == locator.name
    assert sighting.expected_error is not None and math.isfinite(sighting.expected_error) and sighting.expected_error > 0
    assert sighting.expected_error > 0.3 * error(sighting, truth), "honest"
    decision = triage(sighting, DoubtConfig())
    assert (decision.stage, decision.doubtful) == (Stage.LOCATED, False)


@pytest.mark.parametrize("quarters", [1, 2, 3])
@pytest.mark.parametrize("scale", [1, 0.6])
def test_a_photo_that_lies_has_its_eyes_where_they_are(locator: EyeLocator, astronaut, quarters: int, scale: float) -> None:
    """A photo on its side or its head: its eyes in its own pixels, left the one that is left on an upright head."""
    view, truth = astronaut.turned(0, scale)
    lying = astronaut.view(np.ascontiguousarray(np.rot90(view.pixels, -quarters)))
    located = locator.locate(lying).sighting
    upright = locator.locate(view).sighting.eyes
    assert located.eyes is not None and upright is not None
    assert error(located, turned(truth, quarters, view.size)) < GOOD
    assert 100 * located.eyes.distance(turned(upright, quarters, view.size)) / truth.iod < 1.5


def turned(eyes: EyePair, quarters: int, size: tuple[int, int]) -> EyePair:
    """Where eyes in a photo of `size` (w, h) are after it was turned clockwise."""
    width, height = size
    for _ in range(quarters):
        eyes = EyePair(*(Point(height - 1 - p.y, p.x) for p in eyes))
        width, height = height, width
    return eyes


def test_a_small_face_in_a_large_photo_is_found(locator: EyeLocator, astronaut) -> None:
    """A face a fiftieth of the photo wide, lost in the first look, is found in the larger one."""
    large = np.full((3000, 2400, 3), 120, np.uint8)
    portrait, truth = astronaut.turned(0, 1.0)
    large[1800:2312, 900:1412] = portrait.pixels
    moved = EyePair(*(Point(p.x + 900, p.y + 1800) for p in truth))
    assert moved.iod * 256 / 3000 < 4
    assert error(locator.locate(astronaut.view(large)).sighting, moved) < GOOD


def test_photos_together_get_the_answers_they_get_alone(locator: EyeLocator, astronaut) -> None:
    """To the last digit, faces, no faces and turned ones in one company; a photo that cannot be read gets its error and spoils nobody's."""

    class Broken:
        size = (100, 100)

        def thumbnail(self, side: int) -> np.ndarray:
            raise Unreadable("damaged", "it is damaged")

        def crops(self, matrices: object, size: object) -> np.ndarray:
            raise AssertionError("never asked")

    views = [
        astronaut.turned(0)[0], Broken(), astronaut.view(np.full((512, 512, 3), 90, np.uint8)), astronaut.turned(20, 1.0)[0],
        astronaut.view(np.ascontiguousarray(np.rot90(astronaut.pixels))),
    ]  # fmt: skip
    together = locator.locate_all(views, [None] * 5)
    assert isinstance(together[1], Unreadable)
    if locator.together == 1:  # float32 on this processor: sums depend on a batch's size, so the daemon asks for one at a time
        for one, view in zip(together, views, strict=True):
            assert isinstance(one, Unreadable) or one.sighting.eyes is None or one.sighting.eyes.distance(locator.locate(view).sighting.eyes) < 0.05
        return
    assert [one for n, one in enumerate(together) if n != 1] == [locator.locate(view) for n, view in enumerate(views) if n != 1]


@pytest.mark.parametrize("precision", ["float32", "half"])
def test_precision_is_a_matter_of_speed(locator: EyeLocator, astronaut, precision: str) -> None:
    """Computed in half or in full precision, the eyes are the same to half a hundredth of their distance."""
    other = EyeLocator(registry.SHIPPED, LocateConfig(device="cpu", threads=1, precision=precision))
    for how in ((0, 1), (25, 1), (0, 0.4)):
        view, truth = astronaut.turned(*how)
        one, two = locator.locate(view).sighting, other.locate(view).sighting
        assert one.eyes is not None and two.eyes is not None
        assert 100 * one.eyes.distance(two.eyes) / truth.iod < 0.6


def test_a_face_is_known_again(locator: EyeLocator, astronaut) -> None:
    """With a gallery of other pictures of the same person there are odds in favour; without one, a look to keep and no odds."""
    views = [astronaut.turned(3 * n - 15, 0.6 + 0.05 * n)[0] for n in range(12)]
    kept = [locator.locate(view) for view in views]
    assert all(one.log_odds is None for one in kept)
    looks = [one.embedding for one in kept if one.embedding is not None]
    assert len(looks) == 12
    gallery = Gallery.of(looks[1:])
    assert gallery is not None
    again = locator.locate(views[0], gallery)
    assert again.log_odds is not None and again.log_odds > STRANGER
    assert again.sighting == kept[0].sighting
    strange = Gallery(-gallery.vectors)  # somebody who is everything that this person is not
    other = locator.locate(views[0], strange)
    assert other.log_odds is not None and other.log_odds < STRANGER
    assert (other.sighting.reason, triage(other.sighting, DoubtConfig()).stage) == ("not_this_person", Stage.DOUBTFUL)


@pytest.mark.parametrize("degrees", [0, 12])
def test_a_mirrored_photo_has_mirrored_eyes(locator: EyeLocator, astronaut, degrees: float) -> None:
    """Left stays left in the picture, and mirroring moves the answer by less than a hundredth of the eyes' distance."""
    view, truth = astronaut.turned(degrees)
    sighting = locator.locate(astronaut.view(np.ascontiguousarray(view.pixels[:, ::-1]))).sighting
    assert sighting.eyes is not None
    back = mirrored(sighting.eyes, 512)
    assert 100 * back.distance(truth) / truth.iod < GOOD
    plain = locator.locate(view).sighting.eyes
    assert plain is not None
    assert 100 * back.distance(plain) / truth.iod < 0.9


def test_the_same_photo_gets_the_same_answer(locator: EyeLocator, astronaut) -> None:
    """Bit for bit, in any order of photos, and from a model loaded again."""
    views = [astronaut.turned(*how)[0] for how in ((0, 1), (25, 1), (0, 0.5))] + [astronaut.turned(-25, 1.3)[0]]
    first = [locator.locate(view) for view in views]
    assert [locator.locate(view) for view in reversed(views)][::-1] == first
    entry = registry.current()
    again = EyeLocator(entry.path, LocateConfig(device="cpu", threads=1), sha256=entry.sha256)
    assert again.locate(views[0]) == first[0]


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (200, 30, 60)])
def test_a_plain_picture_holds_no_face(locator: EyeLocator, astronaut, colour) -> None:
    """One colour: no face, said as such."""
    sighting = locator.locate(astronaut.view(np.full((480, 640, 3), colour, np.uint8))).sighting
    assert (sighting.eyes, sighting.expected_error, sighting.reason, sighting.faces) == (None, None, "no_face", 0)


def test_texture_is_no_face(locator: EyeLocator, astronaut) -> None:
    """Noise, gravel, brick and grass hold no face, or one that a person is asked about."""
    from skimage import data

    rng = np.random.default_rng(4)
    noise = rng.integers(0, 256, (400, 400, 3), dtype=np.uint8)
    for picture in (noise, *(np.repeat(texture[..., None], 3, 2) for texture in (data.gravel(), data.brick(), data.grass()))):
        decision = triage(locator.locate(astronaut.view(np.ascontiguousarray(picture))).sighting, DoubtConfig())
        assert decision.stage is not Stage.LOCATED or decision.doubtful


def test_two_people_leave_a_doubt(locator: EyeLocator, astronaut) -> None:
    """With two equal faces side by side it says that there are several, and a person is asked."""
    face = astronaut.pixels[:280, 80:360]
    sighting = locator.locate(astronaut.view(np.ascontiguousarray(np.concatenate([face, face[:, ::-1]], axis=1)))).sighting
    assert sighting.faces == 2
    assert sighting.reason == "several_faces"
    assert triage(sighting, DoubtConfig()).doubtful


def test_covered_eyes_leave_a_doubt(locator: EyeLocator, astronaut) -> None:
    """A bar across the eyes is no face, or one that a person is asked about."""
    covered = astronaut.pixels.copy()
    covered[84:118, 175:275] = 30
    decision = triage(locator.locate(astronaut.view(covered)).sighting, DoubtConfig())
    assert decision.stage is not Stage.LOCATED or decision.doubtful


@pytest.mark.parametrize("size", [(16, 16), (17, 900), (2000, 30)])
def test_odd_shapes_are_answered(locator: EyeLocator, astronaut, size: tuple[int, int]) -> None:
    """Specks and strips get an answer like any photo."""
    picture = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    sighting = locator.locate(astronaut.view(picture)).sighting
    assert sighting.eyes is None or math.isfinite(sighting.expected_error or math.inf)


def test_a_locator_says_who_it_is(locator: EyeLocator) -> None:
    """Name and checksum are those of the model in force, the device the one that was asked for."""
    entry = registry.current()
    assert (locator.name, locator.sha256, locator.device) == (entry.name, entry.sha256, "cpu")
    with pytest.raises(ValueError, match="auto, cpu or cuda"):
        replace(LocateConfig(), device="gpu")


def test_a_gpu_that_cannot_gives_way_to_the_cpu() -> None:
    """Asked for a card that is not there, the locator says so calmly and works on the CPU."""
    if torch.cuda.is_available():
        assert EyeLocator(registry.SHIPPED, LocateConfig(device="cuda", threads=1)).device == "cuda"
        return
    with capture_logs() as told:
        locator = EyeLocator(registry.SHIPPED, LocateConfig(device="cuda", threads=1))
    assert locator.device == "cpu"
    assert [entry["code"] for entry in told] == ["locator.cpu"]
