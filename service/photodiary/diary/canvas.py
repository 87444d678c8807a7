"""The picture format, the similarity transform onto it, and the format that fits a diary."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from photodiary.diary.eyes import EyePair, Point

Matrix = tuple[tuple[float, float, float], tuple[float, float, float]]

FOREHEAD = 1.41  # IOD above the eyes that must be in the picture (1.4 and a little for rounding)
CHIN = 1.76  # IOD below the eyes (1.75)
WIDEST = 5.5  # IOD of height at most: the face stays the subject
LITTLE_FILLER = 0.02  # mean share of a frame that the photo does not cover
LARGEST_GROWTH = 1.5  # a photo is not enlarged more than this at the median
SHAPES = (("4:5", 4, 5), ("1:1", 1, 1), ("4:3", 4, 3), ("16:9", 16, 9))
SHORT_SIDES = (1080, 900, 720, 540, 360)  # of the short side, the largest that the photos can fill


@dataclass(frozen=True)
class Canvas:
    """Output size in pixels and the two points where the eyes land (pixel centres at integers)."""

    width: int
    height: int
    left: Point
    right: Point

    def __post_init__(self) -> None:
        if self.width % 2 or self.height % 2 or not 16 <= self.width <= 7680 or not 16 <= self.height <= 7680:
            raise ValueError(f"a picture format of {self.width}x{self.height} is not possible: both sides must be even and 16 to 7680")
        if self.right.x <= self.left.x:
            raise ValueError("the left eye's point must lie left of the right eye's")

    @property
    def iod(self) -> float:
        return math.dist(self.left, self.right)


def similarity(eyes: EyePair, canvas: Canvas) -> Matrix:
    """The rotation, scale and translation that carry both eyes exactly onto the canvas points.

    With complex numbers z -> a z + b, a = (R' - L') / (R - L); unique for two distinct points.  Maps photo pixels to canvas
    pixels, centres at integers in both.  Raises ValueError when the eyes coincide.
    """
    left, right = complex(*eyes.left), complex(*eyes.right)
    if abs(right - left) < 1e-6:
        raise ValueError("both eyes lie on the same point")
    target_left, target_right = complex(*canvas.left), complex(*canvas.right)
    a = (target_right - target_left) / (right - left)
    b = target_left - a * left
    return (a.real, -a.imag, b.real), (a.imag, a.real, b.imag)


def scale_of(matrix: Matrix) -> float:
    """How much a similarity enlarges."""
    return math.hypot(matrix[0][0], matrix[1][0])


def apply(matrix: Matrix, point: Point) -> Point:
    (a, b, c), (d, e, f) = matrix
    return Point(a * point.x + b * point.y + c, d * point.x + e * point.y + f)


def uncovered(width: int, height: int, matrix: Matrix, canvas: Canvas) -> float:
    """Share of the canvas, 0 to 1, that a photo of width x height pixels does not cover after `matrix`."""
    corners = [Point(-0.5, -0.5), Point(width - 0.5, -0.5), Point(width - 0.5, height - 0.5), Point(-0.5, height - 0.5)]
    polygon = [apply(matrix, corner) for corner in corners]
    for axis, bound, keep_above in ((0, -0.5, True), (0, canvas.width - 0.5, False), (1, -0.5, True), (1, canvas.height - 0.5, False)):
        polygon = _clip(polygon, axis, bound, keep_above)
    twice = sum(p.x * q.y - q.x * p.y for p, q in zip(polygon, polygon[1:] + polygon[:1], strict=True))
    return max(0.0, 1 - abs(twice) / 2 / (canvas.width * canvas.height))


def _clip(polygon: list[Point], axis: int, bound: float, keep_above: bool) -> list[Point]:
    """Cut a convex polygon by one axis-parallel line (Sutherland and Hodgman 1974)."""
    sign = 1 if keep_above else -1
    kept: list[Point] = []
    for p, q in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        inside_p, inside_q = sign * (p[axis] - bound) >= 0, sign * (q[axis] - bound) >= 0
        if inside_p:
            kept.append(p)
        if inside_p != inside_q:
            share = (bound - p[axis]) / (q[axis] - p[axis])
            kept.append(Point(p.x + share * (q.x - p.x), p.y + share * (q.y - p.y)))
    return kept


@dataclass(frozen=True)
class Framed:
    """What the choice of a format needs to know of a photo: upright size in pixels and eyes."""

    width: int
    height: int
    eyes: EyePair


@dataclass(frozen=True)
class Fit:
    """A chosen format with what it costs: its shape in words and the mean share of filler over the photos it was chosen from."""

    canvas: Canvas
    shape: str
    filler: float
    photos: int

    def in_words(self) -> str:
        return (
            f"{self.shape}, {self.canvas.width} x {self.canvas.height}, eyes {self.canvas.iod:.0f} px apart "
            f"at {100 * self.canvas.left.y / self.canvas.height:.0f} % of the height; "
            f"{100 * self.filler:.1f} % of the picture needs filling (chosen from {self.photos} photo{'s' if self.photos != 1 else ''})"
        )


def build(shape: tuple[int, int], height_iod: float, eye_level: float, short_side: int) -> Canvas:
    """A canvas of a shape (w, h), `height_iod` inter-ocular distances high, eyes at `eye_level` (0..1) of the height."""
    w, h = shape
    unit = short_side / min(w, h)
    width, height = 2 * round(w * unit / 2), 2 * round(h * unit / 2)
    iod = height / height_iod
    x, y = (width - 1) / 2, eye_level * height - 0.5
    return Canvas(width, height, Point(round(x - iod / 2, 2), round(y, 2)), Point(round(x + iod / 2, 2), round(y, 2)))


def fit(photos: Sequence[Framed]) -> Fit:
    """The shape and widest framing at which little filler is needed, with forehead and chin in.

    Of all shapes whose mean filler stays within LITTLE_FILLER the one that shows most around the face wins; when none does,
    the one that needs least filler at the closest framing.  Depends on the set of photos only, not on their order.
    """
    if not photos:
        raise ValueError("a picture format is chosen from photos, and there are none yet")
    within: list[tuple[float, float, Fit]] = []
    closest: list[tuple[float, Fit]] = []
    for name, w, h in SHAPES:
        tightest = FOREHEAD + CHIN
        for step in range(int((WIDEST - tightest) / 0.05), -1, -1):  # from the widest: filler may shrink again as the picture widens
            height_iod = tightest + 0.05 * step
            filler, level = _least(photos, (w, h), height_iod, LITTLE_FILLER if step else math.inf)
            if filler <= LITTLE_FILLER or step == 0:
                candidate = Fit(build((w, h), height_iod, level, _short_side(photos, (w, h), height_iod)), name, filler, len(photos))
                if filler <= LITTLE_FILLER:
                    within.append((height_iod * height_iod * w / h, -filler, candidate))
                else:
                    closest.append((filler, candidate))
                break
    if within:
        return max(within, key=lambda entry: entry[:2])[2]
    return min(closest, key=lambda entry: entry[0])[1]


def _levels(height_iod: float) -> list[float]:
    lowest, highest = FOREHEAD / height_iod, 1 - CHIN / height_iod
    steps = int((highest - lowest) / 0.02 + 1e-9)
    return [lowest + 0.02 * step for step in range(steps + 1)]


def _least(photos: Sequence[Framed], shape: tuple[int, int], height_iod: float, most: float) -> tuple[float, float]:
    best = math.inf, 0.0
    for level in _levels(height_iod):
        best = min(best, (_mean_filler(photos, shape, height_iod, level, min(most, best[0])), level))
    return best


def _mean_filler(photos: Sequence[Framed], shape: tuple[int, int], height_iod: float, level: float, most: float) -> float:
    """Infinite as soon as it is sure to be over `most`: of the many framings that are tried, few are looked at to the end."""
    canvas = build(shape, height_iod, level, 1000)
    shares, total, enough = [], 0.0, most * len(photos) * (1 + 1e-9)
    for photo in photos:
        shares.append(uncovered(photo.width, photo.height, similarity(photo.eyes, canvas), canvas))
        total += shares[-1]
        if total > enough:
            return math.inf
    return math.fsum(shares) / len(photos)


def _short_side(photos: Sequence[Framed], shape: tuple[int, int], height_iod: float) -> int:
    """The largest short side at which the median photo is not enlarged more than LARGEST_GROWTH."""
    distances = sorted(photo.eyes.iod for photo in photos)
    median = distances[len(distances) // 2]
    for side in SHORT_SIDES:
        if build(shape, height_iod, 0.45, side).iod <= LARGEST_GROWTH * median:
            return side
    return SHORT_SIDES[-1]
