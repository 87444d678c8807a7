from __future__ import annotations

import io
import os
import re
from pathlib import Path

import pytest
from PIL import Image
from tests.support.visitor import Visitor

from photodiary.review.pictures import Kept


def digests(visitor: Visitor) -> list[str]:
    return [photo["sha256"] for photo in visitor.get("/diary/me/film.json").json()["photos"]]


def test_frames_are_shown_small_and_whole(visitor: Visitor, folder: Path) -> None:
    """A frame is served byte for byte, and small for the calendar; under an address that changes with it browsers keep it for good."""
    sha256 = digests(visitor)[0]
    (address,) = re.findall(rf'src="(/diary/me/frame/{sha256}\?v=[^"]+)"', visitor.get("/diary/me/day/2024-03-01").text)
    whole = visitor.get(address)
    assert visitor.get(f"/diary/me/frame/{sha256}?v=1").headers["cache-control"] == "private, no-cache"
    assert Image.open(io.BytesIO(whole.content)).size == (320, 320) and whole.headers["cache-control"] == "private, max-age=31536000, immutable"
    small = visitor.get(f"/diary/me/thumb/{sha256}")
    assert Image.open(io.BytesIO(small.content)).size == (160, 160) and small.headers["cache-control"] == "private, no-cache"
    assert visitor.get(f"/diary/me/thumb/{sha256}").content == small.content


def test_a_photo_without_a_frame_is_shown_as_it_is(visitor: Visitor) -> None:
    """What was left out still has a small picture, of the photo itself; it has no frame to show."""
    text = visitor.get("/diary/me/day/2024-04-10").text
    sha256 = text.partition("/diary/me/photo/")[2][:64]
    assert Image.open(io.BytesIO(visitor.get(f"/diary/me/thumb/{sha256}").content)).size == (320, 240)
    assert visitor.get(f"/diary/me/frame/{sha256}").status_code == 404


@pytest.mark.parametrize(
    "trick",
    [
        "../../config.toml", "..%2f..%2fconfig.toml", "%2e%2e%2f%2e%2e%2fconfig.toml", "/etc/passwd", "%2fetc%2fpasswd", "0" * 63, "0" * 65, "A" * 64,
        "g" * 64, "0" * 63 + "%0a", "0" * 64 + "%00.jpg", "0" * 32 + "%2f" + "0" * 31, "'; DROP TABLE photos; --", "%ff%fe", "０" * 64,
    ],
)  # fmt: skip
def test_only_a_digest_names_a_photo(visitor: Visitor, trick: str) -> None:
    """Whatever else stands where a photo's SHA-256 belongs finds nothing, and opens nothing."""
    for kind in ("thumb", "frame", "photo"):
        answer = visitor.get(f"/diary/me/{kind}/{trick}")
        assert answer.status_code in (404, 405) and b"root:" not in answer.content and b"[diary" not in answer.content


def test_an_unknown_photo_is_not_there(visitor: Visitor) -> None:
    """A digest of no photo finds nothing, nor does a photo in a diary that is not there."""
    assert visitor.get(f"/diary/me/thumb/{'0' * 64}").status_code == 404
    assert visitor.get(f"/diary/bob/thumb/{digests(visitor)[0]}").status_code == 404


def test_a_frame_that_is_gone_is_trouble_not_a_crash(visitor: Visitor, folder: Path) -> None:
    """A frame that vanished from the disk is told in words; the page goes on."""
    sha256 = digests(visitor)[0]
    for path in (folder / "archive/frames").rglob(f"*{sha256[:16]}*"):
        os.unlink(path)
    assert visitor.get(f"/diary/me/frame/{sha256}").status_code == 503
    assert visitor.get("/").status_code == 200


def test_pictures_that_are_kept_stay_few() -> None:
    """Of pictures that were made only so many bytes are kept, those that were looked at last."""
    kept = Kept(most=10)
    for name in "abc":
        kept.put((name,), b"1234")
    assert kept.get(("a",)) is None and kept.get(("b",)) == b"1234"
    kept.put(("d",), b"1234")
    assert kept.get(("c",)) is None and kept.get(("b",)) == b"1234"
