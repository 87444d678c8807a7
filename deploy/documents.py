"""Writes what documents can have from the program and from each other: the man page, and the table of all sentences in the guide's pages about trouble.

    .venv/bin/python deploy/documents.py

A test says when that is to be called.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from photodiary import __version__, cli
from photodiary.run.examples import EXAMPLES
from photodiary.run.helping import every, groups

HERE = Path(__file__).parent
MAN = HERE / "man/photodiary.1"
TROUBLE = HERE / "guide/trouble"
INDEX = TROUBLE / "README.md"
MARK = "<!-- written by deploy/documents.py from the pages -->\n"
BLOCK = re.compile(r"^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)


# -- the table of sentences --------------------------------------------------------------------------------------------------------


def index(text: str, pages: list[Path]) -> str:
    """The index `text` with its table made anew."""
    rows = set()
    for page in pages:
        content = page.read_text(encoding="utf-8")
        title = content.partition("\n")[0].removeprefix("# ")
        for sentence in {line for block in BLOCK.findall(content) for line in block.splitlines()}:
            quoted = f"`` {sentence} ``" if "`" in sentence else f"`{sentence}`"
            rows.add((re.sub(r"^\W+", "", sentence).lower(), f"| {quoted.replace('|', chr(92) + '|')} | [{title}]({page.name}) |"))
    return "\n".join([text.partition(MARK)[0] + MARK, "| what you read | page |", "|---|---|", *(row for _, row in sorted(rows)), ""])


# -- the man page ------------------------------------------------------------------------------------------------------------------


def escaped(text: str) -> str:
    """For roff: no line begins with a dot, no backslash or hyphen means anything."""
    text = re.sub(r"\s+", " ", text).strip().replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text[:1] in (".", "'") else text


def man(parser: argparse.ArgumentParser) -> str:
    """photodiary(1) in roff."""
    parsers = {" ".join(path): verb for path, verb in every(parser)}
    lines = [
        f'.TH PHOTODIARY 1 "" "photodiary {__version__}" "User Commands"',
        ".SH NAME", f"photodiary \\- {escaped(summary(parser))}",
        ".SH SYNOPSIS", ".B photodiary", "[\\fIOPTIONS\\fR] \\fIVERB\\fR [\\fIARGUMENTS\\fR]",
        ".SH DESCRIPTION", escaped(parser.description or ""), ".PP",
        "Photos that arrive in a folder become aligned frames and a film. Each verb says more with", ".B \\-\\-help .",
        *_options(parser),
    ]  # fmt: skip
    (verbs,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    for title, named in groups({choice.dest: choice.help or "" for choice in verbs._choices_actions}).items():
        lines += [f".SH {title.upper()}"]
        for name in named:
            for path in (path for path in parsers if path == name or path.startswith(f"{name} ")):
                lines += _verb(path, parsers[path])
    lines += [
        ".SH FILES", ".TP", "\\fI./config.toml\\fR, \\fI~/.config/photodiary/config.toml\\fR, \\fI/etc/photodiary/config.toml\\fR",
        "the configuration: the first of these that is there, unless \\fB\\-\\-config\\fR or \\fB$PHOTODIARY_CONFIG\\fR names one",
        ".SH EXIT STATUS",
    ]  # fmt: skip
    for status, words in (
        ("0", "fine"), ("1", "not everything is well, or something broke"), ("64", "called wrongly"), ("75", "try again"),
        ("78", "the configuration or the model is wrong"),
    ):  # fmt: skip
        lines += [".TP", f".B {status}", words]
    return "\n".join([*lines, ""])


def summary(parser: argparse.ArgumentParser) -> str:
    """What stands behind the name: no full stop, small letters."""
    said = (parser.description or "").rstrip(".")
    return said[:1].lower() + said[1:]


def _verb(path: str, verb: argparse.ArgumentParser) -> list[str]:
    usage = re.sub(r"\s+", " ", verb.format_usage()).removeprefix("usage: ").replace("[-h] [--config FILE] [--diary NAME] ", "")
    lines = [f".SS {escaped(path)}", f".B {escaped(usage)}", ".PP", escaped(verb.description or ""), *_options(verb, heading=False)]
    for command, meaning in EXAMPLES.get(path, ()):
        lines += [".PP", ".RS 4", f"\\fB{escaped(command)}\\fR", ".br", escaped(meaning), ".RE"]
    return lines


def _options(verb: argparse.ArgumentParser, *, heading: bool = True) -> list[str]:
    """All of the program's; of a verb those that are its own."""
    lines = [".SH OPTIONS"] if heading else []
    for action in verb._actions:
        common = not heading and action.option_strings and action.option_strings[-1] in ("--help", "--config", "--diary")
        if isinstance(action, argparse._SubParsersAction) or common or not action.help:
            continue
        words = verb._get_formatter()._expand_help(action)
        value = "" if action.nargs == 0 else f" \\fI{escaped(str(action.metavar or '|'.join(map(str, action.choices or [action.dest]))))}\\fR"
        name = ", ".join(f"\\fB{escaped(option)}\\fR" for option in action.option_strings)
        lines += [".TP", f"{name}{value}".strip(), escaped(words)]
    return lines


def main() -> None:
    MAN.parent.mkdir(exist_ok=True)
    MAN.write_text(man(cli.parser()), encoding="utf-8")
    pages = [page for page in sorted(TROUBLE.glob("*.md")) if page != INDEX]
    INDEX.write_text(index(INDEX.read_text(encoding="utf-8"), pages), encoding="utf-8")


if __name__ == "__main__":
    main()
