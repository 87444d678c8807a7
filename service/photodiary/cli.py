"""The verbs.  Each imports what it needs inside itself, so that `--help` and `status` never load torch or numpy."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from photodiary import __version__
from photodiary.errors import BadConfig, BadUsage, Busy, PhotodiaryError, Transient

if TYPE_CHECKING:
    from photodiary.settings import Settings

EXIT_USAGE, EXIT_AGAIN, EXIT_CONFIG = 64, 75, 78


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        self.print_usage(sys.stderr)
        self.exit(EXIT_USAGE, f"{self.prog}: {message}\n")


def parser() -> argparse.ArgumentParser:
    """All verbs with their help."""
    common = _Parser(add_help=False)
    common.add_argument("--config", metavar="FILE", default=argparse.SUPPRESS, help="configuration file")
    common.add_argument("--diary", metavar="NAME", default=argparse.SUPPRESS, help="which diary, where there are several")
    top = _Parser(
        prog="photodiary", parents=[common],
        description="Turns a phone's daily selfie into a growing, rock-steady time-lapse, without anyone touching it.",
        epilog="The configuration is --config FILE, else $PHOTODIARY_CONFIG, ./config.toml, ~/.config/photodiary/config.toml, "
        "/etc/photodiary/config.toml.  Exit status: 0 fine, 64 usage, 75 try again, 78 configuration.",
    )  # fmt: skip
    verbs = top.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=_Parser)

    def verb(name: str, help_: str, act: Any, **keywords: Any) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = verbs.add_parser(name, help=help_, description=help_, parents=[common], **keywords)
        made.set_defaults(act=act)
        return made

    init = verb("init", "write DIR/config.toml, the shortest configuration that works, and its folders", _init)
    init.add_argument("dir", nargs="?", default=".", metavar="DIR", help="where to (default: here)")
    verb("check-config", "say every problem of the configuration, one a line", _check_config)
    verb("run", "the service: watch the inbox and keep the film up to date", _run)
    scan = verb("scan", "take in and carry through everything that waits, the film included, and exit", _scan)
    scan.add_argument("--once", action="store_true", help="scan once (the only way there is; `photodiary run` keeps watching)")
    scan.add_argument("--dry-run", action="store_true", help="only say how many files would be looked at")
    importing = verb("import", "take in a backlog from anywhere, once, and report", _import)
    importing.add_argument("paths", nargs="+", metavar="PATH", help="photos, or folders of photos")
    importing.add_argument("--dry-run", action="store_true", help="only say how many files would be looked at")
    status = verb("status", "states, counts, newest film, model, what is degraded, disk by kind", _status)
    status.add_argument("--json", action="store_true", help="for scripts")
    status.add_argument("--check", action="store_true", help="exit 0 when running and well, else 1")
    photos = verb("photos", "what the diary knows about its photos", None)
    photo_verbs = photos.add_subparsers(dest="photo_verb", metavar="VERB", required=True, parser_class=_Parser)
    listing = photo_verbs.add_parser("list", help="one photo a line, in the film's order", parents=[common])
    listing.set_defaults(act=_photos_list)
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    locate = verb("locate", "find the eyes in photos, without a diary", _locate)
    locate.add_argument("files", nargs="+", metavar="FILE")
    locate.add_argument("--json", action="store_true", help="one JSON object a line and file")
    evaluate = verb("evaluate", "predict labelled photos and score the predictions", _evaluate)
    evaluate.add_argument("labels", metavar="LABELS", help="CSV with file,left_x,left_y,right_x,right_y, or a folder of N_row_col_row_col.jpg")
    evaluate.add_argument("--json", action="store_true", help="for scripts")
    render = verb("render", "make the film now", _render)
    render.add_argument("--full", action="store_true", help="also when it would show nothing new")
    render.add_argument("--dry-run", action="store_true", help="only say what the film would show")
    verb("refit", "choose the picture format again, from all photos so far, and make every frame again", _refit)
    train = verb("train", "train the base model on labelled faces; call again to go on where it stopped", _train)
    train.add_argument("faces", metavar="FACES", help="shards with labels.csv, a label CSV, or a folder of N_row_col_row_col.jpg")
    train.add_argument("--out", default=".train/base", metavar="DIR", help="state and weights (default: %(default)s)")
    train.add_argument("--init", metavar="FILE", help="start from these safetensors weights")
    train.add_argument("--samples", type=int, metavar="N", help="how many samples to see in all")
    train.add_argument("--backbone", metavar="NAME", help="timm backbone with features at strides 8, 16 and 32")
    train.add_argument("--batch", type=int, metavar="N", help="samples a step")
    train.add_argument("--minutes", type=float, metavar="M", help="stop after so long; the state is kept")
    train.add_argument("--threads", type=int, default=0, metavar="N", help="CPU threads at most (default: all cores while nobody else computes)")
    verb("version", "print the version", _version)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb.  Returns the exit status."""
    options = parser().parse_args(arguments)
    try:
        return int(options.act(options))
    except BadConfig as error:
        print(error, file=sys.stderr)
        return EXIT_CONFIG
    except BadUsage as error:
        print(f"photodiary: {error}", file=sys.stderr)
        return EXIT_USAGE
    except (Busy, Transient) as error:
        print(f"photodiary: {error}", file=sys.stderr)
        return EXIT_AGAIN
    except PhotodiaryError as error:
        print(f"photodiary: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130


def _settings(options: argparse.Namespace) -> tuple[Path, Settings]:
    from photodiary.settings import find_config, load

    path = find_config(getattr(options, "config", None))
    return path, load(path)


def _said(options: argparse.Namespace) -> tuple[Path, Settings]:
    """The configuration, with a word on stderr about which one it is; narrowed to --diary."""
    from photodiary import logs

    path, settings = _settings(options)
    logs.configure(settings.logs, several=len(settings.diary) > 1)
    print(f"configuration: {path}", file=sys.stderr)
    if getattr(options, "diary", None) is not None:
        settings = settings.model_copy(update={"diary": {options.diary: _one(settings, options)}})
    return path, settings


def _one(settings: Settings, options: argparse.Namespace) -> Any:
    """The diary that is meant.  Raises BadUsage when that is not clear."""
    name = getattr(options, "diary", None)
    if name is None and len(settings.diary) == 1:
        return next(iter(settings.diary.values()))
    if name is None:
        raise BadUsage(f"there are several diaries; say which with --diary ({', '.join(settings.diary)})")
    if name not in settings.diary:
        raise BadUsage(f"there is no diary {name}; there are {', '.join(settings.diary)}")
    return settings.diary[name]


def _init(options: argparse.Namespace) -> int:
    from photodiary.run.init import init

    print(init(Path(options.dir)))
    return 0


def _check_config(options: argparse.Namespace) -> int:
    path, _ = _settings(options)
    print(f"{path}: fine")
    return 0


def _run(options: argparse.Namespace) -> int:
    from photodiary import logs
    from photodiary.run.daemon import Daemon, journal
    from photodiary.run.models import resident

    path, settings = _settings(options)
    logs.configure(settings.logs, several=len(settings.diary) > 1, journal=journal())
    print(f"configuration: {path}", file=sys.stderr)
    return Daemon(path, settings, lambda s: resident(s.locate)).run()


def _scan(options: argparse.Namespace) -> int:
    _, settings = _said(options)
    from photodiary.run import lock, once

    if options.dry_run:
        for name, diary in settings.diary.items():
            seen = once.forecast([str(diary.inbox)], settings.inbox)
            print(f"{name}: {seen['files']:,} files, {seen['bytes'] / 1e6:,.0f} MB in {diary.inbox}")
        return 0
    held = [diary.archive for diary in settings.diary.values() if lock.holder(diary.archive) is not None]
    if held:
        for archive in held:
            lock.nudge(archive)
            once.wait_until_through(archive)
            once.beside_daemon(archive, "render", {}, _rendering)
    else:
        from photodiary.run.models import resident

        once.with_engine(settings, lambda s: resident(s.locate), lambda engine: None, scan=True)
    return _status(argparse.Namespace(**{**vars(options), "json": False, "check": False}))


def _rendering(progress: dict[str, Any]) -> str:
    return f"film: {progress['done']:,} frames"


def _import(options: argparse.Namespace) -> int:
    import time

    _, settings = _said(options)
    from photodiary.ledger import wishes
    from photodiary.ledger.store import Ledger
    from photodiary.run import lock, once
    from photodiary.run.status import report

    diary = _one(settings, options)
    paths = [os.path.abspath(path) for path in options.paths]
    missing = [path for path in paths if not os.path.exists(path)]
    if missing:
        raise BadUsage(f"there is no {missing[0]}")
    if options.dry_run:
        seen = once.forecast(paths, settings.inbox)
        print(f"{seen['files']:,} files, {seen['bytes'] / 1e6:,.0f} MB would be looked at; about {seen['files'] / 4 / 60 + 0.5:.0f} minutes")
        return 0
    if lock.holder(diary.archive) is not None:
        outcome = once.beside_daemon(diary.archive, "import", {"paths": paths}, lambda p: f"{p['done']:,} of {p['total']:,} files")
        once.wait_until_through(diary.archive)
    else:
        from photodiary.run.models import resident

        name = next(name for name, value in settings.diary.items() if value is diary)
        made: list[int] = []

        def wish(engine: Any) -> None:
            house = next(house for house in engine.houses if house.name == name)
            made.append(wishes.make(house.ledger, "import", {"paths": paths}, time.time()))

        once.with_engine(settings, lambda s: resident(s.locate), wish, scan=False)
        ledger = Ledger(diary.archive, writable=False)
        outcome = wishes.get(ledger, made[0]).outcome or {}
        ledger.close()
    print(report(diary.archive, outcome))
    return 0


def _status(options: argparse.Namespace) -> int:
    from photodiary.run import status

    path, settings = _settings(options)
    gathered = status.gather(settings)
    if options.json:
        print(json.dumps(gathered, allow_nan=False))
    else:
        print(status.in_words(gathered, path))
    well = not gathered["degraded"] and all(diary["running"] for diary in gathered["diaries"])
    return 1 if options.check and not well else 0


def _photos_list(options: argparse.Namespace) -> int:
    from photodiary.run import status

    _, settings = _settings(options)
    for photo in status.list_photos(_one(settings, options).archive):
        print(json.dumps(photo, allow_nan=False) if options.json else status.photo_in_words(photo))
    return 0


def _locate(options: argparse.Namespace) -> int:
    from photodiary.run.predict import locate_files

    worst = 0
    for answer in locate_files([Path(file) for file in options.files], _locate_config(options)):
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


def _locate_config(options: argparse.Namespace) -> Any:
    """`locate` and `evaluate` need no diary: without a configuration the defaults count."""
    from photodiary.locate.config import LocateConfig

    if getattr(options, "config", None) is None and "PHOTODIARY_CONFIG" not in os.environ:
        return LocateConfig()
    return _settings(options)[1].locate


def _evaluate(options: argparse.Namespace) -> int:
    from photodiary.run.predict import evaluate

    scores = evaluate(Path(options.labels), _locate_config(options))
    if options.json:
        print(json.dumps(scores, allow_nan=False))
    else:
        for key, value in scores.items():
            print(f"{key:18} {value}")
    return 0


def _render(options: argparse.Namespace) -> int:
    _, settings = _said(options)
    from photodiary.run import film, lock, once

    diary = _one(settings, options)
    if options.dry_run:
        print(film.forecast(settings, diary))
    elif lock.holder(diary.archive) is not None:
        outcome = once.beside_daemon(diary.archive, "render", {"full": options.full}, _rendering)
        print(f"film of {outcome['frames']:,} photos: {diary.archive / 'films/latest.mp4'}" if outcome["frames"] else "no frames yet, so no film")
    else:
        print(film.render(settings, diary, full=options.full))
    return 0


def _refit(options: argparse.Namespace) -> int:
    _, settings = _said(options)
    from photodiary.run import film, lock, once

    diary = _one(settings, options)
    if lock.holder(diary.archive) is not None:
        print(once.beside_daemon(diary.archive, "refit", {}, str)["words"])
    else:
        film.wish_refit(diary.archive)
        print("noted; the next `photodiary run` or `photodiary scan --once` chooses the picture format again")
    return 0


def _train(options: argparse.Namespace) -> int:
    from photodiary.run.train import train

    return train(options)


def _version(options: argparse.Namespace) -> int:
    print(f"photodiary {__version__}")
    return 0
