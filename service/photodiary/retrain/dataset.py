"""Labelled sets: faces with the places of their eyes, from every form such a set may have, and pictures without any face."""

from __future__ import annotations

import csv
import hashlib
import math
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photodiary.darkroom import disturb
from photodiary.diary.eyes import eyes_from_name
from photodiary.errors import BadLabels

HELD_OUT_PERCENT = 5
UNCHECKED = 0.3  # trust in a label that a teacher gave in a single look
PICTURES = frozenset({".jpg", ".jpeg", ".png"})


@dataclass(frozen=True)
class Face:
    """One labelled training picture: encoded bytes, eyes ((left x, y), (right x, y)) in its pixels, who it shows, trust in the label (0..1)."""

    data: bytes
    eyes: NDArray[np.float64]  # (2, 2)
    source: str
    person: str
    name: str
    trust: float = 1.0

    @property
    def held_out(self) -> bool:
        """Whether this person is kept for judging: about five in a hundred, by a hash of the name, never by row."""
        return int.from_bytes(hashlib.sha256(self.person.encode()).digest()[:4], "big") % 100 < HELD_OUT_PERCENT


def load_faces(path: Path) -> list[Face]:
    """Read shards with labels.csv, any label CSV, or a folder of `N_row_col_row_col.jpg`.  Raises BadLabels."""
    if path.is_dir() and not (path / "labels.csv").exists():
        named = [(file, eyes) for file in sorted(path.iterdir()) if (eyes := eyes_from_name(file.name)) is not None]
        faces = [Face(file.read_bytes(), np.array(eyes), "named", file.name, file.name) for file, eyes in named]
    else:
        faces = list(_from_csv(path / "labels.csv" if path.is_dir() else path))
    if not faces:
        raise BadLabels(f"{path}: no labelled faces found; give shards with labels.csv, a label CSV or a folder of N_row_col_row_col.jpg")
    return faces


def _from_csv(table: Path) -> Iterator[Face]:
    shards: dict[str, dict[str, bytes]] = {}
    try:
        handle = table.open(newline="", encoding="utf-8-sig")
    except OSError as error:
        raise BadLabels(f"{table}: cannot be read: {error.strerror}") from error
    with handle:
        rows = enumerate(csv.DictReader(handle), start=2)
        while True:
            try:
                number, row = next(rows)
            except StopIteration:
                return
            except (UnicodeDecodeError, csv.Error) as error:
                raise BadLabels(f"{table}: is no table of labels: {error}") from error
            try:
                eyes = np.array([[float(row["left_x"]), float(row["left_y"])], [float(row["right_x"]), float(row["right_y"])]])
                if not np.isfinite(eyes).all() or np.hypot(*(eyes[1] - eyes[0])) < 1:
                    raise ValueError("the eyes lie on one point or nowhere")
                name = row["file"]
                if row.get("shard"):
                    shard = row["shard"]
                    if shard not in shards:
                        shards[shard] = _read_tar(table.parent / shard)
                    data = shards[shard][name]
                else:
                    data = (table.parent / name).read_bytes()
            except (KeyError, TypeError, ValueError, OSError, tarfile.TarError) as error:
                raise BadLabels(f"{table}: line {number}: {error!r}; expected file,left_x,left_y,right_x,right_y and a readable picture") from error
            source = row.get("source") or "given"
            yield Face(data, eyes, source, row.get("person") or name, name, _trust(row))


def _trust(row: dict[str, str]) -> float:
    """Less for a single answer of the teacher, and for faces whose views (`deploy/teach.py`) lie apart."""
    if (row.get("kind") or "").startswith("teacher"):
        return UNCHECKED
    try:
        spread = float(row.get("spread") or 0)
    except ValueError:
        return UNCHECKED
    return 1 / (1 + min(abs(spread), 1e6) ** 2 / 2.25) if math.isfinite(spread) else UNCHECKED


def load_scenery(folder: Path) -> list[NDArray[np.uint8]]:
    """All pictures without a face under `folder`: (H, W, 3), or (H, W, 4) when cut out.  Raises BadLabels when there are none."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURES)
    if not files:
        raise BadLabels(f"{folder}: no pictures found; it must hold JPEG or PNG files that show no faces")
    try:
        return [disturb.decode_cutout(path.read_bytes()) for path in files]
    except (OSError, ValueError) as error:
        raise BadLabels(f"{folder}: {error}") from error


def _read_tar(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as shard:
        members = ((member.name, shard.extractfile(member)) for member in shard if member.isfile())
        return {name: handle.read() for name, handle in members if handle is not None}
