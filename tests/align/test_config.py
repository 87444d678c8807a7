"""The picture format as a person writes it."""

from __future__ import annotations

import pytest

from photodiary.align.config import AlignConfig


def test_auto_fixes_nothing() -> None:
    """The default chooses by itself."""
    assert AlignConfig().canvas == "auto"
    assert AlignConfig().fixed() is None


def test_a_written_format_is_kept_exactly() -> None:
    """Size, distance in % of the width and height in % of the height are those written; the eyes are level and centred."""
    canvas = AlignConfig("1080x1350 eyes 38% apart at 43%").fixed()
    assert canvas is not None
    assert (canvas.width, canvas.height) == (1080, 1350)
    assert canvas.iod == pytest.approx(0.38 * 1080)
    assert canvas.left.y == canvas.right.y == pytest.approx(0.43 * 1350 - 0.5)
    assert canvas.left.x + canvas.right.x == pytest.approx(1079)
    assert AlignConfig("1080x1350 eyes 38.5% apart at 42.5%").fixed() != canvas


@pytest.mark.parametrize("text", ["1080x1350", "1920x1080", "1080x1080", "540x960"])
def test_a_size_alone_puts_the_eyes_where_faces_look_well(text: str) -> None:
    """Without more words forehead and chin are in the picture and the face is its subject."""
    canvas = AlignConfig(text).fixed()
    assert canvas is not None
    assert f"{canvas.width}x{canvas.height}" == text
    assert canvas.left.y > 1.4 * canvas.iod
    assert canvas.height - canvas.left.y > 1.75 * canvas.iod
    assert canvas.height < 6 * canvas.iod
    assert 0 < canvas.left.x < canvas.right.x < canvas.width - 1


@pytest.mark.parametrize(
    "text",
    ["", "Auto", "1080", "1080x", "1080 x 1350", "1081x1350", "1080x1351", "10x10", "9998x9998", "1080x1350 eyes 38%", "1080x1350 eyes 0% apart at 43%",
     "1080x1350 eyes 38% apart at 43% ", "-1080x1350", "1080x1350\n"],
)  # fmt: skip
def test_other_words_are_refused(text: str) -> None:
    """What is no format is a ValueError when it is written, not when the first photo comes."""
    with pytest.raises(ValueError, match="canvas|picture format|left eye"):
        AlignConfig(text)
