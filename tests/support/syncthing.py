"""A real pair of Syncthing instances (Debian's package) in a network of their own that has nothing but loopback.

Nothing is looked up, announced or relayed, and nothing could be: their network has no way out.  They are asked and told at their REST API, through Unix
sockets; what they did is waited for in their event stream, never by guessing times.
"""

from __future__ import annotations

import copy
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any
from xml.etree import ElementTree

FOLDER, KEY = "selfies", "key-of-the-tests"
SEEN = "ItemStarted,ItemFinished"
PORTS = {"phone": 22001, "server": 22002}

LOOPBACK = """
import fcntl, socket, struct, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    fcntl.ioctl(s, 0x8914, struct.pack("16sh", b"lo", 0x41))  # SIOCSIFFLAGS: up, running
print("up", flush=True)
sys.stdin.read()
"""

OPTIONS = {
    "globalAnnounceEnabled": False, "localAnnounceEnabled": False, "relaysEnabled": False, "natEnabled": False, "urAccepted": -1, "autoUpgradeIntervalH": 0,
    "crashReportingEnabled": False, "stunKeepaliveStartS": 0, "startBrowser": False, "announceLANAddresses": False, "limitBandwidthInLan": True,
    "reconnectionIntervalS": 5,
}  # fmt: skip


def _part(element: ElementTree.Element, path: str) -> ElementTree.Element:
    found = element.find(path)
    assert found is not None, f"Syncthing's own configuration has no {path}"
    return found


class Network:
    """A network namespace with a loopback that is up, for as long as this object lives."""

    def __init__(self) -> None:
        self._keeper = subprocess.Popen(["unshare", "-rn", sys.executable, "-c", LOOPBACK], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._keeper.stdout is not None
        assert self._keeper.stdout.readline() == b"up\n", "no network of its own can be made here"

    @property
    def enter(self) -> list[str]:
        """What a command begins with to be run there."""
        return ["nsenter", "-t", str(self._keeper.pid), "-U", "-n", "--preserve-credentials"]

    def interfaces(self) -> set[str]:
        return {line.split(":")[0].strip() for line in Path(f"/proc/{self._keeper.pid}/net/dev").read_text().splitlines()[2:]}

    def close(self) -> None:
        self._keeper.communicate()


class _Local(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Syncthing:
    """One instance with one folder.  mode: "sendonly", "receiveonly" or "sendreceive"."""

    def __init__(self, name: str, mode: str, folder: Path, home: Path, network: Network) -> None:
        self.name, self.mode, self.folder, self.home = name, mode, folder, home
        self._network, self._seen = network, 0
        self._process: subprocess.Popen[bytes] | None = None
        self.events: list[dict[str, Any]] = []
        self._program = shutil.which("syncthing")
        assert self._program is not None, "Syncthing is missing: sudo sh deploy/system-packages.sh syncthing"
        self._environment = {"PATH": os.environ["PATH"], "HOME": str(home), "STNOUPGRADE": "1", "STHASHING": "standard", "STMONITORED": "1"}
        self._called("generate", "--no-default-folder", f"--home={home}")
        self.id = self._called("--device-id", f"--home={home}").strip()

    def _called(self, *arguments: str) -> str:
        assert self._program is not None
        return subprocess.run([self._program, *arguments], env=self._environment, capture_output=True, text=True, check=True, timeout=60).stdout

    def configure(self, other: Syncthing) -> None:
        """This folder, shared with the other instance, as Syncthing would make it by itself; everything off that talks to anybody else."""
        written = ElementTree.parse(self.home / "config.xml")
        root, options, gui = written.getroot(), _part(written.getroot(), "options"), _part(written.getroot(), "gui")
        for device in root.findall("device"):
            root.remove(device)
        for one in (self, other):
            device = ElementTree.SubElement(root, "device", id=one.id, name=one.name)
            ElementTree.SubElement(device, "address").text = f"tcp://127.0.0.1:{PORTS[one.name]}"
        folder = copy.deepcopy(_part(root, "defaults/folder"))
        folder.attrib |= {"id": FOLDER, "path": str(self.folder), "type": self.mode, "fsWatcherDelayS": "1"}
        ElementTree.SubElement(folder, "device", id=other.id)
        if self.mode == "receiveonly":
            versioning = _part(folder, "versioning")
            versioning.set("type", "simple")
            ElementTree.SubElement(versioning, "param", key="keep", val="5")
        root.append(folder)
        for key, value in {**OPTIONS, "listenAddress": f"tcp://127.0.0.1:{PORTS[self.name]}"}.items():
            _part(options, key).text = str(value).lower()
        _part(gui, "address").text, _part(gui, "apikey").text = self._socket, KEY
        written.write(self.home / "config.xml")

    @property
    def _socket(self) -> str:
        return str(self.home / "gui")

    def start(self) -> None:
        """Start, and wait until it answers."""
        assert self._program is not None
        with (self.home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._network.enter, self._program, "serve", f"--home={self.home}", "--no-browser", "--no-restart", "--no-upgrade", "--skip-port-probing"],
                env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        self._seen, self.events = 0, []
        end = time.monotonic() + 60
        while True:
            try:
                self.ask("GET", "system/ping")
                self._look(0)  # events are kept from the first time on that somebody asks for them
                return
            except (OSError, http.client.HTTPException):
                assert self._process.poll() is None and time.monotonic() < end, self.told()
                time.sleep(0.05)

    def told(self) -> str:
        return (self.home / "log").read_text()[-4000:]

    def stop(self, number: int = signal.SIGTERM) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(60)
        Path(self._socket).unlink(missing_ok=True)

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.stop(signal.SIGKILL)

    def ask(self, method: str, path: str, body: object = None, timeout: float = 30) -> Any:
        """The REST API's answer.  Raises OSError or http.client.HTTPException where none comes, AssertionError for a refusal."""
        line = _Local(self._socket, timeout)
        try:
            line.request(method, f"/rest/{path}", None if body is None else json.dumps(body), {"X-API-Key": KEY, "Content-Type": "application/json"})
            answer = line.getresponse()
            data = answer.read()
            assert answer.status == 200, f"{self.name}: {method} {path}: {answer.status} {data.decode()}"
            return json.loads(data) if data.strip() else None
        finally:
            line.close()

    def scan(self) -> None:
        """What its own watcher would see a second later."""
        self.ask("POST", f"db/scan?folder={FOLDER}", timeout=60)

    def limit(self, kib_a_second: int) -> None:
        """How fast it receives; 0: as fast as it can."""
        self.ask("PATCH", "config/options", {"maxRecvKbps": kib_a_second})

    def _look(self, timeout: int) -> None:
        for event in self.ask("GET", f"events?events={SEEN}&since={self._seen}&timeout={timeout}", timeout=timeout + 30) or ():
            self._seen = event["id"]
            self.events.append(event)

    def look_away(self) -> None:
        """Forget what has happened until now."""
        self._look(0)
        self.events.clear()

    def happened(self, kind: str, **data: object) -> list[dict[str, Any]]:
        """What has happened that was not forgotten: the events of a kind with these words in their data."""
        return [event for event in self.events if event["type"] == kind and data.items() <= event["data"].items()]

    def connected(self) -> bool:
        """Whether it is connected with the other one."""
        return any(one["connected"] for one in self.ask("GET", "system/connections")["connections"].values())

    def at_work(self) -> bool:
        """Whether it is looking at its folder or bringing something into it."""
        state: str = self.ask("GET", f"db/status?folder={FOLDER}")["state"]
        return state not in ("idle", "error")

    def finished(self, item: str, action: str = "update") -> float | None:
        """When it had finished with a file, in seconds of the clock; None: it has not yet.  Waits a moment for it."""
        if not (found := self.happened("ItemFinished", item=item, action=action, error=None)):
            self._look(1)
            found = self.happened("ItemFinished", item=item, action=action, error=None)
        return datetime.fromisoformat(_to_microseconds(found[0]["time"])).timestamp() if found else None


def _to_microseconds(time_: str) -> str:
    """RFC 3339 with nanoseconds, as Go writes it, in the digits that Python 3.11 reads."""
    head, _, tail = time_.partition(".")
    digits = tail[: len(tail) - len(tail.lstrip("0123456789"))]
    return f"{head}.{digits[:6]:0<6}{tail[len(digits) :]}"


class Pair:
    """A context manager: a phone that sends and a server that receives into the inbox, running and connected."""

    def __init__(self, phone: Path, inbox: Path) -> None:
        self._room = Path(tempfile.mkdtemp(prefix="syncthing-"))  # short: a socket's path has 107 letters at most
        self.network = Network()
        phone.mkdir(exist_ok=True)
        self.phone = self._made("phone", "sendonly", phone)
        self.server = self._made("server", "receiveonly", inbox)
        self.phone.configure(self.server)
        self.server.configure(self.phone)

    def _made(self, name: str, mode: str, folder: Path) -> Syncthing:
        (self._room / name).mkdir()
        return Syncthing(name, mode, folder, self._room / name, self.network)

    def __enter__(self) -> Pair:
        for one in (self.phone, self.server):
            one.start()
        return self

    def part(self) -> None:
        """As on the way: the phone's Syncthing runs no more, and the server's knows that it is alone."""
        self.phone.stop()
        end = time.monotonic() + 60
        while self.server.connected():
            assert time.monotonic() < end, self.server.told()
            time.sleep(0.02)

    def meet(self) -> None:
        """Back at home: it runs again, looks at its folder and calls the server."""
        self.phone.start()

    def until_finished(self, item: str, action: str = "update", seconds: float = 120) -> float:
        """Wait until the server has finished with a file, and when that was, in seconds of the clock.

        After trouble Syncthing waits for up to five minutes before it calls or tries again; a person would open it anew on the phone, and so is done here.
        """
        end, patience = time.monotonic() + seconds, 4
        while (at := self.server.finished(item, action)) is None:
            told = "".join(f"\n{one.name}: {one.told()}" for one in (self.phone, self.server))
            assert time.monotonic() < end, f"not within {seconds:g} s: {action} of {item}\n{self.server.events[-5:]}{told}"
            patience = 4 if self.server.connected() and self.server.at_work() else patience - 1
            if patience < 0:
                self.part()
                self.meet()
                patience = 4
        return at

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for one in (self.phone, self.server):
            one.close()
        self.network.close()
        shutil.rmtree(self._room, ignore_errors=True)
