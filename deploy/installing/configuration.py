"""config.toml: written once, added to later, never rewritten; what a person set stays as it is, to the letter."""

from __future__ import annotations

import json
import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accounts import Account, as_account, run_as
from places import RESERVED, Places, Trouble

HEAD = """\
# photodiary. Every setting, explained: {example}
timezone = {zone}
state = {state}

"""
DIARY = """\
[diary.{name}]
inbox = {inbox}    # photos arrive here; never written to
archive = {archive}    # copies of the photos, frames, films and the diary database
"""


@dataclass(frozen=True)
class Diary:
    name: str
    inbox: Path
    archive: Path


@dataclass(frozen=True)
class Configuration:
    """What the installer needs to know of a configuration; paths are absolute."""

    diaries: tuple[Diary, ...]
    timezone: str
    state: str
    also_read: tuple[Path, ...]
    also_written: tuple[Path, ...]
    notifies: bool
    learns_by_timer: bool
    page: str


def read(places: Places, account: Account) -> Configuration | None:
    """None where there is none.  Raises Trouble when it cannot be understood."""
    try:
        data = tomllib.loads(places.config.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Trouble(f"{places.config}: cannot be read: {error}; correct it, and call this again", 78) from error

    def path(text: Any) -> Path:
        text = str(text)
        text = account.home + text[1:] if text == "~" or text.startswith("~/") else text
        return Path(os.path.abspath(places.config.parent / text))

    def table(name: str) -> dict[str, Any]:
        found = data.get(name)
        return found if isinstance(found, dict) else {}

    diaries = [
        Diary(name, path(diary["inbox"]), path(diary["archive"]))
        for name, diary in table("diary").items()
        if isinstance(diary, dict) and "inbox" in diary and "archive" in diary
    ]
    state = str(data.get("state") or ("" if places.user else places.state))
    also_read = [path(found) for found in (table("retrain").get("rehearsal"), table("locate").get("model")) if found]
    written = [path(state)] if state and path(state) != places.state and places.state not in path(state).parents else []
    if table("metrics").get("textfile"):
        written.append(path(table("metrics")["textfile"]).parent)
    page = table("review")
    return Configuration(
        tuple(diaries), str(data.get("timezone", "UTC")), state, tuple(also_read), tuple(written),
        bool(table("notify").get("urls") or table("notify").get("exec")), table("retrain").get("by") == "timer",
        str(page.get("url") or f"http://{page.get('host', '127.0.0.1')}:{page.get('port', 8463)}"),
    )  # fmt: skip


def local_zone() -> str:
    """The machine's time zone by its name, UTC when that can't be told."""
    linked = os.path.realpath("/etc/localtime")
    if "/zoneinfo/" in linked:
        return linked.split("/zoneinfo/", 1)[1].removeprefix("posix/")
    try:
        return Path("/etc/timezone").read_text(encoding="ascii").strip() or "UTC"
    except OSError:
        return "UTC"


def with_diary(old: Configuration | None, places: Places, name: str, inbox: Path, archive: Path | None, zone: str | None) -> str:
    """What is to be added to the file; empty where it says so already.  Raises Trouble where it says something else, which is a person's to change."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise Trouble(f"--diary {name!r}: a diary's name has letters, digits, - and _ only", 64)
    known = next((diary for diary in old.diaries if diary.name == name), None) if old else None
    if known is not None:
        for key, wanted, is_ in (("inbox", inbox, known.inbox), ("archive", archive, known.archive)):
            if wanted is not None and os.path.realpath(is_) != os.path.realpath(wanted):
                raise Trouble(f"{places.config}: the diary {name} has {is_} as its {key}; change it there and call this again without --{key}, "
                              "or give the new diary another name with --diary", 64)  # fmt: skip
        if zone is not None and old is not None and zone != old.timezone:
            raise Trouble(f"{places.config}: the time zone is {old.timezone}; change it there", 64)
        return ""
    if archive is None:
        if name in RESERVED or name.startswith("venv"):
            raise Trouble(f"--diary {name}: {places.state / name} is used otherwise; take another name, or name an --archive", 64)
        archive = places.state / name
    text = DIARY.format(name=name, inbox=quoted(str(inbox)), archive=quoted(str(archive)))
    if old is not None:
        return "\n" + text + (f"timezone = {quoted(zone)}\n" if zone is not None and zone != old.timezone else "")
    head = HEAD.format(example=places.program / "config.example.toml", zone=quoted(zone or local_zone()), state=quoted(str(places.learnt)))
    return head + text


def quoted(text: str) -> str:
    """A TOML basic string.  Control characters were refused before."""
    return json.dumps(text, ensure_ascii=False)


def check(places: Places, account: Account, program: Path, file: Path | None = None) -> str:
    """What the program says against a configuration; empty: nothing."""
    done = run_as(account, [str(program), "check-config", "--config", str(file or places.config)])
    return "" if done.returncode == 0 else (done.stdout + done.stderr).strip().replace(str(file or places.config), str(places.config))


def add(places: Places, account: Account, text: str, program: Path) -> None:
    """Add to the file, or begin it, once the program agrees; nothing is changed else.  Raises Trouble."""
    as_account(_writer(places, account), _write_beside, str(places.config), text, account.uid, account.gid)
    beside = places.config.with_name(".config.toml.new")
    try:
        said = check(places, account, program, beside)
        if said:
            raise Trouble(f"the configuration would not be right:\n{said}", 78)
        as_account(_writer(places, account), os.replace, str(beside), str(places.config))
    except Trouble:
        as_account(_writer(places, account), _remove, str(beside))
        raise


def _writer(places: Places, account: Account) -> Account:
    """Whoever owns the folder writes in it."""
    status = places.config.parent.stat()
    return account if status.st_uid == account.uid else Account(status.st_uid, status.st_gid)


def _write_beside(config: str, text: str, uid: int, gid: int) -> None:
    beside = os.path.join(os.path.dirname(config), ".config.toml.new")
    _remove(beside)
    mode = 0o600
    old = ""
    if os.path.exists(config):
        status = os.stat(config)
        uid, gid, mode = status.st_uid, status.st_gid, status.st_mode & 0o777
        with open(config, encoding="utf-8") as handle:
            old = handle.read()
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w", encoding="utf-8") as handle:
        if os.geteuid() == 0:
            os.fchown(handle.fileno(), uid, gid)
        os.fchmod(handle.fileno(), mode)
        handle.write(old + ("" if not old or old.endswith("\n") else "\n") + text)
        handle.flush()
        os.fsync(handle.fileno())


def _remove(path: str) -> None:
    if os.path.lexists(path):
        os.unlink(path)
