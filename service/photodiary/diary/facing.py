"""Which way round a photo is: what a person says when the file does not, and how the frame is made so."""

from __future__ import annotations

from dataclasses import dataclass

from photodiary.diary.canvas import Canvas, Matrix, similarity
from photodiary.diary.eyes import EyePair, Point

TURNS = (0, 90, 180, 270)


@dataclass(frozen=True)
class Facing:
    """mirrored: the frame shows the photo as a mirror would.

    turned: by how many degrees clockwise the upright original has to be turned for the head to stand upright; None: nobody said so, and
    the eyes alone say which way is up.
    """

    mirrored: bool = False
    turned: int | None = None

    def __post_init__(self) -> None:
        if self.turned is not None and self.turned not in TURNS:
            raise ValueError(f"a photo is turned by one of {', '.join(map(str, TURNS))} degrees, not by {self.turned}")

    def ordered(self, eyes: EyePair) -> EyePair:
        """The same eyes, in pixels of the upright original, with the one as `left` that is left once the photo is turned."""
        if self.turned is None:
            return eyes
        across, down = _TO_THE_RIGHT[self.turned]
        step = across * (eyes.right.x - eyes.left.x) + down * (eyes.right.y - eyes.left.y)
        return EyePair(eyes.right, eyes.left) if step < 0 else eyes

    def in_words(self) -> str:
        mirrored = "mirrored" if self.mirrored else "not mirrored"
        if self.turned is None:
            return mirrored
        return f"{mirrored}, upright {f'when turned by {self.turned} degrees clockwise' if self.turned else 'as it is'}"


_TO_THE_RIGHT = {0: (1, 0), 90: (0, -1), 180: (-1, 0), 270: (0, 1)}  # the direction in the original that points right in the turned photo


def onto(eyes: EyePair, facing: Facing, canvas: Canvas) -> Matrix:
    """The transform that makes a frame: upright original to canvas, pixel centres at integers in both.

    A similarity that carries the eyes onto the canvas points; mirrored, one with a reflection, z -> a conj(z) + b, that carries the left eye
    onto the right point and the right one onto the left point.  Raises ValueError when the eyes coincide.
    """
    left, right = facing.ordered(eyes)
    if not facing.mirrored:
        return similarity(EyePair(left, right), canvas)
    (a, b, c), (d, e, f) = similarity(EyePair(Point(-right.x, right.y), Point(-left.x, left.y)), canvas)
    return (-a, b, c), (-d, e, f)


def turning(turned: int, size: tuple[int, int]) -> Matrix:
    """Upright original of `size` (w, h) to the photo turned by so many degrees clockwise, pixel centres at integers in both."""
    width, height = size
    return {
        0: ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
        90: ((0.0, -1.0, height - 1.0), (1.0, 0.0, 0.0)),
        180: ((-1.0, 0.0, width - 1.0), (0.0, -1.0, height - 1.0)),
        270: ((0.0, 1.0, 0.0), (-1.0, 0.0, width - 1.0)),
    }[turned]


def turned_size(turned: int, size: tuple[int, int]) -> tuple[int, int]:
    """(w, h) of a photo of `size` (w, h) once it is turned."""
    return (size[1], size[0]) if turned in (90, 270) else size


def after(second: Matrix, first: Matrix) -> Matrix:
    """Both transforms as one: `first`, then `second`."""
    (a, b, c), (d, e, f) = first
    (p, q, r), (s, t, u) = second
    return (p * a + q * d, p * b + q * e, p * c + q * f + r), (s * a + t * d, s * b + t * e, s * c + t * f + u)
