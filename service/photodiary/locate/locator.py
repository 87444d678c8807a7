"""The resident eye network: looks at the whole photo, then at an upright crop and its mirror image."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import structlog
import torch

from photodiary.diary.canvas import Matrix, similarity
from photodiary.diary.eyes import EyePair, Point, Sighting
from photodiary.eyenet import weights
from photodiary.eyenet.framing import FramingConfig, crop_canvas, from_thumbnail, mirrored, padded
from photodiary.eyenet.peaks import Candidate, candidates
from photodiary.locate.config import LocateConfig
from photodiary.locate.views import View

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

log = structlog.get_logger()

LEAST_WHOLE = 0.12  # peaks of the first look below this are not looked at again
LEAST_CROP = 0.30  # a crop whose best pair stays below this holds no face
LARGEST_PASSES = 2
UNSURE = 5.0  # % of IOD of expected error above which a reason is given
FAINT = 0.5  # of the best one's score: what is below is a fold or a shadow, not a second face
TOO_CLOSE = 0.25  # of prominence: two faces that differ by less could both be meant
ROUNDING = 2  # decimals of a pixel kept: finer is noise of the arithmetic, not knowledge


@dataclass(frozen=True)
class Refined:
    """A pair of eyes after the close look.  candidate: in pixels of the photo; own, spread: in % of IOD."""

    candidate: Candidate
    own: float
    spread: float


class EyeLocator:
    """One model on one device; not thread-safe, one thread owns it."""

    def __init__(self, path: Path, config: LocateConfig, *, sha256: str | None = None, framing: FramingConfig | None = None) -> None:
        """Load and warm up; a GPU that cannot make one real prediction gives way to the CPU.  Raises BadModel."""
        self._net, self.name, self.sha256 = weights.load(path, sha256=sha256)
        self.framing = framing or FramingConfig()
        self._canvas = crop_canvas(self.framing)
        self.device = _choose(config.device)
        try:
            self._warm_up()
        except (RuntimeError, AssertionError) as error:  # what torch raises for a card, or a build, that cannot
            if self.device == "cpu":
                raise
            log.warning(f"the GPU cannot be used ({str(error).splitlines()[0]}); the CPU does it", code="locator.cpu")
            self.device = "cpu"
            self._warm_up()
        if self.device == "cpu":
            torch.set_num_threads(config.threads or max(1, min(4, len(os.sched_getaffinity(0)) - 1)))

    def _warm_up(self) -> None:
        self._net.to(self.device)
        self._look([np.zeros((self.framing.crop, self.framing.crop, 3), np.uint8)] * 2, 0.5)

    def _look(self, pictures: list[Pixels], least_score: float) -> list[list[Candidate]]:
        """Candidates in each picture; all pictures have one size, padded below and right to what the network needs."""
        height, width = pictures[0].shape[:2]
        batch = np.zeros((len(pictures), padded(height), padded(width), 3), np.float32)
        for number, picture in enumerate(pictures):
            batch[number, :height, :width] = picture
            batch[number, height:] = batch[number, height - 1 : height]
            batch[number, :, width:] = batch[number, :, width - 1 : width]
        with torch.inference_mode():
            maps = self._net(torch.from_numpy(batch).to(self.device).permute(0, 3, 1, 2))  # (B, 3, H, W), channels last
        maps = type(maps)(*(part.cpu() for part in (maps.score, maps.offset, maps.scale, maps.partner)))
        return [candidates(maps, number, least_score) for number in range(len(pictures))]

    def look_for(self, view: View) -> list[Refined]:
        """All faces of the photo that stand a close look, the one it is about first."""
        first = view.thumbnail(self.framing.whole)
        size = first.shape[1], first.shape[0]
        whole = [Candidate(from_thumbnail(c.eyes, size, view.size), c.score, c.expected * view.size[0] / size[0]) for c in self._look([first], LEAST_WHOLE)[0]]
        ranked = sorted(whole, key=lambda c: -_prominence(c, view.size))
        refined = [better for candidate in ranked[:3] if (better := self._refine(view, candidate)) is not None]
        return sorted(refined, key=lambda r: -_rank(r, view.size))

    def locate(self, view: View) -> Sighting:
        """Eyes of the person the photo is about, with an honest expected error.  Raises what the view raises."""
        refined = self.look_for(view)
        if not refined:
            return Sighting(self.name, None, None, "no_face", 0)
        best = refined[0].candidate
        floor, own, spread = self._net.config.doubt
        expected = floor + own * refined[0].own + spread * refined[0].spread
        clear = [r for r in refined[1:] if r.candidate.score > FAINT * best.score]
        others = [r for r in clear if r.candidate.eyes.distance(best.eyes) > 0.5 * best.eyes.iod]
        reason = None
        if any(_rank(other, view.size) > _rank(refined[0], view.size) - TOO_CLOSE for other in others):
            reason = "several_faces"
        elif expected > UNSURE:
            reason = "cut_by_edge" if _at_edge(best.eyes, view.size) else "covered" if best.score < 0.5 else "unsure"
        return Sighting(self.name, _rounded(best.eyes), round(expected, 2), reason, 1 + len(others))

    def _refine(self, view: View, found: Candidate) -> Refined | None:
        """Look closer until the eyes stay where they are.  Returns None where there is no face."""
        eyes = found.eyes
        result: Refined | None = None
        for _ in range(LARGEST_PASSES):
            matrix = similarity(eyes, self._canvas)
            picture = view.crop(matrix, (self.framing.crop, self.framing.crop))
            plain, flipped = self._look([picture, np.ascontiguousarray(picture[:, ::-1])], LEAST_CROP / 2)
            both = [self._nearest(plain), self._nearest(flipped, flip=True)]
            seen = [c for c in both if c is not None]
            if not seen:
                return None
            mean = EyePair(*(Point(math.fsum(c.eyes[i].x for c in seen) / len(seen), math.fsum(c.eyes[i].y for c in seen) / len(seen)) for i in (0, 1)))
            score = math.fsum(c.score for c in seen) / 2
            if score < LEAST_CROP:
                return None
            spread = seen[0].eyes.distance(seen[1].eyes) if len(seen) == 2 else self.framing.iod
            moved = mean.distance(EyePair(self._canvas.left, self._canvas.right)) / self.framing.iod
            own = max(c.expected for c in seen)
            eyes = EyePair(*(_back(matrix, point) for point in mean))
            result = Refined(Candidate(eyes, score, own), 100 * own / mean.iod, 100 * spread / mean.iod)
            if moved < 0.15:
                break
        return result

    def _nearest(self, found: list[Candidate], *, flip: bool = False) -> Candidate | None:
        """Of the pairs in a crop the one that it was made for."""
        wanted = EyePair(self._canvas.left, self._canvas.right)
        turned = [Candidate(mirrored(c.eyes, self.framing.crop), c.score, c.expected) if flip else c for c in found]
        near = [c for c in turned if c.eyes.distance(wanted) < 0.6 * self.framing.iod]
        return max(near, key=lambda c: c.score, default=None)


def _choose(device: str) -> str:
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return device


def _rank(refined: Refined, size: tuple[int, int]) -> float:
    """Prominence after the close look: a fold of cloth can be large and fairly eye-like, but the network is unsure where its eyes are."""
    return _prominence(refined.candidate, size) - math.log1p(refined.own / 2)


def _prominence(candidate: Candidate, size: tuple[int, int]) -> float:
    """How much a face looks like the one that the photo is about: large, near the middle, clearly seen."""
    middle = candidate.eyes.middle
    away = math.hypot(middle.x / size[0] - 0.5, middle.y / size[1] - 0.45)
    return math.log(max(candidate.eyes.iod, 1e-6)) - 1.5 * away + math.log(max(candidate.score, 1e-6))


def _at_edge(eyes: EyePair, size: tuple[int, int]) -> bool:
    reach = 0.5 * eyes.iod
    return any(not (reach < p.x < size[0] - reach and reach < p.y < size[1] - reach) for p in eyes)


def _back(matrix: Matrix, point: Point) -> Point:
    """Undo a similarity: z = (w - b) / a with complex numbers."""
    (a, b, c), (d, _, f) = matrix
    z = (complex(*point) - complex(c, f)) / complex(a, d)
    assert abs(b + d) < 1e-9 * max(1.0, abs(d))
    return Point(z.real, z.imag)


def _rounded(eyes: EyePair) -> EyePair:
    return EyePair(*(Point(round(p.x, ROUNDING), round(p.y, ROUNDING)) for p in eyes))
