"""What phones send: HEIC, AVIF, WebP, Ultra HDR and motion photos become the upright picture they hold, or are refused with a reason."""

from __future__ import annotations

import contextlib
import io
import json
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image, features
from tests.support import phones
from tests.support.phones import Pixels, encoded, heic

from photodiary.darkroom import heif
from photodiary.darkroom.darkroom import Darkroom
from photodiary.darkroom.decode import decode, read_header
from photodiary.darkroom.limits import DarkroomConfig, sniff
from photodiary.diary.photo import digest_of
from photodiary.errors import Held, NoReader, Unreadable, WorkerLost

MAX = 100.0
ROOT = Path(__file__).parents[2]
NEW = ("heic", "avif", "webp")


@pytest.fixture(scope="module")
def darkroom() -> Iterator[Darkroom]:
    made = Darkroom(DarkroomConfig(workers=1))
    yield made
    made.close()


def grainy(studio, width: int = 160, height: int = 120) -> Pixels:
    noise = np.random.default_rng(0).integers(-20, 21, (height, width, 3))
    return np.clip(studio.smooth(width, height).astype(int) + noise, 0, 255).astype(np.uint8)


def variants(studio) -> dict[str, bytes]:
    """A file of each kind as phones and messengers write them."""
    picture = grainy(studio)
    plain = io.BytesIO()
    Image.fromarray(picture).save(plain, "WEBP", quality=80)
    moving = io.BytesIO()
    Image.fromarray(picture).save(moving, "WEBP", save_all=True, append_images=[Image.fromarray(255 - picture)], quality=80)
    return {
        "heic": heic(picture, icc=phones.profile()),
        "heic in tiles": heic(np.tile(picture, (2, 2, 1)), tile_size=64),
        "avif": encoded("avif", picture),
        "webp": encoded("webp", picture, icc_profile=phones.profile()),
        "webp, plain": plain.getvalue(),
        "webp, lossless": encoded("webp", studio.smooth(160, 120), lossless=True),
        "webp, moving": moving.getvalue(),
        "ultra hdr": phones.ultra_hdr(encoded("jpeg", picture), encoded("jpeg", picture[:60, :80]), np.random.default_rng(1).bytes(3000)),
    }


KINDS = ("heic", "heic in tiles", "avif", "webp", "webp, plain", "webp, lossless", "webp, moving", "ultra hdr")


def refused(data: bytes, limit: float = MAX) -> Held | Unreadable:
    with pytest.raises((Held, Unreadable)) as caught:
        decode(data, limit)
    assert isinstance(caught.value, Held | Unreadable)
    return caught.value


@pytest.mark.parametrize("kind", NEW)
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_phones_pictures_come_out_upright_and_once(studio, kind: str, orientation: int) -> None:
    """However the phone was held, the picture is turned once, and corners and dot lie where they were."""
    upright = np.ascontiguousarray(studio.asymmetric().repeat(2, 0).repeat(2, 1))
    stored = np.ascontiguousarray(np.rot90(upright, {1: 0, 3: 2, 6: 1, 8: 3}[orientation]))
    # pillow-heif is given the sensor's rows and the turn, and writes it as a phone does
    photo = decode(encoded(kind, stored, orientation=orientation), MAX)
    assert photo.header.upright == (176, 112)
    assert photo.pixels.shape == (112, 176, 3)
    for y, x in ((8, 8), (8, 167), (103, 167), (103, 8)):
        assert np.abs(photo.pixels[y, x].astype(int) - upright[y, x]).max() < 12, f"corner {x}, {y}"
    assert photo.pixels[40, 122].min() > 235


def test_a_photo_of_an_iphone_is_upright_and_its_colours_are_right() -> None:
    """A HEIC in Display P3 that lies on its side becomes an upright picture whose saturated colours are those that were meant."""
    upright = np.empty((240, 180, 3), np.uint8)
    upright[:120], upright[120:] = (200, 60, 60), (60, 180, 90)  # above red, below green, in Display P3
    stored = np.ascontiguousarray(np.rot90(upright))
    data = heic(stored, orientation=6, icc=phones.profile(), quality=95, chroma=444)
    photo = decode(data, MAX)
    assert (photo.header.format, photo.header.upright, photo.header.orientation) == ("heic", (180, 240), 1)
    meant = phones.p3_to_srgb(upright)
    assert np.abs(meant - upright).max() > 15, "else the colours prove nothing"
    for row in (50, 190):
        assert np.abs(photo.pixels[row, 90] - meant[row, 90]).max() <= 4


@pytest.mark.parametrize("kind", ["jpeg", "png", *NEW])
def test_dates_come_along_in_every_format(studio, kind: str) -> None:
    """Whatever the format, the photo's own date is found without decoding."""
    header = read_header(encoded(kind, studio.asymmetric(), taken="2024:02:29 23:59:58"), MAX)
    assert (header.format, header.dates.original) == (kind, "2024:02:29 23:59:58")
    assert read_header(encoded(kind, studio.asymmetric(), taken=None), MAX).dates.original is None


@pytest.mark.parametrize("kind", NEW)
def test_broken_exif_never_refuses_a_photo(studio, kind: str) -> None:
    """Nonsense in a photo's metadata costs its date at most."""
    data = encoded(kind, studio.asymmetric())
    at = data.index(b"MM\0*")
    for junk in (bytes(30), b"\xff" * 30, b"MM\0*\0\0\0\x08\xff\xff" + b"\x87\x69\0\4\0\0\0\1\0\0\0\x08" + bytes(8)):
        assert decode(data[:at] + junk + data[at + 30 :], MAX).pixels.shape == (56, 88, 3)


def test_what_hangs_behind_a_photo_is_not_the_photo(studio) -> None:
    """Of an Ultra HDR or a motion photo the main picture counts, also when what hangs behind it is cut, and no index can lead astray."""
    main, gain, film = encoded("jpeg", grainy(studio)), encoded("jpeg", studio.asymmetric()), np.random.default_rng(1).bytes(3000)
    pixels = decode(main, MAX).pixels
    for data in (phones.ultra_hdr(main, gain), phones.ultra_hdr(main, gain, film), phones.motion_photo(main, film), phones.micro_video(main, film)):
        for cut in (data, data[:-1000], data[: -len(film)] if len(data) > len(main) + len(film) else data):
            assert np.array_equal(decode(cut, MAX).pixels, pixels)
    data = phones.ultra_hdr(main, gain)
    at = data.index(b"MPF\0") + 4
    rng = np.random.default_rng(5)
    for _ in range(200):
        torn = bytearray(data)
        torn[at + int(rng.integers(0, 82))] = int(rng.integers(0, 256))
        assert np.array_equal(decode(bytes(torn), MAX).pixels, pixels)


@pytest.mark.parametrize("kind", KINDS)
def test_no_trailer_stops_a_photo(studio, kind: str) -> None:
    """Vendors' trailers, zeros or half a film behind a complete photo cost nothing."""
    data = variants(studio)[kind]
    whole = decode(data, MAX).pixels
    for behind in (bytes(5000), b"SEFT", b"\xff" * 30, np.random.default_rng(3).bytes(999), b"\0\0\x40\0mpvd\0\0\0\x18ftypmp42"):
        assert np.array_equal(decode(data + behind, MAX).pixels, whole), behind[:8]


def test_of_several_pictures_the_first_or_main_one_counts(studio) -> None:
    """An animated WebP or AVIF shows its first picture, a HEIC with several its main one."""
    first, second = studio.asymmetric(), 255 - studio.asymmetric()
    for kind in ("WEBP", "AVIF"):
        out = io.BytesIO()
        Image.fromarray(first).save(out, kind, save_all=True, append_images=[Image.fromarray(second)], duration=100, quality=95)
        assert np.abs(decode(out.getvalue(), MAX).pixels.astype(int) - first).mean() < 6
    several = pillow_heif.from_pillow(Image.fromarray(second))
    several.add_from_pillow(Image.fromarray(first))
    out = io.BytesIO()
    several.save(out, quality=95, primary_index=1)
    assert np.abs(decode(out.getvalue(), MAX).pixels.astype(int) - first).mean() < 6


def test_a_film_is_no_photo(studio) -> None:
    """MP4 and camera raw, which begin with the same box, are told apart; a sequence without a still picture is refused with a reason."""
    for brand in (b"isom", b"mp42", b"qt  ", b"crx ", b"M4A "):
        data = struct.pack(">I", 20) + b"ftyp" + brand + bytes(4) + b"mif1" + bytes(200)
        error = refused(data)
        assert isinstance(error, Unreadable) and error.code == "not_a_photo"
    data = struct.pack(">I", 20) + b"ftyphevc" + bytes(4) + b"hevc" + struct.pack(">I", 16) + b"moov" + bytes(8)
    assert isinstance(refused(data), Unreadable)


def test_transparency_is_white(studio) -> None:
    """What is transparent in a HEIC, AVIF or WebP is white, as in a viewer."""
    picture = np.dstack([np.full((64, 64, 3), 40, np.uint8), np.full((64, 64), 255, np.uint8)])
    picture[:, 32:, 3] = 0
    for kind in NEW:
        seen = decode(encoded(kind, picture), MAX).pixels
        assert seen[30, 10].max() < 60 and seen[30, 55].min() > 240


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_photo_is_held(studio, kind: str) -> None:
    """Wherever a file of any format ends too early it waits for its rest, and never is half a picture."""
    data = variants(studio)[kind]
    whole = decode(data, MAX).pixels
    main = len(data) if kind != "ultra hdr" else data.index(b"\xff\xd9") + 2
    for cut in {*range(12, len(data), max(1, len(data) // 150)), *range(12, 64), len(data) - 1}:
        if cut >= main:
            assert np.array_equal(decode(data[:cut], MAX).pixels, whole)
        else:
            assert isinstance(refused(data[:cut]), Held), cut


@pytest.mark.parametrize("kind", ["heic", "avif", "webp"])
def test_a_place_kept_free_for_the_rest_is_held(studio, kind: str) -> None:
    """A file of full size whose end is still zeros has not arrived."""
    data = encoded(kind, grainy(studio, 640, 480), lossless=True) if kind == "webp" else encoded(kind, grainy(studio, 640, 480))
    for cut in range(len(data) // 5, len(data) - 4200, len(data) // 5):
        assert isinstance(refused(data[:cut] + bytes(len(data) - cut)), Held), cut


@pytest.mark.parametrize("kind", KINDS)
def test_flipped_bits_never_bring_the_darkroom_down(studio, darkroom: Darkroom, kind: str) -> None:
    """Whatever a damaged file provokes is an answer about that file, and the next one is read."""
    data = variants(studio)[kind]
    rng = np.random.default_rng(7)
    answers = {"wrong": 0, "lost": 0}
    for trial in range(120):
        damaged = bytearray(data)
        for at in rng.integers(0, len(data) if trial % 2 else min(700, len(data)), 1 + trial % 4):
            damaged[at] ^= 1 << int(rng.integers(0, 8))
        try:
            seen = darkroom.inspect(digest_of(bytes(damaged)), bytes(damaged))
            if min(seen.width, seen.height) < 16 or seen.width * seen.height > 1e8:
                answers["wrong"] += 1
        except Unreadable as error:
            answers["wrong"] += error.code not in ("damaged", "not_a_photo", "too_large") or len(str(error)) < 10
        except Held:
            pass
        except WorkerLost:
            answers["lost"] += 1
    assert answers["wrong"] == 0 and answers["lost"] <= 2, answers
    assert darkroom.inspect(digest_of(data), data).width >= 88


def test_damage_is_told_apart_from_waiting(studio) -> None:
    """A complete file whose picture makes no sense is unreadable at once, with a code and a sentence."""
    for kind in NEW:
        data = bytearray(encoded(kind, grainy(studio)))
        box, skip, size = {"heic": (b"hvcC", 4, 60), "avif": (b"av1C", 4, 4), "webp": (b"VP8 ", 14, 60)}[kind]
        at = data.index(box) + skip
        data[at : at + size] = b"\xa5" * size
        error = refused(bytes(data))
        assert isinstance(error, Unreadable), kind
        assert error.code == "damaged" and len(str(error)) > 20


def with_size(kind: str, data: bytes, width: int, height: int) -> bytes:
    """The same file, its header promising another size."""
    out = bytearray(data)
    if kind == "webp":
        at = out.index(b"VP8X") + 12
        out[at : at + 6] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    else:
        at = out.index(b"ispe") + 8
        out[at : at + 8] = struct.pack(">II", width, height)
    return bytes(out)


@pytest.mark.parametrize("kind", NEW)
@pytest.mark.parametrize("size", [(30_000, 30_000), (16_000, 12_000), (1 << 24, 1 << 24)])
def test_a_bomb_is_refused_by_its_header(studio, kind: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file that promises more than the limit is too large before any decoder sees it."""
    bomb = with_size(kind, encoded(kind, studio.asymmetric(), icc_profile=phones.profile()) if kind == "webp" else encoded(kind, studio.asymmetric()), *size)
    monkeypatch.setattr(heif, "opened", None)
    monkeypatch.setattr(Image, "open", None)
    error = refused(bomb)
    assert isinstance(error, Unreadable) and error.code == "too_large"


@pytest.mark.parametrize("kind", NEW)
def test_a_lie_about_the_size_is_not_believed(studio, darkroom: Darkroom, kind: str) -> None:
    """A file whose header and picture disagree is refused, or shown in the size it declares as libavif does; it costs no worker."""
    data = encoded(kind, studio.asymmetric(), icc_profile=phones.profile()) if kind == "webp" else encoded(kind, studio.asymmetric())
    lie = with_size(kind, data, 9_000, 9_000)
    with pytest.raises((Unreadable, Held)) if kind != "avif" else contextlib.nullcontext():
        assert darkroom.inspect(digest_of(lie), lie).width == 9_000
    assert darkroom.inspect(digest_of(data), data).width == 88


@pytest.mark.parametrize("kind", NEW)
def test_the_limits_hold_for_every_format(studio, kind: str) -> None:
    """Just over the limit of megapixels is too large, a speck is no photo."""
    data = encoded(kind, studio.smooth(100, 80))
    assert decode(data, 0.008).pixels.shape == (80, 100, 3)
    error = refused(data, 0.0079)
    assert isinstance(error, Unreadable) and error.code == "too_large"
    error = refused(encoded(kind, studio.smooth(100, 14), taken=None))
    assert isinstance(error, Unreadable) and error.code == "not_a_photo"


def test_a_missing_library_is_said_and_waited_for(studio, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pillow-heif is missing the photo waits, and the sentence holds the command that helps."""
    data = heic(studio.asymmetric())
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(NoReader, match=r"pip install 'pillow-heif>=1\.8\.1'"):
        decode(data, MAX)
    assert decode(encoded("avif", studio.asymmetric()), MAX).pixels.shape == (56, 88, 3), "the others are read as ever"


def test_a_pillow_without_avif_is_said_and_waited_for(studio, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where neither Pillow nor pillow-heif was built with AVIF the photo waits, and the sentence holds the command that helps."""
    monkeypatch.setattr(features, "check", lambda name: name != "avif")
    with pytest.raises(NoReader, match="pip install --upgrade pillow"):
        decode(encoded("avif", studio.asymmetric()), MAX)


def test_a_missing_library_is_said_across_the_line(studio, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The daemon's side gets NoReader from its worker, and the worker lives on."""
    (tmp_path / "pillow_heif.py").write_text("raise ImportError('no wheel for this machine')")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT / 'service'}")
    darkroom = Darkroom(DarkroomConfig(workers=1))
    data, other = heic(studio.asymmetric()), encoded("webp", studio.asymmetric())
    with pytest.raises(NoReader, match="pip install"):
        darkroom.inspect(digest_of(data), data)
    assert darkroom.inspect(digest_of(other), other).width == 88
    darkroom.close()


def test_all_is_loaded_before_the_first_photo(studio, tmp_path: Path) -> None:
    """A worker may open no file once it reads photos: nothing that a photo of any format needs, whole or cut, is still to be loaded then."""
    kinds = ("jpeg", "png", "webp", "avif", "heic")
    photos = {kind: encoded(kind, studio.asymmetric()) for kind in kinds}
    photos |= {f"{kind} in Display P3": encoded(kind, studio.asymmetric(), **{"icc" if kind == "heic" else "icc_profile": phones.profile()}) for kind in kinds}
    photos |= {"ultra hdr": phones.ultra_hdr(photos["jpeg"], photos["jpeg"])}
    photos |= {"cmyk": studio.encoded(Image.fromarray(studio.asymmetric()).convert("CMYK"), "JPEG")}
    photos |= {"deep": studio.encoded(Image.fromarray(np.full((40, 40), 40_000, np.uint16)), "PNG")}
    photos |= {f"cut {name}": data[: len(data) * 2 // 3] for name, data in photos.items() if name != "ultra hdr"}
    (tmp_path / "photos.json").write_text(json.dumps({name: data.hex() for name, data in photos.items()}))
    program = """
import json, sys
from pathlib import Path
from photodiary.darkroom import worker
from photodiary.errors import Held, Unreadable
photos = {name: bytes.fromhex(data) for name, data in json.loads(Path(sys.argv[1]).read_text()).items()}
worker.confine(2048)
before, told = set(sys.modules), {}
for name, data in photos.items():
    head = {"digest": name, "size": (60, 60), "side": 40, "matrices": [((0.4, 0.1, -3.0), (-0.1, 0.4, 9.5))], "matrix": ((0.4, 0.1, -3.0), (-0.1, 0.4, 9.5))}
    try:
        for verb in ("inspect", "thumbnail", "crops", "frame", "haar"):
            worker.answer(worker.Darkbox(100.0), {**head, "verb": verb}, data)
        told[name] = "read"
    except (Held, Unreadable) as error:
        told[name] = str(error)
print(json.dumps([told, sorted(set(sys.modules) - before)]))
"""
    command = [sys.executable, "-c", program, str(tmp_path / "photos.json")]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT / "service")}, capture_output=True, text=True, check=True)
    told, loaded = json.loads(done.stdout)
    assert loaded == []
    assert {name: what for name, what in told.items() if (what == "read") == name.startswith("cut")} == {}


def test_ten_bits_are_read_like_eight() -> None:
    """A HEIC of ten bits a channel, as newer phones write it, has the same brightness."""
    deep = pillow_heif.from_bytes("RGB;16", (64, 64), np.full((64, 64, 3), 40_000, np.uint16).tobytes())
    out = io.BytesIO()
    deep.save(out, quality=95)
    assert np.abs(decode(out.getvalue(), MAX).pixels.astype(int) - 156).max() < 4


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"RIFF\0\0\0\0WEBPVP8 ", "webp"), (b"RIFF\0\0\0\0WAVEfmt ", None), (b"RIFF", "webp"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "heic"), (b"\0\0\0\x1cftypmif1\0\0\0\0mif1miafavif", "avif"), (b"\0\0\0\x14ftypavis\0\0\0\0msf1", "avif"),
        (b"\0\0\0\x14ftypheix\0\0\0\0mif1", "heic"), (b"\0\0\0\x14ftypisom\0\0\0\0heic", None), (b"\xff\xd8\xff\xe0", "jpeg"), (b"GIF89a", None), (b"", None),
    ],
)  # fmt: skip
def test_formats_are_told_by_their_first_bytes(head: bytes, kind: str | None) -> None:
    """Brands and magic numbers decide, never a file's name."""
    assert sniff(head) == kind
