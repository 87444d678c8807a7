"""What a photo is recognised by: equal for the same pixels however they lie and whatever is said about them, alike for another encoding."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from tests.support import phones
from tests.support.dots import eyes_of, picture

from photodiary.darkroom import answers, decode
from photodiary.darkroom.darkroom import Darkroom
from photodiary.darkroom.limits import DarkroomConfig
from photodiary.darkroom.line import Nonsense
from photodiary.diary import takes
from photodiary.diary.photo import digest_of


@pytest.fixture(scope="module")
def darkroom() -> Iterator[Darkroom]:
    made = Darkroom(DarkroomConfig(workers=1))
    yield made
    made.close()


def inspected(darkroom: Darkroom, data: bytes) -> answers.Inspection:
    return darkroom.inspect(digest_of(data), data)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_metadata_changes_nothing_of_the_picture(darkroom: Darkroom, studio, orientation: int) -> None:
    """However a photo is turned in its metadata, its picture is the same one; its signature turns with it."""
    stored = picture(eyes_of(3), seed=3)
    plain, turned = inspected(darkroom, studio.jpeg(stored)), inspected(darkroom, studio.jpeg(stored, orientation))
    assert plain.picture == turned.picture
    assert takes.is_copy(turned.signature, inspected(darkroom, studio.jpeg(decode.decode(studio.jpeg(stored, orientation), 100).pixels)).signature)


@pytest.mark.parametrize("size", [(400, 300), (3264, 2448), (6400, 160)])
def test_a_change_of_one_block_is_another_picture(studio, size: tuple[int, int]) -> None:
    """The smallest part of a JPEG that an editor can change makes another picture, wherever it lies, also where a large photo is decoded at half its size."""
    pixels = np.full((size[1], size[0], 3), 120, np.uint8)
    one = decode.decode(studio.jpeg(pixels), 100).picture
    for y, x in ((0, 0), (size[1] // 16 * 8, 80), (size[1] - 8, size[0] - 8)):
        changed = pixels.copy()
        changed[y : y + 8, x : x + 8] = 128
        assert decode.decode(studio.jpeg(changed), 100).picture != one


def test_the_digest_does_not_depend_on_what_was_asked_before(darkroom: Darkroom, studio) -> None:
    """A photo of which the worker holds more pixels than an inspection needs gets the digest that it gets when it comes first."""
    data = studio.jpeg(np.ascontiguousarray(np.tile(picture(eyes_of(1), (320, 80), 1), (1, 20, 1))))  # 6400 pixels wide: decoded at a half
    first = inspected(darkroom, data)
    darkroom.crops(digest_of(data), lambda: data, [((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))], (64, 64))
    assert inspected(darkroom, data) == first


@pytest.mark.parametrize("kind", ["webp", "heic", "avif", "png"])
def test_other_encodings_are_alike(darkroom: Darkroom, kind: str) -> None:
    """The signature of a photo says the same in every format, and another for another photo."""
    one = inspected(darkroom, phones.encoded("jpeg", picture(eyes_of(2), seed=2)))
    same = inspected(darkroom, phones.encoded(kind, picture(eyes_of(2), seed=2)))
    different = inspected(darkroom, phones.encoded(kind, picture(eyes_of(3), seed=3)))
    assert one.picture != same.picture
    assert takes.is_copy(one.signature, same.signature)
    assert not takes.is_burst(one.signature, different.signature)


@pytest.mark.parametrize(
    ("told", "payload"),
    [
        (None, bytes(576)), (5, bytes(576)), ("A" * 64, bytes(576)), ("a" * 63, bytes(576)), ("a" * 65, bytes(576)), ("a" * 64 + "\n", bytes(576)),
        ("a" * 64, b""), ("a" * 64, bytes(575)),
    ],
)  # fmt: skip
def test_what_is_no_digest_or_no_signature_is_nonsense(studio, told: object, payload: bytes) -> None:
    """A worker that a photo took over can put nothing else into the ledger."""
    data = studio.jpeg(picture(None))
    good = {"format": "jpeg", "width": 400, "height": 300, "dates": {}}
    assert answers.inspection({**good, "picture": "a" * 64}, bytes(576), data, 100).picture == "a" * 64
    with pytest.raises(Nonsense):
        answers.inspection({**good, "picture": told}, payload, data, 100)
