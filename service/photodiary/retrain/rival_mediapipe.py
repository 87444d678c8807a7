"""MediaPipe's face mesh with irises, as a program: `.rivals/bin/python -I rival_mediapipe.py`, run by `retrain/rivals.py`.

It lives in an environment of its own (deploy/rivals.sh), so it imports nothing of ours and nothing of ours imports it.

stdin: pictures one after the other, each a head of two little-endian uint32 (width, height) and width x height x 3 bytes RGB.
stdout: a line `{"ready": true}`, then one a picture: `{"left": [x, y], "right": [x, y], "seconds": s}`, eyes of the largest face in pixels
of the picture, pixel centres at integers, left in an upright picture first, both null without a face.  seconds: of the mesh alone.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import time
from typing import Any

os.environ.setdefault("GLOG_minloglevel", "2")
import mediapipe
import numpy as np

IRISES = {"left": range(468, 473), "right": range(473, 478)}  # of the 478 points; the person's right eye is left in the picture
MOST_FACES = 5


def largest(faces: list[Any]) -> Any:
    """The face whose points span the largest box."""

    def area(face: Any) -> float:
        xs, ys = [mark.x for mark in face.landmark], [mark.y for mark in face.landmark]
        return float((max(xs) - min(xs)) * (max(ys) - min(ys)))

    return max(faces, key=area)


def look(mesh: Any, picture: Any) -> dict[str, Any]:
    """The answer for one picture (h, w, 3)."""
    height, width = picture.shape[:2]
    started = time.perf_counter()
    faces = mesh.process(picture).multi_face_landmarks
    seconds = time.perf_counter() - started
    if not faces:
        return {"left": None, "right": None, "seconds": seconds}
    marks = largest(faces).landmark
    # A mark's x is 0 at the picture's left edge and 1 at its right one, half a pixel beside the outermost pixels' centres.
    places = {
        side: [float(np.mean([marks[i].x for i in points])) * width - 0.5, float(np.mean([marks[i].y for i in points])) * height - 0.5]
        for side, points in IRISES.items()
    }
    return {**places, "seconds": seconds}


def main() -> None:
    say, pictures = os.fdopen(os.dup(1), "w", buffering=1), sys.stdin.buffer
    os.dup2(2, 1)  # what a library prints must not get between the answers
    mesh = mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, max_num_faces=MOST_FACES, refine_landmarks=True)
    mesh.process(np.zeros((480, 640, 3), np.uint8))  # the first one loads the models
    print(json.dumps({"ready": True}), file=say)
    while len(head := pictures.read(8)) == 8:
        width, height = struct.unpack("<II", head)
        data = pictures.read(width * height * 3)
        print(json.dumps(look(mesh, np.frombuffer(data, np.uint8).reshape(height, width, 3))), file=say)


if __name__ == "__main__":
    main()
