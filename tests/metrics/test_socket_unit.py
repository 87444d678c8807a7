"""The socket that systemd opens for the metrics: for this machine alone, with the service and never without it."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from photodiary.metrics.config import MetricsConfig

SYSTEMD = Path(__file__).parents[2] / "systemd"
NAME = "photodiary-metrics.socket"


@pytest.mark.parametrize("kind", ["system", "user"])
def test_it_listens_on_this_machine_and_ends_with_the_service(kind: str) -> None:
    """It is a loopback address, belongs to the service, starts with it, and stops with it: no scrape starts what somebody has stopped."""
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string((SYSTEMD / kind / NAME).read_text(encoding="utf-8"))
    assert MetricsConfig(listen=unit["Socket"]["ListenStream"]).address == ("127.0.0.1", 9464)
    assert unit["Socket"]["Service"] == unit["Unit"]["PartOf"] == unit["Install"]["WantedBy"] == "photodiary.service"
    assert (unit["Socket"].get("IPAddressDeny"), unit["Socket"].get("IPAddressAllow")) == (("any", "localhost") if kind == "system" else (None, None))


@pytest.mark.parametrize("kind", ["system", "user"])
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_understands_it(kind: str, tmp_path: Path) -> None:
    """systemd-analyze verify has nothing to say about it, beside the service that it belongs to."""
    for unit in SYSTEMD.glob(f"{kind}/photodiary*"):
        (tmp_path / unit.name).write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text(encoding="utf-8"), flags=re.MULTILINE))
    command = ["systemd-analyze", "verify", *(["--user"] if kind == "user" else []), NAME]
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    assert f"{NAME}:" not in done.stderr
