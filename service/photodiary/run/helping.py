"""How the command line speaks: verbs in groups, examples, and what was perhaps meant by a word that it does not know."""

from __future__ import annotations

import argparse
import copy
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any

from photodiary.run.examples import EXAMPLES, GROUPS

WIDEST = 100  # columns: longer lines are hard to read
FOR_NAMES = 20  # columns that verbs and options may take before their words
TOP = "verb"  # where the program keeps which verb was called


class Formatter(argparse.HelpFormatter):
    """Fits the terminal, but is never wider than WIDEST.  Texts are wrapped, except for lines that are indented; verbs of the program stand in groups."""

    def __init__(self, prog: str, **keywords: Any) -> None:
        keywords.setdefault("width", min(shutil.get_terminal_size().columns, WIDEST) - 2)
        keywords.setdefault("max_help_position", FOR_NAMES)
        super().__init__(prog, **keywords)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(line if line.startswith(" ") else super(Formatter, self)._fill_text(line, width, indent) for line in text.split("\n"))

    def _format_action(self, action: argparse.Action) -> str:
        if not isinstance(action, argparse._SubParsersAction):
            return super()._format_action(action)
        if action.dest != TOP:
            return "".join(self._format_action(choice) for choice in action._choices_actions)
        told = {choice.dest: choice for choice in action._choices_actions}
        parts = []
        for title, verbs in groups({name: choice.help or "" for name, choice in told.items()}).items():
            parts.append(f"{'':{self._current_indent}}{title}\n")
            self._indent()
            for name, words in verbs.items():
                short = copy.copy(told[name])
                short.help = words
                parts.append(self._format_action(short))
            self._dedent()
        return "".join(parts)


def groups(verbs: dict[str, str]) -> dict[str, dict[str, str]]:
    """The verbs that there are, with a line each, as a person looks for them; what no group names comes last, with its own words."""
    grouped = {title: {name: words for name, words in named.items() if name in verbs} for title, named in GROUPS.items()}
    named = {name for group in grouped.values() for name in group}
    grouped["more"] = {name: words for name, words in verbs.items() if name not in named}
    return {title: group for title, group in grouped.items() if group}


class Parser(argparse.ArgumentParser):
    """A parser that exits with 64 where it is called wrongly, and says what was perhaps meant."""

    def error(self, message: str) -> Any:
        self.print_usage(sys.stderr)
        if message.endswith(": VERB"):
            message = f"say what to do; `{self.prog} --help` lists the verbs"
        self.exit(os.EX_USAGE, f"{self.prog}: {message}\n")

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:  # what was too much is told by the verb that was asked, not by the program
        options, rest = self.parse_known_args(args, namespace)
        if rest:
            asked = _asked(self, options)
            asked.error(f"{rest[0]} is not known here{_meant(rest[0], [o for action in asked._actions for o in action.option_strings], asked.prog)}")
        return options

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if not isinstance(action, argparse._SubParsersAction) or value in action.choices:
            super()._check_value(action, value)
            return
        further = [" ".join((self.prog, *path)) for path, _ in every(self) if len(path) > 1 and path[-1] == value]
        if further:  # a verb of a verb was called as if it stood alone
            raise argparse.ArgumentError(None, f"there is no verb {value}; did you mean `{'` or `'.join(further)}`?")
        raise argparse.ArgumentError(None, f"there is no verb {value}{_meant(value, list(action.choices), self.prog)}")


def _meant(word: str, known: Sequence[str], prog: str) -> str:
    near = get_close_matches(word.partition("=")[0], known, 1)
    return f"; did you mean {near[0]}?" if near else f"; see `{prog} --help`"


def _verbs(parser: argparse.ArgumentParser) -> argparse._SubParsersAction[Any] | None:
    return next((action for action in parser._actions if isinstance(action, argparse._SubParsersAction)), None)


def _asked(parser: argparse.ArgumentParser, options: argparse.Namespace) -> argparse.ArgumentParser:
    """The parser of the verb that was called."""
    verbs = _verbs(parser)
    return parser if verbs is None else _asked(verbs.choices[getattr(options, verbs.dest)], options)


def every(parser: argparse.ArgumentParser, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], argparse.ArgumentParser]]:
    """All verbs with their words, the program itself first, with none."""
    yield path, parser
    verbs = _verbs(parser)
    for name, further in {} if verbs is None else verbs.choices.items():
        yield from every(further, (*path, name))


def furnish(top: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Have every verb speak in this way and show its examples.  Returns the same parser."""
    for path, parser in every(top):
        parser.formatter_class = Formatter
        parser._positionals.title = "arguments" if _verbs(parser) is None else "verbs"
        if said := parser.description:
            parser.description = said[:1].upper() + said[1:] + ("" if said.endswith(".") else ".")
        shown = EXAMPLES.get(" ".join(path), ())
        if shown:
            lines = "\n".join(f"  {command}\n      {meaning}" for command, meaning in shown)
            parser.epilog = f"examples:\n{lines}" + (f"\n\n{parser.epilog}" if parser.epilog else "")
    return top


def help_(options: argparse.Namespace) -> int:
    """`photodiary help VERB…` is `photodiary VERB… --help`."""
    options.parser.parse_args([*options.words, "--help"])
    return 0
