"""What a film's plan promises: seams that stay, fingerprints that stand for all that is shown, and shares of time that are exact."""

from __future__ import annotations

from dataclasses import fields, replace
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photodiary.diary import reel
from photodiary.diary.pace import AUTO
from photodiary.diary.photo import digest_of
from photodiary.diary.reel import NEIGHBOURS, Cell, Chapter, Coding, ReelPlan, Segment, chain, seams, shares
from photodiary.diary.reel_style import ReelStyle

CELLS = (Cell("frames/a.jpg"), Cell("frames/b.jpg", grade=(1.1, 0.0, 0.004), stamp="1 March", title="Us", outline=(1.0, 2.5), pictures=3))
CODING = Coding(128, 160, 128, 160)
SEGMENT = Segment(CELLS, CODING, Cell("frames/c.jpg"))
PLAN = ReelPlan((SEGMENT,), 12_000, (1000, 1000), (1, 1), Fraction(12))


def digests(seed: int, count: int) -> list[str]:
    return [digest_of(b"%d %d" % (seed, number)) for number in range(count)]


# -- seams -------------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.integers(2, 120), st.data())
def test_a_photo_more_or_less_moves_only_seams_beside_it(seed: int, count: int, data: st.DataObject) -> None:
    """After a photo came, went or moved, every seam farther than 5 places away is where it was, in front of the same photo."""
    photos = digests(seed, count)
    place = data.draw(st.integers(0, count))
    more = [*photos[:place], digest_of(b"new"), *photos[place:]]
    before, after = set(seams(photos)), set(seams(more))
    far_off = {photo for number, photo in enumerate(photos) if number < place - NEIGHBOURS or number >= place + NEIGHBOURS}
    beginning = ({photos[at] for at in before - {0}}, {more[at] for at in after - {0}})
    assert beginning[0] & far_off - {photos[0]} == beginning[1] & far_off - {photos[0]}

    moved = photos.copy()
    moved.insert(data.draw(st.integers(0, count - 1)), moved.pop(data.draw(st.integers(0, count - 1))))
    context = {photo: set(moved[max(0, at - NEIGHBOURS) : at + NEIGHBOURS + 1]) for at, photo in enumerate(moved)}
    same = {photo for at, photo in enumerate(photos) if at and set(photos[max(0, at - NEIGHBOURS) : at + NEIGHBOURS + 1]) == context[photo]} - {moved[0]}
    assert {photos[at] for at in before} & same == {moved[at] for at in seams(moved)} & same


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 200))
def test_segments_are_long_enough(seed: int, count: int) -> None:
    """The first photo begins a segment; between two seams there are 6 photos or more, but for the first segment."""
    places = seams(digests(seed, count))
    assert places[0] == 0
    assert all(after - before > NEIGHBOURS for before, after in list(pairwise(places))[1:])


def test_segments_are_short_enough_for_the_budget() -> None:
    """11 photos on average, and hardly one in a hundred is longer than 33: a new photo encodes few."""
    photos = digests(7, 20_000)
    lengths = [after - before for before, after in pairwise([*seams(photos), len(photos)])]
    assert 10.5 < sum(lengths) / len(lengths) < 11.5
    assert sum(length > 33 for length in lengths) < len(lengths) / 100


def test_a_chain_holds_each_photo_once() -> None:
    """The segments together are the film, in its order; only where photos fade does a segment know what comes after it."""
    photos = digests(1, 60)
    cells = [Cell(f"frames/{number}.jpg") for number in range(60)]
    for coding in (CODING, replace(CODING, crossfade=0.5, steady=True)):
        segments = chain(cells, photos, coding)
        assert [cell for segment in segments for cell in segment.cells] == cells and len(segments) > 2
        assert [segment.after for segment in segments] == [following.cells[0] if coding.crossfade else None for following in segments[1:]] + [None]


# -- fingerprints ------------------------------------------------------------------------------------------------------

OTHER_CELL: dict[str, Any] = {"frame": "frames/d.jpg", "grade": (1.1, 0.0, 0.0), "stamp": "2 March", "title": "", "outline": (1.0, 2.6), "pictures": 4}
OTHER_CODING: dict[str, Any] = {
    "width": 66, "height": 82, "frame_width": 66, "frame_height": 82, "codec": "h265", "crf": 21, "preset": "medium", "rate": 60, "steady": True,
    "crossfade": 0.5, "border": "black", "stamp_position": "top left", "stamp_size": 3.5, "eyes": (1.0, 2.0, 3.0, 4.0),
}  # fmt: skip


@pytest.mark.parametrize("name", [field.name for field in fields(Cell)])
def test_whatever_a_photo_shows_is_in_its_segment_s_fingerprint(name: str) -> None:
    """Each field of a cell, also of the one that the last fades into, changes the fingerprint of the segment and of the film."""
    other = replace(CELLS[1], **{name: OTHER_CELL[name]})
    fading = replace(SEGMENT, after=CELLS[1])
    for before, after in ((SEGMENT, replace(SEGMENT, cells=(CELLS[0], other))), (fading, replace(fading, after=other))):
        assert before.fingerprint != after.fingerprint
        assert replace(PLAN, segments=(before,)).fingerprint != replace(PLAN, segments=(after,)).fingerprint


@pytest.mark.parametrize("name", [field.name for field in fields(Coding)])
def test_however_pictures_are_coded_is_in_the_fingerprint(name: str) -> None:
    """Each field of the coding changes the fingerprint: a film in another look is never taken for this one."""
    assert replace(SEGMENT, coding=replace(CODING, **{name: OTHER_CODING[name]})).fingerprint != SEGMENT.fingerprint


@pytest.mark.parametrize(
    "changed",
    [
        replace(SEGMENT, cells=CELLS[::-1]),
        replace(SEGMENT, cells=CELLS[:1]),
        replace(SEGMENT, cells=(*CELLS, CELLS[0])),
        replace(SEGMENT, after=None),
        Segment((*CELLS, Cell("frames/c.jpg")), CODING),
    ],
)
def test_order_and_number_are_in_the_fingerprint(changed: Segment) -> None:
    """Photos in another order, one more or less, or one that is faded into instead of shown, is another segment."""
    assert changed.fingerprint != SEGMENT.fingerprint


cells = st.builds(
    Cell, st.text(max_size=3), st.lists(st.sampled_from([1.0, 1.1]), max_size=2).map(tuple), st.sampled_from(["", "a"]), pictures=st.integers(1, 2)
)
segments = st.builds(
    Segment,
    st.lists(cells, min_size=1, max_size=3).map(tuple),
    st.builds(Coding, st.sampled_from([16, 18]), st.just(16), st.just(16), st.just(16), crf=st.sampled_from([20, 21])),
    st.none() | cells,
)


@settings(deadline=None, max_examples=50)
@given(segments, segments)
def test_fingerprints_are_equal_exactly_for_equal_segments(one: Segment, other: Segment) -> None:
    """Two segments share a fingerprint exactly when they show the same: equal ones are encoded once, others never mixed up."""
    assert (one.fingerprint == other.fingerprint) == (one == other)
    assert replace(one).fingerprint == one.fingerprint


@pytest.mark.parametrize(
    "changed",
    [
        replace(PLAN, timescale=24_000),
        replace(PLAN, ticks=(1000, 1001)),
        replace(PLAN, shown=(1, 2)),
        replace(PLAN, title="Us"),
        replace(PLAN, chapters=(Chapter(0, "2024"),)),
        replace(PLAN, chapters=(Chapter(1, "2024"),)),
        replace(PLAN, chapters=(Chapter(0, "2025"),)),
        replace(PLAN, segments=(SEGMENT, SEGMENT), ticks=(1000,) * 4, shown=(1,) * 4),
    ],
)
def test_time_title_and_chapters_are_in_the_film_s_fingerprint_only(changed: ReelPlan) -> None:
    """Another pace, title or chapter is another film of the same segments: nothing is encoded for it."""
    assert changed.fingerprint != PLAN.fingerprint
    assert {segment.fingerprint for segment in changed.segments} == {SEGMENT.fingerprint}


def test_another_encoder_changes_the_fingerprints(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments and films made by an older version of our encoding count as stale."""
    before, film = SEGMENT.fingerprint, PLAN.fingerprint
    monkeypatch.setattr(reel, "ENCODER_VERSION", reel.ENCODER_VERSION + 1)
    again = replace(SEGMENT)
    assert again.fingerprint != before and replace(PLAN, segments=(again,)).fingerprint != film


def test_the_fingerprints_stay_the_same_over_the_years() -> None:
    """An upgrade that changes nothing about films doesn't render them all again: the recipes are fixed."""
    assert SEGMENT.fingerprint == "2254d60c81888762adb776e0cc2922cd3998cd6125a961e58167b607078d2492"
    assert PLAN.fingerprint == "3a28bb0d9ad8bc9c3c544282163e8177b60f7f24b02f98d8c5a04a718ff41873"


# -- time --------------------------------------------------------------------------------------------------------------

spans = st.lists(st.builds(Fraction, st.integers(60, 900), st.sampled_from([24, 25, 30, 60])), min_size=1, max_size=30)


def check_shares(given_spans: list[Fraction]) -> None:
    answer = shares(given_spans)
    ends = list(accumulate(given_spans, initial=Fraction(0)))
    begins = list(accumulate((shown for _, shown in answer), initial=0))
    assert all(abs(begin - end) <= Fraction(1, 2) for begin, end in zip(begins, ends, strict=True))
    assert all(1 <= shown <= coded == -(-span // 1) and coded - shown <= 1 for (coded, shown), span in zip(answer, given_spans, strict=True))


@pytest.mark.parametrize("fps", [24, 25, 30, 60])
@pytest.mark.parametrize("pace", AUTO)
def test_no_picture_is_gained_or_lost_at_any_pace(fps: int, pace: int) -> None:
    """At every pace and rate each photo begins with the picture nearest to its time, and the film is as long as it should be, to the picture."""
    span = max(Fraction(1), Fraction(fps, pace))
    check_shares([span] * 1461)
    whole = 1460 // span.denominator * span.denominator  # photos that last a whole number of pictures together
    assert sum(shown for _, shown in shares([span] * whole)) == whole * span


@settings(deadline=None, max_examples=50)
@given(spans, spans)
def test_photos_of_any_length_are_shown_at_their_times(one: list[Fraction], other: list[Fraction]) -> None:
    """The same for photos that last differently; what is encoded of a photo does not depend on what comes before it."""
    check_shares(one)
    assert [coded for coded, _ in shares(other + one)] == [coded for coded, _ in shares(other)] + [coded for coded, _ in shares(one)]


def test_a_plan_knows_when_each_photo_is_seen() -> None:
    """Begins, durations and length are exact sums of ticks, with repeated pictures counted as often as they are shown."""
    plan = replace(PLAN, segments=(replace(SEGMENT, cells=(*CELLS, Cell("frames/c.jpg"))),), ticks=(1000, 500, 250), shown=(2, 1, 4))
    assert plan.durations == (1000, 1000, 500, 250, 250, 250, 250)
    assert plan.begins == (0, 2000, 2500)
    assert plan.seconds == Fraction(3500, 12_000)
    assert plan.frames == ("frames/a.jpg", "frames/b.jpg", "frames/c.jpg") and plan.coding == CODING


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(1, 90_000), st.integers(1, 9)), min_size=1, max_size=20))
def test_the_length_is_exact(times: list[tuple[int, int]]) -> None:
    """Every photo, the last one too, is on screen for exactly its time."""
    made = tuple(Cell(str(number)) for number in range(len(times)))
    plan = ReelPlan((Segment(made, CODING),), 90_000, tuple(ticks for ticks, _ in times), tuple(shown for _, shown in times))
    assert plan.seconds * 90_000 == sum(plan.durations) == plan.begins[-1] + times[-1][0] * times[-1][1]


# -- what is refused ---------------------------------------------------------------------------------------------------

WRONG: list[tuple[str, list[object]]] = [
    ("pace", ["", "0", "61", "12.5", "slow", "0 s", "-1 s"]),
    ("photos_per_second", [-1, 61, 12.5, True]),
    ("fps", [1, 23, 50, 120, -24]),
    ("pick", ["", "year"]),
    ("crossfade", [-0.1, 1.1, float("nan")]),
    ("hold_first", [-1, 61, float("nan")]),
    ("hold_last", [-1, 60.5, float("inf")]),
    ("shape", ["2:1", "1x1"]),
    ("size", [143, 142, 1081, 2162, 1080.0, -2]),
    ("border", ["", "white", "#12345", "#12345g", "123456"]),
    ("stamp", ["time", "Date"]),
    ("stamp_position", ["", "middle"]),
    ("stamp_size", [0.9, 21, float("nan")]),
    ("title", ["x" * 201, "two\nlines", "bell\a"]),
    ("chapters", ["day", "Year"]),
    ("codec", ["av1", "", "H264"]),
    ("crf", [-1, 41, 20.5]),
    ("preset", ["quick", ""]),
]


@pytest.mark.parametrize(("name", "wrong"), [(name, value) for name, values in WRONG for value in values])
def test_a_wrong_style_is_refused_by_name(name: str, wrong: object) -> None:
    """A style outside its limits is refused with a sentence that begins with the setting's name."""
    with pytest.raises(ValueError, match=f"^{name} must be .*$"):
        ReelStyle(**{name: wrong})  # type: ignore[arg-type]


def test_every_wrong_setting_is_told_at_once() -> None:
    """Two mistakes are two lines; what stands at a limit is fine."""
    with pytest.raises(ValueError, match=r"^fps must be [^\n]*\ncrf must be [^\n]*$"):
        ReelStyle(fps=1, crf=99)
    ReelStyle(crossfade=1, hold_first=60, hold_last=0, size=144, stamp_size=20, title="x" * 200, crf=40, border="#Aa01fF", pace="60", fps=60)
    assert ReelStyle(pace="8", photos_per_second=24).speed == "24" and ReelStyle(pace="8").speed == "8"


def test_a_film_of_nothing_is_refused() -> None:
    """No frames make no film."""
    with pytest.raises(ValueError, match=r"^A film needs at least one frame\.$"):
        replace(PLAN, segments=(), ticks=(), shown=())


@pytest.mark.parametrize(("side", "pixels"), [("width", 65), ("height", 81), ("width", 0), ("height", -2), ("height", 14)])
def test_a_size_that_no_film_can_have_is_refused(side: str, pixels: int) -> None:
    """A size that the video format can't have is refused when the plan is made."""
    with pytest.raises(ValueError, match=f"^{side} must be an even number of at least 16 pixels, not {pixels}"):
        replace(CODING, **{side: pixels})
