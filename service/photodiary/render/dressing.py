"""What a film shows of a frame beside its light: border, shape, size, and what is written into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from av.video.frame import VideoFrame

from photodiary.diary.reel import Cell, Coding
from photodiary.render.borders import fill
from photodiary.render.planes import colour_of
from photodiary.render.shaping import Shaper

if TYPE_CHECKING:
    from photodiary.render.stamping import Stamper


class Dresser:
    """Dresses the frames of one film, always alike: the same frame and cell give the same bytes.  Not to be shared between threads."""

    def __init__(self, coding: Coding) -> None:
        self._coding = coding
        self._colour = None if coding.border == "blur" else colour_of(coding.border)
        self._shaper = Shaper(coding)
        self._stamper: Stamper | None = None

    def dress(self, frame: VideoFrame, cell: Cell) -> VideoFrame:
        """The picture of a film, from the frame of one of its cells, which may be changed by this; the frame itself where nothing is to be done.

        Both are yuv420p, bt709 in limited range.
        """
        if cell.outline and self._colour is not None:
            fill(frame, cell.outline, self._colour)
        shown = self._shaper.shape(frame)
        if cell.stamp or cell.title:
            self._writer().write(shown, cell.stamp, cell.title)
        return shown

    def _writer(self) -> Stamper:
        if self._stamper is None:
            from photodiary.render.stamping import Stamper  # here, so that films without words load no font

            coding = self._coding
            self._stamper = Stamper(coding.width, coding.height, coding.stamp_position, coding.stamp_size)
        return self._stamper
