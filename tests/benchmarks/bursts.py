"""How still nearly identical photos lie in the film, beside the bar of 0.6 % of IOD; and how far `darkroom/motion.py` errs where the truth is known.

    python tests/benchmarks/bursts.py LABELS [PHOTOS]

LABELS: a label CSV, or a folder of `N_row_col_row_col.jpg`; of its first PHOTOS (default 6) photos twelve variants each are made as a hand would: shifted
by up to 3 % of the sides, turned by up to 3 degrees, 4 % larger or smaller, in a quarter of a stop more or less light, with noise, and recompressed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "service")]

from photodiary.darkroom import warp  # noqa: E402
from photodiary.darkroom.inmemory import PixelView  # noqa: E402
from photodiary.darkroom.motion import motion  # noqa: E402
from photodiary.diary.canvas import build, similarity  # noqa: E402
from photodiary.diary.eyes import EyePair  # noqa: E402
from photodiary.eyenet import registry  # noqa: E402
from photodiary.locate.config import LocateConfig  # noqa: E402
from photodiary.locate.locator import EyeLocator  # noqa: E402
from photodiary.run.predict import read_labels  # noqa: E402

CANVAS = build((4, 5), 3.3, 0.43, 1080)
COUNT = 12


def variant(pixels: NDArray[np.uint8], eyes: EyePair, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Another photo of the same moment, and the transform (2, 3) to its pixels."""
    height, width = pixels.shape[:2]
    matrix = cv2.getRotationMatrix2D(eyes.middle, rng.uniform(-3, 3), float(np.exp(rng.uniform(-0.04, 0.04))))
    matrix[:, 2] += rng.uniform(-0.03, 0.03, 2) * (width, height)
    light = np.clip(cv2.warpAffine(pixels, matrix, (width, height), flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT_101) / 255.0, 0, 1) ** 2.2
    light = np.clip(light * 2 ** rng.uniform(-0.25, 0.25) * np.exp(rng.normal(0, 0.02, 3)), 0, 1) ** (1 / 2.2)
    noisy = np.clip(np.rint(255 * light + rng.normal(0, 3, light.shape)), 0, 255).astype(np.uint8)
    data = simplejpeg.encode_jpeg(noisy, quality=int(rng.integers(82, 96)), colorspace="RGB", colorsubsampling="420")
    return simplejpeg.decode_jpeg(data, "RGB"), matrix


def main() -> None:
    labels = read_labels(Path(sys.argv[1]))[: int(sys.argv[2]) if len(sys.argv) > 2 else 6]
    entry = registry.current()
    locator, rng = EyeLocator(entry.path, LocateConfig(device="cpu"), sha256=entry.sha256), np.random.default_rng(6)
    true, measured, wrong = list[float](), list[float](), list[float]()
    for path, eyes in labels:
        pixels = simplejpeg.decode_jpeg(path.read_bytes(), "RGB")
        places, frames = list[NDArray[np.float64]](), list[bytes]()
        for _ in range(COUNT):
            photo, moved = variant(pixels, eyes, rng)
            found = locator.locate(PixelView(photo)).sighting.eyes
            if found is None:
                print(f"{path.name}: no eyes in one of its variants")
                continue
            matrix = np.array(similarity(found, CANVAS))
            places.append(np.array([matrix[:, :2] @ (moved[:, :2] @ eye + moved[:, 2]) + matrix[:, 2] for eye in eyes]))
            frames.append(warp.encode(warp.frame(photo, matrix, (CANVAS.width, CANVAS.height))))
        for one, two, before, after in zip(places, places[1:], frames, frames[1:], strict=False):
            shift = 100 * (two - one) / CANVAS.iod
            seen = motion(before, after, CANVAS.left, CANVAS.right)
            true.append(float(np.linalg.norm(shift, axis=1).mean()))
            if seen.moved is not None and seen.jitter is not None:
                measured.append(seen.jitter)
                wrong.append(float(np.linalg.norm(np.array(seen.moved) - shift, axis=1).max()))
    print("| % of IOD | transitions | mean | p95 | worst |\n|---|---|---|---|---|")
    for name, values in (("true", true), ("measured on the frames", measured), ("error of the measure", wrong)):
        print(f"| {name} | {len(values)} | {np.mean(values):.3f} | {np.percentile(values, 95):.3f} | {max(values):.3f} |")


if __name__ == "__main__":
    main()
