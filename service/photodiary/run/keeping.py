"""The verbs with which a diary is looked after: examining and mending it, copying it elsewhere and getting it back."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from photodiary.errors import BadUsage, LedgerTrouble
from photodiary.run.verbs import one, said

if TYPE_CHECKING:
    from collections.abc import Callable

    from photodiary.ledger.store import Ledger
    from photodiary.run.doctor import Finding
    from photodiary.settings import Settings


def doctor(options: argparse.Namespace) -> int:
    """Exits 0 when every diary is sound, or was mended; 1 when something is left to do."""
    from photodiary.run.once import Progress

    _, settings = said(options)
    progress = Progress()
    answer: list[dict[str, Any]] = []
    for name in settings.diary:
        found, done = _examined(settings, name, options, lambda text, name=name: progress.show(f"{name}: {text}"))  # type: ignore[misc]
        progress.done()
        told = [
            {"kind": finding.kind, "file": finding.file, "what": finding.what, "todo": finding.todo, "sha256": finding.photo, "mended": done.get(finding)}
            for finding in found
        ]
        answer.append({"name": name, "sound": len(done) == len(found), "findings": told})
        if options.json:
            continue
        for finding in found:
            mended = done.get(finding)
            print(f"{name}: {finding.in_words()}" if mended is None else f"{name}: {finding.file}: {finding.what}; mended: {mended}")
        if not found:
            print(f"{name}: sound" + (" (originals were looked at by their size only)" if options.quick else ""))
    models = _models(settings, options)
    sound = all(entry["sound"] for entry in (*answer, models))
    if options.json:
        print(json.dumps({"sound": sound, "diaries": answer, "models": models}, allow_nan=False))
    return 0 if sound else 1


def _models(settings: Settings, options: argparse.Namespace) -> dict[str, Any]:
    """The models, after the diaries: whether they are sound, and what is wrong with them."""
    from photodiary.eyenet.registry import Registry
    from photodiary.run.doctor import mend_models, models

    registry = Registry(settings.state)
    found = models(registry)
    done = mend_models(registry, found) if options.fix else {}
    for finding in [] if options.json else found:
        mended = done.get(finding)
        print(f"models: {finding.in_words()}" if mended is None else f"models: {finding.file}: {finding.what}; mended: {mended}")
    told = [{"kind": finding.kind, "file": finding.file, "what": finding.what, "todo": finding.todo, "mended": done.get(finding)} for finding in found]
    return {"sound": len(done) == len(found), "findings": told}


def _examined(settings: Settings, name: str, options: argparse.Namespace, show: Callable[[str], None]) -> tuple[list[Finding], dict[Finding, str]]:
    """What was found, and what was done about it.  Raises Busy when it is to be mended while a daemon runs."""
    from photodiary.archive.store import Archive
    from photodiary.darkroom.darkroom import Darkroom
    from photodiary.ledger.store import FILE, Ledger
    from photodiary.run.doctor import Doctor, unsound
    from photodiary.run.house import be_private
    from photodiary.run.lock import DaemonLock

    archive = Archive(settings.diary[name].archive)
    if not (archive.root / FILE).exists():
        return ([unsound("it is missing, though there are photos")] if any(archive.originals()) else []), {}
    be_private()
    lock = None
    if options.fix:
        archive.prepare()
        lock = DaemonLock(archive.root)
    darkroom, ledger = Darkroom(settings.darkroom), None
    try:
        try:
            ledger = Ledger(archive.root, writable=options.fix)
        except LedgerTrouble as error:
            return [unsound(str(error))], {}
        found = Doctor(archive, ledger, darkroom, options.fix, options.quick, show).examine()
        return found, _mended(settings, name, archive, darkroom, ledger, show, found) if options.fix and found else {}
    finally:
        darkroom.close()
        if ledger is not None:
            ledger.close()
        if lock is not None:
            lock.release()


def _mended(
    settings: Settings, name: str, archive: Any, darkroom: Any, ledger: Ledger, show: Callable[[str], None], found: list[Finding]
) -> dict[Finding, str]:
    from photodiary.align.aligning import Aligning
    from photodiary.inbox.intake import Intake
    from photodiary.ledger import picks
    from photodiary.run.films import rendering_of
    from photodiary.run.mending import Mending

    picks.adopt(ledger, settings.film.pick)
    zone = settings.zone(name)
    intake = Intake(name, ledger, archive, darkroom, settings.darkroom, zone, {})
    aligning = Aligning(name, ledger, archive, darkroom, settings.align_of(name), {})
    rendering = rendering_of(settings, name, ledger, archive)
    return Mending(ledger, archive, settings.diary[name].inbox, zone, settings.darkroom, intake, aligning, rendering, show).mend(found)


def backup(options: argparse.Namespace) -> int:
    """Exits 1 when an original could not be brought along."""
    path, settings = said(options)
    from photodiary.archive.store import Archive
    from photodiary.eyenet.registry import FOLDER
    from photodiary.run import backup as copying
    from photodiary.run.house import be_private
    from photodiary.run.once import Progress

    diary = one(settings, options)
    name = next(name for name, value in settings.diary.items() if value is diary)
    folder = Path(options.dir).absolute()
    _apart(settings, folder)
    be_private()
    progress = Progress()
    made = copying.back_up(Archive(diary.archive), folder, name, progress.show)
    progress.done()
    print(
        f"{folder} holds {made.photos - len(made.lost):,} photos of {name} ({made.bytes / 1e6:,.0f} MB, {made.new:,} new) and the diary database with "
        f"{made.corrections:,} corrections and {made.decisions:,} decisions"
    )
    if made.forgotten:
        print(f"{made.forgotten:,} removed from it: you had them forgotten")
    print(f"not in it: frames and film, which are made again, and the configuration ({path}), which you should keep beside it")
    if (Path(settings.state) / FOLDER).is_dir():
        print(f"keep {settings.state} too: the models that learnt from your corrections are in it")
    if made.same_disk:
        print("it is on the same disk as the diary (and shares the photos' bytes with it where that is possible): keep another one elsewhere")
    return _lost(made.lost, "is {how} in the archive and not in the backup; `photodiary doctor` says more")


def restore(options: argparse.Namespace) -> int:
    """Exits 1 when the backup lacks an original that it should hold."""
    _, settings = said(options)
    from photodiary.archive.store import Archive
    from photodiary.run import backup as copying
    from photodiary.run.house import be_private
    from photodiary.run.lock import DaemonLock
    from photodiary.run.once import Progress

    diary = one(settings, options)
    folder = Path(options.dir).absolute()
    _apart(settings, folder)
    forgotten = copying.forgotten_by(Path(options.forgotten)) if options.forgotten is not None else set()
    be_private()
    archive = Archive(diary.archive)
    archive.prepare()
    lock, progress = DaemonLock(archive.root), Progress()
    try:
        made = copying.restore(archive, folder, forgotten, progress.show)
    finally:
        progress.done()
        lock.release()
    print(
        f"{diary.archive} holds {made.photos - len(made.lost):,} photos again ({made.bytes / 1e6:,.0f} MB), with {made.corrections:,} corrections and "
        f"{made.decisions:,} decisions\nnext: `photodiary run` or `photodiary scan --once` makes frames and film again"
    )
    return _lost(made.lost, "is {how} in the backup; put a good copy in its place, `photodiary doctor` says when all is well")


def _apart(settings: Settings, folder: Path) -> None:
    """A backup inside what it is a backup of would grow for ever.  Raises BadUsage."""
    real = os.path.realpath(folder)
    for name, diary in settings.diary.items():
        for what, place in (("inbox", diary.inbox), ("archive", diary.archive)):
            other = os.path.realpath(place)
            if os.path.commonpath([real, other]) in (real, other):
                raise BadUsage(f"{folder}: lies inside the {what} of {name} ({place}), or that in it; choose a folder apart from it, best on another disk")


def _lost(lost: list[tuple[str, str]], sentence: str) -> int:
    for file, how in lost:
        print(f"{file}: {sentence.format(how=how)}", file=sys.stderr)
    return 1 if lost else 0
