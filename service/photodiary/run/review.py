"""`photodiary review`: hands the page its diaries and serves it, in a process of its own that never loads the model."""

from __future__ import annotations

import argparse
import dataclasses
import io
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from photodiary.errors import BadUsage, PhotodiaryError, StorageTrouble
from photodiary.run.verbs import one, said

if TYPE_CHECKING:
    from photodiary.review.keys import Keys
    from photodiary.review.site import Diary
    from photodiary.settings import Settings

STATUS_S = 1.0  # for so long one look at everything counts
NOTICE_S = 3.0  # how often it is asked whether the configuration has changed
PICTURE_S = 15.0  # for one picture at most: somebody waits for it, and for those behind it
EVERYWHERE = {"127.0.0.1": "0.0.0.0", "::1": "::"}  # noqa: S104 - where a person asks for it


def review(options: argparse.Namespace) -> int:
    """Serves until a signal; with --link, --upload-token or --sign-out only changes who may come in."""
    path, settings = said(options, lightly=True)
    from photodiary.run.house import be_private

    be_private()
    keys = _keys(settings)
    if options.sign_out:
        keys.sign_out()
        print("every device needs a new link from now on")
        return 0
    if options.upload_token:
        return _upload_token(settings, keys, options)
    if options.link:
        _print_way_in(keys, settings.review.url or _address(_own_address(), options.port or settings.review.port))
        return 0
    return _serve(path, settings, keys, options)


def _serve(path: Path, settings: Settings, keys: Keys, options: argparse.Namespace) -> int:
    from photodiary import logs
    from photodiary.review import serving
    from photodiary.review.app import make_app
    from photodiary.run.signals import journal

    logs.configure(settings.logs, several=len(settings.diary) > 1, journal=journal())
    config = settings.review
    host = EVERYWHERE.get(config.host, config.host) if options.lan else config.host
    sock = serving.listening(host, config.port if options.port is None else options.port)
    port = sock.getsockname()[1]
    handed = Handed(settings, keys)
    site = handed.site
    if getattr(options, "diary", None) is None:
        threading.Thread(target=handed.follow, args=(path,), name="configuration", daemon=True).start()
    try:
        names = frozenset({socket.gethostname().lower(), f"{socket.gethostname().lower()}.local"}) if options.lan else frozenset()
        server = serving.server(make_app(site, names), config.connections, site.darkroom.close)
        signal.signal(signal.SIGTERM, lambda number, frame: server.stop())
        print(f"the page: {_address('localhost' if host in EVERYWHERE or host in EVERYWHERE.values() else host, port)}", flush=True)
        if options.lan:
            _print_way_in(keys, config.url or _address(_own_address(), port))
        elif config.url:
            print(f"from elsewhere: {config.url}; `photodiary review --link` lets a device in", flush=True)
        serving.serve(server, sock)
    finally:
        sock.close()
        site.darkroom.close()
    return 0


class Handed:
    """What the page is handed, which knows the diaries of a newer configuration too.  Brings the databases that are there up to date, so that it reads
    what it knows."""

    def __init__(self, settings: Settings, keys: Keys) -> None:
        from photodiary.darkroom.darkroom import Darkroom
        from photodiary.review.site import Site
        from photodiary.run.alike import looks_like
        from photodiary.run.sharing import Sharing

        self.settings, self._sharing = settings, Sharing(settings)
        workers, seconds = settings.darkroom.workers or min(2, len(os.sched_getaffinity(0))), min(PICTURE_S, settings.darkroom.seconds)
        darkroom = Darkroom(dataclasses.replace(settings.darkroom, workers=workers, seconds=seconds))
        self.site = Site(
            settings.review, _diaries(settings), keys, darkroom, settings.darkroom, settings.doubt, Path(settings.state),
            status=_remembered(lambda: self.settings), learn=lambda: _learn(self.settings), share=self._sharing.start, sharing=self._sharing.told,
            alike=lambda name, photo: looks_like(self.settings, name, photo),
        )  # fmt: skip

    def renew(self, settings: Settings) -> None:
        """Show the diaries of another configuration; how the page is reached stays."""
        self.settings = self._sharing.settings = settings
        self.site.show(_diaries(settings))

    def follow(self, path: Path) -> None:
        """Renew whenever the configuration has changed; for a thread of its own, which never returns."""
        import structlog

        from photodiary.run.noticing import Noticing
        from photodiary.settings import load

        log, noticing = structlog.get_logger(), Noticing(path)
        while True:
            time.sleep(NOTICE_S)
            try:
                if noticing.changed():
                    self.renew(load(path, lightly=True))
                    log.info(f"configuration read again from {path}", code="config.reloaded")
            except PhotodiaryError as error:
                for line in str(error).splitlines():
                    log.error(f"the configuration is kept as it was: {line}", code="config.refused")


def _diaries(settings: Settings) -> dict[str, Diary]:
    from photodiary.archive.reserve import short_of
    from photodiary.archive.store import Archive
    from photodiary.ledger.store import FILE, Ledger
    from photodiary.review.site import Diary
    from photodiary.run.lock import nudge

    def room_for(root: Path, size: int) -> None:
        trouble = short_of(root, settings.disk, size)
        if trouble is not None:
            raise StorageTrouble(trouble)

    diaries = {}
    for name, diary in settings.diary.items():
        if (diary.archive / FILE).exists():
            with suppress(PhotodiaryError):  # the page says what is the matter with it
                Ledger(diary.archive).close()
        diaries[name] = Diary(name, diary.inbox, Archive(diary.archive), settings.zone(name), partial(nudge, diary.archive), partial(room_for, diary.archive))
    return diaries


def _remembered(settings: Callable[[], Settings]) -> Callable[[], dict[str, Any]]:
    """`status`, looked up again after a second: every page has it in its head."""
    from photodiary.run.status import gather

    turn, kept = threading.Lock(), list[tuple[float, dict[str, Any]]]()

    def status() -> dict[str, Any]:
        with turn:
            if not kept or time.monotonic() - kept[0][0] > STATUS_S:
                kept[:] = [(time.monotonic(), gather(settings()))]
            return kept[0][1]

    return status


def _learn(settings: Settings) -> str:
    """Wish for a retraining now.  Returns what to say about it."""
    from photodiary.run.learning import wish_now
    from photodiary.run.lock import holder

    wish_now(settings)
    if any(holder(diary.archive) is not None for diary in settings.diary.values()):
        return "The model is about to learn from your corrections; this page shows how far it is."
    return "Noted: the model learns from your corrections as soon as photodiary runs."


def _keys(settings: Settings) -> Keys:
    from photodiary.review.keys import Keys

    return Keys(Path(settings.state) / "review", remember_days=settings.review.remember_days)


def _upload_token(settings: Settings, keys: Keys, options: argparse.Namespace) -> int:
    diary = one(settings, options)
    name = next(name for name, value in settings.diary.items() if value is diary)
    url = settings.review.url or _address(_own_address(), settings.review.port)
    print(f"send photos to {url.rstrip('/')}/upload/{name}")
    print(f"with the header  Authorization: Bearer {keys.new_upload_token(name)}")
    print("as the body, with its name in the header X-File-Name, or as a form with the field `photo`; the token before this one works no more")
    return 0


def _print_way_in(keys: Keys, url: str) -> None:
    """The link, and where a person looks on, as a code for a phone's camera: dark on light, whatever colours the terminal has."""
    import segno

    link = f"{url.rstrip('/')}/enter?token={keys.new_link()}"
    print(f"lets one device in, once, within ten minutes:\n{link}", flush=True)
    if sys.stdout.isatty():
        drawn = io.StringIO()
        segno.make(link, error="l", micro=False).terminal(drawn, compact=True)  # light where it draws
        print("".join(f"\x1b[97;40m{line}\x1b[0m\n" for line in drawn.getvalue().splitlines()), flush=True)


def _address(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _own_address() -> str:
    """The address by which the home network knows this machine; nothing is sent to find out.  Raises BadUsage without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError as error:
            raise BadUsage("this machine is in no network; set review.url to the address by which it is reached") from error
        return str(probe.getsockname()[0])
