"""A machine of its own with a real systemd as its first process: in namespaces, on a throw-away copy of this machine's files.

    with Machine(folder) as machine: machine.call("systemctl", "start", "photodiary")

Needs root, systemd, and a kernel that lets us; `lacking` says what is not there.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

import structlog

from tests.support.daemon import ROOT

SYSTEMD = "/lib/systemd/systemd"
PYTHON = f"/opt/python/bin/python{sys.version_info.major}.{sys.version_info.minor}"
PROGRAM = f"""#!{PYTHON}
import sys
from pathlib import Path
if __name__ == "__main__":  # the rendering child imports this file again, and needs none of it
    from photodiary import cli
    from photodiary.run import models
    from tests.support.dots import DotLocator
    models.resident = lambda config, state="": DotLocator.in_force(state)
    extra = Path("/opt/photodiary/extra.py")
    if extra.exists():
        exec(extra.read_text())
    sys.exit(cli.main(sys.argv[1:]))
"""
USERS = {"photodiary": (901, "/var/lib/photodiary"), "bob": (902, "/home/bob")}
MASKED = """
    systemd-udevd.service systemd-udev-trigger.service systemd-udevd-kernel.socket systemd-udevd-control.socket systemd-networkd.service
    systemd-resolved.service systemd-timesyncd.service systemd-modules-load.service systemd-sysctl.service systemd-remount-fs.service getty.target
    systemd-logind.service dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount
    sys-fs-fuse-connections.mount proc-sys-fs-binfmt_misc.automount systemd-update-utmp.service systemd-random-seed.service systemd-firstboot.service
    systemd-machine-id-commit.service systemd-sysusers.service systemd-tmpfiles-setup-dev.service systemd-tmpfiles-setup.service systemd-binfmt.service
    ldconfig.service systemd-hwdb-update.service systemd-journal-catalog-update.service systemd-update-done.service dbus.service dbus.socket timers.target
""".split()  # noqa: SIM905 - a name a line would be a page

# $1: an empty folder, $2: of the Python that runs us, $3: its packages, $4: the project.  The mounts are seen in these namespaces alone, and go with them.
BOOT = """
set -eu
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$1"
mkdir "$1"/up "$1"/work "$1"/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/up,workdir=$1/work" "$1"/root
R="$1"/root
mkdir -p "$R"/opt/python "$R"/opt/photodiary/bin "$R"/opt/packages "$R"/opt/project "$R"/etc/photodiary "$R"/home/bob/Pictures "$R"/share
mount --bind "$2" "$R"/opt/python
mount --bind "$3" "$R"/opt/packages
mount --bind "$4" "$R"/opt/project
mount -t proc proc "$R"/proc
mount -t sysfs -o ro sysfs "$R"/sys
mount -t tmpfs -o mode=755 tmpfs "$R"/dev
for name in null zero full random urandom tty; do : > "$R"/dev/$name; mount --bind /dev/$name "$R"/dev/$name; done
mkdir "$R"/dev/pts "$R"/dev/shm
mount -t devpts devpts "$R"/dev/pts -o newinstance,ptmxmode=666
mount -t tmpfs -o mode=1777 tmpfs "$R"/dev/shm
ln -s /proc/self/fd "$R"/dev/fd
ln -s pts/ptmx "$R"/dev/ptmx
mount -t tmpfs -o mode=755 tmpfs "$R"/run
mount -t tmpfs -o mode=1777 tmpfs "$R"/tmp
mount -t cgroup2 cgroup2 "$R"/sys/fs/cgroup
mount --bind "$1.given" "$R"/share
cp -r "$1.given"/files/. "$R"/
chown -R 902:902 "$R"/home/bob
chmod 700 "$R"/home/bob
ip link set lo up 2>/dev/null || true
mkdir "$R"/old
cd "$R"
pivot_root . old
umount -l /old
mount --make-rshared /
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --unit=here.target --log-target=console --show-status=no \\
    < /dev/null > /share/console 2>&1
"""


def lacking() -> str | None:
    """What is missing here to have one."""
    if os.geteuid() != 0:
        return "only root may have a machine of its own"
    for program in ("unshare", "nsenter", "pivot_root"):
        if shutil.which(program) is None:
            return f"there is no {program} here"
    if not os.path.exists(SYSTEMD):
        return "there is no systemd here (Debian: apt-get install systemd)"
    if "overlay" not in Path("/proc/filesystems").read_text():
        return "this kernel has no overlay file system"
    tried = subprocess.run(["unshare", "--mount", "--pid", "--fork", "--cgroup", "--net", "true"], check=False, capture_output=True, text=True)
    return tried.stderr.strip() or None


class Machine:
    """folder: of the test.  What lies in `given` there is seen as /share."""

    def __init__(self, folder: Path) -> None:
        self._root = folder / "machine"
        self.given = folder / "machine.given"
        self._cgroup: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._first = 0

    def __enter__(self) -> Machine:
        self._root.mkdir()
        units = self._file("etc/systemd/system/here.target", "[Unit]\nRequires=basic.target\nAfter=basic.target\nAllowIsolate=yes\n").parent
        for name in MASKED:
            (units / name).symlink_to("/dev/null")
        for unit in (ROOT / "systemd/system").iterdir():
            shutil.copyfile(unit, units / unit.name)
        self._file("opt/photodiary/bin/photodiary", PROGRAM).chmod(0o755)
        lines = [f"{name}:x:{number}:{number}::{home}:/bin/sh\n" for name, (number, home) in USERS.items()]
        self._file("etc/passwd", Path("/etc/passwd").read_text() + "".join(lines))
        self._file("etc/group", Path("/etc/group").read_text() + "".join(f"{name}:x:{number}:\n" for name, (number, _) in USERS.items()))
        self._file("etc/machine-id", "0123456789abcdef0123456789abcdef\n")
        packages = Path(structlog.__file__).parents[1]
        arguments = [str(self._root), sys.base_prefix, str(packages), str(ROOT)]
        self._cgroup = _own_cgroup()
        enter = f"echo $$ > {self._cgroup}/cgroup.procs && " if self._cgroup is not None else ""
        namespaces = "unshare --mount --pid --fork --uts --ipc --net --cgroup --kill-child"
        self._process = subprocess.Popen(
            ["sh", "-c", f'{enter}exec {namespaces} sh -c "$0" sh "$@"', BOOT, *arguments], stdin=subprocess.DEVNULL, start_new_session=True
        )
        self._until_up()
        return self

    def _file(self, path: str, text: str) -> Path:
        file = self.given / "files" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def _until_up(self) -> None:
        assert self._process is not None
        end = time.monotonic() + 60
        while time.monotonic() < end and self._process.poll() is None:
            children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
            if children and Path(f"/proc/{children[0]}/comm").read_text().strip() == "systemd":
                self._first = int(children[0])
                if self.call("systemctl", "is-active", "--quiet", "here.target", check=False).returncode == 0:
                    return
            time.sleep(0.05)
        raise AssertionError(f"the machine does not come up: {self.console()[-2000:]}")

    def call(self, *command: str, check: bool = True, timeout: float = 90) -> subprocess.CompletedProcess[str]:
        """A program in the machine, as root."""
        inside = ["nsenter", "-t", str(self._first), "-m", "-p", "-u", "-i", "-n", "-C", "-r", "-w", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
        done = subprocess.run([*inside, *command], capture_output=True, text=True, timeout=timeout, check=False)
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}\n{self.console()[-2000:]}\n{self.journal()[-4000:]}"
        return done

    def show(self, unit: str, what: str) -> str:
        """A property of a unit."""
        return self.call("systemctl", "show", "--value", "-p", what, unit).stdout.strip()

    def until(self, unit: str, what: str, beginning: str, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not self.show(unit, what).startswith(beginning):
            assert time.monotonic() < end, f"{unit}: {what} is {self.show(unit, what)!r}, not {beginning!r}\n{self.journal()[-4000:]}"
            time.sleep(0.2)

    def journal(self) -> str:
        return self.call("journalctl", "--no-pager", "-o", "cat", check=False).stdout

    def console(self) -> str:
        console = self.given / "console"
        return console.read_text(errors="replace") if console.exists() else ""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)  # with the one that started it goes the first process, and with that one all others
            self._process.wait(20)
        end = time.monotonic() + 10
        while self._cgroup is not None and self._cgroup.exists() and time.monotonic() < end:
            for folder, _, _ in os.walk(self._cgroup, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(folder)
            time.sleep(0.05)


def _own_cgroup() -> Path | None:
    """A group of processes for the machine, where such groups can be made; without one it shares ours."""
    points = [line.split(" ")[1] for line in Path("/proc/self/mounts").read_text().splitlines() if line.split(" ")[2] == "cgroup2"]
    if not points:
        return None
    group = Path(points[0]) / f"photodiary-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError:
        return None
    return group
