"""What a film promises: checked on real films, made of real JPEG files and decoded again."""

from __future__ import annotations

import os
import re
import struct
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.bitstream import BitStreamFilterContext

from photodiary.diary.reel import QUICK, Cell, Chapter, Coding, ReelPlan, chain, seams
from photodiary.errors import BrokenFilm, RenderFailed, StorageTrouble
from photodiary.render.coding import headers
from photodiary.render.film import compose, of_segments, turns, verify
from photodiary.render.segment import Pictures, unpack

from .films import HEIGHT, SMALL, TICKS, WIDTH, archive, blobs, digest, frame, jpeg, make, name, pixels, plan_of, read, top_boxes, who

COUNT = 26
SEAMS = seams([digest(number) for number in range(COUNT)])


def parts(root: Path, plan: ReelPlan) -> list[Pictures]:
    """The segments of a plan as they lie in the archive."""
    found = [unpack((root / f"segments/{segment.fingerprint}.segment").read_bytes()) for segment in plan.segments]
    assert None not in found
    return [pictures for pictures in found if pictures is not None]


# -- time --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [1, 12, 30, 60])
@pytest.mark.parametrize(("count", "codec"), [(1, "h264"), (2, "h264"), (31, "h264"), (31, "h265")])
def test_every_photo_is_shown_at_its_exact_time(tmp_path: Path, rate: int, count: int, codec: str) -> None:
    """Photo i is shown from exactly i/rate for exactly 1/rate, the last one too, and a keyframe begins each segment and nothing else."""
    plan = plan_of(range(count), rate, replace(SMALL, codec=codec))
    make(plan, archive(tmp_path, count))
    film = read(tmp_path / "film")
    assert sorted(film.times) == [Fraction(number, rate) for number in range(count)]
    assert film.durations == [Fraction(1, rate)] * count
    assert all(decoded <= shown for decoded, shown in zip(film.decoded_at, film.times, strict=True)) and sorted(set(film.decoded_at)) == film.decoded_at
    assert [picture.pts * picture.time_base for picture in film.frames] == sorted(film.times)  # type: ignore[operator]
    wanted = seams([digest(number) for number in range(count)])
    assert [time * rate for time, key in zip(film.times, film.keys, strict=True) if key] == wanted
    assert film.length == plan.seconds
    assert film.whole == round(plan.seconds * 1_000_000)


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_photos_of_any_length_are_shown_at_their_times(tmp_path: Path, codec: str) -> None:
    """In a film that is true to time, or holds its first and last photo, each picture has its own time, though others are decoded before it."""
    ticks = tuple(4321 + 977 * (number * number % 7) + 60_000 * (number in (0, COUNT - 1)) for number in range(COUNT))
    plan = plan_of(range(COUNT), coding=replace(SMALL, codec=codec, preset="veryfast"), timescale=90_000, ticks=ticks)
    make(plan, archive(tmp_path, COUNT))
    film = read(tmp_path / "film")
    assert sorted(film.times) == [Fraction(begin, 90_000) for begin in plan.begins]
    assert film.times != sorted(film.times), "pictures are decoded in another order than they are shown"
    assert all(decoded <= shown for decoded, shown in zip(film.decoded_at, film.times, strict=True)) and sorted(set(film.decoded_at)) == film.decoded_at
    assert sum(film.durations) == film.length == plan.seconds == Fraction(sum(ticks), 90_000)
    assert who(film.frames, range(COUNT)) == list(range(COUNT))


def steady(spans: list[int], fps: int, coding: Coding) -> ReelPlan:
    """A steady film whose photo i shows `spans[i]` pictures of one more that were encoded."""
    cells = [Cell(frame(number), pictures=span + (coding.codec == "h264")) for number, span in enumerate(spans)]
    return ReelPlan(chain(cells, [digest(number) for number in range(len(spans))], coding), fps * TICKS, (TICKS,) * len(spans), tuple(spans))


@pytest.mark.parametrize("fps", [24, 25, 30, 60])
@pytest.mark.parametrize(("codec", "preset"), [("h264", "ultrafast"), ("h264", "veryfast"), ("h265", "veryfast")])
def test_repetitions_that_are_left_out_are_not_missed(tmp_path: Path, fps: int, codec: str, preset: str) -> None:
    """In a steady film every picture is at its time and shows the photo whose turn it is, also where repetitions were left out, and no decoder complains."""
    spans = [1 + number * number % 5 for number in range(COUNT)]
    spans[7] = 33
    plan = steady(spans, fps, Coding(WIDTH, HEIGHT, WIDTH, HEIGHT, codec, preset=preset, steady=True))
    make(plan, archive(tmp_path, COUNT))
    film = read(tmp_path / "film")
    assert sorted(film.times) == [Fraction(number, fps) for number in range(sum(spans))]
    assert film.length == plan.seconds and sum(film.durations) == film.length
    assert all(decoded <= shown for decoded, shown in zip(film.decoded_at, film.times, strict=True)) and sorted(set(film.decoded_at)) == film.decoded_at
    assert who(film.frames, range(COUNT)) == [number for number, span in enumerate(spans) for _ in range(span)]


def test_what_is_needed_is_never_left_out(tmp_path: Path) -> None:
    """A picture that others refer to stays: a plan that asks for more to be left out than can be is refused by name."""
    plan = steady([1] * COUNT, 25, replace(SMALL, steady=True))
    make(plan, archive(tmp_path, COUNT))
    for pictures, segment, shown in zip(parts(tmp_path, plan), plan.segments, of_segments(plan), strict=True):
        order = turns(pictures, segment, shown)
        left_out = {coded for number, coded in enumerate(pictures.coded) if number not in order.kept}
        assert all(coded.disposable or coded == pictures.coded[-1] for coded in left_out) and len(left_out) == len(segment.cells)
        with pytest.raises(BrokenFilm, match="repetitions of frames/[0-9]+.jpg in the film cannot be left out"):
            turns(replace(pictures, coded=tuple(replace(coded, disposable=False) for coded in pictures.coded)), segment, shown)


# -- what it shows -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_the_film_shows_each_photo_in_its_place(tmp_path: Path, codec: str) -> None:
    """Picture i of the film is photo i of the plan, none swapped, dropped or doubled; the same photo may be there twice."""
    order = [*range(20), 3, *range(20, 30)]
    make(plan_of(order, coding=Coding(WIDTH, HEIGHT, WIDTH, HEIGHT, codec)), archive(tmp_path, 30))
    assert who(read(tmp_path / "film").frames, range(30)) == order


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_every_segment_can_be_shown_by_itself(tmp_path: Path, codec: str) -> None:
    """Groups of pictures are closed: a decoder that begins at any keyframe shows the very same pictures."""
    plan = plan_of(range(COUNT), coding=Coding(WIDTH, HEIGHT, WIDTH, HEIGHT, codec))
    make(plan, archive(tmp_path, COUNT))
    whole = read(tmp_path / "film").frames
    assert len(SEAMS) > 1
    for start in SEAMS[1:]:
        with av.open(str(tmp_path / "film")) as container:
            stream = container.streams.video[0]
            container.seek(plan.begins[start], stream=stream)
            late = list(container.decode(stream))
        assert [picture.pts for picture in late] == [picture.pts for picture in whole[start:]]
        assert pixels(late) == pixels(whole[start:])


# -- format ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("codec", "is_codec"), [("h264", ("h264", "avc1", "High")), ("h265", ("hevc", "hvc1", "Main"))])
def test_every_player_can_show_it_at_once(tmp_path: Path, codec: str, is_codec: tuple[str, str, str]) -> None:
    """H.264 High or H.265 Main in yuv420p, under the name that Apple's players take too, marked as bt709 in limited range, its index before its pictures."""
    plan = plan_of(range(13), coding=Coding(WIDTH, HEIGHT, WIDTH, HEIGHT, codec))
    make(plan, archive(tmp_path, 13))
    film, data = read(tmp_path / "film"), (tmp_path / "film").read_bytes()
    assert film.codec == is_codec
    boxes = top_boxes(data)
    assert boxes[0] == b"ftyp"
    assert boxes.index(b"moov") < boxes.index(b"mdat")
    assert b"colrnclx\x00\x01\x00\x01\x00\x01\x00" in data  # primaries, transfer, matrix, limited
    for picture in film.frames:
        assert (picture.width, picture.height, picture.format.name) == (WIDTH, HEIGHT, "yuv420p")
        assert (picture.color_primaries, picture.color_trc, picture.colorspace, picture.color_range) == (1, 1, 1, 1)


def trace(path: Path) -> dict[str, int]:
    """What stands in the headers of a film's stream."""
    av.logging.set_level(av.logging.INFO)
    try:
        with av.logging.Capture() as log, av.open(str(path)) as container:
            stream = container.streams.video[0]
            filtered = BitStreamFilterContext("trace_headers", stream)
            filtered.filter(next(container.demux(stream)))
    finally:
        av.logging.set_level(None)
    said = dict(re.findall(r"(\w+) +[01]+ = (\d+)", "".join(line for _, _, line in log)))
    return {key: int(value) for key, value in said.items()}


@pytest.mark.parametrize(("rate", "size", "level"), [(30, (WIDTH, HEIGHT), 30), (QUICK, (WIDTH, HEIGHT), 30), (QUICK, (1280, 720), 32)])
def test_the_stream_itself_says_how_to_show_it(tmp_path: Path, rate: int, size: tuple[int, int], level: int) -> None:
    """Profile, level, colours and the place of the colour samples stand in H.264's own headers, for players that read no others, and no pace."""
    archive(tmp_path, 1, *size)
    make(plan_of([0], coding=Coding(*size, *size, rate=rate)), tmp_path)
    said = trace(tmp_path / "film")
    expected = {
        "profile_idc": 100,
        "level_idc": level,
        "video_full_range_flag": 0,
        "colour_primaries": 1,
        "transfer_characteristics": 1,
        "matrix_coefficients": 1,
        "chroma_sample_loc_type_top_field": 1,  # in the middle of 2 x 2 pixels
    }
    assert {key: said[key] for key in expected} == expected
    assert not said.get("fixed_frame_rate_flag", 0), "only the container's clock knows how long a picture is shown"


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_the_same_plan_gives_the_same_bytes(tmp_path: Path, codec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two renders of one plan are bit-identical, whatever the file is called and however many processors there are."""
    size = (256, 512)  # large enough for encoders to want several threads
    plan = plan_of(range(14), coding=Coding(*size, *size, codec))
    archive(tmp_path, 14, *size)
    make(plan, tmp_path)
    data = (tmp_path / "film").read_bytes()
    for processors in (1, 5) if codec == "h264" else (5,):
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid, processors=processors: set(range(processors)))
        assert make(plan, tmp_path, tmp_path / "other name: 5 %", full=True).encoded == 14
        assert (tmp_path / "other name: 5 %").read_bytes() == data
    if codec == "h264":
        assert b" threads=1 " in data  # x264 notes its settings; more threads would be other bytes on another machine


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_a_film_carries_nothing_but_pictures(tmp_path: Path, codec: str) -> None:
    """No time of making, place, device, file name or other metadata of a frame gets into a film."""
    archive(tmp_path, 2)
    plain = jpeg(blobs(0))
    secret = b"Exif\x00\x00 taken at 48.2, 16.37 with a Telephone by Somebody"
    name(tmp_path, 0).write_bytes(plain[:2] + b"\xff\xe1" + struct.pack(">H", len(secret) + 2) + secret + plain[2:])
    make(plan_of(range(2), coding=replace(SMALL, codec=codec)), tmp_path)
    data = (tmp_path / "film").read_bytes()
    assert not any(trace in data for trace in (b"Somebody", b"48.2", b"000.jpg", b"frames/", os.fsencode(tmp_path), b"Lavf", b"Lavc"))
    assert set(read(tmp_path / "film").metadata) <= {"major_brand", "minor_version", "compatible_brands", "language", "handler_name", "vendor_id"}
    header = data.index(b"mvhd")
    assert data[header + 8 : header + 16] == bytes(8)  # creation and modification time


def test_title_and_chapters_can_be_read(tmp_path: Path) -> None:
    """Players find the title, and each chapter at the exact time of its first photo; beside them there is only the video."""
    names = ("März – „1“", "April", "May")
    plan = plan_of(range(COUNT), 10, title="Us, älter", chapters=tuple(Chapter(photo, said) for photo, said in zip((0, 9, 20), names, strict=True)))
    make(plan, archive(tmp_path, COUNT))
    with av.open(str(tmp_path / "film")) as film:
        assert film.metadata["title"] == "Us, älter"
        told = [(chapter["start"] * chapter["time_base"], chapter["end"] * chapter["time_base"], chapter["metadata"]["title"]) for chapter in film.chapters()]
        assert len(film.streams.video) == 1 and not film.streams.audio
    times = [Fraction(0), Fraction(9, 10), Fraction(2), Fraction(26, 10)]
    assert told == [*zip(times, times[1:], names, strict=False)]
    assert who(read(tmp_path / "film").frames, range(COUNT)) == list(range(COUNT))
    with pytest.raises(BrokenFilm, match="it holds something else than one video"):
        verify(tmp_path / "film", replace(plan, chapters=()))


def test_segments_of_another_encoder_never_get_into_a_film(tmp_path: Path) -> None:
    """Pictures whose headers are not the film's would be garbage on the screen: they are refused before."""
    plan = plan_of(range(COUNT))
    make(plan, archive(tmp_path, COUNT))
    found = parts(tmp_path, plan)
    foreign = dict(zip(plan.segments, [*found[:-1], replace(found[-1], headers=headers(replace(SMALL, preset="medium")))], strict=True))
    with pytest.raises(RenderFailed, match="were made by another encoder"):
        compose(plan, found, foreign.__getitem__, tmp_path / "film")


# -- the disk ----------------------------------------------------------------------------------------------------------


def test_the_film_is_on_the_disk_when_it_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The finished file is handed to the disk (fsync), so that publishing it by rename survives a power loss; so is each segment before it."""
    synced: list[os.stat_result] = []
    archive(tmp_path, 2)
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor)))
    make(plan_of(range(2)), tmp_path)
    (segment,) = (tmp_path / "segments").glob("*.segment")
    for path, at_sync in ((segment, synced[0]), (tmp_path / "film", synced[-1])):
        now = path.stat()
        assert (at_sync.st_ino, at_sync.st_size, at_sync.st_mtime_ns) == (now.st_ino, now.st_size, now.st_mtime_ns)


def test_a_disk_that_refuses_is_storage_trouble(tmp_path: Path) -> None:
    """A full disk and a missing folder are told apart from bad frames, and name the film."""
    plan = plan_of(range(2))
    archive(tmp_path, 2)
    with pytest.raises(StorageTrouble, match="/dev/full can't be written: No space left on device"):
        make(plan, tmp_path, Path("/dev/full"))
    with pytest.raises(StorageTrouble, match="gone/film can't be written: No such file"):
        make(plan, tmp_path, tmp_path / "gone" / "film")
