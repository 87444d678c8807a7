"""`labels import` and `labels export`: what people said about eyes, from and to files."""

from __future__ import annotations

import argparse
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from photodiary.errors import BadLabels, BadUsage
from photodiary.run.verbs import one, said

if TYPE_CHECKING:
    from photodiary.ledger.labels import Label
    from photodiary.ledger.photos import PhotoRow
    from photodiary.ledger.store import Ledger
    from photodiary.retrain.labels import Line
    from photodiary.settings import Settings

MOST_SHOWN = 8


def import_(options: argparse.Namespace) -> int:
    _, settings = said(options)
    from photodiary.retrain import labels

    words, matched = _placed(settings, options, labels.read(Path(options.path)))
    print(words)
    return 0 if matched else 1


def along(paths: list[str]) -> tuple[list[Line], list[str]]:
    """The labels that `import --labels` brings, and the photos to import: those a table names, or the folder itself.  Raises BadLabels."""
    from photodiary.retrain import labels

    lines, photos = [], []
    for path in paths:
        found = labels.read(Path(path))
        lines += found
        photos += [path] if os.path.isdir(path) else [str(line.file) for line in found if line.file.exists()]
    return lines, photos


def bring(settings: Settings, options: argparse.Namespace, lines: list[Line]) -> str:
    """Labels of photos that were just imported, and their frames and the film made anew.  Returns what became of them, in words."""
    from photodiary.run import lock, once
    from photodiary.run.models import resident

    words, _ = _placed(settings, options, lines)
    if all(lock.holder(diary.archive) is None for diary in settings.diary.values()):
        once.with_engine(settings, lambda s: resident(s.locate, s.state), lambda engine: None, scan=False)
    return words


def _placed(settings: Settings, options: argparse.Namespace, lines: list[Line]) -> tuple[str, int]:
    """Place labels and wait until they are in force.  Returns what became of them in words, and how many fit a photo."""
    from photodiary.ledger import labels as ledger_labels
    from photodiary.run import decisions, once

    name, diary = decisions.diary_of(settings, options)
    ledger = decisions.opened(diary)
    try:
        matched, left_out = match(ledger, lines)
        number, new = ledger_labels.place(ledger, matched, time.time())
        if not decisions.carried_out(settings, name, diary, ledger, number):
            once.wait_until_through(diary.archive)
        return told(ledger, matched, new, left_out), len(matched)
    finally:
        ledger.close()


def match(ledger: Ledger, lines: list[Line]) -> tuple[list[Label], list[str]]:
    """Each line's photo of the diary, by the SHA-256 it names, by its file's bytes, or by its file's name; and a sentence for each line without."""
    from photodiary.diary.photo import shown_name
    from photodiary.diary.said import impossible
    from photodiary.ledger import photos
    from photodiary.ledger.labels import Label

    by_name: dict[bytes, list[PhotoRow]] = {}
    by_digest: dict[str, PhotoRow] = {}
    for row, names in photos.everything(ledger):
        by_digest[row.sha256] = row
        for base in {os.path.basename(name) for name in names}:
            by_name.setdefault(base, []).append(row)
    matched, left_out = [], []
    for line in lines:
        shown = shown_name(os.fsencode(line.file.name))
        photo: PhotoRow | None = by_digest.get(line.sha256 or "") or _by_bytes(line.file, by_digest)
        named = by_name.get(os.fsencode(line.file.name), [])
        if photo is None and len(named) == 1:
            photo = named[0]
        if photo is None:
            left_out.append(f"{shown}: {'several photos of the diary came under this name' if named else 'not in the diary'}")
        elif (why := impossible(line.eyes, (photo.width, photo.height))) is not None:
            left_out.append(f"{shown}: {why}")
        else:
            matched.append(Label(photo, line.eyes, line.by))
    return matched, left_out


def _by_bytes(file: Path, by_digest: dict[str, PhotoRow]) -> PhotoRow | None:
    from photodiary.inbox import files

    found = files.digest(os.fsencode(file)) if file.is_file() else None
    return None if found is None else by_digest.get(found[0])


def told(ledger: Ledger, matched: list[Label], new: int, left_out: list[str]) -> str:
    """What became of an import, in words."""
    from photodiary.ledger import photos

    lines = [f"{len(matched):,} label{'s' if len(matched) != 1 else ''}, {new:,} of them new"]
    asked = [photo for label in matched if (photo := photos.find(ledger, label.photo.sha256)) is not None and photo.reason == "label_differs"]
    if asked:
        lines.append(f"{len(asked):,} lie far from where the model is sure; look at them again (a slip?), `photodiary review` asks which is right:")
        lines += [f"  {photo.sha256[:12]}" for photo in asked[:MOST_SHOWN]] + _more(len(asked))
    if left_out:
        lines.append(f"{len(left_out):,} left out:")
        lines += [f"  {why}" for why in left_out[:MOST_SHOWN]] + _more(len(left_out))
    return "\n".join(lines)


def _more(number: int) -> list[str]:
    return [f"  and {number - MOST_SHOWN:,} more"] if number > MOST_SHOWN else []


def export(options: argparse.Namespace) -> int:
    _, settings = said(options)
    from photodiary.ledger import labels as ledger_labels
    from photodiary.ledger.store import Ledger
    from photodiary.retrain import labels

    diary = one(settings, options)
    target = Path(options.path).absolute()
    ledger = Ledger(diary.archive, writable=False)
    try:
        found = [
            (labels.Line(diary.archive / photo.original, said.eyes, said.by, photo.sha256), "" if photo.taken is None else photo.taken.wall.isoformat())
            for photo, said in ledger_labels.in_force(ledger)
            if photo.original is not None and said.eyes is not None
        ]
    finally:
        ledger.close()
    if not found:
        raise BadUsage("there is no label yet; nothing was written")
    if target.suffix.lower() == ".csv":
        count = labels.write_csv(target, found)
    else:
        count = _folder(target, [line for line, _ in found])
    print(f"{count:,} label{'s' if count != 1 else ''} written to {target}")
    if count < len(found):
        print(f"{len(found) - count:,} are of photos other than JPEG, which this form of names cannot hold; a CSV can")
    return 0


def _folder(target: Path, lines: list[Line]) -> int:
    """Copies of the labelled photos, named by their labels.  Raises BadUsage for a folder that holds something, BadLabels for a disk that refuses."""
    from photodiary.retrain.labels import name_of

    try:
        target.mkdir(parents=True, exist_ok=True)
        if any(target.iterdir()):
            raise BadUsage(f"{target} is not empty; give a new folder, or a file that ends in .csv")
        photos = [line for line in lines if line.file.suffix == ".jpg"]
        for number, line in enumerate(photos, start=1):
            shutil.copyfile(line.file, target / name_of(number, line.eyes))
    except OSError as error:
        raise BadLabels(f"{target}: cannot be written: {error.strerror}") from error
    return len(photos)
