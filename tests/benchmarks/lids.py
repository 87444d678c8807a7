"""Fits the pattern that tells closed eyes (darkroom/marks.py) and says how well it does on people whom it has not seen.

    python tests/benchmarks/lids.py ../shared/data/faces

No attribute labels exist: CLOSED was found by looking at sheets of eyes, those first that a rougher pattern called closed, and holds what is plainly
closed to the eye.  All other faces count as open, and about one in a hundred of them is not: what is said of them is so a little too bad.
"""

from __future__ import annotations

import argparse
import base64
import csv
import sys
import tarfile
from collections.abc import Sequence
from contextlib import ExitStack
from hashlib import md5
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "service")]

import cv2  # noqa: E402
import numpy as np  # noqa: E402

from photodiary.darkroom import marks, warp  # noqa: E402
from photodiary.diary.picking import EYE_HEIGHT, EYE_WIDTH  # noqa: E402

CLOSED = {
    "00": "00021 00246 00574 00803 00945 00946 01532 01674 01789 01891",
    "01": "02019 02477 02673 02949 03162 03427 03531 03572",
    "02": "03888 03902 04195 04230 04434 04477 04658 04897 05094 05400 05642",
    "03": "05853 06162 06202 06575 06595 06635 06670 06704 06802 07199 07271 07530 07692",
    "04": "08396 08461 08559 08735 08951 09209 09309 09421",
    "05": "09936 10534 11049 11128 11302 11306 11492",
    "06": "11812 12911 13486",
    "07": "13928 14090 14201 14295",
    "08": "16272 16758 17367 17609 17638 17776",
    "09": "18884 18991 20723",
    "10": "21074",
}
OTHERS, SEED = 3000, 1
LEAST_IOD = 38.0
IOD, SIZE, LEFT = 2 * marks.COARSE, (2 * marks.WIDTH, 2 * marks.HEIGHT), (marks.WIDTH - marks.COARSE, 2 * marks.EYE_ROW)
SHIFTS = [(x, y) for x in (-2, 0, 2) for y in (-2, 0, 2)]  # pixels of the grey copy, 2 % of IOD: eyes are not always where they are said to be
RIDGE, SMOOTH = 1000.0, 4000.0
CELLS = EYE_WIDTH * EYE_HEIGHT

Rows = Sequence[dict[str, str]]


def patches(folder: Path, rows: Rows) -> np.ndarray:
    """(n, shifts, 2, CELLS): both eyes as marks.py sees them, normalised, right ones mirrored."""
    with ExitStack() as stack:
        tars = {name: stack.enter_context(tarfile.open(folder / name)) for name in {row["shard"] for row in rows}}
        return np.array([shifted(tars[row["shard"]], row) for row in rows])


def shifted(tar: tarfile.TarFile, row: dict[str, str]) -> list[list[np.ndarray]]:
    held = tar.extractfile(row["file"])
    assert held is not None
    photo = cv2.cvtColor(cv2.imdecode(np.frombuffer(held.read(), np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    left, right = (complex(float(row[f"{side}_x"]), float(row[f"{side}_y"])) for side in ("left", "right"))
    a = IOD / (right - left)
    b = complex(*LEFT) - a * left
    frame = warp.frame(np.asarray(photo, np.uint8), np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]]), SIZE)
    return [eyes(frame, x, y) for x, y in SHIFTS]


def eyes(frame: np.ndarray, x: int, y: int) -> list[np.ndarray]:
    """As they look when they are said to lie (x, y) pixels of the grey copy beside where they do."""
    left = LEFT[0] + 2.0 * x, LEFT[1] + 2.0 * y
    pictures = marks.eyes(frame, left, (left[0] + IOD, left[1]))
    return [((eye - eye.mean()) / (eye.std() + marks.FLAT)).ravel() for eye in (pictures[0], pictures[1][:, ::-1])]


def fitted(closed: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Smooth ridge regression on 1 for closed and -1 for others, both weighing the same; (CELLS + 1,), the last one added."""
    one, other = closed.reshape(-1, CELLS), others[:, ::4].reshape(-1, CELLS)
    cells = np.c_[np.r_[one, other], np.ones(len(one) + len(other))]
    said = np.r_[np.ones(len(one)), -np.ones(len(other))]
    weight = np.r_[np.full(len(one), len(other) / len(one)), np.ones(len(other))]
    places = np.arange(CELLS).reshape(EYE_HEIGHT, EYE_WIDTH)
    pairs = [*zip(places[:, :-1].ravel(), places[:, 1:].ravel(), strict=True), *zip(places[:-1].ravel(), places[1:].ravel(), strict=True)]
    rough = np.zeros((len(pairs), CELLS + 1))
    for row, (here, there) in enumerate(pairs):
        rough[row, here], rough[row, there] = 1, -1
    return np.linalg.solve(cells.T @ (cells * weight[:, None]) + RIDGE * np.eye(CELLS + 1) + SMOOTH * rough.T @ rough, cells.T @ (weight * said))


def said(pattern: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """(n,), the mean of both eyes where they are."""
    return (seen[:, SHIFTS.index((0, 0))] @ pattern[:-1] + pattern[-1]).mean(1)


def logistic(values: np.ndarray, closed: np.ndarray) -> tuple[float, float]:
    """Slope and offset of the log odds that eyes are closed, both kinds weighing the same (Newton's method)."""
    weight = np.where(closed, (~closed).sum() / closed.sum(), 1.0)
    design, answer = np.c_[values, np.ones(len(values))], np.array([1.0, 0.0])
    for _ in range(50):
        odds = 1 / (1 + np.exp(-design @ answer))
        answer = answer + np.linalg.solve((design.T * (weight * odds * (1 - odds))) @ design + 1e-3 * np.eye(2), design.T @ (weight * (closed - odds)))
    return float(answer[0]), float(answer[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", type=Path)
    folder = parser.parse_args().faces
    wanted = {(f"faces-{shard}.tar", f"{number}.jpg") for shard, numbers in CLOSED.items() for number in numbers.split()}
    everything = list(csv.DictReader((folder / "labels.csv").open()))
    shut_rows = [row for row in everything if (row["shard"], row["file"]) in wanted]
    large = [row for row in everything if row not in shut_rows and float(row["right_x"]) - float(row["left_x"]) >= LEAST_IOD and row["source"] != "canada"]
    other_rows = [large[place] for place in np.random.default_rng(SEED).choice(len(large), OTHERS, replace=False)]
    shut, other = patches(folder, shut_rows), patches(folder, other_rows)
    shut_half, other_half = (np.array([int(md5(row["person"].encode()).hexdigest(), 16) % 2 for row in rows]) for rows in (shut_rows, other_rows))
    values, closed = [], []
    for half in (0, 1):
        pattern = fitted(shut[shut_half != half], other[other_half != half])
        for seen, truth in ((shut[shut_half == half], True), (other[other_half == half], False)):
            values.append(said(pattern, seen))
            closed.append(np.full(len(seen), truth))
    value, truth = np.concatenate(values), np.concatenate(closed)
    gain, offset = logistic(value, truth)
    odds = gain * value + offset
    under = np.mean([(one > value[~truth]).mean() for one in value[truth]])
    people = len({row["person"] for row in shut_rows})
    print(f"{len(shut)} closed pairs of {people} people, {len(other)} others; people apart: area {under:.4f},", end=" ")
    print(f"{(odds[truth] > 0).mean():.1%} of the closed ones and {(odds[~truth] > 0).mean():.1%} of the others called closed")
    pattern = fitted(shut, other)
    step = np.abs(pattern[:-1]).max() / 127
    print(f"gain {gain * step:.7f}, offset {gain * pattern[-1] + offset:.5f}")
    print(base64.b85encode(np.rint(pattern[:-1] / step).astype(np.int8).tobytes()).decode())


if __name__ == "__main__":
    main()
