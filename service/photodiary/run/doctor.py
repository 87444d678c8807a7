"""`doctor`: holds the archive against the ledger and says every difference in words.  It only looks; `run/mending.py` mends.

Beside a running daemon things move while they are looked at.  So whatever seems wrong is looked at again with what the ledger says
by then, and counts only when both still say the same.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from photodiary.archive import health as shelf
from photodiary.archive import layout
from photodiary.archive.store import Archive
from photodiary.darkroom.darkroom import Darkroom
from photodiary.diary.photo import Digest, digest_of
from photodiary.errors import Held, LedgerTrouble, StorageTrouble, Unreadable, WorkerLost
from photodiary.eyenet.registry import FOLDER, POINTER, Registry, digest_of_file
from photodiary.ledger import health, photos, reels
from photodiary.ledger.photos import PhotoRow
from photodiary.ledger.store import FILE, Ledger
from photodiary.render import checking
from photodiary.run.lock import FILE as LOCK
from photodiary.run.lock import holder

FRESH_S = 60.0  # what was written just now may be about to get its row, or its name
SECOND_LOOK_S = 1.0
LOOKS = 5
FROM_BACKUP = "put a good copy in its place (from a backup, or the phone)"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.  file: below the archive; what, todo: in words; kind: short, for scripts and for mending."""

    kind: str
    file: str
    what: str
    todo: str
    photo: Digest | None = None

    def in_words(self) -> str:
        return f"{self.file}: {self.what}; {self.todo}"


@dataclass(frozen=True)
class Doctor:
    """Examines one diary.  alone: nobody else changes it (this process holds daemon.lock); quick: without reading every original."""

    archive: Archive
    ledger: Ledger
    darkroom: Darkroom
    alone: bool
    quick: bool
    show: Callable[[str], None]

    def examine(self) -> list[Finding]:
        """All findings.  When the database is not sound it is the only one: nothing else could be held against it."""
        found = self.database()
        if not found:
            found = [*self.forgotten(), *self.photos(), *self.strays(), *self.film()]
        return found

    def database(self) -> list[Finding]:
        self.show("diary database")
        try:
            told = health.problems(self.ledger)
        except (LedgerTrouble, StorageTrouble) as error:
            told = [str(error)]
        return [unsound(what) for what in told]

    def forgotten(self) -> list[Finding]:
        """Photos that a person had forgotten, and that are not gone although nobody is at it."""
        found = []
        paths = [file.path for file in shelf.files(self.archive)]
        for digest, how in health.forgotten(self.ledger).items():
            name = f"photo {digest[:12]}"
            if not how.done and not self.alone:
                continue  # whoever holds daemon.lock, or takes it next, goes on with it
            if not how.done:
                found.append(Finding("to_forget", name, "is to be forgotten and is not gone yet", "the next `photodiary run` erases it", digest))
            elif how.row:
                found.append(Finding("forgotten_row", FILE, f"still knows the forgotten {name}", f"run `photodiary photos forget {digest[:12]}` again", digest))
            if how.erased:
                left = [path for path in paths if digest[: layout.DIGITS] in PurePath(path).name and (self.archive.root / path).exists()]
                found += [Finding("forgotten_file", path, "is of a photo that was to be forgotten", "remove it", digest) for path in left]
        return found

    # -- each photo's original and frame -----------------------------------------------------------------------------------

    def photos(self) -> Iterator[Finding]:
        """What is wrong with originals and frames that rows name."""
        sizes = {row.id: (row.canvas.width, row.canvas.height) for row in reels.all_canvases(self.ledger)}
        rows = [photo for photo, _ in photos.everything(self.ledger)]
        for number, photo in enumerate(rows):
            self.show(f"{number:,} of {len(rows):,} photos")
            for look in (self._original, lambda p: self._frame(p, sizes)):
                finding = self._twice(photo, look)
                if finding is not None:
                    yield finding

    def _twice(self, photo: PhotoRow, look: Callable[[PhotoRow], Finding | None]) -> Finding | None:
        """What is still wrong with a photo when its row has not changed meanwhile."""
        for _ in range(LOOKS):
            finding = look(photo)
            if finding is None:
                return None
            now = photos.find(self.ledger, photo.sha256)
            if now is None or photo.sha256 in health.forgotten(self.ledger):
                return None
            if (now.original, now.frame, now.canvas_id) == (photo.original, photo.frame, photo.canvas_id):
                return finding
            photo = now
        return None

    def _original(self, photo: PhotoRow) -> Finding | None:
        if photo.original is None:
            return None
        try:
            if self.quick:
                same = (self.archive.root / photo.original).stat().st_size == photo.bytes
            else:
                same = shelf.digest_of_file(self.archive, photo.original) == photo.sha256
        except FileNotFoundError:
            return Finding("original_missing", photo.original, "the original is missing", FROM_BACKUP, photo.sha256)
        except OSError as error:
            return Finding("original_unreadable", photo.original, f"the original cannot be read ({error.strerror})", FROM_BACKUP, photo.sha256)
        return None if same else Finding("original_damaged", photo.original, "the original is not what it was when it came", FROM_BACKUP, photo.sha256)

    def _frame(self, photo: PhotoRow, sizes: dict[int, tuple[int, int]]) -> Finding | None:
        if photo.frame is None:
            return None

        def wrong(what: str) -> Finding:
            return Finding("frame", str(photo.frame), f"the frame {what}", "`photodiary doctor --fix` makes it again", photo.sha256)

        try:
            data = self.archive.read(photo.frame)
        except StorageTrouble:
            return wrong("cannot be read" if (self.archive.root / photo.frame).exists() else "is missing")
        if not data:
            return wrong("is empty")
        try:
            seen = self.darkroom.inspect(digest_of(data), data)
        except (Held, Unreadable, WorkerLost) as error:
            return wrong(f"is damaged ({error})")
        size = sizes.get(photo.canvas_id or -1)
        if seen.format != "jpeg" or (size is not None and size != (seen.width, seen.height)):
            return wrong(f"is {seen.width} x {seen.height} in {seen.format} instead of {'x'.join(map(str, size or ()))} in jpeg")
        return None

    # -- files without a row -----------------------------------------------------------------------------------------------

    def strays(self) -> list[Finding]:
        """Files that no row names, and leftovers of interrupted work."""
        self.show("files without a photo")
        found = self._strays()
        if found and not self.alone:
            time.sleep(SECOND_LOOK_S)
            again = set(self._strays())
            found = [finding for finding in found if finding in again]
        return found

    def _strays(self) -> list[Finding]:
        now, busy_since = time.time(), self._busy_since()
        files = [file for file in shelf.files(self.archive) if self.alone or not abs(now - file.changed_at) < FRESH_S]
        rows = [photo for photo, _ in photos.everything(self.ledger)]  # after the files: what is there has its row by now
        frames, originals = {photo.frame for photo in rows}, {photo.original for photo in rows}
        gone = [digest[: layout.DIGITS] for digest in health.forgotten(self.ledger)]
        found = []
        for file in files:
            if any(digits in PurePath(file.path).name for digits in gone):
                continue  # told by `forgotten`
            if file.temporary and file.changed_at >= busy_since:
                continue
            if file.temporary:
                found.append(Finding("temporary", file.path, "is left over from an interrupted run", "`photodiary doctor --fix` removes it"))
            elif file.path.startswith(f"{layout.FRAMES}/") and file.path not in frames:
                ours = file.path.endswith(".jpg")
                todo = "`photodiary doctor --fix` removes it" if ours else "move it elsewhere"
                found.append(Finding("stray_frame" if ours else "foreign", file.path, "is in frames/ and of no photo", todo))
            elif file.path.startswith(f"{layout.ORIGINALS}/") and file.path not in originals:
                todo = "`photodiary doctor --fix` takes it in"
                found.append(Finding("stray_original", file.path, "is in originals/ and the diary does not know it", todo))
        return found

    def _busy_since(self) -> float:
        """Since when somebody has been at work on the diary, who removed what others left: what is unfinished since then is theirs."""
        if self.alone or holder(self.archive.root) is None:
            return math.inf
        try:
            return (self.archive.root / LOCK).stat().st_mtime - SECOND_LOOK_S
        except OSError:
            return math.inf

    def film(self) -> list[Finding]:
        """The newest films: the main one decoded to its end, the others, which are of the same parts, byte by byte."""
        paths = sorted(reels.newest_reels(self.ledger), key=lambda path: (path != layout.LATEST, path))
        return [finding for path in paths if (finding := self._film(path)) is not None]

    def _film(self, name: str) -> Finding | None:
        for look in range(LOOKS):
            reel = reels.newest_reel(self.ledger, name)
            if reel is None:
                return None
            path = self.archive.root / reel.path
            what = self._wrong_with_film(path, reel)
            if what is None:
                return None
            if reels.newest_reel(self.ledger, name) == reel and (self.alone or look == LOOKS - 1 or not _fresh(path)):
                return Finding("film", reel.path, f"the film is not whole: {what}", "`photodiary doctor --fix` makes it again")
            time.sleep(SECOND_LOOK_S)  # its row is written right after the film is in its place
        return None

    def _wrong_with_film(self, path: Path, reel: reels.ReelRow) -> str | None:
        if not path.exists():
            return "it is missing"
        what = None
        if reel.path == layout.LATEST or reel.sha256 is None:
            what = checking.whole(path, reel.frames, lambda done: self.show(f"film: {done:,} photos"))
        try:
            same = reel.sha256 is None or shelf.digest_of_file(self.archive, reel.path) == reel.sha256
        except OSError as error:
            return f"it cannot be read ({error.strerror})"
        return what if what is not None or same else "its bytes are not those that were made"


def models(registry: Registry) -> list[Finding]:
    """What is wrong with the models: the shipped one, those of the registry, and which of them is said to be in force."""
    found = []
    for version in registry.versions():
        if version.shipped and digest_of_file(version.entry.path) != version.entry.sha256:
            found.append(Finding("shipped_model", version.entry.path.name, "the model that comes with photodiary is damaged", "install photodiary again"))
        elif version.trouble is not None:
            todo = "`photodiary doctor --fix` sets it aside, or bring a good copy from a backup"
            found.append(Finding("model", f"{FOLDER}/{version.entry.name}.safetensors", version.trouble, todo))
    trouble = registry.standing().trouble
    if trouble is not None:
        found.append(Finding("current_model", f"{FOLDER}/{POINTER}", trouble.partition("; ")[0], "`photodiary doctor --fix` puts that in force for good"))
    return found


def mend_models(registry: Registry, found: list[Finding]) -> dict[Finding, str]:
    """What was done about which of them, in words."""
    done = {}
    for finding in found:
        if finding.kind == "current_model":
            done[finding] = f"{registry.mend().name} is in force"
        elif finding.kind == "model":
            done[finding] = f"set aside: its card is called {registry.set_aside(Path(finding.file).stem)} now"
    return done


def _fresh(path: Path) -> bool:
    try:
        return abs(time.time() - path.stat().st_mtime) < FRESH_S
    except OSError:
        return False


def unsound(what: str) -> Finding:
    """The diary database cannot be trusted."""
    return Finding("ledger", FILE, f"the diary database is damaged: {what}", "move the archive aside and run `photodiary restore` with your newest backup")
