"""The unit in a real systemd, the first process of a machine of its own: with all its walls the service starts, sees, works, is watched over and stops."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import machine
from tests.support.daemon import QUICK
from tests.support.dots import photo
from tests.support.machine import PYTHON, Machine

UNIT = "photodiary.service"
STALL = """
import time
from photodiary.run import loop
begin, hang = loop.Loop.__init__, Path("/var/lib/photodiary/hang")

def stalling(self, name, step, *more):
    begin(self, name, lambda: (time.sleep(600) if name == "locate" and hang.exists() else None, step())[1], *more)

loop.Loop.__init__, loop.LONGEST_SLEEP_S = stalling, 0.5
"""


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Machine]:
    why = machine.lacking()
    if why is not None:
        pytest.skip(why)
    with Machine(tmp_path) as made:
        yield made


def write(here: Machine, path: str, text: str) -> None:
    (here.given / "text").write_text(text)
    here.call("mkdir", "-p", str(Path(path).parent))
    here.call("cp", "/share/text", path)


@pytest.mark.slow
def test_the_service_works_behind_its_walls(here: Machine) -> None:
    """An inbox in somebody's 0700 home becomes film, also with photos that come later; nothing there can be written, the rest of the homes is not seen, and
    there is no network.  A stalled thread has systemd start it again, and it stops in good order."""
    write(
        here,
        "/etc/photodiary/config.toml",
        "state = '/var/lib/photodiary/state'\n" + QUICK.replace('"inbox"', '"/home/bob/Pictures"').replace('"archive"', '"/var/lib/photodiary/me"'),
    )
    environment = "Environment=PYTHONPATH=/opt/packages:/opt/project/service:/opt/project PYTHONHOME=/opt/python LD_LIBRARY_PATH=/opt/python/lib"
    own = f'[Service]\nUser=bob\nGroup=bob\nBindReadOnlyPaths="-/home/bob/Pictures"\n{environment}\n'
    for name in (UNIT, "photodiary-review.service"):
        write(here, f"/etc/systemd/system/{name}.d/10-inbox.conf", own)
    write(here, f"/etc/systemd/system/{UNIT}.d/20-quick.conf", "[Service]\nWatchdogSec=3s\nRestartSec=1s\n")
    write(here, "/opt/photodiary/extra.py", STALL)
    here.call("chown", "bob", "/etc/photodiary/config.toml")
    here.call("systemctl", "daemon-reload")

    here.call("systemctl", "start", UNIT, "photodiary-review.service")  # returns when it is ready
    assert (here.show(UNIT, "ActiveState"), here.show(UNIT, "StatusText")) == ("active", "0 frames, 0 to check, no film yet")
    for number in range(3):
        (here.given / f"{number}.jpg").write_bytes(photo(number))
        here.call("sh", "-c", f"cp /share/{number}.jpg /home/bob/.new && chown bob /home/bob/.new && mv /home/bob/.new /home/bob/Pictures/{number}.jpg")
    here.until(UNIT, "StatusText", "3 frames, 0 to check, film ")
    assert here.call("ls", "/var/lib/photodiary/me/films").stdout.split() == ["latest.mp4"]
    page = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8463/').status)"
    assert here.call("env", "PYTHONHOME=/opt/python", "LD_LIBRARY_PATH=/opt/python/lib", PYTHON, "-c", page).stdout == "200\n"

    main = here.show(UNIT, "MainPID")

    def within(command: str) -> str:
        done = here.call("nsenter", "-t", main, "-m", "-n", "-U", "--preserve-credentials", "sh", "-c", command, check=False)
        return done.stdout + done.stderr

    for path in ("/home/bob/Pictures/x", "/etc/x", "/opt/photodiary/x", "/usr/x"):
        assert "Read-only file system" in within(f"touch {path}"), path
    assert within("ls -A /home/bob /root").split() == ["/home/bob:", "Pictures", "/root:"]
    assert [line.split(":")[0].strip() for line in within("cat /proc/net/dev").splitlines()[2:]] == ["lo"]
    filters = {
        pid: [
            line.split()[1] for line in here.call("cat", f"/proc/{pid}/status").stdout.splitlines() if line.startswith(("CapBnd", "CapEff", "Seccomp_filters"))
        ]
        for pid in here.call("cat", f"/sys/fs/cgroup/system.slice/{UNIT}/cgroup.procs").stdout.split()
    }
    assert all(rights[:2] == ["0" * 16] * 2 and int(rights[2]) > 0 for rights in filters.values()), filters
    assert max(int(rights[2]) for rights in filters.values()) == int(filters[main][2]) + 1, "a worker has a filter of its own besides"

    here.call("touch", "/var/lib/photodiary/hang")
    here.until(UNIT, "NRestarts", "1")
    here.call("rm", "/var/lib/photodiary/hang")
    here.until(UNIT, "SubState", "running")
    told = here.journal()
    assert "error: the locate loop does not move any more" in told and "Fatal Python error: Aborted" in told, told[-4000:]
    here.until(UNIT, "StatusText", "3 frames")
    here.call("systemctl", "stop", UNIT)
    assert (here.show(UNIT, "Result"), here.show(UNIT, "ExecMainStatus")) == ("success", "0")
