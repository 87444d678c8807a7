"""Which photos are of one moment: a reason besides the likeness of two pictures, the same answer from both sides, and never two different photos."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photodiary.diary.takes import NOON, SIDE, Look, contrast, is_burst, is_copy, is_version, one_moment, superseded, to_the_second

NINE = datetime(2024, 5, 15, 9, 12, 44)
CELLS = SIDE * SIDE
STRIPES = bytes(60 + 120 * (cell // 3 % 2) for cell in range(CELLS))
CIRCLES = bytes(round(((cell % SIDE - 11.5) ** 2 + (cell // SIDE - 11.5) ** 2) * 0.9) % 256 for cell in range(CELLS))
FLAT = bytes([90]) * CELLS
PHOTO = Look("a" * 64, STRIPES, NINE, "exif", frozenset({b"IMG_1.jpg"}))

signatures = st.sampled_from([STRIPES, CIRCLES, FLAT, bytes(x ^ 1 for x in STRIPES)])
looks = st.builds(
    Look,
    st.sampled_from([None, "a" * 64, "b" * 64]),
    st.none() | signatures,
    st.none() | st.sampled_from([NINE, NINE + timedelta(milliseconds=300), NINE + timedelta(seconds=1), datetime(2024, 5, 15, 12), NINE + timedelta(1)]),
    st.sampled_from(["exif", "digitized", "takeout", "immich", "name", "mtime", "person"]),
    st.frozensets(st.sampled_from([b"IMG_1.jpg", b"IMG_2.jpg"]), min_size=1),
)


def other(**changes: object) -> Look:
    """Another photo than PHOTO with a name of its own, alike in nothing but what `changes` leave."""
    return replace(replace(PHOTO, picture="b" * 64, names=frozenset({b"other.jpg"})), **changes)  # type: ignore[arg-type]


@given(looks, looks)
def test_it_does_not_matter_which_came_first(a: Look, b: Look) -> None:
    """Every rule is symmetric: the order of arrival decides nothing about who belongs together."""
    assert one_moment(a, b) == one_moment(b, a)
    assert is_version(a, b) == is_version(b, a)


@given(looks, looks)
def test_nothing_is_joined_without_a_reason(a: Look, b: Look) -> None:
    """Takes have the same pixels, or were taken on one date, and then in one second or with a date that may be wrong."""
    if one_moment(a, b) and not (a.picture is not None and a.picture == b.picture):
        assert a.wall is not None and b.wall is not None and a.wall.date() == b.wall.date()
        same_second = a.wall.replace(microsecond=0) == b.wall.replace(microsecond=0)
        assert same_second or not {a.source, b.source} <= {"exif", "digitized"}


def test_the_same_pixels_are_one_picture_whatever_else_differs() -> None:
    """A changed date, name or source does not part what has the same pixels; unknown pixels are like no others."""
    assert one_moment(PHOTO, Look(PHOTO.picture, None, None, None))
    assert not one_moment(replace(PHOTO, picture=None, wall=None), Look(None, STRIPES, None, None))


def test_a_version_has_the_name_and_the_second_of_the_older() -> None:
    """Name and second together make a version, however different it looks; either alone does not."""
    edited = replace(PHOTO, picture="b" * 64, signature=CIRCLES)
    assert is_version(PHOTO, edited) and one_moment(PHOTO, edited)
    assert not one_moment(PHOTO, replace(edited, wall=NINE + timedelta(seconds=1)))
    assert not one_moment(PHOTO, replace(edited, names=frozenset({b"IMG_2.jpg"})))
    assert is_version(PHOTO, replace(edited, signature=None, picture=None)), "of a photo from before nothing more is known, nor needed"


@pytest.mark.parametrize("source", ["mtime", "person"])
def test_a_name_alone_makes_no_version_where_the_time_is_a_guess(source: str) -> None:
    """The same name and the same file time, or a round time that a person set, say nothing."""
    edited = replace(PHOTO, picture="b" * 64, signature=CIRCLES, source=source)
    assert not is_version(PHOTO, edited) and not one_moment(PHOTO, edited)


def test_the_noon_of_a_name_that_knows_only_the_day_is_no_time() -> None:
    """Two phones count IMG-20240515-WA0001.jpg each for itself."""
    day = replace(PHOTO, wall=datetime.combine(NINE.date(), NOON), source="name", names=frozenset({b"IMG-20240515-WA0001.jpg"}))
    assert not to_the_second(day)
    assert not one_moment(day, replace(day, picture="b" * 64, signature=CIRCLES))
    assert to_the_second(replace(day, wall=NINE)) and to_the_second(replace(day, source="exif"))


def test_one_second_and_one_view_are_a_take() -> None:
    """HEIC and JPEG, or a burst: the second counts, its fraction does not; another view in the same second stays a photo of its own."""
    assert one_moment(PHOTO, other(wall=NINE + timedelta(milliseconds=700)))
    assert one_moment(PHOTO, other(source="name"))
    assert not one_moment(PHOTO, other(signature=CIRCLES))
    assert not one_moment(PHOTO, other(wall=NINE + timedelta(seconds=2))), "the camera says that these are two"


@pytest.mark.parametrize("source", ["mtime", "person", "name"])
def test_a_copy_without_the_cameras_date_is_found_by_its_looks_on_the_same_day(source: str) -> None:
    """A messenger's copy is joined when it looks the same to the last level or so, and only on its day."""
    noisy = bytes(x ^ 1 for x in STRIPES)
    copy = other(signature=noisy, source=source, wall=NINE + timedelta(hours=3))
    assert one_moment(PHOTO, copy)
    assert not one_moment(PHOTO, replace(copy, wall=NINE + timedelta(days=1)))
    moved = STRIPES[1:] + STRIPES[:1]
    assert not one_moment(PHOTO, replace(copy, signature=moved)), "a second try"


def test_a_picture_without_contrast_looks_like_any_other() -> None:
    """A wall or the inside of a pocket is never joined by its looks."""
    assert contrast(FLAT) == 0
    assert not is_copy(FLAT, FLAT) and not is_burst(FLAT, FLAT)
    assert is_copy(STRIPES, STRIPES) and is_burst(STRIPES, STRIPES)


@given(st.binary(max_size=CELLS), st.binary(max_size=CELLS))
def test_no_signature_is_too_strange(a: bytes, b: bytes) -> None:
    """Whatever bytes stand in the ledger, also of different lengths or none, are compared without an error, alike from both sides."""
    assert is_copy(a, b) == is_copy(b, a)
    assert is_burst(a, b) == is_burst(b, a)


@given(st.lists(st.integers(-1, 1), min_size=CELLS, max_size=CELLS))
def test_the_noise_of_encoding_does_not_part_copies(noise: list[int]) -> None:
    """A level more or less in every cell is what measured encoders do."""
    assert is_copy(CIRCLES, bytes(min(255, max(0, level + change)) for level, change in zip(CIRCLES, noise, strict=True)))


def test_a_newer_version_goes_before_every_other_take_of_what_was_changed() -> None:
    """The older versions, and another encoding of them, give way; what has the pixels of the newest does not; without versions nobody gives way."""
    edited = replace(PHOTO, picture="b" * 64, signature=CIRCLES)
    again = replace(PHOTO, picture="c" * 64)
    heic = other(picture="d" * 64)
    copied = other(picture="c" * 64, names=frozenset({b"copy.jpg"}))
    assert superseded({1: PHOTO, 2: heic, 3: edited, 4: again, 5: copied}) == {1, 2, 3}
    assert superseded({1: PHOTO, 2: heic}) == set()
    assert superseded({}) == set()
