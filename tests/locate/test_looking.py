"""The order of looks, with a network that knows where the eyes are: what is asked, how often, and how the answers find back."""

from __future__ import annotations

import math
import statistics
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from photodiary.darkroom import warp
from photodiary.diary.canvas import Matrix
from photodiary.diary.eyes import EyePair, Point
from photodiary.errors import WorkerLost
from photodiary.eyenet.framing import FramingConfig, Look
from photodiary.eyenet.peaks import Candidate
from photodiary.locate import looking
from photodiary.locate.choosing import choose
from photodiary.locate.looking import DISAGREE, LEAST_FACE, LEAST_TURNED, Looking

FRAMING = FramingConfig()
LEAST_SEEN = 4.0  # pixels between the eyes below which the network sees no face
UPRIGHT = 60  # degrees of tilt up to which it sees one

WRITING = threading.Lock()  # pictures of several photos are fetched at a time
CORNERS = np.array([[1, 2], [4, 3]])  # what each look has in its corners, clockwise; so that it can be told how it is shown


@dataclass(frozen=True)
class Head:
    """A face in a photo: eyes in its pixels, and how well it is seen."""

    eyes: EyePair
    score: float = 0.9
    weaker: float = 0.8


@dataclass
class Shown:
    """How a look shows its photo: (3, 3) matrix to its pixels, its photo's heads, and whether it is the whole photo."""

    matrix: NDArray[np.float64]
    heads: Sequence[Head]
    whole: bool


@dataclass
class Scene:
    """A photo of known heads.  Its looks are empty pictures with a number, by which the network knows what they show."""

    size: tuple[int, int]
    heads: Sequence[Head]
    book: list[Shown]
    fails_at: int = 999

    def thumbnail(self, side: int) -> NDArray[np.uint8]:
        matrix, size = warp.thumbnail_matrix(self.size, side)
        return self._picture(matrix, size, whole=True)

    def crops(self, matrices: Sequence[Matrix], size: tuple[int, int]) -> NDArray[np.uint8]:
        self.fails_at -= 1
        if self.fails_at < 0:
            raise WorkerLost("died")
        return np.stack([self._picture(np.array(matrix), size, whole=False) for matrix in matrices])

    def _picture(self, matrix: NDArray[np.float64], size: tuple[int, int], *, whole: bool) -> NDArray[np.uint8]:
        with WRITING:
            number = len(self.book)
            self.book.append(Shown(np.vstack([matrix, [0, 0, 1]]), self.heads, whole))
        picture = np.zeros((size[1], size[0], 3), np.uint8)
        picture[..., 1], picture[..., 2] = divmod(number, 256)
        picture[:: size[1] - 1, :: size[0] - 1, 0] = CORNERS
        return picture


@dataclass
class Oracle:
    """The network's part.  `slip` may move what it says: told head, number of the crop, it returns pixels of the photo."""

    slip: Callable[[Head, int], tuple[float, float]] = lambda head, number: (0.0, 0.0)
    also: Callable[[Candidate], list[Candidate]] = lambda candidate: []  # further answers in whole photos
    blind: frozenset[int] = frozenset()  # numbers of crops in which it sees nothing
    book: list[Shown] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)  # how many pictures at once
    sizes: list[tuple[int, int]] = field(default_factory=list)
    turns: list[int] = field(default_factory=list)  # of the whole photos: quarters they were shown turned by
    crops: int = 0

    def scene(self, size: tuple[int, int], *heads: Head, fails_at: int = 999) -> Scene:
        return Scene(size, heads, self.book, fails_at)

    def __call__(self, pictures: Sequence[NDArray[np.uint8]], least: float) -> looking.Answer:
        self.asked.append(len(pictures))
        self.sizes.append(pictures[0].shape[:2])
        assert len({picture.shape for picture in pictures}) == 1
        assert all(picture.flags.c_contiguous for picture in pictures)
        found = [sorted((c for c in self._seen(picture) if c.score >= least), key=lambda c: -c.score) for picture in pictures]
        marks = np.array([[picture[1, 1, 1], picture[1, 1, 2]] for picture in pictures], np.float32)
        return found, marks

    def _seen(self, picture: NDArray[np.uint8]) -> list[Candidate]:
        shown = self.book[int(picture[1, 1, 1]) * 256 + int(picture[1, 1, 2])]
        height, width = picture.shape[:2]
        corners = picture[:: height - 1, :: width - 1, 0]
        mirrored = not any(np.array_equal(np.rot90(CORNERS, k), corners) for k in range(4))
        straight = corners[:, ::-1] if mirrored else corners
        quarters = next(k for k in range(4) if np.array_equal(np.rot90(CORNERS, k), straight))
        if shown.whole:
            self.turns.append(quarters)
            number = -1
        else:
            number, self.crops = self.crops, self.crops + 1
        if number in self.blind:
            return []
        seen: list[Candidate] = []
        for head in shown.heads:
            dx, dy = (0.0, 0.0) if shown.whole else self.slip(head, number)
            points = [(shown.matrix @ [p.x + dx, p.y + dy, 1])[:2] for p in head.eyes]
            w, h = (width, height) if quarters % 2 == 0 else (height, width)  # before it was turned
            for _ in range(quarters):
                points = [np.array([y, w - 1 - x]) for x, y in points]
                w, h = h, w
            if mirrored:
                points = [np.array([width - 1 - x, y]) for x, y in reversed(points)]
            eyes = EyePair(*(Point(float(x), float(y)) for x, y in points))
            inside = all(-1 < p.x < width and -1 < p.y < height for p in eyes)
            if inside and eyes.iod >= LEAST_SEEN and abs(math.degrees(eyes.tilt)) <= UPRIGHT:
                seen.append(Candidate(eyes, head.score, head.weaker, 0.01 * eyes.iod))
        return seen + [more for candidate in seen for more in self.also(candidate)] if shown.whole else seen


def pair(x: float, y: float, iod: float, degrees: float = 0.0) -> EyePair:
    dx, dy = (iod / 2 * f(math.radians(degrees)) for f in (math.cos, math.sin))
    return EyePair(Point(x - dx, y - dy), Point(x + dx, y + dy))


def per_cent(face: looking.Face, truth: EyePair) -> float:
    return 100 * face.eyes.distance(truth) / truth.iod


FIRST, APPROACH, LOOKS, ALL = 1, 1, len(FRAMING.looks), len(FRAMING.looks + FRAMING.more)


# -- one face ----------------------------------------------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None)
@given(
    size=st.tuples(st.integers(200, 5000), st.integers(200, 5000)), x=st.floats(0.3, 0.7), y=st.floats(0.3, 0.7), share=st.floats(0.03, 0.3),
    degrees=st.floats(-45, 45),
)  # fmt: skip
def test_eyes_come_back_in_the_photos_own_pixels(size: tuple[int, int], x: float, y: float, share: float, degrees: float) -> None:
    """However large, tilted and placed, a face's eyes are told in pixels of the photo: whole, approached and from all sides, mirrored or not."""
    oracle = Oracle()
    truth = pair(x * size[0], y * size[1], max(share * min(size), 0.02 * max(size)), degrees)
    (face,) = Looking(oracle, FRAMING).faces(oracle.scene(size, Head(truth)))
    assert face.eyes.distance(truth) < 1e-6 * max(size)
    assert (face.score, face.weaker, face.turned) == (pytest.approx(0.9), pytest.approx(0.8), False)
    assert face.own == pytest.approx(1.0)
    assert face.spread < 1e-4
    assert face.strayed < 1e-3


def test_a_clear_face_takes_three_questions() -> None:
    """The whole photo, one approach, and all looks at once: no more where they agree."""
    oracle = Oracle()
    Looking(oracle, FRAMING).faces(oracle.scene((900, 1200), Head(pair(400, 500, 150, 8))))
    assert oracle.asked == [FIRST, APPROACH, LOOKS]
    assert oracle.sizes == [(256, 192), (FRAMING.crop, FRAMING.crop), (FRAMING.crop, FRAMING.crop)]


@pytest.mark.parametrize("wild", range(LOOKS))
@pytest.mark.parametrize("right", [0.25, -0.25])
def test_one_wild_look_is_ignored(wild: int, right: float) -> None:
    """A look that is a quarter of the eyes' distance off does not move the answer, whichever it is."""
    truth = pair(400, 500, 150, -11)
    oracle = Oracle(slip=lambda head, number: (right * 150, 0.1 * 150) if number == APPROACH + wild else (0.0, 0.0))
    (face,) = Looking(oracle, replace(FRAMING, more=())).faces(oracle.scene((900, 1200), Head(truth)))
    assert per_cent(face, truth) < 1e-4
    assert face.spread > 2.0, "but it is noticed"
    oracle.crops = 0
    (again,) = Looking(oracle, FRAMING).faces(oracle.scene((900, 1200), Head(truth)))
    assert per_cent(again, truth) < 1e-4
    assert again.spread < 1e-4, "and looked into"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=LOOKS, max_size=LOOKS))
def test_the_answer_is_the_median_of_each_coordinate(slips: list[tuple[float, float]]) -> None:
    """Of the looks' answers the middle one of each coordinate counts, and their mean distance from it is the spread."""
    truth = pair(400, 500, 150, 5)
    oracle = Oracle(slip=lambda head, number: slips[number - APPROACH] if APPROACH <= number < APPROACH + LOOKS else (0.0, 0.0))
    (face,) = Looking(oracle, FRAMING).faces(oracle.scene((900, 1200), Head(truth)))
    dx, dy = (statistics.median(slip[axis] for slip in slips) for axis in (0, 1))
    assert face.eyes.distance(EyePair(*(Point(p.x + dx, p.y + dy) for p in truth))) < 1e-6
    assert face.spread == pytest.approx(100 / 150 * statistics.fmean(math.hypot(x - dx, y - dy) for x, y in slips), abs=1e-5)


@pytest.mark.parametrize(("far", "more"), [(0.8, False), (1.2, True), (3.0, True)])
def test_more_looks_are_taken_only_where_they_disagree(far: float, more: bool) -> None:
    """While the looks lie together they are enough; where they lie apart all of them and the further ones are taken around their median."""
    truth = pair(400, 500, 150)
    angle = 2 * math.pi / LOOKS
    step = far * DISAGREE / 100 * 150
    oracle = Oracle(slip=lambda head, number: (step * math.cos(number * angle), step * math.sin(number * angle)) if number >= APPROACH else (0.0, 0.0))
    (face,) = Looking(oracle, FRAMING).faces(oracle.scene((900, 1200), Head(truth)))
    assert oracle.asked == [FIRST, APPROACH, LOOKS] + [ALL] * more
    assert per_cent(face, truth) < 0.5 * far * DISAGREE, "and their median is better than any of them"


def test_mirrored_looks_are_mirrored_back() -> None:
    """From mirrored looks alone the eyes come back as from plain ones: left is left in the photo."""
    truth = pair(431.5, 502.25, 120, 17)
    answers = []
    for mirrored in (False, True):
        framing = FramingConfig(looks=tuple(Look(50 + n, right=n, down=-n, turn=n, mirrored=mirrored) for n in range(3)), more=())
        oracle = Oracle()
        (face,) = Looking(oracle, framing).faces(oracle.scene((900, 1200), Head(truth)))
        answers.append(face.eyes)
    assert answers[0].distance(truth) < 1e-6
    assert answers[1].distance(truth) < 1e-6


def test_mirrored_looks_cancel_what_leans_to_one_side() -> None:
    """A network that always says a little too far to the right of what it is shown is put right by as many mirrored looks."""
    truth = pair(400, 500, 112)

    class Leaning(Oracle):
        def _seen(self, picture: NDArray[np.uint8]) -> list[Candidate]:
            return [
                Candidate(EyePair(*(Point(p.x + 1.0, p.y) for p in c.eyes)), c.score, c.weaker, c.expected) if picture.shape[0] == FRAMING.crop else c
                for c in super()._seen(picture)
            ]

    misses = []
    for sides in ((False, False, False, False), (False, True, True, False)):
        oracle = Leaning()
        framing = FramingConfig(looks=tuple(Look(56.0, mirrored=side) for side in sides), more=())
        (face,) = Looking(oracle, framing).faces(oracle.scene((900, 1200), Head(truth)))
        misses.append(per_cent(face, truth))
    assert misses[0] == pytest.approx(100 / 56, rel=1e-3)
    assert misses[1] < 1e-6


def test_a_look_that_saw_nothing_counts_as_nothing() -> None:
    """The score is the mean over all looks, those that saw nothing included; where most saw nothing there is no face."""
    truth = pair(100, 110, 40)
    for blind, found in ((1, True), (2, True), (3, False)):
        oracle = Oracle(blind=frozenset(range(APPROACH, APPROACH + blind)))
        faces = Looking(oracle, FRAMING).faces(oracle.scene((200, 250), Head(truth)))
        assert bool(faces) == found
        if found:
            assert faces[0].score == pytest.approx(0.9 * (LOOKS - blind) / LOOKS)
            assert faces[0].weaker == pytest.approx(0.8 * (LOOKS - blind) / LOOKS)
            assert per_cent(faces[0], truth) < 1e-4


@pytest.mark.parametrize(("score", "found"), [(LEAST_FACE + 0.01, True), (LEAST_FACE - 0.01, False)])
def test_what_is_seen_faintly_is_no_face(score: float, found: bool) -> None:
    """Below the least score of a face there is none."""
    oracle = Oracle()
    assert bool(Looking(oracle, FRAMING).faces(oracle.scene((900, 1200), Head(pair(400, 500, 150), score)))) == found


def test_an_empty_photo_is_looked_at_whole_only() -> None:
    """Without any place worth approaching no crop is asked for: the whole photo small, larger, and in three more turns."""
    oracle = Oracle()
    assert Looking(oracle, FRAMING).faces(oracle.scene((900, 1200))) == []
    assert oracle.asked == [1, 1, 1, 1, 1]
    assert (oracle.turns, oracle.crops) == ([0, 0, 1, 3, 2], 0)
    assert max(oracle.sizes[1]) == FRAMING.far


# -- far away and lying ------------------------------------------------------------------------------------------------------------


def test_small_faces_are_found_by_the_far_look() -> None:
    """A face too small for the first look is found in the larger one, to the same exactness; near faces are not looked for there."""
    size, truth = (3000, 4000), pair(1200, 1500, 3000 * LEAST_SEEN * 1.5 / 432, 20)
    oracle = Oracle()
    (face,) = Looking(oracle, FRAMING).faces(oracle.scene(size, Head(truth)))
    assert per_cent(face, truth) < 1e-4
    assert not face.turned
    assert [max(sides) for sides in oracle.sizes] == [FRAMING.whole, FRAMING.far, FRAMING.crop, FRAMING.crop]
    near = Oracle()
    Looking(near, FRAMING).faces(near.scene(size, Head(pair(1500, 2000, 400)), Head(truth)))
    assert FRAMING.far not in {max(sides) for sides in near.sizes}


def test_a_small_photo_has_no_far_look() -> None:
    """What was seen in full already is not asked for a second time."""
    oracle = Oracle()
    assert Looking(oracle, FRAMING).faces(oracle.scene((200, FRAMING.whole))) == []
    assert oracle.turns == [0, 1, 3, 2]


@settings(max_examples=60, deadline=None)
@given(
    quarter=st.sampled_from([90, 180, -90]), degrees=st.floats(-25, 25), size=st.tuples(st.integers(300, 2000), st.integers(300, 2000)),
    x=st.floats(0.35, 0.65), y=st.floats(0.35, 0.65),
)  # fmt: skip
def test_a_photo_that_lies_is_tried_in_all_turns(quarter: int, degrees: float, size: tuple[int, int], x: float, y: float) -> None:
    """A face on its side or its head is found, said to be turned, its eyes in the photo's own pixels, left the one left on an upright head."""
    truth = pair(x * size[0], y * size[1], 0.15 * min(size), quarter + degrees)
    oracle = Oracle()
    (face,) = Looking(oracle, FRAMING).faces(oracle.scene(size, Head(truth)))
    assert face.turned
    assert face.eyes.distance(truth) < 1e-6 * max(size)
    assert oracle.turns[-3:] == [1, 3, 2]


def test_a_face_between_two_turns_is_one_face() -> None:
    """What is seen in two turns, aslant in both, is chosen as one face."""
    truth = pair(500, 500, 150, 135)
    oracle = Oracle()
    faces = Looking(oracle, FRAMING).faces(oracle.scene((1000, 1000), Head(truth)))
    assert faces
    assert all(face.eyes.distance(truth) < 1e-3 for face in faces)
    chosen = choose(faces, (1000, 1000), (0.0, 1.0, 0.0, 0.0, 0.0, 0.0), None, -1.0)
    assert (chosen.faces, chosen.reason) == (1, None)


@pytest.mark.parametrize(("score", "found"), [(LEAST_TURNED + 0.01, True), (LEAST_TURNED - 0.01, False)])
def test_a_lying_face_must_be_clear(score: float, found: bool) -> None:
    """Three more chances to be wrong ask for more certainty; an upright photo's face needs less."""
    lying, upright = Oracle(), Oracle()
    assert bool(Looking(lying, FRAMING).faces(lying.scene((800, 800), Head(pair(400, 400, 100, 90), score)))) == found
    assert Looking(upright, FRAMING).faces(upright.scene((800, 800), Head(pair(400, 400, 100), score)))


def test_turns_are_not_tried_when_there_is_an_upright_face() -> None:
    """A person lying beside somebody upright is not looked for."""
    oracle = Oracle()
    faces = Looking(oracle, FRAMING).faces(oracle.scene((900, 900), Head(pair(300, 400, 120)), Head(pair(650, 500, 120, 90))))
    assert len(faces) == 1
    assert oracle.turns == [0]


# -- several faces -----------------------------------------------------------------------------------------------------------------


def test_two_people_are_two_faces() -> None:
    """Each keeps its own eyes, its own score and the look of its own first crop."""
    heads = Head(pair(300, 400, 120, 5), 0.9), Head(pair(700, 420, 100, -12), 0.7, 0.6)
    oracle = Oracle()
    faces = Looking(oracle, FRAMING).faces(oracle.scene((1000, 900), *heads))
    assert [per_cent(face, head.eyes) < 1e-4 for face, head in zip(faces, heads, strict=True)] == [True, True]
    assert [face.score for face in faces] == [pytest.approx(0.9), pytest.approx(0.7)]
    assert oracle.asked == [1, 2, 2 * LOOKS]
    first = 1 + 2  # the whole photo and two approaches were numbered before
    assert [int(face.embedding[1]) for face in faces if face.embedding is not None] == [first, first + LOOKS]


@pytest.mark.parametrize("right", [0.05, 0.4, -0.4])
def test_two_places_that_are_one_face_are_joined(right: float) -> None:
    """When the first look sees a face twice, a little shifted, the approach finds that it is one."""
    truth = pair(400, 500, 150)
    oracle = Oracle(also=lambda c: [Candidate(EyePair(*(Point(p.x + right * c.eyes.iod, p.y) for p in c.eyes)), 0.5, 0.5, c.expected)])
    (face,) = Looking(oracle, FRAMING).faces(oracle.scene((900, 1200), Head(truth)))
    assert per_cent(face, truth) < 1e-4
    assert oracle.asked[1] == 2, "both were approached"
    assert oracle.asked[-1] == LOOKS, "one was looked at"


def test_a_first_look_that_strayed_is_approached_once_more() -> None:
    """Where the approach finds the eyes away from where it expected them, it is made again around them; then all looks."""
    truth = pair(400, 500, 150)
    oracle = Oracle(also=lambda c: [Candidate(EyePair(*(Point(p.x + 0.3 * c.eyes.iod, p.y) for p in c.eyes)), 0.99, 0.9, c.expected)])
    (face,) = Looking(oracle, FRAMING).faces(oracle.scene((900, 1200), Head(truth)))
    assert per_cent(face, truth) < 1e-4
    assert face.strayed < 1e-4
    assert oracle.asked == [1, 2, 1, LOOKS]


def test_a_place_without_eyes_is_dropped() -> None:
    """What the first look took for a face and the approach does not see is none."""
    truth = pair(400, 500, 150)
    oracle = Oracle(also=lambda c: [Candidate(EyePair(*(Point(p.x + 4 * c.eyes.iod, p.y) for p in c.eyes)), 0.95, 0.9, c.expected)])
    (face,) = Looking(oracle, FRAMING).faces(oracle.scene((1500, 1200), Head(truth)))
    assert per_cent(face, truth) < 1e-4


def test_far_smaller_faces_are_not_looked_at() -> None:
    """Beside a large face a tiny one is somebody in the background; beside another tiny one it is looked at."""
    tiny, also_tiny, large = Head(pair(200, 200, 40)), Head(pair(1700, 300, 44)), Head(pair(1000, 1000, 500))
    for heads, count in (((tiny, large), 1), ((tiny, also_tiny), 2)):
        oracle = Oracle()
        assert len(Looking(oracle, FRAMING).faces(oracle.scene((2000, 1900), *heads))) == count


@pytest.mark.parametrize(("score", "approached"), [(0.9, [1]), (0.6, [1, 1])])
def test_specks_are_approached_only_where_nothing_else_is_clear(score: float, approached: list[int]) -> None:
    """What is seen forty times smaller and fainter than a face costs nothing beside a clear one, and is a chance beside a doubtful one."""
    oracle = Oracle()
    face, speck = Head(pair(400, 500, 300), score), Head(pair(700, 900, 40), score / 5.5)
    Looking(oracle, FRAMING).faces(oracle.scene((900, 1200), face, speck))
    assert oracle.asked[: 2 + len(approached)] == [FIRST, *approached, LOOKS]


def test_a_crowd_has_an_end() -> None:
    """Of many faces only the first few are approached."""
    oracle = Oracle()
    crowd = [Head(pair(150 + 200 * (n % 5), 200 + 250 * (n // 5), 80), 0.95 - 0.02 * n) for n in range(12)]
    faces = Looking(oracle, FRAMING).faces(oracle.scene((1100, 900), *crowd))
    assert len(faces) == looking.MOST_FACES
    assert all(per_cent(face, head.eyes) < 1e-4 for face, head in zip(faces, crowd, strict=False))


# -- several photos ----------------------------------------------------------------------------------------------------------------

MIXED: list[tuple[tuple[int, int], tuple[Head, ...]]] = [
    ((900, 1200), (Head(pair(400, 500, 150, 7)),)),
    ((900, 1200), ()),
    ((3000, 4000), (Head(pair(1200, 1500, 42)),)),
    ((1200, 900), (Head(pair(500, 400, 130, 85)),)),
    ((900, 1200), (Head(pair(300, 400, 120)), Head(pair(640, 420, 100, -12)))),
]


def test_photos_looked_at_together_get_the_answers_they_get_alone() -> None:
    """Each photo's faces are its own, whatever company it is in and whatever that needs; nobody is asked for more often."""
    together = Oracle()
    found = Looking(together, FRAMING).faces_of([together.scene(size, *heads) for size, heads in MIXED])
    alone_asked = 0
    for (size, heads), faces in zip(MIXED, found, strict=True):
        alone = Oracle()
        truth = Looking(alone, FRAMING).faces(alone.scene(size, *heads))
        alone_asked += sum(alone.asked)
        assert isinstance(faces, list)
        assert len(faces) == len(truth) == len(heads)
        for one, other in zip(faces, truth, strict=True):
            assert one.eyes.distance(other.eyes) < 1e-9
            assert (one.score, one.turned) == (other.score, other.turned)
    assert sum(together.asked) == alone_asked
    same = Oracle()
    Looking(same, FRAMING).faces_of([same.scene((900, 1200), Head(pair(400, 500, 150, n))) for n in range(4)])
    assert sorted(same.asked) == [2, 2, 2, 2, 2 * LOOKS, 2 * LOOKS], "pictures of one size go through together, those of each half"


def test_pictures_are_fetched_while_the_network_answers() -> None:
    """While the network answers about one half of the photos, pictures of the other half are being fetched."""
    oracle, answering, fetching = Oracle(), threading.Event(), threading.Event()
    first, second = (oracle.scene((900, 1200), Head(pair(400, 500, 150, n))) for n in range(2))
    thumbnail = second.thumbnail

    def slowly(side: int) -> NDArray[np.uint8]:
        assert answering.wait(20)
        fetching.set()
        return thumbnail(side)

    def answer(pictures: Sequence[NDArray[np.uint8]], least: float) -> looking.Answer:
        if len(pictures[0]) == FRAMING.crop:
            answering.set()
            assert fetching.wait(20)
        return oracle(pictures, least)

    second.thumbnail = slowly  # type: ignore[method-assign]
    found = Looking(answer, FRAMING).faces_of([first, second])
    assert [len(faces) for faces in found if isinstance(faces, list)] == [1, 1]


def test_a_photo_that_fails_gets_its_error() -> None:
    """Whichever look a photo's reader dies over, the others' faces are found, and who asks for it alone gets the error raised."""
    for fails_at in (0, 1):
        oracle = Oracle()
        views = [oracle.scene((900, 1200), Head(pair(400, 500, 150)), fails_at=fails_at if n == 1 else 999) for n in range(3)]
        before, failed, after = Looking(oracle, FRAMING).faces_of(views)
        assert isinstance(failed, WorkerLost)
        assert isinstance(before, list) and isinstance(after, list)
        assert len(before) == len(after) == 1
    with pytest.raises(WorkerLost):
        Looking(oracle, FRAMING).faces(oracle.scene((900, 1200), Head(pair(400, 500, 150)), fails_at=0))
    assert Looking(oracle, FRAMING).faces_of([]) == []
