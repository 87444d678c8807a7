"""The units of the service, and what this machine adds to them in a drop-in: whose they are, and which folders they see."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accounts import Account
from configuration import Configuration
from places import Places, Trouble

SERVICE = "photodiary.service"
PAGE = "photodiary-review.service"
MESSAGES = "photodiary-notify.service"
LEARNING = "photodiary-retrain.timer"
DROP_IN = "10-inbox.conf"
HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")
"""What the units show nothing of (ProtectHome=tmpfs, PrivateTmp=yes) but what is bound there."""
LOOKING = "photodiary-look.service"
WALLS = ("User", "Group", "SupplementaryGroups", "Protect", "Private", "Restrict", "Bind", "ReadOnly", "ReadWrite", "Inaccessible", "TemporaryFileSystem",
         "NoNewPrivileges", "Capability", "UMask", "StateDirectory", "NoExec", "Mount", "IPAddress", "SystemCallArchitectures", "LockPersonality")  # fmt: skip


def is_hidden(path: Path) -> bool:
    return any(path.is_relative_to(root) for root in HIDDEN)


@dataclass(frozen=True)
class Walls:
    """read: hidden paths that are shown.  written_hidden: hidden paths that may be written.  written: others that may.  groups: further ones."""

    read: tuple[Path, ...]
    written_hidden: tuple[Path, ...]
    written: tuple[Path, ...]
    groups: tuple[str, ...]


def walls(places: Places, configuration: Configuration, groups: Sequence[str]) -> Walls:
    """What the service must see and write beyond the unit, as the configuration has it."""
    read = {diary.inbox for diary in configuration.diaries} | set(configuration.also_read)
    archives = {diary.archive for diary in configuration.diaries} | set(configuration.also_written)
    own = {path for path in archives if path.is_relative_to(places.state)}
    return Walls(
        tuple(sorted(path for path in read if is_hidden(path))), tuple(sorted(path for path in archives if is_hidden(path))),
        tuple(sorted(path for path in archives - own if not is_hidden(path))), tuple(sorted(set(groups))),
    )  # fmt: skip


def drop_in(account: Account, seen: Walls) -> str:
    """Paths with "-" may be missing: an inbox that is not there is something that the service says, not a reason not to start."""
    lines = [
        "# Written by deploy/install.sh from config.toml: call it again after changing an inbox or an archive there.",
        "# Settings of your own for the unit: systemctl edit photodiary",
        "[Unit]", "After=remote-fs.target", "", "[Service]", f"User={account.name}", f"Group={account.group}",
    ]  # fmt: skip
    if seen.groups:
        lines.append("SupplementaryGroups=" + " ".join(seen.groups))
    for key, paths in (("BindReadOnlyPaths", seen.read), ("BindPaths", seen.written_hidden), ("ReadWritePaths", seen.written)):
        lines += [f"{key}={escaped(path)}" for path in paths]
    return "\n".join(lines) + "\n"


def escaped(path: Path) -> str:
    """A path as one word of a unit file: specifiers, quotes, backslashes and the colon that parts source and destination are only letters of it."""
    text = str(path)
    for letter, meant in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), (":", "\\:")):
        text = text.replace(letter, meant)
    return f'"-{text}"'


def shipped(places: Places) -> list[Path]:
    found = sorted(path for path in places.shipped.glob("photodiary*") if path.suffix in (".service", ".timer", ".socket", ".path", ".target"))
    if not any(path.name == SERVICE for path in found):
        raise Trouble(f"{places.shipped}: the units are not there; call install.sh from a whole clone")
    return found


def install(places: Places, account: Account, seen: Walls | None) -> list[str]:
    """Bring units and drop-ins up to date.  Returns the units of which something changed.

    A unit that somebody changed by hand stays as it is, and is told.
    """
    changed = []
    places.pristine.mkdir(parents=True, exist_ok=True)
    places.units.mkdir(parents=True, exist_ok=True)
    for source in shipped(places):
        target, pristine = places.units / source.name, places.pristine / source.name
        content = source.read_text(encoding="utf-8")
        there = target.read_text(encoding="utf-8") if target.exists() else None
        before = pristine.read_text(encoding="utf-8") if pristine.exists() else None
        if there is not None and there not in (content, before):
            print(f"{target} was changed by hand and stays as it is; the new one is {pristine}", file=sys.stderr)
        elif written(target, content):
            changed.append(source.name)
        written(pristine, content)
        if seen is not None and source.suffix == ".service" and written(places.units / f"{source.name}.d" / DROP_IN, drop_in(account, seen)):
            changed.append(source.name)
    for pristine in places.pristine.iterdir():  # what this version has no more
        if not (places.shipped / pristine.name).exists():
            _remove_unit(places, pristine.name)
    return changed


def written(path: Path, content: str) -> bool:
    """Whether it was another content before."""
    if path.exists() and path.read_text(encoding="utf-8") == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(content, encoding="utf-8")
    beside.replace(path)
    return True


def _remove_unit(places: Places, name: str) -> None:
    systemctl(places, "disable", name)
    for path in (places.units / name, places.units / f"{name}.d" / DROP_IN, places.pristine / name):
        path.unlink(missing_ok=True)
    folder = places.units / f"{name}.d"
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def remove(places: Places) -> None:
    """Stop, disable and remove what was installed."""
    names = [path.name for path in places.pristine.iterdir()] if places.pristine.is_dir() else [path.name for path in shipped(places)]
    if is_running(places):
        systemctl(places, "stop", *names)
    for name in names:
        _remove_unit(places, name)
    if is_running(places):
        systemctl(places, "daemon-reload")
        systemctl(places, "reset-failed", *names)


def account_of(places: Places) -> tuple[str, str] | None:
    """User and group of the drop-in that is installed."""
    said = _dropped_in(places)
    return (said["User"], said.get("Group", "")) if "User" in said else None


def groups_of(places: Places) -> list[str]:
    """Further groups of the drop-in that is installed."""
    return _dropped_in(places).get("SupplementaryGroups", "").split()


def _dropped_in(places: Places) -> dict[str, str]:
    try:
        lines = (places.units / f"{SERVICE}.d" / DROP_IN).read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    return dict(line.split("=", 1) for line in lines if line.startswith(("User=", "Group=", "SupplementaryGroups=")))


def is_running(places: Places) -> bool:
    """Whether there is a systemd to start anything."""
    if shutil.which("systemctl") is None or not os.path.isdir("/run/systemd/system"):
        return False
    return not places.user or systemctl(places, "show-environment").returncode == 0


def systemctl(places: Places, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Its answer; as if it had failed where there is none."""
    if shutil.which("systemctl") is None:
        return subprocess.CompletedProcess(["systemctl"], 1, "", "there is no systemctl")
    return subprocess.run(["systemctl", *(["--user"] if places.user else []), *arguments], check=False, capture_output=True, text=True)


def active(places: Places) -> list[str]:
    """Our units that run."""
    names = [path.name for path in shipped(places)]
    return [name for name in names if systemctl(places, "is-active", "--quiet", name).returncode == 0]


def looked(places: Places, inbox: Path) -> dict[str, Any] | None:
    """What a unit with the very walls of the service reads of an inbox; None when systemd would not run it."""
    lines = []
    for file in (places.units / SERVICE, *sorted((places.units / f"{SERVICE}.d").glob("*.conf"))):
        lines += [line for line in file.read_text(encoding="utf-8").splitlines() if line.startswith(WALLS)]
    folder = Path(tempfile.mkdtemp(prefix="photodiary-look-", dir="/run"))
    unit = Path("/run/systemd/system") / LOOKING
    try:
        folder.chmod(0o755)
        program = folder / "look.py"
        program.write_bytes(Path(__file__).with_name("look.py").read_bytes())
        asked = escaped(inbox).removeprefix('"-').replace("\\:", ":").replace("$", "$$")
        command = f'ExecStart={sys.executable} -E -s -B {program} "{asked}'
        unit.write_text("\n".join(["[Service]", "Type=oneshot", f"StandardOutput=file:{folder}/answer", command, *lines, ""]), encoding="utf-8")
        systemctl(places, "daemon-reload")
        if systemctl(places, "start", LOOKING).returncode != 0:
            return None
        answer: dict[str, Any] = json.loads((folder / "answer").read_text(encoding="utf-8"))
        return answer
    except (OSError, ValueError):
        return None
    finally:
        unit.unlink(missing_ok=True)
        systemctl(places, "daemon-reload")
        shutil.rmtree(folder, ignore_errors=True)
