"""What `photodiary completion` prints works in the real shells."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from photodiary import cli
from photodiary.run.completing import script
from photodiary.run.helping import every

ROOT = Path(__file__).parents[2]
PHOTOS = {"list", "why", "exclude", "restore", "redate", "pick", "turn", "mirror", "forget"}


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment in which photodiary is a program, with two diaries and a folder to complete."""
    (tmp_path / "config.toml").write_text('[diary.me]\ninbox = "a"\narchive = "b"\n[diary.anna]\ninbox = "c"\narchive = "d"\n', encoding="utf-8")
    (tmp_path / "backups").mkdir()
    program = tmp_path / "bin/photodiary"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m photodiary "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PHOTODIARY_", "LC_", "LANG"))}
    return kept | {"PATH": f"{program.parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT / "service"), "HOME": str(tmp_path), "LC_ALL": "C"}


def asked(shell: list[str], text: str, home: dict[str, str]) -> str:
    done = subprocess.run([*shell, "-c", text], cwd=home["HOME"], env=home, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


BASH = """
source ./script
complete -p photodiary > /dev/null || exit 1
try() { COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 )); COMPREPLY=(); _shtab_photodiary; echo "${COMPREPLY[*]}"; }
try photodiary ph
try photodiary photos ""
try photodiary photos why --
try photodiary backup ba
try photodiary status --diary ""
try photodiary --config config.toml stat
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_bash_completes(home: dict[str, str]) -> None:
    """Sourced in bash: verbs, verbs of verbs, options, folders, the names of diaries, and a verb after an option."""
    Path(home["HOME"], "script").write_text(script(cli.parser(), "bash"), encoding="utf-8")
    verb, verbs, options, folder, diaries, after = asked(["bash", "--norc"], BASH, home).splitlines()
    assert verb == "photos" and set(verbs.split()) >= PHOTOS and after == "status"
    assert set(options.split()) >= {"--help", "--config", "--diary"}
    assert folder == "backups" and diaries == "anna me"


@pytest.mark.skipif(shutil.which("fish") is None, reason="no fish here")
def test_fish_completes(home: dict[str, str]) -> None:
    """Sourced in fish: verbs of a verb with a line each, and the names of diaries."""
    Path(home["HOME"], "script").write_text(script(cli.parser(), "fish"), encoding="utf-8")
    told = asked(["fish", "--no-config"], "source ./script; complete -C 'photodiary photos '; complete -C 'photodiary status --diary '", home)
    offered = dict(line.partition("\t")[::2] for line in told.splitlines())
    assert set(offered) >= PHOTOS | {"me", "anna"} and offered["list"] == "one photo a line, in the film's order"


@pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh here")
def test_zsh_reads_it(home: dict[str, str]) -> None:
    """zsh finds nothing wrong with it."""
    Path(home["HOME"], "script").write_text(script(cli.parser(), "zsh"), encoding="utf-8")
    assert asked(["zsh", "-f"], "zsh -f -n ./script", home) == ""


def test_a_shell_asks_for_diaries_when_a_name_is_wanted_only() -> None:
    """zsh computes all options of all verbs at once, so that the question stands in a function there, which is called where a name is completed."""
    text = script(cli.parser(), "zsh")
    assert text.count("photodiary completion diaries") == 1 and text.count(":NAME:_photodiary_diaries") >= len(list(every(cli.parser()))) - 1


def test_names_of_diaries_are_all_that_is_said(home: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """`completion diaries` prints the names, and nothing where there is no configuration or a broken one."""
    config = Path(home["HOME"], "config.toml")
    assert cli.main(["completion", "diaries", "--config", str(config)]) == 0
    assert capsys.readouterr() == ("anna\nme\n", "")
    for broken in ("[diary", "diary = 3"):
        config.write_text(broken, encoding="utf-8")
        assert cli.main(["completion", "diaries", "--config", str(config)]) == 0
        assert capsys.readouterr().err == ""
    assert cli.main(["completion", "diaries", "--config", str(config.with_name("none.toml"))]) == 0
