"""`doctor --fix`: mends what can be made again from what is there.  No original is ever deleted, but for a photo that was to be forgotten."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from photodiary.align.aligning import Aligning
from photodiary.archive import health as shelf
from photodiary.archive.store import Archive
from photodiary.darkroom.limits import DarkroomConfig
from photodiary.diary.photo import Digest
from photodiary.errors import PhotodiaryError, Transient, Unreadable
from photodiary.inbox import files, strays
from photodiary.inbox.intake import Intake
from photodiary.inbox.strays import Became
from photodiary.ledger import forgetting, health, photos, reels
from photodiary.ledger.store import Ledger
from photodiary.render.rendering import Rendering
from photodiary.run import deciding
from photodiary.run.doctor import Finding

ORIGINAL_LOST = ("original_missing", "original_unreadable", "original_damaged")


@dataclass(frozen=True)
class Mending:
    """Made while holding daemon.lock."""

    ledger: Ledger
    archive: Archive
    inbox: Path
    zone: ZoneInfo
    limits: DarkroomConfig
    intake: Intake
    aligning: Aligning
    rendering: Rendering
    show: Callable[[str], None]

    def mend(self, found: list[Finding]) -> dict[Finding, str]:
        """What was done about which finding, in words.  What is not in the answer could not be mended.  Goes on after trouble with one."""
        done: dict[Finding, str] = {}
        lost = {finding.photo for finding in found if finding.kind in ORIGINAL_LOST}
        steps: tuple[tuple[tuple[str, ...], Callable[[Finding], str | None]], ...] = (
            (("temporary", "stray_frame"), self._remove),
            (("forgotten_file",), self._erase),
            (ORIGINAL_LOST, self._bring_back),
            (("frame",), lambda finding: self._send_back(finding, lost - {mended.photo for mended in done})),
            (("stray_original",), self._take_in),
        )
        for kinds, act in steps:
            for finding in found:
                if finding.kind in kinds:
                    self.show(finding.file)
                    try:
                        told = act(finding)
                    except (PhotodiaryError, OSError):
                        continue  # it stays a finding, whose sentence says what a person can do
                    if told is not None:
                        done[finding] = told
        self._frames([finding for finding in done if finding.kind == "frame"], done)
        self._film([finding for finding in found if finding.kind in ("film", "to_forget")], done)
        return done

    def _remove(self, finding: Finding) -> str:
        self.archive.remove(finding.file)
        self.archive.sweep_rooms()
        return "removed"

    def _erase(self, finding: Finding) -> str:
        assert finding.photo is not None
        self.archive.erase(finding.photo)
        return "removed"

    def _bring_back(self, finding: Finding) -> str | None:
        """From the inbox, where the photo may lie still: only the very bytes that were taken in."""
        photo = None if finding.photo is None else photos.find(self.ledger, finding.photo)
        if photo is None or photo.original is None:
            return None
        for name in photos.names_of(self.ledger, photo):
            path = os.path.join(os.fsencode(self.inbox), name)
            seen = files.digest(path)
            if seen is None or seen[0] != photo.sha256:
                continue
            try:
                self.archive.publish(photo.original, files.read(path, self.limits.max_megabytes)[0])
            except (Transient, Unreadable):
                continue
            if shelf.digest_of_file(self.archive, photo.original) == photo.sha256:
                return "copied from the inbox again"
        return None

    def _send_back(self, finding: Finding, lost: set[Digest | None]) -> str | None:
        """A frame whose original is lost stays what it is: it is all that is left."""
        if finding.photo in lost:
            return None
        health.send_back(self.ledger, finding.file)
        return "the next `photodiary run` or `photodiary scan --once` makes it again"

    def _take_in(self, finding: Finding) -> str | None:
        brought = strays.bring(self.intake, finding.file, time.time())
        if brought is None:
            return None
        return {
            Became.TAKEN_IN: f"taken in as {brought.original}; the next `photodiary run` or `photodiary scan --once` brings it into the film",
            Became.REMOVED_TWIN: f"removed, the same bytes are in {brought.original}",
            Became.REMOVED_FORGOTTEN: "removed, you had it forgotten",
        }[brought.became]

    def _frames(self, sent: list[Finding], done: dict[Finding, str]) -> None:
        """Make frames again that were sent back, with whatever else waits for one."""
        if not sent or reels.current_canvas(self.ledger) is None:
            return
        try:
            while self.aligning.step(time.time(), 0.0):
                self.show("making frames again")
        except PhotodiaryError:
            return
        rows = {photo.sha256: photo for photo, _ in photos.everything(self.ledger)}
        for finding in sent:
            if finding.photo in rows and rows[finding.photo].frame is not None:
                done[finding] = "made again"

    def _film(self, found: list[Finding], done: dict[Finding, str]) -> None:
        """Make the film again, and finish forgetting."""
        if not found:
            return
        try:
            deciding.all_by_oneself(self.ledger, self.archive, self.zone, self.rendering, lambda n: self.show(f"film: {n:,} photos"))
            if any(finding.kind == "film" for finding in found):
                reel = self.rendering.render(time.time(), full=True, progress=lambda n: self.show(f"film: {n:,} photos"))
                if reel is None:
                    forgetting.no_film(self.ledger)
        except (PhotodiaryError, OSError):
            return
        done.update({finding: "made again" if finding.kind == "film" else "erased" for finding in found})
