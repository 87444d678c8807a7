"""Makes an inbox readable to the service, and proves it."""

from __future__ import annotations

import dataclasses
import grp
import os
import pwd
import shlex
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import look
import units
from accounts import Account, as_account, is_persons
from places import Places

DEFAULT = "system.posix_acl_default"


def proof(places: Places, account: Account, inbox: Path, walls: units.Walls) -> dict[str, Any]:
    """What the service could read of an inbox: asked of systemd itself, within the unit's walls, where it runs; else by a process like it."""
    if places.user:
        return look.look(str(inbox))
    if units.is_running(places):
        answer = units.looked(places, inbox)
        if answer is not None:
            return answer
    shown = [str(path) for path in (*walls.read, *walls.written_hidden) if path.exists()]
    like_it = dataclasses.replace(account, further=tuple(grp.getgrnam(name).gr_gid for name in walls.groups))
    said: dict[str, Any] = as_account(like_it, look.look, str(inbox), before=lambda: look.behind_walls(units.HIDDEN, shown))
    return said


def _first_group(uid: int) -> int | None:
    try:
        return pwd.getpwuid(uid).pw_gid
    except KeyError:
        return None


def is_proved(answer: dict[str, Any]) -> bool:
    return answer["trouble"] is None and answer["closed"] == 0


def group_of(account: Account, inbox: Path) -> str | None:
    """The group by which the service may read an inbox of a service such as Nextcloud, when what comes later has it as well; None: not by a group."""
    status = inbox.stat()
    if status.st_uid == account.uid or status.st_gid == 0 or status.st_gid in account.groups or is_persons(status.st_uid) or status.st_mode & 0o050 != 0o050:
        return None
    above = [] if units.is_hidden(inbox) else [folder.stat() for folder in inbox.parents]
    if status.st_mode & 0o005 == 0o005 and all(folder.st_mode & 0o001 for folder in above):
        return None  # open to everybody
    if not all(folder.st_mode & 0o001 or (folder.st_gid == status.st_gid and folder.st_mode & 0o010) for folder in above):
        return None  # closed to the group further up
    from_now_on = status.st_mode & stat.S_ISGID or _first_group(status.st_uid) == status.st_gid
    try:
        return grp.getgrgid(status.st_gid).gr_name if from_now_on else None
    except KeyError:
        return None


def granting(account: Account, inbox: Path, places: Places) -> list[list[str]]:
    """The commands that let the service read an inbox of somebody else's, also files that arrive later."""
    who = f"u:{account.name}"
    commands = [["setfacl", "-R", "-P", "-m", f"{who}:rX,d:{who}:rX", str(inbox)]]
    if units.is_hidden(inbox):
        return commands  # it is bound into the service's own view: the folders above don't count
    for folder in reversed(inbox.parents):
        try:
            as_account(account, os.stat, str(folder / "."))
        except Exception:  # noqa: BLE001  whatever the reason, the service does not get through
            commands.append(["setfacl", "-m", f"{who}:x", str(folder)])
    return commands


def in_words(commands: list[list[str]]) -> str:
    """One line for a person to call."""
    return "sudo " + " && sudo ".join(shlex.join(command) for command in commands)


def grant(commands: list[list[str]]) -> str:
    """Call them.  Returns what went wrong, empty when nothing did."""
    if shutil.which("setfacl") is None and shutil.which("apt-get") is not None:
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "acl"], check=False, capture_output=True)
    if shutil.which("setfacl") is None:
        return "setfacl is not installed (package acl)"
    for command in commands:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            return done.stderr.strip() or f"{command[0]} failed"
    return ""


def stays(account: Account, inbox: Path, group: str | None) -> tuple[bool, str]:
    """Whether files that arrive later will be readable too, and why in words."""
    status = inbox.stat()
    if status.st_uid == account.uid:
        return True, f"what arrives later belongs to {account.name} too"
    if group is not None:
        return True, f"what arrives later belongs to the group {group} too"
    try:
        default = os.getxattr(inbox, DEFAULT)
    except OSError:
        default = b""
    if default:
        return True, "what arrives later inherits the right to be read (an ACL), unless it is written for its owner alone (mode 0600)"
    return False, "files that arrive later are readable only when they are written for everybody"
