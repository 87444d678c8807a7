"""The resident eye network: one model on one device, warmed up, and what it says of photos."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import structlog
import torch

from photodiary.diary.eyes import EyePair, Point, Sighting
from photodiary.errors import DeviceLost, PhotodiaryError
from photodiary.eyenet import header, weights
from photodiary.eyenet.framing import FramingConfig, padded
from photodiary.eyenet.likeness import Gallery, stored
from photodiary.eyenet.network import folded
from photodiary.eyenet.packed import can_pack, pack
from photodiary.eyenet.peaks import Candidate, candidates
from photodiary.eyenet.person import corrected
from photodiary.locate.choosing import choose
from photodiary.locate.config import LocateConfig
from photodiary.locate.looking import Face, Looking
from photodiary.locate.views import Located, View

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

log = structlog.get_logger()

TOGETHER = {"cpu": 4, "cuda": 8}  # photos that are looked at together, in halves; no more than the darkroom keeps decoded
ROUND_UP = 8  # pictures: on a GPU the sums depend on a batch's size, so there are few sizes
USABLE = 4  # threads at most when nobody says how many: more gain little on pictures this small
ROUNDING = 2  # decimals of a pixel kept: finer is noise of the arithmetic, not knowledge
STRANGER = -0.5  # log odds below which a face is somebody else's


class EyeLocator:
    """One model on one device; not thread-safe, one thread owns it."""

    def __init__(self, path: Path, config: LocateConfig, *, sha256: str | None = None, framing: FramingConfig | None = None) -> None:
        """Load and warm up; a GPU that cannot make one real prediction gives way to the CPU.  Raises BadModel."""
        net, self.name, self.sha256 = weights.load(path, sha256=sha256)
        self.kin = header.of_file(path).kin
        self._net = folded(net)
        self._config = config
        self.trouble: str | None = None
        self.framing = framing or FramingConfig()
        self._looking = Looking(self._ask, self.framing)
        self.device = _choose(config.device)
        self._precision = _precision(config.precision, self.device)
        try:
            self._warm_up()
        except (RuntimeError, AssertionError) as error:  # what torch raises for a card, or a build, that cannot
            if self.device == "cpu":
                raise
            log.warning(f"the GPU cannot be used ({str(error).splitlines()[0]}); the CPU does it", code="locator.cpu")
            self._net = folded(weights.load(path, sha256=self.sha256)[0])  # what lies on a card that broke down may not come back from it
            self.device = "cpu"
            self._precision = _precision(config.precision, "cpu")
            self._warm_up()
        self._settle()

    def _settle(self) -> None:
        # In float32 a processor's sums depend on a batch's size, so there photos go through one by one.
        self.together = TOGETHER[self.device] if self.device == "cuda" or self._precision == torch.bfloat16 else 1
        if self.device == "cpu":
            torch.set_num_threads(self._config.threads or max(1, min(USABLE, len(os.sched_getaffinity(0)) - 1)))

    def _warm_up(self) -> None:
        self._net.to(self.device)
        self._pack()
        self._ask([np.zeros((self.framing.crop, self.framing.crop, 3), np.uint8)] * 2, 0.5)

    def _pack(self) -> None:
        if self.device == "cpu" and can_pack(self._precision):
            pack(self._net, self._precision)

    def _ask(self, pictures: Sequence[Pixels], least_score: float) -> tuple[list[list[Candidate]], NDArray[np.float32] | None]:
        """Candidates in each picture; all pictures have one size, padded below and right to what the network needs."""
        height, width = pictures[0].shape[:2]
        count = len(pictures) if self.device == "cpu" else -(-len(pictures) // ROUND_UP) * ROUND_UP
        batch = np.zeros((count, padded(height), padded(width), 3), np.uint8)
        for number, picture in enumerate(pictures):
            batch[number, :height, :width] = picture
            batch[number, height:] = batch[number, height - 1 : height]
            batch[number, :, width:] = batch[number, :, width - 1 : width]
        with torch.inference_mode(), torch.autocast(self.device, dtype=self._precision, enabled=self._precision != torch.float32):
            features = self._net.features(torch.from_numpy(batch).to(self.device).float().permute(0, 3, 1, 2))  # (B, 3, H, W), channels last
            maps = self._net.read(features)
            alike = None
            if self._net.likeness is not None and (height, width) == (self.framing.crop, self.framing.crop):
                alike = self._net.likeness(features[1]).float().cpu().numpy()
        maps = type(maps)(*(part.cpu() for part in (maps.score, maps.offset, maps.scale, maps.partner)))
        return [candidates(maps, number, least_score) for number in range(len(pictures))], alike

    def faces(self, view: View) -> list[Face]:
        """All faces of the photo that stand a close look.  Raises what the view raises."""
        return self._looking.faces(view)

    def locate(self, view: View, gallery: Gallery | None = None) -> Located:
        """Eyes of the person the photo is about, with an honest expected error.  Raises what the view raises."""
        (located,) = self.locate_all([view], [gallery])
        if isinstance(located, PhotodiaryError):
            raise located
        return located

    def locate_all(self, views: Sequence[View], galleries: Sequence[Gallery | None]) -> list[Located | PhotodiaryError]:
        """The same for several photos at once; one whose view raises gets its error.  The answers do not depend on who is asked for together.

        A card without room for them gets fewer at once from then on, and in the end the CPU takes over.  Raises DeviceLost when the card is gone.
        """
        faces: list[list[Face] | PhotodiaryError] = []
        while len(faces) < len(views):
            try:
                faces += self._looking.faces_of(views[len(faces) : len(faces) + max(1, self.together)])
            except torch.OutOfMemoryError:
                self._take_less()
            except RuntimeError as error:  # torch's word for a card that does not answer any more
                if self.device == "cpu" or not _of_the_card(error):
                    raise
                raise DeviceLost(f"the graphics card has failed ({str(error).splitlines()[0]})") from error
        return [
            found if isinstance(found, PhotodiaryError) else self._chosen(view, found, gallery)
            for view, found, gallery in zip(views, faces, galleries, strict=True)
        ]

    def _take_less(self) -> None:
        """After running out of memory: half as many photos at once, and with one alone the CPU."""
        if self.device == "cpu":
            raise MemoryError("the network has no room for a single photo")
        torch.cuda.empty_cache()
        if self.together > 1:
            self.together //= 2
            self.trouble = f"the graphics card is short of memory: {self.together} photos at once go through it, not {TOGETHER[self.device]}"
        else:
            self.device, self._precision = "cpu", _precision(self._config.precision, "cpu")
            self._net.to("cpu")
            self._pack()
            self._settle()
            self.trouble = "the graphics card has no room for a single photo: the processor finds the eyes until the next start"
        log.warning(self.trouble, code="locator.memory", device=self.device, together=self.together)

    def _chosen(self, view: View, faces: list[Face], gallery: Gallery | None) -> Located:
        known = [face.embedding for face in faces if face.embedding is not None]
        odds = None if gallery is None or len(known) < len(faces) else gallery.log_odds(known, self._net.config.odds)
        chosen = choose(faces, view.size, self._net.config.doubt, odds, STRANGER)
        if chosen.face is None or chosen.expected_error is None:
            return Located(Sighting(self.name, None, None, chosen.reason, chosen.faces), None, None)
        eyes = corrected(chosen.face.eyes, chosen.face.embedding, self._net.people, self._net.config.odds)
        sighting = Sighting(self.name, _rounded(eyes), round(chosen.expected_error, 2), chosen.reason, chosen.faces)
        embedding = chosen.face.embedding
        return Located(sighting, None if embedding is None else stored(embedding), chosen.log_odds)


def _of_the_card(error: RuntimeError) -> bool:
    return isinstance(error, torch.AcceleratorError) or any(name in str(error) for name in ("CUDA", "cuDNN", "CUBLAS"))


def _choose(device: str) -> str:
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return device


def _precision(wanted: str, device: str) -> torch.dtype:
    """Half precision on a GPU, bfloat16 on a processor that computes in it, else float32."""
    if wanted == "float32":
        return torch.float32
    if device != "cpu":
        return torch.float16
    return torch.bfloat16 if wanted == "half" or _has_bfloat16() else torch.float32


def _has_bfloat16() -> bool:
    """Whether the processor multiplies in bfloat16; where it has to be imitated, float32 is faster."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def _rounded(eyes: EyePair) -> EyePair:
    return EyePair(*(Point(round(p.x, ROUNDING), round(p.y, ROUNDING)) for p in eyes))
