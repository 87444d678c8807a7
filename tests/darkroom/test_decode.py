"""Bytes become an upright picture or are refused: never half a picture, never a crash."""

from __future__ import annotations

import resource
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from photodiary.darkroom.decode import decode, read_header
from photodiary.darkroom.worker import Darkbox, answer
from photodiary.errors import Held, Unreadable

MAX = 100.0  # megapixels
# What EXIF says of the stored picture: on which side of the upright one its first row and its first column lie.
SIDES = {1: ("top", "left"), 2: ("top", "right"), 3: ("bottom", "right"), 4: ("bottom", "left"),
         5: ("left", "top"), 6: ("right", "top"), 7: ("right", "bottom"), 8: ("left", "bottom")}  # fmt: skip


def stored(upright: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """How a camera that notes `orientation` stores a picture."""
    row, column = SIDES[orientation]
    picture = upright if row in ("top", "bottom") else upright.transpose(1, 0, 2)
    picture = picture[::-1] if row in ("bottom", "right") else picture
    return np.ascontiguousarray(picture[:, ::-1] if column in ("bottom", "right") else picture)


def refused(data: bytes) -> Held | Unreadable:
    with pytest.raises((Held, Unreadable)) as caught:
        decode(data, MAX)
    assert isinstance(caught.value, Held | Unreadable)
    return caught.value


def grainy(studio, width: int = 160, height: int = 120) -> NDArray[np.uint8]:
    """A picture with enough in it to make a file of some kilobytes."""
    noise = np.random.default_rng(0).integers(-20, 21, (height, width, 3))
    return np.clip(studio.smooth(width, height).astype(int) + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_comes_out_upright(studio, kind: str, orientation: int) -> None:
    """However the phone was held, corners and a dot lie where they were, to a tenth of a pixel."""
    upright = studio.asymmetric()
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95, "subsampling": 0} if kind == "JPEG" else {}
    photo = decode(studio.encoded(Image.fromarray(stored(upright, orientation)), kind, exif=exif, **options), MAX)
    assert photo.header.orientation == orientation
    assert photo.header.upright == (88, 56)
    assert photo.pixels.shape == (56, 88, 3)
    for y, x in ((4, 4), (4, 83), (51, 83), (51, 4)):
        assert np.abs(photo.pixels[y, x].astype(int) - upright[y, x]).max() < 12, f"corner {x}, {y}"
    light = np.clip(photo.pixels[12:30, 40:80].astype(float).min(2) - 140, 0, None)  # only the dot is white
    y, x = np.mgrid[12:30, 40:80]
    assert (light * x).sum() / light.sum() == pytest.approx(61, abs=0.1)
    assert (light * y).sum() / light.sum() == pytest.approx(20, abs=0.1)


@pytest.mark.parametrize("nonsense", [0, 9, 255])
def test_an_orientation_that_does_not_exist_is_none(studio, nonsense: int) -> None:
    """A phone that notes a nonsensical orientation gets its picture as it is stored."""
    assert decode(studio.jpeg(studio.asymmetric(), nonsense), MAX).header.orientation == 1


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}, {"subsampling": 2}], ids=str)
def test_a_cut_jpeg_is_held(studio, options) -> None:
    """A JPEG that ends early, wherever that is, waits for its rest: it is no picture and not damaged."""
    thumbnail = studio.jpeg(studio.asymmetric())  # an end-of-image marker long before the end, as phones write it
    data = studio.jpeg(grainy(studio), 1, **{"quality": 80, "comment": thumbnail, **options})
    assert decode(data, MAX).pixels.shape == (120, 160, 3)
    cuts = [*range(4, len(data), 149), len(data) - 2, len(data) - 1]
    answers = {cut: refused(data[:cut]) for cut in cuts}
    assert {cut: str(error) for cut, error in answers.items() if not isinstance(error, Held)} == {}


def test_a_cut_table_is_held(studio) -> None:
    """A progressive JPEG that ends within one of its tables is cut short, though libjpeg calls the table bogus."""
    data = studio.jpeg(grainy(studio), quality=80, progressive=True)
    places = [at for at in range(len(data) - 1) if data[at : at + 2] == b"\xff\xc4"]
    assert len(places) > 2
    assert {cut: str(error) for cut in (p + 15 for p in places) if not isinstance(error := refused(data[:cut]), Held)} == {}


@pytest.mark.parametrize("missing", [1, 4, 12, 13, 40, 3000])
def test_a_cut_png_is_held(studio, missing: int) -> None:
    """A PNG whose last bytes are missing, even only the end mark, waits for its rest."""
    data = studio.encoded(Image.fromarray(grainy(studio)), "PNG")
    assert isinstance(refused(data[:-missing]), Held)


def test_a_cut_png_header_is_held(studio) -> None:
    """A PNG that ends within its header waits for its rest."""
    data = studio.encoded(Image.fromarray(grainy(studio)), "PNG")
    assert [cut for cut in range(9, 60, 5) if not isinstance(refused(data[:cut]), Held)] == []


def test_what_is_left_over_after_damage_is_not_taken_for_padding(studio) -> None:
    """A JPEG in which the decoder loses its way is refused; only damage that leaves no trace at all can pass."""
    data = studio.jpeg(grainy(studio), quality=80)
    first = data.rfind(b"\xff\xda") + 14
    rng = np.random.default_rng(1)
    noticed = 0
    for _ in range(60):
        damaged = bytearray(data)
        at = int(rng.integers(first, len(data) - 60))
        damaged[at : at + 30] = rng.integers(0, 256, 30, dtype=np.uint8).tobytes()
        try:
            simplejpeg.decode_jpeg(bytes(damaged), "RGB", strict=True)
        except ValueError:
            noticed += 1
            refused(bytes(damaged))
    assert noticed > 30


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_file_filled_up_with_zeros_is_held(studio, kind: str) -> None:
    """A sync that reserves the full size and writes bit by bit leaves zeros at the end: that too is cut short."""
    data = studio.encoded(Image.fromarray(grainy(studio)), kind)
    for cut in range(len(data) // 5, len(data) - 20, len(data) // 5):
        assert isinstance(refused(data[:cut] + bytes(len(data) - cut)), Held), cut


def test_damage_is_not_waited_for(studio) -> None:
    """A complete file that is damaged is unreadable at once, not held."""
    png = bytearray(studio.encoded(Image.fromarray(grainy(studio)), "PNG"))
    png[len(png) // 2] ^= 0x55
    jpeg = bytearray(studio.jpeg(grainy(studio), quality=80))
    table = jpeg.find(b"\xff\xc4")
    jpeg[table + 5 : table + 21] = b"\xff" * 16  # more codes than can be
    for data in (bytes(png), bytes(jpeg)):
        error = refused(data)
        assert isinstance(error, Unreadable)
        assert error.code == "damaged"


def test_a_png_is_what_was_written_or_nothing(studio) -> None:
    """A flipped bit anywhere in the picture data of a PNG is found, whether the picture is busy, smooth or nearly empty."""
    pictures = (grainy(studio), studio.smooth(160, 120), studio.dot(160, 120, (80, 60)))
    for data in (studio.encoded(Image.fromarray(picture), "PNG") for picture in pictures):
        for at in np.random.default_rng(3).integers(data.find(b"IDAT") + 4, len(data) - 16, 40):
            damaged = bytearray(data)
            damaged[at] ^= 0x10
            assert isinstance(refused(bytes(damaged)), Held | Unreadable)


def test_a_broken_comment_in_a_png_is_forgiven(studio) -> None:
    """What is not part of the picture may be damaged without losing the photo."""
    body = b"tEXtComment\x00hello"
    comment = struct.pack(">I", len(body) - 4) + body + b"\x00\x00\x00\x00"  # a wrong checksum
    data = studio.encoded(Image.fromarray(studio.asymmetric()), "PNG")
    end = len(data) - 12
    assert (decode(data[:end] + comment + data[end:], MAX).pixels == studio.asymmetric()).all()


@pytest.mark.parametrize(("where", "padding"), [(b"\xff\xdb", bytes(7)), (b"\xff\xda", bytes(3)), (b"\xff\xd9", bytes(9)), (b"\xff\xd9", b"\xff" * 9)])
def test_padding_between_segments_is_harmless(studio, where: bytes, padding: bytes) -> None:
    """Zeros that some phones leave before a marker, or fill bytes, change nothing of the picture."""
    data = studio.jpeg(grainy(studio), quality=80)
    at = data.rfind(where)
    assert (decode(data[:at] + padding + data[at:], MAX).pixels == decode(data, MAX).pixels).all()


def test_what_follows_the_picture_is_ignored(studio) -> None:
    """A motion photo, whose film lies behind the picture, is that picture."""
    data = studio.jpeg(grainy(studio), quality=80)
    film = np.random.default_rng(2).integers(0, 256, 5000, dtype=np.uint8).tobytes()
    assert (decode(data + film, MAX).pixels == decode(data, MAX).pixels).all()


@pytest.mark.parametrize("kind", ["html", "text", "TIFF", "GIF", "BMP", "nothing"])
def test_what_is_no_photo_is_told_by_its_content(studio, kind: str) -> None:
    """A file that only calls itself .jpg is not handed to any decoder."""
    texts = {"html": b"<!DOCTYPE html><html><body>404</body></html>", "text": b"hello\n" * 50, "nothing": b""}
    data = texts[kind] if kind in texts else studio.encoded(Image.fromarray(grainy(studio)), kind)
    for check in (lambda: decode(data, MAX), lambda: read_header(data, MAX)):
        with pytest.raises(Unreadable) as caught:
            check()
        assert caught.value.code == "not_a_photo"


def test_every_kind_of_png_is_read(studio) -> None:
    """Grey, deep grey, palette, transparent and animated PNGs show what a viewer shows, transparency on white."""
    grey = np.arange(0, 256, 8, dtype=np.uint8)[None].repeat(20, 0)  # (20, 32)
    colour = np.stack([grey, 255 - grey, grey // 2], axis=2)

    def pixels(image: Image.Image, **options) -> NDArray[np.int64]:
        return decode(studio.encoded(image, "PNG", **options), MAX).pixels.astype(np.int64)

    plain = grey[..., None].repeat(3, 2)
    assert (pixels(Image.fromarray(grey)) == plain).all()
    assert np.abs(pixels(Image.fromarray(grey.astype(np.uint16) * 257)) - plain).max() <= 1
    assert (pixels(Image.fromarray(colour)) == colour).all()
    assert (pixels(Image.fromarray(colour), save_all=True, append_images=[Image.fromarray(255 - colour)]) == colour).all(), "the first of an animation"

    alpha = np.full((20, 32), 255, np.uint8)
    alpha[:, 16:] = 0
    seen = pixels(Image.fromarray(np.dstack([colour, alpha])))
    assert (seen[:, :16] == colour[:, :16]).all()
    assert (seen[:, 16:] == 255).all()

    palette = Image.fromarray((np.arange(20 * 32).reshape(20, 32) % 2).astype(np.uint8), mode="L").convert("P")
    palette.putpalette([200, 10, 20, 1, 2, 3])
    seen = pixels(palette, transparency=1)
    assert (seen[0, 0] == (200, 10, 20)).all()
    assert (seen[0, 1] == 255).all()


@pytest.mark.parametrize("mode", ["CMYK", "L"])
def test_jpegs_that_are_not_rgb_are_read(studio, mode: str) -> None:
    """A CMYK or grey JPEG has the colours that went into it."""
    image = Image.fromarray(studio.smooth(96, 64)).convert(mode)
    seen = decode(studio.encoded(image, "JPEG", quality=95), MAX)
    assert np.abs(seen.pixels.astype(int) - np.asarray(image.convert("RGB"))).mean() < 4


def _exif_segment(body: bytes) -> bytes:
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


@pytest.mark.parametrize(
    "body",
    [
        b"Exif\x00\x00",
        b"Exif\x00\x00garbage that is no TIFF header",
        b"Exif\x00\x00II*\x00\xff\xff\xff\xff",
        b"Exif\x00\x00II*\x00\x08\x00\x00\x00\xff\xff" + b"\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00" * 3,
        b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00" + b"\x69\x87\x04\x00\x01\x00\x00\x00\x08\x00\x00\x00" + b"\x00" * 4,  # its Exif part is itself
        b"Exif\x00\x00" + b"\xa5" * 65_000,
        (b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x02\x01\x0f\x00\x02\x7f\xff\xff\xff\x00\x00\x00\x00\x01\x12\x00\x05\x00\x00\x00\x01\x00\x00\x00\x00"),
    ],
    ids=["empty", "garbage", "far", "torn", "circle", "huge", "lengths"],
)
def test_broken_exif_never_refuses_a_photo(studio, body: bytes) -> None:
    """Whatever is wrong with what a phone wrote about a photo, the photo still counts."""
    data = studio.jpeg(studio.asymmetric())
    photo = decode(data[:2] + _exif_segment(body) + data[2:], MAX)
    assert sorted(photo.pixels.shape) == [3, 56, 88]


def test_what_exif_says_of_time_and_make_is_read(studio) -> None:
    """Dates, offset and make come through as text, however long."""
    image, exif = Image.fromarray(studio.asymmetric()), Image.Exif()
    exif[0x010F] = "Phone" * 100
    inner = exif.get_ifd(0x8769)
    inner.update({0x9003: "2024:05:15 14:39:00", 0x9011: "+02:00", 0x9291: "123", 0x9004: "2024:05:15 14:39:01", 0x9012: "+01:00"})
    dates = read_header(studio.encoded(image, "JPEG", exif=exif), MAX).dates
    assert (dates.original, dates.offset_original, dates.subsec_original) == ("2024:05:15 14:39:00", "+02:00", "123")
    assert (dates.digitized, dates.offset_digitized) == ("2024:05:15 14:39:01", "+01:00")
    assert dates.make is not None and dates.make.startswith("Phone") and len(dates.make) <= 64


@contextmanager
def little_memory(megabytes: int) -> Iterator[None]:
    """Whatever needs more than so much new memory gets a MemoryError."""
    with open("/proc/self/statm", encoding="ascii") as handle:
        now = int(handle.read().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (now + (megabytes << 20), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def test_a_bomb_is_refused_by_its_header(studio) -> None:
    """A small file that promises 900 megapixels is too large, found out without making room for them."""
    with little_memory(64), pytest.raises(Unreadable) as caught:
        decode(studio.bomb(), MAX)
    assert caught.value.code == "too_large"


def test_the_limit_of_megapixels_is_the_one_that_was_set(studio) -> None:
    """A photo just over the limit is too large, one at the limit is not."""
    data = studio.jpeg(studio.smooth(100, 80))
    assert decode(data, 0.008).pixels.shape == (80, 100, 3)
    with pytest.raises(Unreadable) as caught:
        decode(data, 0.0079)
    assert caught.value.code == "too_large"


@pytest.mark.parametrize("size", [(1, 1), (15, 400), (400, 15)])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_speck_is_no_photo(studio, kind: str, size: tuple[int, int]) -> None:
    """A tracking pixel or a hairline is no photo."""
    error = refused(studio.encoded(Image.new("RGB", size), kind))
    assert isinstance(error, Unreadable)
    assert error.code == "not_a_photo"


@pytest.mark.parametrize("orientation", [1, 3, 6])
@pytest.mark.parametrize(("width", "scale", "reduction"), [(6400, 0.4, 2), (6401, 0.45, 2), (12_800, 0.2, 4), (12_801, 0.24, 4)])
def test_large_photos_are_decoded_small_but_measured_in_full(studio, orientation: int, width: int, scale: float, reduction: int) -> None:
    """A crop from a photo over 6000 pixels shows its dot where the full picture has it, however it was decoded and turned."""
    at = (width - 200.3, 241.6) if orientation == 1 else (203.7, 241.6)
    upright = studio.dot(width, 480, at, sigma=6)
    data = studio.jpeg(stored(upright, orientation), orientation, quality=90)
    assert decode(data, MAX).reduction == reduction or width % 2
    assert decode(data, MAX, need=1.0).pixels.shape == (480, width, 3)
    matrix = ((scale, 0.0, 31.2 - scale * at[0]), (0.0, scale, 30.6 - scale * at[1]))
    head = {"digest": "a", "verb": "crops", "matrices": [matrix], "size": (64, 60)}
    reply, payload = answer(Darkbox(MAX), head, data)
    x, y = studio.centre(np.frombuffer(payload, np.uint8).reshape(reply["shape"])[0])
    assert x == pytest.approx(31.2, abs=0.06)
    assert y == pytest.approx(30.6, abs=0.06)


def test_as_much_is_decoded_as_is_asked_for(studio) -> None:
    """A huge photo kept at a quarter is decoded again when a warp needs more, and stays in memory for the next one."""
    pixels = np.zeros((64, 12_800, 3), np.uint8)
    pixels[:, ::2] = 255  # stripes of one pixel: lost in any reduction
    pixels[:, 6400:] = np.repeat(pixels[:, :1600], 4, axis=1)  # stripes of four: lost in a reduction to a quarter
    data = studio.jpeg(pixels, quality=95)
    box = Darkbox(MAX)
    answer(box, {"digest": "a", "verb": "thumbnail", "side": 288}, data)
    head = {"digest": "a", "verb": "crops", "matrices": [((0.5, 0.0, -3300.0), (0.0, 0.5, 0.0))], "size": (64, 32)}
    assert answer(box, head, b"")[0] == {"missing": True}
    reply, payload = answer(box, head, data)
    assert np.frombuffer(payload, np.uint8).reshape(reply["shape"])[0, 8:24].std() > 60
    assert "missing" not in answer(box, head, b"")[0]


@pytest.mark.parametrize("size", [(1501, 1203), (900, 1601), (640, 480), (3333, 40)])
@pytest.mark.parametrize("side", [64, 100, 256, 576])
def test_a_thumbnail_through_halvings_moves_nothing(studio, size: tuple[int, int], side: int) -> None:
    """A worker's thumbnail, made from halved copies, has a dot where the plain scales carry it, at even, odd and narrow sizes."""
    at = 0.61 * size[0], 0.43 * size[1]
    shrink = min(1.0, side / max(size))
    data = studio.encoded(Image.fromarray(studio.dot(*size, at, sigma=max(3.0, 2.5 / shrink))), "PNG", compress_level=1)
    reply, payload = answer(Darkbox(MAX), {"digest": "a", "verb": "thumbnail", "side": side}, data)
    (picture,) = np.frombuffer(payload, np.uint8).reshape(reply["shape"])
    small = max(1, round(size[0] * shrink)), max(1, round(size[1] * shrink))
    assert picture.shape == (small[1], small[0], 3)
    if min(small) < 30:
        return
    x, y = studio.centre(picture)
    assert x == pytest.approx((at[0] + 0.5) * small[0] / size[0] - 0.5, abs=0.1)
    assert y == pytest.approx((at[1] + 0.5) * small[1] / size[1] - 0.5, abs=0.1)


def test_looks_come_one_after_the_other_and_stay_apart(studio) -> None:
    """One request shows a photo by many matrices, in their order, each as it would be alone; another photo in between changes nothing."""
    one, other = (studio.encoded(Image.fromarray(studio.dot(900, 700, at, sigma=20)), "PNG") for at in ((300, 350), (600, 350)))
    matrices = [((s, 0.0, 32 - s * 300), (0.0, s, 32 - s * 350)) for s in (1.0, 0.1, 0.4, 0.2, 0.1)]
    box = Darkbox(MAX)

    def look(digest: str, data: bytes, wanted: list[tuple[tuple[float, ...], ...]]) -> np.ndarray:
        reply, payload = answer(box, {"digest": digest, "verb": "crops", "matrices": wanted, "size": (64, 64)}, data)
        return np.frombuffer(payload, np.uint8).reshape(reply["shape"])

    together = look("a", one, matrices)
    elsewhere = look("b", other, matrices)
    assert together.shape == (5, 64, 64, 3)
    for number, matrix in enumerate(matrices):
        assert np.array_equal(look("a", b"", [matrix])[0], together[number])
        assert np.array_equal(look("b", b"", [matrix])[0], elsewhere[number])
    assert np.array_equal(together[1], together[4])
    assert [tuple(round(v) for v in studio.centre(picture)) for picture in together[1:]] == [(32, 32)] * 4
