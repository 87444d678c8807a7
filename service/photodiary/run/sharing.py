"""What is made of a film that is there: a small copy to send.  It reads films and ledger only, and so works beside the service."""

from __future__ import annotations

import argparse
import os
import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

from photodiary.archive import layout, segments
from photodiary.archive.films import NO_LINKS
from photodiary.archive.reserve import FILM, Reserve
from photodiary.archive.store import TEMPORARY, Archive, sync_folder, trouble
from photodiary.errors import BadUsage, Transient
from photodiary.ledger import forgetting, reels
from photodiary.ledger.reels import ReelRow
from photodiary.ledger.store import FILE, Ledger
from photodiary.render.share import MEGABYTE, MESSENGERS, SmallCopy, make
from photodiary.run.house import be_private
from photodiary.run.once import Progress
from photodiary.run.verbs import named, one, said
from photodiary.settings import Settings

log = structlog.get_logger()

LEAST_MEGABYTES = 0.1
NO_FILM = "there is no film yet; `photodiary scan --once` makes one"


def share(options: argparse.Namespace) -> int:
    _, settings = said(options)
    if not LEAST_MEGABYTES <= options.megabytes <= 100_000:
        raise BadUsage(f"--megabytes must be at least {LEAST_MEGABYTES} and at most 100000")
    name = named(settings, one(settings, options))
    be_private()
    progress, out, most = Progress(), None if options.out is None else Path(options.out), int(options.megabytes * MEGABYTE)
    try:
        target, copy = small_copy(settings, name, options.film, most, out, lambda words: progress.show(f"small copy: {words}"))
    finally:
        progress.done()
    print(f"{copy.in_words()}: {target}")
    return 0


def small_copy(settings: Settings, name: str, film: str | None, most: int, out: Path | None, show: Callable[[str], None]) -> tuple[Path, SmallCopy]:
    """Make a copy of at most `most` bytes of the newest film of that name, as `films/share.mp4` or a new file.  Returns where it is, and what it is like.

    Raises BadUsage, StorageTrouble, BrokenFilm, RenderFailed, and Transient when a photo was forgotten meanwhile that it may show.
    """
    archive = Archive(settings.diary[name].archive)
    if out is not None:
        must_be_new(out)
    elif not (archive.root / layout.FILMS).is_dir():
        raise BadUsage(f"{archive.root}: {NO_FILM}")
    else:
        Reserve(archive.root, settings.disk).room_for(2 * most, FILM, segments.known(archive.root))
    ledger = Ledger(archive.root, writable=False) if (archive.root / FILE).exists() else None
    if ledger is None:
        raise BadUsage(f"{archive.root}: {NO_FILM}")
    try:
        if forgetting.under_way(ledger):
            raise Transient("a photo is just being forgotten that the film may still show; call again when that is done")
        forgotten, source = forgetting.starting_with(ledger, ""), archive.root / film_of(ledger, film).path
        if out is None:
            with archive.room() as room:
                copy = make(source, room / "share.mp4", most, show)
                _none_forgotten(ledger, forgotten)
                archive.adopt(room / "share.mp4", layout.SHARED)
            return archive.root / layout.SHARED, copy
        beside = out.with_name(f"{TEMPORARY}{secrets.token_hex(8)}.mp4")
        try:
            copy = make(source, beside, most, show)
            _none_forgotten(ledger, forgotten)
            publish_new(beside, out)
        finally:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
        return out, copy
    finally:
        ledger.close()


class Sharing:
    """Small copies that the page has made, one at a time, by a thread that waits for the process which makes it.  settings: may be replaced by newer ones."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._turn = threading.Lock()
        self._told: dict[str, tuple[str, bool]] = {}

    def start(self, diary: str, film: str | None) -> str:
        """Returns a sentence about it."""
        with self._turn:
            if any(going for _, going in self._told.values()):
                return "A small copy is being made already; ask again when it is done."
            self._told[diary] = f"A small copy of {_called(film)} is being made.", True
        threading.Thread(target=self._make, args=(diary, film), name="share", daemon=True).start()
        return f"A small copy of {_called(film)} is being made; that takes a minute or two for each minute of film."

    def told(self, diary: str) -> tuple[str, bool] | None:
        """How far it is, or what became of it, and whether it still goes on."""
        with self._turn:
            return self._told.get(diary)

    def _make(self, diary: str, film: str | None) -> None:
        try:
            _, copy = small_copy(
                self.settings,
                diary,
                film,
                MESSENGERS * MEGABYTE,
                None,
                lambda words: self._tell(diary, f"A small copy of {_called(film)} is being made: {words}.", True),
            )
            self._tell(diary, f"The small copy of {_called(film)} is there: {copy.in_words()}.", False)
        except Exception as error:  # noqa: BLE001 - whatever it was, who asked must hear of it, and the next may ask
            log.warning(f"small copy of the film of {diary}: {error}", code="share.failed", diary=diary)
            self._tell(diary, f"The small copy could not be made: {error}.".replace("..", "."), False)

    def _tell(self, diary: str, words: str, going: bool) -> None:
        with self._turn:
            self._told[diary] = words, going


def _called(film: str | None) -> str:
    return "the film" if film in (None, Path(layout.LATEST).stem) else f"the film {film}"


def _none_forgotten(ledger: Ledger, before: int) -> None:
    if forgetting.starting_with(ledger, "") != before:
        raise Transient("a photo was forgotten meanwhile that this copy may show, so it was not kept; call again")


def film_of(ledger: Ledger, name: str | None) -> ReelRow:
    """The newest film of a name: that of its file without .mp4, or for a film of each year also without the year, which means the last.  Raises BadUsage."""
    there = {Path(path).stem: reel for path, reel in reels.newest_reels(ledger).items()}
    if not there:
        raise BadUsage(NO_FILM)
    wanted = Path(layout.LATEST).stem if name is None else name
    years = sorted(stem for stem in there if stem.startswith(f"{wanted}-") and stem[len(wanted) + 1 :].isdigit())
    if wanted not in there and not years:
        raise BadUsage(f"there is no film {wanted}; there are {', '.join(sorted(there))}")
    return there[wanted if wanted in there else years[-1]]


def must_be_new(out: Path) -> None:
    """Nothing is overwritten that is there already.  Raises BadUsage."""
    if out.is_dir():
        raise BadUsage(f"{out}: is a folder; name a file in it")
    if os.path.lexists(out):
        raise BadUsage(f"{out}: is there already; name another file, or remove it first")
    if not out.absolute().parent.is_dir():
        raise BadUsage(f"{out}: there is no folder {out.absolute().parent}")


def publish_new(beside: Path, out: Path) -> None:
    """Give a finished and fsynced file its name, unless somebody has taken that meanwhile.  Raises StorageTrouble."""
    try:
        try:
            os.link(beside, out)
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            must_be_new(out)
            beside.rename(out)
        sync_folder(out.absolute().parent)
    except FileExistsError as error:
        raise BadUsage(f"{out}: is there now, though it was not a moment ago; name another file") from error
    except OSError as error:
        raise trouble(out, error) from error
