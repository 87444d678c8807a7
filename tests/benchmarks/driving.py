"""What the measurements of this folder do to a daemon: give it photos, wait for it, leave it alone."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

from measuring import Service

EVERY_S = 2.0


def drop(service: Service, photos: list[Path]) -> None:
    """All at once, whole, as a synced folder that is there when the service starts."""
    for photo in photos:
        with suppress(FileExistsError):
            os.link(photo, service.inbox / photo.name)


def finished(service: Service, photos: int) -> float:
    """Wait until so many photos are through, and the film shows what it is to show and was measured.  Returns when the frames were there (monotonic)."""
    framed = service.until(lambda: service.through(photos), f"{photos} photos through", 1200)
    service.until(
        lambda: service.film() > 0
        and service.ask("SELECT count(*) FROM photos WHERE framed_at > (SELECT max(rendered_at) FROM reels)")[0][0] == 0
        and service.ask("SELECT quality FROM reels ORDER BY id DESC LIMIT 1")[0][0] is not None,
        "the film", 1200, 0.2,
    )  # fmt: skip
    return framed


def arrivals(service: Service, photos: list[Path]) -> list[float]:
    """One photo every two seconds; milliseconds from its rename into the inbox until its frame is durable, of each that gets one without a person."""
    watch, took = service.arrivals(), []
    try:
        begun = time.monotonic()
        for number, photo in enumerate(photos):
            digest = hashlib.sha256(photo.read_bytes()).hexdigest()
            beside = service.folder / "beside.jpg"
            shutil.copyfile(photo, beside)
            time.sleep(max(0.0, begun + EVERY_S * number - time.monotonic()))
            closed = time.monotonic()
            beside.rename(service.inbox / photo.name)
            framed = watch.framed(digest)
            if framed is not None:
                took.append(1000 * (framed - closed))
    finally:
        watch.close()
    return took


def at(values: list[float], percent: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(percent / 100 * (len(ordered) - 1)))]


class rendering:  # noqa: N801 - used like a function
    """While it lasts a film is being made anew all the time."""

    def __init__(self, service: Service) -> None:
        self._service, self._over = service, threading.Event()
        self._thread = threading.Thread(target=self._wish)

    def _wish(self) -> None:
        from photodiary.ledger import wishes
        from photodiary.ledger.store import Ledger

        ledger = Ledger(self._service.archive)
        while not self._over.wait(0.2):
            if wishes.oldest_open(ledger, "render") is None:
                wishes.make(ledger, "render", {"full": True}, time.time())
                os.kill(self._service.pid, signal.SIGUSR1)
        ledger.close()

    def __enter__(self) -> None:
        self._thread.start()
        time.sleep(3)

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def linked(folder: Path, photos: list[Path]) -> Path:
    """A new folder of these photos."""
    folder.mkdir()
    for photo in photos:
        os.link(photo, folder / photo.name)
    return folder


def calm(service: Service, within_s: float = 180) -> None:
    """Wait until a service with a film has nothing to do any more: measuring the film and looking at some photos twice comes after all else."""
    end = time.monotonic() + within_s
    service.until(lambda: service.ask("SELECT count(*) FROM transitions WHERE before = after")[0][0] != 0, "photos looked at twice", within_s, 0.5)
    while idle(service, 4) > 5 and time.monotonic() < end:
        pass


def idle(service: Service, seconds: float) -> float:
    """Percent of a core that all its processes take together."""
    before, began = service.spent(), time.monotonic()
    time.sleep(seconds)
    return 100 * (sum(service.spent()) - sum(before)) / (time.monotonic() - began)
