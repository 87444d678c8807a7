"""Makes a film small enough to be sent: scaled down, and encoded at whatever quality the limit leaves room for.

Pictures keep their times.  Quality is chosen first by trying a few stretches of the film, then by the size of the whole, which grows by half for about
every four steps of x264's crf.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, Final

import av
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import Interpolation

from photodiary.errors import BrokenFilm, RenderFailed, StorageTrouble
from photodiary.render.checking import problem
from photodiary.render.coding import COLOUR

SIDES: Final = (720, 640, 540, 480, 432, 360)
"""Pixels of the shorter side, the first that leaves every picture good enough is taken."""

GOOD, WORST: Final = 18.0, 28.0
"""x264's crf: better than the one is not to be seen, worse than the other shows on a phone, so that fewer pixels look better."""

PRESET: Final = "medium"
FULL: Final = 0.98
"""How much of the limit is aimed at ..."""
ENOUGH: Final = 0.9
"""... and how much of it must be used before another try is not worth the time."""
TRIES: Final = 6
DOUBLING: Final = 6.0
"""Steps of crf that halve a film, about; what was seen so far tells it better."""

STRETCHES, STRETCH: Final = 8, 12
"""So many stretches of so many pictures are tried first."""

Progress = Callable[[str], None]


class _TooLarge(Exception):
    """part: of the film that was done when the limit was reached."""

    def __init__(self, part: float) -> None:
        super().__init__()
        self.part = part


@dataclass(frozen=True)
class Shown:
    """When the pictures of a film are shown: starts and ends in units of `base` seconds, in order."""

    starts: tuple[int, ...]
    end: int
    base: Fraction

    def every(self, nth: int) -> tuple[list[int], list[int]]:
        """Starts and lengths when only every nth picture is shown, each for its own time."""
        lengths = [after - before for before, after in pairwise((*self.starts, self.end))][::nth]
        starts = [0]
        for length in lengths:
            starts.append(starts[-1] + length)
        return starts[:-1], lengths


@dataclass(frozen=True)
class Squeezed:
    """What became of a film.  every: 1, or the how manieth picture of it is shown; seconds: its length."""

    width: int
    height: int
    pictures: int
    every: int
    seconds: float
    bytes: int
    crf: float


def squeeze(film: BinaryIO, target: Path, most: int, progress: Progress) -> Squeezed:
    """Write a copy of a film of at most `most` bytes to `target`, durably, and read it back.

    Raises BrokenFilm for a film that cannot be read or a copy that is not what it should be, StorageTrouble, and RenderFailed where no copy is so small.
    """
    try:
        progress("looking at the film")
        shown, size = _look(film)
        width, height, every, crf = _choose(film, shown, size, most)
        _search(film, target, shown, (width, height), every, crf, most, progress)
    except av.FFmpegError as error:
        raise BrokenFilm(f"The film cannot be made smaller: {error.strerror or type(error).__name__}.") from error
    starts, lengths = shown.every(every)
    progress("checking")
    wrong = problem(target, len(starts), lambda done: progress(f"checking, {done:,} of {len(starts):,}"))
    written = target.stat().st_size
    if wrong is not None or written > most:
        raise BrokenFilm(f"The small copy is not what it should be: {wrong or f'it has {written:,} bytes'}.")
    return Squeezed(width, height, len(starts), every, float((starts[-1] + lengths[-1]) * shown.base), written, 0.0)


# -- looking ---------------------------------------------------------------------------------------------------------------


def _opened(film: BinaryIO) -> InputContainer:
    film.seek(0)
    return av.open(film, "r", format="mp4", metadata_errors="replace")


def _look(film: BinaryIO) -> tuple[Shown, tuple[int, int]]:
    with _opened(film) as container:
        stream = container.streams.video[0]
        starts = sorted(packet.pts for packet in container.demux(stream) if packet.pts is not None)
        if not starts or stream.time_base is None or stream.duration is None:
            raise BrokenFilm("The film holds no pictures; `photodiary render --full` makes it again.")
        return Shown(tuple(starts), starts[0] + stream.duration, stream.time_base), (stream.codec_context.width, stream.codec_context.height)


def _choose(film: BinaryIO, shown: Shown, size: tuple[int, int], most: int) -> tuple[int, int, int, float]:
    """Width, height, which part of the pictures, and a first guess at the crf."""
    count, least = len(shown.starts), min(size)
    sides = [side for side in SIDES if side < least] if least > SIDES[0] else [least, *(side for side in SIDES if side < least)]
    if least > SIDES[0]:
        sides = list(SIDES)
    sample = list(_stretches(film, shown, _scaled(size, sides[0])))
    for side in sides:
        small = _scaled(size, side)
        each = _bytes_each(sample, small)
        if each * count <= FULL * most or side == sides[-1]:
            every = max(1, math.ceil(each * count / (FULL * most)))
            room = FULL * most / math.ceil(count / every)
            return *small, every, max(GOOD, WORST - DOUBLING * math.log2(max(1.0, room / each)))
    raise AssertionError("there is always a last size")


def _scaled(size: tuple[int, int], side: int) -> tuple[int, int]:
    """The size with a shorter side of `side`, both even."""
    share = side / min(size)
    width, height = (max(2, 2 * round(length * share / 2)) for length in size)
    return width, height


def _stretches(film: BinaryIO, shown: Shown, size: tuple[int, int]) -> Iterator[list[VideoFrame]]:
    """A few pictures in a row, from all over the film."""
    count = len(shown.starts)
    places = [0] if count <= STRETCHES * STRETCH else [(count - STRETCH) * number // (STRETCHES - 1) for number in range(STRETCHES)]
    length = count if len(places) == 1 else STRETCH
    with _opened(film) as container:
        stream = container.streams.video[0]
        for place in places:
            container.seek(shown.starts[place], stream=stream, backward=True)
            found = []
            for frame in container.decode(stream):
                if frame.pts is not None and frame.pts >= shown.starts[place]:
                    found.append(_small(frame, size))
                if len(found) == length:
                    break
            yield found


def _bytes_each(sample: Sequence[Sequence[VideoFrame]], size: tuple[int, int]) -> float:
    """Bytes of a picture of that size at the worst quality that is good enough."""
    pictures = total = 0
    for stretch in sample:
        codec = av.CodecContext.create("libx264", "w")
        assert isinstance(codec, VideoCodecContext)
        _prepare(codec, size, WORST, Fraction(1, 24))
        for number, frame in enumerate(stretch):
            small = frame.reformat(*size, interpolation=Interpolation.AREA) if (frame.width, frame.height) != size else frame
            small.pts, small.time_base, small.pict_type = number, Fraction(1, 24), PictureType.NONE
            total += sum(packet.size for packet in codec.encode(small))
        total += sum(packet.size for packet in codec.encode(None))
        pictures += len(stretch)
    return total / max(1, pictures)


# -- encoding --------------------------------------------------------------------------------------------------------------


def _search(
    film: BinaryIO, target: Path, shown: Shown, size: tuple[int, int], every: int, crf: float, most: int, progress: Progress
) -> None:  # fmt: skip
    """Encode until the copy is within the limit and makes use of it."""
    fitting, too_good = math.inf, 0.0  # the best crf so far that fits, and the worst that does not
    for turn in range(TRIES):
        try:
            written = _encode(film, target, shown, size, every, crf, most, lambda share, turn=turn: progress(f"try {turn + 1}, {share:.0%}"))  # type: ignore[misc]
        except _TooLarge as over:
            too_good = max(too_good, crf)
            step = DOUBLING * math.log2(1 / max(0.05, FULL * over.part))
            crf = min(51.0, crf + max(0.25, step))
            if crf >= fitting:
                crf = (too_good + fitting) / 2
            continue
        fitting = min(fitting, crf)
        if written >= ENOUGH * most or crf <= GOOD:
            return
        better = max(GOOD, crf - DOUBLING * math.log2(FULL * most / written))
        if better <= too_good:
            better = (too_good + crf) / 2
        if crf - better < 0.2 or turn == TRIES - 1:
            return
        crf = better
    if math.isinf(fitting):
        raise RenderFailed("No copy of the film is as small as that; allow more with --megabytes.")
    _encode(film, target, shown, size, every, fitting, most, lambda share: progress(f"last try, {share:.0%}"))


def _encode(
    film: BinaryIO, target: Path, shown: Shown, size: tuple[int, int], every: int, crf: float, most: int, progress: Callable[[float], None]
) -> int:  # fmt: skip
    """One try.  Returns how many bytes were written.  Raises _TooLarge as soon as they are too many."""
    starts, lengths = shown.every(every)
    durations = dict(zip(starts, lengths, strict=True))
    try:
        with _opened(film) as source, av.open(f"file:{target}", "w", format="mp4", options=_muxing(shown.base)) as copy:
            stream = copy.add_stream("libx264")
            _prepare(stream.codec_context, size, crf, shown.base)
            stream.time_base = shown.base
            written = 0
            frames = (frame for number, frame in enumerate(source.decode(source.streams.video[0])) if number % every == 0)
            for place, frame in enumerate((*_each(frames, size), None) if False else _ended(frames, size)):
                if frame is not None:
                    frame.pts, frame.time_base = starts[place], shown.base
                for packet in stream.encode(frame):
                    packet.duration = durations.get(packet.pts or 0, 1)
                    written += packet.size
                    copy.mux(packet)
                if written > most:
                    raise _TooLarge((place + 1) / len(starts))
                progress(min(1.0, (place + 1) / len(starts)))
        with target.open("rb") as done:
            os.fsync(done.fileno())
            size_now = os.fstat(done.fileno()).st_size
    except OSError as error:
        if isinstance(error, av.FFmpegError) and error.errno is None:
            raise
        raise StorageTrouble(f"{target}: cannot be written: {error.strerror}") from error
    if size_now > most:
        raise _TooLarge(most / size_now)
    return size_now
