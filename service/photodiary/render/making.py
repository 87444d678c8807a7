"""Makes one film: encodes the segments that are not there yet, side by side, then copies all of them into the film and proves it."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Final

from av.video.frame import VideoFrame

from photodiary.archive import layout
from photodiary.archive.store import Archive
from photodiary.diary.reel import ReelPlan, Segment
from photodiary.errors import RenderFailed, StorageTrouble
from photodiary.render.blending import blend
from photodiary.render.coding import headers
from photodiary.render.dressing import Dresser
from photodiary.render.film import compose, verify
from photodiary.render.grading import grade
from photodiary.render.made import Made
from photodiary.render.reading import FrameReader
from photodiary.render.segment import Pictures, encode, head_of, pack, unpack

MOST_THREADS: Final = 8

Progress = Callable[[int], None]


class Making:
    """Makes the film of `plan` in the archive at `root`.  progress: told by several threads how many photos are in segments so far; also that work goes on."""

    def __init__(self, plan: ReelPlan, root: Path, progress: Progress) -> None:
        self._plan, self._root, self._archive, self._progress = plan, root, Archive(root), progress
        self._headers = headers(plan.coding)
        self._done = 0
        self._lock = threading.Lock()
        self._mine = threading.local()

    def make(self, target: Path, *, full: bool = False) -> Made:
        """Write the film to `target`, whole, proved and on the disk when this returns.  full: encode every segment anew.

        Raises FrameBroken (a frame is missing, damaged or of another size), StorageTrouble (the disk refuses), BrokenFilm and RenderFailed.
        """
        segments = {segment.fingerprint: segment for segment in self._plan.segments}
        known = {} if full else {name: head for name, segment in segments.items() if (head := self._head(segment)) is not None}
        missing = [segment for name, segment in segments.items() if name not in known]
        self._came_on(sum(len(segments[name].cells) for name in known))
        with ThreadPoolExecutor(min(MOST_THREADS, len(os.sched_getaffinity(0))), "segments") as pool:
            futures = {pool.submit(self._encode, segment): segment.fingerprint for segment in missing}
            finished, waiting = wait(futures, return_when=FIRST_EXCEPTION)
            for future in waiting:
                future.cancel()
        for future in finished:
            known[futures[future]] = future.result()
        compose(self._plan, [known[segment.fingerprint] for segment in self._plan.segments], self._load, target)
        self._came_on(0)
        verify(target, self._plan)
        self._came_on(0)
        with target.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = os.fstat(file.fileno()).st_size
        return Made(size, digest, sum(len(segment.cells) for segment in missing))

    def _head(self, segment: Segment) -> Pictures | None:
        """What is known of a segment that is there and was made by the encoder of today; None where it has to be encoded."""
        head = head_of(self._root / layout.segment(segment.fingerprint))
        if head is None or head.headers != self._headers or len(head.coded) != segment.pictures:
            return None
        return head

    def _encode(self, segment: Segment) -> Pictures:
        if not hasattr(self._mine, "reader"):
            coding = segment.coding
            self._mine.reader = FrameReader(self._root, coding.frame_width, coding.frame_height)
            self._mine.dresser = Dresser(coding)
        cells = (*segment.cells, segment.after) if segment.after is not None else segment.cells

        def picture(number: int) -> VideoFrame:
            cell = cells[number]
            assert cell is not None
            frame = self._mine.reader.read(cell.frame)
            if cell.grade:
                grade(frame, cell.grade)
            dressed = self._mine.dresser.dress(frame, cell)
            assert isinstance(dressed, VideoFrame)
            return dressed

        pictures = encode(segment, picture, blend, lambda: self._came_on(1))
        if pictures.headers != self._headers:
            raise RenderFailed("The film could not be made: its segments have other headers than the film.")
        self._archive.publish(layout.segment(segment.fingerprint), pack(pictures))
        return pictures.without_data()

    def _load(self, segment: Segment) -> Pictures:
        """A segment's pictures; one that was damaged on the disk, or that somebody removed meanwhile, is encoded again."""
        self._came_on(0)
        pictures = self._there(segment)
        if pictures is None:
            self._encode(segment)
            pictures = self._there(segment)
        if pictures is None:
            raise StorageTrouble(f"{self._root / layout.segment(segment.fingerprint)}: cannot be read back as it was written")
        return pictures

    def _there(self, segment: Segment) -> Pictures | None:
        path = self._root / layout.segment(segment.fingerprint)
        try:
            return unpack(path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageTrouble(f"{path}: cannot be read: {error.strerror}") from error

    def _came_on(self, photos: int) -> None:
        with self._lock:
            self._done += photos
            self._progress(self._done)
