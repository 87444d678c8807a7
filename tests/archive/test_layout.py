"""Names in the archive come from date and hash only, so no name of the input can do harm, and one name means one content."""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photodiary.archive import layout
from photodiary.diary.canvas import Canvas
from photodiary.diary.eyes import EyePair, Point
from photodiary.diary.facing import Facing
from photodiary.diary.photo import Digest, digest_of

WALL = datetime(2024, 5, 15, 14, 39)
EYES = EyePair(Point(1000.0, 1500.0), Point(1600.0, 1490.0))
CANVAS = Canvas(1080, 1350, Point(400.0, 580.0), Point(680.0, 580.0))
DIGEST = digest_of(b"photo")

digests = st.binary(max_size=8).map(digest_of)
walls = st.none() | st.datetimes(datetime(1990, 1, 1), datetime(2999, 12, 31))
points = st.builds(Point, st.floats(-1e5, 1e5), st.floats(-1e5, 1e5))
eyes = st.builds(EyePair, points, points)
STEM = r"(undated/undated|(\d{4})/\2-\d\d-\d\d_\d\d-\d\d-\d\d)_[0-9a-f]{16}"


@given(digests, walls, st.sampled_from(sorted(layout.EXTENSIONS)))
def test_an_original_is_named_by_date_and_hash(digest: Digest, wall: datetime | None, format: str) -> None:
    """An original lies in its year under date, time and hash, with the extension of what it really is."""
    name = layout.original(digest, wall, format)
    assert re.fullmatch(rf"originals/{STEM}\.(jpg|png|webp|avif|heic)", name)
    assert digest[:16] in name and (wall is None or f"{wall:%Y-%m-%d_%H-%M-%S}" in name)
    assert name.endswith("png") == (format == "png")


@given(digests, walls, eyes)
def test_a_frame_is_named_by_date_hash_eyes_and_canvas(digest: Digest, wall: datetime | None, seen: EyePair) -> None:
    """A frame's name is made of its photo's and eight digits that stand for eyes and format, the same ones each time."""
    name = layout.frame(digest, wall, seen, CANVAS)
    assert re.fullmatch(rf"frames/{STEM}_[0-9a-f]{{8}}\.jpg", name)
    assert name == layout.frame(digest, wall, EyePair(Point(*seen.left), Point(*seen.right)), CANVAS)


def test_an_example_reads_well() -> None:
    """The names are those that the documents show."""
    assert layout.original(Digest("0123456789abcdef" * 4), WALL, "jpeg") == "originals/2024/2024-05-15_14-39-00_0123456789abcdef.jpg"
    assert layout.original(Digest("0123456789abcdef" * 4), None, "png") == "originals/undated/undated_0123456789abcdef.png"


@pytest.mark.parametrize(
    "other",
    [
        layout.frame(digest_of(b"other"), WALL, EYES, CANVAS),
        layout.frame(DIGEST, WALL, EYES._replace(left=Point(1000.0, 1500.0001)), CANVAS),
        layout.frame(DIGEST, WALL, EYES._replace(right=Point(1600.0001, 1490.0)), CANVAS),
        layout.frame(DIGEST, WALL, EYES, Canvas(1080, 1352, CANVAS.left, CANVAS.right)),
        layout.frame(DIGEST, WALL, EYES, Canvas(1082, 1350, CANVAS.left, CANVAS.right)),
        layout.frame(DIGEST, WALL, EYES, Canvas(1080, 1350, Point(400.0, 580.01), CANVAS.right)),
        layout.frame(DIGEST, WALL, EYES, Canvas(1080, 1350, CANVAS.left, Point(680.01, 580.0))),
    ],
    ids=["photo", "left eye", "right eye", "height", "width", "left point", "right point"],
)
def test_another_frame_has_another_name(other: str) -> None:
    """A published frame never changes: whatever else it shows is published under another name."""
    assert other != layout.frame(DIGEST, WALL, EYES, CANVAS)


def test_an_unknown_format_has_no_name() -> None:
    """Nothing but the formats we read gets into the archive."""
    with pytest.raises(KeyError):
        layout.original(DIGEST, WALL, "gif")


def test_a_facing_is_in_the_name_only_where_it_changes_the_frame() -> None:
    """Frames of photos that nobody mirrored or turned keep the names they always had; each way round has its own otherwise."""
    plain = layout.frame(DIGEST, WALL, EYES, CANVAS)
    assert plain.endswith(f"_{DIGEST[:16]}_6294ec6d.jpg"), "as it was named before anybody could say so"
    assert layout.frame(DIGEST, WALL, EYES, CANVAS, Facing(turned=0)) == plain == layout.frame(DIGEST, WALL, EYES, CANVAS, Facing())
    others = [layout.frame(DIGEST, WALL, EYES, CANVAS, facing) for facing in (Facing(True), Facing(turned=180), Facing(True, 180))]
    assert len({plain, *others}) == 4
