"""A machine to install on: this one, with folders of its own laid over those that are written to, and a systemd that only notes what it is told."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
CLONED = ("deploy/install.sh", "deploy/system-packages.sh", "deploy/constraints.txt", "deploy/installing", "systemd", "pyproject.toml", "config.example.toml",
          "service/photodiary/__init__.py")  # fmt: skip
PYTHON = "/usr/bin/python3"
LAID_OVER = ("/etc", "/opt", "/usr/local", "/var/lib", "/home", "/run")
LAYING = """\
set -e
cd "$1"
for folder in {folders}; do
    mkdir -p "over$folder" "work$folder"
    mount -t overlay overlay -o "lowerdir=$folder,upperdir=$1/over$folder,workdir=$1/work$folder" "$folder"
done
if [ "$2" = yes ]; then mkdir -p /run/systemd/system; else rm -rf /run/systemd; fi
shift 2
exec "$@"
"""
PROGRAM = """\
#!{python}
import os, sys, tomllib
verb = sys.argv[1]
if verb == "version":
    print({version!r})
elif verb == "check-config":
    text = open(sys.argv[3]).read()
    tomllib.loads(text)
    if {refused!r} in text:
        print(sys.argv[3] + ": " + {refused!r} + " is not a setting any more")
        sys.exit(78)
"""
SYSTEMCTL = """\
#!/bin/sh
# Units that are enabled, and that run, are files; what is asked for is noted. `broken` holds what happens instead of a start.
state=$PHOTODIARY_TEST_SYSTEMD
[ "$1" = --user ] && shift
verb=$1 && shift
quiet=no
[ "${1:-}" = --quiet ] && quiet=yes && shift
[ "$quiet$verb" = nois-active ] || [ "$quiet" = yes ] || echo "$verb $*" >>"$state/said"
for unit in "$@"; do
    case $verb in
    is-active | is-enabled) [ -e "$state/$verb.$unit" ] || exit 3 ;;
    enable) touch "$state/is-enabled.$unit" ;;
    disable) rm -f "$state/is-enabled.$unit" ;;
    stop) rm -f "$state/is-active.$unit" ;;
    start | restart)
        [ "$unit" = photodiary-look.service ] && exit 1
        [ "$unit" = photodiary.service ] && [ -e "$state/broken" ] && sh "$state/broken" && exit 1
        touch "$state/is-active.$unit" ;;
    esac
done
exit 0
"""


@dataclass
class Machine:
    """folder: for what was written, as it would lie below / (`at`).  Not one of pytest's: those are closed to the users of this machine."""

    folder: Path

    def __post_init__(self) -> None:
        self.folder.chmod(0o755)
        self.systemd = self.folder / "systemd"
        self.bin = self.folder / "bin"
        for path in (self.systemd, self.bin):
            path.mkdir()
        (self.bin / "systemctl").write_text(SYSTEMCTL)
        (self.bin / "systemctl").chmod(0o755)
        (self.bin / "journalctl").write_text("#!/bin/sh\necho the journal of $2\n")
        (self.bin / "journalctl").chmod(0o755)
        self.clone = self.folder / "clone"
        for name in CLONED:
            target = self.clone / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if (REPOSITORY / name).is_dir():
                shutil.copytree(REPOSITORY / name, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(REPOSITORY / name, target)
        self.install_sh = str(self.clone / "deploy/install.sh")
        self.program = self.version("1.0")

    def version(self, version: str, refused: str = "\0") -> Path:
        """A venv with a program that answers as photodiary does, and refuses configurations with a word in them."""
        venv = self.folder / f"program-{version}"
        (venv / "bin").mkdir(parents=True)
        (venv / "bin/python").symlink_to(PYTHON)
        program = venv / "bin/photodiary"
        program.write_text(PROGRAM.format(python=PYTHON, version=version, refused=refused))
        program.chmod(0o755)
        return venv

    def at(self, path: str) -> Path:
        """Where something that was written lies."""
        return self.folder / f"over{path}"

    def call(self, *command: str, systemd: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """A command on the machine, as root.  systemd: whether it is at work there; where it is not, systemctl is the machine's own."""
        path = f"{f'{self.bin}:' if systemd else ''}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        kept = {"PATH": path, "LANG": "C.UTF-8", "HOME": "/root", "PHOTODIARY_TEST_SYSTEMD": str(self.systemd), "PHOTODIARY_INSTALL_VENV": str(self.program)}
        laying = LAYING.format(folders=" ".join(LAID_OVER))
        inside = ["unshare", "--mount", "--propagation", "private", "sh", "-c", laying, "sh", str(self.folder), "yes" if systemd else "no", *command]
        return subprocess.run(inside, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=kept | environment, timeout=60)

    def install(self, *arguments: str, systemd: bool = True) -> subprocess.CompletedProcess[str]:
        return self.call(self.install_sh, *arguments, systemd=systemd)

    def said_to_systemd(self) -> list[str]:
        """What systemctl was called with since the last time this was asked; without what it takes to try whether an inbox may be read."""
        file = self.systemd / "said"
        said = [line for line in file.read_text().splitlines() if "photodiary-look" not in line and line != "daemon-reload "] if file.exists() else []
        file.unlink(missing_ok=True)
        return said

    def tree(self) -> dict[str, tuple[int, int, int, int, str]]:
        """All that was written: owner, group, mode, time and content of each."""
        found = {}
        for above, folders, names in os.walk(self.folder / "over"):
            folders[:] = [name for name in folders if Path(above, name) != self.at("/run")]
            for path in (Path(above), *(Path(above, name) for name in names)):
                status = path.lstat()
                content = os.readlink(path) if path.is_symlink() else path.read_bytes().hex() if path.is_file() else ""
                when = 0 if path.is_dir() else status.st_mtime_ns
                found[str(path)] = (status.st_uid, status.st_gid, status.st_mode, when, content)
        return found


def why_not() -> str | None:
    """Why there can be no such machine here; None where there can."""
    if os.geteuid() != 0:
        return "not root"
    if subprocess.run([PYTHON, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"], check=False, capture_output=True).returncode != 0:
        return "the system's Python is older than 3.11"
    return None
