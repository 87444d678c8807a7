"""What speaks for or against a frame when one photo stands for a day: sharpness and light of the face, open eyes, facing the camera.

Everything is measured on small grey copies at fixed multiples of the distance between the eyes (IOD), so that frames of any size compare, and costs about
2 ms for a frame of 1080 x 1350.
"""

from __future__ import annotations

import base64
import math
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from photodiary.darkroom import warp
from photodiary.diary.picking import EYE_HEIGHT, EYE_WIDTH, Marks

Grey = NDArray[np.float32]
Spot = tuple[float, float]  # (x, y) in pixels of the frame, centres at integers

COARSE: Final = 96  # pixels between the eyes of the grey copy; of the one in which sharpness is measured twice as many
WIDTH, HEIGHT, EYE_ROW = 240, 264, 96  # of it: 1.25 IOD to either side of the middle, 1 above the eyes, 1.75 below
FLAT: Final = 4.0  # grey levels: a patch with less contrast says nothing
CLIPPED_DARK, CLIPPED_BRIGHT = 8, 247  # grey levels
RAYLEIGH: Final = 2.25  # the 97th percentile of the length of a vector of noise, in its medians
STEEPEST: Final = 3.0  # the slope of a step blurred by 1 pixel in slopes of one blurred by 3
ASIDE: Final = 14  # pixels, of 48 between the eyes: how far the middle of a face is looked for beside the middle of its eyes

# What tells closed lids: a pattern of one eye, EYE_HEIGHT x EYE_WIDTH, for a right eye seen in a mirror, by which the normalised patch is weighed.
# tests/benchmarks/lids.py fits it: ridge regression on 74 closed pairs of eyes of 69 people and 3,000 other faces of the training set.  Of people whom it has
# not seen it calls 98.6 % of the closed ones closed, and 3.7 % of the others, of which some are; area under the curve 0.992.
_LIDS: Final = np.frombuffer(
    base64.b85decode(
        "iq#P-DkB;Y2?P=*C=~(!5hWrP3HHsOy6zAb5DW(Z`}YGB7Y6U=^aTX^^zY!v&g%E|_5T6<`}_$N84mgF@%i=a=H%nu;qUM1?*Ie=0RjU70}Kxm6Abt0<KyV*^7827@eCCc5E2Rb_zog1"
        "F(U%%==K5z2>IgI?i@8aJV!t!7$PVrBoO7u&+Z2j6!_G`-4sS#W^Z3P9T*V*_S&h8pULe768O=!zVR$bO;bfH8yXPy?9r#5y4vmm0r=<6zti^w0vRMCCngf=*~_`l`Vbf<`Tzy`*u=%V"
        "veyJ2GAs$rw!YH^H%3fe2ofeD_sp}Rl(_snWMe!2+tBGJU~X`KH#a>o1J=RA!`Ky3d3aSI^xWzbIZIMuNirlD`QX;v-Pq{=8zL3{<=5Kg@c<7XIUfh|-_z9I<lorP)7975+1T0H-Rt%G"
        "1OfNx;O6uF|Mu<P)62}+@csPs^7rxH)9d;H4I(!|LqIzx4*B;GGC(yN1o+>!"
    ),
    np.int8,
).reshape(EYE_HEIGHT, EYE_WIDTH)
_LIDS_GAIN, _LIDS_OFFSET = 0.0026573, -1.13922  # to the log odds that they are closed, closed and open ones being equally many


def eyes(pixels: warp.Pixels, left: Spot, right: Spot) -> list[Grey]:
    """Both eyes of a frame, the left one first, EYE_HEIGHT x EYE_WIDTH each: what is judged of them."""
    return _eyes(_shrunk(_copy(pixels, left, right)))


def marks(pixels: warp.Pixels, left: Spot, right: Spot) -> tuple[Marks, bytes]:
    """Of a frame (h, w, 3) RGB whose eyes are at `left` and `right`; and both eyes as small grey pictures.

    The pictures are EYE_HEIGHT x EYE_WIDTH pixels each, half an IOD wide, eyes in their middles, the left one first.
    """
    fine = _copy(pixels, left, right)
    grey = _shrunk(fine)
    face = grey[EYE_ROW - 30 : EYE_ROW + 115, WIDTH // 2 - 72 : WIDTH // 2 + 72]
    both = _eyes(grey)
    found = Marks(
        sharp=_rounded(_sharpness(fine[2 * EYE_ROW - 60 : 2 * EYE_ROW + 230, WIDTH - 144 : WIDTH + 144])),
        light=_rounded(float(face.mean()) / 255),
        dark=_rounded(float((face <= CLIPPED_DARK).mean())),
        bright=_rounded(float((face >= CLIPPED_BRIGHT).mean())),
        open=_rounded(_openness(both)),
        turned=_rounded(_turned(grey)),
    )
    return found, b"".join(np.clip(np.rint(eye), 0, 255).astype(np.uint8).tobytes() for eye in both)


def _rounded(value: float) -> float:
    return round(min(1.0, max(0.0, value)), 3)


def _copy(pixels: warp.Pixels, left: Spot, right: Spot) -> Grey:
    """Grey, 2 HEIGHT x 2 WIDTH, the eyes in row 2 EYE_ROW, 2 COARSE pixels apart around its middle; beyond the frame its edge is continued.

    Eyes of a frame lie level; that the cut is made at whole pixels moves them by a thousandth of an IOD.
    """
    iod = max(2.0, right[0] - left[0])
    x0, y0 = round((left[0] + right[0] + 1 - WIDTH / COARSE * iod) / 2), round((left[1] + right[1] + 1) / 2 - EYE_ROW / COARSE * iod)
    x1, y1 = x0 + round(WIDTH / COARSE * iod), y0 + round(HEIGHT / COARSE * iod)
    height, width = pixels.shape[:2]
    cut = pixels[max(0, y0) : y1, max(0, x0) : x1]
    if cut.shape[:2] != (y1 - y0, x1 - x0):
        cut = pixels[np.ix_(np.clip(np.arange(y0, y1), 0, height - 1), np.clip(np.arange(x0, x1), 0, width - 1))]
    grey = cv2.cvtColor(cut, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, (2 * WIDTH, 2 * HEIGHT), interpolation=cv2.INTER_AREA if iod > 2 * COARSE else cv2.INTER_CUBIC), np.float32)


def _shrunk(fine: Grey) -> Grey:
    return np.asarray(cv2.resize(fine, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.float32)


def _eyes(grey: Grey) -> list[Grey]:
    return [_eye(grey, WIDTH // 2 + side * COARSE // 2) for side in (-1, 1)]


def _eye(grey: Grey, x: int) -> Grey:
    """The eye around column x, EYE_HEIGHT x EYE_WIDTH."""
    patch = grey[EYE_ROW - EYE_HEIGHT : EYE_ROW + EYE_HEIGHT, x - EYE_WIDTH : x + EYE_WIDTH]
    return np.asarray(cv2.resize(patch, (EYE_WIDTH, EYE_HEIGHT), interpolation=cv2.INTER_AREA), np.float32)


def _openness(both: list[Grey]) -> float:
    """How probable it is, 0 to 1, that both eyes are open rather than closed; half for a wink."""
    odds = 0.0
    for eye, lids in zip(both, (_LIDS, _LIDS[:, ::-1]), strict=True):
        odds += float(((eye - eye.mean()) / (eye.std() + FLAT) * lids).sum()) / 2
    return 1 / (1 + math.exp(max(-50.0, min(50.0, _LIDS_GAIN * odds + _LIDS_OFFSET))))


def _sharpness(grey: Grey) -> float:
    """How steep the steepest edges are compared with what a blur by three pixels leaves of them: near 1 for steps, a third for soft ones.

    What noise adds is taken off: it is everywhere, so that the median of the gradients shows it, and edges are rare.
    """
    fine, soft = _slopes(grey, 1.0), _slopes(grey, 3.0)
    edges, noise = np.percentile(fine[::2, ::2], (97, 50))
    kept = max(0.0, float(edges) ** 2 - (RAYLEIGH * float(noise)) ** 2)
    return math.sqrt(kept) / (float(np.percentile(soft[::2, ::2], 97)) * STEEPEST + 1.0)


def _slopes(grey: Grey, sigma: float) -> Grey:
    smooth = cv2.GaussianBlur(grey, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.magnitude(cv2.Scharr(smooth, cv2.CV_32F, 1, 0, scale=1 / 32), cv2.Scharr(smooth, cv2.CV_32F, 0, 1, scale=1 / 32)), np.float32)


def _turned(grey: Grey) -> float:
    """How far the face is turned aside, 0 to 1: where between nose and mouth its mirror image fits best, and how badly it fits there.

    Compared are the strengths of edges, which light from one side changes little.
    """
    small = np.asarray(cv2.resize(grey, (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA), np.float32)
    edges = cv2.sqrt(_slopes(small, 1.5)[EYE_ROW // 2 - 8 : EYE_ROW // 2 + 60])
    best, where = -1.0, 0
    for aside in range(-ASIDE, ASIDE + 1):
        middle = WIDTH // 4 + aside
        fit = float(cv2.matchTemplate(edges[:, middle - 40 : middle], cv2.flip(edges[:, middle : middle + 40], 1), cv2.TM_CCOEFF_NORMED)[0, 0])
        if math.isfinite(fit) and fit > best:
            best, where = fit, aside
    return 0.5 * abs(where) / ASIDE + 0.5 * (1 - max(0.0, best))
