"""What the verbs do.  Each imports what it needs inside itself, so that `--help` and `status` never load torch or numpy."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from photodiary import __version__
from photodiary.errors import BadConfig, BadUsage, Busy

if TYPE_CHECKING:
    from photodiary.locate.config import LocateConfig
    from photodiary.settings import Settings


def settings_of(options: argparse.Namespace, *, lightly: bool = False) -> tuple[Path, Settings]:
    """The configuration and where it was found.  lightly: for whoever makes no film.  Raises BadConfig."""
    from photodiary.settings import find_config, load

    path = find_config(getattr(options, "config", None))
    return path, load(path, lightly=lightly)


def said(options: argparse.Namespace, *, lightly: bool = False) -> tuple[Path, Settings]:
    """The configuration, with a word on stderr about which one it is; narrowed to --diary."""
    from photodiary import logs
    from photodiary.run.signals import journal

    path, settings = settings_of(options, lightly=lightly)
    logs.configure(settings.logs, several=len(settings.diary) > 1, journal=journal())
    print(f"configuration: {path}", file=sys.stderr)
    if getattr(options, "diary", None) is not None:
        settings = settings.model_copy(update={"diary": {options.diary: one(settings, options)}})
    return path, settings


def named(settings: Settings, diary: Any) -> str:
    """The name of a diary in the configuration."""
    return next(name for name, value in settings.diary.items() if value is diary)


def one(settings: Settings, options: argparse.Namespace) -> Any:
    """The diary that is meant.  Raises BadUsage when that is not clear."""
    name = getattr(options, "diary", None)
    if name is None and len(settings.diary) == 1:
        return next(iter(settings.diary.values()))
    if name is None:
        raise BadUsage(f"there are several diaries; say which with --diary ({', '.join(settings.diary)})")
    if name not in settings.diary:
        raise BadUsage(f"there is no diary {name}; there are {', '.join(settings.diary)}")
    return settings.diary[name]


def init(options: argparse.Namespace) -> int:
    if options.adopt is not None:
        from photodiary.run.adopting import adopt

        print(adopt(Path(options.dir), Path(options.adopt)))
        return 0
    from photodiary.run import init as starting

    print(starting.init(Path(options.dir)))
    return 0


def check_config(options: argparse.Namespace) -> int:
    path, _ = settings_of(options)
    print(f"{path}: fine")
    return 0


def run(options: argparse.Namespace) -> int:
    from photodiary.run.signals import Signals, journal

    asked = Signals()
    asked.listen()  # first of all: loading takes seconds, and who asks to stop meanwhile is heard too
    from photodiary import logs
    from photodiary.run.daemon import Daemon
    from photodiary.run.models import resident

    path, settings = settings_of(options)
    logs.configure(settings.logs, several=len(settings.diary) > 1, journal=journal())
    print(f"configuration: {path}", file=sys.stderr)
    return Daemon(path, settings, lambda s: resident(s.locate, s.state), asked).run()


def scan(options: argparse.Namespace) -> int:
    _, settings = said(options)
    from photodiary.run import lock, once

    if options.dry_run:
        for name, diary in settings.diary.items():
            seen = once.forecast([str(diary.inbox)], settings.inbox)
            print(f"{name}: {seen['files']:,} files, {seen['bytes'] / 1e6:,.0f} MB in {diary.inbox}")
        return 0

    def held() -> list[Path]:
        return [diary.archive for diary in settings.diary.values() if lock.holder(diary.archive) is not None]

    there = held()
    if not there:
        from photodiary.run.models import resident

        try:
            once.with_engine(settings, lambda s: resident(s.locate, s.state), lambda engine: None, scan=True)
        except Busy:
            if not (there := held()):  # a daemon that begins at this very moment does it
                raise
    for archive in there:
        once.beside_daemon(archive, "scan", {}, lambda progress: "looking at the inbox")
        once.wait_until_through(archive)
        once.beside_daemon(archive, "render", {}, _rendering)
    return status(argparse.Namespace(**{**vars(options), "json": False, "check": False}))


def _rendering(progress: dict[str, Any]) -> str:
    return f"film: {progress['done']:,} frames"


def status(options: argparse.Namespace) -> int:
    from photodiary.run.status import gather, in_words

    path, settings = settings_of(options, lightly=True)
    gathered = gather(settings)
    if options.json:
        print(json.dumps(gathered, allow_nan=False))
    else:
        print(in_words(gathered, path))
    well = not gathered["degraded"] and all(diary["running"] for diary in gathered["diaries"])
    return 1 if options.check and not well else 0


def photos_list(options: argparse.Namespace) -> int:
    from photodiary.run.status import list_photos, photo_in_words

    _, settings = settings_of(options, lightly=True)
    for photo in list_photos(one(settings, options).archive):
        print(json.dumps(photo, allow_nan=False) if options.json else photo_in_words(photo))
    return 0


def locate(options: argparse.Namespace) -> int:
    from photodiary.run.predict import locate_files

    worst = 0
    for answer in locate_files([Path(file) for file in options.files], *_model_of(options)):
        worst = max(worst, 1 if "error" in answer else 0)
        print(json.dumps(answer, allow_nan=False) if options.json else _located_in_words(answer), flush=True)
    return worst


def _located_in_words(answer: dict[str, Any]) -> str:
    from photodiary.diary.eyes import REASONS

    if "error" in answer:
        return f"{answer['file']}: {answer['error']}"
    if answer["left"] is None:
        return f"{answer['file']}: {REASONS[answer['reason'] or 'no_face']}"
    (lx, ly), (rx, ry) = answer["left"], answer["right"]
    doubt = f", to check: {REASONS[answer['reason'] or 'unsure']}" if answer["doubtful"] else ""
    sure = f"within {answer['expected_error']:.1f} % of their distance"
    return f"{answer['file']}: left eye {lx:.1f}, {ly:.1f}; right eye {rx:.1f}, {ry:.1f}; {sure}{doubt}"


def _model_of(options: argparse.Namespace) -> tuple[LocateConfig, str]:
    """`locate`, `evaluate` and `compare` predict with the model in force, and need no diary: without a configuration the shipped one counts.

    One that was not asked for, but lies where configurations lie, counts when it is one.  Returns what steers the locator, and the state folder.
    """
    from photodiary.locate.config import LocateConfig

    asked = getattr(options, "config", None) is not None or "PHOTODIARY_CONFIG" in os.environ
    try:
        path, settings = settings_of(options, lightly=True)
    except BadConfig:
        if asked:
            raise
        return LocateConfig(), ""
    if not asked:
        print(f"configuration: {path}", file=sys.stderr)
    return settings.locate, settings.state


def evaluate(options: argparse.Namespace) -> int:
    from photodiary.run import predict

    report = None if options.report is None else Path(options.report)
    config, state = _model_of(options)
    scores = predict.evaluate(Path(options.labels), config, report, state)
    if options.json:
        print(json.dumps(scores, allow_nan=False))
    else:
        for key, value in scores.items():
            print(f"{key:18} {value}")
    if report is not None:
        print(f"report: {report / 'index.html'}", file=sys.stderr if options.json else sys.stdout)
    return 0


def compare(options: argparse.Namespace) -> int:
    from photodiary.run import compare as comparing

    config, state = _model_of(options)
    compared, absent = comparing.compare(Path(options.labels), config, Path(options.rivals), state)
    print(json.dumps(compared, allow_nan=False) if options.json else comparing.in_words(compared))
    if absent is not None:
        print(f"MediaPipe is left out: {absent}", file=sys.stderr)
    return 0


def render(options: argparse.Namespace) -> int:
    _, settings = said(options)
    from photodiary.run import film, films, lock, once

    diary = one(settings, options)
    name = named(settings, diary)
    only = None if options.film is None else films.named_film(settings, name, options.film)
    if options.dry_run:
        print(film.forecast(settings, name, only))
        return 0

    def beside(_: int) -> str:
        once.beside_daemon(diary.archive, "render", {"full": options.full, "only": options.film}, _rendering)
        return film.made_elsewhere(diary.archive, only)

    print(lock.alone_or_beside(diary.archive, lambda: film.render(settings, name, full=options.full, only=only), beside))
    return 0


def refit(options: argparse.Namespace) -> int:
    _, settings = said(options)
    from photodiary.run import film, lock, once

    diary = one(settings, options)
    if lock.holder(diary.archive) is not None:
        print(once.beside_daemon(diary.archive, "refit", {}, str)["words"])
    else:
        film.wish_refit(diary.archive)
        print("noted; the next `photodiary run` or `photodiary scan --once` chooses the picture format again")
    return 0


def train(options: argparse.Namespace) -> int:
    from photodiary.run import train as training

    return training.train(options)


def version(options: argparse.Namespace) -> int:
    print(f"photodiary {__version__}")
    return 0
