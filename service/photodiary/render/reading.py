"""Reads published frames in the colours of a film."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av.filter import Graph
from av.video.format import VideoFormat
from av.video.frame import VideoFrame

from photodiary.errors import FrameBroken

JPEG_FORMATS: Final = ("yuvj420p", "yuvj444p")
"""How our own frames are stored: JFIF, which is BT.601 in full range, with 4:2:0 or 4:4:4 colour."""


class FrameReader:
    """Reads frames of one size and gives them back in the film's colours, one at a time.  Not to be shared between threads."""

    def __init__(self, root: Path, width: int, height: int) -> None:
        self._root, self._size = root, (width, height)
        self._decoder = av.CodecContext.create("mjpeg", "r")
        self._decoder.thread_count = 1
        self._decoder.options = {"err_detect": "explode"}  # without it half a JPEG decodes in silence
        self._graphs: dict[str, Graph] = {}

    def read(self, name: str) -> VideoFrame:
        """The frame at `name`, below the root, as yuv420p, bt709, limited range; a picture of its own that may be changed.  Raises FrameBroken."""
        frame = self._decode(name)
        graph = self._graphs.get(frame.format.name)
        if graph is None:
            graph = self._graphs[frame.format.name] = _to_bt709(frame)
        graph.vpush(frame)
        return graph.vpull()

    def _decode(self, name: str) -> VideoFrame:
        try:
            data = (self._root / name).read_bytes()
            if not data.endswith(b"\xff\xd9"):
                raise _broken(name, "is cut short")
            frames = self._decoder.decode(av.Packet(data))
        except FileNotFoundError as error:
            raise _broken(name, "is missing") from error
        except (av.FFmpegError, OSError) as error:
            raise _broken(name, f"can't be read ({error.strerror or type(error).__name__})") from error
        if len(frames) != 1 or frames[0].is_corrupt or frames[0].format.name not in JPEG_FORMATS:
            raise _broken(name, "is not a JPEG of our kind")
        frame = frames[0]
        assert isinstance(frame, VideoFrame)
        if (frame.width, frame.height) != self._size:
            raise _broken(name, f"is {frame.width} x {frame.height} instead of {self._size[0]} x {self._size[1]} pixels")
        return frame


def _broken(name: str, how: str) -> FrameBroken:
    return FrameBroken(f"The frame {name} {how}; it has to be made again.", name)


def _to_bt709(like: VideoFrame) -> Graph:
    """A graph that converts frames like `like` from JFIF's colours to the film's.

    `colorspace` stays in YCbCr and rounds once: within 2 levels of the exact value and 0.3 ms for 1080 x 1350 pixels, where
    swscale goes through 8-bit RGB (3 to 5 levels off in its quick ways, 10 ms in its exact one).  `fast` leaves the light
    curve as it is: sRGB photos are shown as bt709, as everybody does.  `scale` only thins out 4:4:4 colour.
    """
    graph = Graph()
    graph.threads = 1
    nodes = (
        graph.add_buffer(width=like.width, height=like.height, format=VideoFormat(like.format.name), time_base=Fraction(1, 1)),
        graph.add("scale", "flags=area+accurate_rnd:in_chroma_loc=center:out_chroma_loc=center"),
        graph.add("format", "yuvj420p"),
        graph.add(
            "colorspace",
            "ispace=bt470bg:irange=pc:itrc=bt709:iprimaries=bt709:space=bt709:range=tv:trc=bt709:primaries=bt709:fast=1:format=yuv420p",
        ),
        graph.add("buffersink"),
    )
    graph.link_nodes(*nodes).configure()
    return graph
