"""What tests start without loading it anew behaves as the program does when it is started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.daemon import PROGRAM, Diary
from tests.support.hatchery import ours

ODD = """
import os, sys, time
from photodiary import cli
print(cli.__dict__.get("odd"), os.environ["TZ"], time.timezone, sys.argv[1:])
cli.odd = 1
sys.exit(7)
"""


@pytest.mark.parametrize("arguments", [["check-config"], ["photos", "list"], ["nonsense"], ["scan", "--once", "--diary", "nobody"]])
def test_a_verb_says_and_ends_as_the_program_does(tmp_path: Path, arguments: list[str]) -> None:
    """Its output, its complaints and its exit status are those of a process that loads everything."""
    diary = Diary(tmp_path / "me", real_model=True)
    hatched = diary.ask(*arguments)
    started = subprocess.run([*PROGRAM, *arguments, "--config", str(diary.config)], env=diary.environment, capture_output=True, text=True, check=False)
    assert (hatched.returncode, hatched.stdout, hatched.stderr) == (started.returncode, started.stdout, started.stderr)


def test_a_process_has_an_environment_and_an_end_of_its_own(tmp_path: Path) -> None:
    """Environment, time zone and what a program puts into what is loaded are its alone; status, signals and time limits are told as by subprocess."""
    program, environment = tmp_path / "program.py", Diary(tmp_path / "me").environment
    hatchery = ours(environment)
    program.write_text(ODD)
    for zone, seconds in (("UTC", 0), ("Europe/Berlin", -3600)):
        done = hatchery.run(str(program), ["a b", "c"], {**environment, "TZ": zone}, 20)
        assert (done.returncode, done.stdout) == (7, f"None {zone} {seconds} ['a b', 'c']\n"), done.stderr
    program.write_text("import sys, time\nprint('here', flush=True)\ntime.sleep(60)\n")
    with (tmp_path / "log").open("wb") as log:
        process = hatchery.start(str(program), [], environment, (log.fileno(), log.fileno()))
    while not (tmp_path / "log").read_bytes():
        time.sleep(0.01)
    assert process.poll() is None and Path(f"/proc/{process.pid}").exists() and process.pid != os.getpid()
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == -signal.SIGTERM == process.poll()
    with pytest.raises(subprocess.TimeoutExpired) as late:
        hatchery.run(str(program), [], environment, 0.5)
    assert late.value.output == "here\n"


def test_what_must_be_loaded_anew_is(tmp_path: Path) -> None:
    """Where the environment says what Python loads, a verb is a program that is started."""
    diary = Diary(tmp_path / "me")
    assert ours(diary.environment).suits(diary.environment) and ours(diary.environment).suits({**diary.environment, "LANG": "C"})
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.stderr.write('loaded anew\\n')\n")
    diary.environment["PYTHONPATH"] = f"{tmp_path}{os.pathsep}{diary.environment['PYTHONPATH']}"
    assert not ours(diary.environment).suits(diary.environment)
    assert diary.call("check-config").stderr.startswith("loaded anew\n")
    assert sys.executable in diary.command
