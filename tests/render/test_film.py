"""What a film promises: checked on real films, made of real JPEG files and decoded again."""

from __future__ import annotations

import os
import re
import struct
from contextlib import nullcontext
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest
from av.bitstream import BitStreamFilterContext
from av.container import OutputContainer

from photodiary.diary.reel import PRESETS, ReelPlan, ReelStyle
from photodiary.errors import BrokenFilm, FrameBroken, StorageTrouble
from photodiary.render.film import encode, verify

WIDTH, HEIGHT = 64, 80
SAMPLING = {"420": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420, "444": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444}
Picture = npt.NDArray[np.uint8]  # (height, width, 3) RGB


def jpeg(rgb: Picture, sampling: str = "420") -> bytes:
    options = [cv2.IMWRITE_JPEG_QUALITY, 98, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, SAMPLING[sampling]]
    return cv2.imencode(".jpg", rgb[..., ::-1], options)[1].tobytes()


def blobs(seed: int, width: int = WIDTH, height: int = HEIGHT) -> Picture:
    """A smooth colourful picture, another one for every seed."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def plan_of(root: Path, count: int, rate: int = 12, **style: Any) -> ReelPlan:
    names = tuple(f"{number:03}.jpg" for number in range(count))
    for seed, name in enumerate(names):
        (root / name).write_bytes(jpeg(blobs(seed)))
    return ReelPlan(names, WIDTH, HEIGHT, ReelStyle(photos_per_second=rate, **style))


class Film(NamedTuple):
    """All that another program can read from a film."""

    times: list[Fraction]  # of the packets, in decoding order
    durations: list[Fraction]
    keys: list[bool]
    frames: list[av.VideoFrame]  # in the order they are shown
    length: Fraction  # the stream's, in seconds
    whole: int  # the container's, in microseconds
    metadata: dict[str, str]
    codec: tuple[str, str, str | None]


def read(path: Path) -> Film:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert len(container.streams) == 1
        packets = [packet for packet in container.demux(stream) if packet.pts is not None]
        assert stream.duration is not None
        assert stream.time_base is not None
        assert container.duration is not None
        container.seek(0)
        frames = list(container.decode(stream))
        return Film(
            [packet.pts * packet.time_base for packet in packets if packet.pts is not None],
            [(packet.duration or 0) * packet.time_base for packet in packets],
            [packet.is_keyframe for packet in packets],
            frames,
            stream.duration * stream.time_base,
            container.duration,
            {**container.metadata, **stream.metadata},
            (stream.codec_context.name, stream.codec_context.codec_tag, stream.codec_context.profile),
        )


def rgb_of(frame: av.VideoFrame) -> npt.NDArray[np.float64]:
    """The colours a player shows: ITU-R BT.709-6, limited range, written out here so that no library has to be believed."""
    y, u, v = (np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width].astype(float) for plane in frame.planes)
    u, v = (np.kron(plane - 128, np.ones((2, 2))) / 224 for plane in (u, v))
    y = (y - 16) / 219
    red, blue = y + 1.5748 * v, y + 1.8556 * u
    green = (y - 0.2126 * red - 0.0722 * blue) / 0.7152
    return np.asarray(np.clip(np.stack([red, green, blue], -1) * 255, 0, 255), np.float64)


def top_boxes(data: bytes) -> list[bytes]:
    names, offset = [], 0
    while offset < len(data):
        size, name = struct.unpack_from(">I4s", data, offset)
        names.append(name)
        offset += size
    assert offset == len(data)
    return names


# -- time --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [1, 12, 24, 25, 30, 60])
@pytest.mark.parametrize("count", [1, 2, 31])
def test_every_photo_is_shown_at_its_exact_time(tmp_path: Path, rate: int, count: int) -> None:
    """Photo i is shown from exactly i/rate for exactly 1/rate, the last one too, and a keyframe begins each second."""
    plan = plan_of(tmp_path, count, rate)
    encode(plan, tmp_path, tmp_path / "film")
    film = read(tmp_path / "film")
    assert sorted(film.times) == [Fraction(number, rate) for number in range(count)]
    assert film.durations == [Fraction(1, rate)] * count
    assert [frame.pts * frame.time_base for frame in film.frames] == sorted(film.times)  # type: ignore[operator]
    assert [time for time, key in zip(film.times, film.keys, strict=True) if key] == [Fraction(n) for n in range((count - 1) // rate + 1)]
    assert film.length == plan.seconds
    assert film.whole == round(plan.seconds * 1_000_000)
    verify(tmp_path / "film", plan)


def test_the_film_shows_each_photo_in_its_place(tmp_path: Path) -> None:
    """Frame i of the film is photo i of the plan, none swapped, dropped or doubled."""
    plan = plan_of(tmp_path, 30)
    encode(plan, tmp_path, tmp_path / "film")
    shown = [rgb_of(frame) for frame in read(tmp_path / "film").frames]
    assert len(shown) == 30
    for number, picture in enumerate(shown):
        off = [np.abs(picture - blobs(seed)).mean() for seed in range(30)]
        assert np.argmin(off) == number
        assert off[number] < 8


def test_every_second_can_be_shown_by_itself(tmp_path: Path) -> None:
    """Groups of pictures are closed: a decoder that begins at any keyframe shows the very same pictures."""
    plan = plan_of(tmp_path, 36)
    encode(plan, tmp_path, tmp_path / "film")
    whole = read(tmp_path / "film").frames
    for start in (12, 24):
        with av.open(str(tmp_path / "film")) as container:
            stream = container.streams.video[0]
            assert stream.time_base is not None
            container.seek(int(Fraction(start, 12) / stream.time_base), stream=stream)
            late = list(container.decode(stream))
        assert [frame.pts for frame in late] == [frame.pts for frame in whole[start:]]
        assert all(np.array_equal(rgb_of(a), rgb_of(b)) for a, b in zip(late, whole[start:], strict=True))


# -- format ------------------------------------------------------------------------------------------------------------


def test_every_player_can_show_it_at_once(tmp_path: Path) -> None:
    """H.264 High in yuv420p, tagged avc1, marked as bt709 in limited range, its index before its pictures."""
    plan = plan_of(tmp_path, 13)
    encode(plan, tmp_path, tmp_path / "film")
    film = read(tmp_path / "film")
    assert film.codec == ("h264", "avc1", "High")
    boxes = top_boxes((tmp_path / "film").read_bytes())
    assert boxes[0] == b"ftyp"
    assert boxes.index(b"moov") < boxes.index(b"mdat")
    assert b"colrnclx\x00\x01\x00\x01\x00\x01\x00" in (tmp_path / "film").read_bytes()  # primaries, transfer, matrix, limited
    for frame in film.frames:
        assert (frame.width, frame.height, frame.format.name) == (WIDTH, HEIGHT, "yuv420p")
        assert (frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range) == (1, 1, 1, 1)


def test_the_stream_itself_says_how_to_show_it(tmp_path: Path) -> None:
    """Rate, colours and the place of the colour samples stand in H.264's own headers, for players that read no others."""
    plan = plan_of(tmp_path, 2)
    encode(plan, tmp_path, tmp_path / "film")
    av.logging.set_level(av.logging.INFO)
    try:
        with av.logging.Capture() as log, av.open(str(tmp_path / "film")) as container:
            stream = container.streams.video[0]
            trace = BitStreamFilterContext("trace_headers", stream)
            trace.filter(next(container.demux(stream)))
    finally:
        av.logging.set_level(None)
    said = dict(re.findall(r"(\w+) +[01]+ = (\d+)", "".join(line for _, _, line in log)))
    expected = {
        "num_units_in_tick": 1,
        "time_scale": 24,  # two fields a frame
        "fixed_frame_rate_flag": 1,
        "video_full_range_flag": 0,
        "colour_primaries": 1,
        "transfer_characteristics": 1,
        "matrix_coefficients": 1,
        "chroma_sample_loc_type_top_field": 1,  # in the middle of 2 x 2 pixels
    }
    assert {name: int(said[name]) for name in expected} == expected


def test_the_same_plan_gives_the_same_bytes(tmp_path: Path) -> None:
    """Two renders of one plan are bit-identical, so a film's checksum says whether it is that film."""
    plan = ReelPlan(("a.jpg", "b.jpg"), 256, 512, ReelStyle())  # large enough for x264 to want several threads
    for seed, name in enumerate(plan.frames):
        (tmp_path / name).write_bytes(jpeg(blobs(seed, 256, 512)))
    encode(plan, tmp_path, tmp_path / "one")
    encode(plan, tmp_path, tmp_path / "other name")
    data = (tmp_path / "one").read_bytes()
    assert data == (tmp_path / "other name").read_bytes()
    assert b" threads=1 " in data  # x264 notes its settings; more threads would be other bytes on another machine


def test_a_film_carries_nothing_but_pictures(tmp_path: Path) -> None:
    """No time of making, place, device, file name or other metadata of a frame gets into a film."""
    plan = plan_of(tmp_path, 2)
    plain = jpeg(blobs(0))
    secret = b"Exif\x00\x00 taken at 48.2, 16.37 with a Telephone by Somebody"
    (tmp_path / "000.jpg").write_bytes(plain[:2] + b"\xff\xe1" + struct.pack(">H", len(secret) + 2) + secret + plain[2:])
    encode(plan, tmp_path, tmp_path / "film")
    data = (tmp_path / "film").read_bytes()
    assert not any(trace in data for trace in (b"Somebody", b"48.2", b"000.jpg", bytes(tmp_path), b"Lavf", b"Lavc"))
    assert set(read(tmp_path / "film").metadata) <= {
        "major_brand",
        "minor_version",
        "compatible_brands",
        "language",
        "handler_name",
        "vendor_id",
    }
    header = data.index(b"mvhd")
    assert data[header + 8 : header + 16] == bytes(8)  # creation and modification time


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_makes_a_right_film(tmp_path: Path, preset: str) -> None:
    """Whatever preset is chosen, the film keeps its times, keyframes and colours."""
    plan = plan_of(tmp_path, 14, preset=preset)
    encode(plan, tmp_path, tmp_path / "film")
    verify(tmp_path / "film", plan)


# -- colour ------------------------------------------------------------------------------------------------------------

COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (128, 128, 128), (255, 255, 0), (224, 172, 145), (60, 90, 40)]


@pytest.mark.parametrize("sampling", ["420", "444"])
@pytest.mark.parametrize(("width", "height"), [(64, 80), (90, 122), (18, 22)])
def test_colours_come_back_true(tmp_path: Path, sampling: str, width: int, height: int) -> None:
    """Red, green, blue, white, black, grey and skin leave the film as they were in the photo, to 4 of 255 levels."""
    plan = ReelPlan(tuple(f"{number}.jpg" for number in range(len(COLOURS))), width, height, ReelStyle(crf=4))
    for name, colour in zip(plan.frames, COLOURS, strict=True):
        (tmp_path / name).write_bytes(jpeg(np.full((height, width, 3), colour, np.uint8), sampling))
    encode(plan, tmp_path, tmp_path / "film")
    for frame, colour in zip(read(tmp_path / "film").frames, COLOURS, strict=True):
        assert np.abs(rgb_of(frame) - colour).max() <= 4, colour
        by_ffmpeg = frame.to_ndarray(format="rgb24", src_colorspace="ITU709", src_color_range="MPEG").astype(float)
        assert np.abs(by_ffmpeg - colour).max() <= 6, colour


@pytest.mark.parametrize("sampling", ["420", "444"])
def test_a_grey_ramp_stays_grey_and_even(tmp_path: Path, sampling: str) -> None:
    """From black to white no step is lost, shifted or tinted by more than 3 of 255 levels, and on average none at all."""
    ramp = np.repeat(np.tile(np.arange(256, dtype=np.uint8), (32, 1))[..., None], 3, -1)
    (tmp_path / "ramp.jpg").write_bytes(jpeg(ramp, sampling))
    plan = ReelPlan(("ramp.jpg",), 256, 32, ReelStyle(crf=1))
    encode(plan, tmp_path, tmp_path / "film")
    off = rgb_of(read(tmp_path / "film").frames[0]) - ramp
    assert np.abs(off).max() <= 3
    assert abs(off.mean()) < 0.3


def test_both_kinds_of_colour_sampling_look_alike(tmp_path: Path) -> None:
    """4:2:0 and 4:4:4 frames of one photo may be mixed: colour lies in the same place in both."""
    across = np.linspace(0, 255, WIDTH).astype(np.uint8)
    rgb = np.stack([np.tile(across, (HEIGHT, 1)), np.full((HEIGHT, WIDTH), 128, np.uint8), np.tile(across[::-1], (HEIGHT, 1))], -1)
    (tmp_path / "420.jpg").write_bytes(jpeg(rgb, "420"))
    (tmp_path / "444.jpg").write_bytes(jpeg(rgb, "444"))
    encode(ReelPlan(("420.jpg", "444.jpg"), WIDTH, HEIGHT, ReelStyle(crf=1)), tmp_path, tmp_path / "film")
    one, other = (rgb_of(frame) for frame in read(tmp_path / "film").frames)
    assert np.abs((one - other).mean(axis=(0, 1))).max() < 1  # half a pixel's shift would be 2


# -- frames that are no good -------------------------------------------------------------------------------------------


def middle_gone(data: bytes) -> bytes:
    return data[: len(data) // 2] + b"\xff\xd9"


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (None, "missing"),
        (lambda data: b"", "cut short"),
        (lambda data: data[:-40], "cut short"),
        (middle_gone, "can't be read"),
        (lambda data: b"no photo at all" + data[-2:], "can't be read"),
        (lambda data: jpeg(blobs(1, 96, 64)), "96 x 64 pixels, but the film has 64 x 80"),
        (lambda data: cv2.imencode(".jpg", np.zeros((HEIGHT, WIDTH), np.uint8))[1].tobytes(), "not a JPEG of our kind"),
    ],
)
def test_a_bad_frame_is_named(tmp_path: Path, damage: Any, said: str) -> None:
    """A frame that is missing, cut, damaged, grey or of another size is an error that names it, never a wrong picture."""
    plan = plan_of(tmp_path, 14)
    bad = tmp_path / "007.jpg"
    data = bad.read_bytes()
    bad.unlink()
    if damage is not None:
        bad.write_bytes(damage(data))
    with pytest.raises(FrameBroken, match=rf"007\.jpg .*{said}"):
        encode(plan, tmp_path, tmp_path / "film")


def test_the_film_is_on_the_disk_when_encode_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The finished file is handed to the disk (fsync), so that publishing it by rename survives a power loss."""
    synced: list[os.stat_result] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor)))
    encode(plan_of(tmp_path, 2), tmp_path, tmp_path / "film")
    (at_sync,) = synced
    now = (tmp_path / "film").stat()
    assert (at_sync.st_ino, at_sync.st_size, at_sync.st_mtime_ns) == (now.st_ino, now.st_size, now.st_mtime_ns)


def test_a_disk_that_refuses_is_storage_trouble(tmp_path: Path) -> None:
    """A full disk and a missing folder are told apart from bad frames, and name the film."""
    plan = plan_of(tmp_path, 2)
    with pytest.raises(StorageTrouble, match="/dev/full can't be written: No space left on device"):
        encode(plan, tmp_path, Path("/dev/full"))
    with pytest.raises(StorageTrouble, match="gone/film can't be written: No such file"):
        encode(plan, tmp_path, tmp_path / "gone" / "film")


# -- verify ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, ReelPlan]:
    root = tmp_path_factory.mktemp("made")
    plan = plan_of(root, 26)
    encode(plan, root, root / "film")
    return (root / "film").read_bytes(), plan


@pytest.mark.parametrize("cut", [1, 2, 17, 500, 5_000, 15_000, -1100, -445, -400, -300, -32, -1])
def test_a_truncated_film_is_refused(tmp_path: Path, made: tuple[bytes, ReelPlan], cut: int) -> None:
    """A film cut anywhere, by a byte or by nearly all of them, is refused by name."""
    data, plan = made
    (tmp_path / "film").write_bytes(data[:-cut])
    with pytest.raises(BrokenFilm, match=f"The film {tmp_path}/film "):
        verify(tmp_path / "film", plan)


def test_a_damaged_film_is_refused(tmp_path: Path, made: tuple[bytes, ReelPlan]) -> None:
    """Pictures that the decoder has to guess are found, though the index is whole and every frame comes out."""
    data, plan = made
    said = []
    for at in range(3_000, len(data) - 500, 500):
        (tmp_path / "film").write_bytes(data[:at] + b"\xaa" * 60 + data[at + 60 :])
        try:
            verify(tmp_path / "film", plan)
        except BrokenFilm as error:
            said.append(str(error))
    assert any(re.search(r"frame \d+ is damaged\.$", sentence) for sentence in said)


def test_damaged_words_do_not_matter(tmp_path: Path, made: tuple[bytes, ReelPlan]) -> None:
    """Text in the file that is not UTF-8 is not an error of another kind."""
    data, plan = made
    assert b"VideoHandler" in data
    (tmp_path / "film").write_bytes(data.replace(b"VideoHandler", b"Video\xf0andler"))
    verify(tmp_path / "film", plan)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"frames": ("x",) * 25}, "26 frames, of which 26 can be shown, instead of 25"),
        ({"frames": ("x",) * 27}, "26 frames, of which 26 can be shown, instead of 27"),
        ({"width": 80, "height": 64}, "64 x 80"),
        ({"style": ReelStyle(photos_per_second=13)}, "not shown for 1/13 s"),
        ({"style": ReelStyle(photos_per_second=24)}, "not shown for 1/24 s"),
    ],
)
def test_a_film_of_another_plan_is_refused(tmp_path: Path, made: tuple[bytes, ReelPlan], change: dict[str, Any], said: str) -> None:
    """A film with one frame too few or too many, of another size or another speed, is refused with what is wrong."""
    data, plan = made
    (tmp_path / "film").write_bytes(data)
    verify(tmp_path / "film", plan)
    with pytest.raises(BrokenFilm, match=said):
        verify(tmp_path / "film", replace(plan, **change))


def mux(container: OutputContainer, packets: list[av.Packet[Any]]) -> None:
    for packet in packets:
        packet.duration = 1
        container.mux(packet)


def foreign_film(path: Path, colour: int, keys: int, times: list[int], clock: int) -> None:
    """A film by another hand: all bt709 or unmarked (2), a keyframe every `keys` frames, frames at `times` / 12 s.

    `clock`: ticks a second in which the whole length is written.
    """
    with av.open(str(path), "w", format="mp4", options={"movie_timescale": str(clock)}) as container:
        stream = container.add_stream("libx264", rate=12, options={"x264-params": f"keyint={keys}:min-keyint={keys}:scenecut=0"})
        codec = stream.codec_context
        codec.width, codec.height, codec.pix_fmt, codec.codec_tag, codec.time_base = WIDTH, HEIGHT, "yuv420p", "avc1", Fraction(1, 12)
        codec.color_primaries = codec.color_trc = codec.colorspace = colour
        codec.color_range = 1
        for number, at in enumerate(times):
            frame = av.VideoFrame.from_ndarray(blobs(number), format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = at, Fraction(1, 12)
            frame.color_primaries = frame.color_trc = frame.colorspace = colour
            mux(container, stream.encode(frame))
        mux(container, stream.encode(None))


@pytest.mark.parametrize(
    ("colour", "keys", "times", "clock", "said"),
    [
        (1, 12, list(range(14)), 12, None),
        (2, 12, list(range(14)), 12, "not marked as bt709"),
        (1, 7, list(range(14)), 12, "keyframes are not at the full seconds"),
        (1, 24, list(range(14)), 12, "keyframes are not at the full seconds"),
        (1, 12, [*range(13), 14], 12, "frames are not at their times"),
        (1, 12, list(range(14)), 1000, "does not last 1.167 s"),
    ],
)
def test_a_film_unlike_ours_is_refused(tmp_path: Path, colour: int, keys: int, times: list[int], clock: int, said: str | None) -> None:
    """Wrong colour marks, missing or extra keyframes, uneven times and a rounded length are refused, whoever made the film."""
    foreign_film(tmp_path / "film", colour, keys, times, clock)
    plan = plan_of(tmp_path, 14)
    with nullcontext() if said is None else pytest.raises(BrokenFilm, match=said):
        verify(tmp_path / "film", plan)


@pytest.mark.parametrize("content", [None, b"", b"no film"])
def test_what_is_no_film_is_refused(tmp_path: Path, content: bytes | None) -> None:
    """A missing, empty or foreign file is a broken film, not another kind of error."""
    if content is not None:
        (tmp_path / "film").write_bytes(content)
    with pytest.raises(BrokenFilm, match=r"/film can't be read back"):
        verify(tmp_path / "film", plan_of(tmp_path, 1))
