"""Promise: corrupt, wrong extension, empty, not an image: quarantined with a reason a person understands; `quarantine retry` after a fix."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.promises.switch import Switch
from tests.support.daemon import QUICK, Diary
from tests.support.dots import eyes_of, photo, picture

REASONS = "test_what_is_no_photo_is_set_aside_with_a_reason_and_stays_where_it_is"
SWITCHES = (
    Switch("a row for what could not be read", REASONS, "inbox/intake.py", "self.quarantine(digest, len(data), name, error.code, str(error), now)", "pass"),
    Switch("what it is by its content", REASONS, "darkroom/limits.py", 'b"\\x89PNG\\r\\n\\x1a\\n", "png")', 'b"never", "png")'),
    Switch("trying again", "test_after_a_fix_a_retry_takes_the_photo_in", "run/turns.py", "house.inbox.read_anew(anew)", "pass"),
)


@pytest.fixture
def diary(tmp_path: Path) -> Iterator[Diary]:
    diary = Diary(tmp_path / "me", config=QUICK.replace("workers = 1", "workers = 1\nmax_megapixels = 0.3"))
    yield diary
    diary.close()


def saved(pixels: np.ndarray, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2024:02:01 12:00:00"
    Image.fromarray(pixels).save(out, kind, exif=exif, **options)
    return out.getvalue()


def test_what_is_no_photo_is_set_aside_with_a_reason_and_stays_where_it_is(diary: Diary) -> None:
    """Text, a TIFF, damaged pictures and an empty file do not hold up the photo beside them, which may have any name; status and the list say why."""
    small = picture(eyes_of(7), seed=7)
    png = bytearray(saved(small, "PNG", compress_level=0))
    png[len(png) // 2] ^= 0x10  # a pixel: any viewer shows it
    jpeg = bytearray(photo(9))
    scan = jpeg.index(b"\xff\xda") + 200
    jpeg[scan : scan + 40] = b"\xff\xc4\0\4\0\0" + b"\xff\xd3" * 17
    files = {"text.jpg": b"hello", "tiff.jpg": saved(small, "TIFF"), "page.png": b"<html>", "pixel.png": bytes(png), "scan.jpg": bytes(jpeg), "empty.jpg": b""}
    for name, data in files.items():
        (diary.inbox / name).write_bytes(data)
    (diary.inbox / "really-png.jpg").write_bytes(saved(picture(eyes_of(5), seed=5), "PNG"))
    (diary.inbox / "photo.txt").write_bytes(photo(6))
    diary.start()
    diary.until(lambda s: s["photos"]["quarantined"] == 5 and s["photos"]["held"] == 1, "five set aside, the empty one waited for")
    diary.until_film_of(2)
    told = {line.partition("  ")[2].partition(": ")[0]: line.rpartition(": ")[2] for line in diary.call("quarantine", "list").stdout.splitlines()}
    assert {name for name, why in told.items() if "not a photo" in why} == {"text.jpg", "tiff.jpg", "page.png"}, told
    assert {name for name, why in told.items() if "damaged" in why} == {"pixel.png", "scan.jpg"}, told
    shown = diary.call("status").stdout
    assert "5 could not be read" in shown and "1 still arriving" in shown, shown
    assert {name: (diary.inbox / name).read_bytes() for name in files} == files


def test_after_a_fix_a_retry_takes_the_photo_in(diary: Diary) -> None:
    """A photo over the limits is set aside; once the limit is raised, `quarantine retry` takes it in from the inbox, and it is in the film."""
    (diary.inbox / "large.png").write_bytes(saved(picture(eyes_of(2, (800, 600)), (800, 600), seed=2), "PNG"))
    (diary.inbox / "small.jpg").write_bytes(photo(1))
    diary.start()
    diary.until_film_of(1)
    diary.until(lambda s: s["photos"]["quarantined"] == 1, "the large one set aside")
    assert "larger than the limits allow" in diary.call("quarantine", "list").stdout
    diary.stop()
    diary.config.write_text(diary.config.read_text().replace("max_megapixels = 0.3", "max_megapixels = 10"))
    diary.start()
    diary.until_told("watches")
    assert diary.me()["photos"]["quarantined"] == 1, "only a person tries it again"
    done = diary.call("quarantine", "retry", timeout=60)
    assert done.returncode == 0, done.stderr
    diary.until_film_of(2)
    assert diary.me()["photos"]["quarantined"] == 0
