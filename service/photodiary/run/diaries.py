"""`diary add` and `diary list`: another diary beside those there are, taken over by the running service without a restart."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from photodiary.errors import BadConfig, BadUsage, Busy, PhotodiaryError, StorageTrouble, Transient
from photodiary.run.verbs import settings_of

if TYPE_CHECKING:
    from photodiary.settings import DiarySettings, Settings

ANSWER_WITHIN_S = 120.0  # a service that has not taken the diary over by then is busy with something else
SEEN_WITHIN_S = 15.0  # the first look at an inbox, however many photos lie in it
LIMITED = """Under systemd the service sees only the folders that it was told of.  This lets it see the inbox:
  sudo deploy/install.sh --diary {name} --inbox {inbox}"""


def list_(options: argparse.Namespace) -> int:
    path, settings = settings_of(options, lightly=True)
    from photodiary.run.lock import holder

    if not options.json:
        print(f"configuration: {path}", file=sys.stderr)
    for name, diary in settings.diary.items():
        running = holder(diary.archive) is not None
        told = {
            "name": name, "inbox": str(diary.inbox), "archive": str(diary.archive), "timezone": diary.timezone or settings.timezone,
            "born": diary.born or None, "running": running,
        }  # fmt: skip
        print(json.dumps(told) if options.json else f"{name}: {diary.inbox} -> {diary.archive}, {'served' if running else 'not served now'}")
    return 0


def add(options: argparse.Namespace) -> int:
    """Exit 0 when it is served, or nothing runs that could; 1 when the service does not see the inbox; 75 when it does not take it over.

    Raises BadConfig and BadUsage before anything is changed.
    """
    from photodiary.run import config_file
    from photodiary.settings import load

    path, before = settings_of(options)
    inbox = _inbox(options.inbox)
    known = before.diary.get(options.name)
    if known is not None:
        archive = known.archive if options.archive is None else Path(os.path.abspath(Path(options.archive).expanduser()))
        if not (_same(known.inbox, inbox) and _same(known.archive, archive)):
            raise BadConfig(f"{path}: diary.{options.name}: is there already ({known.inbox} -> {known.archive}); choose another name")
        after = before
        print(f"{options.name} is in {path} already")
    else:
        archive = _beside(before, options.name) if options.archive is None else Path(os.path.abspath(Path(options.archive).expanduser()))
        _refuse_strangers(archive)
        values = {"inbox": str(inbox), "archive": str(archive), "timezone": options.timezone, "born": options.born}
        with config_file.changed(path, lambda text: config_file.with_table(text, ("diary", options.name), {k: v for k, v in values.items() if v})) as new:
            load(new)  # every problem is told before anything is there
            _make(inbox)
            _make(archive, 0o700)
        after = load(path)
        print(f"added {options.name} to {path}")
    diary = after.diary[options.name]
    print(f"photos go into {diary.inbox}, the film will be {diary.archive / 'films/latest.mp4'}")
    return _told(path, before, options.name, diary)


def _same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def _inbox(text: str) -> Path:
    """The folder that a person means.  Raises BadUsage where there is none and none can be made."""
    inbox = Path(os.path.abspath(Path(text).expanduser()))
    if not inbox.is_dir() and (inbox.exists() or not inbox.parent.is_dir()):
        what = "is no folder" if inbox.exists() else f"there is no folder {inbox.parent} to make it in"
        raise BadUsage(f"{inbox}: {what}; --inbox is the folder that photos arrive in")
    return inbox


def _beside(settings: Settings, name: str) -> Path:
    """Beside the archive of the diary that is last in the file, and called like it, with the other name: me -> anna, me-archive -> anna-archive."""
    last, archive = next((other, diary.archive) for other, diary in reversed(settings.diary.items()))
    called, found = re.subn(rf"(?<![^\W_]){re.escape(last)}(?![^\W_])", lambda _: name, archive.name)  # as a word: not the "me" of "memories"
    return archive.with_name(called if found else f"{archive.name}-{name}")


def _refuse_strangers(archive: Path) -> None:
    """A folder with a diary in it is taken over, an empty one is used; one with anything else is a slip.  Raises BadUsage."""
    from photodiary.ledger.store import FILE

    with suppress(OSError):  # not there yet, or only the service may look
        if any(archive.iterdir()) and not (archive / FILE).exists():
            raise BadUsage(f"{archive}: is not empty, and holds no diary; say another folder with --archive")


def _make(folder: Path, mode: int = 0o777) -> None:
    """Make a folder that is missing, as its parent's owner: also for who calls this as root it is the service that writes there.  Raises StorageTrouble."""
    if folder.is_dir():
        return
    try:
        folder.mkdir(mode=mode)
        parent = folder.parent.stat()
        if os.geteuid() == 0:
            os.chown(folder, parent.st_uid, parent.st_gid)
    except OSError as error:
        raise StorageTrouble(f"{folder}: cannot be made: {error.strerror}; nothing was changed") from error


def _told(path: Path, before: Settings, name: str, diary: DiarySettings) -> int:
    """Have the running service take a diary over, and wait until it does.  Returns the exit status."""
    from photodiary.run.lock import holder

    serving = next((other for other in before.diary.values() if holder(other.archive) is not None), None)
    if serving is None:
        print(f"next: start the service (photodiary run --config {path}, or systemctl start photodiary)")
        return 0
    try:
        with _as_owner(serving.archive):
            since = 0.0
            if holder(diary.archive) is None:
                since = time.time()
                _taken_over(path, serving.archive, name, diary)
            problem = _unseen(diary.archive, since)
    except Busy:
        raise
    except PhotodiaryError as error:
        help_ = f"\n{_limited(name, diary)}" if "cannot be" in str(error) else ""  # a folder that it may not use
        raise Transient(f"{name} is in the configuration, but the running service has not taken it over: {error}{help_}") from error
    if problem is not None:
        print(f"the running service serves {name} now, but {problem}\n{_limited(name, diary)}", file=sys.stderr)
        return 1
    print("the running service watches it now")
    return 0


def _limited(name: str, diary: DiarySettings) -> str:
    return LIMITED.format(name=name, inbox=diary.inbox)


@contextmanager
def _as_owner(archive: Path) -> Iterator[None]:
    """Who calls this as root touches a diary as whoever it belongs to, so that nothing in it becomes root's."""
    from photodiary.run.house import be_private

    be_private()
    owner = archive.stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        yield
        return
    group = os.getegid()
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)


def _taken_over(path: Path, serving: Path, name: str, diary: DiarySettings) -> None:
    """Wish for the configuration to be read again, until the lock of the new diary is held.  Raises Busy, and Transient with the reason."""
    from photodiary.ledger import wishes
    from photodiary.ledger.store import Ledger
    from photodiary.run import once, reloading
    from photodiary.run.lock import holder, nudge

    ledger = Ledger(serving)
    try:
        number = wishes.make(ledger, reloading.KIND, {}, time.time())
        nudge(serving)
        asked = seen = time.monotonic()
        while holder(diary.archive) is None:
            outcome: dict[str, Any] | None = wishes.get(ledger, number).outcome
            if outcome is not None and "error" in outcome:
                raise Transient(str(outcome["error"]))
            if outcome is not None and name not in outcome["diaries"]:
                raise Transient(f"it reads another configuration than {path}")
            seen = time.monotonic() if holder(serving) is not None else seen
            if time.monotonic() - seen > once.GONE_S:
                raise Busy(f"{name} is in the configuration; the running service has stopped meanwhile, and serves it when it starts again")
            if time.monotonic() - asked > ANSWER_WITHIN_S:
                raise Busy(f"{name} is in the configuration; the running service is busy, and takes it over when it can: nothing more is to be done")
            time.sleep(once.POLL_S)
    finally:
        ledger.close()


def _unseen(archive: Path, since: float) -> str | None:
    """What the service says of the inbox after a look at it since that moment; None when all is well, or it looks for longer."""
    from photodiary.ledger import wishes
    from photodiary.ledger.store import Ledger
    from photodiary.run import once

    end = time.monotonic() + SEEN_WITHIN_S
    while time.monotonic() < end:
        with suppress(PhotodiaryError):  # it is only just being made
            ledger = Ledger(archive, writable=False)
            try:
                notes = wishes.notes(ledger)
            finally:
                ledger.close()
            if notes.get("last_scan", -1) >= round(since):
                problem = notes.get("inbox_problem")
                return None if problem is None else str(problem)
        time.sleep(once.POLL_S)
    return None
