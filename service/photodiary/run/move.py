"""`photos move`: photos that are another diary's go there; the daemon moves them, or this process where none runs."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from photodiary.errors import BadUsage
from photodiary.run.verbs import named, one, said

if TYPE_CHECKING:
    from photodiary.darkroom.darkroom import Darkroom
    from photodiary.ledger.photos import PhotoRow
    from photodiary.ledger.store import Ledger
    from photodiary.ledger.wishes import Wish
    from photodiary.run.lock import DaemonLock
    from photodiary.settings import Settings


def move(options: argparse.Namespace) -> int:
    """Exit 0 when all were moved, 1 when one was not.  Raises BadUsage, before anything happens, where one cannot be."""
    _, settings = said(argparse.Namespace(**{**vars(options), "diary": None}))
    from photodiary.ledger import moved, takes, wishes
    from photodiary.run import beside
    from photodiary.run.decisions import MOST_SHOWN, carried_out, meant, opened

    name = _from(settings, options)
    diary, others = settings.diary[name], [other for other in settings.diary if other != name]
    if options.to not in others:
        raise BadUsage(f"there is no other diary {options.to}; there {_are(others)}; `photodiary diary add` makes one")
    ledger = opened(diary)
    try:
        chosen = meant(ledger, options.photos)
        _all_can_be(settings, options.to, chosen)
        digests = [photo.sha256 for photo in chosen]
        left = sorted({other[:12] for digest in digests for other in takes.of(ledger, digest).others if other not in digests})
        number = moved.wish(ledger, chosen, options.to, time.time())
        beside.carry_out(
            ledger, diary.archive, number, lambda: _by_oneself(settings, name, ledger), lambda told: f"{told['done']:,} of {told['total']:,} photos"
        )
        outcome = wishes.get(ledger, number).outcome or {}
        alone = carried_out(settings, name, diary, ledger, outcome["acts"])
    finally:
        ledger.close()
    failed = {each["sha256"]: each["why"] for each in outcome["failed"]}
    for digest in digests[:MOST_SHOWN]:
        print(f"{digest[:12]}: {f'stays here: {failed[digest]}' if digest in failed else f'moved to {options.to}'}")
    if len(digests) > MOST_SHOWN:
        print(f"and {len(digests) - MOST_SHOWN:,} more")
    if left:
        print(f"other takes of the same moment stay here: {', '.join(left)}; `photodiary photos move` takes them along")
    if outcome["moved"]:
        print(f"what was moved stays among the originals of {name}: `photodiary photos restore` puts it back into its film, `forget` erases it")
        print("the next films are made so: `photodiary scan --once` makes them now, the service when it starts" if alone else "the service makes the films so")
    return 1 if failed else 0


def _from(settings: Settings, options: argparse.Namespace) -> str:
    """The diary that the photos are in: as said, else the only other one, else the only one that has all of them.  Raises BadUsage."""
    from photodiary.ledger import finding
    from photodiary.ledger.store import FILE, Ledger

    others = [name for name in settings.diary if name != options.to]
    if getattr(options, "diary", None) is not None or options.to not in settings.diary:
        return named(settings, one(settings, options))
    if len(others) == 1:
        return others[0]
    having = []
    for name in others:
        archive = settings.diary[name].archive
        if (archive / FILE).exists():
            with closing(Ledger(archive, writable=False)) as ledger, suppress(BadUsage):
                for text in options.photos:
                    finding.find(ledger, text)
                having.append(name)
    if len(having) == 1:
        return having[0]
    which = f"several diaries have all of these photos ({', '.join(having)})" if having else "no other diary has all of these photos"
    raise BadUsage(f"{which}; say which one they are in with --diary")


def _are(names: list[str]) -> str:
    return f"{'are' if len(names) > 1 else 'is'} {', '.join(names)}" if names else "is no other at all"


def _all_can_be(settings: Settings, to: str, chosen: Sequence[PhotoRow]) -> None:
    from photodiary.ledger import moved
    from photodiary.ledger.store import FILE, Ledger

    archive = settings.diary[to].archive
    if not (archive / FILE).exists():
        reasons = {photo.sha256: moved.refusal(photo, to, None) for photo in chosen}
    else:
        with closing(Ledger(archive, writable=False)) as there:
            reasons = {photo.sha256: moved.refusal(photo, to, there) for photo in chosen}
    found = [f"{sha256[:12]} {reason}" for sha256, reason in reasons.items() if reason is not None]
    if found:
        raise BadUsage("\n".join(found))


def _by_oneself(settings: Settings, name: str, ledger: Ledger) -> None:
    """What the daemon would do about wishes to move, while holding the lock of the diary `name`.  Raises Busy when somebody is at work on another one."""
    from photodiary.darkroom.darkroom import Darkroom
    from photodiary.ledger import moved, wishes

    darkroom = Darkroom(settings.darkroom)
    try:
        while (wish := wishes.oldest_open(ledger, moved.KIND)) is not None:
            to = wish.details["to"]
            if to in settings.diary:
                _one_by_oneself(settings, name, ledger, wish, darkroom)
            else:
                wishes.fulfil(ledger, wish.id, {"error": f"there is no diary {to} any more"}, time.time())
    finally:
        darkroom.close()


def _one_by_oneself(settings: Settings, name: str, ledger: Ledger, wish: Wish, darkroom: Darkroom) -> None:
    from photodiary.archive.reserve import FRAME, PHOTOS
    from photodiary.inbox.intake import Intake
    from photodiary.ledger import wishes
    from photodiary.run.elsewhere import go_on
    from photodiary.run.opening import open_diary

    to = wish.details["to"]
    locks: list[DaemonLock] = []
    ledgers: list[Ledger] = []
    try:
        opened = open_diary(settings, to, locks, ledgers)
        there = Intake(
            to, opened.ledger, opened.archive, darkroom, settings.darkroom, settings.zone(to), {}, lambda size: opened.reserve.room_for(size + FRAME, PHOTOS)
        )
        while (left := wishes.get(ledger, wish.id)).outcome is None:
            go_on(name, ledger, settings.diary[name].archive, there, left, time.time())
    finally:
        for one in ledgers:
            one.close()
        for lock in locks:
            lock.release()
