"""`photodiary init`: the shortest configuration that works."""

from __future__ import annotations

import os
from pathlib import Path

from photodiary.errors import BadUsage, StorageTrouble

CONFIG = "config.toml"
TEMPLATE = """\
# photodiary; every setting with its explanation: config.example.toml
timezone = "{zone}"

[diary.me]
inbox = "inbox"        # photos arrive here (Syncthing, Nextcloud, Dropbox, rsync); never written to
archive = {archive}    # copies of the photos, frames, films and the diary database
"""


def local_zone() -> str:
    """The machine's time zone by its name, UTC when that can't be told."""
    linked = os.path.realpath("/etc/localtime")
    if "/zoneinfo/" in linked:
        return linked.split("/zoneinfo/", 1)[1].removeprefix("posix/")
    try:
        return Path("/etc/timezone").read_text(encoding="ascii").strip() or "UTC"
    except OSError:
        return "UTC"


def init(folder: Path) -> str:
    """Write DIR/config.toml, DIR/inbox and DIR/archive.  Returns the next step in words.  Raises BadUsage when there is one already."""
    config = write(folder, TEMPLATE.format(zone=local_zone(), archive='"archive"'))
    try:
        (folder / "archive").mkdir(exist_ok=True, mode=0o700)
    except OSError as error:
        raise StorageTrouble(f"{folder}: cannot be written: {error.strerror}") from error
    return f"wrote {config}\nphotos go into {folder / 'inbox'}, the film will be {folder / 'archive/films/latest.mp4'}\nnext: photodiary run --config {config}"


def write(folder: Path, text: str) -> Path:
    """A configuration with its inbox beside it.  Returns where it is.  Raises BadUsage when there is one already, StorageTrouble."""
    config = folder / CONFIG
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with config.open("x", encoding="utf-8") as handle:
            handle.write(text)
        (folder / "inbox").mkdir(exist_ok=True)
    except FileExistsError as error:
        raise BadUsage(f"{config}: is there already; nothing was changed") from error
    except OSError as error:
        raise StorageTrouble(f"{folder}: cannot be written: {error.strerror}") from error
    return config
