"""Where everything lies: for the whole machine, or for one user alone.  What stands here is known to the units in systemd/ as well."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

CLONE = Path(__file__).resolve().parent.parent.parent
RESERVED = ("state", "venv", "bin", "units")  # names of our own in the folders where diaries lie by default


class Trouble(Exception):
    """It cannot be done.  Its text tells what, about which file, and what to do; `status` is the exit status."""

    def __init__(self, text: str, status: int = 1) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True)
class Places:
    """user: for one user alone.  program: venvs and links.  state: where archives lie by default.  units: where systemd looks.  command: what people call."""

    user: bool
    program: Path
    config: Path
    state: Path
    units: Path
    command: Path

    @property
    def learnt(self) -> Path:
        """The folder of models and keys, beside the archives and not around them."""
        return self.state / "state"

    @property
    def shipped(self) -> Path:
        """The units of this clone."""
        return CLONE / "systemd" / ("user" if self.user else "system")

    @property
    def pristine(self) -> Path:
        """Copies of the units as they were installed, which tell what a person has changed in them since."""
        return self.program / "units"

    @property
    def venv(self) -> Path:
        """A link to the venv in force; a venv is never moved, since its programs name it."""
        return self.program / "venv"

    @property
    def python(self) -> Path:
        return self.venv / "bin" / "python"


def for_all() -> Places:
    return Places(False, Path("/opt/photodiary"), Path("/etc/photodiary/config.toml"), Path("/var/lib/photodiary"), Path("/etc/systemd/system"),
                  Path("/usr/local/bin/photodiary"))  # fmt: skip


def for_user() -> Places:
    home = Path(os.environ.get("HOME") or pwd.getpwuid(os.getuid()).pw_dir)
    share = home / ".local/share/photodiary"
    return Places(True, share, home / ".config/photodiary/config.toml", share, home / ".config/systemd/user", home / ".local/bin/photodiary")


def folder_said(text: str, what: str) -> Path:
    """A folder that a person named, absolute and without links, since the service may not see what they lead through.  Raises Trouble."""
    if any(ord(letter) < 32 or 0x7F <= ord(letter) < 0xA0 or 0xD800 <= ord(letter) < 0xE000 for letter in text) or not text.strip():
        raise Trouble(f"{what} {text!r}: a line break, another control character or a name that is not UTF-8 cannot stand in the configuration; rename it", 64)
    return Path(os.path.realpath(Path(text).expanduser()))
