"""Whose the service is: by default the inbox's owner's, so that new photos are readable to it and its owner's own commands work."""

from __future__ import annotations

import grp
import json
import os
import pwd
import re
import shlex
import subprocess
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from places import Trouble

OWN = "photodiary"
MADE_HERE = "photodiary (made by its install.sh)"
NOBODY = 65534


@dataclass(frozen=True)
class Account:
    """A user, by number too, since an inbox on a NAS may belong to a number without a name.  further: groups beyond those of the user."""

    uid: int
    gid: int
    further: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return str(self.uid)

    @property
    def group(self) -> str:
        try:
            return grp.getgrgid(self.gid).gr_name
        except KeyError:
            return str(self.gid)

    @property
    def groups(self) -> list[int]:
        try:
            return [*os.getgrouplist(pwd.getpwuid(self.uid).pw_name, self.gid), *self.further]
        except KeyError:
            return [self.gid, *self.further]

    @property
    def home(self) -> str:
        try:
            return pwd.getpwuid(self.uid).pw_dir
        except KeyError:
            return "/"


def caller() -> Account:
    return Account(os.getuid(), os.getgid())


def of(path: Path) -> Account:
    """Whom a path belongs to, in the user's own first group, or the path's where the user is a number without a name."""
    status = path.stat()
    try:
        return Account(status.st_uid, pwd.getpwuid(status.st_uid).pw_gid)
    except KeyError:
        return Account(status.st_uid, status.st_gid)


def named(user: str, group: str = "") -> Account | None:
    """By name or number, None where there is none of that name."""
    try:
        entry = pwd.getpwuid(int(user)) if user.isdigit() else pwd.getpwnam(user)
        uid, gid = entry.pw_uid, entry.pw_gid
    except KeyError:
        if not (user.isdigit() and group):
            return None
        uid, gid = int(user), -1
    if group:
        try:
            gid = int(group) if group.isdigit() else grp.getgrnam(group).gr_gid
        except KeyError:
            return None
    return Account(uid, gid)


def is_persons(uid: int) -> bool:
    """Whether a person logs in by it, rather than a service such as www-data or syncthing."""
    try:
        found = re.search(r"^UID_MIN\s+(\d+)", Path("/etc/login.defs").read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    except OSError:
        found = None
    if uid < (int(found[1]) if found else 1000) or uid == NOBODY:
        return False
    try:
        return not pwd.getpwuid(uid).pw_shell.endswith(("/nologin", "/false"))
    except KeyError:
        return True


def for_inbox(inbox: Path) -> tuple[Account | None, str]:
    """Whose the service should be, None for a user of its own, and why in words."""
    owner = of(inbox)
    if not is_persons(owner.uid):
        return None, f"{inbox} belongs to {owner.name}, which is not a person: the service gets a user of its own, {OWN}"
    return owner, f"the service runs as {owner.name}, whom {inbox} belongs to"


def make_own() -> Account:
    """The user of its own, made when there is none."""
    account = named(OWN)
    if account is None:
        command = ["useradd", "--system", "--user-group", "--home-dir", "/var/lib/photodiary", "--no-create-home", "--shell", "/usr/sbin/nologin",
                   "--comment", MADE_HERE, OWN]  # fmt: skip
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise Trouble(f"the user {OWN} cannot be made: {getattr(error, 'stderr', '') or error}; make it, and call this again") from error
        account = named(OWN)
    if account is None:
        raise Trouble(f"the user {OWN} was made, and is not there; look into /etc/passwd")
    return account


def remove_own() -> bool:
    """Remove the user that this program made.  Returns whether there was one."""
    try:
        ours = pwd.getpwnam(OWN).pw_gecos == MADE_HERE
    except KeyError:
        return False
    return ours and subprocess.run(["userdel", OWN], check=False, capture_output=True).returncode == 0


def as_account(account: Account, act: Callable[..., Any], *arguments: Any, before: Callable[[], None] | None = None) -> Any:
    """Call it in a process that has become that user, in the user's groups; what it returns is JSON.  Raises Trouble.

    What lies in folders of the user is only ever touched this way: as root, a link that the user laid there would lead us elsewhere.
    before: what is done as root yet, in the same process.
    """
    reading, writing = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reading)
            if before is not None:
                before()
            if os.geteuid() == 0:
                os.setgroups(account.groups)
                os.setgid(account.gid)
                os.setuid(account.uid)
            os.umask(0o077)
            answer: dict[str, Any] = {"said": act(*arguments)}
            status = 0
        except Trouble as error:
            answer = {"trouble": str(error), "status": error.status}
        except OSError as error:
            answer = {"trouble": f"{error.filename or 'the disk'}: {error.strerror} (as {account.name})", "status": 1}
        except BaseException:  # noqa: BLE001  a forked copy must not go on as the installer
            answer = {"trouble": traceback.format_exc(), "status": 1}
        with os.fdopen(writing, "w") as pipe:
            json.dump(answer, pipe)
        os._exit(status)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    answer = json.loads(text) if text else {"trouble": f"a step as {account.name} ended without an answer", "status": 1}
    if "trouble" in answer:
        raise Trouble(answer["trouble"], answer["status"])
    return answer["said"]


def run_as(account: Account, command: list[str], **more: Any) -> subprocess.CompletedProcess[str]:
    """A program as that user, without the environment of root."""
    rights: dict[str, Any] = {}
    if os.geteuid() == 0:
        rights = {"user": account.uid, "group": account.gid, "extra_groups": account.groups}
    kept = {key: value for key, value in os.environ.items() if key in ("PATH", "LANG", "LC_ALL", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")}
    try:
        return subprocess.run(command, check=False, capture_output=True, text=True, cwd="/", env={**kept, "HOME": account.home}, **rights, **more)
    except OSError as error:
        return subprocess.CompletedProcess(command, 127, "", f"{command[0]}: {error.strerror} (as {account.name})")


def folder_of(account: Account, folder: Path, *, as_root: bool) -> None:
    """Make a folder (0700) of that user, when it is not there.  as_root: where the user may not, root makes it, below a folder of root's."""
    try:
        as_account(account, _make, str(folder))
    except Trouble as error:
        parent = next(parent for parent in folder.parents if parent.exists())
        if not as_root or folder.exists() or parent.stat().st_uid != 0:
            make = ["chown", "-R", f"{account.name}:"] if folder.exists() else ["install", "-d", "-m", "700", "-o", account.name, "-g", account.group]
            help_ = shlex.join(["sudo", *make, str(folder)])
            raise Trouble(f"{error}; this helps: {help_}") from error
        for missing in reversed([folder, *(above for above in folder.parents if not above.exists())]):
            missing.mkdir(mode=0o755)
        os.chown(folder, account.uid, account.gid, follow_symlinks=False)
        folder.chmod(0o700)


def _make(folder: str) -> None:
    made = not os.path.isdir(folder)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    if not made and not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise PermissionError(13, "may not be written", folder)
    for path in (os.path.join(folder, name) for name in ("ledger.sqlite3", "originals", "frames", "films")):
        if os.path.exists(path) and not os.access(path, os.W_OK):
            raise PermissionError(13, "may not be written", path)
