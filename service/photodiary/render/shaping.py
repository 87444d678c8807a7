"""Frames in another shape or size: cut, scaled, or shown whole in front of a border."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import numpy as np
from av.filter import Graph
from av.video.frame import VideoFrame

from photodiary.diary.reel import Coding
from photodiary.diary.shape import Box, cover, layout
from photodiary.render.planes import BLACK, Plane, colour_of, picture, planes, tagged

SITED: Final = "in_chroma_loc=center:out_chroma_loc=center"
FINE: Final = f"flags=lanczos+accurate_rnd:{SITED}"
SOFT_SIDE: Final = 160
"""Pixels of the shorter side that a background is blurred at ..."""
BLUR: Final = 0.09
"""... and how far, as a share of that side."""
DARKENED: Final = 0.7
FADED: Final = 0.85
"""How much of a background's light and of its colour is left, so that it stays behind the photo."""


class Shaper:
    """Gives frames the film's size.  Not to be shared between threads."""

    def __init__(self, coding: Coding) -> None:
        frame, self._size = (coding.frame_width, coding.frame_height), (coding.width, coding.height)
        plan = layout(*frame, *self._size, coding.eyes)
        self._shown, self._place = plan.shown, plan.place
        self._as_it_is = frame == self._size and plan.shown == plan.place
        self._colour = BLACK if coding.border == "blur" else colour_of(coding.border)
        whole = Box(0, 0, *self._size)
        self._scale = _scaled(frame, plan.shown, plan.place) if _size(plan.shown) != _size(plan.place) else None
        self._fills = plan.place == whole
        self._behind = _blurred(frame, self._size) if not self._fills and coding.border == "blur" else None

    def shape(self, frame: VideoFrame) -> VideoFrame:
        """A frame in the film's size, as a picture of its own; the same one where it has it."""
        if self._as_it_is:
            return frame
        if self._scale is None:
            front = _part(frame, self._shown)
        else:
            scaled = _through(self._scale, frame)
            if self._fills:
                return scaled
            front = planes(scaled)
        answer = _through(self._behind, frame) if self._behind is not None else picture(*self._size, self._colour)
        for target, source in zip(_part(answer, self._place), front, strict=True):
            np.copyto(target, source)
        return answer


def _size(box: Box) -> tuple[int, int]:
    return box.width, box.height


def _part(frame: VideoFrame, box: Box) -> tuple[Plane, Plane, Plane]:
    """The planes of a part of a picture."""
    y, cb, cr = planes(frame)
    rows, columns = slice(box.y // 2, (box.y + box.height) // 2), slice(box.x // 2, (box.x + box.width) // 2)
    return y[box.y : box.y + box.height, box.x : box.x + box.width], cb[rows, columns], cr[rows, columns]


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
    return [] if _size(box) == size else [("crop", f"{box.width}:{box.height}:{box.x}:{box.y}")]


def _scaled(frame: tuple[int, int], shown: Box, place: Box) -> Graph:
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
