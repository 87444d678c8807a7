"""The command line: verbs and options; what they do stands in `run/verbs.py`, `run/decisions.py` and `run/facing.py` (single photos), `run/keeping.py`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from photodiary import __version__
from photodiary.errors import BadConfig, BadModel, BadUsage, PhotodiaryError, Transient
from photodiary.run.helping import Parser as _Parser
from photodiary.run.helping import furnish

LABELS = "CSV with file,left_x,left_y,right_x,right_y, or a folder of N_row_col_row_col.jpg"
PHOTO = "PHOTO is the start of its SHA-256 (at least four digits, as `photos list` shows it), or a file name it came under."
EXIT_USAGE, EXIT_AGAIN, EXIT_CONFIG = 64, 75, 78


def parser() -> argparse.ArgumentParser:
    """All verbs with their help."""
    common = _Parser(add_help=False)
    common.add_argument("--config", metavar="FILE", default=argparse.SUPPRESS, help="configuration file")
    common.add_argument("--diary", metavar="NAME", default=argparse.SUPPRESS, help="which diary, where there are several")
    top = _Parser(
        prog="photodiary", parents=[common],
        description="Turns a phone's daily selfie into a growing, rock-steady time-lapse, without anyone touching it.",
        epilog="The configuration is --config FILE, else $PHOTODIARY_CONFIG, ./config.toml, ~/.config/photodiary/config.toml, "
        "/etc/photodiary/config.toml.  Exit status: 0 fine, 64 usage, 75 try again, 78 configuration.\n\n"
        "A sentence is not clear?  deploy/guide/trouble/README.md of the source lists them all, with what to do.",
    )  # fmt: skip
    top.add_argument("--version", action="version", version=f"photodiary {__version__}", help="print the version, and exit")
    verbs = top.add_subparsers(title="verbs", dest="verb", metavar="VERB", required=True, parser_class=_Parser)

    def verb(name: str, help_: str, act: str | None, **keywords: Any) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = verbs.add_parser(name, help=help_, description=help_, parents=[common], **keywords)
        made.set_defaults(act=act, where="verbs")
        return made

    init = verb("init", "write DIR/config.toml, the shortest configuration that works, and its folders", "init")
    init.add_argument("dir", nargs="?", default=".", metavar="DIR", help="where to (default: here)")
    init.add_argument("--adopt", metavar="ARCHIVE", help="take over the diary in this archive, such as one copied from another server")
    verb("check-config", "say every problem of the configuration, one a line", "check_config")
    verb("run", "the service: watch the inbox and keep the film up to date", "run")
    scan = verb("scan", "take in and carry through everything that waits, the film included, and exit", "scan")
    scan.add_argument("--once", action="store_true", help="scan once (the only way there is; `photodiary run` keeps watching)")
    scan.add_argument("--dry-run", action="store_true", help="only say how many files would be looked at")
    backlog = verb("import", "take in a backlog from anywhere, once, and report; call it again to go on where it stopped", "import_")
    backlog.set_defaults(where="importing")
    backlog.add_argument("paths", nargs="*", metavar="PATH", help="photos, or folders of photos; with --takeout, its .zip or .tgz files or unpacked folders")
    backlog.add_argument("--takeout", action="store_true", help="PATH is an export of Google Photos, all its parts together: dates and the bin are heeded")
    backlog.add_argument("--immich", metavar="URL", help="bring photos of an Immich server instead, such as https://photos.example.org")
    backlog.add_argument("--key-file", metavar="FILE", help="where the key of Immich's API stands (default: the environment's IMMICH_API_KEY)")
    backlog.add_argument("--album", metavar="ALBUM", help="of Immich, only photos of this album (its name or number)")
    backlog.add_argument("--person", metavar="PERSON", help="of Immich, only photos of this person (the name or number)")
    backlog.add_argument("--from", dest="first", metavar="DAY", help='of Immich, only photos from this day on, such as "2020-05-15"')
    backlog.add_argument("--to", dest="last", metavar="DAY", help="of Immich, only photos up to this day")
    backlog.add_argument("--labels", action="store_true", help="bring labels along: each PATH is a label CSV or a folder of N_row_col_row_col.jpg")
    backlog.add_argument("--full", action="store_true", help="read again what was brought before")
    backlog.add_argument("--dry-run", action="store_true", help="only say what would be brought, and what that needs")
    status = verb("status", "states, counts, newest film, model, what is degraded, disk by kind", "status")
    status.add_argument("--json", action="store_true", help="for scripts")
    status.add_argument("--check", action="store_true", help="exit 0 when running and well, else 1")
    photos = verb("photos", "what the diary knows about its photos, and what you decide about them", None)
    _photo_verbs(photos.add_subparsers(dest="photo_verb", metavar="VERB", required=True, parser_class=_Parser), common)
    diary = verb("diary", "the diaries of this configuration: which there are, and adding one beside the running service", None)
    _diary_verbs(diary.add_subparsers(dest="diary_verb", metavar="VERB", required=True, parser_class=_Parser), common)
    quarantine = verb("quarantine", "files that could not be read", None)
    _quarantine_verbs(quarantine.add_subparsers(dest="quarantine_verb", metavar="VERB", required=True, parser_class=_Parser), common)
    locate = verb("locate", "find the eyes in photos, without a diary", "locate")
    locate.add_argument("files", nargs="+", metavar="FILE")
    locate.add_argument("--json", action="store_true", help="one JSON object a line and file")
    evaluate = verb("evaluate", "predict labelled photos and score the predictions", "evaluate")
    evaluate.add_argument("labels", metavar="LABELS", help=LABELS)
    evaluate.add_argument("--json", action="store_true", help="for scripts")
    evaluate.add_argument("--report", metavar="DIR", help="also write a page with curves and the worst photos, DIR/index.html; DIR then shows faces")
    compare = verb("compare", "the same for our model, OpenCV's Haar cascades and MediaPipe, side by side", "compare")
    compare.add_argument("labels", metavar="LABELS", help=LABELS)
    compare.add_argument("--json", action="store_true", help="for scripts")
    compare.add_argument("--rivals", default=".rivals", metavar="DIR", help="environment with MediaPipe that deploy/rivals.sh makes (default: %(default)s)")
    labels = verb("labels", "corrections of eyes, from and to files", None)
    _label_verbs(labels.add_subparsers(dest="label_verb", metavar="VERB", required=True, parser_class=_Parser), common)
    page = verb("review", "the page for doubts and corrections, in the browser of phone and desk", "review")
    page.set_defaults(where="review")
    page.add_argument("--lan", action="store_true", help="let the home network reach it, and print a link and a code for a phone's camera")
    page.add_argument("--port", type=int, metavar="N", help="where to listen (default: review.port; 0: any that is free)")
    page.add_argument("--link", action="store_true", help="only print a new link for a page that is running, and exit")
    page.add_argument("--upload-token", action="store_true", help="only print a new token with which a phone sends photos by itself, and exit")
    page.add_argument("--sign-out", action="store_true", help="only sign out every device that was let in, and exit")
    models = verb("models", "the models that find the eyes: which there are, which is in force, and changing that", None)
    _model_verbs(models.add_subparsers(dest="model_verb", metavar="VERB", required=True, parser_class=_Parser), common)
    render = verb("render", "make the films now", "render")
    render.add_argument("--full", action="store_true", help="encode everything anew, also when nothing new would be shown")
    render.add_argument("--film", metavar="NAME", help="only this film: NAME as in [films.NAME], or latest for the main one (default: all)")
    render.add_argument("--dry-run", action="store_true", help="only say what the films would show, what would be encoded for it, and why")
    share = verb("share", "make a small copy of the film, to be sent by a messenger or by mail", "share")
    share.set_defaults(where="sharing")
    share.add_argument("--film", metavar="NAME", help="which film: its file's name without .mp4 (default: latest)")
    share.add_argument("--megabytes", type=float, default=16.0, metavar="N", help="how large it may be, in millions of bytes (default: %(default)g)")
    share.add_argument("--out", metavar="FILE", help="a new file to write it to (default: films/share.mp4 of the archive)")
    poster = verb("poster", "make one picture of the film: the newest photo large, and below it those that led to it", "make_poster")
    poster.add_argument("--day", metavar="DAY", help='the large photo is that of this day, such as "2024-05-15" (default: the newest that fills the picture)')
    sheet = verb("sheet", "make a contact sheet of the film: photos from all its years, with their dates", "make_sheet")
    sheet.add_argument("--grid", default="6x8", metavar="CxR", help="columns and rows (default: %(default)s)")
    for still in (poster, sheet):
        still.set_defaults(where="stills")
        still.add_argument("--film", metavar="NAME", help="of which film: its file's name without .mp4 (default: latest)")
        still.add_argument("--out", metavar="FILE", help=f"a new file to write it to (default: DIARY-{'poster' if still is poster else 'sheet'}.jpg, here)")
    verb("refit", "choose the picture format again, from all photos so far, and make every frame again", "refit")
    retrain = verb("retrain", "have the model learn from your corrections, in force only if it proves better", "retrain")
    retrain.set_defaults(where="retrain")
    retrain.add_argument("--now", action="store_true", help="also when there are no new labels")
    retrain.add_argument("--json", action="store_true", help="for scripts: the outcome as one JSON object")
    train = verb("train", "train the base model on labelled faces; call again to go on where it stopped", "train")
    train.add_argument("faces", metavar="FACES", help="shards with labels.csv, a label CSV, or a folder of N_row_col_row_col.jpg")
    train.add_argument("--out", default=".train/base", metavar="DIR", help="state and weights (default: %(default)s)")
    train.add_argument("--init", metavar="FILE", help="start from these safetensors weights: our own, or a backbone's as timm saves it")
    train.add_argument("--scenery", metavar="DIR", help="pictures without faces, for grounds and things to lie about (deploy/scenery.py)")
    train.add_argument("--rate", type=float, metavar="R", help="highest learning rate")
    train.add_argument("--samples", type=int, metavar="N", help="how many samples to see in all")
    train.add_argument("--backbone", metavar="NAME", help="timm backbone with features at strides 8, 16 and 32")
    train.add_argument("--batch", type=int, metavar="N", help="samples a step")
    train.add_argument("--minutes", type=float, metavar="M", help="stop after so long; the state is kept")
    train.add_argument("--threads", type=int, default=0, metavar="N", help="CPU threads at most (default: all cores while nobody else computes)")
    doctor = verb("doctor", "hold originals, frames and film against the diary database, and say what is wrong; exit 0 when all is sound, else 1", "doctor")
    doctor.set_defaults(where="keeping")
    doctor.add_argument("--fix", action="store_true", help="mend what can be made again (never by deleting an original); the service must be stopped")
    doctor.add_argument("--quick", action="store_true", help="look at the originals' sizes only, without reading them")
    doctor.add_argument("--json", action="store_true", help="for scripts")
    backup = verb("backup", "bring a copy of the photos and the diary database into DIR up to date, beside the running service", "backup")
    backup.set_defaults(where="keeping")
    backup.add_argument("dir", metavar="DIR", help="an empty folder, or one that holds an earlier backup; best on another disk")
    restore = verb("restore", "bring a backup into the empty archive of a configured diary; the service must be stopped", "restore")
    restore.set_defaults(where="keeping")
    restore.add_argument("dir", metavar="DIR", help="the folder that `photodiary backup` wrote")
    restore.add_argument("--forgotten", metavar="FILE", help="what is to stay forgotten: the old archive, or a list with one SHA-256 a line")
    notify = verb("notify", "send messages: a photo needs two taps, a new film, a better model, trouble; runs beside the service", "notify")
    notify.set_defaults(where="notify")
    notify.add_argument("--once", action="store_true", help="look and send once, for a timer; exit 75 when something is left to try again")
    notify.add_argument("--test", action="store_true", help="send a test message to each target and say what happened; exit 1 when one failed")
    completion = verb("completion", "print what makes a shell complete photodiary's verbs and options", "completion")
    completion.add_argument("shell", choices=("bash", "zsh", "fish", "diaries"), help="which shell; diaries: only their names, which the shells ask for")
    completion.set_defaults(where="completing", parser=top)
    asking = verb("help", "say more about a verb", "help_")
    asking.add_argument("words", nargs="*", metavar="VERB", help="which one, such as: photos why")
    asking.set_defaults(where="helping", parser=top)
    verb("version", "print the version", "version")
    return furnish(top)


def _photo_verbs(verbs: Any, common: argparse.ArgumentParser) -> None:
    def verb(name: str, help_: str, act: str, several: bool = True) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = verbs.add_parser(name, help=help_, description=f"{help_}.  {PHOTO}", parents=[common])
        made.set_defaults(act=act, where="decisions")
        if several:
            made.add_argument("photos", nargs="+", metavar="PHOTO", help="which photos")
        return made

    listing = verbs.add_parser("list", help="one photo a line, in the film's order", parents=[common])
    listing.set_defaults(act="photos_list", where="verbs")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    why = verb("why", "a photo's life in ten lines: its date, its eyes and how sure they are, whether it is in the film, and if not, why", "photos_why", False)
    why.add_argument("photo", metavar="PHOTO|DATE", help="which photo, or all of a day, such as 2024-05-15")
    verb("exclude", "leave photos out of the film; the originals stay", "exclude")
    verb("restore", "put photos into the film that were left out, with the eyes they had", "restore")
    redate = verb("redate", "say when photos were taken", "redate")
    redate.add_argument("--to", required=True, metavar="WHEN", help='what the clock showed there, such as "2024-05-15 08:30", or the day alone')
    pick = verb("pick", "have photos show in the film rather than the others of their day (or week, or month: [film] pick)", "pick")
    pick.add_argument("--undo", action="store_true", help="take back that you picked them: the best one shows again")
    move = verb("move", "move photos into another diary, where they are somebody else's; their originals stay here too", "move")
    move.set_defaults(where="move")
    move.add_argument("--to", required=True, metavar="NAME", help="which diary they belong to")
    _facing_verbs(verbs, common)
    forget = verb("forget", "erase photos for good, from originals, frames, film and diary database, after asking", "forget")
    forget.add_argument("--yes", action="store_true", help="do not ask")


def _diary_verbs(verbs: Any, common: argparse.ArgumentParser) -> None:
    help_ = "one a line, and whether it is served now"
    listing = verbs.add_parser("list", help=help_, description=f"{help_}.", parents=[common])
    listing.set_defaults(act="list_", where="diaries")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    help_ = "add a diary to the configuration, and have the running service watch it without a restart"
    add = verbs.add_parser("add", help=help_, description=f"{help_}.  Nothing else in the file is touched; a wrong one is refused.", parents=[common])
    add.set_defaults(act="add", where="diaries")
    add.add_argument("name", metavar="NAME", help="what to call it: letters, digits, - and _")
    add.add_argument("--inbox", required=True, metavar="PATH", help="the folder that its photos arrive in; made where only it is missing")
    beside = "beside that of the file's last diary, and called like it: me -> NAME, me-archive -> NAME-archive, archive -> archive-NAME"
    add.add_argument("--archive", metavar="PATH", help=f"where its archive is to lie (default: {beside})")
    add.add_argument("--timezone", metavar="TZ", help='its time zone, such as "Europe/Berlin" (default: that of the file)')
    add.add_argument("--born", metavar="DAY", help="a birthday, for films that write the age into the picture")


def _facing_verbs(verbs: Any, common: argparse.ArgumentParser) -> None:
    for act, help_ in (
        ("turn", "say which way is up in photos whose file does not say it rightly"),
        ("mirror", "show photos as a mirror would, as where one phone wrote its selfies mirrored and the next one did not"),
    ):
        made = verbs.add_parser(act, help=help_, description=f"{help_}.  {PHOTO}", parents=[common])
        made.set_defaults(act=act, where="facing")
        made.add_argument("photos", nargs="*", metavar="PHOTO", help="which photos; or instead a period:")
        made.add_argument("--from", dest="first", metavar="DAY", help='all photos from this day on, such as "2020-05-15"')
        made.add_argument("--to", dest="last", metavar="DAY", help="all photos up to this day")
        if act == "turn":
            by = "degrees clockwise until the head stands upright, 0: it does already; none: nobody says, the eyes do"
            made.add_argument("--by", required=True, choices=("0", "90", "180", "270", "none"), help=by)
        else:
            made.add_argument("--off", action="store_true", help="not mirrored any more")


def _label_verbs(verbs: Any, common: argparse.ArgumentParser) -> None:
    for name, act, help_, path in (
        ("import", "import_", "bring labels to photos of the diary, found by their bytes or their names", LABELS),
        ("export", "export", "write all labels to a CSV beside which the photos are named, or photos with their labels as names", "FILE.csv, or a new folder"),
    ):
        made = verbs.add_parser(name, help=help_, description=f"{help_}.", parents=[common])
        made.set_defaults(act=act, where="labels")
        made.add_argument("path", metavar="PATH", help=path)


def _model_verbs(verbs: Any, common: argparse.ArgumentParser) -> None:
    def verb(name: str, help_: str, act: str) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = verbs.add_parser(name, help=help_, description=f"{help_}.", parents=[common])
        made.set_defaults(act=act, where="versions")
        return made

    for name, help_, act in (("list", "one a line, the one in force with a star", "list_"), ("show", "what is known of one model", "show")):
        made = verb(name, help_, act)
        made.add_argument("--json", action="store_true", help="for scripts; list: one JSON object a line")
        if name == "show":
            made.add_argument("name", nargs="?", metavar="NAME", help="which model (default: the one in force)")
    promote = verb("promote", "put a model in force, also in the running service; the one before stays to go back to", "promote")
    promote.add_argument("name", metavar="NAME", help="which model")
    verb("rollback", "put the model in force again that was before this one; once more goes further back", "rollback")


def _quarantine_verbs(verbs: Any, common: argparse.ArgumentParser) -> None:
    listing = verbs.add_parser("list", help="one a line, with the reason", description="One a line, with the reason.", parents=[common])
    listing.set_defaults(act="quarantine_list", where="decisions")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    help_ = "try again, after a fix: these photos, or all that could not be read"
    retry = verbs.add_parser("retry", help=help_, description=f"{help_}.  {PHOTO}", parents=[common])
    retry.set_defaults(act="quarantine_retry", where="decisions")
    retry.add_argument("photos", nargs="*", metavar="PHOTO", help="which photos")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb.  Returns the exit status."""
    options = parser().parse_args(arguments)
    try:
        return int(getattr(import_module(f"photodiary.run.{options.where}"), options.act)(options))
    except BadConfig as error:
        print(error, file=sys.stderr)
        return EXIT_CONFIG
    except BadModel as error:  # which one it is stands in the configuration, and a restart finds the same
        print(f"photodiary: {error}", file=sys.stderr)
        return EXIT_CONFIG
    except BadUsage as error:
        print(f"photodiary: {error}", file=sys.stderr)
        return EXIT_USAGE
    except Transient as error:
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
