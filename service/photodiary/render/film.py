"""Makes a film of aligned frames, and proves it by reading it back.  The only owner of PyAV.

A film is H.264 (yuv420p) in MP4, bt709 in limited range.  Frame i is shown from i / photos_per_second for exactly
1 / photos_per_second.  Every second begins with a keyframe, no picture refers to one before its keyframe, and the index
lies before the pictures, so that a player can start before it has the whole file.  The same plan gives the same bytes.

`encode` and `verify` do the work where they are called; `child.render_in_child` does both in a process of its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av.codec.context import Flags as CodecFlags
from av.container import InputContainer, OutputContainer
from av.filter import Graph
from av.video.format import VideoFormat
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from av.video.stream import VideoStream

from photodiary.diary.reel import ReelPlan, ReelStyle
from photodiary.errors import BrokenFilm, FrameBroken, RenderFailed, StorageTrouble

JPEG_FORMATS: Final = ("yuvj420p", "yuvj444p")
"""How our own frames are stored: JFIF, which is BT.601 in full range, with 4:2:0 or 4:4:4 colour."""

TICKS: Final = 1000
"""Units of the film's clock in the time of one photo: whole numbers at any speed."""

_COLOUR: Final = {"space": Colorspace.ITU709, "range": ColorRange.MPEG, "trc": ColorTrc.BT709, "primaries": ColorPrimaries.BT709}

Progress = Callable[[int], None]


def _unheard(done: int) -> None:
    pass


def encode(plan: ReelPlan, root: Path, target: Path, progress: Progress = _unheard) -> None:
    """Write the film of `plan` to `target`, whole and on the disk (fsync) when this returns; not yet checked.

    Frames are JPEG files `root / frame` of the plan's size.  `target` is written where it lies and overwritten; after an
    error a useless part may lie there.  `progress` is told how many frames were taken in, after each of them.

    Raises FrameBroken (a frame is missing, damaged or of another size), StorageTrouble (the disk refuses) and
    RenderFailed (anything else); the text names the file.
    """
    with _writing(target):
        with av.open(_url(target), "w", format="mp4", options=_muxer_options(plan.style)) as film:
            stream = _add_stream(film, plan)
            reader = _FrameReader(plan, root)
            for number, name in enumerate(plan.frames):
                frame = reader.read(name)
                frame.pts = number
                frame.time_base = stream.codec_context.time_base
                _mux(film, stream, frame)
                progress(number + 1)
            _mux(film, stream, None)
        with target.open("rb") as written:
            os.fsync(written.fileno())


def verify(path: Path, plan: ReelPlan) -> None:
    """Read the film at `path` from end to end, decode every frame once, and return if it is the film of `plan`.

    Raises BrokenFilm, with a sentence that names the file, unless it holds exactly the plan's number of frames, each at
    its exact time and for its exact duration, in the right size, pixel format and colours, with its keyframes in place.
    """
    try:
        with av.open(_url(path), "r", format="mp4", metadata_errors="replace") as film:
            problem = _problem(film, plan)
    except (av.FFmpegError, OSError) as error:
        raise BrokenFilm(f"The film {path} can't be read back: {_reason(error)}.") from error
    if problem:
        raise BrokenFilm(f"The film {path} is not what it should be: {problem}.")


# -- encoding ----------------------------------------------------------------------------------------------------------


def _muxer_options(style: ReelStyle) -> dict[str, str]:
    """Both clocks of the file tick alike: with MP4's usual milliseconds, 14 photos at 12 a second would last 1.167 s."""
    clock = str(style.photos_per_second * TICKS)
    return {"movflags": "+faststart", "fflags": "+bitexact", "video_track_timescale": clock, "movie_timescale": clock}


def _add_stream(film: OutputContainer, plan: ReelPlan) -> VideoStream:
    rate = plan.style.photos_per_second
    x264 = {
        "keyint": rate,
        "scenecut": 0,
        "force-cfr": 1,
        "chromaloc": 1,  # JPEG's colour samples sit in the middle of their 2 x 2 pixels: say so instead of moving them
        "stitchable": 1,  # the headers depend on the style only, never on the pictures
    }
    options = {
        "preset": plan.style.preset,
        "crf": str(plan.style.crf),
        "profile": "high",
        "x264-params": ":".join(f"{name}={value}" for name, value in x264.items()),
    }
    stream = film.add_stream("libx264", rate=rate, options=options)
    codec = stream.codec_context
    codec.width, codec.height, codec.pix_fmt = plan.width, plan.height, "yuv420p"
    codec.time_base = Fraction(1, rate)
    codec.colorspace, codec.color_range = _COLOUR["space"], _COLOUR["range"]
    codec.color_trc, codec.color_primaries = _COLOUR["trc"], _COLOUR["primaries"]
    codec.flags |= CodecFlags.closed_gop
    codec.thread_count = 1  # more threads would give other bytes on another machine
    return stream


def _mux(film: OutputContainer, stream: VideoStream, frame: VideoFrame | None) -> None:
    for packet in stream.encode(frame):
        packet.duration = 1  # x264 leaves it at 0, and no next frame tells where the last one ends
        film.mux(packet)


class _FrameReader:
    """Reads frames of one size and gives them back in the film's colours, one at a time."""

    def __init__(self, plan: ReelPlan, root: Path) -> None:
        self._plan = plan
        self._root = root
        self._decoder = av.CodecContext.create("mjpeg", "r")
        self._decoder.thread_count = 1
        self._decoder.options = {"err_detect": "explode"}  # without it half a JPEG decodes in silence
        self._graphs: dict[str, Graph] = {}

    def read(self, name: str) -> VideoFrame:
        """The frame as yuv420p, bt709, limited range.  Raises FrameBroken."""
        frame = self._decode(name)
        graph = self._graphs.get(frame.format.name)
        if graph is None:
            graph = self._graphs[frame.format.name] = _to_bt709(frame)
        graph.vpush(frame)
        converted = graph.vpull()
        converted.pict_type = PictureType.NONE  # a JPEG says "keyframe", and x264 would obey
        return converted

    def _decode(self, name: str) -> VideoFrame:
        try:
            data = (self._root / name).read_bytes()
            if not data.endswith(b"\xff\xd9"):
                raise _broken(name, "is cut short")
            frames = self._decoder.decode(av.Packet(data))
        except FileNotFoundError as error:
            raise _broken(name, "is missing") from error
        except (av.FFmpegError, OSError) as error:
            raise _broken(name, f"can't be read ({_reason(error)})") from error
        if len(frames) != 1 or frames[0].is_corrupt or frames[0].format.name not in JPEG_FORMATS:
            raise _broken(name, "is not a JPEG of our kind")
        frame, plan = frames[0], self._plan
        if (frame.width, frame.height) != (plan.width, plan.height):
            raise _broken(name, f"has {frame.width} x {frame.height} pixels, but the film has {plan.width} x {plan.height}")
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


# -- checking ----------------------------------------------------------------------------------------------------------


def _problem(film: InputContainer, plan: ReelPlan) -> str | None:
    """What is wrong with an opened film, as the end of a sentence; None if nothing is."""
    rate, count = plan.style.photos_per_second, len(plan.frames)
    if len(film.streams) != 1 or len(film.streams.video) != 1:
        return "it holds something else than one video"
    stream = film.streams.video[0]
    codec = stream.codec_context
    if codec is None or (codec.name, codec.codec_tag) != ("h264", "avc1"):  # None, despite its type, for an unknown codec
        return "it is not H.264"
    codec.thread_count = 1
    times: list[Fraction] = []
    keys: list[Fraction] = []
    decoded = 0
    for packet in film.demux(stream):
        if packet.pts is not None:  # the last, empty packet only empties the decoder
            time = packet.pts * packet.time_base
            if packet.is_corrupt:
                return f"the frame at {float(time):.3f} s is damaged"
            if (packet.duration or 0) * packet.time_base != Fraction(1, rate):
                return f"the frame at {float(time):.3f} s is not shown for 1/{rate} s"
            times.append(time)
            if packet.is_keyframe:
                keys.append(time)
        for frame in packet.decode():
            if problem := _frame_problem(frame, plan):
                return f"frame {decoded} {problem}"
            decoded += 1
    if len(times) != count or decoded != count:
        return f"it has {len(times)} frames, of which {decoded} can be shown, instead of {count}"
    if sorted(times) != [Fraction(number, rate) for number in range(count)]:
        return "its frames are not at their times"
    if times[0] != 0 or keys != [Fraction(number, rate) for number in range(0, count, rate)]:
        return "its keyframes are not at the full seconds"
    if stream.duration is None or stream.time_base is None or stream.duration * stream.time_base != plan.seconds:
        return f"it does not last {float(plan.seconds):.3f} s"
    return None


def _frame_problem(frame: VideoFrame, plan: ReelPlan) -> str | None:
    if frame.is_corrupt:
        return "is damaged"
    if (frame.width, frame.height, frame.format.name) != (plan.width, plan.height, "yuv420p"):
        return f"is {frame.width} x {frame.height} in {frame.format.name}"
    if (frame.colorspace, frame.color_range, frame.color_trc, frame.color_primaries) != tuple(_COLOUR.values()):
        return "is not marked as bt709 in limited range"
    return None


# -- errors ------------------------------------------------------------------------------------------------------------


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:  # PyAV's errors with an errno are among these
        raise StorageTrouble(f"The film {target} can't be written: {_reason(error)}.") from error
    except av.FFmpegError as error:
        raise RenderFailed(f"The film {target} could not be made: {_reason(error)}.") from error


def _reason(error: av.FFmpegError | OSError) -> str:
    return error.strerror or type(error).__name__


def _url(path: Path) -> str:
    return f"file:{path}"  # a bare name with a colon in it would be taken for a protocol
