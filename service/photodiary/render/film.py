"""Makes a film of segments by copying them, and proves it by reading it back.

A film is MP4: H.264 or H.265, yuv420p, bt709 in limited range.  Each photo is shown from its exact time for its exact time; a keyframe begins each segment,
no picture refers to one before it, and the index lies before the pictures, so that a player can start before it has the whole file.  The same plan gives the
same bytes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from pathlib import Path

import av
from av.container import InputContainer

from photodiary.diary.reel import ReelPlan, Segment
from photodiary.errors import BrokenFilm, RenderFailed, StorageTrouble
from photodiary.render.coding import DECODERS, TAGS, add_stream
from photodiary.render.segment import Pictures


@dataclass(frozen=True)
class Clock:
    """When pictures are shown, all in ticks.  starts: of each that is shown, and the end of the film; short: the least time of any."""

    starts: tuple[int, ...]
    short: int

    @classmethod
    def of(cls, plan: ReelPlan) -> Clock:
        return cls(tuple(accumulate(plan.durations, initial=0)), min(plan.durations))


@dataclass(frozen=True)
class Turns:
    """The pictures of a segment that are shown, in the order of decoding: which, and the turn of each on the screen, from 0."""

    kept: tuple[int, ...]
    turns: tuple[int, ...]

    @property
    def delay(self) -> int:
        """How many pictures are decoded before the one that has to be shown."""
        return max(turn_late - turn for turn_late, turn in enumerate(self.turns))


def turns(pictures: Pictures, segment: Segment, shown: tuple[int, ...]) -> Turns:
    """Leave out what is not shown: of a photo's repetitions those that nothing refers to.

    shown: how many pictures of each photo are.  Raises BrokenFilm where that cannot be.
    """
    by_place = {coded.place: coded for coded in pictures.coded}
    last = pictures.coded[-1].place  # nothing that comes later could refer to it
    left_out: set[int] = set()
    start = 0
    for cell, count in zip(segment.cells, shown, strict=True):
        end = start + cell.pictures
        dispensable = [place for place in range(end - 1, start, -1) if by_place[place].disposable or place == last]
        if len(dispensable) < cell.pictures - count:
            raise BrokenFilm(f"The repetitions of {cell.frame} in the film cannot be left out.")
        left_out.update(dispensable[: cell.pictures - count])
        start = end
    rank = {place: turn for turn, place in enumerate(place for place in range(segment.pictures) if place not in left_out)}
    kept = tuple(number for number, coded in enumerate(pictures.coded) if coded.place in rank)
    return Turns(kept, tuple(rank[pictures.coded[number].place] for number in kept))


def compose(plan: ReelPlan, heads: Sequence[Pictures], load: Callable[[Segment], Pictures], target: Path) -> None:
    """Write the film of `plan` to `target`, whole and on the disk (fsync) when this returns; not yet checked.

    heads: of the plan's segments, whose pictures need no data.  load: gives a segment's pictures.
    Raises what `load` raises, StorageTrouble (the disk refuses) and RenderFailed (anything else); the text names the file.
    """
    shown = of_segments(plan)
    orders = [turns(head, segment, counts) for head, segment, counts in zip(heads, plan.segments, shown, strict=True)]
    clock = Clock.of(plan)
    options = {"movflags": "+faststart", "fflags": "+bitexact", "video_track_timescale": str(plan.timescale), "movie_timescale": str(plan.timescale)}
    with _writing(target):
        with av.open(_url(target), "w", format="mp4", options=options) as film:
            stream = add_stream(film, plan.coding, _rate(plan))
            stream.codec_context.open()
            headers = bytes(stream.codec_context.extradata or b"")
            _describe(film, plan)
            tick, times = Fraction(1, plan.timescale), iter(_times(clock, orders))
            for segment, order in zip(plan.segments, orders, strict=True):
                pictures = load(segment)
                if pictures.headers != headers:
                    raise RenderFailed(f"The film {target} could not be made: its segments were made by another encoder.")
                for kept in order.kept:
                    packet = av.Packet(pictures.coded[kept].data)
                    packet.stream, packet.time_base = stream, tick
                    packet.pts, packet.dts, packet.duration = next(times)
                    packet.is_keyframe = pictures.coded[kept].key
                    film.mux_one(packet)
        with target.open("rb") as written:
            os.fsync(written.fileno())


def of_segments(plan: ReelPlan) -> list[tuple[int, ...]]:
    """`plan.shown`, segment by segment."""
    ends = list(accumulate(len(segment.cells) for segment in plan.segments))
    return [plan.shown[end - len(segment.cells) : end] for segment, end in zip(plan.segments, ends, strict=True)]


def _times(clock: Clock, orders: Sequence[Turns]) -> list[tuple[int, int, int]]:
    """When each picture of the film, in the order of decoding, is shown, when it is decoded, and how long it lasts, in ticks.

    It is decoded when the picture so many turns before is shown, so never after its own time.  MP4 tells how long a film is twice: by when the last picture
    ends, and by the times between decodings.  The last one to be decoded is decoded and lasts such that both are right, also when photos last differently.
    """
    delay, ends, answer = max(order.delay for order in orders), clock.starts, list[tuple[int, int, int]]()
    turn = 0
    for order in orders:
        for place in order.turns:
            number, shown_at = len(answer), ends[turn + place]
            decoded_at = ends[number - delay] if number >= delay else (number - delay) * clock.short
            answer.append((shown_at, decoded_at, ends[turn + place + 1] - shown_at))
        turn += len(order.turns)
    shown_at, decoded_at, _ = answer[-1]
    decoded_at = max(decoded_at, shown_at - delay * clock.short)
    answer[-1] = shown_at, decoded_at, ends[-1] - delay * clock.short - decoded_at
    return answer


def _rate(plan: ReelPlan) -> Fraction:
    return Fraction(len(plan.durations) * plan.timescale, sum(plan.durations)).limit_denominator(1001)


def _describe(film: av.container.OutputContainer, plan: ReelPlan) -> None:
    if plan.title:
        film.metadata["title"] = plan.title
    if plan.chapters:
        starts = [plan.begins[chapter.photo] for chapter in plan.chapters]
        ends = [*starts[1:], sum(plan.durations)]
        film.set_chapters([
            {"id": number, "start": start, "end": end, "time_base": Fraction(1, plan.timescale), "metadata": {"title": chapter.name}}
            for number, (chapter, start, end) in enumerate(zip(plan.chapters, starts, ends, strict=True))
        ])  # fmt: skip


# -- checking ----------------------------------------------------------------------------------------------------------


def verify(path: Path, plan: ReelPlan) -> None:
    """Read every packet of the film at `path`, without decoding what was decoded when its segment was made, and return if it is the film of `plan`.

    Raises BrokenFilm, with a sentence that names the file, unless it holds exactly the plan's pictures, each at its exact time, of the right size
    and kind, with a keyframe at every seam and no other, and lasts as long as the plan.
    """
    try:
        with av.open(_url(path), "r", format="mp4", metadata_errors="replace") as film:
            problem = _problem(film, plan)
    except (av.FFmpegError, OSError) as error:
        raise BrokenFilm(f"The film {path} can't be read back: {_reason(error)}.") from error
    if problem:
        raise BrokenFilm(f"The film {path} is not what it should be: {problem}.")


def _problem(film: InputContainer, plan: ReelPlan) -> str | None:
    """What is wrong with an opened film, as the end of a sentence; None if nothing is."""
    coding, clock = plan.coding, Clock.of(plan)
    if len(film.streams.video) != 1 or film.streams.audio or (len(film.streams) != 1 and not plan.chapters):
        return "it holds something else than one video"
    stream = film.streams.video[0]
    codec = stream.codec_context
    if codec is None or (codec.name, codec.codec_tag) != (DECODERS[coding.codec], TAGS[coding.codec]):  # None, despite its type, for an unknown codec
        return f"it is not {coding.codec.upper()}"
    if (codec.width, codec.height) != (coding.width, coding.height):
        return f"it is {codec.width} x {codec.height} pixels large"
    times: list[int] = []
    keys: list[int] = []
    per_tick = Fraction(1, plan.timescale)
    for packet in film.demux(stream):
        if packet.pts is None:  # the last, empty packet only empties the decoder
            continue
        if packet.is_corrupt or not packet.size:
            return f"the picture at {float(packet.pts * packet.time_base):.3f} s is damaged"
        if packet.time_base != per_tick:
            return "its clock is another one"
        times.append(packet.pts)
        if packet.is_keyframe:
            keys.append(packet.pts)
    if len(times) != len(plan.durations):
        return f"it has {len(times)} pictures instead of {len(plan.durations)}"
    if tuple(sorted(times)) != clock.starts[:-1]:
        return "its pictures are not at their times"
    firsts = accumulate((sum(counts) for counts in of_segments(plan)), initial=0)
    if keys != [clock.starts[first] for first, _ in zip(firsts, plan.segments, strict=False)]:
        return "its keyframes are not at its seams"
    if stream.duration is None or stream.time_base is None or stream.duration * stream.time_base != plan.seconds:
        return f"it does not last {float(plan.seconds):.3f} s"
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
