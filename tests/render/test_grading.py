"""A graded picture is lighter and of another colour as the grade says, in place, and the same on every machine."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest
from av.filter import Graph
from av.video.frame import VideoFrame
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from photodiary.diary import tone
from photodiary.render.grading import grade

Plane = NDArray[np.uint8]
ks = st.integers(round(100 * tone.DARKEST), round(100 * tone.BRIGHTEST)).map(lambda percent: percent / 100)


def frame_of(luma: Plane, blue: int | Plane = 128, red: int | Plane = 128) -> VideoFrame:
    """A yuv420p frame with padding of 7 where its lines have some."""
    frame = VideoFrame(luma.shape[1], luma.shape[0], "yuv420p")
    for number, values in enumerate((luma, blue, red)):
        plane = frame.planes[number]
        lines = np.frombuffer(memoryview(plane), np.uint8)
        lines[:] = 7
        lines[: plane.height * plane.line_size].reshape(plane.height, plane.line_size)[:, : plane.width] = values
    return frame


def plane_of(frame: VideoFrame, number: int) -> Plane:
    plane = frame.planes[number]
    lines = np.frombuffer(bytes(plane), np.uint8)[: plane.height * plane.line_size].reshape(plane.height, plane.line_size)
    return lines[:, : plane.width]


def ramp() -> Plane:
    """Every level of luma, in 2 x 2 pixels each."""
    return np.repeat(np.repeat(np.arange(256, dtype=np.uint8)[None], 2, 0), 2, 1)


@given(ks)
def test_no_step_is_lost_or_reversed(k: float) -> None:
    """Luma grows where it grew; black stays black, nothing goes beyond white, and what was white stays white or nearly so."""
    frame = frame_of(ramp())
    grade(frame, (k, 0.0, 0.0))
    curve = plane_of(frame, 0)[0, ::2].astype(int)
    assert (np.diff(curve) >= 0).all()
    assert np.diff(curve[16:236]).max() <= 3  # no banding: neighbouring levels stay neighbours
    assert curve[:17].tolist() == list(range(17))
    assert curve[235] == (235 if k >= 1 else round(16 + 219 * k**0.25))
    assert k >= 1 or curve[235] >= 222
    assert ((curve >= np.arange(256)) if k >= 1 else (curve <= np.arange(256))).all()


@pytest.mark.parametrize("k", [0.78, 0.9, 1.1, 1.4])
def test_a_face_is_lighter_as_predicted(k: float) -> None:
    """The mean of a face comes where the tone's light says: 2 log k further, where the curve only bends; a little more where it is made darker."""
    luma = np.clip(np.random.default_rng(3).normal(140, 18, (200, 160)), 16, 235).astype(np.uint8)
    frame = frame_of(luma)
    grade(frame, (k, 0.0, 0.0))
    y = [(values.mean() - 16) / 219 for values in (luma, plane_of(frame, 0))]
    before, after = (math.log(value**2 / (1 - value**2)) for value in y)
    assert 0.93 < (after - before) / (2 * math.log(k)) < (1.02 if k > 1 else 1.25)


@pytest.mark.parametrize(("blue", "red"), [(0.02, -0.028), (-0.032, 0.012), (0.0, 0.036)])
def test_colour_follows_luma(blue: float, red: float) -> None:
    """What is added to colour is in proportion to luma: nothing to black, nothing to white, and on skin what the grade says."""
    frame = frame_of(ramp(), 118, 150)
    grade(frame, (1.0, blue, red))
    for number, (before, shift) in enumerate(((118, blue), (150, red)), start=1):
        moved = plane_of(frame, number)[0].astype(int) - before
        assert moved[16] == moved[235] == 0
        assert moved[16 + 110 : 16 + 154] == pytest.approx(224 * shift * np.arange(110, 154) / 219, abs=1.0)
    assert np.array_equal(plane_of(frame, 0), ramp())


@given(ks)
def test_saturation_stays(k: float) -> None:
    """Colour is changed by as much as luma; grey stays grey."""
    frame = frame_of(ramp(), 100, 150)
    grade(frame, (k, 0.0, 0.0))
    level = np.arange(60, 200)
    more = (plane_of(frame, 0)[0, ::2][level] - 16.0) / (level - 16)
    assert plane_of(frame, 1)[0][level] - 128.0 == pytest.approx(-28 * more, abs=1.1)
    assert plane_of(frame, 2)[0][level] - 128.0 == pytest.approx(22 * more, abs=1.1)
    grey = frame_of(ramp())
    grade(grey, (k, 0.0, 0.0))
    assert (plane_of(grey, 1) == 128).all()


@pytest.mark.parametrize("size", [(50, 38), (1070, 16), (64, 64), (51, 37)])
def test_only_the_picture_is_touched(size: tuple[int, int]) -> None:
    """Whatever the size and the padding of its lines, each pixel changes as in any other picture, and the padding stays."""
    width, height = size
    frame = frame_of(np.full((height, width), 140, np.uint8), 110, 150)
    grade(frame, (1.2, 0.02, -0.02))
    one = frame_of(np.full((2, 2), 140, np.uint8), 110, 150)
    grade(one, (1.2, 0.02, -0.02))
    for number, plane in enumerate(frame.planes):
        lines = np.frombuffer(bytes(plane), np.uint8)[: plane.height * plane.line_size].reshape(plane.height, plane.line_size)
        assert (lines[:, : plane.width] == plane_of(one, number)[0, 0]).all()
        assert (lines[:, plane.width :] == 7).all()


def test_the_extremes_stay_within_range() -> None:
    """The strongest colours do not wrap around."""
    dice = np.random.default_rng(5)
    luma = dice.integers(0, 256, (64, 64), np.uint8)
    wild = [dice.choice(np.array([0, 1, 16, 240, 254, 255], np.uint8), (32, 32)) for _ in range(2)]
    frame = frame_of(luma, *wild)
    grade(frame, (tone.BRIGHTEST, tone.MOST_SHIFT, -tone.MOST_SHIFT))
    for number in (1, 2):
        seen = plane_of(frame, number)
        assert ((seen >= 128 - 20) == (wild[number - 1] >= 128)).all()
        assert seen.min() >= 16 and seen.max() <= 240


def test_an_empty_grade_leaves_all_as_it_is() -> None:
    """Nothing to be done is nothing done."""
    frame = frame_of(ramp(), 0, 255)
    grade(frame, ())
    assert [plane_of(frame, number).max() for number in range(3)] == [255, 0, 255]


def test_other_frames_of_the_same_pixels_stay() -> None:
    """A frame that shares its pixels with another is not changed behind the other's back."""
    graph = Graph()
    source = graph.add_buffer(width=32, height=32, format=frame_of(np.zeros((32, 32), np.uint8)).format, time_base=1)
    split, sinks = graph.add("split"), (graph.add("buffersink"), graph.add("buffersink"))
    source.link_to(split)
    for number, sink in enumerate(sinks):
        split.link_to(sink, number)
    graph.configure()
    source.push(frame_of(np.full((32, 32), 100, np.uint8)))
    one, other = (sink.pull() for sink in sinks)
    assert isinstance(one, VideoFrame) and isinstance(other, VideoFrame)
    assert one.planes[0].buffer_ptr == other.planes[0].buffer_ptr
    grade(one, (1.2, 0.0, 0.0))
    assert (plane_of(other, 0) == 100).all()
    assert (plane_of(one, 0) > 100).all()


def test_the_same_on_every_machine() -> None:
    """The same pictures to the last bit, here and anywhere, now and after an upgrade."""
    seen = hashlib.sha256()
    for percent in (78, 85, 93, 100, 107, 123, 140):
        frame = frame_of(ramp(), ramp()[:1, :256], ramp()[:1, ::2][:, ::-1])
        grade(frame, (percent / 100, 0.028, -0.02))
        for number in range(3):
            seen.update(np.ascontiguousarray(plane_of(frame, number)).tobytes())
    assert seen.hexdigest() == "bc8da15b7ebb0b06a4d1e416dee15233524b9426f83c125a55f01f265ca3a980"
