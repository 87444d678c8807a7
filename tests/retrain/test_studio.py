"""Training samples: reproducible, truly labelled, and as varied as they are meant to be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from photodiary.darkroom import disturb
from photodiary.retrain.studio import Batches, Sample, Studio

SIZE = 128


@pytest.fixture(scope="module")
def studio(dots) -> Studio:
    return Studio([dots.face(number) for number in range(4)], SIZE, seed=7, close=False)


def test_a_sample_is_decided_by_its_number(studio: Studio, dots) -> None:
    """The same seed and number give the same sample in any order and from another studio; another seed or number does not."""
    forward = [studio.sample(index) for index in range(12)]
    other = Studio([dots.face(number) for number in range(4)], SIZE, seed=7, close=False)
    for index in reversed(range(12)):
        again = other.sample(index)
        assert np.array_equal(again.pixels, forward[index].pixels)
        assert np.array_equal(again.faces, forward[index].faces, equal_nan=True)
        assert again.weight == forward[index].weight
    assert len({sample.pixels.tobytes() for sample in forward}) == 12
    assert not np.array_equal(Studio(other.faces, SIZE, seed=8, close=False).sample(0).pixels, forward[0].pixels)


def test_samples_are_what_the_network_takes(studio: Studio) -> None:
    """Pixels are (3, S, S) bytes; labels are in the picture or NaN, left and right not mixed up; some samples hold nobody, some two."""
    counts = []
    for index in range(80):
        sample = studio.sample(index)
        assert (sample.pixels.shape, sample.pixels.dtype) == ((3, SIZE, SIZE), np.uint8)
        assert (sample.faces.shape, sample.faces.dtype) == ((2, 2, 2), np.float32)
        assert sample.weight > 0
        known = sample.faces[~np.isnan(sample.faces)]
        assert ((known >= -2) & (known <= SIZE + 1)).all()
        counts.append(int((~np.isnan(sample.faces).any((1, 2))).sum()))
        for left, right in sample.faces:
            if not np.isnan([left, right]).any():
                assert right[0] > left[0]
    assert set(counts) == {0, 1, 2}
    assert np.mean([count > 0 for count in counts]) > 0.7


@pytest.mark.parametrize("close", [True, False])
@pytest.mark.parametrize("iod", [72.0, 160.0])
def test_labels_stay_on_the_eyes(dots, close: bool, iod: float) -> None:
    """However a face is placed, turned, shrunk or mirrored, its labels lie on its eyes, on average to a tenth of a pixel."""
    radius = iod / 8
    faces = [dots.face(n, width=round(4.6 * iod) + n, height=round(5.5 * iod) + 3 * n, iod=iod, radius=radius) for n in range(4)]
    studio = Studio(faces, SIZE, seed=1, close=close)
    misses, mirrored = [], 0
    for index in range(110):
        rng = np.random.default_rng(index)
        canvas, eyes, _ = studio._paste(np.full((SIZE, SIZE, 3), 110, np.uint8), rng, beside=None)
        own = float(np.hypot(*(eyes[1] - eyes[0])))
        if own < 8:
            continue
        mirrored += eyes[1][1] < eyes[0][1]
        for eye, channel, other in ((eyes[0], (0, 2), eyes[1]), (eyes[1], (2, 0), eyes[0])):
            if not ((eye > 0.4 * own) & (eye < SIZE - 1 - 0.4 * own)).all() or np.hypot(*(eye - other)) < 6:
                continue
            seen = [dots.centre(canvas, c, eye, 0.42 * own) for c in channel]
            # A mirrored face has its blue dot on the left: left and right have changed places, so either colour may be here.
            found = [s for s in seen if not np.isnan(s).any()]
            assert len(found) == 1, f"{index}: exactly one dot at {eye}"
            misses.append(found[0] - eye)
    assert len(misses) > 90
    assert np.abs(misses).max() < 0.6
    assert np.abs(np.mean(misses, axis=0)).max() < 0.1


def test_mirroring_swaps_left_and_right(dots) -> None:
    """Half of the faces are mirrored, and then what was the right eye is labelled as the left one."""
    studio = Studio([dots.face(0)], SIZE, seed=1, close=True)
    red_left = 0
    for index in range(60):
        canvas, eyes, _ = studio._paste(np.full((SIZE, SIZE, 3), 110, np.uint8), np.random.default_rng(index), beside=None)
        assert eyes[0][0] < eyes[1][0]
        at = np.clip(np.round(eyes[0]).astype(int), 0, SIZE - 1)
        red_left += int(canvas[at[1], at[0], 0]) > int(canvas[at[1], at[0], 2])
    assert 15 < red_left < 45


@pytest.mark.parametrize("scale", [0.9, 0.45, 0.31, 0.2, 0.12])
@pytest.mark.parametrize("size", [(250, 310), (407, 333), (1023, 771)])
def test_placing_moves_nothing(dots, scale: float, size: tuple[int, int]) -> None:
    """A picture placed by a matrix has its dot where the matrix carries it, at any size and scale, to a tenth of a pixel."""
    width, height = size
    at = np.array([0.71 * width, 0.66 * height])
    picture = dots.picture(width, height, np.array([at, [-999, -999]]), 1.6 / scale)
    matrix = np.array([[scale, 0, 60.3 - scale * at[0]], [0, scale, 63.8 - scale * at[1]]])
    seen = dots.centre(disturb.place(picture, matrix, SIZE), 0, np.array([60.3, 63.8]), 7)
    assert np.abs(seen - [60.3, 63.8]).max() < 0.1


def test_light_and_lenses_move_nothing(dots) -> None:
    """Blur, smear, noise, shrinking and compression leave the eyes where they are."""
    eyes = np.array([[44.3, 61.2], [85.8, 66.7]])
    picture = dots.picture(SIZE, SIZE, eyes, 4.0)
    light = picture.astype(np.float32)
    changed = [
        disturb.blur(light, 1.7), disturb.motion_blur(light, 6.3, 0.7), disturb.motion_blur(light, 2.1, 2.9), disturb.shrink_and_grow(light, 0.33),
        disturb.noise(light, 5, True, np.random.default_rng(0)), disturb.recompress(picture, 40).astype(np.float32),
        disturb.relight(light, gains=np.ones(3, np.float32), saturation=1.2, gamma=1.1, slope=0.0, angle=0.0),
    ]  # fmt: skip
    for number, out in enumerate(changed):
        for eye, channel in zip(eyes, (0, 2), strict=True):
            seen = dots.centre(np.clip(out, 0, 255).astype(np.uint8), channel, eye, 14)
            assert np.abs(seen - eye).max() < 0.25, number


# ---- what a sample may hold


def test_a_sample_is_trusted_as_its_label_is(dots) -> None:
    """A sample with a face has that label's trust; one that shows nobody is sure of it."""
    studio = Studio([replace(dots.face(0), trust=0.4)], 64, seed=3, close=True)
    samples = [studio.sample(index) for index in range(60)]
    assert {sample.weight for sample in samples} == {0.4, 1.0}
    for sample in samples:
        assert (sample.weight == 1.0) == bool(np.isnan(sample.faces).all() or not _has_face(sample))


def _has_face(sample: Sample) -> bool:
    return bool(np.isfinite(sample.faces[0]).any())


def test_close_samples_are_crops_and_the_others_are_scenes(dots) -> None:
    """In a crop the eyes are level, large and near their usual place; in a scene they are anywhere, at any size and tilt."""
    faces = [dots.face(number, iod=90) for number in range(4)]
    shares = {}
    for close in (True, False):
        studio = Studio(faces, 128, seed=4, close=close)
        eyes = np.array([sample.faces[0] for index in range(150) if np.isfinite((sample := studio.sample(index)).faces[0]).all()])
        across = eyes[:, 1] - eyes[:, 0]
        iod = np.hypot(*across.T)
        tilt = np.degrees(np.arctan2(across[:, 1], across[:, 0]))
        shares[close] = iod / 128, tilt, np.abs(eyes.mean(1) / 128 - [0.5, 0.46]).max(1)
    iod, tilt, away = shares[True]
    assert iod.min() > 0.28 and iod.max() < 0.65
    assert np.abs(tilt).max() < 20
    assert away.max() < 0.3
    iod, tilt, away = shares[False]
    assert iod.min() < 0.08 and iod.max() > 0.25
    assert np.abs(tilt).max() > 30
    assert away.max() > 0.35


def test_sharp_faces_make_most_of_the_crops(dots) -> None:
    """For close crops a face of few pixels is drawn far less often than a sharp one; for scenes as often."""
    faces = [dots.face(0, width=60, height=72, iod=14, radius=2), dots.face(1)]
    drawn = {}
    for close in (True, False):
        studio, rng = Studio(faces, 64, seed=5, close=close), np.random.default_rng(1)
        drawn[close] = sum(studio._draw(rng)[1] is faces[0] for _ in range(400)) / 400
    assert drawn[True] < 0.2
    assert 0.4 < drawn[False] < 0.6


def test_a_source_is_drawn_as_its_weight_says(dots) -> None:
    """Sharp portraits are drawn many times as often as the grey bulk."""
    faces = [dots.face(0, source="lfw"), dots.face(1, source="canada"), dots.face(2, source="my own")]
    studio, rng = Studio(faces, 64, seed=6, close=False), np.random.default_rng(2)
    drawn = [studio._draw(rng)[1].source for _ in range(600)]
    assert drawn.count("canada") > 5 * drawn.count("my own") > 10 * drawn.count("lfw") > 0


def test_scenery_comes_into_pictures_and_never_over_the_eyes(dots) -> None:
    """Things without a face lie about in samples, also over faces, but the eyes themselves stay to be seen."""
    green = np.zeros((40, 60, 4), np.uint8)
    green[..., 1] = green[..., 3] = 255
    studio = Studio([dots.face(0)], 128, seed=7, close=False, scenery=[green])
    eyes = np.array([[50.0, 60.0], [80.0, 62.0]])
    covered = 0
    for index in range(60):
        canvas = np.full((128, 128, 3), 110, np.uint8)
        littered = studio._litter(canvas, eyes, np.random.default_rng(index))
        changed = (littered != canvas).any(2)
        covered += changed.any()
        assert not any(changed[round(y), round(x)] for x, y in eyes)
        plain = studio._litter(canvas, None, np.random.default_rng(index))
        assert (plain != canvas).any(2).sum() >= changed.sum()
    assert covered > 40
    assert np.array_equal(Studio([dots.face(0)], 128, seed=7, close=False)._litter(canvas, None, np.random.default_rng(0)), canvas), "there is none"


def test_scenery_is_a_ground_too(dots) -> None:
    """Wide pictures without a face are what many samples show behind and instead of faces; samples stay reproducible with them."""
    magenta = np.zeros((80, 120, 3), np.uint8)
    magenta[..., [0, 2]] = 255
    with_ground, without = (Studio([dots.face(0)], 64, seed=8, close=False, scenery=scenery) for scenery in ([magenta], None))
    rng = np.random.default_rng

    def magentas(studio: Studio) -> int:
        return sum(bool((np.abs(studio._background(rng(n)).astype(int) - [255, 0, 255]).max(2) < 3).mean() > 0.3) for n in range(100))

    assert magentas(without) == 0
    assert 15 < magentas(with_ground) < 70
    again = Studio([dots.face(0)], 64, seed=8, close=False, scenery=[magenta])
    assert all(np.array_equal(with_ground.sample(n).pixels, again.sample(n).pixels) for n in range(5))


def test_some_pictures_hold_nobody(dots) -> None:
    """About one sample in eight teaches that there is no face, among them faces that lie on their side or their head."""
    for close in (True, False):
        studio = Studio([dots.face(n) for n in range(3)], 64, seed=9, close=close)
        empty = [index for index in range(300) if np.isnan(studio.sample(index).faces).all()]
        assert 20 < len(empty) < 75


def test_a_label_that_left_the_picture_is_no_label(dots) -> None:
    """An eye more than a pixel outside has no label, the one inside keeps its own, and nothing is rounded."""
    studio = Studio([dots.face(0)], 64, seed=1, close=False)
    kept = studio._inside(np.array([[-3.0, 10.0], [30.25, 12.5]]))
    assert np.isnan(kept[0]).all()
    assert kept[1].tolist() == [30.25, 12.5]


# ---- batches


def batches(studios: list[Studio], first: int, count: int, loaders: int) -> list[tuple[torch.Tensor, ...]]:
    loader = DataLoader(Batches(studios, 3, first, count), batch_size=None, num_workers=loaders)
    return [tuple(part.clone() for part in batch) for batch in loader]


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # on a machine with one core: slow, not wrong
def test_batches_do_not_depend_on_loaders_or_on_stopping(dots) -> None:
    """None, one or two loader processes, and a start from the middle, give the same batches in the same order."""
    faces = [dots.face(number) for number in range(3)]
    close, far = Studio(faces, 64, seed=2, close=True), Studio(faces, 96, seed=2, close=False)
    studios = [close, close, far]
    truth = batches(studios, 0, 5, 0)
    shapes = [((3, 3, side, side), (3, 2, 2, 2), (3,)) for side in (64, 64, 96, 64, 64)]
    assert [tuple(part.shape for part in batch) for batch in truth] == shapes, "studios in turn"

    def same(one, other) -> bool:
        return len(one) == len(other) and all(
            torch.equal(torch.nan_to_num(a.float(), -1), torch.nan_to_num(b.float(), -1))
            for x, y in zip(one, other, strict=True)
            for a, b in zip(x, y, strict=True)
        )

    assert same(batches(studios, 0, 5, 1), truth)
    assert same(batches(studios, 0, 5, 2), truth)
    assert same(batches(studios, 3, 2, 0), truth[3:])
    assert not same(truth[:2], truth[2:4])
