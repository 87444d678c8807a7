"""Makes a film small enough to be sent: scaled down, and encoded at whatever quality the limit leaves room for.

Every picture that is kept keeps its time on the screen.  A first guess at the quality comes from a few stretches of the film; the size of the whole
corrects it.

`python -m photodiary.render.squeeze FD TARGET MOST` reads the film from that descriptor, so that a newer film may take its place meanwhile, and tells how
far it has come as lines of JSON, the last of which is the outcome.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import Any, BinaryIO, Final

import av
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import Interpolation

from photodiary.archive.store import trouble
from photodiary.errors import BrokenFilm, PhotodiaryError, RenderFailed
from photodiary.render.checking import problem
from photodiary.render.coding import COLOUR
from photodiary.render.share import SmallCopy, tried

SIDES: Final = (720, 640, 540, 480, 432, 360)
"""Pixels of the shorter side, in the order they are tried: the first that leaves every picture good enough is taken."""

GOOD: Final = 18.0
WORST: Final = 28.0
POOR: Final = 31.0
"""x264's crf.  Below the first nobody sees a difference; above the second fewer pixels look better on a phone, above the third fewer pictures."""

PRESET: Final = "medium"
AIM: Final = 0.98
"""How much of the limit is aimed at, and how much of it must be used before another try is worth its time."""
ENOUGH: Final = 0.88
TRIES: Final = 6
HALVING: Final = 6.0
"""Steps of crf that make a film about half as large."""

STRETCHES: Final = 8
STRETCH: Final = 12
"""So many stretches of so many pictures are tried first."""

NICE: Final = 10

Say = Callable[[str], None]


@dataclass(frozen=True)
class _Film:
    """A film that is read.  starts, end: of its pictures on the screen, in units of `base` seconds."""

    file: BinaryIO
    width: int
    height: int
    codec: str
    starts: tuple[int, ...]
    end: int
    base: Fraction

    @property
    def seconds(self) -> Fraction:
        return (self.end - self.starts[0]) * self.base

    @property
    def rate(self) -> Fraction:
        """Pictures a second, on average."""
        return len(self.starts) / self.seconds

    def opened(self) -> InputContainer:
        self.file.seek(0)
        return av.open(self.file, "r", format="mp4", metadata_errors="replace")

    def clock(self, every: int) -> tuple[list[int], list[int]]:
        """Starts and lengths when only every so manieth picture is shown, each for its own time."""
        lengths = [after - before for before, after in pairwise((*self.starts, self.end))][::every]
        starts = [0]
        for length in lengths:
            starts.append(starts[-1] + length)
        return starts[:-1], lengths


def squeeze(file: BinaryIO, target: Path, most: int, say: Say) -> SmallCopy:
    """Write a copy of a film of at most `most` bytes to `target`, durably, and read it back.

    Raises BrokenFilm for a film that cannot be read and a copy that is not what it should be, StorageTrouble, and RenderFailed where no copy is so small.
    """
    try:
        film = _looked_at(file)
        as_is = os.fstat(file.fileno()).st_size <= most and film.codec == "h264"
        (width, height), every, crf = ((film.width, film.height), 1, 0.0) if as_is else _chosen(film, most, say)
        if as_is:
            _copied(file, target)
        else:
            _search(film, target, (width, height), every, crf, most, say)
    except av.FFmpegError as error:
        raise BrokenFilm(f"The film cannot be read: {error.strerror or type(error).__name__}; `photodiary render --full` makes it again.") from error
    starts, lengths = film.clock(every)
    wrong = problem(target, len(starts), lambda done: say(f"looking at it again, {done / len(starts):.0%}"))
    with target.open("rb") as copy:
        again, size = _looked_at(copy), os.fstat(copy.fileno()).st_size
    seconds = (starts[-1] + lengths[-1]) * film.base
    if wrong is None and (size > most or again.seconds != seconds or len(again.starts) != len(starts)):
        wrong = f"it has {size:,} bytes and shows {len(again.starts):,} pictures in {float(again.seconds):.3f} s"
    if wrong is not None:
        raise BrokenFilm(f"The small copy is not what it should be: {wrong}.")
    return SmallCopy(width, height, len(starts), every, float(seconds), size, as_is)


def _looked_at(file: BinaryIO) -> _Film:
    with av.open(file, "r", format="mp4", metadata_errors="replace") as container:
        stream = container.streams.video[0]
        starts = sorted(packet.pts for packet in container.demux(stream) if packet.pts is not None)
        if not starts or stream.time_base is None or stream.duration is None:
            raise BrokenFilm("The film shows nothing; `photodiary render --full` makes it again.")
        codec = stream.codec_context
        return _Film(file, codec.width, codec.height, codec.name, tuple(starts), starts[0] + stream.duration, stream.time_base)


def _copied(file: BinaryIO, target: Path) -> None:
    file.seek(0)
    try:
        with target.open("wb") as copy:
            shutil.copyfileobj(file, copy)
            copy.flush()
            os.fsync(copy.fileno())
    except OSError as error:
        raise trouble(target, error) from error


# -- choosing --------------------------------------------------------------------------------------------------------------


def _chosen(film: _Film, most: int, say: Say) -> tuple[tuple[int, int], int, float]:
    """The size, which part of the pictures, and a first guess at the crf."""
    own, count = min(film.width, film.height), len(film.starts)
    say("trying a few stretches of it")
    sides = [min(own, SIDES[0]), *(side for side in SIDES[1:] if side < own)]
    sample = list(_stretches(film, scaled(film.width, film.height, sides[0])))
    size, each = (film.width, film.height), math.inf
    for side in sides:
        size = scaled(film.width, film.height, side)
        say(f"trying a few stretches of it at {size[0]} x {size[1]}")
        each = _bytes_each(sample, size, film.rate)
        if each * count <= AIM * most:
            break
    every = max(1, math.ceil(each * count / (AIM * most) * 2 ** ((WORST - POOR) / HALVING)))
    room = AIM * most / math.ceil(count / every)
    return size, every, min(POOR, max(GOOD, WORST - HALVING * math.log2(room / each)))


def scaled(width: int, height: int, side: int) -> tuple[int, int]:
    """The size of the same shape whose shorter side has `side` pixels; both even."""
    share = side / min(width, height)
    return max(2, 2 * round(width * share / 2)), max(2, 2 * round(height * share / 2))


def _stretches(film: _Film, size: tuple[int, int]) -> Iterator[list[VideoFrame]]:
    """A few pictures in a row, from all over the film."""
    count = len(film.starts)
    few = count <= STRETCHES * STRETCH
    with film.opened() as container:
        stream = container.streams.video[0]
        for number in range(1 if few else STRETCHES):
            start = film.starts[(count - STRETCH) * number // (STRETCHES - 1)]
            container.seek(start, stream=stream, backward=True)
            found = (frame for frame in container.decode(stream) if frame.pts is not None and frame.pts >= start)
            yield [_small(frame, size) for frame in islice(found, count if few else STRETCH)]


def _bytes_each(sample: Sequence[Sequence[VideoFrame]], size: tuple[int, int], rate: Fraction) -> float:
    """Bytes of a picture of that size at the worst quality that is good enough."""
    total = 0
    for stretch in sample:
        codec = av.CodecContext.create("libx264", "w")
        assert isinstance(codec, VideoCodecContext)
        _prepare(codec, size, WORST, rate, 1 / rate)
        for number, frame in enumerate(stretch):
            total += sum(packet.size for packet in codec.encode(_small(frame, size, number, 1 / rate)))
        total += sum(packet.size for packet in codec.encode(None))
    return max(1.0, total / sum(map(len, sample)))


def _small(frame: VideoFrame, size: tuple[int, int], pts: int = 0, base: Fraction | None = None) -> VideoFrame:
    """The picture in another size, shown from `pts` on, in units of `base` seconds."""
    small = frame.reformat(*size, format="yuv420p", interpolation=Interpolation.AREA)
    small.pict_type = PictureType.NONE  # the encoder decides anew
    small.pts, small.time_base = pts, base or Fraction(1, 1)
    return small


# -- encoding --------------------------------------------------------------------------------------------------------------


def _search(film: _Film, target: Path, size: tuple[int, int], every: int, crf: float, most: int, say: Say) -> None:
    """Encode until the copy is within the limit and makes use of it; `target` always holds the best that fits so far."""
    beside = tried(target)
    fits, too_good = math.inf, -math.inf  # the lowest crf that fits, the highest that does not
    try:
        for turn in range(TRIES):
            written = _encoded(film, beside, size, every, crf, most, "making it" if turn == 0 else f"making it, try {turn + 1}", say)
            if written <= most:
                beside.replace(target)
                fits = crf
                if written >= ENOUGH * most or crf <= GOOD:
                    return
            else:
                too_good = crf
            wanted = max(GOOD, crf + HALVING * math.log2(written / (AIM * most)))
            crf = wanted if too_good < wanted < fits else (max(too_good, GOOD) + min(fits, 51.0)) / 2
        if math.isinf(fits):
            raise RenderFailed("No copy of the film becomes as small as that; allow more with --megabytes, or choose a shorter film with --film.")
    finally:
        beside.unlink(missing_ok=True)


def _encoded(film: _Film, target: Path, size: tuple[int, int], every: int, crf: float, most: int, about: str, say: Say) -> int:
    """One try.  Returns how many bytes it has; of one that is given up because it becomes too large, about how many it would have."""
    starts, lengths = film.clock(every)
    durations = dict(zip(starts, lengths, strict=True))
    clock = str(film.base.denominator)
    options = {"movflags": "+faststart", "fflags": "+bitexact", "video_track_timescale": clock, "movie_timescale": clock}
    written = packets = 0
    try:
        with film.opened() as source, av.open(f"file:{target}", "w", format="mp4", options=options) as copy:
            stream = copy.add_stream("libx264", rate=film.rate.limit_denominator(1000))
            _prepare(stream.codec_context, size, crf, film.rate, film.base, even=len(set(lengths)) == 1)
            if "title" in source.metadata:
                copy.metadata["title"] = source.metadata["title"]
            pictures = islice(source.decode(source.streams.video[0]), 0, None, every)
            for place, frame in enumerate(chain(pictures, (None,))):
                small = None if frame is None else _small(frame, size, starts[place], film.base)
                for packet in stream.encode(small):
                    packet.duration = durations[packet.pts or 0]
                    written, packets = written + packet.size, packets + 1
                    copy.mux(packet)
                if written > most:
                    return written * len(starts) // packets
                say(f"{about}, {min(place + 1, len(starts)) / len(starts):.0%}")
        with target.open("rb") as done:
            os.fsync(done.fileno())
            return os.fstat(done.fileno()).st_size
    except OSError as error:  # PyAV's errors with an errno are among these
        raise trouble(target, error) from error


def _prepare(codec: VideoCodecContext, size: tuple[int, int], crf: float, rate: Fraction, base: Fraction, *, even: bool = True) -> None:
    """even: whether all pictures are shown equally long.  Where not, they are coded in the order they are shown: MP4 has a place for no other lengths."""
    codec.width, codec.height, codec.pix_fmt = *size, "yuv420p"
    codec.time_base, codec.framerate = base, rate.limit_denominator(1000)
    codec.colorspace, codec.color_range = COLOUR["space"], COLOUR["range"]
    codec.color_trc, codec.color_primaries = COLOUR["trc"], COLOUR["primaries"]
    codec.options = {"preset": PRESET, "crf": f"{crf:.2f}", "profile": "high", "x264-params": "keyint=120" if even else "keyint=120:bframes=0"}


def _tell(**words: Any) -> None:
    print(json.dumps(words), flush=True)


def _main(descriptor: int, target: Path, most: int) -> None:
    os.nice(max(0, NICE - os.nice(0)))
    said = [""]

    def say(words: str) -> None:
        if words != said[0]:
            said[0] = words
            _tell(say=words)

    try:
        with os.fdopen(descriptor, "rb") as film:
            _tell(made=asdict(squeeze(film, target, most, say)))
    except PhotodiaryError as error:
        _tell(error=type(error).__name__, sentence=str(error))


if __name__ == "__main__":
    _main(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
