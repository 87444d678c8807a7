"""What the measurements of this folder share: the real daemon in a process of its own, what its processes cost, and the machine that it ran on."""

from __future__ import annotations

import contextlib
import os
import platform
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-m", "photodiary"]
CONFIG = 'timezone = "UTC"\n[diary.me]\ninbox = "inbox"\narchive = "archive"\n'
NO_RENDER = "[render]\nafter_quiet_s = 86400\nat_latest_s = 86400\nfirst_after = 1000000\n"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "service"), "CUDA_VISIBLE_DEVICES": ""}
READY_WITHIN_S = 5.0  # after the log says that it watches: a daemon that has not sent READY by then does not send it
POLL_S = 0.004


def cpu_s(pid: int) -> float:
    """Seconds of processor that a process and its ended threads have taken so far, to the nanosecond; 0 for one that is gone."""
    try:
        return time.clock_gettime((~pid << 3) | 2)  # the clock of another process, as clock_getcpuclockid(3) makes it
    except OSError:
        return 0.0


def of_ended(pid: int) -> float:
    """Seconds of processor of the children that a process has had and that have ended, to a hundredth."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def children(pid: int) -> list[int]:
    found = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def workers(pid: int) -> list[int]:
    """Its processes that read photos."""
    return [child for child in children(pid) if b"photodiary.darkroom.worker" in _command(child)]


def _command(pid: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


@dataclass(frozen=True)
class Memory:
    """Of one process, in MB of a million bytes: resident, its own share of it, and anonymous (not from files)."""

    resident: float
    share: float
    anonymous: float

    def __str__(self) -> str:
        return f"{self.anonymous:.0f} MB anonymous, {self.resident:.0f} resident, {self.share:.0f} its own share"


def memory(pid: int) -> Memory:
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    return Memory(*(int(lines[key].split()[0]) * 1024 / 1e6 for key in ("Rss", "Pss", "Anonymous")))


@dataclass
class Service:
    """The daemon on a diary in a folder, started as a user's system starts it: nothing of it is loaded before."""

    folder: Path
    config: str = CONFIG
    environment: dict[str, str] = field(default_factory=lambda: dict(ENVIRONMENT))
    command: list[str] = field(default_factory=lambda: list(PROGRAM))

    def __post_init__(self) -> None:
        self.inbox, self.archive, self.log = self.folder / "inbox", self.folder / "archive", self.folder / "daemon.log"
        self.inbox.mkdir(parents=True, exist_ok=True)
        (self.folder / "config.toml").write_text(self.config)
        self._process: subprocess.Popen[bytes] | None = None

    # -- its life ----------------------------------------------------------------------------------------------------------

    def start(self, within_s: float = 240) -> float:
        """Start it and wait until it says READY to systemd, or where it does not, until its log says that it watches.  Returns the seconds."""
        place = self.folder / "notify"
        place.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as hears:
            hears.bind(str(place))
            hears.settimeout(0.02)
            environment = {**self.environment, "NOTIFY_SOCKET": str(place)}
            begun = time.monotonic()
            with self.log.open("wb") as log:
                command = [*self.command, "run", "--config", str(self.folder / "config.toml")]
                self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
            return self._heard(hears, begun, within_s)

    def _heard(self, hears: socket.socket, begun: float, within_s: float) -> float:
        watches: float | None = None
        self.by_notify = False
        while True:
            with contextlib.suppress(TimeoutError):
                if b"READY=1" in hears.recv(65_536).split(b"\n"):
                    self.by_notify = True
                    threading.Thread(target=_listen, args=(hears.dup(),), daemon=True).start()
                    return time.monotonic() - begun
            now = time.monotonic() - begun
            if watches is None and " watches " in self.told():
                watches = now
            if watches is not None and now > watches + READY_WITHIN_S:
                return watches
            if self._process is None or self._process.poll() is not None or now > within_s:
                raise RuntimeError(f"the daemon did not come up\n{self.told()[-3000:]}")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def stop(self) -> int:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.stop()

    def told(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    # -- what it costs -----------------------------------------------------------------------------------------------------

    def spent(self) -> tuple[float, float, float]:
        """Seconds of processor so far: of the main process, of the processes that read photos, of children that have ended (films)."""
        return cpu_s(self.pid), sum(cpu_s(worker) for worker in workers(self.pid)), of_ended(self.pid)

    def verb(self, *arguments: str, timeout: float = 600) -> tuple[float, float, str]:
        """A verb as a user calls it: wall and processor seconds, and what it printed.  Raises CalledProcessError."""
        return timed([*self.command, *arguments, "--config", str(self.folder / "config.toml")], self.environment, timeout)

    # -- what its diary says -----------------------------------------------------------------------------------------------

    def ask(self, query: str) -> list[tuple[object, ...]]:
        """A query of the diary database, read only."""
        with contextlib.closing(sqlite3.connect(f"file:{self.archive}/ledger.sqlite3?mode=ro", uri=True, timeout=30)) as db:
            return db.execute(query).fetchall()

    def until(self, true: Callable[[], bool], what: str, within_s: float = 600, every_s: float = 0.05) -> float:
        """Wait for something; returns when it was so, on the monotonic clock.  Raises RuntimeError."""
        end = time.monotonic() + within_s
        while not true():
            if time.monotonic() > end or self._process is None or self._process.poll() is not None:
                raise RuntimeError(f"not within {within_s:g} s: {what}\n{self.told()[-3000:]}")
            time.sleep(every_s)
        return time.monotonic()

    def framed(self) -> int:
        """How many photos have a frame that is durable: its file is there whatever happens, and the diary knows it."""
        return int(str(self.ask("SELECT count(*) FROM photos WHERE frame IS NOT NULL AND stage IN ('aligned', 'doubtful')")[0][0]))

    def through(self, photos: int) -> bool:
        """Whether so many photos are in the diary, and none of them waits for its eyes or its frame."""
        if not (self.archive / "ledger.sqlite3").exists():
            return False
        with contextlib.suppress(sqlite3.OperationalError):  # its tables are being made
            total, waiting = self.ask("SELECT count(*), count(*) FILTER (WHERE stage IN ('received', 'located')) FROM photos")[0]
            return int(str(total)) >= photos and waiting == 0
        return False

    def film(self) -> int:
        """How many photos the newest film shows."""
        rows = self.ask("SELECT frames FROM reels WHERE path = 'films/latest.mp4' ORDER BY id DESC LIMIT 1")
        return int(str(rows[0][0])) if rows else 0

    def arrivals(self) -> Arrivals:
        return Arrivals(self.archive / "ledger.sqlite3")


def _listen(hears: socket.socket) -> None:
    """Whoever sends to systemd must never wait for it."""
    hears.settimeout(None)
    with contextlib.suppress(OSError):
        while hears.recv(65_536):
            pass


class Arrivals:
    """Waits for single photos without costing much: the database's own counter says when it has changed."""

    def __init__(self, ledger: Path) -> None:
        self._db = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True, isolation_level=None, timeout=30)

    def framed(self, sha256: str, within_s: float = 60) -> float | None:
        """When (monotonic) a photo's frame is durable; None for a photo that gets none until a person has checked it.  Raises RuntimeError."""
        end, before = time.monotonic() + within_s, -1
        while time.monotonic() < end:
            version = self._db.execute("PRAGMA data_version").fetchone()[0]
            if version != before:
                before = version
                row = self._db.execute("SELECT frame, stage FROM photos WHERE sha256 = ? AND stage NOT IN ('received', 'located')", (sha256,)).fetchone()
                if row is not None:
                    return None if row[0] is None else time.monotonic()
            time.sleep(POLL_S)
        raise RuntimeError(f"a photo is not through within {within_s:g} s")

    def close(self) -> None:
        self._db.close()


def timed(command: list[str], environment: dict[str, str] | None = None, timeout: float = 600) -> tuple[float, float, str]:
    """Wall and processor seconds of a program and its children, and what it printed.  Raises CalledProcessError."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=timeout)
    wall, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, said.stdout


@contextlib.contextmanager
def serving(folder: Path, config: str = CONFIG, **settings: str) -> Iterator[Service]:
    """A service that is stopped at the end.  settings: further environment."""
    service = Service(folder, config, {**ENVIRONMENT, **settings})
    try:
        yield service
    finally:
        service.close()


def machine() -> str:
    """In a line: processor, cores, memory, kernel, Python, and how busy it is with other things."""
    model = next(
        (line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), platform.machine()
    )
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    flags = "with AVX512-BF16" if "avx512_bf16" in Path("/proc/cpuinfo").read_text() else "without AVX512-BF16"
    return (
        f"{len(os.sched_getaffinity(0))} cores of {model} ({flags}), {memory_gb:.0f} GB, Linux {platform.release()}, Python {platform.python_version()}; "
        f"at the start load {os.getloadavg()[0]:.2f}, {others()} other processes running"
    )


def others() -> int:
    """How many other processes are running or want to at this moment."""
    running = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, IndexError):
            running += stat.read_text().rsplit(")", 1)[1].split()[0] in ("R", "D") and int(stat.parent.name) != os.getpid()
    return running
