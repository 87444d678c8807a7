"""Better labels for the training faces: MediaPipe's irises, seen in many views of each face, their median.

    deploy/rivals.sh && .rivals/bin/python deploy/teach.py ../shared/data/faces .train/taught.csv [--part 0/2]

Runs in the environment that rivals.sh makes.  A single answer of the teacher strays by 0.7 to 0.8 % of the distance between the eyes (IOD);
the median over scaled, shifted, tilted and mirrored views by 0.6 to 0.7 % (against hand-placed pupils, LOG.md).  Mirrored views cancel
every error in x that has a side.  Hand-placed labels (kind `manual`) are written as they are.  `spread` is how far the views lie apart.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import tarfile
from pathlib import Path

os.environ["GLOG_minloglevel"] = "3"  # noqa: SIM112 - the name that abseil reads
import cv2
import mediapipe
import numpy as np

SIDE = 384  # pixels of a view
VIEWS = 6
TOO_LOW = 0.006  # of the IOD that the teacher sets eyes below the pupil; LOG.md, 2026-11-24, says what speaks for which value
FAR = 0.12  # of the IOD: an answer this far from the label in the data is of another face, or a mistake of one of the two
IRISES = (468, 473)  # the first of five points of each iris in the mesh


def view(image: np.ndarray, eyes: np.ndarray, dice: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The face upright but for a little, at about 75 px between the eyes: picture and the (2, 3) matrix from photo to picture."""
    across = eyes[1] - eyes[0]
    scale = dice.uniform(60, 95) / math.hypot(*across)
    turn = dice.normal(0, math.radians(6)) - math.atan2(across[1], across[0])
    linear = scale * np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    middle = np.array([0.5, 0.45]) * SIDE + dice.normal(0, 10, 2)
    matrix = np.hstack([linear, (middle - linear @ eyes.mean(0))[:, None]])
    flags = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    return cv2.warpAffine(image, matrix, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE), matrix


def irises(mesh: object, picture: np.ndarray) -> np.ndarray | None:
    """Centres of both irises (left, right in the picture), pixel centres at integers; None without a face."""
    found = mesh.process(picture).multi_face_landmarks  # type: ignore[attr-defined]
    if not found:
        return None
    marks = found[0].landmark
    centres = [(np.mean([marks[first + i].x for i in range(5)]), np.mean([marks[first + i].y for i in range(5)])) for first in IRISES]
    return np.array(sorted(centres)) * SIDE - 0.5


def taught(mesh: object, image: np.ndarray, eyes: np.ndarray, dice: np.random.Generator) -> tuple[np.ndarray, float] | None:
    """Median place of both eyes in the photo without the teacher's constant error, and the views' spread in % of IOD."""
    answers = []
    for number in range(VIEWS):
        picture, matrix = view(image, eyes, dice)
        if number % 2:
            seen = irises(mesh, np.ascontiguousarray(picture[:, ::-1]))
            seen = None if seen is None else seen[::-1] * [-1, 1] + [SIDE - 1, 0]
        else:
            seen = irises(mesh, picture)
        if seen is not None:
            answers.append((seen - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T)
    if len(answers) < VIEWS / 2:
        return None
    middle = np.median(answers, axis=0)
    across = middle[1] - middle[0]
    middle = middle - TOO_LOW * np.array([-across[1], across[0]])
    spread = np.median(np.hypot(*np.moveaxis(np.array(answers) - np.median(answers, axis=0), -1, 0)), axis=0).max()
    return middle, 100 * float(spread) / math.hypot(*across)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("faces", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--part", default="0/1", help="I/N: every N-th face from the I-th on, to use several cores; call again to go on")
    options = parser.parse_args()
    part, parts = map(int, options.part.split("/"))
    cv2.setNumThreads(1)
    mesh = mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, max_num_faces=1, refine_landmarks=True, min_detection_confidence=0.3)
    with (options.faces / "labels.csv").open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))[part::parts]
    shards: dict[str, dict[str, bytes]] = {}
    done = max(0, len(options.out.read_text(encoding="utf-8").splitlines()) - 1) if options.out.exists() else 0
    with options.out.open("a", newline="", encoding="utf-8", buffering=1) as handle:
        writer = csv.DictWriter(handle, [*rows[0], "spread"])
        if not done:
            writer.writeheader()
        for number, row in enumerate(rows[done:], start=done):
            if row["shard"] not in shards:
                with tarfile.open(options.faces / row["shard"]) as shard:
                    shards[row["shard"]] = {member.name: shard.extractfile(member).read() for member in shard if member.isfile()}  # type: ignore[union-attr]
            row["spread"], shard_path = "", (options.faces / row["shard"]).resolve()
            eyes = np.array([[float(row["left_x"]), float(row["left_y"])], [float(row["right_x"]), float(row["right_y"])]])
            if row["kind"] != "manual":
                image = cv2.imdecode(np.frombuffer(shards[row["shard"]][row["file"]], np.uint8), cv2.IMREAD_COLOR)
                answer = taught(mesh, np.ascontiguousarray(image[:, :, ::-1]), eyes, np.random.default_rng([part, number]))
                if answer is not None and np.hypot(*(answer[0] - eyes).T).max() < FAR * math.hypot(*(eyes[1] - eyes[0])):
                    (lx, ly), (rx, ry) = answer[0]
                    row.update(left_x=f"{lx:.3f}", left_y=f"{ly:.3f}", right_x=f"{rx:.3f}", right_y=f"{ry:.3f}", kind="taught", spread=f"{answer[1]:.2f}")
            writer.writerow({**row, "shard": str(shard_path)})


if __name__ == "__main__":
    main()
