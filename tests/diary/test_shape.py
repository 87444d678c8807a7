"""Films of any size and shape: possible ones, that show each face whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photodiary.diary.canvas import CHIN, FOREHEAD, build
from photodiary.diary.reel_style import SHAPES
from photodiary.diary.shape import Box, cover, film_size, layout

Eyes = tuple[float, ...]


@st.composite
def frames(draw: st.DrawFn) -> tuple[int, int, Eyes]:
    """A picture format as photodiary chooses them, or as a person may want it, and where the eyes are."""
    shape = draw(st.sampled_from([(4, 5), (1, 1), (4, 3), (16, 9), (9, 16), (3, 4)]))
    height_iod = draw(st.floats(FOREHEAD + CHIN, 9))
    canvas = build(shape, height_iod, draw(st.floats(FOREHEAD / height_iod, 1 - CHIN / height_iod)), draw(st.sampled_from([360, 540, 1080, 2160])))
    return canvas.width, canvas.height, (*canvas.left, *canvas.right)


@pytest.mark.parametrize(
    ("frame", "shape", "size", "film"),
    [
        ((1080, 1350), "", 0, (1080, 1350)),
        ((540, 676), "", 0, (540, 676)),
        ((540, 676), "4:5", 0, (540, 676)),
        ((1080, 1350), "", 720, (720, 900)),
        ((1080, 1350), "1:1", 0, (1080, 1080)),
        ((1080, 1350), "9:16", 0, (1080, 1920)),
        ((1080, 1350), "16:9", 0, (1920, 1080)),
        ((1080, 1350), "16:9", 2160, (3840, 2160)),
        ((2160, 2700), "16:9", 0, (3840, 2160)),
        ((1080, 1350), "4:3", 720, (960, 720)),
        ((2000, 6000), "", 2160, (1280, 3840)),
    ],
)
def test_a_film_has_the_size_that_was_asked_for(frame: tuple[int, int], shape: str, size: int, film: tuple[int, int]) -> None:
    """The shorter side is as told; untold, the frames are neither enlarged nor shrunk, but for what televisions know; 4K is the most."""
    assert film_size(*frame, shape, size) == film


@given(frames(), st.sampled_from(SHAPES), st.sampled_from([0, 144, 720, 1080, 1440, 2160]))
def test_every_film_can_be_made_and_shows_the_face(frame: tuple[int, int, Eyes], shape: str, size: int) -> None:
    """Sizes are even and 4K at most; boxes are even and inside; nothing is stretched; what is cut off leaves forehead and chin, and three quarters."""
    frame_width, frame_height, eyes = frame
    width, height = film_size(frame_width, frame_height, shape, size, eyes)
    assert width % 2 == height % 2 == 0 and max(width, height) <= 3840 and min(width, height) <= 2160
    plan = layout(frame_width, frame_height, width, height, eyes)
    for box, wide, high in ((plan.shown, frame_width, frame_height), (plan.place, width, height)):
        assert all(value % 2 == 0 and value >= 0 for value in (box.x, box.y, box.width, box.height))
        assert box.x + box.width <= wide and box.y + box.height <= high
    shown, place = plan.shown, plan.place
    assert abs(shown.width * place.height / (shown.height * place.width) - 1) < 0.005 + 2 / min(place.width, place.height)
    assert place.width == width or place.height == height
    cut = (shown.width, shown.height) != (frame_width, frame_height)
    assert not cut or place == Box(0, 0, width, height)
    assert shown.width * shown.height >= 0.74 * frame_width * frame_height
    iod = eyes[2] - eyes[0]
    assert shown.y <= max(0, eyes[1] - FOREHEAD * iod) + 2 and shown.y + shown.height >= min(frame_height, eyes[1] + CHIN * iod) - 2


def test_a_face_that_fills_the_picture_is_not_cut() -> None:
    """The same cut that a wide picture takes well is not made where it would take the chin."""
    wide, tight = build((4, 5), 5, 0.43, 1080), build((4, 5), 3.2, 0.44, 1080)
    assert layout(1080, 1350, 1080, 1080, (*wide.left, *wide.right)).place == Box(0, 0, 1080, 1080)
    assert layout(1080, 1350, 1080, 1080, (*tight.left, *tight.right)).place == Box(108, 0, 864, 1080)


@given(frames(), st.sampled_from([(1080, 1920), (1920, 1080), (1080, 1080), (144, 256)]))
def test_a_background_is_the_largest_middle(frame: tuple[int, int, Eyes], film: tuple[int, int]) -> None:
    """It has the film's shape, reaches from edge to edge one way, and lies in the middle."""
    box = cover(*frame[:2], *film)
    assert box.width == frame[0] or box.height == frame[1]
    assert abs(box.width * film[1] / (box.height * film[0]) - 1) < 3 / min(box.width, box.height)
    assert abs(box.x - (frame[0] - box.x - box.width)) <= 2 and abs(box.y - (frame[1] - box.y - box.height)) <= 2
