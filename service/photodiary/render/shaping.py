"""Frames in another shape or size: cut, scaled, or shown whole in front of a border."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import numpy as np
from av.filter import Graph
from av.video.frame import VideoFrame

from photodiary.diary.reel import Coding
from photodiary.diary.shape import Box, cover, layout
from photodiary.render.planes import colour_of, picture, planes, tagged

SITED: Final = "in_chroma_loc=center:out_chroma_loc=center"
FINE: Final = f"flags=lanczos+accurate_rnd:{SITED}"
SOFT_SIDE: Final = 160
"""Pixels of the shorter side that a background is blurred at ..."""
BLUR: Final = 0.07
"""... and how far, as a share of that side."""
DARKENED: Final = 0.7
FADED: Final = 0.85
"""How much of a background's light and of its colour is left, so that it stays behind the photo."""


class Shaper:
    """Gives frames the film's size.  Not to be shared between threads."""

    def __init__(self, coding: Coding) -> None:
        size = (coding.width, coding.height)
        plan = layout(coding.frame_width, coding.frame_height, *size)
        self._size, self._place, self._frame = size, plan.place, (coding.frame_width, coding.frame_height)
        self._front = None if plan.shown == plan.place == Box(0, 0, *size) else _scaled(self._frame, plan.shown, plan.place)
        self._colour = None if coding.border == "blur" else colour_of(coding.border)
        bordered = (plan.place.width, plan.place.height) != size
        self._behind = _blurred(self._frame, size) if bordered and self._colour is None else None
        self._bordered = bordered

    def shape(self, frame: VideoFrame) -> VideoFrame:
        """A frame in the film's size; the same one where it has it."""
        if self._front is None:
            return frame
        front = _through(self._front, frame)
        if not self._bordered:
            return front
        if self._behind is not None:
            answer = _through(self._behind, frame)
        else:
            assert self._colour is not None
            answer = picture(*self._size, self._colour)
        place = self._place
        for number, (target, source) in enumerate(zip(planes(answer), planes(front), strict=True)):
            by = 2 if number else 1
            np.copyto(target[place.y // by : (place.y + place.height) // by, place.x // by : (place.x + place.width) // by], source)
        return answer


def _through(graph: Graph, frame: VideoFrame) -> VideoFrame:
    graph.vpush(frame)
    return tagged(graph.vpull())


def _graph(size: tuple[int, int], *filters: tuple[str, str]) -> Graph:
    graph = Graph()
    graph.threads = 1
    source = f"video_size={size[0]}x{size[1]}:pix_fmt=yuv420p:time_base={Fraction(1, 1)}:colorspace=bt709:range=tv"
    nodes = [graph.add("buffer", source), *(graph.add(name, told) for name, told in filters), graph.add("buffersink")]
    graph.link_nodes(*nodes).configure()
    return graph


def _cut(box: Box, size: tuple[int, int]) -> list[tuple[str, str]]:
    return [] if (box.width, box.height) == size else [("crop", f"{box.width}:{box.height}:{box.x}:{box.y}")]


def _scaled(frame: tuple[int, int], shown: Box, place: Box) -> Graph:
    """Also where nothing is scaled, so that a picture that is only cut becomes one of its own."""
    return _graph(frame, *_cut(shown, frame), ("scale", f"{place.width}:{place.height}:{FINE}"))


def _blurred(frame: tuple[int, int], size: tuple[int, int]) -> Graph:
    """The middle of a frame, as large as the film, soft and a little dark.

    It is blurred small, which is quick, and in ten bits, from which swscale dithers to eight: in eight bits dark gradients would show steps.
    """
    shrink = min(1.0, SOFT_SIDE / min(size))
    small = tuple(2 * max(8, round(side * shrink / 2)) for side in size)
    light = f"clip(64+(val-64)*{DARKENED}\\,64\\,940)"
    colour = f"512+(val-512)*{FADED * DARKENED}"
    return _graph(
        frame,
        *_cut(cover(*frame, *size), frame),
        ("scale", f"{small[0]}:{small[1]}:flags=area+accurate_rnd:{SITED}"),
        ("format", "yuv420p10le"),
        ("gblur", f"sigma={BLUR * min(small):.2f}:steps=3"),
        ("lutyuv", f"y={light}:u={colour}:v={colour}"),
        ("scale", f"{size[0]}:{size[1]}:flags=bicubic+accurate_rnd:{SITED}"),
        ("format", "yuv420p"),
    )
