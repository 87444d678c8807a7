"""The original notebooks' way from a folder of photos to a film, as a program, to be measured against: every photo decoded in full by OpenCV, one look of a
RegNetY-006 with four numbers out at the whole photo of 224 px, moved (and only moved) so that the middle between the eyes stands still, written as XVID.

    python tests/benchmarks/notebook.py FOLDER FILM.avi

The head is not trained: what it costs is asked here, not where it finds the eyes (PEERS.md: about 30 % of the distance between them), so its answer is kept
near the middle.  The film has the size of ours, 1080 pixels high: the notebooks' own, as large as the photos, takes longer.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import timm
import torch

HIGH = 1080


def main() -> None:
    net = timm.create_model("regnety_006", pretrained=False, num_classes=4).eval()
    film: cv2.VideoWriter | None = None
    for path in sorted(Path(sys.argv[1]).glob("*.jpg")):
        photo = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
        small = cv2.cvtColor(cv2.resize(photo, (224, 224), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)
        with torch.inference_mode():
            answer = net(torch.from_numpy(small).permute(2, 0, 1)[None].float() / 255)[0].numpy()
        height, width = photo.shape[:2]
        x, y = width / 2 + np.tanh(answer[0]) * 50, height * 0.45 + np.tanh(answer[1]) * 50
        moved = cv2.warpAffine(photo, np.float32([[1, 0, width / 2 - x], [0, 1, height * 0.45 - y]]), (width, height))
        size = 2 * round(width * HIGH / height / 2), HIGH
        if film is None:
            film = cv2.VideoWriter(sys.argv[2], cv2.VideoWriter_fourcc(*"XVID"), 24, size)
        film.write(cv2.resize(moved, size, interpolation=cv2.INTER_AREA))
    assert film is not None
    film.release()


if __name__ == "__main__":
    main()
