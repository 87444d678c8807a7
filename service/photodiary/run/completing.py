"""Shell completion: what a shell sources to complete verbs, options, files and the names of diaries."""

from __future__ import annotations

import argparse
import tomllib
from contextlib import suppress
from typing import Any

from photodiary.errors import BadConfig
from photodiary.run.helping import every

FOLDERS = {"DIR"}  # what metavars stand for
FILES = {"FILE", "PATH", "LABELS", "FACES"}
DIARIES = "photodiary completion diaries 2>/dev/null"
IN_ZSH = '_photodiary_diaries() {\n  local -a names\n  names=(${(f)"$(' + DIARIES + ')"})\n  compadd -a names\n}'  # else each verb's options would ask at once


def completion(options: argparse.Namespace) -> int:
    """`photodiary completion SHELL`: prints the shell's script.  `diaries`: the names of the diaries that are configured, a line each, or nothing."""
    if options.shell == "diaries":
        said = "".join(f"{name}\n" for name in _diaries(getattr(options, "config", None)))
    else:
        said = f"{script(options.parser, options.shell)}\n"
    print(said, end="")
    return 0


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """For bash, zsh or fish."""
    import shtab

    asked: dict[str, Any] = dict(shtab.cmd(DIARIES))
    asked |= {"zsh": "_photodiary_diaries", "preamble": {**asked["preamble"], "zsh": IN_ZSH}}
    for _, verb in every(parser):
        for action in verb._actions:
            wanted: Any = action
            if isinstance(action, argparse._SubParsersAction):
                for choice in action._choices_actions:  # a menu shows a line for each
                    action.choices[choice.dest].description = choice.help
            if action.metavar in FOLDERS:
                wanted.complete = shtab.DIRECTORY
            elif action.metavar in FILES:
                wanted.complete = shtab.FILE
            elif action.option_strings == ["--diary"]:
                wanted.complete = asked
    written: str = shtab.complete(parser, shell=shell)
    return written


def _diaries(config: str | None) -> list[str]:
    """As the file says them; whoever presses a key does not want to hear what is wrong with it."""
    from photodiary.settings.loading import find_config

    with suppress(BadConfig, OSError, ValueError), find_config(config).open("rb") as handle:
        diaries = tomllib.load(handle).get("diary")
        return sorted(diaries) if isinstance(diaries, dict) else []
    return []
