"""What one segment promises: closed, proved, true in its colours, and never a broken film, whatever becomes of its file."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from photodiary.archive import layout
from photodiary.diary.reel import LONGEST_RUN, Cell, Coding, Segment
from photodiary.diary.reel_style import PRESETS
from photodiary.errors import BrokenFilm, FrameBroken
from photodiary.render import segment as segments
from photodiary.render.blending import blend
from photodiary.render.coding import DECODERS, headers, level
from photodiary.render.reading import FrameReader
from photodiary.render.segment import Coded, Pictures, encode, frame_problem, head_of, pack, prove, unpack

from .films import HEIGHT, SMALL, WIDTH, Picture, archive, blobs, frame, jpeg, make, name, pixels, plan_of, read, rgb_of


def segment_of(root: Path, photos: int, coding: Coding = SMALL, each: int = 1, *, fades: bool = False) -> tuple[Segment, Pictures]:
    """So many photos with `each` pictures of each, encoded."""
    archive(root, photos + fades, coding.frame_width, coding.frame_height)
    made = Segment(tuple(Cell(frame(number), pictures=each) for number in range(photos)), coding, Cell(frame(photos)) if fades else None)
    reader = FrameReader(root, coding.frame_width, coding.frame_height)
    return made, encode(made, lambda number: reader.read(frame(number)), blend, lambda: None)


def decode(pictures: Pictures, coding: Coding) -> list[VideoFrame]:
    """In the order of the screen, by a decoder that takes what it is given."""
    decoder = av.CodecContext.create(DECODERS[coding.codec], "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.extradata, decoder.thread_count = pictures.headers, 1
    shown: list[VideoFrame] = []
    for coded in pictures.coded:
        packet = av.Packet(coded.data)
        packet.pts = coded.place
        shown += decoder.decode(packet)
    return shown + decoder.decode(None)


# -- what it is made of ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", ["h264", "h265"])
@pytest.mark.parametrize("each", [1, 7, LONGEST_RUN + 4])
def test_a_segment_begins_with_its_only_keyframe(tmp_path: Path, codec: str, each: int) -> None:
    """A segment decodes by itself, from its keyframe to its end; a steady one has repetitions of every photo that nothing refers to."""
    coding = replace(SMALL, codec=codec, steady=each > 1)
    segment, pictures = segment_of(tmp_path, 6, coding, each)
    assert [coded.key for coded in pictures.coded] == [True] + [False] * (6 * each - 1)
    shown = decode(pictures, coding)
    assert [picture.pts for picture in shown] == list(range(6 * each)) and pictures.headers == headers(coding)
    off = [np.abs(rgb_of(picture) - blobs(number // each)).mean() for number, picture in enumerate(shown)]
    assert max(off) < 9
    if codec == "h264" and each > 1:
        free = {coded.place for coded in pictures.coded if coded.disposable}
        assert all(free & set(range(number * each + 1, (number + 1) * each)) for number in range(6))
        assert not free & set(range(0, 6 * each, each)), "what carries a photo is needed"
        rest = replace(pictures, coded=tuple(coded for coded in pictures.coded if coded.place not in free))
        assert [(picture.pts, pixels([picture])) for picture in decode(rest, coding)] == [
            (picture.pts, pixels([picture])) for picture in shown if picture.pts not in free
        ]


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("steady", [False, True])
def test_every_preset_makes_a_right_segment(tmp_path: Path, preset: str, steady: bool) -> None:
    """Whatever preset is chosen, a segment is closed, whole, and fits to the headers of its film; each photo can lose a repetition."""
    coding = replace(SMALL, preset=preset, steady=steady)
    each = 3 if steady else 1
    _, pictures = segment_of(tmp_path, 6, coding, each)
    assert pictures.headers == headers(coding)
    last = pictures.coded[-1].place
    free = {coded.place // each for coded in pictures.coded if (coded.disposable or coded.place == last) and coded.place % each}
    assert free == (set(range(6)) if steady else set())


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_between_two_photos_one_shines_through_the_other(tmp_path: Path, codec: str) -> None:
    """In a crossfade each picture is nearer to the next photo than the one before it, the last photo fades into the following segment's first."""
    coding = replace(SMALL, codec=codec, steady=True, crossfade=0.5, crf=4)
    _, pictures = segment_of(tmp_path, 2, coding, 8, fades=True)
    shown = [rgb_of(picture) for picture in decode(pictures, coding)]
    for number in (0, 1):
        one, other = blobs(number).astype(float), blobs(number + 1).astype(float)
        along = (other - one).ravel() / np.square(other - one).sum()
        shares = [float((picture - one).ravel() @ along) for picture in shown[8 * number : 8 * number + 8]]
        assert shares == pytest.approx([0, 0, 0, 0, 0, 0.25, 0.5, 0.75], abs=0.04)


def test_a_blend_is_the_mean_of_two_pictures() -> None:
    """At every share each sample is the weighted mean, rounded; at its ends the picture itself; the marks of the colours stay."""
    rng = np.random.default_rng(1)
    one, other = (VideoFrame.from_ndarray(rng.integers(16, 235, (33, 22), np.uint8), format="yuv420p") for _ in range(2))
    one.color_range = 1
    for share in (0.0, 0.25, 0.5, 1.0):
        wanted = np.floor(one.to_ndarray() * (1 - share) + other.to_ndarray() * share + 0.5)
        mixed = blend(one, other, share)
        assert np.array_equal(mixed.to_ndarray(), wanted) and mixed.color_range == 1


# -- colour ------------------------------------------------------------------------------------------------------------

COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (128, 128, 128), (255, 255, 0), (224, 172, 145), (60, 90, 40)]


def film_of(root: Path, pictures: list[bytes], width: int, height: int, crf: int, codec: str = "h264") -> list[VideoFrame]:
    archive(root)
    for number, data in enumerate(pictures):
        name(root, number).write_bytes(data)
    make(plan_of(range(len(pictures)), coding=Coding(width, height, width, height, codec, crf)), root)
    return read(root / "film").frames


@pytest.mark.parametrize(("width", "height", "sampling", "codec"), [
    (64, 80, "420", "h264"), (64, 80, "444", "h264"), (96, 120, "420", "h265"), (90, 122, "420", "h264"), (90, 122, "444", "h264"), (18, 22, "420", "h264"),
])  # fmt: skip
def test_colours_come_back_true(tmp_path: Path, width: int, height: int, sampling: str, codec: str) -> None:
    """Red, green, blue, white, black, grey and skin leave the film as they were in the photo, to 4 of 255 levels."""
    shown = film_of(tmp_path, [jpeg(np.full((height, width, 3), colour, np.uint8), sampling) for colour in COLOURS], width, height, 4, codec)
    for picture, colour in zip(shown, COLOURS, strict=True):
        assert np.abs(rgb_of(picture) - colour).max() <= 4, colour
        by_ffmpeg = picture.to_ndarray(format="rgb24", src_colorspace="ITU709", src_color_range="MPEG").astype(float)
        assert np.abs(by_ffmpeg - colour).max() <= 6, colour


@pytest.mark.parametrize("sampling", ["420", "444"])
def test_a_grey_ramp_stays_grey_and_even(tmp_path: Path, sampling: str) -> None:
    """From black to white no step is lost, shifted or tinted by more than 3 of 255 levels, and on average none at all."""
    ramp = np.repeat(np.tile(np.arange(256, dtype=np.uint8), (32, 1))[..., None], 3, -1)
    off = rgb_of(film_of(tmp_path, [jpeg(ramp, sampling)], 256, 32, 1)[0]) - ramp
    assert np.abs(off).max() <= 3
    assert abs(off.mean()) < 0.3


def test_both_kinds_of_colour_sampling_look_alike(tmp_path: Path) -> None:
    """4:2:0 and 4:4:4 frames of one photo may be mixed: colour lies in the same place in both."""
    across = np.linspace(0, 255, WIDTH).astype(np.uint8)
    rgb = np.stack([np.tile(across, (HEIGHT, 1)), np.full((HEIGHT, WIDTH), 128, np.uint8), np.tile(across[::-1], (HEIGHT, 1))], -1)
    one, other = (rgb_of(picture) for picture in film_of(tmp_path, [jpeg(rgb, "420"), jpeg(rgb, "444")], WIDTH, HEIGHT, 1))
    assert np.abs((one - other).mean(axis=(0, 1))).max() < 1  # half a pixel's shift would be 2


# -- frames that are no good -------------------------------------------------------------------------------------------


def middle_gone(data: bytes) -> bytes:
    return data[: len(data) // 2] + b"\xff\xd9"


def grey() -> bytes:
    return cv2.imencode(".jpg", np.zeros((HEIGHT, WIDTH), np.uint8))[1].tobytes()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (None, "is missing"),
        (lambda data: b"", "is cut short"),
        (lambda data: data[:-40], "is cut short"),
        (middle_gone, "can't be read"),
        (lambda data: b"no photo at all" + data[-2:], "can't be read"),
        (lambda data: jpeg(blobs(1, 96, 64)), "is 96 x 64 instead of 96 x 120 pixels"),
        (lambda data: grey(), "is not a JPEG of our kind"),
    ],
)
def test_a_bad_frame_is_named(tmp_path: Path, damage: Callable[[bytes], bytes] | None, said: str) -> None:
    """A frame that is missing, cut, damaged, grey or of another size is an error that names it, never a wrong picture; no film is left of it."""
    plan = plan_of(range(14))
    bad = name(archive(tmp_path, 14), 7)
    data = bad.read_bytes()
    bad.unlink()
    if damage is not None:
        bad.write_bytes(damage(data))
    with pytest.raises(FrameBroken, match=rf"frames/007\.jpg {said.replace('(', '[(]')}.*it has to be made again") as told:
        make(plan, tmp_path)
    assert told.value.frame == frame(7) and not (tmp_path / "film").exists()
    bad.write_bytes(data)
    make(plan, tmp_path)


# -- proving -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_a_segment_is_proved_before_it_counts(tmp_path: Path, codec: str) -> None:
    """A picture too few, two in one place, a keyframe too many or none, and bytes that do not decode are refused; what is whole is not."""
    coding = replace(SMALL, codec=codec)
    segment, good = segment_of(tmp_path, 8, coding)
    prove(good, segment)
    first, second, *rest = good.coded
    cases: list[tuple[tuple[Coded, ...], str]] = [
        (good.coded[:-1], "it has 7 pictures instead of 8"),
        ((first, second, replace(rest[0], place=1), *rest[1:]), "pictures instead of"),
        ((replace(first, key=False), second, *rest), "it does not begin with its only keyframe"),
        ((first, replace(second, key=True), *rest), "it does not begin with its only keyframe"),
        ((first, second, *rest[:2], replace(rest[2], data=b"\0\0\0\1"), *rest[3:]), "cannot be shown|is damaged|can be shown"),
    ]
    for coded, said in cases:
        with pytest.raises(BrokenFilm, match=f"^A part of the film, from frames/000.jpg on, is not what it should be: .*({said})"):
            prove(replace(good, coded=coded), segment)
    seen, dice = 0, random.Random(0)
    for _ in range(40):  # what is coded is so dense that much noise can be decoded too; what cannot is seen
        torn = replace(rest[2], data=rest[2].data[:20] + dice.randbytes(len(rest[2].data) - 20))
        with suppress(BrokenFilm):
            prove(replace(good, coded=(first, second, *rest[:2], torn, *rest[3:])), segment)
            seen -= 1
        seen += 1
    assert seen >= (3 if codec == "h264" else 0)
    for other, said in ((replace(coding, width=108), "picture 1 is 96 x 120"), (replace(coding, height=100), "picture 1 is 96 x 120")):
        with pytest.raises(BrokenFilm, match=said):
            prove(good, replace(segment, coding=other))


def test_a_picture_without_our_colours_is_refused() -> None:
    """A decoded picture has to be marked as bt709 in limited range, and be 4:2:0."""
    picture = VideoFrame(WIDTH, HEIGHT, "yuv420p")
    assert frame_problem(picture, SMALL) == "is not marked as bt709 in limited range"
    picture.colorspace = picture.color_range = picture.color_trc = picture.color_primaries = 1
    assert frame_problem(picture, SMALL) is None
    assert frame_problem(VideoFrame(WIDTH, HEIGHT, "yuv444p"), SMALL) == "is 96 x 120 in yuv444p"


def test_only_what_was_proved_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An encoder that gives rubbish leaves no segment behind, and no film."""
    monkeypatch.setattr(segments, "prove", lambda pictures, segment: (_ for _ in ()).throw(BrokenFilm("rubbish")))
    with pytest.raises(BrokenFilm, match="rubbish"):
        make(plan_of(range(8)), archive(tmp_path, 8))
    assert not list((tmp_path / layout.SEGMENTS).glob("*.segment")) and not (tmp_path / "film").exists()


# -- on the disk -------------------------------------------------------------------------------------------------------


def test_a_segment_comes_back_from_its_file(tmp_path: Path) -> None:
    """What was packed is unpacked as it was; its head alone tells everything but the data."""
    _, pictures = segment_of(tmp_path, 6, replace(SMALL, steady=True), 3)
    content = pack(pictures)
    (tmp_path / "x").write_bytes(content)
    assert unpack(content) == pictures and head_of(tmp_path / "x") == pictures.without_data() and pack(pictures) == content


def test_no_damage_to_a_segment_s_file_goes_unseen(tmp_path: Path) -> None:
    """A byte changed anywhere, a file cut short or grown, an older version: none is taken for the segment; damage in the head is seen by reading that alone."""
    _, pictures = segment_of(tmp_path, 6)
    content, path = pack(pictures), tmp_path / "x"
    head = content.index(b"\n") + 1
    for at in (*range(0, head, 7), head - 1, head, head + 40, len(content) - 1):
        torn = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
        path.write_bytes(torn)
        assert unpack(torn) is None, at
        assert (head_of(path) is None) == (at < head), at
    for other in (b"", content[:-1], content[: head - 1], content + b"x", b"\n", b"{}\n", content[65:]):
        path.write_bytes(other)
        assert unpack(other) is None and head_of(path) is None
    assert head_of(tmp_path / "nowhere") is None and head_of(tmp_path) is None


# -- what players take -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("width", "height", "rate", "wanted"),
    [
        (320, 400, 30, ("3.0", 12_500)), (720, 900, 30, ("3.1", 17_500)), (1080, 1350, 30, ("4.1", 40_000)), (1080, 1350, 60, ("4.2", 40_000)),
        (1920, 1080, 30, ("4.1", 40_000)), (1920, 1080, 60, ("4.2", 40_000)), (3840, 2160, 30, ("5.1", 100_000)), (2160, 3840, 60, ("5.2", 100_000)),
    ],
)  # fmt: skip
def test_the_level_is_the_lowest_that_fits(width: int, height: int, rate: int, wanted: tuple[str, int]) -> None:
    """Macroblocks a second and a picture decide (ITU-T H.264 table A-1); the peak stays within what players of full HD and 4K take."""
    assert level(width, height, rate) == wanted


def test_noise_stays_below_the_peak_of_its_level(tmp_path: Path) -> None:
    """However hard pictures are to code, no second of a segment carries more bits than players of its level take."""
    coding = replace(SMALL, crf=1, rate=30)
    archive(tmp_path)
    rng: Any = np.random.default_rng(0)
    for number in range(60):
        noise: Picture = rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
        name(tmp_path, number).write_bytes(jpeg(noise))
    reader = FrameReader(tmp_path, WIDTH, HEIGHT)
    noisy = encode(Segment(tuple(Cell(frame(number)) for number in range(60)), coding), lambda number: reader.read(frame(number)), blend, lambda: None)
    sizes = [len(coded.data) * 8 / 1000 for coded in noisy.coded]
    peak = level(WIDTH, HEIGHT, 30)[1]
    assert max(sum(sizes[start : start + 30]) for start in range(31)) <= peak
