"""Training samples: reproducible, truly labelled, from every form a labelled set may have."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from photodiary.darkroom import disturb
from photodiary.errors import BadLabels
from photodiary.retrain.dataset import Batches, Face, Studio, corrected, load_faces
from photodiary.retrain.training import Trainer, TrainingConfig

SIZE = 128


@pytest.fixture(scope="module")
def studio(dots) -> Studio:
    return Studio([dots.face(number) for number in range(4)], SIZE, seed=7)


def test_a_sample_is_decided_by_its_number(studio: Studio, dots) -> None:
    """The same seed and number give the same sample in any order and from another studio; another seed or number does not."""
    forward = [studio.sample(index) for index in range(12)]
    other = Studio([dots.face(number) for number in range(4)], SIZE, seed=7)
    for index in reversed(range(12)):
        again = other.sample(index)
        assert np.array_equal(again.pixels, forward[index].pixels)
        assert np.array_equal(again.faces, forward[index].faces, equal_nan=True)
        assert again.weight == forward[index].weight
    assert len({sample.pixels.tobytes() for sample in forward}) == 12
    assert not np.array_equal(Studio(other.faces, SIZE, seed=8).sample(0).pixels, forward[0].pixels)


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
    studio = Studio(faces, SIZE, seed=1)
    misses, mirrored = [], 0
    for index in range(110):
        rng = np.random.default_rng(index)
        canvas, eyes = studio._paste(np.full((SIZE, SIZE, 3), 110, np.uint8), rng, close=close, beside=None)
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
    studio = Studio([dots.face(0)], SIZE, seed=1)
    red_left = 0
    for index in range(60):
        canvas, eyes = studio._paste(np.full((SIZE, SIZE, 3), 110, np.uint8), np.random.default_rng(index), close=True, beside=None)
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


def test_nobody_kept_for_judging_trains(dots, tmp_path: Path) -> None:
    """About five in a hundred people are held out, by name: all their pictures, in every set and order, and none of anybody else's."""
    faces = [Face(b"", np.zeros((2, 2)), "given", f"person-{n % 500}", f"{n}.jpg") for n in range(1000)]
    out = {face.person for face in faces if face.held_out}
    assert 10 <= len(out) <= 45
    trainer = Trainer(faces[::-1], tmp_path, TrainingConfig(backbone="regnety_002"))
    assert {face.person for face in trainer.faces} == {f"person-{n}" for n in range(500)} - out
    assert len(trainer.faces) == 1000 - 2 * len(out)


# ---- the three forms of a labelled set


def test_a_label_csv_is_read(dots, tmp_path: Path) -> None:
    """file,left_x,left_y,right_x,right_y beside the pictures, further columns welcome, also as Excel writes it."""
    face = dots.face()
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/a.png").write_bytes(face.data)
    text = "file,left_x,left_y,right_x,right_y,taken_at\nsub/a.png,1.5,2,30,4,2024-01-01\n"
    for encoding in ("utf-8", "utf-8-sig"):
        (tmp_path / "my.csv").write_text(text, encoding=encoding)
        (one,) = load_faces(tmp_path / "my.csv")
        assert (one.data, one.eyes.tolist(), one.person) == (face.data, [[1.5, 2.0], [30.0, 4.0]], "sub/a.png")


def test_shards_are_read(dots, tmp_path: Path) -> None:
    """labels.csv beside tar shards, with source and person of each face."""
    pictures = [dots.face(n) for n in range(3)]
    lines = ["shard,file,left_x,left_y,right_x,right_y,kind,source,person"]
    for shard, members in (("s-0.tar", pictures[:2]), ("s-1.tar", pictures[2:])):
        with tarfile.open(tmp_path / shard, "w") as tar:
            for face in members:
                (tmp_path / "one").write_bytes(face.data)
                tar.add(tmp_path / "one", arcname=face.name)
                lines.append(f"{shard},{face.name},{face.eyes[0][0]},{face.eyes[0][1]},{face.eyes[1][0]},{face.eyes[1][1]},x,lfw,{face.person}")
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n")
    for given in (tmp_path, tmp_path / "labels.csv"):
        faces = load_faces(given)
        assert [(f.data, f.source, f.person, f.name) for f in faces] == [(f.data, "lfw", f.person, f.name) for f in pictures]
        for read, made in zip(faces, pictures, strict=True):
            assert np.allclose(read.eyes, corrected(made.eyes, "lfw"))


def test_names_with_rows_and_columns_are_read(dots, tmp_path: Path) -> None:
    """A folder of N_row_col_row_col.jpg: row first, as the original project wrote them; other files are passed over."""
    face = dots.face()
    for name in ("3_100_50_104_90.jpg", "12_1.5_2_3_4.JPEG", "notes.txt", "3_100_50.jpg"):
        (tmp_path / name).write_bytes(face.data)
    faces = {f.name: f.eyes.tolist() for f in load_faces(tmp_path)}
    assert faces == {"3_100_50_104_90.jpg": [[50, 100], [90, 104]], "12_1.5_2_3_4.JPEG": [[2, 1.5], [4, 3]]}


@pytest.mark.parametrize("line", ["a.png,1,2,3", "a.png,1,2,three,4", "missing.png,1,2,3,4", ",1,2,3,4", "a.png,nan,2,3,4", "a.png,1,2,inf,4", "a.png,5,5,5,5"])
def test_a_broken_line_is_named(dots, tmp_path: Path, line: str) -> None:
    """Too few columns, no number, no picture, eyes on one point: BadLabels with the file and the line."""
    (tmp_path / "a.png").write_bytes(dots.face().data)
    (tmp_path / "my.csv").write_text(f"file,left_x,left_y,right_x,right_y\na.png,1,2,30,4\n{line}\n")
    with pytest.raises(BadLabels, match=r"my\.csv: line 3"):
        load_faces(tmp_path / "my.csv")


def test_a_wrong_header_is_told(dots, tmp_path: Path) -> None:
    """A CSV with other columns is BadLabels that says which are expected."""
    (tmp_path / "my.csv").write_text("name,x,y\na,1,2\n")
    with pytest.raises(BadLabels, match="left_x,left_y,right_x,right_y"):
        load_faces(tmp_path / "my.csv")


def test_what_is_no_labelled_set_is_told(dots, tmp_path: Path) -> None:
    """A picture, a folder without labels, a missing file, an empty table, a broken or missing shard: BadLabels, each naming the place."""
    picture = tmp_path / "face.png"
    picture.write_bytes(dots.face().data)
    empty = tmp_path / "empty.csv"
    empty.write_text("file,left_x,left_y,right_x,right_y\n")
    shards = tmp_path / "shards.csv"
    shards.write_text("shard,file,left_x,left_y,right_x,right_y\nface.png,a.jpg,1,2,3,4\n")
    gone = tmp_path / "gone.csv"
    gone.write_text("shard,file,left_x,left_y,right_x,right_y\nno.tar,a.jpg,1,2,3,4\n")
    for path in (picture, empty, shards, gone, tmp_path, tmp_path / "nowhere"):
        with pytest.raises(BadLabels, match=path.name):
            load_faces(path)


# ---- batches


def batches(studio: Studio, first: int, count: int, loaders: int) -> list[tuple[torch.Tensor, ...]]:
    loader = DataLoader(Batches(studio, 3, first, count), batch_size=None, num_workers=loaders)
    return [tuple(part.clone() for part in batch) for batch in loader]


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # on a machine with one core: slow, not wrong
def test_batches_do_not_depend_on_loaders_or_on_stopping(dots) -> None:
    """None, one or two loader processes, and a start from the middle, give the same batches in the same order."""
    studio = Studio([dots.face(number) for number in range(3)], 64, seed=2)
    truth = batches(studio, 0, 5, 0)
    assert [tuple(part.shape for part in batch) for batch in truth] == [((3, 3, 64, 64), (3, 2, 2, 2), (3,))] * 5

    def same(one, other) -> bool:
        return len(one) == len(other) and all(
            torch.equal(torch.nan_to_num(a.float(), -1), torch.nan_to_num(b.float(), -1))
            for x, y in zip(one, other, strict=True)
            for a, b in zip(x, y, strict=True)
        )

    assert same(batches(studio, 0, 5, 1), truth)
    assert same(batches(studio, 0, 5, 2), truth)
    assert same(batches(studio, 3, 2, 0), truth[3:])
    assert not same(truth[:2], truth[2:4])


def test_constant_errors_of_a_source_are_taken_out() -> None:
    """Pixels up and left, and a part of the IOD down in the upright face; other sources stay as they are."""
    level = np.array([[10.0, 50.0], [110.0, 50.0]])
    assert np.allclose(corrected(level, "alae") - level, [-0.26, -0.26 + 0.6])
    lying = np.array([[50.0, 10.0], [50.0, 110.0]])  # tilted by 90 degrees clockwise: down in the face is left in the picture
    assert np.allclose(corrected(lying, "webfaces") - lying, [-0.6, 0.0])
    assert corrected(level, "named") is level
