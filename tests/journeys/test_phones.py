"""The story of every phone: whatever it writes becomes an upright frame in the right colours, eyes in place."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from tests.support import phones
from tests.support.daemon import Diary
from tests.support.dots import drop, eyes_of, find_dots, picture


@pytest.mark.slow
def test_photos_of_every_phone_become_frames_with_the_eyes_in_one_place(diary: Diary) -> None:
    """A sideways iPhone HEIC in Display P3, an AVIF, a WebP, an Ultra HDR and a motion photo arrive, each its own way, and all are in the film."""
    upright = picture(eyes_of(3), seed=3)
    upright[195:, 120:320] = (60, 180, 90)  # a green shirt, in Display P3
    sideways = np.ascontiguousarray(np.rot90(upright))
    film = np.random.default_rng(0).bytes(40_000)

    def day(number: int) -> str:
        return f"2024:05:{number:02} 08:30:00"

    main = {number: phones.encoded("jpeg", picture(eyes_of(number), seed=number), taken=day(number)) for number in (4, 5)}
    photos = {
        "IMG_0001.HEIC": phones.heic(sideways, orientation=6, icc=phones.profile(), taken=day(1), tile_size=128, chroma=444),
        "IMG_2.avif": phones.encoded("avif", picture(eyes_of(2), seed=2), taken=day(2)),
        "IMG-3.webp": phones.encoded("webp", picture(eyes_of(6), seed=6), taken=day(3)),
        "PXL_4.jpg": phones.ultra_hdr(main[4], phones.encoded("jpeg", picture(None)), film),
        "PXL_5.MP.jpg": phones.motion_photo(main[5], film),
    }
    diary.start()
    diary.until(lambda s: s["running"], "running")
    for number, (name, data) in enumerate(photos.items()):
        if number % 2:
            drop(diary.inbox, name, data)
        else:
            (diary.inbox / name).write_bytes(data)
    (diary.inbox / "cut.HEIC").write_bytes(photos["IMG_0001.HEIC"][:-2000])
    state = diary.until_film_of(5)
    diary.until(lambda s: s["photos"]["held"] == 1, "the cut one is held")
    assert state["photos"]["quarantined"] == 0

    rows = diary.photos()
    assert [row["names"][0] for row in rows] == list(photos)
    for row in rows:
        assert (diary.archive / row["original"]).read_bytes() == photos[row["names"][0]]
        canvas = row["canvas"]
        with Image.open(diary.archive / row["frame"]) as image:
            frame = np.asarray(image)
        dots = find_dots(frame)
        assert dots is not None, row["names"]
        for dot, wanted in zip(dots, (canvas["left"], canvas["right"]), strict=True):
            assert np.hypot(dot.x - wanted[0], dot.y - wanted[1]) < 0.02 * (canvas["right"][0] - canvas["left"][0]), row["names"]
        if row["names"] == ["IMG_0001.HEIC"]:
            meant = phones.p3_to_srgb(np.array([60, 180, 90]))
            assert np.abs(np.median(frame[255:275, 150:170], axis=(0, 1)) - meant).max() < 5, "the green shirt below the eyes, as it was meant"
    assert diary.stop() == 0
    assert "cut.HEIC waits for more: the photo is cut short" in diary.told()
