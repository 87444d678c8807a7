"""systemd understands the units as we mean them, and says how much each of them leaves open."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.support.daemon import ROOT

from photodiary import cli
from photodiary.run.pulse import USUAL_S
from photodiary.run.supervisor import INTERVALS

UNITS = ROOT / "systemd"
NAMES = {"photodiary.service", "photodiary-review.service", "photodiary-notify.service", "photodiary-retrain.service", "photodiary-retrain.timer"}
MAY_BE = {"photodiary.service": 1.0, "photodiary-retrain.service": 1.0, "photodiary-review.service": 1.5, "photodiary-notify.service": 1.5}
PROGRAMS = {"system": "/opt/photodiary/bin/photodiary", "user": "%h/.local/share/photodiary/venv/bin/photodiary"}
CONFIGURATIONS = {"system": "/etc/photodiary/config.toml", "user": "%h/.config/photodiary/config.toml"}
SERVICES = sorted(UNITS.glob("*/photodiary*.service"))


@pytest.fixture(scope="module")
def analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("there is no systemd-analyze here (Debian: apt-get install systemd)")
    version = re.search(r"systemd (\d+)", subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout)
    if version is None or int(version[1]) < 250:
        pytest.skip("systemd-analyze judges units that are not installed since version 250")
    return found


def read(unit: Path) -> dict[str, dict[str, list[str]]]:
    """Sections, keys and their values in order."""
    found: dict[str, dict[str, list[str]]] = {}
    section = ""
    for line in unit.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(section, {}).setdefault(key, []).append(value)
    return found


def ident(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def test_all_units_are_there_for_the_machine_and_for_one_user() -> None:
    """The same five, and nothing that looks like one and is none."""
    for place in ("system", "user"):
        assert {path.name for path in (UNITS / place).iterdir()} >= NAMES
    assert not [path for path in UNITS.rglob("*") if path.is_file() and path.suffix not in (".service", ".timer", ".socket")]


@pytest.mark.parametrize("place", ["system", "user"])
def test_systemd_has_nothing_to_say_about_them(place: str, analyze: str, tmp_path: Path) -> None:
    """`systemd-analyze verify` is silent about every unit, also about the programs that they start, which lie where install.sh puts them."""
    root = tmp_path / "root"
    home, runtime = tmp_path / "home", tmp_path / "run"
    program = root / PROGRAMS["system"][1:] if place == "system" else home / PROGRAMS["user"].removeprefix("%h/")
    for folder in (program.parent, home, runtime):
        folder.mkdir(parents=True, exist_ok=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    names = [path.name for path in sorted((UNITS / place).iterdir())]
    environment = {**os.environ, "HOME": str(home), "XDG_RUNTIME_DIR": str(runtime), "SYSTEMD_LOG_LEVEL": "notice"}
    if place == "system":
        shutil.copytree("/lib/systemd/system", root / "lib/systemd/system", symlinks=True)
        (root / "bin").mkdir()
        (root / "bin/kill").write_text("#!/bin/sh\n")
        (root / "bin/kill").chmod(0o755)
        shutil.copytree(UNITS / place, root / "etc/systemd/system")
        command = [analyze, "verify", "--man=no", f"--root={root}", *names]
    else:
        command = [analyze, "verify", "--man=no", "--user", *(str(UNITS / place / name) for name in names)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "photodiary" in line]
    assert (done.returncode, ours) == (0, []), done.stderr


@pytest.mark.parametrize("name", sorted(MAY_BE))
def test_how_much_a_unit_leaves_open(name: str, analyze: str) -> None:
    """At most 1.0 of 10 where nothing needs a network, somewhat more where it does: nothing that could be closed by a line was left open."""
    done = subprocess.run(
        [analyze, "security", "--offline=true", "--json=short", "--no-pager", str(UNITS / "system" / name)], capture_output=True, text=True, check=False
    )
    table = json.loads(done.stdout)
    words = subprocess.run([analyze, "security", "--offline=true", "--no-pager", str(UNITS / "system" / name)], capture_output=True, text=True, check=False)
    told = re.search(r"exposure level for \S+: ([\d.]+)", words.stdout)
    assert told is not None, words.stderr
    open_still = [(row["name"], row["exposure"]) for row in table if row["set"] is not True and float(row["exposure"] or 0) > 0]
    assert float(told[1]) <= MAY_BE[name], open_still


@pytest.mark.parametrize("path", SERVICES, ids=ident)
def test_a_unit_starts_a_verb_that_is_there(path: Path) -> None:
    """Program and configuration are where install.sh puts them, and the command line is one that the program understands."""
    (line,) = read(path)["Service"]["ExecStart"]
    program, *arguments = line.split()
    place = path.parent.name
    assert program == PROGRAMS[place] and arguments[-2:] == ["--config", CONFIGURATIONS[place]]
    options = cli.parser().parse_args(arguments)
    assert arguments[0] == {"photodiary": "run"}.get(path.stem, path.stem.removeprefix("photodiary-")) and options.config == CONFIGURATIONS[place]


@pytest.mark.parametrize("path", SERVICES, ids=ident)
def test_what_holds_for_every_unit(path: Path) -> None:
    """Files for their user only, no rights to be gained, no memory dump with photos in it, one reader of photos that eats all memory ends alone; and what
    only a person can mend is not tried again."""
    unit = read(path)
    service = unit["Service"]
    assert (service["UMask"], service["NoNewPrivileges"], service["LimitCORE"], service["OOMPolicy"]) == (["0077"], ["yes"], ["0"], ["continue"])
    assert not service.keys() & {"MemoryMax", "MemoryHigh", "DynamicUser", "RemoveIPC"}, "RemoveIPC would remove what else the inbox's owner has"
    if service["Type"] != ["oneshot"]:
        assert (service["Restart"], service["RestartPreventExitStatus"]) == (["on-failure"], ["64 78"])
        assert unit["Unit"]["StartLimitIntervalSec"] == ["0"], "a disk that comes back after days finds it trying"
        assert unit["Install"]["WantedBy"] == ["multi-user.target" if path.parent.name == "system" else "default.target"]
    if path.parent.name == "system":
        assert (service["User"], service["Group"], service["StateDirectory"]) == (["photodiary"], ["photodiary"], ["photodiary"])
        assert (service["ProtectSystem"], service["ProtectHome"]) == (["strict"], ["tmpfs"])


@pytest.mark.parametrize("place", ["system", "user"])
def test_the_daemon_is_supervised(place: str) -> None:
    """It says itself when it is ready, alone; feeds a watchdog whose interval means the ten minutes that a thread may be late; and has no network."""
    service = read(UNITS / place / "photodiary.service")["Service"]
    assert (service["Type"], service["NotifyAccess"]) == (["notify"], ["main"])
    minutes = float(service["WatchdogSec"][0].removesuffix("min"))
    assert INTERVALS * 60 * minutes == USUAL_S
    assert service["RestrictAddressFamilies"] == ["AF_UNIX"]
    assert "PYTHONFAULTHANDLER=1" in service["Environment"][0], "whoever is ended by the watchdog says where it was"
    assert service["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    if place == "system":
        assert service["PrivateNetwork"] == ["yes"] and service["CapabilityBoundingSet"] == [""]
        devices = " ".join(service["DeviceAllow"])
        assert all(word in devices for word in ("char-nvidia-frontend", "char-nvidia ", "nvidiactl", "char-nvidia-uvm", "char-nvidia-caps"))
        assert not service.keys() & {"PrivateDevices", "MemoryDenyWriteExecute"}, "they break CUDA"
        assert "@resources" not in " ".join(service["SystemCallFilter"]).replace("@system-service", ""), "workers and films step back"


@pytest.mark.parametrize("place", ["system", "user"])
def test_learning_waits_for_everybody_else(place: str) -> None:
    """At idle priority for the processor and the disk, and made up for after a night on which the machine was off."""
    service, timer = read(UNITS / place / "photodiary-retrain.service")["Service"], read(UNITS / place / "photodiary-retrain.timer")["Timer"]
    assert (service["Nice"], service["CPUSchedulingPolicy"], service["IOSchedulingClass"]) == (["19"], ["idle"], ["idle"])
    assert (timer["Persistent"], service["TimeoutStartSec"]) == (["true"], ["infinity"]) and "RandomizedDelaySec" in timer
