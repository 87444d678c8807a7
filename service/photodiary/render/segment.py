"""One segment: a closed group of pictures, encoded once, decoded once to prove it, and kept in a file of its own.

The file is a line with its own SHA-256 and JSON, which tells the headers, the length and place of every picture and the SHA-256 of what follows: the pictures
as the encoder gave them.  It knows nothing of time: the same segment serves at any place and at any pace.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Final

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame

from photodiary.diary.reel import LONGEST_RUN, Coding, Segment
from photodiary.errors import BrokenFilm, RenderFailed
from photodiary.render.coding import COLOUR, DECODERS, disposable, encoder

VERSION: Final = 1
LONGEST_HEAD: Final = 1 << 20  # bytes

Blend = Callable[[VideoFrame, VideoFrame, float], VideoFrame]
"""Mixes two pictures; the number is the share of the second, 0 to 1."""

Picture = Callable[[int], VideoFrame]
"""Makes the picture of a segment's cell; cell number len(cells) is what the last one fades into."""


@dataclass(frozen=True)
class Coded:
    """A picture as it lies in a segment.  place: its turn on the screen, within the segment, from 0; disposable: nothing refers to it."""

    data: bytes
    place: int
    key: bool
    disposable: bool


@dataclass(frozen=True)
class Pictures:
    """A segment's pictures in the order of decoding, and the headers that a decoder needs before them.  Where only its head was read, none has data."""

    headers: bytes
    coded: tuple[Coded, ...]

    def without_data(self) -> Pictures:
        return Pictures(self.headers, tuple(replace(coded, data=b"") for coded in self.coded))


def encode(segment: Segment, picture: Picture, blend: Blend, progress: Callable[[], None]) -> Pictures:
    """Encode a segment and prove it by decoding it.  progress: called after each photo.  Raises what `picture` raises, RenderFailed and BrokenFilm."""
    try:
        codec = encoder(segment.coding)
        packets = []
        for place, frame in enumerate(_frames(segment, picture, blend, progress)):
            frame.pts, frame.time_base = place, codec.time_base
            packets += codec.encode(frame)
        packets += codec.encode(None)
        headers = bytes(codec.extradata or b"")
    except av.FFmpegError as error:
        raise RenderFailed(f"A part of the film could not be made: {error.strerror or type(error).__name__}.") from error
    coded = []
    for packet in packets:
        assert packet.pts is not None
        data = bytes(packet)
        coded.append(Coded(data, packet.pts, packet.is_keyframe, disposable(data, segment.coding.codec)))
    answer = Pictures(headers, tuple(coded))
    prove(answer, segment)
    return answer


def _frames(segment: Segment, picture: Picture, blend: Blend, progress: Callable[[], None]) -> Iterator[VideoFrame]:
    """The pictures of a segment in the order of the screen, each told what it may be referred to.

    In a steady film the first picture of each photo carries it, and its repetitions are such that any of them can be left out.
    """
    cells, coding = segment.cells, segment.coding
    fading = coding.crossfade > 0
    following: VideoFrame | None = None
    for number, cell in enumerate(cells):
        shown = following or picture(number)
        after = number + 1 < len(cells) or segment.after is not None
        following = picture(number + 1) if fading and after and cell.pictures > 1 else None
        for turn in range(cell.pictures):
            share = 0.0
            if following is not None:
                at = turn / cell.pictures
                share = max(0.0, (at - (1 - coding.crossfade)) / coding.crossfade)
            frame = shown if share == 0 or following is None else blend(shown, following, share)
            if not coding.steady:
                frame.pict_type = PictureType.NONE  # a JPEG says "keyframe", and the encoder would obey
            elif number == 0 and turn == 0:
                frame.pict_type = PictureType.I
            else:
                frame.pict_type = PictureType.P if turn % (LONGEST_RUN + 1) == 0 else PictureType.B
            yield frame
        progress()


def prove(pictures: Pictures, segment: Segment) -> None:
    """Decode every picture of a segment.  Raises BrokenFilm unless it is whole, closed, and of the right size and colours."""
    if problem := _problem(pictures, segment):
        raise BrokenFilm(f"A part of the film, from {segment.cells[0].frame} on, is not what it should be: {problem}.")


def _problem(pictures: Pictures, segment: Segment) -> str | None:
    coding = segment.coding
    if sorted(coded.place for coded in pictures.coded) != list(range(segment.pictures)):
        return f"it has {len(pictures.coded)} pictures instead of {segment.pictures}"
    if [coded.key for coded in pictures.coded] != [True] + [False] * (segment.pictures - 1) or pictures.coded[0].place != 0:
        return "it does not begin with its only keyframe"
    decoder = av.CodecContext.create(DECODERS[coding.codec], "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.extradata = pictures.headers
    decoder.thread_count = 1
    decoder.options = {"err_detect": "explode", "skip_loop_filter": "all"}  # every bit is read, the last smoothing is left to players: a third quicker
    decoded = 0
    try:
        for coded in (*pictures.coded, None):
            packet = None
            if coded is not None:
                packet = av.Packet(coded.data)
                packet.pts = coded.place
            for frame in decoder.decode(packet):
                if problem := frame_problem(frame, coding):
                    return f"its picture {decoded + 1} {problem}"
                decoded += 1
    except av.FFmpegError as error:
        return f"it cannot be shown: {error.strerror or type(error).__name__}"
    return None if decoded == segment.pictures else f"{decoded} of its {segment.pictures} pictures can be shown"


def frame_problem(frame: VideoFrame, coding: Coding) -> str | None:
    """What is wrong with a decoded picture, as the end of a sentence."""
    if frame.is_corrupt:
        return "is damaged"
    if (frame.width, frame.height, frame.format.name) != (coding.width, coding.height, "yuv420p"):
        return f"is {frame.width} x {frame.height} in {frame.format.name}"
    if (frame.colorspace, frame.color_range, frame.color_trc, frame.color_primaries) != tuple(COLOUR.values()):
        return "is not marked as bt709 in limited range"
    return None


def pack(pictures: Pictures) -> bytes:
    """A segment as a file's content."""
    payload = b"".join(coded.data for coded in pictures.coded)
    head = {
        "version": VERSION,
        "headers": base64.b64encode(pictures.headers).decode("ascii"),
        "pictures": [[len(coded.data), coded.place, int(coded.key), int(coded.disposable)] for coded in pictures.coded],
        "sha256": hashlib.sha256(payload).hexdigest(),
    }
    line = json.dumps(head, separators=(",", ":")).encode("ascii")
    return hashlib.sha256(line).hexdigest().encode("ascii") + b" " + line + b"\n" + payload


def unpack(content: bytes) -> Pictures | None:
    """A segment from a file's content; None for one that is damaged or of another version."""
    line, _, payload = content.partition(b"\n")
    read = _head(line)
    if read is None or hashlib.sha256(payload).hexdigest() != read.sha256 or sum(read.sizes) != len(payload):
        return None
    ends = list(accumulate(read.sizes))
    parts = zip(read.pictures.coded, read.sizes, ends, strict=True)
    return Pictures(read.pictures.headers, tuple(replace(coded, data=payload[end - size : end]) for coded, size, end in parts))


def head_of(path: Path) -> Pictures | None:
    """A segment's pictures without their data; None for a file that is not there, too short, damaged in its head or of another version."""
    try:
        with path.open("rb") as file:
            line = file.readline(LONGEST_HEAD)
            length = os.fstat(file.fileno()).st_size
    except OSError:
        return None
    read = _head(line.removesuffix(b"\n"))
    return None if read is None or len(line) + sum(read.sizes) != length else read.pictures


@dataclass(frozen=True)
class _Head:
    """What the first line of a segment's file says.  sizes: bytes of each picture; sha256: of all of them together."""

    pictures: Pictures
    sizes: tuple[int, ...]
    sha256: str


def _head(line: bytes) -> _Head | None:
    """None for a line that is damaged or of another version."""
    digest, _, told = line.partition(b" ")
    if hashlib.sha256(told).hexdigest().encode("ascii") != digest:
        return None
    head = json.loads(told)
    if head["version"] != VERSION:
        return None
    coded = tuple(Coded(b"", place, bool(key), bool(dispensable)) for _, place, key, dispensable in head["pictures"])
    return _Head(Pictures(base64.b64decode(head["headers"]), coded), tuple(size for size, *_ in head["pictures"]), head["sha256"])
