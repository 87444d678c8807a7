"""Labelled sets: read from every form they may have, with trust in each label, and nobody held out in training; pictures without faces."""

from __future__ import annotations

import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photodiary.errors import BadLabels
from photodiary.retrain.dataset import UNCHECKED, Face, load_faces, load_scenery
from photodiary.retrain.training import Trainer, TrainingConfig


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
    for path in (tmp_path, tmp_path / "labels.csv"):
        faces = load_faces(path)
        assert [(f.data, f.source, f.person, f.name) for f in faces] == [(f.data, "lfw", f.person, f.name) for f in pictures]
        assert all(np.allclose(read.eyes, made.eyes) for read, made in zip(faces, pictures, strict=True)), "labels are taken as they are"


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


# ---- trust


@pytest.fixture
def trust(dots, tmp_path: Path):
    """How much a label with this kind and spread is trusted."""
    (tmp_path / "a.png").write_bytes(dots.face().data)

    def trust(**more: str) -> float:
        names, values = ",".join(["file,left_x,left_y,right_x,right_y", *more]), ",".join(["a.png,1,2,30,4", *more.values()])
        (tmp_path / "my.csv").write_text(f"{names}\n{values}\n")
        (face,) = load_faces(tmp_path / "my.csv")
        return face.trust

    return trust


def test_trust_follows_from_kind_and_spread(trust) -> None:
    """A hand-placed label is trusted fully, a single answer of the teacher little, and one of many views the less the farther they lie apart."""
    assert trust() == trust(kind="placed") == trust(kind="taught", spread="0") == trust(kind="", spread="") == 1.0
    assert trust(kind="teacher") == trust(kind="teacher_iris", spread="0.2") == UNCHECKED
    assert trust(kind="taught", spread="1.5") == pytest.approx(0.5)
    course = [trust(kind="taught", spread=str(spread)) for spread in (0.1, 0.5, 1.0, 2.0, 5.0, 20.0)]
    assert course == sorted(course, reverse=True)
    assert course[-1] < 0.01


@pytest.mark.parametrize("spread", ["nan", "inf", "-inf", "1e300", "wide", "-2", "1e-300"])
def test_a_spread_that_is_no_measure_spoils_nothing(trust, spread: str) -> None:
    """Whatever stands there, trust is a number from 0 to 1: a NaN would make the whole training one."""
    assert 0 <= trust(kind="taught", spread=spread) <= 1
    if spread in ("nan", "inf", "-inf", "wide"):
        assert trust(kind="taught", spread=spread) == UNCHECKED


@given(st.integers(0, 10_000))
def test_a_person_is_held_out_by_name_alone(number: int) -> None:
    """Neither picture, source nor order decide who is kept for judging."""
    one, other = (Face(data, np.zeros((2, 2)), source, f"p{number}", name) for data, source, name in ((b"a", "lfw", "1"), (b"b", "given", "2")))
    assert one.held_out == other.held_out


# ---- scenery


def test_scenery_is_read_as_grounds_and_as_things(tmp_path: Path) -> None:
    """Pictures under a folder, however deep: wide ones in RGB, cut-out ones with their transparency, grey ones too; other files are passed over."""
    picture = np.zeros((20, 30, 3), np.uint8)
    picture[..., 0] = 200  # red
    thing = np.dstack([picture, np.full((20, 30), 77, np.uint8)])
    (tmp_path / "deep" / "er").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "a.JPG"), picture[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, 95))
    cv2.imwrite(str(tmp_path / "deep" / "b.png"), thing[..., [2, 1, 0, 3]])
    cv2.imwrite(str(tmp_path / "deep" / "er" / "c.png"), picture[..., 0])
    cv2.imwrite(str(tmp_path / "deep" / "er" / "d.png"), picture[..., ::-1].astype(np.uint16) * 257)
    (tmp_path / "README.txt").write_text("no picture")
    a, b, c, d = load_scenery(tmp_path)
    assert [one.shape for one in (a, b, c, d)] == [(20, 30, 3), (20, 30, 4), (20, 30, 3), (20, 30, 3)]
    assert np.abs(a.astype(int) - picture).max() < 6
    assert (b == thing).all()
    assert (c == 200).all()
    assert (d == picture).all()


def test_scenery_that_is_none_is_told(tmp_path: Path) -> None:
    """An empty or missing folder, and a file that only calls itself a picture, are BadLabels that name the folder."""
    broken = tmp_path / "broken"
    (tmp_path / "empty").mkdir()
    broken.mkdir()
    (broken / "a.jpg").write_bytes(b"<html>")
    for folder in (tmp_path / "empty", tmp_path / "nowhere", broken):
        with pytest.raises(BadLabels, match=folder.name):
            load_scenery(folder)
