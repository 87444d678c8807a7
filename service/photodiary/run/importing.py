"""`import`: a backlog from anywhere, like the inbox but once: folders, a Takeout export, an Immich server; with labels where they are brought along."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from photodiary.errors import BadUsage, Busy
from photodiary.run.verbs import named, one, said

if TYPE_CHECKING:
    from photodiary.ledger.store import Ledger
    from photodiary.moving.source import Source, Survey
    from photodiary.run.moving import Moving, Outcome
    from photodiary.settings import Settings

KEY_VARIABLE = "IMMICH_API_KEY"  # as Immich's own command line calls it
GUESSED_RATE = 4.0  # photos a second, where this diary has not shown how fast it is


def import_(options: argparse.Namespace) -> int:
    _check(options)
    _, settings = said(options)
    diary = one(settings, options)
    paths = [os.path.abspath(path) for path in options.paths]
    missing = [path for path in paths if not os.path.lexists(path)]
    if missing:
        raise BadUsage(f"there is no {missing[0]}")
    lines: list[Any] = []
    if options.labels:
        from photodiary.run import labels

        lines, paths = labels.along(paths)
    from photodiary.run.progress import Progress

    progress = Progress()
    sources = _sources(options, settings, diary, paths, progress.show)
    try:
        surveyed = [(source, source.survey()) for source in sources]
        progress.done()
        for source in sources:
            if sidecars := getattr(source, "sidecars", 0):
                print(f"note: {source.words} has {sidecars:,} JSON files of a Google Takeout; with --takeout the dates in them are heeded", file=sys.stderr)
        if options.dry_run:
            for source, survey in surveyed:
                print(_forecast(diary, source, survey))
            return 0
        outcome = _bring(settings, diary, surveyed, full=options.full)
    finally:
        progress.done()
        for source in sources:
            if (close := getattr(source, "close", None)) is not None:
                close()
    if lines:
        print(labels.bring(settings, options, lines))
    from photodiary.run.status import report

    print(report(diary.archive, outcome.as_wish()))
    for reason, number in outcome.skipped.most_common():
        print(f"{number:,} not brought: {reason}")
    return 1 if any(survey.broken for _, survey in surveyed) else 0


def _check(options: argparse.Namespace) -> None:
    """Raises BadUsage for what does not go together."""
    narrowing = {"--key-file": options.key_file, "--album": options.album, "--person": options.person, "--from": options.first, "--to": options.last}
    if options.immich is None:
        if given := [name for name, value in narrowing.items() if value is not None]:
            raise BadUsage(f"{given[0]} goes with --immich URL only")
        if not options.paths:
            raise BadUsage("say what to import: a folder, photos, --takeout PATH, or --immich URL")
    elif options.paths or options.takeout or options.labels:
        raise BadUsage("--immich goes alone, without files to import; call import once for each")
    if options.takeout and options.labels:
        raise BadUsage("--labels goes with a label CSV or a folder of labelled photos, not with --takeout")


def _sources(options: argparse.Namespace, settings: Settings, diary: Any, paths: list[str], show: Callable[[str], None]) -> Sequence[Source]:
    most = settings.darkroom.max_megabytes * 1e6
    if options.immich is not None:
        from photodiary.moving.immich import Immich, Wanted

        key = _key(options.key_file)
        wanted = Wanted(options.album, options.person, _day(options.first), _day(options.last))
        immich = Immich(options.immich, key, wanted, most=most, looking=show)
        if immich.where.exposed:
            print(f"warning: {immich.where.text} is not encrypted: whoever is on the way can read the key and the photos", file=sys.stderr)
        return [immich]
    if options.takeout:
        from photodiary.moving.takeout import Takeout

        return [Takeout([Path(path) for path in paths], settings.zone(named(settings, diary)), most=most, looking=show)]
    from photodiary.moving.unpacking import is_archive
    from photodiary.run.tree import trees

    if packed := [path for path in paths if is_archive(Path(path)) and not os.path.isdir(path)]:
        raise BadUsage(f"{packed[0]}: is an archive; --takeout brings the photos of a Google Takeout, anything else has to be unpacked before")
    return trees(paths, settings.inbox.ignore)


def _key(file: str | None) -> str:
    """The key of Immich's API, from a file or from the environment, never from the command line, which everybody on the machine can see."""
    if file is None:
        if key := os.environ.get(KEY_VARIABLE, "").strip():
            return key
        raise BadUsage(f"the key of Immich's API is missing: write it into a file that only you can read and name that with --key-file, or set {KEY_VARIABLE}")
    try:
        with open(file, encoding="ascii") as handle:
            if os.fstat(handle.fileno()).st_mode & 0o077:
                print(f"warning: others on this machine can read {file}; `chmod 600 {file}` keeps them out", file=sys.stderr)
            return handle.read(2000).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadUsage(f"{file}: cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}") from error


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise BadUsage(f'"{text}" is no day; write one like "2024-05-15"') from error


def _bring(settings: Settings, diary: Any, surveyed: list[tuple[Source, Survey]], *, full: bool) -> Outcome:
    """By the daemon, or without one by an engine of this process, and on to the film."""
    from photodiary.run import lock

    if lock.holder(diary.archive) is None and (nothing_new := _known_already(diary.archive, surveyed, full=full)) is not None:
        return nothing_new
    from photodiary.archive.store import Archive
    from photodiary.ledger.store import Ledger
    from photodiary.run import once
    from photodiary.run.house import be_private
    from photodiary.run.moving import Moving

    be_private()
    archive = Archive(diary.archive)

    def all_of(moving: Moving) -> Outcome:
        try:
            for source, survey in surveyed:
                moving.bring(source, survey)
            return moving.outcome
        finally:
            moving.close()

    def beside(pid: int) -> Outcome:
        ledger = Ledger(diary.archive)
        try:
            poke, check = partial(lock.nudge, diary.archive), _still_there(diary.archive)
            outcome = all_of(Moving(archive, ledger, settings.disk, poke=poke, check=check, sees_files=_same_files(pid), full=full))
        finally:
            ledger.close()
        once.wait_until_through(diary.archive)
        return outcome

    def alone() -> Outcome:
        from photodiary.run.models import resident

        name = named(settings, diary)
        outcomes: list[Outcome] = []

        def feed(engine: Any, check: Callable[[], None]) -> None:
            house = next(house for house in engine.houses if house.name == name)
            outcomes.append(all_of(Moving(archive, house.ledger, settings.disk, poke=engine.nudge, check=check, sees_files=True, full=full)))

        once.with_engine(settings, lambda s: resident(s.locate, s.state), lambda engine: None, scan=False, feed=feed)
        return outcomes[0]

    return lock.alone_or_beside(diary.archive, alone, beside)


def _known_already(archive: Path, surveyed: list[tuple[Source, Survey]], *, full: bool) -> Outcome | None:
    """The outcome where there is nothing to do at all, so that no model need be loaded; else None."""
    from photodiary.ledger import brought
    from photodiary.run.moving import Outcome
    from photodiary.run.progress import through

    ledger = _reading(archive)
    if ledger is None:
        return None
    try:
        outcome = Outcome()
        for source, survey in surveyed:
            fresh = outcome.begin(survey, {} if full else brought.known(ledger, source.name))
            if fresh or through(ledger)[0]:
                return None
        return outcome
    finally:
        ledger.close()


def _still_there(archive: Path) -> Callable[[], None]:
    """Raises Busy when the daemon has been gone for longer than reading its configuration again takes, or never begins."""
    from photodiary.run import lock, progress

    seen = time.monotonic()

    def check() -> None:
        nonlocal seen
        if lock.holder(archive) is not None:
            seen = time.monotonic()
        elif time.monotonic() - seen > progress.GONE_S:
            raise Busy("the running photodiary has stopped meanwhile; what it had taken in is kept, and the same command goes on where it stopped")

    return check


def _same_files(pid: int) -> bool:
    """Whether the daemon sees the files that this process sees: the units keep it from homes, and a container from all else."""
    with suppress(OSError):
        return os.readlink(f"/proc/{pid}/ns/mnt") == os.readlink("/proc/self/ns/mnt") and os.readlink(f"/proc/{pid}/root") == os.readlink("/proc/self/root")
    return False


def _forecast(diary: Any, source: Source, survey: Survey) -> str:
    """What an import would bring, what it would leave, and what it needs."""
    from photodiary.archive.reserve import FRAME, free_on
    from photodiary.ledger import brought, sightings
    from photodiary.run.moving import duration

    ledger = _reading(diary.archive)
    try:
        known = {} if ledger is None else brought.known(ledger, source.name)
        rate = None if ledger is None else sightings.pace(ledger)
    finally:
        if ledger is not None:
            ledger.close()
    fresh = [size for item, stamp, size in survey.photos if known.get(item, ("",))[0] != stamp]
    lines = [f"{source.words}: {len(survey.photos):,} photos, {sum(size for *_, size in survey.photos) / 1e6:,.0f} MB"]
    if len(fresh) < len(survey.photos):
        lines.append(f"{len(survey.photos) - len(fresh):,} of them were brought before")
    if survey.undated:
        lines.append(f"{survey.undated:,} without a date there; the camera's in the photo, or one in its name, counts then")
    lines += [f"{number:,} would not be brought: {reason}" for reason, number in survey.skipped.most_common()]
    lines += [f"cannot be read: {why}" for _, why in survey.broken]
    if fresh:
        needed, free = sum(fresh) + 2 * FRAME * len(fresh), free_on(diary.archive)  # a frame, and as much again for its part of the film
        lines.append(f"about {needed / 1e6:,.0f} MB would be needed on the disk of {diary.archive}{'' if free is None else f', {free / 1e6:,.0f} MB are free'}")
        measured = "as fast as this diary was before" if rate else f"a guess, at {GUESSED_RATE:g} photos a second"
        lines.append(f"{duration(len(fresh) / (rate or GUESSED_RATE))} ({measured})")
    else:
        lines.append("nothing new to bring")
    return "\n".join(lines)


def _reading(archive: Path) -> Ledger | None:
    from photodiary.ledger.store import FILE, Ledger

    return Ledger(archive, writable=False) if (archive / FILE).exists() else None
