"""`photodiary notify`: watches what the service has done and tells people, beside it and never in it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from photodiary.errors import Busy, PhotodiaryError, StorageTrouble
from photodiary.run.verbs import said

if TYPE_CHECKING:
    from photodiary.notify.targets import Target
    from photodiary.run.telling import Teller


def notify(options: argparse.Namespace) -> int:
    """The verb.  Exit status 1 when a test message failed, 75 when `--once` leaves something to try again."""
    path, settings = said(options, lightly=True)
    from photodiary.notify.targets import targets_of
    from photodiary.run.house import be_private
    from photodiary.run.telling import Teller

    be_private()
    targets = targets_of(settings.notify)
    if options.test:
        return _test(targets)
    with _alone(Path(settings.state)):
        teller = Teller(settings, targets)
        if options.once:
            return _once(teller)
        return _watch(teller, path, options)


def _test(targets: Sequence[Target]) -> int:
    import time

    from photodiary.notify.words import trial

    worst = 0
    for target in targets:
        answer = target.send(trial(), time.time())
        print(f"{target.name}: {answer.words}", flush=True)
        worst = worst if answer.sent else 1
    return worst


def _once(teller: Teller) -> int:
    import time

    teller.restore()
    return 75 if teller.tell(time.time()) else 0


def _watch(teller: Teller, path: Path, options: argparse.Namespace) -> int:
    import time

    import structlog

    from photodiary.run.noticing import Noticing
    from photodiary.run.signals import Signals

    log = structlog.get_logger()
    asked, noticing = Signals(), Noticing(path)
    asked.listen()
    teller.restore(patient=True)
    if teller.settings.notify.urls and path.stat().st_mode & 0o007:
        log.warning(f"everybody on this machine may read {path}, where the passwords of notify.urls may stand: chmod o= {path}", code="notify.readable")
    log.info(f"photodiary sends messages to {', '.join(teller.names)}", code="notify.started")
    while not asked.stop:
        if noticing.changed() or asked.reload:
            asked.reload = False
            teller = _read_again(path, options, teller)
        teller.try_to_tell(time.time(), lambda: asked.stop)
        asked.wait(teller.settings.notify.look_every_s)
    log.info("photodiary sends no more messages", code="notify.stopped")
    return 0


def _read_again(path: Path, options: argparse.Namespace, teller: Teller) -> Teller:
    """A wrong configuration changes nothing."""
    import structlog

    from photodiary.notify.targets import targets_of

    log = structlog.get_logger()
    try:
        _, settings = said(options, lightly=True)
        targets = targets_of(settings.notify)
    except PhotodiaryError as error:
        for line in str(error).splitlines():
            log.error(f"the configuration is kept as it was: {line}", code="config.refused")
        return teller
    if settings.state != teller.settings.state:
        log.error("the configuration is kept as it was: another state folder takes a restart", code="config.refused")
        return teller
    log.info(f"configuration read again from {path}", code="config.reloaded")
    return teller.with_(settings, targets)


@contextmanager
def _alone(state: Path) -> Iterator[None]:
    """One at a time: two would tell everything twice.  Raises Busy, StorageTrouble."""
    import fcntl

    folder = state / "notify"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageTrouble(f"{folder}: cannot be used: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Busy(f"{folder}: another `photodiary notify` is at work; stop it first") from error
        yield
    finally:
        os.close(descriptor)
